import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countNewlines } from './count-newlines.ts';

const seed = 20261121;

describe('countNewlines', () => {
  it(`counts what a look at each byte counts, wherever the bytes lie (seed ${seed})`, () => {
    // Neighbours of a newline and of zero, which the arithmetic could take for one.
    const byte = fc.constantFrom(0x0a, 0x0b, 0x09, 0x8a, 0x00, 0x01, 0x80, 0xff, 0x7b);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), fc.nat(7), (values, offset) => {
        const bytes = new Uint8Array(offset + values.length).subarray(offset);
        bytes.set(values);
        expect(countNewlines(bytes)).toBe(values.filter((value) => value === 0x0a).length);
      }),
      { seed, numRuns: 2_000 },
    );
  });
});
