/**
 * Pulls what is new of a log: proves that source and local file are the same log so far, then appends.
 *
 * Facts and bytes are asked for at the same time, so that "nothing new" and a tail cost one round trip; if the facts do not match, the bytes are dropped.
 * Because they are two questions about a path that may be renamed between them, the bytes are asked for from a little before the end of the local file on,
 * and what arrives first has to be what is there last. So nothing is ever appended to a log that it does not continue.
 */
import type { HashBytes } from '../hash/digest.ts';
import { type ChunkChain, chunkBytes } from '../log/chunk-chain.ts';
import { headBytesMax, type LogCursor, type LogVerify } from '../log/cursor.ts';
import type { Extent } from '../log/extent.ts';
import { createIntake } from '../log/intake.ts';
import { newline } from '../log/json-line.ts';
import { createLineCounter, isJsonLinesName, isLinesName, type JsonCheck } from '../log/lines.ts';
import { askBeforePull, type LogOutcome, type PullPlan, planPull } from '../log/plan-pull.ts';
import { isSyncError, SyncError } from './errors.ts';
import type { OnEvent } from './events.ts';
import type { LogSink, OpenLog } from './log-sink.ts';
import type { LogFacts, LogSource } from './log-source.ts';

export interface PullLogOptions {
  readonly source: LogSource;
  readonly sink: LogSink;
  /** For the report. Default: the sink's. */
  readonly name?: string | undefined;
  /** Default: `tail`. */
  readonly verify?: LogVerify | undefined;
  /** Whether what becomes visible ends at a newline. Default: by the sink's name, yes for `.jsonl`, `.ndjson` and `.log`. */
  readonly lines?: boolean | undefined;
  /** Which lines are checked to be JSON. Default: by the sink's name, `sample` for `.jsonl` and `.ndjson`, else `off`. */
  readonly checkJson?: JsonCheck | undefined;
  readonly dryRun?: boolean | undefined;
  /** A pull ends; what goes on is `followLog`. */
  readonly follow?: false | undefined;
  /** How long another pull of the same log is waited for. Default: a minute. */
  readonly lockWaitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export interface LogReport {
  readonly name: string;
  readonly outcome: LogOutcome;
  /** What this pull brought. In a dry run: what it would bring, at most. */
  readonly fromByte: number;
  readonly toByte: number;
  /** Newlines in it. `undefined` in a dry run that would bring something: nothing was read. */
  readonly lines: number | undefined;
  /** Lines of it that are no JSON, of those that were checked; `undefined` if none was to be. */
  readonly malformed: number | undefined;
  readonly checkedLines: number;
  readonly firstTimestamp: string | undefined;
  /** Time that the last line names, as it is written there, or the last one known before; also when nothing is new. */
  readonly lastTimestamp: string | undefined;
  /** Bytes of the log that the source sent, those included that were not kept. */
  readonly bytesReceived: number;
  /** Size of the source; 0 if it is missing. */
  readonly sourceBytes: number;
  /** Where source and local file part, as far as it is known, if the outcome is a bad one. */
  readonly differsAtByte: number | undefined;
  readonly dryRun: boolean;
}

/**
 * One pull of one log. Data is reported, not thrown: a fork, a truncated or missing source and a local file that was changed are outcomes, and leave local
 * bytes alone. When it is aborted, or the source is lost, what had arrived by then is kept and counted, and then the promise rejects.
 */
export async function pullLog({ source, sink, lockWaitMs = 60_000, dryRun = false, ...options }: PullLogOptions): Promise<LogReport> {
  const { signal } = options;
  signal?.throwIfAborted();
  const log = await sink.open({ dryRun, waitMs: lockWaitMs, signal });
  try {
    // A log that is replaced between two questions is asked about anew.
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const report = await pullOnce(log, { ...options, source, sink, dryRun });
      if (report !== 'moved') return report;
    }
    throw new SyncError('SYNC_SOURCE_CHANGED', `${source.name} is replaced faster than it can be read`, {
      path: source.name,
      hint: 'pull again when it is quiet',
    });
  } finally {
    await log.release();
  }
}

const attemptsMax = 3;

/** How much of what is there already is read again from the source. Lines of logs name times and numbers, so a few of them are like no other. */
const overlapBytes = 4_096;

type Pull = Omit<PullLogOptions, 'lockWaitMs'> & { readonly dryRun: boolean };

async function pullOnce(log: OpenLog, pull: Pull): Promise<LogReport | 'moved'> {
  const { source, verify = 'tail', dryRun, signal } = pull;
  const situation = { cursor: log.cursor, local: log.local, verify };
  const questions = askBeforePull(situation);

  // Asked before the facts are awaited. What comes of it is looked at only if the facts allow it.
  const ahead = dryRun ? undefined : startReading(source, beforeOverlap(questions.resumeAt), signal);
  try {
    const [facts, localDigests] = await Promise.all([askFacts(source, questions.source, signal), log.digests(questions.local, signal)]);
    const sourceBytes = facts.stat?.sizeBytes;
    const plan = planPull(situation, { localDigests, sourceBytes, sourceDigests: facts.digests });
    if (!plan.go)
      return { ...emptyReport(pull, log, sourceBytes), outcome: plan.outcome, differsAtByte: plan.outcome === 'missing' ? undefined : plan.atByte };
    if (ahead === undefined) return dryReport(pull, log, plan, sourceBytes ?? 0);

    // What a dead pull left may have to be cut, which leads back behind what was asked for. That happens after a crash only, so it may cost a round trip.
    const stream = plan.chain.offset === questions.resumeAt ? ahead : startReading(source, beforeOverlap(plan.chain.offset), signal);
    try {
      return await takeIn(log, pull, { plan, stream, facts });
    } catch (error) {
      if (isSyncError(error) && error.code === 'SYNC_LOG_MISSING') return 'moved';
      throw error;
    } finally {
      await stream.stop();
    }
  } finally {
    await ahead?.stop();
  }
}

interface Taking {
  readonly plan: PullPlan & { readonly go: true };
  /** Begins with bytes that are there already, see {@link beforeOverlap}. */
  readonly stream: Reading;
  readonly facts: LogFacts;
}

async function takeIn(log: OpenLog, pull: Pull, { plan, stream, facts }: Taking): Promise<LogReport | 'moved'> {
  const { source, sink, lines: wholeLines = isLinesName(sink.name), checkJson = isJsonLinesName(sink.name) ? 'sample' : 'off', signal } = pull;
  const start = plan.chain.offset;
  const overlap = log.read({ start: beforeOverlap(start), end: start });
  const totalBytes = Math.max(0, (facts.stat?.sizeBytes ?? 0) - start);
  const { cursor: cursorBefore, local: localBefore } = log;
  const timeBefore = cursorBefore?.lastTimestamp ?? lastTimeIn(overlap);

  const counter = createLineCounter({ json: checkJson, lineSoFar: lineBefore(log, start, overlap) });
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
    source: { name: source.name, identity: facts.stat?.identity ?? '' },
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

  let seenBytes = 0;
  const finish = async (): Promise<LogReport> => {
    intake.flush();
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
      ...emptyReport(pull, log, facts.stat?.sizeBytes),
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
      if (hasBegun) await finish().catch(() => undefined);
      throw error;
    }
  };

  if (plan.cutLocal) await begin();
  for (let piece = await nextPiece(); piece !== undefined; piece = await nextPiece()) {
    const known = Math.min(Math.max(0, overlap.length - seenBytes), piece.length);
    if (!isSame(piece.subarray(0, known), overlap.subarray(seenBytes, seenBytes + known))) return 'moved';
    seenBytes += piece.length;
    intake.push(piece.subarray(known));
    if (early.length > 0) await begin();
    const doneBytes = Math.max(0, seenBytes - overlap.length);
    pull.onEvent?.({ type: 'progress', phase: 'log', doneBytes, totalBytes: Math.max(totalBytes, doneBytes), doneItems: 0, totalItems: 1 });
  }
  return seenBytes < overlap.length ? 'moved' : finish();
}

function beforeOverlap(offset: number): number {
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

/** As many extents as one message of the wire takes; a log of 16 GiB is asked about in one. */
const extentsPerQuestion = 16_384;

async function askFacts(source: LogSource, extents: readonly Extent[], signal: AbortSignal | undefined): Promise<LogFacts> {
  const first = await source.facts({ extents: extents.slice(0, extentsPerQuestion), signal });
  const digests = [...first.digests];
  while (first.stat !== undefined && digests.length < extents.length) {
    const more = await source.facts({ extents: extents.slice(digests.length, digests.length + extentsPerQuestion), signal });
    digests.push(...more.digests);
  }
  return { stat: first.stat, digests };
}

/** A stream that was asked for, and may turn out not to be wanted. */
interface Reading {
  /** `undefined`: the end. */
  next(): Promise<Uint8Array | undefined>;
  /** The source may stop sending. Twice is fine. */
  stop(): Promise<void>;
}

function startReading(source: LogSource, fromByte: number, signal: AbortSignal | undefined): Reading {
  const controller = new AbortController();
  const forward = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  const pieces = source.read({ fromByte, signal: controller.signal })[Symbol.asyncIterator]();
  let ahead: Promise<IteratorResult<Uint8Array>> | undefined = pieces.next();
  // Whoever asks for it gets the failure; if nobody does, it does not matter.
  ahead.catch(() => undefined);
  let isOver = false;
  return {
    async next() {
      const result = await (ahead ?? pieces.next());
      ahead = undefined;
      if (result.done === true) isOver = true;
      return result.done === true ? undefined : result.value;
    },
    async stop() {
      signal?.removeEventListener('abort', forward);
      if (isOver) return;
      isOver = true;
      controller.abort();
      await Promise.allSettled([ahead, pieces.return?.()]);
    },
  };
}

function emptyReport({ name, sink, dryRun }: Pull, { cursor, local }: OpenLog, sourceBytes: number | undefined): LogReport {
  const at = cursor?.chain.offset ?? local.sizeBytes ?? 0;
  return {
    name: name ?? sink.name,
    outcome: 'up-to-date',
    fromByte: at,
    toByte: at,
    lines: 0,
    malformed: undefined,
    checkedLines: 0,
    firstTimestamp: undefined,
    lastTimestamp: cursor?.lastTimestamp,
    bytesReceived: 0,
    sourceBytes: sourceBytes ?? 0,
    differsAtByte: undefined,
    dryRun,
  };
}

function dryReport(pull: Pull, log: OpenLog, plan: PullPlan & { readonly go: true }, sourceBytes: number): LogReport {
  const fromByte = plan.chain.offset;
  const isGrown = sourceBytes > fromByte;
  const outcome = plan.adopted ? 'adopted' : isGrown ? 'appended' : 'up-to-date';
  return { ...emptyReport(pull, log, sourceBytes), outcome, fromByte, toByte: Math.max(fromByte, sourceBytes), lines: isGrown ? undefined : 0 };
}
