/**
 * The cursor: how far a log has been pulled, and what it was like up to there. It is saved after the bytes that it counts are durable,
 * so what it says is never more than what is there.
 */
import { type Digest, digestBytes, digestFromHex, digestHex } from '../hash/digest.ts';
import type { Parsed } from '../util/parsed.ts';
import { type ChunkChain, chunkBytes, chunkExtents } from './chunk-chain.ts';

/** What has been taken of one generation of a log, by which it is known again. */
export interface LogTaken {
  /** The source by name and identity when it was last pulled. A hint for people and for finding a renamed file; proves nothing. */
  readonly source: { readonly name: string; readonly identity: string };
  /** `chain.offset` bytes, and their digests. */
  readonly chain: ChunkChain;
  /** Digest of the first bytes, at most {@link headBytesMax}: tells two logs apart at the cost of one small read. */
  readonly head: { readonly bytes: number; readonly digest: Digest } | undefined;
}

export interface LogCursor extends LogTaken {
  /** Which generation this is, counted from 1, and when its local file was begun: UTC, `20261122T001500Z`. */
  readonly generation: { readonly number: number; readonly startedAt: string };
  /** Bytes of earlier generations at the beginning of the local file: what is taken stands behind them. */
  readonly baseBytes: number;
  /** The generation before, of which all is taken, as long as nothing is of this one: that is the one written next after it. */
  readonly finished: LogTaken | undefined;
  /** The local file of the generation before is to be renamed; its stamp, by which it is told from another that came into its place. */
  readonly renaming: { readonly to: string; readonly stamp: string } | undefined;
  /** Identity, size and times of the local file when the cursor was saved: as long as the disk says the same, its bytes are those of the chain. Opaque. */
  readonly localStamp: string;
  /** Set while a pull is writing: what the local file has beyond the offset may then be ours, unfinished. */
  readonly appending: boolean;
  readonly lastTimestamp: string | undefined;
}

export const headBytesMax = 4_096;

/** As plain data, for JSON. */
export function encodeLogCursor(cursor: LogCursor): unknown {
  const { generation, baseBytes, finished, renaming, localStamp, appending, lastTimestamp } = cursor;
  return {
    format: cursorFormat,
    chunkBytes,
    ...encodeTaken(cursor),
    generation,
    baseBytes,
    ...(finished && { finished: encodeTaken(finished) }),
    ...(renaming && { renaming }),
    localStamp,
    appending,
    ...(lastTimestamp === undefined ? {} : { lastTimestamp }),
  };
}

function encodeTaken({ source, chain, head }: LogTaken): object {
  return {
    source: { name: source.name, identity: source.identity },
    offset: chain.offset,
    chunks: chain.digests.map(digestHex).join(''),
    head: head === undefined ? '' : digestHex(head.digest),
  };
}

const cursorFormat = 2;

/** A cursor that cannot be read is as good as none: what it counted is found again by comparing content. */
export function parseLogCursor(value: unknown): Parsed<LogCursor> {
  if (!isRecord(value)) return refuse('a cursor is an object');
  const { format, chunkBytes: size, generation, baseBytes, finished, renaming, localStamp, appending, lastTimestamp } = value;
  if (format !== cursorFormat || size !== chunkBytes) return refuse('another format');
  const taken = parseTaken(value);
  if (!taken.ok) return taken;
  const before = finished === undefined ? undefined : parseTaken(finished);
  if (before?.ok === false) return before;
  if (!isRecord(generation) || !isCount(generation['number']) || !isText(generation['startedAt'])) return refuse('generation');
  if (!isCount(baseBytes)) return refuse('baseBytes');
  if (renaming !== undefined && !(isRecord(renaming) && isText(renaming['to']) && isText(renaming['stamp']))) return refuse('renaming');
  if (!isText(localStamp) || typeof appending !== 'boolean') return refuse('local file');
  if (lastTimestamp !== undefined && !isText(lastTimestamp)) return refuse('lastTimestamp');
  return {
    ok: true,
    value: {
      ...taken.value,
      generation: { number: generation['number'], startedAt: generation['startedAt'] },
      baseBytes,
      finished: before?.value,
      renaming: renaming && { to: renaming['to'] as string, stamp: renaming['stamp'] as string },
      localStamp,
      appending,
      lastTimestamp,
    },
  };
}

function parseTaken(value: unknown): Parsed<LogTaken> {
  if (!isRecord(value)) return refuse('what was taken');
  const { source, offset, chunks, head } = value;
  if (!isRecord(source) || !isText(source['name']) || !isText(source['identity'])) return refuse('source');
  if (!isCount(offset)) return refuse('offset');
  const digests = parseDigests(chunks, Math.ceil(offset / chunkBytes));
  if (digests === undefined) return refuse('chunks');
  const headDigests = parseDigests(head, offset === 0 ? 0 : 1);
  if (headDigests === undefined) return refuse('head');
  const [digest] = headDigests;
  return {
    ok: true,
    value: {
      source: { name: source['name'], identity: source['identity'] },
      chain: { offset, digests },
      head: digest === undefined ? undefined : { bytes: Math.min(offset, headBytesMax), digest },
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
export function cursorProofs({ chain, head }: LogTaken, verify: LogVerify): readonly LogProof[] {
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

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 65_536;
}

function refuse(what: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error: `the cursor cannot be read: ${what}` };
}
