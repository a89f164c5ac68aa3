import { describe, expect, it } from 'vitest';
import { compilePatterns } from '../scope/pattern.ts';
import { path } from '../testing/trees.ts';
import { type PathPolicy, type Policy, rulesAt } from './policy.ts';

const naming = { alpha: 'laptop', beta: 'balaur', date: '2026-11-21' };
const policyOf = (direction: Policy['direction'], paths: readonly (readonly [string, Omit<PathPolicy, 'match'>])[]): Policy => ({
  conflicts: 'newer',
  onTie: 'skip',
  direction,
  paths: paths.map(([pattern, rules]) => ({ match: compilePatterns([pattern]), ...rules })),
  naming,
});

describe('what holds at a path', () => {
  it.each([
    ['both', undefined],
    ['alpha-to-beta', 'alpha'],
    ['beta-to-alpha', 'beta'],
  ] as const)('is the policy of the pair, without exceptions: %s', (direction, fixed) => {
    expect(rulesAt(policyOf(direction, []), path('a'), 'other')).toEqual({ conflicts: 'newer', fixed });
  });

  it('is what an exception says, field by field; the rest is the pair’s', () => {
    const policy = policyOf('alpha-to-beta', [
      ['a', { conflicts: 'skip' }],
      ['b', { direction: 'beta-to-alpha' }],
    ]);
    expect(rulesAt(policy, path('a'), 'other')).toEqual({ conflicts: 'skip', fixed: 'alpha' });
    expect(rulesAt(policy, path('b'), 'other')).toEqual({ conflicts: 'newer', fixed: 'beta' });
    expect(rulesAt(policy, path('c'), 'other')).toEqual({ conflicts: 'newer', fixed: 'alpha' });
  });

  it('is what the last one says of each field', () => {
    const policy = policyOf('both', [
      ['a', { conflicts: 'alpha', direction: 'alpha-to-beta' }],
      ['*', { conflicts: 'skip' }],
      ['a', { direction: 'beta-to-alpha' }],
      ['a', {}],
      ['b', { conflicts: 'beta', direction: 'both' }],
      ['d', { direction: 'alpha-to-beta' }],
      ['d', { conflicts: 'keep-both' }],
    ]);
    expect(rulesAt(policy, path('a'), 'other')).toEqual({ conflicts: 'skip', fixed: 'beta' });
    expect(rulesAt(policy, path('b'), 'other')).toEqual({ conflicts: 'beta', fixed: undefined });
    expect(rulesAt(policy, path('c'), 'other')).toEqual({ conflicts: 'skip', fixed: undefined });
    expect(rulesAt(policy, path('d'), 'other')).toEqual({ conflicts: 'keep-both', fixed: 'alpha' });
  });

  it('may be of folders only', () => {
    const policy = policyOf('both', [['a/', { conflicts: 'skip' }]]);
    expect(rulesAt(policy, path('a'), 'directory').conflicts).toBe('skip');
    expect(rulesAt(policy, path('a'), 'other').conflicts).toBe('newer');
  });
});
