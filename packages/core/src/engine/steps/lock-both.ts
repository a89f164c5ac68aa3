/**
 * Takes both roots for one run. Two runs that start at the two ends in the same second must not wait for each other for ever, so waiting is done in
 * one order everywhere: that of the replica ids. Trying is free of that: both are tried at once, and if one is busy, nothing is kept.
 */
import { bothSides, type Side } from '../../reconcile/plan.ts';
import { isSyncError } from '../errors.ts';
import type { LockOptions, Replica, ReplicaId, ReplicaLock } from '../replica.ts';

/** Both locks. */
export interface BothLocks extends ReplicaLock {
  /** Whose they were, where the owner is dead. */
  readonly takenOver: ReadonlyMap<Side, string>;
}

/** `alpha`: its lock, if it was taken before. */
export async function tryLockBoth(
  replicas: Readonly<Record<Side, Replica>>,
  options: Omit<LockOptions, 'waitMs'>,
  alpha?: ReplicaLock,
): Promise<BothLocks | undefined> {
  const tried = await Promise.allSettled([alpha ?? replicas.alpha.lock({ ...options, waitMs: 0 }), replicas.beta.lock({ ...options, waitMs: 0 })]);
  const taken = new Map(tried.flatMap((result, index) => (result.status === 'fulfilled' ? [[bothSides[index] as Side, result.value] as const] : [])));
  if (taken.size === 2) return lockOf(taken);
  await lockOf(taken).release();
  for (const result of tried) {
    if (result.status === 'rejected' && !(isSyncError(result.reason) && result.reason.code === 'SYNC_LOCKED')) throw result.reason;
  }
  return undefined;
}

/** `SYNC_LOCKED` after `waitMs` in all. */
export async function lockInOrder(
  replicas: Readonly<Record<Side, Replica>>,
  ids: Readonly<Record<Side, ReplicaId | undefined>>,
  options: LockOptions,
): Promise<BothLocks> {
  const order: readonly Side[] = (ids.alpha ?? '') <= (ids.beta ?? '') ? ['alpha', 'beta'] : ['beta', 'alpha'];
  const taken = new Map<Side, ReplicaLock>();
  try {
    for (const side of order) taken.set(side, await replicas[side].lock(options));
  } catch (error) {
    await lockOf(taken).release();
    throw error;
  }
  return lockOf(taken);
}

function lockOf(locks: ReadonlyMap<Side, ReplicaLock>): BothLocks {
  return {
    takenOver: new Map([...locks].flatMap(([side, { tookOver }]) => (tookOver === undefined ? [] : [[side, tookOver] as const]))),
    async release() {
      await Promise.allSettled([...locks.values()].map((lock) => lock.release()));
    },
  };
}
