/**
 * The cursor: how far a log has been pulled, and what it was like up to there. It is saved after the bytes that it counts are durable,
 * so what it says is never more than what is there.
 */
import { type Digest, digestBytes, digestFromHex, digestHex } from '../hash/digest.ts';
import type { Parsed } from '../util/parsed.ts';
import { type ChunkChain, chunkBytes, chunkExtents } from './chunk-chain.ts';

export interface LogCursor {
  /** The source by name and identity when it was last pulled. A hint for people and for finding a renamed file; proves nothing. */
  readonly source: { readonly name: string; readonly identity: string };
  /** What has been taken: `chain.offset` bytes, and their digests. */
  readonly chain: ChunkChain;
  /** Digest of the first bytes, at most {@link headBytesMax}: tells two logs apart at the cost of one small read. */
  readonly head: { readonly bytes: number; readonly digest: Digest } | undefined;
  /** Identity, size and times of the local file when the cursor was saved: as long as the disk says the same, its bytes are those of the chain. Opaque. */
  readonly localStamp: string;
  /** Set while a pull is writing: what the local file has beyond the offset may then be ours, unfinished. */
  readonly appending: boolean;
  readonly lastTimestamp: string | undefined;
}

export const headBytesMax = 4_096;

/** As plain data, for JSON. */
export function encodeLogCursor({ source, chain, head, localStamp, appending, lastTimestamp }: LogCursor): unknown {
  return {
    format: cursorFormat,
    source,
    offset: chain.offset,
    chunkBytes,
    chunks: chain.digests.map(digestHex).join(''),
    head: head === undefined ? '' : digestHex(head.digest),
    localStamp,
    appending,
    ...(lastTimestamp === undefined ? {} : { lastTimestamp }),
  };
}

const cursorFormat = 1;

/** A cursor that cannot be read is as good as none: what it counted is found again by comparing content. */
export function parseLogCursor(value: unknown): Parsed<LogCursor> {
  if (!isRecord(value)) return refuse('a cursor is an object');
  const { format, source, offset, chunkBytes: size, chunks, head, localStamp, appending, lastTimestamp } = value;
  if (format !== cursorFormat || size !== chunkBytes) return refuse('another format');
  if (!isRecord(source) || !isText(source['name']) || !isText(source['identity'])) return refuse('source');
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) return refuse('offset');
  const digests = parseDigests(chunks, Math.ceil(offset / chunkBytes));
  if (digests === undefined) return refuse('chunks');
  const headDigests = parseDigests(head, offset === 0 ? 0 : 1);
  if (headDigests === undefined) return refuse('head');
  if (!isText(localStamp) || typeof appending !== 'boolean') return refuse('local file');
  if (lastTimestamp !== undefined && !isText(lastTimestamp)) return refuse('lastTimestamp');
  const [headDigest] = headDigests;
  return {
    ok: true,
    value: {
      source: { name: source['name'], identity: source['identity'] },
      chain: { offset, digests },
      head: headDigest === undefined ? undefined : { bytes: Math.min(offset, headBytesMax), digest: headDigest },
      localStamp,
      appending,
      lastTimestamp,
    },
  };
}

function parseDigests(hex: unknown, count: number): readonly Digest[] | undefined {
  const digits = digestBytes.fast * 2;
  if (typeof hex !== 'string' || hex.length !== count * digits) return undefined;
  const digests: Digest[] = [];
  for (let at = 0; at < hex.length; at += digits) {
    const digest = digestFromHex(hex.slice(at, at + digits));
    if (digest === undefined) return undefined;
    digests.push(digest);
  }
  return digests;
}

/** What `verify` asks about the bytes before a cursor, and what the cursor knows of each. */
export function cursorProofs({ chain, head }: LogCursor, verify: LogVerify): readonly LogProof[] {
  const chunks = chunkExtents(chain.offset).map((extent, index) => ({
    start: extent.start,
    end: extent.end,
    digest: chain.digests[index] as Digest,
  }));
  if (verify === 'full') return chunks;
  if (verify === 'off' || head === undefined) return [];
  // The last whole chunk and the begun one: at least 1 MiB, where there is as much.
  return [{ start: 0, end: head.bytes, digest: head.digest }, ...chunks.slice(-2)];
}

/** How much is proved before something is appended: head and tail (and the size), every chunk, or the size alone. */
export type LogVerify = 'tail' | 'full' | 'off';

/** An extent, and the digest that it had. */
export interface LogProof {
  readonly start: number;
  readonly end: number;
  readonly digest: Digest;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 65_536;
}

function refuse(what: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error: `the cursor cannot be read: ${what}` };
}
