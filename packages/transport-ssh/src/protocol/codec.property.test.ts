import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from './codec.ts';

const seed = 20_251_121;

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'grapheme', minLength: 60, maxLength: 200 }),
  fc.constant(`\ufeff${'name '.repeat(40)}`),
);
const number = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -1, -32, -33, -128, -129, -32_769, Number.MAX_SAFE_INTEGER),
  fc.double({ noNaN: true }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.boolean(),
    fc.constant(null),
    number,
    text,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ maxLength: 12 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5 },
    ),
  ),
}));

describe(`messages as bytes (seed ${seed})`, () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.record({ value }), (message) => {
        const decoded = decodeMessage(Buffer.from(encodeMessage(message)));
        expect(decoded.ok).toBe(true);
        if (decoded.ok) expect(plain(decoded.value)).toEqual(plain(message));
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('for any bytes, the reader gives a value or says why not, and never more than the bytes could hold', () => {
    const tagged = fc.tuple(fc.integer({ min: 0x80, max: 0xff }), fc.uint8Array({ maxLength: 9 })).map(([tag, rest]) => Buffer.from([tag, ...rest]));
    fc.assert(
      fc.property(fc.array(tagged, { minLength: 1, maxLength: 8 }), (parts) => {
        const bytes = Buffer.concat(parts);
        const decoded = decodeMessage(bytes);
        if (decoded.ok) expect(countValues(decoded.value)).toBeLessThanOrEqual(bytes.length);
        else expect(decoded.error).not.toBe('');
      }),
      { seed, numRuns: 5_000 },
    );
  });

  it('of a message that is cut anywhere, nothing is read', () => {
    const bytes = encodeMessage({ type: 'open', root: '/srv/tree', list: [1, 2, { deep: true }], bytes: Buffer.from('abc') });
    for (let length = 0; length < bytes.length; length++) expect(decodeMessage(Buffer.from(bytes.subarray(0, length))).ok).toBe(false);
    expect(decodeMessage(Buffer.concat([bytes, Buffer.from([0xc0])])).ok).toBe(false);
  });
});

function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return `bytes ${Buffer.from(value as Buffer).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value).map(([key, field]) => [key, plain(field)]));
  return Object.is(value, -0) ? 0 : value;
}

function countValues(value: unknown): number {
  if (ArrayBuffer.isView(value) || typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, field) => sum + countValues(field), 1);
}
