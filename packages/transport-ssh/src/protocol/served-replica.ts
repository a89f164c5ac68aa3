/**
 * One replica that the peer has open: the order of its requests, and the locks to give back when the peer is gone.
 *
 * Requests run side by side, except that those which came after a lock begin when it is taken, and fail as it fails: a scan that ran before would
 * show a tree that another run was still changing.
 */
import type { Entry, Replica, ReplicaLock } from '@ubos/sync-core';

interface Unchanged {
  readonly base: () => Promise<Entry | undefined>;
  readonly tree: () => Promise<Entry | undefined>;
}

export class ServedReplica {
  readonly #opening: Promise<Replica>;
  readonly #ours: boolean;
  readonly #locks = new Set<ReplicaLock>();
  #turn: Promise<unknown> = Promise.resolve();
  /** Of the last scan, if the peer was told no more than that nothing had changed. */
  unchanged: Unchanged | undefined;

  constructor({ opening, ours }: { readonly opening: Promise<Replica>; readonly ours: boolean }) {
    this.#opening = opening;
    this.#ours = ours;
    // Whoever asks is told; nobody else has to be.
    opening.catch(() => {});
  }

  opened(): Promise<Replica> {
    return this.#opening;
  }

  /** The replica, when it is this request's turn. The place in the order is taken with the call. */
  async inTurn(): Promise<Replica> {
    await this.#turn;
    return this.#opening;
  }

  /** Takes a lock, in turn; what comes after waits for it. */
  async lock(take: (replica: Replica) => Promise<ReplicaLock>): Promise<ReplicaLock> {
    const before = this.#turn.catch(() => {});
    const taking = before.then(() => this.#opening).then(take);
    this.#turn = taking;
    // A lock that failed fails what was asked for together with it, not what is asked for later.
    const settled = (): void => {
      if (this.#turn === taking) this.#turn = Promise.resolve();
    };
    taking.then(settled, settled);
    const lock = await taking;
    this.#locks.add(lock);
    return lock;
  }

  async release(lock: ReplicaLock): Promise<void> {
    this.#locks.delete(lock);
    await lock.release();
  }

  async close(): Promise<void> {
    const replica = await this.#opening.catch(() => undefined);
    await Promise.allSettled([...this.#locks].map((lock) => this.release(lock)));
    if (this.#ours) await replica?.close();
  }
}
