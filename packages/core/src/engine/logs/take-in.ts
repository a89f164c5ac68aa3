/** Taking in what a source sends: nothing is appended before it has been seen to go on where the local file ends. */
import type { HashBytes } from '../../hash/digest.ts';
import { type ChunkChain, chunkBytes } from '../../log/chunk-chain.ts';
import { headBytesMax, type LogCursor } from '../../log/cursor.ts';
import { createIntake } from '../../log/intake.ts';
import { newline } from '../../log/json-line.ts';
import { createLineCounter, isJsonLinesName, isLinesName } from '../../log/lines.ts';
import type { PullPlan } from '../../log/plan-pull.ts';
import type { Clock } from '../clock.ts';
import { createCommitter } from './committer.ts';
import type { OpenLog } from './log-sink.ts';
import type { LogStat } from './log-source.ts';
import type { Reading } from './reading.ts';
import { emptyReport, type LogReport, type Pull } from './report.ts';

/** How much of what is there already is read again from the source. Lines of logs name times and numbers, so a few of them are like no other. */
const overlapBytes = 4_096;

export interface Taking {
  readonly plan: PullPlan & { readonly go: true };
  /** Begins with bytes that are there already, see {@link beforeOverlap}. */
  readonly stream: Reading;
  /** The file that is read, by the source's name for it. */
  readonly name: string;
  readonly stat: LogStat | undefined;
  /** Nothing more is written to it, so its last line is taken as it is. */
  readonly isOver?: boolean | undefined;
  /** The stream goes on as the file grows: what comes is taken at once. */
  readonly following?: Following | undefined;
}

export interface Following {
  readonly clock: Clock;
  /** Asked when the stream has ended: whether nothing more is written to the file. */
  readonly isOver: () => Promise<boolean>;
  /** Told what was taken, where the stream was broken off. */
  readonly onBrokenOff: (report: LogReport) => void;
}

/** Appends what a stream brings. `moved`: it is not that of the file which was meant, and nothing was changed. */
export async function takeIn(
  log: OpenLog,
  pull: Pull,
  { plan, stream, name, stat, isOver = false, following }: Taking,
): Promise<LogReport | 'moved'> {
  const { sink, checkJson = isJsonLinesName(sink.name) ? 'sample' : 'off', signal } = pull;
  const wholeLines = pull.lines ?? isLinesName(sink.name);
  const start = plan.chain.offset;
  const overlap = log.read({ start: beforeOverlap(start), end: start });
  const totalBytes = Math.max(0, (stat?.sizeBytes ?? 0) - start);
  const { cursor: cursorBefore, local: localBefore } = log;
  const timeBefore = cursorBefore?.lastTimestamp ?? lastTimeIn(overlap);

  const counter = createLineCounter({ json: checkJson, lineSoFar: lineBefore(log, start, overlap), fromByte: start });
  let hasBegun = false;
  /** Given out before the log was made ready for it, which is not done until it has to be: what brings nothing new writes nothing. */
  let early: Uint8Array[] = [];
  const intake = createIntake({
    chain: plan.chain,
    begun: log.read({ start: start - (start % chunkBytes), end: start }),
    wholeLines,
    hash: sink.hash,
    allocate: sink.allocate,
    emit(bytes) {
      counter.push(bytes);
      if (hasBegun) log.append(bytes);
      else early.push(new Uint8Array(bytes));
    },
  });
  const cursorAt = (chain: ChunkChain, lastTimestamp: string | undefined) => ({
    source: { name, identity: stat?.identity ?? '' },
    chain,
    head: chain.offset === 0 ? undefined : headOf(log, chain.offset, sink.hash),
    lastTimestamp,
  });
  const begin = async () => {
    await log.begin(cursorAt(plan.chain, timeBefore), start);
    hasBegun = true;
    for (const bytes of early) log.append(bytes);
    early = [];
  };

  const committer =
    following &&
    createCommitter({
      clock: following.clock,
      commit: (movesCursor) => log.sync(movesCursor ? cursorAt(intake.chain(), counter.counts().lastTimestamp ?? timeBefore) : undefined),
      onFailure: () => void stream.stop(),
    });

  let seenBytes = 0;
  const finish = async (whole: boolean): Promise<LogReport> => {
    await committer?.stop();
    if (whole) intake.end();
    else intake.flush();
    if (early.length > 0) await begin();
    const chain = intake.chain();
    const counts = counter.counts();
    const isGrown = chain.offset > start;
    const lastTimestamp = counts.lastTimestamp ?? timeBefore;
    const isStale = cursorBefore !== undefined && (cursorBefore.appending || !localBefore.untouched);
    if (hasBegun || plan.adopted || isStale) {
      if (!hasBegun) await begin();
      await log.save(cursorAt(chain, lastTimestamp));
    }
    const outcome = plan.adopted ? 'adopted' : isGrown ? 'appended' : 'up-to-date';
    return {
      ...emptyReport(pull, log, stat?.sizeBytes),
      ...counts,
      outcome,
      fromByte: start,
      toByte: chain.offset,
      lastTimestamp,
      bytesReceived: seenBytes,
    };
  };

  const nextPiece = async (): Promise<Uint8Array | undefined> => {
    try {
      signal?.throwIfAborted();
      return await stream.next();
    } catch (error) {
      // What has arrived is proved to continue the log and need not be sent again. The caller has to know why it ended, whatever becomes of this.
      const taken = hasBegun || following !== undefined ? await finish(false).catch(() => undefined) : undefined;
      if (taken !== undefined) following?.onBrokenOff(taken);
      throw committer?.failure ?? error;
    }
  };

  if (plan.cutLocal) await begin();
  for (let piece = await nextPiece(); piece !== undefined; piece = await nextPiece()) {
    const known = Math.min(Math.max(0, overlap.length - seenBytes), piece.length);
    if (!isSame(piece.subarray(0, known), overlap.subarray(seenBytes, seenBytes + known))) return 'moved';
    seenBytes += piece.length;
    intake.push(piece.subarray(known));
    if (following !== undefined) intake.flush();
    if (early.length > 0) await begin();
    if (hasBegun) committer?.request();
    const doneBytes = Math.max(0, seenBytes - overlap.length);
    pull.onEvent?.({ type: 'progress', phase: 'log', doneBytes, totalBytes: Math.max(totalBytes, doneBytes), doneItems: 0, totalItems: 1 });
  }
  return seenBytes < overlap.length ? 'moved' : finish(isOver || (await following?.isOver()) === true);
}

/** From where a source is read so that the first bytes are known ones. */
export function beforeOverlap(offset: number): number {
  return Math.max(0, offset - overlapBytes);
}

/** The unfinished line that ends at `offset`; `before` is what stands there. One that is longer than a chunk is taken from there on. */
function lineBefore(log: OpenLog, offset: number, before: Uint8Array): Uint8Array | undefined {
  if (offset === 0 || before.at(-1) === newline) return undefined;
  const bytes = log.read({ start: Math.max(0, offset - chunkBytes), end: offset });
  return bytes.subarray(bytes.lastIndexOf(newline) + 1);
}

/** Of a file that was pulled without us: the time of its last whole line. */
function lastTimeIn(bytes: Uint8Array): string | undefined {
  const counter = createLineCounter({ json: 'off' });
  counter.push(bytes);
  return counter.counts().lastTimestamp;
}

function headOf(log: OpenLog, offset: number, hash: HashBytes): LogCursor['head'] {
  const bytes = Math.min(offset, headBytesMax);
  return { bytes, digest: hash(log.read({ start: 0, end: bytes })) };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
