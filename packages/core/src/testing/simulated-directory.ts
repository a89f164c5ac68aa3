/** A held directory of a simulated disk. */
import type { DiskDirectory, DiskFile, DiskListing, DiskStat } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import { SimulatedFile } from './simulated-file.ts';
import { type Machine, permission } from './simulated-machine.ts';
import { type Inode, stateOf } from './simulated-storage.ts';

/** The key of a name that is not UTF-8: it begins as no name does. */
export function oddName(bytes: Uint8Array): string {
  return `${notUtf8}${[...bytes].join()}`;
}

const notUtf8 = '\0';
const nameBytesMax = 255;
const targetBytesMax = 4095;
/** ext4. */
const fileSystemType = 0xef53;
const encoder = new TextEncoder();

export class SimulatedDirectory implements DiskDirectory {
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
    this.#machine.mustBeAllowed(this.#inode, permission.read);
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
    this.#machine.mustBeAllowed(inode, permission.read);
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
    this.#machine.mustBeAllowed(inode, permission.read);
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
    this.#machine.mustBeAllowed(there, access === 'read' ? permission.read : permission.read | permission.write);
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
      if (target.#inode !== this.#inode) this.#machine.mustBeAllowed(inode, permission.write);
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
    this.#machine.mustBeAllowed(inode, permission.read);
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
    this.#machine.mustBeAllowed(this.#inode, permission.enter);
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
    this.#machine.mustBeAllowed(this.#inode, permission.write | permission.enter);
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
