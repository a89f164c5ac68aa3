/**
 * A log as a stream of whole lines, for a consumer that keeps no copy of it.
 *
 * Each batch comes with a checkpoint. Who stores it together with its own effect (in one transaction, in one atomic file) and starts from what was stored sees
 * every line exactly once, through rotations, lost connections and crashes of either side. Where the log goes on is proved by content: the first and the last
 * bytes before the checkpoint have to be there, in the log or in a generation of it; then the generations that were written after it follow in their order.
 */

import { createTrail, fingerprint, headBytes, type LogCheckpoint, tailBytes } from '../../log/checkpoint.ts';
import type { Extent } from '../../log/extent.ts';
import { generationsAfter } from '../../log/generations.ts';
import { newline } from '../../log/json-line.ts';
import { createWholeLines } from '../../log/whole-lines.ts';
import type { Clock } from '../clock.ts';
import { isSyncError, SyncError } from '../errors.ts';
import type { LogSource, LogStat } from './log-source.ts';
import { type Reading, startReading } from './reading.ts';
import { createReopening, type OpenLogSource } from './reopening.ts';
import type { LogReport } from './report.ts';
import { type Generation, isSameList, namedGenerations } from './rotation.ts';

export interface FollowLogOptions {
  /** Or what opens one; it is opened anew when its connection is lost, and closed here. That takes a `clock`. */
  readonly source: LogSource | OpenLogSource;
  /** The checkpoint of the last batch that was dealt with; or the first line of the log as it is now (the default), or the first that is written from now on. */
  readonly from?: LogCheckpoint | 'start' | 'end' | undefined;
  /** With a clock a log that is missing is waited for; without one it is `SYNC_LOG_MISSING`. */
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LogBatch {
  /** Without their newlines. What is no UTF-8 is replaced by U+FFFD; `bytes` are exact. */
  readonly lines: readonly string[];
  /** The same lines as they are in the log, newlines included. The last of a generation may have none. */
  readonly bytes: Uint8Array;
  /** Where they stand in their generation. */
  readonly fromByte: number;
  readonly toByte: number;
  /** Counted from 1, where the log was first followed. */
  readonly generation: number;
  /** In the first batch of a generation: why something may be missing before it, as in the report of a pull. */
  readonly gap: LogReport['gap'];
  readonly checkpoint: LogCheckpoint;
}

/**
 * Gives out what is there and then what is written, until the signal is aborted: then it throws the signal's reason. Writes nothing, here or there. The next batch
 * is read when it is asked for, so a slow consumer slows the source.
 * `SYNC_LOG_FORKED`: the log is no continuation of the checkpoint, and no generation of it that can be read is either.
 */
export async function* followLog({ source, from = 'start', clock, signal }: FollowLogOptions): AsyncGenerator<LogBatch, void> {
  if (typeof source === 'function' && clock === undefined) throw new TypeError('to open a source anew takes a clock');
  signal?.throwIfAborted();
  const reopening = createReopening(source, { clock, signal });
  const position: Position = { checkpoint: typeof from === 'string' ? undefined : from, isOver: false, isCopied: false };
  let fromEnd = from === 'end';
  try {
    for (;;) {
      try {
        const opened = await reopening.open();
        if (fromEnd) position.checkpoint = await lastLineEnd(opened, signal);
        fromEnd = false;
        for (;;) {
          const stretch = await nextStretch(opened, position, signal);
          reopening.worked();
          if (stretch !== 'missing') yield* linesOf(opened, position, stretch, signal);
          else if (clock === undefined) throw new SyncError('SYNC_LOG_MISSING', `the log ${opened.name} is not there`, { path: opened.name });
          else await clock.delay(missingMs, signal);
        }
      } catch (error) {
        await reopening.recover(error);
      }
    }
  } finally {
    await reopening.close();
  }
}

const missingMs = 1_000;

interface Position {
  /** Of the last batch. */
  checkpoint: LogCheckpoint | undefined;
  /** Its generation was given out whole. */
  isOver: boolean;
  /** It was ended by copying and truncating. */
  isCopied: boolean;
}

/** One file, from the checkpoint on or from its first byte. */
interface Stretch {
  /** `undefined`: the log under its own name. */
  readonly of: string | undefined;
  readonly stat: LogStat;
  readonly from: LogCheckpoint | undefined;
  /** Something was written after it, so its last line is given out as it is. Otherwise it may still grow. */
  readonly isOver: boolean;
  readonly gap: LogReport['gap'];
  /** Asked once it is open: whether it still is what was meant. */
  readonly check?: (() => Promise<boolean>) | undefined;
}

async function nextStretch(source: LogSource, position: Position, signal: AbortSignal | undefined): Promise<Stretch | 'missing'> {
  for (;;) {
    const { stat: current } = await source.facts({ extents: [], signal });
    const { checkpoint } = position;
    if (current !== undefined && !position.isOver && (checkpoint === undefined || (await continues(source, checkpoint, { stat: current }, signal))))
      return { of: undefined, stat: current, from: checkpoint, isOver: false, gap: undefined };
    if (checkpoint === undefined) return 'missing';
    const stretch = await afterRotation(source, position, { checkpoint, current, signal });
    if (stretch !== 'moved') return stretch;
  }
}

interface Rotated {
  readonly checkpoint: LogCheckpoint;
  readonly current: LogStat | undefined;
  readonly signal: AbortSignal | undefined;
}

async function afterRotation(
  source: LogSource,
  position: Position,
  { checkpoint, current, signal }: Rotated,
): Promise<Stretch | 'missing' | 'moved'> {
  const files = await source.generations({ signal });
  const isSame = async (): Promise<boolean> => isSameList(files, await source.generations({ signal }));
  const named = namedGenerations(source.name, files);
  const readable = named.filter(({ compressed }) => !compressed);
  const isInPlace = current !== undefined && current.identity === checkpoint.source.identity;

  let found = await findGeneration(source, checkpoint, readable, signal);
  if (found === undefined && isInPlace && !position.isOver) {
    found = await findCopy(source, checkpoint, { current, readable, signal });
    if (found !== undefined) position.isOver = true;
  }
  // Names that were given anew while we looked lead past what we look for.
  if (found === undefined && !(await isSame())) return 'moved';
  if (found === undefined && !position.isOver) {
    if (current === undefined) return 'missing';
    const { name: path } = source;
    throw new SyncError('SYNC_LOG_FORKED', `the log ${path} is no continuation of the checkpoint at byte ${checkpoint.offset}`, { path });
  }
  if (found !== undefined && isInPlace) position.isCopied = true;

  const after = found === undefined ? [] : (generationsAfter(found, named) as readonly Generation[]);
  const later = after.filter(({ compressed, stat }) => !compressed && stat.sizeBytes > 0);
  const currentHolds = current !== undefined && current.sizeBytes > 0;
  if (found !== undefined && !position.isOver)
    return { of: found.name, stat: found.stat, from: checkpoint, isOver: later.length > 0 || currentHolds, gap: undefined };

  const gap = after.some(({ compressed }) => compressed) ? 'unread' : position.isCopied ? 'copied' : found === undefined ? 'unknown' : undefined;
  const [next, ...rest] = later;
  if (next !== undefined) return { of: next.name, stat: next.stat, from: undefined, isOver: rest.length > 0 || currentHolds, gap, check: isSame };
  return current === undefined ? 'missing' : { of: undefined, stat: current, from: undefined, isOver: false, gap, check: isSame };
}

/** `moved`, in that nothing more comes of it and where it goes on has to be looked for, is how every stretch ends. */
async function* linesOf(source: LogSource, position: Position, stretch: Stretch, signal: AbortSignal | undefined): AsyncGenerator<LogBatch, void> {
  const { of, stat, from, isOver, check } = stretch;
  const before = tailBytes(from?.offset ?? 0);
  let fromByte = from?.offset ?? 0;
  let { gap } = stretch;
  const generation = from?.generation ?? (position.checkpoint?.generation ?? 0) + 1;
  const stream = startReading(source, { fromByte: fromByte - before, of, identity: stat.identity, follow: !isOver, signal });
  try {
    await stream.opened();
    if (check !== undefined && !(await check())) return;
    const { known, rest } = await takeKnown(stream, before);
    if (from !== undefined && (known.length < before || fingerprint(known) !== from.tail)) return;
    const trail = createTrail(from && { checkpoint: from, tail: known });
    const toBatch = (bytes: Uint8Array): LogBatch => {
      trail.push(bytes);
      const edges = trail.edges();
      const checkpoint: LogCheckpoint = { format: 1, source: { name: of ?? source.name, identity: stat.identity }, generation, ...edges };
      const batch = { lines: textLines(bytes), bytes, fromByte, toByte: edges.offset, generation, gap, checkpoint };
      fromByte = edges.offset;
      gap = undefined;
      Object.assign(position, { checkpoint, isOver: false, isCopied: false });
      return batch;
    };
    const whole = createWholeLines();
    for (let piece: Uint8Array | undefined = rest; piece !== undefined; piece = await stream.next()) {
      const bytes = whole.push(piece);
      if (bytes.length > 0) yield toBatch(bytes);
    }
    if (isOver || (await goesOnElsewhere(source, stat, signal))) {
      const bytes = whole.rest();
      if (bytes.length > 0) yield toBatch(bytes);
      if (position.checkpoint?.generation === generation) position.isOver = true;
    }
  } catch (error) {
    // It got another name between two questions.
    if (!isSyncError(error) || error.code !== 'SYNC_LOG_MISSING') throw error;
  } finally {
    await stream.stop();
  }
}

/** The first bytes of a stream, and what came behind them. */
async function takeKnown(stream: Reading, count: number): Promise<{ readonly known: Uint8Array; readonly rest: Uint8Array }> {
  const known = new Uint8Array(count);
  let at = 0;
  while (at < count) {
    const piece = await stream.next();
    if (piece === undefined) return { known: known.subarray(0, at), rest: new Uint8Array(0) };
    known.set(piece.subarray(0, count - at), at);
    const rest = piece.slice(count - at);
    at += piece.length;
    if (at >= count) return { known, rest };
  }
  return { known, rest: new Uint8Array(0) };
}

async function goesOnElsewhere(source: LogSource, stat: LogStat, signal: AbortSignal | undefined): Promise<boolean> {
  const { stat: current } = await source.facts({ extents: [], signal });
  return current !== undefined && current.identity !== stat.identity && current.sizeBytes > 0;
}

interface Candidate {
  readonly name?: string | undefined;
  readonly stat: LogStat;
}

/** Whether a file holds what was given out, as far as its edges tell. */
async function continues(source: LogSource, checkpoint: LogCheckpoint, file: Candidate, signal: AbortSignal | undefined): Promise<boolean> {
  const { offset, head, tail } = checkpoint;
  if (file.stat.sizeBytes < offset) return false;
  const [first, last] = await edgesOf(source, file, offset, signal);
  return fingerprint(first) === head && fingerprint(last) === tail;
}

function edgesOf(source: LogSource, file: Candidate, offset: number, signal: AbortSignal | undefined): Promise<[Uint8Array, Uint8Array]> {
  return Promise.all([
    readBytes(source, file, { start: 0, end: headBytes(offset) }, signal),
    readBytes(source, file, { start: offset - tailBytes(offset), end: offset }, signal),
  ]);
}

async function findGeneration(
  source: LogSource,
  checkpoint: LogCheckpoint,
  readable: readonly Generation[],
  signal: AbortSignal | undefined,
): Promise<Generation | undefined> {
  const { identity } = checkpoint.source;
  const likely = [...readable].sort((a, b) => Number(b.stat.identity === identity) - Number(a.stat.identity === identity));
  for (const generation of likely) if (await continues(source, checkpoint, generation, signal)) return generation;
  return undefined;
}

/**
 * A copy that was made before the last of what was given out had been written, of a log that was truncated in place since: it has nothing more for us. By its
 * head, which the log has no more, and at least half as long. The longest.
 */
async function findCopy(
  source: LogSource,
  { offset, head }: LogCheckpoint,
  { current, readable, signal }: { readonly current: LogStat; readonly readable: readonly Generation[]; readonly signal: AbortSignal | undefined },
): Promise<Generation | undefined> {
  const hasHead = async (file: Candidate): Promise<boolean> =>
    file.stat.sizeBytes >= headBytes(offset) && fingerprint(await readBytes(source, file, { start: 0, end: headBytes(offset) }, signal)) === head;
  if (await hasHead({ stat: current })) return undefined;
  const shorter = readable
    .filter(({ stat }) => stat.sizeBytes < offset && stat.sizeBytes * 2 >= offset)
    .sort((a, b) => b.stat.sizeBytes - a.stat.sizeBytes);
  for (const generation of shorter) if (await hasHead(generation)) return generation;
  return undefined;
}

/** Fewer, or none, if the file is another one by now. */
async function readBytes(
  source: LogSource,
  { name, stat }: Candidate,
  { start: fromByte, end: toByte }: Extent,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(toByte - fromByte);
  let at = 0;
  try {
    for await (const piece of source.read({ fromByte, toByte, of: name, identity: stat.identity, signal })) {
      bytes.set(piece, at);
      at += piece.length;
    }
  } catch (error) {
    if (!isSyncError(error) || error.code !== 'SYNC_LOG_MISSING') throw error;
    return bytes.subarray(0, 0);
  }
  return bytes.subarray(0, at);
}

/** How far back the end of a line is looked for. */
const lineSearchBytes: number = 1024 * 1024;

/** Behind the last whole line there is, so that the line which is being written will be given out whole. `undefined`: there is none, or no log. */
async function lastLineEnd(source: LogSource, signal: AbortSignal | undefined): Promise<LogCheckpoint | undefined> {
  const { stat } = await source.facts({ extents: [], signal });
  if (stat === undefined || stat.sizeBytes === 0) return undefined;
  const start = Math.max(0, stat.sizeBytes - lineSearchBytes);
  const bytes = await readBytes(source, { stat }, { start, end: stat.sizeBytes }, signal);
  if (start + bytes.length < stat.sizeBytes) return lastLineEnd(source, signal);
  const lineEnd = bytes.lastIndexOf(newline) + 1;
  if (lineEnd === 0 && start === 0) return undefined;
  const offset = start + (lineEnd === 0 ? bytes.length : lineEnd);
  const [head, tail] = await edgesOf(source, { stat }, offset, signal);
  const { name } = source;
  return { format: 1, source: { name, identity: stat.identity }, generation: 1, offset, head: fingerprint(head), tail: fingerprint(tail) };
}

function textLines(bytes: Uint8Array): readonly string[] {
  // Made here: the library is loaded where there is nothing but the language, too.
  const lines = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).split('\n');
  if (bytes.at(-1) === newline) lines.pop();
  return lines;
}
