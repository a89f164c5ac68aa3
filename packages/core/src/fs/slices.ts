import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../engine/clock.ts';

/**
 * Slices of synchronous work. Disk calls block the event loop (see `engine/disk.ts`), so whoever makes many of them asks between two items whether its
 * time is over, and then lets timers, sockets and the keepalive have theirs.
 */
export interface Slices {
  /** Whether this slice has lasted long enough. Costs a look at the clock. */
  isOver(): boolean;
  /** Ends the slice: the event loop turns once, and the next slice begins. Throws `signal.reason` if it was aborted meanwhile. */
  pause(): Promise<void>;
}

/** 10 ms is short against a round trip on a network and long against a turn of the event loop (some 10 µs). */
const defaultSliceMs = 10;

export function createSlices(clock: Clock, signal?: AbortSignal, sliceMs: number = defaultSliceMs): Slices {
  let started = clock.monotonicMs();
  return {
    isOver: () => clock.monotonicMs() - started >= sliceMs,
    async pause() {
      await setImmediate();
      signal?.throwIfAborted();
      started = clock.monotonicMs();
    },
  };
}
