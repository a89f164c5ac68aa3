import type { Clock } from '@ubos/sync-core';

export interface ManualClock extends Clock {
  /** Lets time go on, in steps short enough for loops of delays to keep up. */
  advance(ms: number): Promise<void>;
  /** Time goes on while this process does not run: nothing is due before the next step. */
  jump(ms: number): void;
}

/** Time stands still until it is told to go on; a delay lasts until then. Ids count from 1. */
export function createManualClock(): ManualClock {
  let nowMs = 0;
  let ids = 0;
  const delays = new Set<{ readonly atMs: number; readonly resolve: () => void }>();
  return {
    nowMs: () => 1_700_000_000_000 + nowMs,
    monotonicMs: () => nowMs,
    delay(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const onAbort = (): void => {
          delays.delete(entry);
          reject(signal?.reason as Error);
        };
        const entry = {
          atMs: nowMs + ms,
          resolve: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        delays.add(entry);
        signal?.addEventListener('abort', onAbort);
      });
    },
    newId: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
    jump(ms) {
      nowMs += ms;
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      while (nowMs < endMs) {
        nowMs = Math.min(endMs, nowMs + 1_000);
        for (const entry of delays) {
          if (entry.atMs > nowMs) continue;
          delays.delete(entry);
          entry.resolve();
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
