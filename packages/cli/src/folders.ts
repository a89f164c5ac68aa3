/**
 * Folders below a root that this end writes to by itself: that of the audit, and those of the targets of logs. What lies on the way may have come from
 * the peer, so each step is taken from the directory that is held, and a link is followed nowhere: it would lead into the synced tree, or out of the root.
 */
import type { RelativePath } from '@ubos/sync-core';
import { createNodeDisk, type DiskDirectory, type DiskStat } from '@ubos/sync-core/fs';
import type { EntryFacts } from './render/lines.ts';
import { isoTime, octal } from './render/report-lines.ts';

export interface FolderOptions {
  /** What to throw for a link, a file or whatever else stands on the way. `path` is absolute. */
  readonly refuse: (path: string, what: string) => Error;
  readonly make: boolean;
}

/** Absolute path of the folder; `undefined` if it, or the root, is not there. With `make` it is made where it is missing, the root never. */
export function folderInRoot(root: string, path: RelativePath, { refuse, make }: FolderOptions): string | undefined {
  let held: DiskDirectory | undefined = openRoot(root);
  let shown = root;
  try {
    // What is missing is at the end of the way, so whatever is refused is refused before the first folder is made.
    for (const name of path === '' ? [] : path.split('/')) {
      if (held === undefined) return undefined;
      shown = `${shown === '/' ? '' : shown}/${name}`;
      const above: DiskDirectory = held;
      held = undefined;
      try {
        held = step(above, name, make, (what) => refuse(shown, what));
      } finally {
        above.close();
      }
    }
    return held === undefined ? undefined : shown;
  } finally {
    held?.close();
  }
}

/** What is at a path below a root, by a look alone; `null`: nothing, `problematic`: it cannot be looked at. What lies behind a link is not in the tree. */
export function lookInRoot(root: string, path: RelativePath): EntryFacts {
  let held = openRoot(root);
  try {
    const names = path.split('/');
    const last = names.pop() ?? '';
    for (const name of names) {
      const above: DiskDirectory | undefined = held;
      held = above?.lstat(name)?.kind === 'directory' ? above.openDirectory(name) : undefined;
      above?.close();
    }
    const stat = last === '' ? held?.stat() : held?.lstat(last);
    return stat === undefined ? null : factsOf(stat);
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string') throw error;
    return { kind: 'problematic' };
  } finally {
    held?.close();
  }
}

function factsOf({ kind, mode: bits, sizeBytes, mtimeNs }: DiskStat): EntryFacts {
  const mtime = isoTime(Number(mtimeNs / 1_000_000n));
  const mode = octal(bits & 0o777);
  switch (kind) {
    case 'directory':
      return { kind, mode };
    case 'file':
      return { kind, sizeBytes, mode, mtime };
    case 'symlink':
      return { kind, mtime };
    case 'other':
      return { kind: 'untracked' };
  }
}

/** A root that is missing or no folder is for the engine to name. */
function openRoot(root: string): DiskDirectory | undefined {
  try {
    return createNodeDisk().openRoot(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function step(above: DiskDirectory, name: string, make: boolean, refuse: (what: string) => Error): DiskDirectory | undefined {
  const found = above.lstat(name);
  if (found === undefined) {
    if (!make) return undefined;
    makeIfMissing(above, name);
  } else if (found.kind !== 'directory') {
    throw refuse(found.kind === 'symlink' ? 'a link' : found.kind === 'file' ? 'a file' : 'no folder');
  }
  // Links are not followed here either, whatever has taken its place meanwhile.
  return above.openDirectory(name);
}

/** Made by somebody else in the same moment is as good. */
function makeIfMissing(above: DiskDirectory, name: string): void {
  try {
    above.makeDirectory(name, 0o755);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
