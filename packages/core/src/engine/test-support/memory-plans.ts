import { digestHex } from '../../hash/digest.ts';
import { toyHash } from '../../testing/toy-hash.ts';
import { SyncError } from '../errors.ts';
import type { PlanStore } from '../plan-store.ts';

export interface MemoryPlans extends PlanStore {
  /** By hash. */
  readonly texts: Map<string, string>;
}

/** Sealed plans in memory, under a hash for tests. */
export function createMemoryPlans(): MemoryPlans {
  const texts = new Map<string, string>();
  return {
    texts,
    put(text) {
      const hash = digestHex(toyHash(new TextEncoder().encode(text)));
      texts.set(hash, text);
      return Promise.resolve({ id: hash.slice(0, 16), hash });
    },
    get(id) {
      const [hash, text] = [...texts].find(([known]) => known.startsWith(id)) ?? [];
      if (hash === undefined || text === undefined) return Promise.reject(new SyncError('SYNC_PLAN_UNKNOWN', `there is no plan ${id}`));
      return Promise.resolve({ id: hash.slice(0, 16), hash, text });
    },
  };
}
