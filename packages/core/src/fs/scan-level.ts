/** The folders on the way from the root to where a scan is, of which only the lowest few are held open. */

import type { DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { Directory, Entry, Problematic } from '../tree/entry.ts';
import type { Name } from '../tree/name.ts';
import type { RelativePath } from '../tree/path.ts';
import { assert } from '../util/assert.ts';
import type { Listing } from './scan-listing.ts';
import { changed, problematicOf } from './scan-outcome.ts';

/** How many directories are held at a time: a tree may be deeper than a process may have open files. */
const heldMax = 64;

/** A directory on the way from the root to where the walk is. */
export interface Level {
  readonly parent: Level | undefined;
  /** Index in the parent's listing. */
  readonly index: number;
  readonly depth: number;
  readonly path: RelativePath;
  /** What comes before the name in the path of a child. */
  readonly prefix: string;
  /** Key of the path in the index. */
  readonly low: number;
  readonly high: number;
  readonly identity: { readonly dev: bigint; readonly ino: bigint };
  readonly mode: number;
  /** In scope itself, and not only on the way to something. */
  readonly isIncluded: boolean;
  readonly baseline: Directory | undefined;
  readonly listing: Listing;
  /** What each name is, as far as is known yet. `undefined`: nothing, or out of scope. */
  readonly entries: (Entry | undefined)[];
  /** What the folder's record will say of each name (`scan-folders.ts`), and the targets of its links in their order. */
  readonly values: number[];
  readonly targets: string[];
  /** Where the builder of records was when the walk came here. */
  readonly begin: number;
  /** Permission bits as on disk. */
  readonly diskMode: number;
  /** Number of entries in scope that were found in it and below. */
  entriesBelow: number;
  /** Indexes of the folders that are to be gone into. */
  readonly folders: number[];
  /** `undefined`: closed for now. */
  directory: DiskDirectory | undefined;
  nextChild: number;
  nextFolder: number;
  hasUntracked: boolean;
  /** Why nothing can be said of it after all. */
  problem: Problematic | undefined;
}

export function pathOfChild(level: Level, index: number): RelativePath {
  return (level.prefix + (level.listing.names[index] as Name)) as RelativePath;
}

/** The directory of the level that the walk is at. */
export function mustBeOpen({ directory, path }: Level): DiskDirectory {
  assert(directory !== undefined, () => `${path} is not open`);
  return directory;
}

/** The directory of a level, opened again if it was closed. `undefined`: what is there now is another one, or cannot be opened; the level has a problem. */
export function openLevel(level: Level): DiskDirectory | undefined {
  if (level.directory !== undefined) return level.directory;
  const way: Level[] = [];
  let from = level;
  for (; from.directory === undefined && from.parent !== undefined; from = from.parent) way.push(from);
  let above = mustBeOpen(from);
  try {
    for (const step of way.reverse()) {
      const directory = withDescriptors(from, () => above.openDirectory(step.parent?.listing.names[step.index] as Name));
      const { dev, ino } = directory.identity;
      if (dev !== step.identity.dev || ino !== step.identity.ino) {
        directory.close();
        level.problem = changed;
        return undefined;
      }
      step.directory = above = directory;
      if (step.parent !== undefined && step.depth <= level.depth - heldMax + 1) closeLevel(step.parent);
    }
    return above;
  } catch (error) {
    level.problem = isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') ? changed : problematicOf(error);
    return undefined;
  }
}

/** The root stays open: it is the caller's, and the way back to everything. */
export function closeLevel(level: Level): void {
  if (level.parent === undefined) return;
  level.directory?.close();
  level.directory = undefined;
}

/** After a folder in it was opened. */
export function closeFarAbove(level: Level): void {
  // Nothing more is to be opened in it, so that a chain of folders is held two at a time.
  if (level.nextFolder === level.folders.length) closeLevel(level);
  let held = 1;
  for (let upper = level; upper.parent !== undefined; upper = upper.parent) if (++held > heldMax) closeLevel(upper);
}

/** Where the process has no descriptors left, those of the folders above are given up, and it is tried once more. */
export function withDescriptors<T>(level: Level | undefined, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!isErrno(error, 'EMFILE', 'ENFILE')) throw error;
    for (let upper = level?.parent; upper !== undefined; upper = upper.parent) closeLevel(upper);
    return open();
  }
}
