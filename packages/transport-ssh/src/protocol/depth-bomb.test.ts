/** Attack: messages that are small on the wire and large, deep or strange in memory. */
import { describe, expect, it } from 'vitest';
import { decodeMessage } from './codec.ts';
import { parseJson } from './json-value.ts';

const refused = (bytes: readonly number[] | Buffer): void => {
  const before = process.memoryUsage().heapUsed;
  expect(decodeMessage(Buffer.from(bytes as Buffer)).ok).toBe(false);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * 1024 * 1024);
};

describe('a message is bounded before anything is made of it', () => {
  it('nested 100,000 deep', () => refused(Buffer.concat([Buffer.alloc(100_000, 0x91), Buffer.from([0xc0])])));
  it('nested 13 deep', () => refused([...Array<number>(13).fill(0x91), 0xc0]));
  it('maps nested 13 deep', () => refused([...Array.from({ length: 13 }, () => [0x81, 0xa1, 0x61]).flat(), 0xc0]));
  it('a list of 2^32 - 1 and no items', () => refused([0xdd, 0xff, 0xff, 0xff, 0xff]));
  it('a list of 65,535 and one item', () => refused([0xdc, 0xff, 0xff, 0x01]));
  it('a map of 2^32 - 1 keys', () => refused([0xdf, 0xff, 0xff, 0xff, 0xff]));
  it('a million keys that are there', () => refused(Buffer.concat([Buffer.from([0xdf, 0x00, 0x0f, 0x42, 0x40]), Buffer.alloc(900_000, 0xa0)])));
  it('a million values that are there', () => refused(Buffer.concat([Buffer.from([0xdd, 0x00, 0x0f, 0x42, 0x40]), Buffer.alloc(1_000_000, 0xc0)])));
  it('a text of 4 GiB', () => refused([0xdb, 0xff, 0xff, 0xff, 0xff, 0x61]));
  it('bytes of 4 GiB', () => refused([0xc6, 0xff, 0xff, 0xff, 0xff, 0x61]));
  it('text that is not UTF-8', () => refused([0xa2, 0xc3, 0x28]));
  it('half of a surrogate pair', () => refused([0xa3, 0xed, 0xa0, 0x80]));
  for (const [title, bytes] of [
    ['the tag that is never used', [0xc1]],
    ['an extension', [0xc7, 0x01, 0x05, 0x00]],
    ['a fixed extension', [0xd4, 0x00, 0x00]],
    ['a record definition, from which msgpackr makes code', [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01]],
    ['a timestamp', [0xd6, 0xff, 0x00, 0x00, 0x00, 0x00]],
    ['a 64-bit integer', [0xcf, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01]],
    ['a negative 64-bit integer', [0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a 32-bit float', [0xca, 0x00, 0x00, 0x00, 0x00]],
  ] as const) {
    it(title, () => refused(bytes));
  }
});

describe('prototype pollution', () => {
  const key = (name: string): number[] => [0xa0 + name.length, ...Buffer.from(name)];

  it('no message has the key __proto__', () => {
    refused([0x81, ...key('__proto__'), 0x81, ...key('polluted'), 0xc3]);
    expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
  });
  it('a key is there once', () => refused([0x82, ...key('a'), 0x01, ...key('a'), 0x02]));
  it('a key is text', () => refused([0x81, 0x01, 0x02]));
  it('other names of Object are keys like any other', () => {
    const decoded = decodeMessage(Buffer.from([0x81, ...key('constructor'), 0x01]));
    expect(decoded).toMatchObject({ ok: true });
    expect(decoded.ok && Object.getPrototypeOf(decoded.value)).toBe(null);
  });
  it('no value of a service has the key __proto__, however it is written', () => {
    expect(parseJson('{"a":{"__proto__":{"polluted":true}}}').ok).toBe(false);
    expect(parseJson('{"\\u005f_proto__":1}').ok).toBe(false);
    expect(parseJson('['.repeat(300_000)).ok).toBe(false);
    expect(parseJson(`${'['.repeat(300_000)}${']'.repeat(300_000)}`).ok).toBe(false);
    expect(parseJson('{"a":[1,"x",null]}')).toEqual({ ok: true, value: { a: [1, 'x', null] } });
  });
});
