/**
 * A file that is read as it grows.
 *
 * The disk says when to look (inotify and its like), and because it may miss something (network file systems, memory maps) we look once a second as well, ten
 * times where it says nothing. The first change after a pause is read at once; then what comes within {@link gatherMs} is read together, so that ten thousand
 * lines a second are two hundred pieces and not ten thousand.
 *
 * Before each piece the bytes in front of it are read once more: a file that was cut and filled again is another one there, and nothing of it is sent.
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskFile, DiskStat } from '../engine/disk.ts';
import { createSlices } from './slices.ts';

export interface FollowFileOptions {
  readonly fromByte: number;
  /** Of the largest piece; pieces end at multiples of it. */
  readonly pieceBytes: number;
  /** What the log's name leads to now. */
  readonly current: () => DiskStat | undefined;
  /** Calls when the file or what the name leads to may have changed. `undefined`: it cannot. May throw. */
  readonly watch: (onChange: () => void) => (() => void) | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

const gatherMs = 5;
const lookMs = 1_000;
const lookUnwatchedMs = 100;
/** How long a file that has no name any more is kept open after the last that came of it. */
const removedMs = 60_000;
const knownBytesMax = 4_096;

/** Ends as `LogSource.follow` says. Pieces are valid until the next is asked for. */
export async function* followFile(
  file: DiskFile,
  { fromByte, pieceBytes, current, watch, clock, signal }: FollowFileOptions,
): AsyncGenerator<Uint8Array, void> {
  const waker = createWaker(clock, signal);
  const unwatch = watchOrNot(watch, waker.wake);
  const slices = createSlices(clock, signal);
  const { dev, ino } = file.stat();
  const buffer = Buffer.allocUnsafe(knownBytesMax + pieceBytes);
  let at = fromByte;
  let known = Buffer.alloc(Math.min(knownBytesMax, at));
  let grewMs = clock.monotonicMs();
  try {
    if (file.read(known, at - known.length) < known.length) return;
    for (;;) {
      // Looked at before the file is read: what was written to it before the writer turned to the next one is sent.
      const named = current();
      const goesOnElsewhere = named?.kind === 'file' && named.sizeBytes > 0 && (named.ino !== ino || named.dev !== dev);
      const lookedMs = clock.monotonicMs();
      for (;;) {
        signal?.throwIfAborted();
        const wanted = known.length + pieceBytes - (at % pieceBytes);
        const count = file.read(buffer.subarray(0, wanted), at - known.length);
        if (count < known.length || !known.equals(buffer.subarray(0, known.length))) return;
        if (count === known.length) break;
        const piece = buffer.subarray(known.length, count);
        at += piece.length;
        known = Buffer.from(buffer.subarray(Math.max(0, count - knownBytesMax), count));
        grewMs = lookedMs;
        yield piece;
        if (count < wanted) break;
        if (slices.isOver()) await slices.pause();
      }
      if (goesOnElsewhere) return;
      if (file.stat().links === 0 && lookedMs - grewMs >= removedMs) return;
      await waker.next(unwatch === undefined ? lookUnwatchedMs : lookMs);
      const sinceMs = clock.monotonicMs() - lookedMs;
      if (sinceMs < gatherMs) await clock.delay(gatherMs - sinceMs, signal);
    }
  } finally {
    unwatch?.();
  }
}

/** Without a watch we look more often. */
function watchOrNot(watch: FollowFileOptions['watch'], onChange: () => void): (() => void) | undefined {
  try {
    return watch(onChange);
  } catch {
    return undefined;
  }
}

interface Waker {
  readonly wake: () => void;
  /** Resolves when it was woken since the last time, at the latest after `ms`. Rejects with the reason of the signal. */
  next(ms: number): Promise<void>;
}

function createWaker(clock: Clock, signal: AbortSignal | undefined): Waker {
  let isAwake = false;
  let onWake = (): void => {};
  return {
    wake() {
      isAwake = true;
      onWake();
    },
    async next(ms) {
      signal?.throwIfAborted();
      if (!isAwake) {
        const over = new AbortController();
        const stop = (): void => over.abort();
        onWake = stop;
        signal?.addEventListener('abort', stop, { once: true });
        await clock.delay(ms, over.signal).catch(() => {});
        signal?.removeEventListener('abort', stop);
        onWake = () => {};
        signal?.throwIfAborted();
      }
      isAwake = false;
    },
  };
}
