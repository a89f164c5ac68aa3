import { describe, expect, it } from 'vitest';
import { canonicalRules, includesAll } from './canonical-rules.ts';

describe('canonicalRules', () => {
  it('takes includes and guards as sets, excludes as a list', () => {
    expect(canonicalRules({ include: ['b', 'a', 'b'], exclude: ['b', 'a', 'b'], guard: ['d', 'c', 'd'] })).toEqual({
      include: ['a', 'b'],
      exclude: ['b', 'a', 'b'],
      guard: ['c', 'd'],
    });
  });

  it('has one form for every way of including everything', () => {
    for (const include of [[], ['.'], ['./'], ['/'], ['a', '.']]) {
      expect(includesAll(include)).toBe(true);
      expect(canonicalRules({ include, exclude: [], guard: [] })).toEqual({ include: [], exclude: [], guard: [] });
    }
    expect([['a'], ['.a'], ['a/.'], ['..']].filter(includesAll)).toEqual([]);
  });
});
