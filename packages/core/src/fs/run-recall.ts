/** What is still known of an earlier run here: what it did, and the contents that it kept. For undoing it. */
import type { DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { Digest } from '../hash/digest.ts';
import type { Change } from '../reconcile/change.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Scope } from '../scope/scope.ts';
import type { Syncable } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import type { VersionPlace } from './stage.ts';
import { readRun } from './versions.ts';

/** See `Replica.changesOf`. Reads the run's manifest. */
export function recallChanges(
  versions: DiskDirectory,
  run: string,
  { scope, masks }: { readonly scope: Scope; readonly masks: PermissionMasks },
): readonly Change[] | undefined {
  const masked = (path: RelativePath, entry: Syncable | undefined): Syncable | undefined =>
    entry === undefined || entry.kind === 'symlink'
      ? entry
      : { ...entry, mode: maskMode(entry.mode, masks.at(path, entry.kind === 'directory' ? 'directory' : 'other')) };
  return readRun(versions, run)?.changes.flatMap(({ path, old, new: next }) => {
    const kind = (next ?? old)?.kind === 'directory' ? 'directory' : 'other';
    return scope.includes(path, kind) ? [{ path, old: masked(path, old), new: masked(path, next) }] : [];
  });
}

export interface KeptContents {
  find(content: { readonly digest: Digest; readonly sizeBytes: number }): VersionPlace | undefined;
  close(): void;
}

/** The contents that a run kept here, by digest. `undefined`: nothing is known of it. The caller closes it. */
export function openKept(versions: DiskDirectory | undefined, run: string): KeptContents | undefined {
  const record = versions && readRun(versions, run);
  if (versions === undefined || record === undefined) return undefined;
  let directory: DiskDirectory;
  try {
    directory = versions.openDirectory(run);
  } catch (error) {
    // Pruned in this very moment.
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  const names = new Map<Digest, string>();
  for (const { entry, name } of record.versions) if (entry.kind === 'file') names.set(entry.digest, name);
  return {
    find({ digest }) {
      const name = names.get(digest);
      return name === undefined ? undefined : { directory, name };
    },
    close: () => directory.close(),
  };
}
