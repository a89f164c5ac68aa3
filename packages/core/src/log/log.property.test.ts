import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../hash/digest.ts';
import { chunkBytes, chunkExtents, emptyChain } from './chunk-chain.ts';
import { encodeLogCursor, type LogCursor, parseLogCursor } from './cursor.ts';
import { createIntake } from './intake.ts';
import { createLineCounter } from './lines.ts';

const seed = 20_251_122;

/** Fast, and different for what the tests tell apart: a polynomial over every byte. */
function testHash(bytes: Uint8Array): Digest {
  let low = bytes.length;
  let high = 7;
  for (const byte of bytes) {
    low = (Math.imul(low, 31) + byte) | 0;
    high = (Math.imul(high, 37) ^ byte) | 0;
  }
  return `${String.fromCharCode(low & 255, (low >> 8) & 255, (low >> 16) & 255, low >>> 24, high & 255, (high >> 8) & 255, (high >> 16) & 255, high >>> 24)}12345678` as Digest;
}

const joined = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces);

/** Sizes that meet the ends of chunks, with newlines here and there. */
const log = fc
  .record({
    bytes: fc.constantFrom(0, 1, 100, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 3 * chunkBytes + 17),
    newlines: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
  })
  .map(({ bytes, newlines }) => {
    const content = Buffer.alloc(bytes, 'abcdefg');
    for (const share of newlines) if (bytes > 0) content[Math.min(bytes - 1, Math.floor(share * bytes))] = 10;
    return content;
  });
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 });
const piecesOf = (content: Buffer, shares: readonly number[]) => {
  const at = [0, ...shares.map((share) => Math.floor(share * content.length)).sort((a, b) => a - b), content.length];
  return at.slice(1).map((end, index) => content.subarray(at[index], end));
};
const chainOf = (content: Uint8Array) => ({
  offset: content.length,
  digests: chunkExtents(content.length).map(({ start, end }) => testHash(content.subarray(start, end))),
});

describe(`log intake (seed ${seed})`, () => {
  it('for any log and any cuts, what is given out is the log up to its last newline (or all), and the chain is that of these bytes', () => {
    fc.assert(
      fc.property(log, cuts, fc.boolean(), (content, shares, wholeLines) => {
        const given: Uint8Array[] = [];
        const intake = createIntake({
          chain: emptyChain,
          begun: new Uint8Array(0),
          wholeLines,
          hash: testHash,
          emit: (bytes) => given.push(bytes.slice()),
        });
        for (const piece of piecesOf(content, shares)) {
          intake.push(piece);
          expect(intake.chain().offset).toBe(joined(given).length);
        }
        intake.flush();
        const expected = wholeLines ? content.subarray(0, content.lastIndexOf(10) + 1) : content;
        expect(joined(given).equals(expected)).toBe(true);
        expect(intake.chain()).toEqual(chainOf(expected));
      }),
      { seed, numRuns: 60 },
    );
  });

  it('for any log and any cut, taking it in two runs gives the same bytes and the same chain as taking it at once', () => {
    fc.assert(
      fc.property(log, cuts, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (content, shares, first, wholeLines) => {
        const given: Uint8Array[] = [];
        const emit = (bytes: Uint8Array) => void given.push(bytes.slice());
        const one = createIntake({ chain: emptyChain, begun: new Uint8Array(0), wholeLines, hash: testHash, emit });
        one.push(content.subarray(0, Math.floor(first * content.length)));
        one.flush();
        const chain = one.chain();
        const begun = content.subarray(chain.offset - (chain.offset % chunkBytes), chain.offset);
        const two = createIntake({ chain, begun, wholeLines, hash: testHash, emit });
        for (const piece of piecesOf(content.subarray(chain.offset), shares)) two.push(piece);
        two.flush();
        const expected = wholeLines ? content.subarray(0, content.lastIndexOf(10) + 1) : content;
        expect(joined(given).equals(expected)).toBe(true);
        expect(two.chain()).toEqual(chainOf(expected));
      }),
      { seed, numRuns: 60 },
    );
  });
});

const jsonText = fc.oneof(
  fc.json(),
  fc.json().map((text) => `  ${text}\t\r`),
  fc.constantFrom('-0', '1e5', '-1.5E-3', '"\\u00e9\\n"', '[ ]', '{ }', '{"a" : [1 , {"b":null}]}', 'true', '"\u00e9\u{1f600}"'),
);
const almostJson = fc.oneof(
  fc.constantFrom(
    '01',
    '1.',
    '.5',
    '-',
    '+1',
    '1e',
    'tru',
    'nulll',
    '{',
    '}',
    '[1,]',
    '{"a":1,}',
    '{a:1}',
    "'a'",
    '"\\x"',
    '"\\u12g4"',
    '"unterminated',
    '[1 2]',
    '{"a" 1}',
    '1 2',
    '"a""b"',
    '[1}',
    '\u00a01',
    '\ufeff1',
    '{"a":1}}',
    '"tab\tin"',
    'NaN',
    '[,]',
    '{"a":}',
  ),
  fc
    .tuple(fc.json(), fc.nat(), fc.string({ minLength: 0, maxLength: 1 }))
    .map(([text, at, put]) => text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1)),
);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe(`lines (seed ${seed})`, () => {
  const line = fc.oneof(jsonText, almostJson, fc.constantFrom('', '  ', '\r')).map((text) => text.replaceAll('\n', ' '));

  it('for any lines and any cuts, exactly those that JSON.parse refuses are malformed, blank ones not counted, and each is placed where it begins', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), line, cuts, (lines, rest, shares) => {
        const counter = createLineCounter({ json: 'all' });
        for (const piece of piecesOf(Buffer.from(lines.map((text) => `${text}\n`).join('') + rest), shares)) counter.push(piece);
        const malformed = lines.filter((text) => /[^ \t\r]/.test(text) && !isJson(text));
        const places = lines.map((_, index) =>
          Buffer.byteLength(
            lines
              .slice(0, index)
              .map((text) => `${text}\n`)
              .join(''),
          ),
        );
        const malformedAtBytes = places.filter((_, index) => malformed.includes(lines[index] ?? ''));
        expect(counter.counts()).toMatchObject({ lines: lines.length, malformed: malformed.length, malformedAtBytes });
      }),
      { seed, numRuns: 3_000 },
    );
  });

  it('a line that began before the first byte is judged as a whole', () => {
    const counter = createLineCounter({ json: 'all', lineSoFar: Buffer.from('{"a":'), fromByte: 105 });
    counter.push(Buffer.from('x'));
    counter.push(Buffer.from('1}\n{"b":\n'));
    expect(counter.counts()).toMatchObject({ lines: 2, malformed: 2, malformedAtBytes: [100, 109] });
    const good = createLineCounter({ json: 'all', lineSoFar: Buffer.from('{"a":') });
    good.push(Buffer.from('1}\n'));
    expect(good.counts()).toMatchObject({ lines: 1, malformed: 0, malformedAtBytes: [] });
  });

  it('a sample is all of a small log, and says how much of a big one it was', () => {
    const part = Buffer.alloc(1024 * 1024, 'no json\n');
    const count = (json: 'all' | 'sample' | 'off', mebibytes: number) => {
      const counter = createLineCounter({ json });
      for (let index = 0; index < mebibytes; index++) counter.push(part);
      const { lines, malformed, checkedLines } = counter.counts();
      return { lines, malformed, checkedLines };
    };
    const each = part.length / 8;
    expect(count('sample', 10)).toEqual({ lines: 10 * each, malformed: 10 * each, checkedLines: 10 * each });
    expect(count('sample', 96)).toEqual({ lines: 96 * each, malformed: 17 * each, checkedLines: 17 * each });
    expect(count('all', 96)).toMatchObject({ checkedLines: 96 * each });
    expect(count('off', 2)).toEqual({ lines: 2 * each, malformed: undefined, checkedLines: 0 });
  });

  it('first and last time are those of the first and the last whole line', () => {
    const times = (text: string) => {
      const counter = createLineCounter({ json: 'off' });
      counter.push(Buffer.from(text));
      const { firstTimestamp, lastTimestamp } = counter.counts();
      return [firstTimestamp, lastTimestamp];
    };
    expect(times('{"timestamp":"2025-10-07T01:02:03Z","a":1}\n{"x":{},"ts":1759798923.5}\n{"ts":"cut')).toEqual([
      '2025-10-07T01:02:03Z',
      '1759798923.5',
    ]);
    expect(times('2025-10-07 01:02:03,123 INFO started\nno time here\n')).toEqual(['2025-10-07 01:02:03,123', undefined]);
    expect(times('not whole 2025-10-07T01:02:03Z')).toEqual([undefined, undefined]);
  });
});

describe('log cursors', () => {
  const digest = testHash(Buffer.from('x'));
  const cursor: LogCursor = {
    source: { name: 'logs/a.jsonl', identity: '1.2' },
    chain: { offset: chunkBytes + 5_000, digests: [digest, testHash(Buffer.from('y'))] },
    head: { bytes: 4_096, digest },
    generation: { number: 3, startedAt: '20251007T000000Z' },
    baseBytes: 77,
    finished: undefined,
    renaming: undefined,
    localStamp: '7.1053576.1.1',
    appending: false,
    lastTimestamp: '2025-10-07T01:02:03Z',
  };

  it('come back from JSON as they were', () => {
    const { source, chain, head } = cursor;
    const empty = { ...cursor, chain: emptyChain, head: undefined };
    for (const each of [
      cursor,
      { ...cursor, appending: true, lastTimestamp: undefined },
      empty,
      { ...empty, finished: { source, chain, head }, renaming: { to: 'a.jsonl.20251007T000000Z.g2', stamp: '7.1.1.1' } },
    ]) {
      expect(parseLogCursor(JSON.parse(JSON.stringify(encodeLogCursor(each))))).toEqual({ ok: true, value: each });
    }
  });

  it('are refused if a single field is not what it has to be', () => {
    const encoded = encodeLogCursor(cursor) as Record<string, unknown>;
    const broken: Record<string, unknown>[] = [
      { format: 1 },
      { format: undefined },
      { chunkBytes: 4096 },
      { source: 'x' },
      { source: { name: 'x' } },
      { offset: -1 },
      { offset: 1.5 },
      { offset: '5' },
      { offset: chunkBytes },
      { chunks: '' },
      { chunks: `${String(encoded['chunks'])}00` },
      { chunks: 'g'.repeat(64) },
      { head: '' },
      { generation: 3 },
      { generation: { number: -1, startedAt: 'x' } },
      { generation: { number: 1 } },
      { baseBytes: -1 },
      { baseBytes: undefined },
      { finished: {} },
      { finished: { ...encoded, offset: chunkBytes } },
      { renaming: 'x' },
      { renaming: { to: 'x' } },
      { localStamp: 1 },
      { appending: 'no' },
      { lastTimestamp: 1 },
    ];
    expect(broken.filter((change) => parseLogCursor({ ...encoded, ...change }).ok)).toEqual([]);
    for (const value of [null, [], 'x', 1, undefined]) expect(parseLogCursor(value).ok).toBe(false);
  });
});
