/**
 * Folders that do not let their owner write (0555) and in which something is to change: opened up for it, and closed again at the end of the slice.
 * The user asked for the change on the other side, where the folder has the same mode.
 */

import type { DiskStat } from '../engine/disk.ts';
import type { Name } from '../tree/name.ts';
import { baseName, joinPath, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import type { HeldDirectories, HeldDirectory } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import type { Birth } from './transition-make.ts';

export interface OpenedUp {
  /** Whether entries of this folder cannot be changed, and opening it up could help. Root needs no bits. */
  needsOpening(folder: HeldDirectory): boolean;
  /** Lets the owner read, write and enter a child folder. `false`: it is not ours, or it already was so. */
  openChild(path: RelativePath, above: HeldDirectory, name: Name): boolean;
  /** The mode that an entry has when no one is at work in it. */
  modeOf(path: RelativePath, stat: DiskStat): number;
  /** It was removed or has a mode of its own now. */
  forget(path: RelativePath): void;
  /** Gives all their modes back. */
  closeAll(tree: HeldDirectories): void;
}

export interface OpenedUpHooks {
  /** Before a folder is opened, with the mode that it has. */
  readonly onOpen: (path: RelativePath, mode: number) => void;
  /** After it was given back. */
  readonly onClosed: (path: RelativePath) => void;
}

export function createOpenedUp({ uid }: Birth, { onOpen, onClosed }: OpenedUpHooks): OpenedUp {
  const modes = new Map<RelativePath, number>();
  return {
    needsOpening(folder) {
      if (uid === 0) return false;
      const stat = folder.stat();
      return (stat.mode & 0o300) !== 0o300 && stat.uid === uid;
    },
    openChild(path, above, name) {
      const stat = above.directory.lstat(name);
      if (stat?.kind !== 'directory' || stat.uid !== uid || (stat.mode & 0o700) === 0o700) return false;
      const child = joinPath(path, name);
      onOpen(child, stat.mode);
      above.directory.chmod(name, stat.mode | 0o700);
      if (!modes.has(child)) modes.set(child, stat.mode);
      return true;
    },
    modeOf: (path, stat) => modes.get(path) ?? stat.mode,
    forget: (path) => void modes.delete(path),
    closeAll(tree) {
      // The last that was opened lies deepest: closed first, while the way to it is still open.
      for (const [path, mode] of [...modes].reverse()) {
        const name = baseName(path);
        try {
          if (name !== undefined) tree.open(parentPath(path) ?? rootPath).directory.chmod(name, mode);
          onClosed(path);
        } catch (error) {
          // Gone, or moved away by somebody: then its mode is theirs.
          if (errnoOf(error) === undefined) throw error;
        }
      }
      modes.clear();
    },
  };
}
