/**
 * Roots inside roots. Two runs, one on `/srv` and one on `/srv/app`, hold different locks and would change the same files under each other's hands.
 *
 * It is the inner root that is refused: it looks upwards, at each folder that it lies in, which costs a handful of calls. The outer one would have to walk
 * its whole tree to find roots in it, and need not, since the inner ones do not run. An outer root that excludes the inner one, or has never been synced,
 * is none; what counts is the scope that its archives say, for each of its peers. A state folder that we may not read is another user's: it is passed
 * over, as what that user may do to our files is decided by their permissions.
 */

import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { SyncError } from '../engine/errors.ts';
import { compileScope } from '../scope/compile-scope.ts';
import type { ScopeRules } from '../scope/rules.ts';
import { parseRelativePath, type RelativePath } from '../tree/path.ts';
import { readArchive } from './archive-file-format.ts';
import { readWholeFile } from './atomic-write.ts';
import { errnoOf } from './io-failure.ts';
import { readMarker } from './marker.ts';
import { openStateFolder } from './state-folder.ts';

export interface Overlap {
  /** Absolute path of the root around this one. */
  readonly outer: string;
  /** Where this root lies in it. */
  readonly inner: RelativePath;
}

/** The nearest root that the root at this absolute path lies in and that syncs it. Writes nothing. */
export function findOverlap(disk: Disk, rootPath: string): Overlap | undefined {
  for (let end = rootPath.lastIndexOf('/'); end >= 0; end = end === 0 ? -1 : rootPath.lastIndexOf('/', end - 1)) {
    const outer = end === 0 ? '/' : rootPath.slice(0, end);
    const inner = parseRelativePath(rootPath.slice(end + 1));
    if (outer === rootPath || !inner.ok || inner.value === '') continue;
    const takesItIn = scopesOf(disk, outer).some((rules) => {
      const scope = compileScope(rules);
      return scope.includes(inner.value, 'directory') || scope.enters(inner.value);
    });
    if (takesItIn) return { outer, inner: inner.value };
  }
  return undefined;
}

/** `SYNC_ROOTS_OVERLAP`, if there is such a root. */
export function mustNotOverlap(disk: Disk, rootPath: string): void {
  const overlap = findOverlap(disk, rootPath);
  if (overlap === undefined) return;
  const { outer, inner } = overlap;
  throw new SyncError('SYNC_ROOTS_OVERLAP', `${rootPath} lies in ${outer}, which is synced with it: two runs would change the same files`, {
    path: rootPath,
    outer,
    hint: `exclude "/${inner}" in the config of ${outer} and sync that once, or sync only one of the two`,
  });
}

/** What the root at this path syncs with each of its peers; nothing if it is no root, or cannot be looked at. */
function scopesOf(disk: Disk, path: string): readonly ScopeRules[] {
  let directory: DiskDirectory | undefined;
  try {
    directory = disk.openRoot(path);
    if (directory === undefined) return [];
    const state = openStateFolder(directory, { rootPath: path, uid: disk.uid });
    try {
      const archives = state !== undefined && readMarker(state.directory).state === 'present' ? state.look('archive') : undefined;
      return archives === undefined ? [] : readScopes(archives);
    } finally {
      state?.close();
    }
  } catch (error) {
    if (error instanceof SyncError || errnoOf(error) !== undefined) return [];
    throw error;
  } finally {
    directory?.close();
  }
}

function readScopes(archives: DiskDirectory): readonly ScopeRules[] {
  const scopes: ScopeRules[] = [];
  for (const { name } of archives.list()) {
    if (name === undefined || !name.endsWith('.archive')) continue;
    const bytes = readWholeFile(archives, name, 2 ** 31 - 1);
    const scope = bytes && readArchive(bytes)?.position.settings?.scope;
    if (scope !== undefined) scopes.push(scope);
  }
  return scopes;
}
