/**
 * Verifies a log: what is here against what is there, whole, by chunk digests. Both sides hash at the same time, nothing is changed on either, and of the
 * content nothing is sent. One round trip; one more where the copy is the longer one, and two where there are copies of finished generations.
 *
 * The copy of the current generation is compared with the log as it is now. If they do not agree, because the log was rotated and not pulled since, the
 * generation that goes on with the copy is looked for beside it. Copies of finished generations are compared with the generation that begins as they do, or
 * else is of their size; where none is left on the node, there is nothing to compare with.
 */
import pLimit from 'p-limit';
import { chunkBytes, chunkExtents } from '../../log/chunk-chain.ts';
import { type ChunkComparison, compareChunks, sharedEnd } from '../../log/compare.ts';
import { headBytesMax } from '../../log/cursor.ts';
import type { Extent } from '../../log/extent.ts';
import { parseGenerationName } from '../../log/generations.ts';
import { SyncError } from '../errors.ts';
import type { LogCopy, LogSink } from './log-sink.ts';
import type { LogGenerationFile, LogSource } from './log-source.ts';
import { askFacts } from './reading.ts';

export interface VerifyLogOptions {
  readonly source: LogSource;
  readonly sink: LogSink;
  readonly signal?: AbortSignal | undefined;
}

export interface LogVerification {
  /** File name of the copy. */
  readonly copy: string;
  /** Of a generation that is over. */
  readonly isFinished: boolean;
  /** The generation of the source that it was compared with; `undefined`: the log as it is now, or nothing. */
  readonly generation: string | undefined;
  /** As of {@link ChunkComparison}; `missing`: the log is not there; `unmatched`: a finished generation, and none on the node is like it. */
  readonly outcome: ChunkComparison['outcome'] | 'missing' | 'unmatched';
  readonly copyBytes: number;
  /** 0 if there was nothing to compare with. */
  readonly sourceBytes: number;
  readonly chunks: number;
  readonly differing: readonly Extent[];
}

/** The copy of the current generation, then those of finished ones in their order. `SYNC_SOURCE_CHANGED` if the log is replaced meanwhile. */
export async function verifyLog({ source, sink, signal }: VerifyLogOptions): Promise<readonly LogVerification[]> {
  signal?.throwIfAborted();
  const look = await sink.look({ signal });
  try {
    const current = await compare(look.current, { source, signal });
    const isSettled = current?.outcome === 'equal' || current?.outcome === 'behind';
    const generations = isSettled && look.finished.length === 0 ? [] : await readableGenerations(source, signal);
    const alike = await withSameHeads(isSettled ? look.finished : [look.current, ...look.finished], generations, { source, signal });
    const found = isSettled ? undefined : await bestOf(look.current, alike.get(look.current) ?? [], { source, signal });
    const of = found !== undefined && found.outcome !== 'differs' && found.outcome !== 'ahead' ? found : current;
    const verified = [toVerification(look.current, of ?? 'missing', false)];
    for (const copy of look.finished) {
      const sameSize = generations.filter(({ stat }) => stat.sizeBytes === copy.sizeBytes);
      const best = await bestOf(copy, [...(alike.get(copy) ?? []), ...sameSize], { source, signal });
      verified.push(toVerification(copy, best ?? 'unmatched', true));
    }
    return verified;
  } finally {
    await look.close();
  }
}

interface Asking {
  readonly source: LogSource;
  readonly signal: AbortSignal | undefined;
}

interface Compared extends ChunkComparison {
  readonly generation: string | undefined;
  readonly sourceBytes: number;
}

function toVerification(copy: LogCopy, found: Compared | 'missing' | 'unmatched', isFinished: boolean): LogVerification {
  const common = { copy: copy.name, isFinished, copyBytes: copy.sizeBytes };
  return typeof found === 'string'
    ? { ...common, generation: undefined, outcome: found, sourceBytes: 0, chunks: 0, differing: [] }
    : { ...common, ...found };
}

/** With the log, or with that generation of it; `undefined`: it is not there. */
async function compare(copy: LogCopy, { source, of, signal }: Asking & { readonly of?: string }): Promise<Compared | undefined> {
  const extents = chunkExtents(copy.sizeBytes);
  // The far side is asked before this one begins to hash.
  const [facts, digests] = await Promise.all([askFacts(source, { extents, of, signal }), copy.digests(extents, signal)]);
  if (facts.stat === undefined) return undefined;
  const { sizeBytes, identity } = facts.stat;
  let [here, there] = [digests, facts.digests];
  const end = sizeBytes < copy.sizeBytes ? sharedEnd(copy.sizeBytes, sizeBytes) : undefined;
  if (end !== undefined) {
    const [more, endHere] = await Promise.all([askFacts(source, { extents: [end], of, signal }), copy.digests([end], signal)]);
    if (more.stat?.identity !== identity) {
      const path = of ?? source.name;
      throw new SyncError('SYNC_SOURCE_CHANGED', `${path} was replaced while it was compared`, { path });
    }
    const whole = Math.floor(end.start / chunkBytes);
    here = [...digests.slice(0, whole), ...endHere];
    there = [...facts.digests.slice(0, whole), ...more.digests];
  }
  return {
    ...compareChunks({ sizeBytes: copy.sizeBytes, digests: here }, { sizeBytes, digests: there }),
    generation: of,
    sourceBytes: sizeBytes,
  };
}

/** The first that agrees with the copy in all that both have, else the first. */
async function bestOf(copy: LogCopy, generations: readonly LogGenerationFile[], asking: Asking): Promise<Compared | undefined> {
  let first: Compared | undefined;
  for (const { name } of new Set(generations)) {
    const compared = await compare(copy, { ...asking, of: name });
    if (compared !== undefined && compared.outcome !== 'differs') return compared;
    first ??= compared;
  }
  return first;
}

async function readableGenerations(source: LogSource, signal: AbortSignal | undefined): Promise<readonly LogGenerationFile[]> {
  const logName = source.name.slice(source.name.lastIndexOf('/') + 1);
  const all = await source.generations({ signal });
  return all.filter(({ name, stat }) => stat.sizeBytes > 0 && parseGenerationName(logName, name)?.compressed === false);
}

const questionsAtOnce = 16;

/** Most of what lies beside a log is told by its first bytes: of each copy, the generations that begin as it does, those of its size first. */
async function withSameHeads(
  copies: readonly LogCopy[],
  generations: readonly LogGenerationFile[],
  { source, signal }: Asking,
): Promise<ReadonlyMap<LogCopy, readonly LogGenerationFile[]>> {
  const full = copies.filter(({ sizeBytes }) => sizeBytes > 0);
  if (full.length === 0 || generations.length === 0) return new Map();
  const heads = full.map(({ sizeBytes }): Extent => ({ start: 0, end: Math.min(sizeBytes, headBytesMax) }));
  const limit = pLimit(questionsAtOnce);
  const [there, here] = await Promise.all([
    Promise.all(generations.map(({ name }) => limit(() => askFacts(source, { extents: heads, of: name, signal })))),
    Promise.all(full.map((copy, index) => copy.digests([heads[index] as Extent], signal))),
  ]);
  return new Map(
    full.map((copy, index) => {
      const alike = generations.filter((_, at) => here[index]?.[0] !== undefined && here[index]?.[0] === there[at]?.digests[index]);
      return [copy, alike.toSorted((a, b) => Number(b.stat.sizeBytes === copy.sizeBytes) - Number(a.stat.sizeBytes === copy.sizeBytes))];
    }),
  );
}
