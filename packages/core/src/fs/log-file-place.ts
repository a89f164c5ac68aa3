/** Where a log lies: the way to its file, and what a failed call on it means. */
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Disk, DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError, type SyncErrorCode } from '../engine/errors.ts';
import { errnoOf } from './io-failure.ts';

export interface LogPlace {
  /** As the user wrote it. */
  readonly path: string;
  /** Absolute. Reached with links followed; nothing below it is. */
  readonly root: string;
  readonly folders: readonly string[];
  readonly name: string;
}

/** With a root, the path is taken from there (or absolute) and has to lie in it: `SYNC_USAGE`. Without one, the file's own folder is the root. */
export function locateLog(path: string, root: string | undefined): LogPlace {
  const absolute = resolve(root ?? '', path);
  if (root === undefined) return { path, root: dirname(absolute), folders: [], name: basename(absolute) };
  const names = relative(resolve(root), absolute);
  if (names === '' || names === '..' || names.startsWith(`..${sep}`) || isAbsolute(names)) {
    throw new SyncError('SYNC_USAGE', `the log ${path} is not in ${root}`, { path, root });
  }
  const folders = names.split(sep);
  const name = folders.pop() as string;
  return { path, root: resolve(root), folders, name };
}

/** The folder of the log; `undefined` if there is none. With `make` the folders below the root are made. */
export function openLogFolder(
  disk: Disk,
  { root, folders }: LogPlace,
  { make = false }: { readonly make?: boolean } = {},
): DiskDirectory | undefined {
  let directory = disk.openRoot(root);
  for (const name of folders) {
    if (directory === undefined) return undefined;
    const above: DiskDirectory = directory;
    try {
      directory = openChild(above, name, make);
    } finally {
      above.close();
    }
  }
  return directory;
}

function openChild(above: DiskDirectory, name: string, make: boolean): DiskDirectory | undefined {
  try {
    return above.openDirectory(name);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    if (!make) return undefined;
  }
  try {
    above.makeDirectory(name, 0o755);
  } catch (error) {
    // Made by somebody else in the same moment is as good.
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return above.openDirectory(name);
}

/** Opens the log itself; `undefined` if it is not there. Only a regular file is opened, and through no link. */
export function openLogFile(folder: DiskDirectory | undefined, { name }: LogPlace, access: 'read' | 'write'): DiskFile | undefined {
  try {
    return folder?.openFile(name, access);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** What a failed call on a log means to a user; `action` completes "unable to". What is no failure of a disk stays what it is. */
export function logError(action: string, { path }: LogPlace, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const code = codeByErrno[errno] ?? 'SYNC_IO';
  const why = wordsByCode[code];
  return new SyncError(code, `unable to ${action} ${path}: ${why === undefined ? errno : `${why} (${errno})`}`, { path, errno }, error);
}

const codeByErrno: Readonly<Record<string, SyncErrorCode>> = {
  ENOENT: 'SYNC_LOG_MISSING',
  // A link, a folder, a FIFO, a socket, a device; or a folder on the way that is none.
  ELOOP: 'SYNC_LOG_NOT_A_FILE',
  EISDIR: 'SYNC_LOG_NOT_A_FILE',
  EINVAL: 'SYNC_LOG_NOT_A_FILE',
  ENXIO: 'SYNC_LOG_NOT_A_FILE',
  ENODEV: 'SYNC_LOG_NOT_A_FILE',
  ENOTDIR: 'SYNC_LOG_NOT_A_FILE',
  EACCES: 'SYNC_DENIED',
  EPERM: 'SYNC_DENIED',
  EROFS: 'SYNC_DENIED',
  EEXIST: 'SYNC_TARGET_CHANGED',
  ESTALE: 'SYNC_TARGET_CHANGED',
  ENOSPC: 'SYNC_NO_SPACE',
  EDQUOT: 'SYNC_NO_SPACE',
};

const wordsByCode: Readonly<Partial<Record<SyncErrorCode, string>>> = {
  SYNC_LOG_MISSING: 'it is not there',
  SYNC_LOG_NOT_A_FILE: 'it is no regular file, or is reached through a link',
  SYNC_TARGET_CHANGED: 'it was moved or replaced meanwhile',
  SYNC_DENIED: 'permission denied',
  SYNC_NO_SPACE: 'no space left',
};
