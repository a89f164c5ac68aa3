/**
 * The root of a replica, held while it is in use and no longer: a file system that is not in use can be unmounted, and one that was mounted meanwhile is
 * noticed. Uses overlap; the first opens, the last closes.
 */

import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import { errnoOf, ioFailure } from './io-failure.ts';
import { makeStateFolder, openStateFolder, type StateFolder, stateFolderName } from './state-folder.ts';

export interface HeldRoot {
  readonly directory: DiskDirectory;
  /** Absolute, links resolved. */
  readonly path: string;
  /** The state folder as it is in the root now. `undefined`: there is none. Valid as long as the root is held. */
  lookState(): StateFolder | undefined;
  /** The same, made if it is missing. */
  makeState(): Promise<StateFolder>;
}

export interface RootHolder {
  /** What is there now. `undefined`: nothing. `SYNC_DENIED`; throws `ENOTDIR`. The caller closes it. */
  look(): DiskDirectory | undefined;
  /** Holds the root until `work` is over. `SYNC_ROOT_MISSING`, `SYNC_ROOT_KIND`, `SYNC_DENIED`. */
  use<T>(work: (root: HeldRoot) => Promise<T> | T): Promise<T>;
  /** The same for work whose end is told by `release`; twice is fine. */
  hold(): { readonly root: HeldRoot; release(): void };
  /** What is held now. */
  current(): HeldRoot | undefined;
}

/** `onIdle` is called before the root is closed: for what holds files in it. */
export function createRootHolder(disk: Disk, path: string, onIdle: () => void): RootHolder {
  let held: OpenRoot | undefined;
  let users = 0;

  const look = (): DiskDirectory | undefined => {
    let directory: DiskDirectory | undefined;
    try {
      directory = disk.openRoot(path);
      // One that may be read but not entered opens; asking for a child, there or not, tells.
      directory?.lstat(stateFolderName);
      return directory;
    } catch (error) {
      directory?.close();
      throw isErrno(error, 'EACCES', 'EPERM') ? denied(error, path) : error;
    }
  };

  const open = (): DiskDirectory => {
    try {
      const directory = look();
      if (directory === undefined) throw new SyncError('SYNC_ROOT_MISSING', `there is no folder ${path}`, { path });
      return directory;
    } catch (error) {
      if (isErrno(error, 'ENOTDIR')) throw new SyncError('SYNC_ROOT_KIND', `${path} is not a folder`, { path }, error);
      throw error;
    }
  };

  /** What is held must still be what the path leads to: a root that was unmounted or replaced is not worked on under its old name. */
  const mustStillLeadTo = ({ directory }: OpenRoot): void => {
    const now = open();
    const isSame = isSameDirectory(now, directory);
    now.close();
    if (!isSame) {
      throw new SyncError('SYNC_ROOT_MISSING', `${path} is not the folder any more that it was when this run began`, { path });
    }
  };

  const hold = (): { readonly root: HeldRoot; release(): void } => {
    try {
      if (held === undefined) held = holdRoot(open(), disk.resolve(path), disk.uid);
      else mustStillLeadTo(held);
    } catch (error) {
      throw told(error, path);
    }
    users++;
    let released = false;
    return {
      root: held,
      release() {
        if (released) return;
        released = true;
        if (--users > 0) return;
        onIdle();
        held?.close();
        held = undefined;
      },
    };
  };

  return {
    look,
    hold,
    async use(work) {
      const { root, release } = hold();
      try {
        return await work(root);
      } catch (error) {
        throw told(error, path);
      } finally {
        release();
      }
    },
    current: () => held,
  };
}

function denied(error: unknown, path: string): SyncError {
  const errno = errnoOf(error);
  return new SyncError(
    'SYNC_DENIED',
    `the folder ${path} cannot be read or entered by this user (${errno ?? ''})`,
    { path, errno, hint: 'let this user read and enter it (chmod or chown) and enter the folders above it, or run as the user who may' },
    error,
  );
}

/** What a disk said, with a code of ours. Anything else is thrown on as it is. */
export function told(error: unknown, path: string): unknown {
  if (errnoOf(error) === undefined) return error;
  const { code, message } = ioFailure(error, `work on ${path}`);
  return new SyncError(code === 'SYNC_NO_SPACE' || code === 'SYNC_DENIED' ? code : 'SYNC_IO', message, { path, errno: errnoOf(error) }, error);
}

export function isSameDirectory(a: Pick<DiskDirectory, 'identity'>, b: Pick<DiskDirectory, 'identity'>): boolean {
  return a.identity.dev === b.identity.dev && a.identity.ino === b.identity.ino;
}

interface OpenRoot extends HeldRoot {
  close(): void;
}

function holdRoot(directory: DiskDirectory, path: string, uid: number | undefined): OpenRoot {
  /** The last one is current. One that was removed under us may still be in use, as the place of a lock. */
  const states: StateFolder[] = [];
  const keep = (state: StateFolder | undefined): StateFolder | undefined => {
    if (state !== undefined) states.push(state);
    return state;
  };
  const lookState = (): StateFolder | undefined => {
    const last = states.at(-1);
    return last?.isCurrent() === true ? last : keep(openStateFolder(directory, { rootPath: path, uid }));
  };
  return {
    directory,
    path,
    lookState,
    async makeState() {
      const there = lookState();
      if (there !== undefined) return there;
      const made = await makeStateFolder(directory, { rootPath: path, uid });
      states.push(made);
      return made;
    },
    close() {
      for (const state of states) state.close();
      directory.close();
    },
  };
}
