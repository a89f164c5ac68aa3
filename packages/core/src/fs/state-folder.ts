/**
 * The state folder: `.ubos-sync/` in a root, where the engine keeps all that it knows about that root.
 *
 * It is believed (an archive decides what gets deleted), so it has to be ours: a real directory and no link, owned by the user who runs us,
 * and writable by nobody else. That is checked on the held directory, not on its path, so that nothing can be put in its place in between.
 */

import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import { writeFileAtomically } from './atomic-write.ts';
import { errnoOf } from './io-failure.ts';

export const stateFolderName = '.ubos-sync';

/** Its subfolders (DESIGN section 4), each made when it is first needed. */
export type StateSubfolder = 'archive' | 'staging' | 'versions' | 'journal' | 'plans' | 'logs' | 'gate' | 'align' | 'guards';

export interface StateFolder {
  readonly directory: DiskDirectory;
  /** Absolute path, for messages. */
  readonly path: string;
  /** Whether the root still has this very folder: `git clean -fdx` removes it, and what is held then leads nowhere. */
  isCurrent(): boolean;
  /** A subfolder, held until the state folder is closed. `undefined`: not there; nothing is made. `SYNC_STATE_UNSAFE`. */
  look(name: StateSubfolder): DiskDirectory | undefined;
  /** The same, made if it is missing. */
  make(name: StateSubfolder): DiskDirectory;
  /** Twice is fine. */
  close(): void;
}

export interface StateFolderOptions {
  /** Absolute path of the root, for messages. */
  readonly rootPath: string;
  /** The user who has to own it. Default: the one that this process runs as; `undefined` on a system without users, and then not checked. */
  readonly uid?: number | undefined;
}

/** Opens the state folder of a held root, if it has one. Writes nothing. `SYNC_STATE_UNSAFE`: it is not ours alone; the message says why. */
export function openStateFolder(root: DiskDirectory, options: StateFolderOptions): StateFolder | undefined {
  const { uid = process.getuid?.() } = options;
  const path = `${options.rootPath === '/' ? '' : options.rootPath}/${stateFolderName}`;
  const directory = openTrusted(root, stateFolderName, path, uid);
  return directory && holdStateFolder(root, directory, path, uid);
}

/** Opens the state folder, and makes what is missing of it. `SYNC_STATE_UNSAFE`, `SYNC_REMOTE_NOT_WRITABLE`, `SYNC_NO_SPACE`. */
export async function makeStateFolder(root: DiskDirectory, options: StateFolderOptions): Promise<StateFolder> {
  let folder = openStateFolder(root, options);
  if (folder === undefined) {
    makePrivate(root, stateFolderName, `${options.rootPath}/${stateFolderName}`);
    folder = openStateFolder(root, options);
    if (folder === undefined) throw new SyncError('SYNC_IO', `${options.rootPath}/${stateFolderName} was removed while it was being made`);
  }
  try {
    if (folder.directory.lstat('.gitignore') === undefined) await writeFileAtomically(folder.directory, '.gitignore', gitignore);
    return folder;
  } catch (error) {
    folder.close();
    throw stateError(`write in ${folder.path}`, error);
  }
}

/** What a failed disk call on state means to a user. `action` completes "unable to". An error that is ours already stays as it is. */
export function stateError(action: string, error: unknown): Error {
  if (error instanceof SyncError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return error instanceof Error ? error : new Error(String(error));
  const message = `unable to ${action}: ${errno}`;
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return new SyncError('SYNC_NO_SPACE', message, { errno }, error);
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') return new SyncError('SYNC_REMOTE_NOT_WRITABLE', message, { errno }, error);
  return new SyncError('SYNC_IO', message, { errno }, error);
}

/** The whole folder is the machine's own business; git is told so from inside, because the user's own ignore file is not ours to edit. */
const gitignore = new TextEncoder().encode('*\n');

function holdStateFolder(root: DiskDirectory, directory: DiskDirectory, path: string, uid: number | undefined): StateFolder {
  const held = new Map<StateSubfolder, DiskDirectory>();
  const look = (name: StateSubfolder): DiskDirectory | undefined => {
    const known = held.get(name);
    if (known !== undefined) return known;
    const opened = openTrusted(directory, name, `${path}/${name}`, uid);
    if (opened !== undefined) held.set(name, opened);
    return opened;
  };
  return {
    directory,
    path,
    isCurrent() {
      const found = root.lstat(stateFolderName);
      return found?.kind === 'directory' && found.ino === directory.identity.ino && found.dev === directory.identity.dev;
    },
    look,
    make(name) {
      const there = look(name);
      if (there !== undefined) return there;
      makePrivate(directory, name, `${path}/${name}`);
      const made = look(name);
      if (made === undefined) throw new SyncError('SYNC_IO', `${path}/${name} was removed while it was being made`);
      return made;
    },
    close() {
      for (const opened of held.values()) opened.close();
      held.clear();
      directory.close();
    },
  };
}

/** Made by somebody else in the same moment is as good as made by us: the check comes after. */
function makePrivate(parent: DiskDirectory, name: string, path: string): void {
  try {
    parent.makeDirectory(name, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw stateError(`make ${path}`, error);
  }
}

function openTrusted(parent: DiskDirectory, name: string, path: string, uid: number | undefined): DiskDirectory | undefined {
  let directory: DiskDirectory;
  try {
    directory = parent.openDirectory(name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (!isErrno(error, 'ELOOP', 'ENOTDIR')) throw stateError(`open ${path}`, error);
    const kind = parent.lstat(name)?.kind;
    throw unsafe(path, kind === 'symlink' ? 'it is a symbolic link' : 'it is not a directory');
  }
  const reason = whyUnsafe(directory.stat(), uid);
  if (reason === undefined) return directory;
  directory.close();
  throw unsafe(path, reason);
}

/** Readable by others is left to the user (some disks store no modes); writable by others means that others could have written what we believe. */
export function whyUnsafe(stat: DiskStat, uid: number | undefined): string | undefined {
  if (uid !== undefined && stat.uid !== uid) return `it belongs to user ${stat.uid}, and this is user ${uid}`;
  if ((stat.mode & 0o022) !== 0) return `others can write to it (mode ${(stat.mode & 0o777).toString(8).padStart(4, '0')}, expected 0700)`;
  return undefined;
}

function unsafe(path: string, reason: string): SyncError {
  return new SyncError('SYNC_STATE_UNSAFE', `the state folder ${path} cannot be trusted: ${reason}`, {
    path,
    reason,
    hint: 'look at who made it; then correct owner and mode, or move it away and start anew with --rejoin',
  });
}
