/**
 * A disk that is simulated, under the same interface as the real one: `describeDisk` holds both to the same behaviour. It can do what no real one does on
 * demand: go through a power cut, fail any call with any errno, stop a process before any call, be copied at any moment. The same options and calls give the
 * same disk, inode numbers and times included.
 *
 * What is durable when is told in `simulated-storage.ts`. Beyond that it is a Linux file system as its user meets it: permissions are checked for owner, group
 * and others, and not for user 0; names have up to 255 bytes; times are those of the clock, cut to its tick; new entries in a directory with the set-gid bit
 * get its group. Not there: access times, ACLs, sticky directories, mounts.
 *
 * Paths are absolute. Names that are not UTF-8, and sockets and their kind, are made by `makeOther`.
 */
import type { Clock } from '../engine/clock.ts';
import type { Disk } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import type { Random } from './random.ts';
import { oddName, SimulatedDirectory } from './simulated-directory.ts';
import { Machine, permission, type SimulatedCall, type SimulatedDiskOptions } from './simulated-machine.ts';
import { createStorage, type Storage } from './simulated-storage.ts';

export interface SimulatedDisk extends Disk {
  /**
   * Called before each call that looks at the disk or changes it. What it throws comes out of the call, and nothing is done: an errno as a fault of the
   * disk ({@link errnoError}), anything else as the end of the process. Closing is not told: the kernel does it for whoever is gone.
   */
  onCall: ((call: SimulatedCall) => void) | undefined;
  /** Syncs for which it is `true` say that all is well, and do nothing. */
  ignoresSync: ((call: SimulatedCall) => boolean) | undefined;
  /** Files and directories that are open. */
  readonly openHandles: number;
  /** The disk as it is now, for processes to come; nothing is open on it. Hooks are not copied. `clock`: another one from here on. */
  copy(clock?: Pick<Clock, 'nowMs'>): SimulatedDisk;
  /**
   * The disk as it may be found when the power is back, if it fails now. This one goes on. `inOrder`: as on a journaling file system, operations on entries
   * persist in the order in which they were made.
   */
  afterPowerCut(random: Random, options?: { readonly inOrder?: boolean | undefined }): SimulatedDisk;
  /** Makes an entry that the interface cannot: a FIFO or the like, or one whose name is not UTF-8 (`name` of bytes). */
  makeOther(path: string, name: string | Uint8Array, kind: 'file' | 'other'): void;
}

/** With `/`, which belongs to the user. */
export function createSimulatedDisk(options: SimulatedDiskOptions): SimulatedDisk {
  const machine = new Machine(options);
  const nowNs = machine.nowNs();
  const { uid, gid } = machine.user;
  return onStorage(machine, createStorage({ mode: 0o755, uid, gid, mtimeNs: nowNs, ctimeNs: nowNs }), options);
}

function onStorage(machine: Machine, storage: Storage, options: SimulatedDiskOptions): SimulatedDisk {
  machine.storage = storage;
  return {
    uid: machine.user.uid,
    get onCall() {
      return machine.onCall;
    },
    set onCall(hook) {
      machine.onCall = hook;
    },
    get ignoresSync() {
      return machine.ignoresSync;
    },
    set ignoresSync(hook) {
      machine.ignoresSync = hook;
    },
    get openHandles() {
      return machine.openHandles;
    },
    openRoot(path) {
      machine.tell('openRoot', path);
      const found = machine.walk(path, true);
      if (found === undefined) return undefined;
      if (found.inode.kind !== 'directory') throw errnoError('ENOTDIR', `not a directory, open '${path}'`);
      machine.mustBeAllowed(found.inode, permission.read);
      return new SimulatedDirectory(machine, found.inode, found.path);
    },
    resolve(path) {
      machine.tell('resolve', path);
      const found = machine.walk(path, true);
      if (found === undefined) throw errnoError('ENOENT', `realpath '${path}'`);
      return found.path;
    },
    copy(clock = options.clock) {
      const copied = { ...options, clock };
      return onStorage(new Machine(copied), storage.copy(), copied);
    },
    afterPowerCut: (random, { inOrder = false } = {}) => onStorage(new Machine(options), storage.afterPowerCut(random, inOrder), options),
    makeOther(path, name, kind) {
      const directory = machine.walk(path, true)?.inode;
      if (directory?.kind !== 'directory') throw errnoError('ENOTDIR', path);
      const inode = machine.make(directory, kind, 0o644);
      storage.enter([{ directory, name: typeof name === 'string' ? name : oddName(name), inode }]);
    },
  };
}
