/** An open file of a simulated disk. */
import type { DiskFile, DiskStat } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import type { Machine } from './simulated-machine.ts';
import { type Inode, stateOf } from './simulated-storage.ts';

export class SimulatedFile implements DiskFile {
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
