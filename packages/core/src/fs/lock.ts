/**
 * The lock: one run at a time on a root, on this machine.
 *
 * `lock` in the state folder holds a record of its owner. It is written beside and then linked to its name, which succeeds for one of many; so a lock file
 * is complete from its first moment, and one that cannot be read (a power cut, an accident) belongs to nobody.
 *
 * An owner that died leaves its file behind, and no person should have to remove it. But "look, see that it is dead, remove, take" is a race: between look
 * and remove another may have done all of it, and what is removed is a living lock. Renaming it away first only makes the gap smaller. So a dead lock has
 * exactly one heir: whoever first links its own record to `lock.after.TOKEN`, TOKEN being that of the dead one, and only the heir renames that over `lock`.
 * An heir that dies before it does is itself a dead owner with an heir. An heir that comes late, when the dead lock is gone already, sees so and steps back.
 *
 * Death is proved by pid, start time and boot (`lock-owner.ts`). Where that proves nothing (another machine, another container, no /proc), the owner's
 * heartbeat counts: it touches its file every 5 s, and one that was seen unchanged for 45 s, measured by the observer's own clock, is dead. Most of these
 * 45 s may have passed before anybody looked: the file's age is the distance between its `ctime` and that of a file written now, which on a network file
 * system are both its server's. But such a clock may have been set, or the owner may wake from the same sleep as we do; so also an owner that looks dead is
 * watched for 15 s, in which a living one beats twice, even by somebody who would not wait for a living one.
 *
 * What is no file of ours under the name (a link, a FIFO) is nobody's lock and is replaced like a damaged one, an empty folder removed; a folder with
 * something in it is left alone, and that is said.
 *
 * Taking costs six calls to the disk, releasing three, and none of them waits for the platter: after a power cut the owner is dead anyway.
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError, type SyncErrorDetails } from '../engine/errors.ts';
import { isWithoutLinks, unlinkIfThere } from './atomic-write.ts';
import { errnoOf } from './io-failure.ts';
import { createProcessTable, type ProcessTable } from './lock-owner.ts';
import { describeOwner, encodeLockRecord, type FoundLock, readLock } from './lock-record.ts';

const lockName = 'lock';

export interface RootLock {
  /**
   * Takes the lock, waiting at most `waitMs` for a living owner (15 s for one that may be dead, if that is longer): then `SYNC_LOCKED`, with the owner in
   * the details. Taken again while it is held, it is held until all have released; other `RootLock` objects, of this process or another, exclude each other.
   * `SYNC_STATE_UNSAFE`: under its name is a folder with something in it.
   */
  acquire(options: AcquireOptions): Promise<HeldLock>;
}

export interface AcquireOptions {
  /** The folder that the lock is in, held. */
  readonly directory: DiskDirectory;
  /** Path of that folder, for messages. */
  readonly folder: string;
  readonly waitMs: number;
  readonly initiator: string;
  readonly run: string;
  readonly signal?: AbortSignal | undefined;
}

export interface HeldLock {
  /** Whether the lock is still ours: it is lost if the process stood still for so long that others took it for dead. */
  isHeld(): boolean;
  /** Twice is fine. */
  release(): Promise<void>;
}

export interface RootLockOptions {
  /** Path of what is locked, for messages. */
  readonly path: string;
  readonly clock: Clock;
  readonly processes?: ProcessTable | undefined;
  /** A dead owner's lock was taken over. */
  readonly onTakeover?: ((owner: SyncErrorDetails) => void) | undefined;
  /** Calls `beat` again and again until the returned function is called. Default: every 5 s, keeping no process alive. */
  readonly startHeartbeat?: ((beat: () => void) => () => void) | undefined;
}

export function createRootLock(options: RootLockOptions): RootLock {
  const { clock, startHeartbeat = beatByTimer } = options;
  const processes = options.processes ?? createProcessTable();
  let taking: Promise<unknown> = Promise.resolve();
  let held: { readonly lock: TakenLock; readonly stopHeartbeat: () => void } | undefined;
  let holders = 0;

  const take = async (acquire: AcquireOptions): Promise<void> => {
    acquire.signal?.throwIfAborted();
    if (held !== undefined) return;
    const lock = await waitForLock(acquire, { ...options, processes });
    held = { lock, stopHeartbeat: startHeartbeat(() => lock.beat(clock.nowMs())) };
  };

  return {
    async acquire(acquire) {
      // One after the other: whoever asks second either finds the lock held by this object or waits with a patience of its own.
      const taken = taking.then(() => take(acquire));
      taking = taken.catch(() => undefined);
      await taken;
      holders++;
      let released = false;
      return {
        isHeld: () => !released && held?.lock.isOurs() === true,
        release() {
          if (released) return Promise.resolve();
          released = true;
          if (--holders > 0) return Promise.resolve();
          const last = held;
          held = undefined;
          last?.stopHeartbeat();
          last?.lock.release();
          return Promise.resolve();
        },
      };
    },
  };
}

const heartbeatMs = 5000;
/** An owner whose disk stalls for half a minute is not dead. */
const silenceMs = 45_000;
/** How long an owner is watched whose file says that it has been silent for all that time. */
const watchMs = 15_000;
const pollMs = { first: 100, longest: 250 } as const;
/** Longer chains of dead heirs than this do not happen by accident. */
const chainMax = 100;

function beatByTimer(beat: () => void): () => void {
  const timer = setInterval(beat, heartbeatMs);
  timer.unref();
  return () => clearInterval(timer);
}

type Surroundings = RootLockOptions & { readonly processes: ProcessTable };

async function waitForLock(acquire: AcquireOptions, surroundings: Surroundings): Promise<TakenLock> {
  const { clock } = surroundings;
  const startMs = clock.monotonicMs();
  let silence: { readonly pulse: string; readonly sinceMs: number; readonly isOld: boolean } | undefined;
  for (let nowMs = startMs, pauseMs: number = pollMs.first; ; nowMs = clock.monotonicMs(), pauseMs = Math.min(pauseMs + 50, pollMs.longest)) {
    const isSilent = silence !== undefined && nowMs - silence.sinceMs >= (silence.isOld ? watchMs : silenceMs);
    const tried = tryLock(acquire, surroundings, isSilent ? silence?.pulse : undefined);
    if (tried.taken) return tried.lock;
    const { owner } = tried;
    if (owner === undefined) silence = undefined;
    else if (silence?.pulse !== owner.pulse) silence = { pulse: owner.pulse, sinceMs: nowMs, isOld: looksDead(owner, acquire, surroundings) };
    // A second owner, or a second pulse, is a sign of life.
    const patienceMs = silence?.isOld === true && silence.sinceMs === startMs ? Math.max(acquire.waitMs, watchMs) : acquire.waitMs;
    const leftMs = startMs + patienceMs - nowMs;
    if (leftMs <= 0) throw lockedError(owner, surroundings.path);
    await clock.delay(Math.min(pauseMs, leftMs), acquire.signal);
  }
}

/** Whether an owner of whom nothing else is known last touched its file long ago, by the clock that stamps the files of this folder. */
function looksDead({ record, touchedNs }: FoundLock, acquire: AcquireOptions, surroundings: Surroundings): boolean {
  if (record !== undefined && surroundings.processes.fateOf(record) !== 'unknown') return false;
  try {
    const mine = writeRecord(acquire, surroundings);
    try {
      return Number((mine.touchedNs() - touchedNs) / 1_000_000n) >= silenceMs;
    } finally {
      mine.close();
    }
  } catch (error) {
    throw lockFailed(error, acquire, surroundings);
  }
}

export type LockAttempt =
  | { readonly taken: true; readonly lock: TakenLock }
  /** `owner` is missing if the lock changed hands in this very moment. */
  | { readonly taken: false; readonly owner: FoundLock | undefined };

/** One attempt, without waiting. `silent`: the pulse of an owner that gave no sign of life for long enough. */
export function tryLock(acquire: AcquireOptions, surroundings: Surroundings, silent: string | undefined): LockAttempt {
  const { directory } = acquire;
  try {
    // Whoever waits asks again and again: that writes nothing.
    const there = readChain(directory).at(-1);
    if (there?.record !== undefined && !isDead(there, surroundings.processes, true, silent)) return { taken: false, owner: there };
    const mine = writeRecord(acquire, surroundings);
    try {
      if (mine.publish(lockName)) return { taken: true, lock: mine.keep(lockName) };
      const chain = readChain(directory);
      const owner = chain.at(-1);
      if (owner === undefined || !isDead(owner, surroundings.processes, mine.canLink, silent)) return { taken: false, owner };
      if (!inherit(chain, mine, directory)) return { taken: false, owner: undefined };
      surroundings.onTakeover?.(describeOwner(owner));
      sweep(directory, chain, surroundings.processes);
      return { taken: true, lock: mine.keep(lockName) };
    } finally {
      mine.close();
    }
  } catch (error) {
    throw lockFailed(error, acquire, surroundings);
  }
}

/** The lock and its heirs so far, each dead one followed by its heir. The last one is who has, or would inherit, the lock. */
function readChain(directory: DiskDirectory): FoundLock[] {
  const chain: FoundLock[] = [];
  for (let name = lockName; chain.length < chainMax; ) {
    const found = readLock(directory, name);
    if (found === undefined) break;
    chain.push(found);
    name = heirName(found);
  }
  return chain;
}

/** An unreadable file is nobody's where files appear complete; where there are no hard links, somebody may be writing it just now, so it has to keep still. */
function isDead(owner: FoundLock, processes: ProcessTable, canLink: boolean, silent: string | undefined): boolean {
  const fate = owner.record === undefined ? (canLink ? 'dead' : 'unknown') : processes.fateOf(owner.record);
  return fate === 'dead' || (fate === 'unknown' && owner.pulse === silent);
}

/** Becomes the one heir of a chain of dead owners, and with it the owner. `false`: somebody else is, or was. */
function inherit(chain: readonly FoundLock[], mine: OwnRecord, directory: DiskDirectory): boolean {
  const [first] = chain;
  const last = chain.at(-1);
  if (first === undefined || last === undefined) return false;
  const claim = heirName(last);
  if (!mine.publish(claim)) return false;
  // A claim can also be had after an earlier heir is through with everything. Then the lock is not the dead one any more.
  if (readLock(directory, lockName)?.token !== first.token) {
    directory.unlink(claim);
    return false;
  }
  directory.rename(claim, directory, lockName);
  return true;
}

/** What dead owners left beside the lock, as far as the disk lets us. */
function sweep(directory: DiskDirectory, chain: readonly FoundLock[], processes: ProcessTable): void {
  const known = new Set(chain.map(({ name }) => name));
  try {
    for (const { name } of directory.list()) {
      if (name === undefined || !name.startsWith(`${lockName}.`)) continue;
      const record = known.has(name) ? undefined : readLock(directory, name)?.record;
      if (known.has(name) || (record !== undefined && processes.fateOf(record) === 'dead')) unlinkIfThere(directory, name);
    }
  } catch (error) {
    // The lock is ours by now; whoever takes over next finds the rest.
    if (errnoOf(error) === undefined) throw error;
  }
}

function heirName({ token }: FoundLock): string {
  return `${lockName}.after.${token}`;
}

/** Our record on the disk, under a name that only we use, until it is published as the lock or as a claim to one. */
interface OwnRecord {
  /** When it was written, as {@link FoundLock.touchedNs}. */
  touchedNs(): bigint;
  /** Whether this disk has hard links; known after the first `publish`. */
  readonly canLink: boolean;
  /** Gives it a name, if nothing has that name. */
  publish(name: string): boolean;
  /** The lock that it has become under that name. */
  keep(name: string): TakenLock;
  /** Forgets everything that was not kept. */
  close(): void;
}

function writeRecord({ directory, initiator, run }: AcquireOptions, { clock, processes }: Surroundings): OwnRecord {
  const create = (token: string, name: string): DiskFile => {
    const opened = directory.openFile(name, 'create');
    try {
      const since = new Date(clock.nowMs()).toISOString();
      opened.write(encodeLockRecord({ token, ...processes.self, initiator: initiator.slice(0, 200), run: run.slice(0, 200), since }), 0);
    } catch (error) {
      opened.close();
      unlinkIfThere(directory, name);
      throw error;
    }
    return opened;
  };
  const { token, file } = createUnderNewName(clock, processes, create);
  const beside = `${lockName}.${token}`;
  let canLink = true;
  let kept: DiskFile | undefined;
  let published = file;
  return {
    touchedNs: () => file.stat().ctimeNs,
    get canLink() {
      return canLink;
    },
    publish(name) {
      try {
        if (canLink) directory.link(beside, directory, name);
        else published = create(token, name);
        return true;
      } catch (error) {
        if (isErrno(error, 'EEXIST')) return false;
        if (!canLink || !isWithoutLinks(error)) throw error;
        canLink = false;
        return this.publish(name);
      }
    },
    keep(name) {
      kept = published;
      return takenLock(directory, name, kept);
    },
    close() {
      unlinkIfThere(directory, beside);
      if (kept !== file) file.close();
      if (published !== file && kept !== published) published.close();
    },
  };
}

function createUnderNewName(
  clock: Clock,
  { self }: ProcessTable,
  create: (token: string, name: string) => DiskFile,
): { readonly token: string; readonly file: DiskFile } {
  for (;;) {
    const token = `${self.pid}-${clock.newId()}`;
    try {
      return { token, file: create(token, `${lockName}.${token}`) };
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

interface TakenLock {
  isOurs(): boolean;
  beat(nowMs: number): void;
  release(): void;
}

/** The file stays open: what is under the name is compared with it, so that another's lock is never touched. */
function takenLock(directory: DiskDirectory, name: string, file: DiskFile): TakenLock {
  const { dev, ino } = file.stat();
  const isOurs = (): boolean => {
    const found = directory.lstat(name);
    return found?.ino === ino && found.dev === dev;
  };
  return {
    isOurs,
    beat(nowMs) {
      // A beat that fails is one that is missed; four more have to.
      try {
        file.setTimes(nowMs);
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
      }
    },
    release() {
      try {
        if (isOurs()) directory.unlink(name);
      } catch (error) {
        // The state folder itself may be gone, and the lock with it. What cannot be removed is taken over when this process is gone.
        if (errnoOf(error) === undefined) throw error;
      } finally {
        file.close();
      }
    },
  };
}

function lockedError(owner: FoundLock | undefined, path: string): SyncError {
  const details = owner === undefined ? {} : describeOwner(owner);
  const record = owner?.record;
  const who = record === undefined ? 'another run' : `${record.initiator} (process ${record.pid} on ${record.host}, since ${record.since})`;
  return new SyncError('SYNC_LOCKED', `${path} is in use by ${who}`, {
    path,
    ...details,
    hint: 'wait until that run has ended; a dead one is noticed by itself',
  });
}

function lockFailed(error: unknown, { folder }: AcquireOptions, { path }: Surroundings): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  if (errno === 'ENOTEMPTY') {
    const reason = `${folder}/${lockName} is a folder with something in it, and should be a file`;
    const hint = 'look who made that folder, and move it away';
    return new SyncError('SYNC_STATE_UNSAFE', `unable to lock ${path}: ${reason}`, { path: `${folder}/${lockName}`, reason, hint }, error);
  }
  const code =
    errno === 'ENOSPC' || errno === 'EDQUOT'
      ? 'SYNC_NO_SPACE'
      : errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS'
        ? 'SYNC_DENIED'
        : 'SYNC_IO';
  return new SyncError(code, `unable to lock ${path} (${folder}/${lockName}): ${errno}`, { path, errno }, error);
}
