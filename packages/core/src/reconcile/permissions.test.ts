import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { mergeModes } from './permissions.ts';

const mode = fc.integer({ min: 0, max: 0o777 });
const pair = fc.record({ alpha: mode, beta: mode });

describe('permissions of two sides and their ancestor', () => {
  it.each([
    // before, alpha, beta, both afterwards
    [0o644, 0o644, 0o755, 0o755],
    [0o644, 0o600, 0o755, 0o700],
    [0o664, 0o644, 0o660, 0o640],
    [0o644, 0o664, 0o654, 0o644],
    [0o755, 0o700, 0o700, 0o700],
  ])('%o, %o, %o: %o', (before, alpha, beta, after) => {
    expect(mergeModes({ alpha, beta }, { alpha: before, beta: before })).toEqual({ alpha: after, beta: after });
  });

  it('without an ancestor: execute bits of either, the rest as it is on each', () => {
    expect(mergeModes({ alpha: 0o640, beta: 0o711 }, { alpha: undefined, beta: undefined })).toEqual({ alpha: 0o751, beta: 0o711 });
  });

  it('held and unchanged: as it is on each; one side changes a field: that field is agreed', () => {
    expect(mergeModes({ alpha: 0o644, beta: 0o755 }, { alpha: 0o644, beta: 0o755 })).toEqual({ alpha: 0o644, beta: 0o755 });
    expect(mergeModes({ alpha: 0o640, beta: 0o755 }, { alpha: 0o644, beta: 0o755 })).toEqual({ alpha: 0o640, beta: 0o750 });
  });

  it.each([
    // before, alpha, beta, fixed, alpha afterwards, beta afterwards
    ['a field that the fixed side changed', 0o644, 0o664, 0o644, 'alpha', 0o664, 0o664],
    ['a field that the other side changed: its own affair', 0o644, 0o644, 0o664, 'alpha', 0o644, 0o664],
    ['a field each', 0o644, 0o640, 0o604, 'alpha', 0o640, 0o600],
    ['a field each', 0o644, 0o640, 0o604, 'beta', 0o600, 0o604],
    ['one field, differently', 0o644, 0o664, 0o654, 'alpha', 0o664, 0o654],
    ['one field, differently', 0o644, 0o664, 0o654, 'beta', 0o664, 0o654],
    ['without an ancestor', undefined, 0o640, 0o751, 'alpha', 0o640, 0o751],
    ['without an ancestor', undefined, 0o751, 0o640, 'alpha', 0o751, 0o751],
    ['without an ancestor', undefined, 0o640, 0o751, 'beta', 0o751, 0o751],
  ] as const)('one way, %s (%o; %o, %o; %s fixed): %o, %o', (_, before, alpha, beta, fixed, alphaAfter, betaAfter) => {
    expect(mergeModes({ alpha, beta }, { alpha: before, beta: before }, fixed)).toEqual({ alpha: alphaAfter, beta: betaAfter });
  });

  it('with an ancestor on one side only: as without', () => {
    expect(mergeModes({ alpha: 0o640, beta: 0o711 }, { alpha: 0o644, beta: undefined })).toEqual({ alpha: 0o751, beta: 0o711 });
    expect(mergeModes({ alpha: 0o640, beta: 0o711 }, { alpha: undefined, beta: 0o711 })).toEqual({ alpha: 0o751, beta: 0o711 });
  });

  it(`a second merge changes nothing, sides can be swapped, and one way changes one side (seed ${seed})`, () => {
    fc.assert(
      fc.property(pair, pair, (now, before) => {
        const merged = mergeModes(now, before);
        expect(mergeModes(merged, merged)).toEqual(merged);
        const swapped = mergeModes({ alpha: now.beta, beta: now.alpha }, { alpha: before.beta, beta: before.alpha });
        expect(swapped).toEqual({ alpha: merged.beta, beta: merged.alpha });
        expect(mergeModes(now, before, 'alpha').alpha).toBe(now.alpha);
        expect(mergeModes(now, before, 'beta').beta).toBe(now.beta);
      }),
      { seed, numRuns: propertyRuns(100) },
    );
  });
});
