import { describe, expect, it } from 'vitest';
import { file } from '../testing/trees.ts';
import type { ClockRelation, Policy } from './policy.ts';
import { settleContent } from './settle.ts';

const second = 1_000;
const policy: Policy = {
  conflicts: 'newer',
  onTie: 'skip',
  direction: 'both',
  paths: [],
  naming: { alpha: 'laptop', beta: 'balaur', date: '2026-11-21' },
};

/** Alpha's file is of second 100 by its own clock, beta's of `betaMs` by its. */
function settled(betaMs: number, clock: ClockRelation | undefined, rules: Partial<Policy> = {}): string {
  const contents = { alpha: file('one', { mtimeMs: 100 * second }), beta: file('two', { mtimeMs: betaMs }) };
  const { reason, resolution } = settleContent(
    contents,
    { conflicts: 'newer', fixed: undefined },
    { policy: { ...policy, ...rules }, clock, first: false },
  );
  return `${reason}: ${resolution}`;
}

describe('newer', () => {
  it.each([
    // beta's time, beta's clock ahead by, uncertain by
    [100 * second, 0, 0, 'tie: skipped'],
    [101 * second, 0, 0, 'tie: skipped'],
    [101 * second + 1, 0, 0, 'content: beta'],
    [99 * second, 0, 0, 'tie: skipped'],
    [99 * second - 1, 0, 0, 'content: alpha'],
    [102 * second, 0, 2 * second, 'tie: skipped'],
    [102 * second + 1, 0, 2 * second, 'content: beta'],
    [98 * second - 1, 0, 2 * second, 'content: alpha'],
    [3_700 * second, 3_600 * second, 0, 'tie: skipped'],
    [3_698 * second, 3_600 * second, 0, 'content: alpha'],
    [3_702 * second, 3_600 * second, 0, 'content: beta'],
    [-3_500 * second + 2 * second, -3_600 * second, 0, 'content: beta'],
    [9e12, 0, Number.POSITIVE_INFINITY, 'tie: skipped'],
  ])('beta at %i ms, its clock %i ms ahead, uncertain by %i ms: %s', (betaMs, offsetMs, uncertaintyMs, expected) => {
    expect(settled(betaMs, { offsetMs, uncertaintyMs })).toBe(expected);
  });

  it('has no band where one clock made both times', () => {
    expect(settled(100 * second, undefined)).toBe('tie: skipped');
    expect(settled(100 * second + 0.25, undefined)).toBe('content: beta');
    expect(settled(100 * second - 0.25, undefined)).toBe('content: alpha');
  });

  it('keeps both at a tie, if asked to', () => {
    expect(settled(101 * second, { offsetMs: 0, uncertaintyMs: 0 }, { onTie: 'keep-both' })).toBe('tie: keep-both');
    expect(settled(105 * second, { offsetMs: 0, uncertaintyMs: 0 }, { onTie: 'keep-both' })).toBe('content: beta');
  });
});

describe('a settlement', () => {
  const contents = { alpha: file('one', { mtimeMs: 5_000 }), beta: file('two', { mtimeMs: 500 }) };
  const clock = { offsetMs: 7, uncertaintyMs: 20 };

  it.each(['newer', 'keep-both'] as const)('by %s says which relation of the clocks it used', (conflicts) => {
    for (const fixed of [undefined, 'alpha', 'beta'] as const)
      expect(settleContent(contents, { conflicts, fixed }, { policy, clock, first: false }).clock).toEqual(clock);
  });

  it.each(['alpha', 'beta', 'skip'] as const)('by %s compared no times', (conflicts) => {
    expect(settleContent(contents, { conflicts, fixed: undefined }, { policy, clock, first: false }).clock).toBeUndefined();
  });

  it.each(['alpha', 'beta'] as const)('never changes %s where that is not to be changed', (fixed) => {
    for (const conflicts of ['newer', 'alpha', 'beta', 'keep-both', 'skip'] as const)
      for (const onTie of ['skip', 'keep-both'] as const) {
        const { winner } = settleContent(contents, { conflicts, fixed }, { policy: { ...policy, onTie }, clock, first: false });
        // And the other side's content is given up only for a policy that names the winner.
        expect(winner).toBe(conflicts === fixed ? fixed : undefined);
      }
  });
});
