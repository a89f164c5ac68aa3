/**
 * A checkpoint: how far a consumer has come with a log, small enough to be stored with each effect of it. It is to `followLog` what the cursor is to a pull;
 * but as no copy of the log is kept, it knows the bytes by its two edges alone, the first of the generation and the last before the offset.
 */
import type { Parsed } from '../util/parsed.ts';

/** Plain data, for JSON. */
export interface LogCheckpoint {
  readonly format: 1;
  /** The file by name and identity when it was read. Hints; they prove nothing. */
  readonly source: { readonly name: string; readonly identity: string };
  /** Counted from 1, where the log was first followed. */
  readonly generation: number;
  /** Bytes of this generation that were given out; at least 1. */
  readonly offset: number;
  /** Fingerprints of the first {@link headBytes} and the last {@link tailBytes} of these. */
  readonly head: number;
  readonly tail: number;
}

const headBytesMax = 2_048;
const tailBytesMax: number = 2 * headBytesMax;

/** At most half of what was given out: a copy that lacks the last of it has them, too. */
export function headBytes(offset: number): number {
  return Math.min(headBytesMax, Math.ceil(offset / 2));
}

/** As long as the head still grows, all that was given out. */
export function tailBytes(offset: number): number {
  return Math.min(tailBytesMax, offset);
}

export function parseLogCheckpoint(value: unknown): Parsed<LogCheckpoint> {
  if (!isRecord(value)) return refuse('it is no object');
  const { format, source, generation, offset, head, tail } = value;
  if (format !== 1) return refuse('another format');
  if (!isRecord(source) || !isText(source['name'], 16_384) || !isText(source['identity'], 1_024)) return refuse('source');
  if (!isCount(generation) || generation < 1) return refuse('generation');
  if (!isCount(offset) || offset < 1) return refuse('offset');
  if (!isCount(head) || !isCount(tail)) return refuse('fingerprints');
  return { ok: true, value: { format, source: { name: source['name'], identity: source['identity'] }, generation, offset, head, tail } };
}

/** The edges of what was given out, kept as it goes on. */
export interface Trail {
  /** The next bytes; they are not kept. */
  push(bytes: Uint8Array): void;
  edges(): Pick<LogCheckpoint, 'offset' | 'head' | 'tail'>;
}

/** `tail`: the bytes before the checkpoint that were proved to be its own. */
export function createTrail(from?: { readonly checkpoint: LogCheckpoint; readonly tail: Uint8Array }): Trail {
  let offset = from?.checkpoint.offset ?? 0;
  let tail = from?.tail.slice() ?? new Uint8Array(0);
  /** The first bytes, as long as more of them may come to count. */
  let first = offset < tailBytesMax ? tail : undefined;
  let head = from?.checkpoint.head ?? 0;
  return {
    push(bytes) {
      offset += bytes.length;
      if (first !== undefined) {
        first = joined(first, bytes.subarray(0, Math.max(0, headBytesMax - first.length)));
        head = fingerprint(first.subarray(0, headBytes(offset)));
        if (offset >= tailBytesMax) first = undefined;
      }
      const last = bytes.subarray(Math.max(0, bytes.length - tailBytesMax));
      tail = joined(tail.subarray(Math.max(0, tail.length + last.length - tailBytesMax)), last);
    },
    edges: () => ({ offset, head, tail: fingerprint(tail) }),
  };
}

/**
 * 53 bits that tell a few kilobytes of a log from others, by accident and not by intent: two multiplicative hashes of 32 bits, mixed (cyrb53, public domain).
 * Digests would do as well, but a consumer has no use for the hash that they come from.
 */
export function fingerprint(bytes: Uint8Array): number {
  let one = 0xde_ad_be_ef;
  let two = 0x41_c6_ce_57;
  for (const byte of bytes) {
    one = Math.imul(one ^ byte, 2_654_435_761);
    two = Math.imul(two ^ byte, 1_597_334_677);
  }
  one = Math.imul(one ^ (one >>> 16), 2_246_822_507) ^ Math.imul(two ^ (two >>> 13), 3_266_489_909);
  two = Math.imul(two ^ (two >>> 16), 2_246_822_507) ^ Math.imul(one ^ (one >>> 13), 3_266_489_909);
  return 4_294_967_296 * (two & 0x1f_ff_ff) + (one >>> 0);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax;
}

function refuse(what: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error: `the checkpoint cannot be read: ${what}` };
}
