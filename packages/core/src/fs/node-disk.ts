/**
 * The disk of this machine, through Node's synchronous calls.
 *
 * Node has no `openat`. What stands in for it:
 *
 * - **Linux**: a held directory is a file descriptor N, and its child is named `/proc/self/fd/N/name`. The kernel starts from the directory itself,
 *   whatever its path has become, so swapping a parent for a link leads nowhere. Costs 2 µs a call over the plain path (4.7 against 2.5 µs).
 * - **Elsewhere** (macOS, a Linux without `/proc`): by path, and the directory at that path is compared with the one that is held (it cannot be
 *   reused for another while its descriptor is open), before and after each call. Who swaps a parent for a link and back again between the two looks,
 *   some 10 µs, leads one call astray; a swap that stays is found by the second look, and the call fails with `ESTALE`. Paths end at `PATH_MAX`.
 *
 * Times and inodes are bigints: a double has a quarter of a microsecond at today's dates, and inodes above 2^53 exist (overlayfs, FUSE).
 * 100,000 `lstat` cost 258 ms so and 238 ms with doubles (2 cores, Node 20.20, tmpfs, 2026-11).
 */
import * as fs from 'node:fs';
import type { Disk, DiskDirectory, DiskFile, DiskKind, DiskListing, DiskStat } from '../engine/disk.ts';
import { errnoError, isErrno } from '../engine/errno.ts';
import { syncFileSystemOf } from './sync-file-system.ts';

export interface NodeDiskOptions {
  /** Reach children through `/proc/self/fd`. By default wherever it is there. */
  readonly procFs?: boolean | undefined;
}

export function createNodeDisk({ procFs = hasProcFs() }: NodeDiskOptions = {}): Disk {
  return {
    get uid() {
      return process.geteuid?.();
    },
    openRoot(path) {
      let fd: number;
      try {
        fd = fs.openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return undefined;
        throw error;
      }
      return closingOnFailure(fd, () => {
        const resolved = fs.realpathSync.native(path);
        return procFs ? new NodeDirectory(fd, resolved) : new PathDirectory(fd, resolved);
      });
    },
    resolve: (path) => fs.realpathSync.native(path),
  };
}

const { constants } = fs;

function hasProcFs(): boolean {
  return process.platform === 'linux' && fs.existsSync('/proc/self/fd');
}

/** Before version 24 Node cuts times off below a microsecond; with half of one more they are rounded. */
const roundingMs = Number.parseInt(process.versions.node, 10) < 24 ? 0.0005 : 0;

/** A directory by its descriptor; children through `/proc/self/fd`. */
class NodeDirectory implements DiskDirectory {
  protected fd: number;
  /** Where it was when it was opened. */
  protected readonly path: string;
  readonly #base: string;
  #identity: { readonly dev: bigint; readonly ino: bigint } | undefined;

  constructor(fd: number, path: string, base: string = `/proc/self/fd/${fd}`) {
    this.fd = fd;
    this.path = path;
    this.#base = base;
  }

  get identity(): { readonly dev: bigint; readonly ino: bigint } {
    return (this.#identity ??= identityOf(this.stat()));
  }

  list(): readonly DiskListing[] {
    return this.held((base) => {
      const listing = listDirectory(base);
      // POSIX has a removed directory read as an empty one. Its link count tells: emptiness is evidence, being gone is none.
      if (listing.length === 0 && fs.fstatSync(this.fd).nlink === 0) throw errnoError('ENOENT', 'the directory was removed, scandir');
      return listing;
    });
  }

  lstat(name: string): DiskStat | undefined {
    return this.#child(name, (path) => {
      const stat = fs.lstatSync(path, lstatOptions);
      return stat === undefined ? undefined : toDiskStat(stat);
    });
  }

  glance(path: string): DiskStat | undefined {
    if (this.#isTooLong(path)) return undefined;
    const stat = fs.lstatSync(`${this.path}/${path}`, lstatOptions);
    return stat === undefined ? undefined : toDiskStat(stat);
  }

  glanceList(path: string): readonly DiskListing[] | undefined {
    return this.#isTooLong(path) ? undefined : listDirectory(`${this.path}/${path}`);
  }

  glanceLink(path: string): string | undefined {
    return this.#isTooLong(path) ? undefined : readLinkText(`${this.path}/${path}`, path);
  }

  /** Beyond `PATH_MAX` there is no way by path. */
  #isTooLong(path: string): boolean {
    return this.path.length + path.length > 1_024;
  }

  stat(): DiskStat {
    return toDiskStat(fs.fstatSync(this.fd, bigintOptions));
  }

  bornNs(): bigint | undefined {
    return fs.fstatSync(this.fd, bigintOptions).birthtimeNs || undefined;
  }

  openDirectory(name: string): DiskDirectory {
    return this.#child(name, (path) => this.hold(fs.openSync(path, openDirectoryFlags), `${this.path}/${name}`));
  }

  openFile(name: string, access: 'read' | 'create' | 'write' | 'append', mode = 0o600): DiskFile {
    return this.#child(name, (path) => {
      const fd = fs.openSync(path, openFileFlags[access], mode);
      return closingOnFailure(fd, () => {
        // What was created just now is one.
        if (access !== 'create' && !fs.fstatSync(fd).isFile()) throw errnoError('EINVAL', `not a regular file, open '${name}'`);
        return new NodeFile(fd);
      });
    });
  }

  readlink(name: string): string {
    return this.#child(name, (path) => readLinkText(path, name));
  }

  makeDirectory(name: string, mode: number): void {
    this.#child(name, (path) => fs.mkdirSync(path, mode));
  }

  symlink(name: string, target: string): void {
    this.#child(name, (path) => fs.symlinkSync(target, path));
  }

  rename(name: string, to: DiskDirectory, toName: string): void {
    this.#child(name, (path) => mustBeNode(to).#child(toName, (toPath) => fs.renameSync(path, toPath)));
  }

  link(name: string, to: DiskDirectory, toName: string): void {
    this.#child(name, (path) => mustBeNode(to).#child(toName, (toPath) => fs.linkSync(path, toPath)));
  }

  unlink(name: string): void {
    this.#child(name, (path) => fs.unlinkSync(path));
  }

  removeDirectory(name: string): void {
    this.#child(name, (path) => fs.rmdirSync(path));
  }

  chmod(name: string, mode: number): void {
    this.#child(name, (path) => this.chmodChild(path, mode));
  }

  copyFile(name: string, to: DiskDirectory, toName: string): void {
    this.#child(name, (path) => mustBeNode(to).#child(toName, (toPath) => this.copyChild(path, toPath)));
  }

  sync(): Promise<void> {
    return syncDescriptor(this.fd);
  }

  syncFileSystem(): Promise<boolean> {
    return syncFileSystemOf(this.fd);
  }

  statfs(): { readonly type: number; readonly freeBytes: number } {
    return this.held((base) => {
      const { type, bavail, bsize } = fs.statfsSync(base, bigintOptions);
      return { type: Number(type), freeBytes: Number(bavail * bsize) };
    });
  }

  watch(onChange: (name: string | undefined) => void): () => void {
    const watcher = this.held((base) => fs.watch(base, { persistent: false }, (_, name) => onChange(name ?? undefined)));
    // A watch that breaks down misses what comes, which is allowed.
    watcher.on('error', () => {});
    return () => watcher.close();
  }

  close(): void {
    if (this.fd === closed) return;
    const { fd } = this;
    this.fd = closed;
    fs.closeSync(fd);
  }

  /** A call on the directory as it is held, by the path that leads to it. */
  protected held<T>(call: (base: string) => T): T {
    // `/proc/self/fd/-1/name` would be `ENOENT`, which reads as absence; a closed directory must never look empty.
    if (this.fd === closed) throw errnoError('EBADF', 'directory is closed');
    return call(this.#base);
  }

  protected hold(fd: number, path: string): DiskDirectory {
    return new NodeDirectory(fd, path);
  }

  /**
   * `chmod` follows links, and `fchmod` needs an open that mode 0000 does not allow. A descriptor made with `O_PATH` needs no permission on the file
   * and holds a link itself; `chmod` through its `/proc` path changes the very inode (as glibc's `fchmodat` with `AT_SYMLINK_NOFOLLOW` does).
   */
  protected chmodChild(path: string, mode: number): void {
    withDescriptor(path, oPath | constants.O_NOFOLLOW, (fd) => {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() && !stat.isDirectory()) throw errnoError('EINVAL', 'neither file nor directory, chmod');
      fs.chmodSync(`/proc/self/fd/${fd}`, mode);
    });
  }

  protected copyChild(path: string, toPath: string): void {
    withDescriptor(path, openFileFlags.read, (fd) => {
      if (!fs.fstatSync(fd).isFile()) throw errnoError('EINVAL', 'not a regular file, copyfile');
      fs.copyFileSync(`/proc/self/fd/${fd}`, toPath, copyFlags);
    });
  }

  #child<T>(name: string, call: (path: string) => T): T {
    if (name === '' || name === '.' || name === '..' || name.includes('/')) throw new TypeError(`not the name of a child: ${JSON.stringify(name)}`);
    return this.held((base) => call(`${base}/${name}`));
  }
}

/** A directory by its path, for systems without `/proc/self/fd`. The descriptor keeps its inode from being given to another directory. */
class PathDirectory extends NodeDirectory {
  constructor(fd: number, path: string) {
    super(fd, path, path);
    this.#mustStillLeadHere();
  }

  protected override held<T>(call: (base: string) => T): T {
    return super.held((base) => {
      this.#mustStillLeadHere();
      const result = call(base);
      try {
        this.#mustStillLeadHere();
      } catch (error) {
        if (result instanceof NodeDirectory || result instanceof NodeFile) result.close();
        throw error;
      }
      return result;
    });
  }

  protected override hold(fd: number, path: string): DiskDirectory {
    return closingOnFailure(fd, () => new PathDirectory(fd, path));
  }

  /** Without `O_PATH` a file that its owner may not read is changed by its path, after a look that it is no link: here that call has a window of its own. */
  protected override chmodChild(path: string, mode: number): void {
    const stat = fs.lstatSync(path);
    if (!stat.isFile() && !stat.isDirectory()) throw errnoError('EINVAL', 'neither file nor directory, chmod');
    try {
      withDescriptor(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK, (fd) => fs.fchmodSync(fd, mode));
    } catch (error) {
      if (!isErrno(error, 'EACCES')) throw error;
      fs.chmodSync(path, mode);
    }
  }

  protected override copyChild(path: string, toPath: string): void {
    if (!fs.lstatSync(path).isFile()) throw errnoError('EINVAL', 'not a regular file, copyfile');
    fs.copyFileSync(path, toPath, copyFlags);
  }

  #mustStillLeadHere(): void {
    const { dev, ino } = this.identity;
    const there = fs.lstatSync(this.path, lstatOptions);
    if (there?.dev !== dev || there.ino !== ino) throw errnoError('ESTALE', `the directory was moved or replaced, '${this.path}'`);
  }
}

class NodeFile implements DiskFile {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  stat(): DiskStat {
    return toDiskStat(fs.fstatSync(this.#fd, bigintOptions));
  }

  read(buffer: Uint8Array, position: number): number {
    let done = 0;
    // A read may end early (signals, network file systems); only nothing at all is the end.
    while (done < buffer.length) {
      const count = fs.readSync(this.#fd, buffer, done, buffer.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
  }

  truncate(sizeBytes: number): void {
    fs.ftruncateSync(this.#fd, sizeBytes);
  }

  chmod(mode: number): void {
    fs.fchmodSync(this.#fd, mode);
  }

  chown(uid: number, gid: number): void {
    fs.fchownSync(this.#fd, uid, gid);
  }

  setTimes(mtimeMs: number): void {
    // A negative number is taken for now; a date before 1970 is taken for what it is.
    const time = mtimeMs < 0 ? new Date(mtimeMs) : (mtimeMs + roundingMs) / 1000;
    fs.futimesSync(this.#fd, time, time);
  }

  sync(): Promise<void> {
    return syncDescriptor(this.#fd);
  }

  close(): void {
    if (this.#fd === closed) return;
    const fd = this.#fd;
    this.#fd = closed;
    fs.closeSync(fd);
  }
}

const closed = -1;
const bigintOptions = { bigint: true } as const;
const lstatOptions = { bigint: true, throwIfNoEntry: false } as const;
const copyFlags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;

/** Not among Node's constants, but passed on to the kernel; this value on every architecture that Node is built for on Linux. */
const oPath = 0o10_000_000;

const openDirectoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Without `O_NONBLOCK` the open of a FIFO that took the file's place would wait for its other end. It means nothing for regular files. */
const safely = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const openFileFlags = {
  read: constants.O_RDONLY | safely,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | safely,
  write: constants.O_RDWR | safely,
  append: constants.O_RDWR | constants.O_APPEND | safely,
} as const;

/** What Node puts in the place of bytes that are not UTF-8; also a character that a name may hold. */
const replacement = '\uFFFD';

function readLinkText(path: string, name: string): string {
  const target = fs.readlinkSync(path);
  // Replaced or really there? Only the bytes tell.
  if (target.includes(replacement) && decodeUtf8(fs.readlinkSync(path, 'buffer')) === undefined)
    throw errnoError('EILSEQ', `target is not UTF-8, readlink '${name}'`);
  return target;
}

function listDirectory(base: string): readonly DiskListing[] {
  const entries = fs.readdirSync(base, { withFileTypes: true });
  const listing: DiskListing[] = new Array(entries.length);
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as fs.Dirent;
    if (entry.name.includes(replacement)) return listBytes(base);
    listing[index] = { name: entry.name, kind: kindOfEntry(entry) };
  }
  return listing;
}

/** The same by bytes, where some name may not be UTF-8. */
function listBytes(base: string): readonly DiskListing[] {
  return fs
    .readdirSync(base, { withFileTypes: true, encoding: 'buffer' })
    .map((entry) => ({ name: decodeUtf8(entry.name), kind: kindOfEntry(entry) }));
}

function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  return bytes.equals(Buffer.from(text, 'utf8')) ? text : undefined;
}

function kindOfEntry(entry: Pick<fs.Dirent, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): DiskKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}

function toDiskStat(stat: fs.BigIntStats): DiskStat {
  const mode = Number(stat.mode);
  return {
    kind: kindOfMode(mode),
    mode: mode & 0o7777,
    sizeBytes: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    dev: stat.dev,
    ino: stat.ino,
    links: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
}

function kindOfMode(mode: number): DiskKind {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFREG:
      return 'file';
    case constants.S_IFDIR:
      return 'directory';
    case constants.S_IFLNK:
      return 'symlink';
    default:
      return 'other';
  }
}

function identityOf({ dev, ino }: DiskStat): { readonly dev: bigint; readonly ino: bigint } {
  return { dev, ino };
}

function mustBeNode(directory: DiskDirectory): NodeDirectory {
  if (directory instanceof NodeDirectory) return directory;
  throw new TypeError('a directory of another disk');
}

function withDescriptor(path: string, flags: number, use: (fd: number) => void): void {
  const fd = fs.openSync(path, flags);
  try {
    use(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function closingOnFailure<T>(fd: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function syncDescriptor(fd: number): Promise<void> {
  return new Promise((resolve, reject) => fs.fsync(fd, (error) => (error === null ? resolve() : reject(error))));
}
