/** What all handles of a simulated disk share: who its user is, where a path leads, what may be done, and what each call is told to. */
import type { Clock } from '../engine/clock.ts';
import type { DiskStat } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import type { Random } from './random.ts';
import { type Inode, type InodeState, type Storage, stateOf } from './simulated-storage.ts';

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

/** Permission bits of one class. */
export const permission = { read: 4, write: 2, enter: 1 } as const;

/** As many links as Linux follows. */
const linksMax = 40;
const nothing = new Uint8Array(0);
const encoder = new TextEncoder();

export class Machine {
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
      this.mustBeAllowed(here.inode, permission.enter);
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
