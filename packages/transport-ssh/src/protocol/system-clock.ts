import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@ubos/sync-core';

/** The clock of a connection that was given none. (The one of `@ubos/sync-core/fs` brings the disk along, which the protocol does not know.) */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async delay(ms, signal) {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node wraps the reason; whoever aborted is to find its own again.
      signal?.throwIfAborted();
      throw error;
    }
  },
  newId: () => randomUUID(),
};
