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
import type { Disk, DiskDirectory, DiskFile, DiskListing, DiskStat } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import type { Random } from './random.ts';
import { createStorage, type Inode, type InodeState, type Storage, stateOf } from './simulated-storage.ts';

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

export interface SimulatedCall {
  /** `list`, `rename`, `openFile`, `file.write`, `file.sync`, ... */
  readonly call: string;
  /** Of the child, of the file, or of the directory itself; where it was when the handle was opened. */
  readonly path: string;
  /** Of `rename`, `link` and `copyFile`. */
  readonly toPath?: string | undefined;
  /** Of `openFile`. */
  readonly access?: 'read' | 'create' | 'write' | 'append' | undefined;
  /** Whether it changes the disk, or makes it durable. */
  readonly writes: boolean;
  /** Of `file.write`: does the first half of it, as a process does that is killed in the middle. */
  readonly doHalf?: (() => void) | undefined;
}

export interface SimulatedDiskOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Who makes the calls. Default: user and group 1000, umask 022. User 0 may do everything. */
  readonly user?: SimulatedUser | undefined;
  /** Times are cut to it. Default 4 ms, as kernels have it. */
  readonly tickNs?: bigint | undefined;
  /** Default: 1 TiB. */
  readonly capacityBytes?: number | undefined;
  /** Tells disks apart. Default 1. */
  readonly dev?: bigint | undefined;
  /** Makes a sync last a random while, so that those that go on at the same time end in any order. Default: they end in order. */
  readonly random?: Random | undefined;
}

export interface SimulatedUser {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
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
      machine.mustBeAllowed(found.inode, read);
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
      storage.enter([{ directory, name: typeof name === 'string' ? name : `${notUtf8}${[...name].join()}`, inode }]);
    },
  };
}

/** Permission bits of one class. */
const read = 4;
const write = 2;
const enter = 1;

/** Begins the key of a name that is not UTF-8: no name holds it. */
const notUtf8 = '\0';
const nameBytesMax = 255;
const targetBytesMax = 4095;
/** As many links as Linux follows. */
const linksMax = 40;
/** ext4. */
const fileSystemType = 0xef53;
const nothing = new Uint8Array(0);
const encoder = new TextEncoder();

/** What all handles of a disk share. */
class Machine {
  readonly user: SimulatedUser;
  readonly dev: bigint;
  storage!: Storage;
  onCall: ((call: SimulatedCall) => void) | undefined;
  ignoresSync: ((call: SimulatedCall) => boolean) | undefined;
  openHandles = 0;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #tickNs: bigint;
  readonly #capacityBytes: number;
  readonly #random: Random | undefined;

  constructor({
    clock,
    user = { uid: 1000, gid: 1000, umask: 0o022 },
    tickNs = 4_000_000n,
    capacityBytes = 2 ** 40,
    dev = 1n,
    random,
  }: SimulatedDiskOptions) {
    this.user = user;
    this.dev = dev;
    this.#clock = clock;
    this.#tickNs = tickNs;
    this.#capacityBytes = capacityBytes;
    this.#random = random;
  }

  get freeBytes(): number {
    return Math.max(0, this.#capacityBytes - this.storage.usedBytes);
  }

  nowNs(): bigint {
    const nowNs = BigInt(Math.floor(this.#clock.nowMs() * 1000)) * 1000n;
    return nowNs - (nowNs % this.#tickNs);
  }

  tell(call: string, path: string, more: Partial<Pick<SimulatedCall, 'toPath' | 'access' | 'doHalf'>> & { readonly writes?: boolean } = {}): void {
    this.onCall?.({ call, path, writes: false, ...more });
  }

  /** Where a path leads. `undefined`: nothing is there. */
  walk(path: string, followsLast: boolean): { readonly inode: Inode; readonly path: string } | undefined {
    let names = path.split('/').filter((name) => name !== '' && name !== '.');
    let way: { readonly inode: Inode; readonly path: string }[] = [{ inode: this.storage.root, path: '' }];
    for (let links = 0; names.length > 0; ) {
      const [name = '', ...rest] = names;
      names = rest;
      const here = way.at(-1) as (typeof way)[number];
      if (here.inode.kind !== 'directory') throw errnoError('ENOTDIR', path);
      this.mustBeAllowed(here.inode, enter);
      if (name === '..') {
        if (way.length > 1) way = way.slice(0, -1);
        continue;
      }
      const inode = here.inode.entries.get(name);
      if (inode === undefined) return undefined;
      if (inode.kind === 'symlink' && (followsLast || names.length > 0)) {
        if (++links > linksMax) throw errnoError('ELOOP', path);
        if (inode.target.startsWith('/')) way = way.slice(0, 1);
        names = [...inode.target.split('/').filter((part) => part !== '' && part !== '.'), ...names];
      } else way = [...way, { inode, path: `${here.path}/${name}` }];
    }
    const { inode, path: found } = way.at(-1) as (typeof way)[number];
    return { inode, path: found === '' ? '/' : found };
  }

  mustBeAllowed(inode: Inode, wanted: number): void {
    const { uid, gid } = this.user;
    if (uid === 0) return;
    const state = stateOf(inode);
    const bits = state.mode >> (state.uid === uid ? 6 : state.gid === gid ? 3 : 0);
    if ((bits & wanted) !== wanted) throw errnoError('EACCES', 'permission denied');
  }

  mustOwn(inode: Inode): void {
    if (this.user.uid !== 0 && stateOf(inode).uid !== this.user.uid) throw errnoError('EPERM', 'not the owner');
  }

  mustHaveRoom(bytes: number): void {
    if (bytes > this.freeBytes) throw errnoError('ENOSPC', 'no space left');
  }

  /** An inode for a new entry of this directory. */
  make(directory: Inode, kind: Inode['kind'], mode: number, target?: string): Inode {
    this.mustHaveRoom(1);
    const nowNs = this.nowNs();
    const above = stateOf(directory);
    const inherits = (above.mode & 0o2000) !== 0;
    const state: InodeState = {
      bytes: nothing,
      mode: kind === 'directory' && inherits ? mode | 0o2000 : mode,
      uid: this.user.uid,
      gid: inherits ? above.gid : this.user.gid,
      mtimeNs: nowNs,
      ctimeNs: nowNs,
    };
    return this.storage.make(kind, state, target);
  }

  /** Changes an inode now: its ctime follows. */
  change(inode: Inode, state: Partial<InodeState>): void {
    this.storage.change(inode, { ctimeNs: this.nowNs(), ...state });
  }

  /** The entries of a directory have changed now. */
  touch(directory: Inode): void {
    const nowNs = this.nowNs();
    this.storage.change(directory, { mtimeNs: nowNs, ctimeNs: nowNs });
  }

  /** Takes effect after a while, for what was there when it was asked for. */
  async sync(call: SimulatedCall, begin: () => () => void): Promise<void> {
    this.onCall?.(call);
    const finish = this.ignoresSync?.(call) === true ? undefined : begin();
    for (let turns = this.#random?.below(8) ?? 1; turns > 0; turns--) await Promise.resolve();
    finish?.();
  }

  hold(inode: Inode): void {
    inode.opens++;
    this.openHandles++;
  }

  letGo(inode: Inode): void {
    inode.opens--;
    this.openHandles--;
    this.storage.freeIfGone(inode);
  }

  statOf(inode: Inode): DiskStat {
    const { bytes, mode, uid, gid, mtimeNs, ctimeNs } = stateOf(inode);
    const sizeBytes = inode.kind === 'symlink' ? encoder.encode(inode.target).length : inode.kind === 'directory' ? 4096 : bytes.length;
    return { kind: inode.kind, mode, sizeBytes, mtimeNs, ctimeNs, dev: this.dev, ino: inode.ino, links: inode.links, uid, gid };
  }
}

class SimulatedDirectory implements DiskDirectory {
  readonly #machine: Machine;
  readonly #inode: Inode;
  /** Where it was when it was opened. */
  readonly #path: string;
  #isOpen = true;

  constructor(machine: Machine, inode: Inode, path: string) {
    this.#machine = machine;
    this.#inode = inode;
    this.#path = path === '/' ? '' : path;
    machine.hold(inode);
  }

  get identity(): { readonly dev: bigint; readonly ino: bigint } {
    return { dev: this.#machine.dev, ino: this.#inode.ino };
  }

  list(): readonly DiskListing[] {
    this.#tell('list');
    this.#machine.mustBeAllowed(this.#inode, read);
    if (this.#inode.links === 0) throw errnoError('ENOENT', 'the directory was removed, scandir');
    return listingOf(this.#inode);
  }

  lstat(name: string): DiskStat | undefined {
    this.#tell('lstat', name);
    const inode = this.#find(name);
    return inode && this.#machine.statOf(inode);
  }

  glance(path: string): DiskStat | undefined {
    this.#tell('glance', path);
    const found = this.#machine.walk(`${this.#path}/${path}`, false);
    return found && this.#machine.statOf(found.inode);
  }

  glanceList(path: string): readonly DiskListing[] | undefined {
    this.#tell('glanceList', path);
    const inode = this.#mustFind(`${this.#path}/${path}`, true);
    if (inode.kind !== 'directory') throw errnoError('ENOTDIR', `scandir '${path}'`);
    this.#machine.mustBeAllowed(inode, read);
    return listingOf(inode);
  }

  glanceLink(path: string): string | undefined {
    this.#tell('glanceLink', path);
    return targetOf(this.#mustFind(`${this.#path}/${path}`, false), path);
  }

  stat(): DiskStat {
    this.#tell('stat');
    return this.#machine.statOf(this.#inode);
  }

  openDirectory(name: string): DiskDirectory {
    this.#tell('openDirectory', name);
    const inode = this.#find(name);
    if (inode === undefined) throw errnoError('ENOENT', `open '${name}'`);
    if (inode.kind !== 'directory') throw errnoError('ENOTDIR', `open '${name}'`);
    this.#machine.mustBeAllowed(inode, read);
    return new SimulatedDirectory(this.#machine, inode, `${this.#path}/${name}`);
  }

  openFile(name: string, access: 'read' | 'create' | 'write' | 'append', mode = 0o600): DiskFile {
    this.#tell('openFile', name, { access, writes: access === 'create' });
    const there = this.#find(name);
    if (access === 'create') {
      if (there !== undefined) throw errnoError('EEXIST', `open '${name}'`);
      const inode = this.#enterNew(name, 'file', mode & ~this.#machine.user.umask);
      return new SimulatedFile(this.#machine, inode, `${this.#path}/${name}`, { writes: true, appends: false });
    }
    if (there === undefined) throw errnoError('ENOENT', `open '${name}'`);
    if (there.kind === 'symlink') throw errnoError('ELOOP', `open '${name}'`);
    this.#machine.mustBeAllowed(there, access === 'read' ? read : read | write);
    if (there.kind !== 'file') throw errnoError('EINVAL', `not a regular file, open '${name}'`);
    return new SimulatedFile(this.#machine, there, `${this.#path}/${name}`, { writes: access !== 'read', appends: access === 'append' });
  }

  readlink(name: string): string {
    this.#tell('readlink', name);
    const inode = this.#find(name);
    if (inode === undefined) throw errnoError('ENOENT', `readlink '${name}'`);
    return targetOf(inode, name);
  }

  makeDirectory(name: string, mode: number): void {
    this.#tell('makeDirectory', name, { writes: true });
    if (this.#find(name) !== undefined) throw errnoError('EEXIST', `mkdir '${name}'`);
    this.#enterNew(name, 'directory', mode & ~this.#machine.user.umask);
  }

  symlink(name: string, target: string): void {
    this.#tell('symlink', name, { writes: true });
    if (target === '') throw errnoError('ENOENT', `symlink '${name}'`);
    if (encoder.encode(target).length > targetBytesMax) throw errnoError('ENAMETOOLONG', `symlink '${name}'`);
    if (this.#find(name) !== undefined) throw errnoError('EEXIST', `symlink '${name}'`);
    this.#enterNew(name, 'symlink', 0o777, target);
  }

  rename(name: string, to: DiskDirectory, toName: string): void {
    const target = mustBeSimulated(to);
    this.#tell('rename', name, { toPath: `${target.#path}/${toName}`, writes: true });
    const inode = this.#mustHave(name, 'rename');
    const there = target.#find(toName);
    if (there === inode) return;
    if (inode.kind === 'directory') {
      if (there !== undefined && there.kind !== 'directory') throw errnoError('ENOTDIR', `rename '${name}'`);
      if (target.#inode === inode || isBelow(target.#inode, inode)) throw errnoError('EINVAL', `rename '${name}' into itself`);
      // Its entry `..` changes.
      if (target.#inode !== this.#inode) this.#machine.mustBeAllowed(inode, write);
    } else if (there?.kind === 'directory') throw errnoError('EISDIR', `rename '${name}'`);
    if (there !== undefined && there.entries.size > 0) throw errnoError('ENOTEMPTY', `rename '${name}'`);
    this.#mayChange();
    target.#mayChange();
    this.#machine.storage.enter([
      { directory: this.#inode, name, inode: undefined },
      { directory: target.#inode, name: toName, inode },
    ]);
    this.#machine.change(inode, {});
    this.#machine.touch(this.#inode);
    this.#machine.touch(target.#inode);
  }

  link(name: string, to: DiskDirectory, toName: string): void {
    const target = mustBeSimulated(to);
    this.#tell('link', name, { toPath: `${target.#path}/${toName}`, writes: true });
    const inode = this.#mustHave(name, 'link');
    if (target.#find(toName) !== undefined) throw errnoError('EEXIST', `link '${toName}'`);
    if (inode.kind === 'directory') throw errnoError('EPERM', `link '${name}'`);
    target.#enterEntry(toName, inode);
    this.#machine.change(inode, {});
  }

  unlink(name: string): void {
    this.#tell('unlink', name, { writes: true });
    const inode = this.#mustHave(name, 'unlink');
    if (inode.kind === 'directory') throw errnoError('EISDIR', `unlink '${name}'`);
    this.#remove(name);
    this.#machine.change(inode, {});
  }

  removeDirectory(name: string): void {
    this.#tell('removeDirectory', name, { writes: true });
    const inode = this.#mustHave(name, 'rmdir');
    if (inode.kind !== 'directory') throw errnoError('ENOTDIR', `rmdir '${name}'`);
    if (inode.entries.size > 0) throw errnoError('ENOTEMPTY', `rmdir '${name}'`);
    this.#remove(name);
  }

  chmod(name: string, mode: number): void {
    this.#tell('chmod', name, { writes: true });
    const inode = this.#mustHave(name, 'chmod');
    if (inode.kind !== 'file' && inode.kind !== 'directory') throw errnoError('EINVAL', 'neither file nor directory, chmod');
    this.#machine.mustOwn(inode);
    this.#machine.change(inode, { mode: mode & 0o7777 });
  }

  copyFile(name: string, to: DiskDirectory, toName: string): void {
    const target = mustBeSimulated(to);
    this.#tell('copyFile', name, { toPath: `${target.#path}/${toName}`, writes: true });
    const inode = this.#mustHave(name, 'copyfile');
    if (inode.kind === 'symlink') throw errnoError('ELOOP', `copyfile '${name}'`);
    this.#machine.mustBeAllowed(inode, read);
    if (inode.kind !== 'file') throw errnoError('EINVAL', 'not a regular file, copyfile');
    if (target.#find(toName) !== undefined) throw errnoError('EEXIST', `copyfile '${toName}'`);
    const { bytes, mode } = stateOf(inode);
    this.#machine.mustHaveRoom(bytes.length + 1);
    this.#machine.change(target.#enterNew(toName, 'file', mode), { bytes });
  }

  sync(): Promise<void> {
    this.#mustBeOpen();
    const { storage } = this.#machine;
    return this.#machine.sync({ call: 'sync', path: this.#path, writes: true }, () => storage.syncEntries(this.#inode));
  }

  async syncFileSystem(): Promise<boolean> {
    this.#mustBeOpen();
    const { storage } = this.#machine;
    await this.#machine.sync({ call: 'syncFileSystem', path: this.#path, writes: true }, () => storage.syncAll());
    return true;
  }

  statfs(): { readonly type: number; readonly freeBytes: number } {
    this.#tell('statfs');
    return { type: fileSystemType, freeBytes: this.#machine.freeBytes };
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#machine.letGo(this.#inode);
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw errnoError('EBADF', 'directory is closed');
  }

  #tell(call: string, name?: string, more: Parameters<Machine['tell']>[2] = {}): void {
    this.#mustBeOpen();
    this.#machine.tell(call, name === undefined ? this.#path : `${this.#path}/${name}`, more);
  }

  #find(name: string): Inode | undefined {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes(notUtf8))
      throw new TypeError(`not the name of a child: ${JSON.stringify(name)}`);
    this.#machine.mustBeAllowed(this.#inode, enter);
    if (encoder.encode(name).length > nameBytesMax) throw errnoError('ENAMETOOLONG', name);
    return this.#inode.entries.get(name);
  }

  #mustHave(name: string, what: string): Inode {
    const inode = this.#find(name);
    if (inode === undefined) throw errnoError('ENOENT', `${what} '${name}'`);
    return inode;
  }

  #mustFind(path: string, followsLast: boolean): Inode {
    const found = this.#machine.walk(path, followsLast);
    if (found === undefined) throw errnoError('ENOENT', path);
    return found.inode;
  }

  #mayChange(): void {
    this.#machine.mustBeAllowed(this.#inode, write | enter);
  }

  #enterNew(name: string, kind: Inode['kind'], mode: number, target?: string): Inode {
    this.#mayEnter();
    const inode = this.#machine.make(this.#inode, kind, mode, target);
    this.#enterEntry(name, inode);
    return inode;
  }

  #mayEnter(): void {
    this.#mayChange();
    if (this.#inode.links === 0) throw errnoError('ENOENT', 'the directory was removed');
  }

  #enterEntry(name: string, inode: Inode): void {
    this.#mayEnter();
    this.#machine.storage.enter([{ directory: this.#inode, name, inode }]);
    this.#machine.touch(this.#inode);
  }

  #remove(name: string): void {
    this.#mayChange();
    this.#machine.storage.enter([{ directory: this.#inode, name, inode: undefined }]);
    this.#machine.touch(this.#inode);
  }
}

class SimulatedFile implements DiskFile {
  readonly #machine: Machine;
  readonly #inode: Inode;
  readonly #path: string;
  readonly #writes: boolean;
  readonly #appends: boolean;
  #isOpen = true;

  constructor(machine: Machine, inode: Inode, path: string, { writes, appends }: { readonly writes: boolean; readonly appends: boolean }) {
    this.#machine = machine;
    this.#inode = inode;
    this.#path = path;
    this.#writes = writes;
    this.#appends = appends;
    machine.hold(inode);
  }

  stat(): DiskStat {
    this.#tell('file.stat', false);
    return this.#machine.statOf(this.#inode);
  }

  read(buffer: Uint8Array, position: number): number {
    this.#tell('file.read', false);
    const found = stateOf(this.#inode).bytes.subarray(position, position + buffer.length);
    buffer.set(found);
    return found.length;
  }

  write(bytes: Uint8Array, position: number): void {
    this.#tell('file.write', true, () => this.#put(bytes.subarray(0, bytes.length >> 1), position));
    this.#mayWrite();
    // What there is room for is written before the rest fails.
    const room = Math.max(0, stateOf(this.#inode).bytes.length + this.#machine.freeBytes - position);
    const fits = bytes.length <= room;
    this.#put(fits ? bytes : bytes.subarray(0, room), position);
    if (!fits) throw errnoError('ENOSPC', `no space left, write '${this.#path}'`);
  }

  truncate(sizeBytes: number): void {
    this.#tell('file.truncate', true);
    this.#mayWrite();
    const bytes = new Uint8Array(sizeBytes);
    bytes.set(stateOf(this.#inode).bytes.subarray(0, sizeBytes));
    this.#setBytes(bytes);
  }

  chmod(mode: number): void {
    this.#tell('file.chmod', true);
    this.#machine.mustOwn(this.#inode);
    this.#machine.change(this.#inode, { mode: mode & 0o7777 });
  }

  chown(uid: number, gid: number): void {
    this.#tell('file.chown', true);
    const { user } = this.#machine;
    const state = stateOf(this.#inode);
    if (user.uid !== 0 && (state.uid !== user.uid || uid !== state.uid || (gid !== state.gid && gid !== user.gid)))
      throw errnoError('EPERM', `chown '${this.#path}'`);
    this.#machine.change(this.#inode, { uid, gid });
  }

  setTimes(mtimeMs: number): void {
    this.#tell('file.setTimes', true);
    this.#machine.mustOwn(this.#inode);
    // To the microsecond, as Node does.
    this.#machine.change(this.#inode, { mtimeNs: BigInt(Math.floor(mtimeMs * 1000 + 0.5)) * 1000n });
  }

  sync(): Promise<void> {
    this.#mustBeOpen();
    const { storage } = this.#machine;
    return this.#machine.sync({ call: 'file.sync', path: this.#path, writes: true }, () => storage.syncInode(this.#inode));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#machine.letGo(this.#inode);
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw errnoError('EBADF', 'file is closed');
  }

  #mayWrite(): void {
    if (!this.#writes) throw errnoError('EBADF', `not opened for writing, '${this.#path}'`);
  }

  #tell(call: string, writes: boolean, doHalf?: () => void): void {
    this.#mustBeOpen();
    this.#machine.tell(call, this.#path, { writes, doHalf });
  }

  #put(bytes: Uint8Array, position: number): void {
    const before = stateOf(this.#inode).bytes;
    const at = this.#appends ? before.length : position;
    const after = new Uint8Array(Math.max(before.length, at + bytes.length));
    after.set(before);
    after.set(bytes, at);
    this.#setBytes(after);
  }

  #setBytes(bytes: Uint8Array): void {
    this.#machine.change(this.#inode, { bytes, mtimeNs: this.#machine.nowNs() });
  }
}

function listingOf({ entries }: Inode): readonly DiskListing[] {
  return [...entries].map(([name, { kind }]) => ({ name: name.startsWith(notUtf8) ? undefined : name, kind }));
}

function targetOf({ kind, target }: Inode, name: string): string {
  if (kind !== 'symlink') throw errnoError('EINVAL', `readlink '${name}'`);
  return target;
}

function isBelow(inode: Inode, above: Inode): boolean {
  return [...above.entries.values()].some((child) => child === inode || isBelow(inode, child));
}

function mustBeSimulated(directory: DiskDirectory): SimulatedDirectory {
  if (directory instanceof SimulatedDirectory) return directory;
  throw new TypeError('a directory of another disk');
}
