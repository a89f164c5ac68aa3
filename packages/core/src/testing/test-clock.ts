import type { Clock } from '../engine/clock.ts';

export interface TestClock extends Clock {
  /** Lets time go on; delays that are over resolve. */
  advance(ms: number): void;
}

/** A clock that stands still until it is told to go on, except that a delay is over at once and takes its time with it. Ids count from 1. */
export function createTestClock(startMs = 1_700_000_000_000): TestClock {
  let now = startMs;
  let ids = 0;
  return {
    nowMs: () => now,
    monotonicMs: () => now - startMs,
    delay(ms, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error);
      now += ms;
      return Promise.resolve();
    },
    newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
    advance(ms) {
      now += ms;
    },
  };
}
