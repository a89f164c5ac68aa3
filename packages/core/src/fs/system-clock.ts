import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../engine/clock.ts';

/** This machine's clock, and random identifiers. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async delay(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Node wraps the reason; whoever aborted is to find its own again.
      signal?.throwIfAborted();
      throw error;
    }
  },
  newId: () => randomUUID(),
};
