/**
 * The way from a root to a folder, held open level by level.
 *
 * Every step opens a child of a held directory without following a link, so that a path that lies inside the root by its text lies inside it on the disk,
 * too, whatever is swapped for a link meanwhile. Neighbours in a list mostly share their folder: it is opened once and stays open until another
 * one is asked for. At most `heldMax` directories are open at a time, so a tree may be deeper than a process may have open files;
 * beyond that the upper levels are closed and walked again on the way back.
 *
 * Hold it no longer than a slice: a directory that is moved out of the root stays held where it is, and only a new walk notices.
 */

import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import type { Name } from '../tree/name.ts';
import { type RelativePath, rootPath } from '../tree/path.ts';
import { errnoOf } from './io-failure.ts';

export interface HeldDirectories {
  /**
   * The folder at this path. Valid until the next `open` or `release`. Throws what the disk says of the step that fails
   * (`ENOENT`, `ENOTDIR`, `ELOOP`, `EACCES`), and `EXDEV` where another file system is mounted on the way.
   */
  open(path: RelativePath): HeldDirectory;
  /** Closes all but the root. */
  release(): void;
}

export interface HeldDirectory {
  readonly directory: DiskDirectory;
  /** As it was when first asked for since it is held. */
  stat(): DiskStat;
}

export interface HeldOptions {
  /** Asked when the step to a child is denied; `true` if it may be tried once more. */
  readonly onDenied?: ((path: RelativePath, above: HeldDirectory, name: Name) => boolean) | undefined;
}

const heldMax = 64;

/** The root stays the caller's, who closes it after `release`. */
export function createHeldDirectories(root: DiskDirectory, { onDenied }: HeldOptions = {}): HeldDirectories {
  let rootLevel = createLevel(root, 0);
  /** One for each name of `heldPath`; only the lowest `heldMax` are open. */
  let levels: Level[] = [];
  let heldPath: RelativePath = rootPath;

  const lowest = (): Level => levels.at(-1) ?? rootLevel;

  /** Keeps the levels that lie within the first `length` characters of the path. */
  const closeBeyond = (length: number): void => {
    while (lowest().end > length) levels.pop()?.close();
    if (lowest().isClosed()) levels = [];
    heldPath = heldPath.slice(0, lowest().end) as RelativePath;
  };

  const step = (name: Name): DiskDirectory => {
    try {
      return lowest().directory.openDirectory(name);
    } catch (error) {
      if (errnoOf(error) !== 'EACCES' || onDenied?.(heldPath, lowest(), name) !== true) throw error;
      return lowest().directory.openDirectory(name);
    }
  };

  return {
    open(path) {
      if (path === heldPath) return lowest();
      closeBeyond(commonLength(heldPath, path));
      while (heldPath.length < path.length) {
        const start = heldPath === '' ? 0 : heldPath.length + 1;
        const slash = path.indexOf('/', start);
        const end = slash === -1 ? path.length : slash;
        const directory = step(path.slice(start, end) as Name);
        if (directory.identity.dev !== root.identity.dev) {
          directory.close();
          throw errnoError('EXDEV', `another file system is mounted on ${path.slice(0, end)}`);
        }
        levels.push(createLevel(directory, end));
        levels.at(-1 - heldMax)?.close();
        heldPath = path.slice(0, end) as RelativePath;
      }
      return lowest();
    },
    release() {
      closeBeyond(0);
      rootLevel = createLevel(root, 0);
    },
  };
}

/** Length of the longest folder path that both lie in. */
function commonLength(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let index = 0;
  while (index < length && a.charCodeAt(index) === b.charCodeAt(index)) index++;
  const whole = (index === a.length || a[index] === '/') && (index === b.length || b[index] === '/');
  return whole ? index : Math.max(0, a.lastIndexOf('/', index - 1));
}

interface Level extends HeldDirectory {
  /** Where its name ends in the path. */
  readonly end: number;
  close(): void;
  isClosed(): boolean;
}

function createLevel(directory: DiskDirectory, end: number): Level {
  let stat: DiskStat | undefined;
  let closed = false;
  return {
    end,
    directory,
    stat: () => (stat ??= directory.stat()),
    close() {
      closed = true;
      directory.close();
    },
    isClosed: () => closed,
  };
}
