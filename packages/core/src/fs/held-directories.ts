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
import type { Name } from '../tree/name.ts';
import { pathNames, type RelativePath, rootPath } from '../tree/path.ts';
import type { DiskDirectory, DiskStat } from './disk.ts';
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
  let rootLevel = createLevel(root);
  /** One for each of `names`; only the lowest `heldMax` are open. */
  let levels: Level[] = [];
  let names: readonly Name[] = [];
  /** The path of `names`, to see at once that a neighbour is asked for. */
  let heldPath: RelativePath | undefined = rootPath;

  const lowest = (): Level => levels.at(-1) ?? rootLevel;

  const closeBelow = (depth: number): void => {
    for (const level of levels.splice(depth)) level.close();
    if (lowest().isClosed()) for (const level of levels.splice(0)) level.close();
  };

  const step = (depth: number, wanted: readonly Name[]): DiskDirectory => {
    const name = wanted[depth] as Name;
    try {
      return lowest().directory.openDirectory(name);
    } catch (error) {
      if (errnoOf(error) !== 'EACCES' || onDenied?.(wanted.slice(0, depth).join('/') as RelativePath, lowest(), name) !== true) throw error;
      return lowest().directory.openDirectory(name);
    }
  };

  return {
    open(path) {
      if (path === heldPath) return lowest();
      const wanted = pathNames(path);
      let common = 0;
      while (common < levels.length && names[common] === wanted[common]) common++;
      closeBelow(common);
      heldPath = undefined;
      names = wanted;
      for (let depth = levels.length; depth < wanted.length; depth++) {
        const directory = step(depth, wanted);
        levels.push(createLevel(directory));
        levels.at(-1 - heldMax)?.close();
        if (directory.identity.dev !== root.identity.dev) {
          closeBelow(depth);
          throw Object.assign(new Error(`EXDEV: another file system is mounted above ${path}`), { code: 'EXDEV' });
        }
      }
      heldPath = path;
      return lowest();
    },
    release() {
      closeBelow(0);
      heldPath = rootPath;
      rootLevel = createLevel(root);
    },
  };
}

interface Level extends HeldDirectory {
  close(): void;
  isClosed(): boolean;
}

function createLevel(directory: DiskDirectory): Level {
  let stat: DiskStat | undefined;
  let closed = false;
  return {
    directory,
    stat: () => (stat ??= directory.stat()),
    close() {
      closed = true;
      directory.close();
    },
    isClosed: () => closed,
  };
}
