/** What is still known here of what an earlier run did, for undoing it. */
import type { PairKey } from '../engine/archive-store.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import type { Change } from '../reconcile/change.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Scope } from '../scope/scope.ts';
import type { Syncable } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import { isOfPair, pairToList } from './pair-file-name.ts';
import { readRun } from './versions.ts';

/** See `Replica.changesOf`. Reads the run's manifest. A run of another pair is not known to this one. */
export function recallChanges(
  versions: DiskDirectory,
  { pair, run }: { readonly pair: PairKey; readonly run: string },
  { scope, masks }: { readonly scope: Scope; readonly masks: PermissionMasks },
): readonly Change[] | undefined {
  const masked = (path: RelativePath, entry: Syncable | undefined): Syncable | undefined =>
    entry === undefined || entry.kind === 'symlink'
      ? entry
      : { ...entry, mode: maskMode(entry.mode, masks.at(path, entry.kind === 'directory' ? 'directory' : 'other')) };
  const record = readRun(versions, run);
  if (record === undefined || !isOfPair(pairToList(record.pair), pair)) return undefined;
  return record.changes.flatMap(({ path, old, new: next }) => {
    const kind = (next ?? old)?.kind === 'directory' ? 'directory' : 'other';
    return scope.includes(path, kind) ? [{ path, old: masked(path, old), new: masked(path, next) }] : [];
  });
}
