/**
 * The ways to what is changed: held folders, opened up where their mode keeps us out. One way to where something is made, a second one beside it to where
 * something moves from.
 */
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Mode } from '../tree/entry.ts';
import type { Name } from '../tree/name.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { createHeldDirectories, type HeldDirectories, type HeldDirectory } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import { isGone } from './transition-contents.ts';
import type { Target } from './transition-look.ts';
import type { Birth, KnownFiles } from './transition-make.ts';
import { createOpenedUp } from './transition-opened.ts';

/** A name in a held folder. */
export interface Place {
  readonly path: RelativePath;
  readonly parent: HeldDirectory;
  readonly name: Name;
}

export interface Ways {
  /** The way to where something is made. */
  readonly tree: HeldDirectories;
  /** The way to where something moves from. */
  readonly sources: HeldDirectories;
  /** To look at what is there. Throws what the disk says of the way. */
  reach(path: RelativePath, way?: HeldDirectories): Target;
  /** To change what is there: its folder is opened up if it is not ours to write to. */
  placeOf(path: RelativePath, way?: HeldDirectories): Place;
  /** As it is, and `undefined` where its folder is not there. */
  ifThere(path: RelativePath, way?: HeldDirectories): Place | undefined;
  /** As it is. */
  heldAt(path: RelativePath, way?: HeldDirectories): Place;
  /** The mode of what was looked at, which may be opened up. */
  modeOf(path: RelativePath, stat: DiskStat): number;
  /** All permission bits of what is there, if it is of this kind and can be looked at. */
  bitsAt(path: RelativePath, kind: 'file' | 'directory'): Mode | undefined;
  /** What was changed has the mode that it is to have: it is not closed to what it was before. */
  forgetOpened(path: RelativePath): void;
  /** Gives what was opened up its mode back, and lets all folders go. */
  closeOpened(): void;
  release(): void;
}

export interface WaysOptions {
  readonly root: DiskDirectory;
  readonly birth: Birth;
  readonly known: KnownFiles;
  readonly masks: PermissionMasks;
  /** Right before a folder is opened up: the mode that it is to get back. */
  readonly onOpen: (path: RelativePath, mode: Mode) => void;
  readonly onClosed: (path: RelativePath) => void;
}

export function createWays({ root, birth, known, masks, onOpen, onClosed }: WaysOptions): Ways {
  const opened = createOpenedUp(birth, { onOpen, onClosed });
  const tree = createHeldDirectories(root, { onDenied: opened.openChild });
  const sources = createHeldDirectories(root, { onDenied: opened.openChild });

  const heldAt = (path: RelativePath, way = tree): Place => {
    const name = baseName(path);
    if (name === undefined) throw new TypeError('the root itself is never changed');
    return { path, name, parent: way.open(parentPath(path) ?? rootPath) };
  };
  const reach = (path: RelativePath, way = tree): Target => {
    const { parent, name } = heldAt(path, way);
    return { path, name, parent: parent.directory, record: known.get(path), masks };
  };
  const openParent = (path: RelativePath, way: HeldDirectories): HeldDirectory => {
    const parent = parentPath(path) ?? rootPath;
    const name = baseName(parent);
    // The root's own mode is the user's.
    if (name !== undefined) opened.openChild(parentPath(parent) ?? rootPath, way.open(parentPath(parent) ?? rootPath), name);
    return way.open(parent);
  };
  const release = (): void => {
    tree.release();
    sources.release();
  };

  return {
    tree,
    sources,
    reach,
    heldAt,

    placeOf(path, way = tree) {
      const place = heldAt(path, way);
      return opened.needsOpening(place.parent) ? { ...place, parent: openParent(path, way) } : place;
    },

    ifThere(path, way = tree) {
      try {
        return heldAt(path, way);
      } catch (error) {
        if (isGone(error)) return undefined;
        throw error;
      }
    },

    modeOf: (path, stat) => opened.modeOf(path, stat),

    bitsAt(path, kind) {
      try {
        const { parent, name, record } = reach(path);
        if (record !== undefined) return record.mode;
        const stat = parent.lstat(name);
        return stat?.kind === kind ? opened.modeOf(path, stat) : undefined;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        return undefined;
      }
    },

    forgetOpened: (path) => opened.forget(path),

    closeOpened() {
      opened.closeAll(tree);
      release();
    },

    release,
  };
}
