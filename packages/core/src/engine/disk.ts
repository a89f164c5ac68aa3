/**
 * The disk as the engine sees it: held directories, and names in them. Everything in `fs/` reaches the file system through this interface, so that a
 * simulated disk runs the same code and so that no path is ever resolved twice: a directory is opened without following links and then held, and every
 * later call names a child of it. `fs/node-disk.ts` is the real one,
 * `testing/simulated-disk.ts` the simulated; `describeDisk` of `@ubos/sync-core/testing` is the law of both.
 *
 * Calls are synchronous, because one system call through the thread pool costs ten times the call itself (measured: 300,000 against 37,000
 * `lstat` a second); whoever makes many of them yields to the event loop between slices. Only waiting for the platter is asynchronous.
 * Failures are thrown as they come from Node (`code` is the errno name); `undefined` is returned only for absence where it says so.
 */
export interface Disk {
  /** The user as whom calls are made; `undefined` on a system without users. */
  readonly uid: number | undefined;
  /** Opens a directory by an absolute path from the user, links followed (a root may be named through one). `undefined`: nothing there. Throws `ENOTDIR`. */
  openRoot(path: string): DiskDirectory | undefined;
  /** Absolute path with every link resolved. */
  resolve(path: string): string;
}

/** A held directory. Close it; twice is fine. */
export interface DiskDirectory {
  /** Device and inode, to see whether the path still leads here. */
  readonly identity: { readonly dev: bigint; readonly ino: bigint };
  /**
   * Names as the file system gives them, unsorted, without `.` and `..`. Names that are not UTF-8 come as `undefined` (their count matters).
   * `ENOENT` where the directory itself was removed meanwhile: it never reads as empty.
   */
  list(): readonly DiskListing[];
  /** The child itself, links not followed. `undefined`: absent. */
  lstat(name: string): DiskStat | undefined;
  /**
   * The same at half the price, where a disk has it, and for what is further below, too: by the path that once led here. If a folder on the way was moved
   * meanwhile, it is about another file or none. For who looks for one very file, tells it by inode and times, and asks `lstat` in any other case.
   * `undefined`: no answer.
   */
  glance?(path: string): DiskStat | undefined;
  /** `list`, in the same way. */
  glanceList?(path: string): readonly DiskListing[] | undefined;
  /** `readlink`, in the same way. */
  glanceLink?(path: string): string | undefined;
  /** `lstat` of the directory itself. */
  stat(): DiskStat;
  /** When it was made, where a disk says so: inode numbers are given again, at once on ext4. Never changes. `undefined`: no answer. */
  bornNs?(): bigint | undefined;
  /** A child directory, links not followed: `ENOTDIR` or `ELOOP` if it is something else, `ENOENT` if it is nothing. */
  openDirectory(name: string): DiskDirectory;
  /**
   * A child file, links not followed (`ELOOP`), never blocking on a FIFO; what is no regular file is `EINVAL` (a directory that is to be written may be
   * `EISDIR`). What is not opened for `read` may be read, too.
   * `create` is exclusive (`EEXIST`) with mode 0600 unless given; `write` and `append` need a file (`ENOENT`), and with `append` every write goes to its end.
   */
  openFile(name: string, access: 'read' | 'create' | 'write' | 'append', mode?: number): DiskFile;
  /** `EILSEQ` where the target is not UTF-8. */
  readlink(name: string): string;
  /** The mode is narrowed by the umask of the process. */
  makeDirectory(name: string, mode: number): void;
  symlink(name: string, target: string): void;
  /** Replaces what is there, if anything is (a directory only if it is empty). */
  rename(name: string, to: DiskDirectory, toName: string): void;
  link(name: string, to: DiskDirectory, toName: string): void;
  unlink(name: string): void;
  /** `ENOTEMPTY` if it is not empty. */
  removeDirectory(name: string): void;
  /** Of a child that is a file or directory, readable or not; never through a link (`EINVAL`). */
  chmod(name: string, mode: number): void;
  /** Copies a regular file of this directory with its mode, by reference where the file system can (reflink). Exclusive: `EEXIST`. */
  copyFile(name: string, to: DiskDirectory, toName: string): void;
  /** Makes this directory's entries durable. */
  sync(): Promise<void>;
  /** Makes the whole file system durable that this directory is on; `false` where the platform has no such call that reports errors. */
  syncFileSystem(): Promise<boolean>;
  /**
   * Calls `onChange` soon after a name in this directory, or content or size of a file in it, has changed, with that name (`undefined`: not known). It may call
   * for nothing, and may miss what another machine or a memory map writes. Throws where it cannot be had (`ENOSPC`: no watch is left). Returns what ends it; closing the directory does not.
   */
  watch?(onChange: (name: string | undefined) => void): () => void;
  statfs(): { readonly type: number; readonly freeBytes: number };
  close(): void;
}

export interface DiskListing {
  readonly name: string | undefined;
  readonly kind: DiskKind;
}

export type DiskKind = 'directory' | 'file' | 'symlink' | 'other';

export interface DiskStat {
  readonly kind: DiskKind;
  /** Permission bits with set-id and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
}

/** An open file. Close it; twice is fine. */
export interface DiskFile {
  stat(): DiskStat;
  /** Reads at `position` into `buffer`, as much as is there up to its length; 0 at the end. */
  read(buffer: Uint8Array, position: number): number;
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): void;
  truncate(sizeBytes: number): void;
  chmod(mode: number): void;
  chown(uid: number, gid: number): void;
  setTimes(mtimeMs: number): void;
  /** Makes content and size durable. */
  sync(): Promise<void>;
  close(): void;
}
