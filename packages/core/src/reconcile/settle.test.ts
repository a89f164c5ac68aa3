import { describe, expect, it } from 'vitest';
import type { Digest } from '../hash/digest.ts';
import { file, link } from '../testing/trees.ts';
import type { File, Symlink } from '../tree/entry.ts';
import type { ClockRelation, Policy } from './policy.ts';
import { namedSide, settleContent } from './settle.ts';

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

  it.each([
    // by policy, on a first sync: and then
    ['newer', undefined, 'first-sync: skipped (6 first sync)'],
    ['alpha', undefined, 'content: alpha (6 alpha)'],
    ['skip', undefined, 'content: skipped (6 skip)'],
    ['keep-both', undefined, 'content: keep-both (6 keep both)'],
    ['alpha', 'beta', 'content: beta (6 beta)'],
    ['skip', 'newer', 'content: alpha (6 newer)'],
    ['newer', 'newer', 'content: alpha (6 newer)'],
  ] as const)('on a first sync goes by `first`, or by %s: %s, %s', (conflicts, first, expected) => {
    const given = { policy: { ...policy, first }, clock: undefined, first: true };
    const { reason, rule, resolution } = settleContent(contents, { conflicts, fixed: undefined }, given);
    expect(`${reason}: ${resolution} (${rule})`).toBe(expected);
    // Later that is not asked for any more.
    const later = settleContent(contents, { conflicts, fixed: undefined }, { ...given, first: false });
    expect(later.rule).toBe({ newer: '6 newer', alpha: '6 alpha', skip: '6 skip', 'keep-both': '6 keep both' }[conflicts]);
  });

  it.each(['alpha', 'beta', 'newer', 'keep-both', 'skip'] as const)('of two kinds names a side only if the policy does: %s', (conflicts) => {
    const side = conflicts === 'alpha' || conflicts === 'beta' ? conflicts : undefined;
    expect(namedSide({ conflicts, fixed: undefined }, { policy, clock: undefined, first: false })).toBe(side);
    expect(namedSide({ conflicts: 'skip', fixed: undefined }, { policy: { ...policy, first: conflicts }, clock: undefined, first: true })).toBe(side);
  });

  it.each<[string, File | Symlink, File | Symlink]>([
    ['the lesser digest', { ...file('two'), digest: 'a' as Digest }, { ...file('one'), digest: 'b' as Digest }],
    ['the lesser size of one digest', { ...file('one'), sizeBytes: 2 }, { ...file('one'), sizeBytes: 3 }],
    ['the file, not the link', file('z'), link('a')],
    ['the lesser target', link('a'), link('b')],
  ])('that keeps both at a tie gives the name to %s, on whichever side it is', (_, lesser, other) => {
    for (const [conflicts, onTie] of [
      ['keep-both', 'skip'],
      ['newer', 'keep-both'],
    ] as const) {
      const winner = (alpha: File | Symlink, beta: File | Symlink) =>
        settleContent({ alpha, beta }, { conflicts, fixed: undefined }, { policy: { ...policy, onTie }, clock, first: false }).winner;
      expect([winner(lesser, other), winner(other, lesser)]).toEqual(['alpha', 'beta']);
    }
  });

  it('that keeps both gives the name to the newer one, where that can be told', () => {
    const { winner, resolution } = settleContent(contents, { conflicts: 'keep-both', fixed: undefined }, { policy, clock, first: false });
    expect([winner, resolution]).toEqual(['alpha', 'keep-both']);
  });

  it('one way says so, with what it would have been', () => {
    const one = settleContent(contents, { conflicts: 'newer', fixed: 'alpha' }, { policy, clock, first: false });
    expect(one).toEqual({ reason: 'direction', rule: '6 newer, one way', resolution: 'skipped', winner: undefined, clock });
    const skipped = settleContent(contents, { conflicts: 'skip', fixed: 'alpha' }, { policy, clock, first: false });
    expect(skipped).toEqual({ reason: 'content', rule: '6 skip', resolution: 'skipped', winner: undefined });
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
