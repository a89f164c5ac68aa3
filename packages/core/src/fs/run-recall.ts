/** What is still known here of what an earlier run did, for undoing it. */
import type { PairKey } from '../engine/archive-store.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import type { RecalledRun } from '../engine/replica.ts';
import type { DoneChange } from '../reconcile/undo.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Scope } from '../scope/scope.ts';
import type { File, Mode, Syncable } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import { isOfPair, pairToList } from './pair-file-name.ts';
import { bitsBefore } from './run-manifest.ts';
import { type RunRecord, readRun } from './versions.ts';

/** See `Replica.recallRun`. Reads the run's manifest. `isHeld`: whether a content can be had on this side. */
export function recallRun(
  versions: DiskDirectory,
  { pair, run }: { readonly pair: PairKey; readonly run: string },
  { scope, masks, isHeld }: { readonly scope: Scope; readonly masks: PermissionMasks; readonly isHeld: (content: File) => boolean },
): RecalledRun | undefined {
  const masked = (path: RelativePath, entry: Syncable | undefined, bits?: Mode): Syncable | undefined =>
    entry === undefined || entry.kind === 'symlink'
      ? entry
      : { ...entry, mode: maskMode(bits ?? entry.mode, masks.at(path, entry.kind === 'directory' ? 'directory' : 'other')) };
  const record = readRunOf(versions, pair, run);
  if (record === undefined) return undefined;
  const changes: DoneChange[] = [];
  const outOfScope = new Set<RelativePath>();
  for (const change of record.changes) {
    const { path, old, new: next } = change;
    const kind = (next ?? old)?.kind === 'directory' ? 'directory' : 'other';
    if (scope.includes(path, kind)) {
      const isLost = old?.kind === 'file' && !isHeld(old);
      changes.push({ path, old: masked(path, old, bitsBefore(change)), new: masked(path, next), ...(isLost && { isLost }) });
    } else if (kind === 'other' || !scope.enters(path)) outOfScope.add(path);
  }
  return { changes, outOfScope: outOfScope.size, changesPeer: record.changesPeer };
}

/** All permission bits that entries had before a run changed them, where they are known. */
export function recallBits(versions: DiskDirectory, pair: PairKey, run: string): ReadonlyMap<RelativePath, Mode> {
  const bitsByPath = new Map<RelativePath, Mode>();
  const seen = new Set<RelativePath>();
  for (const change of readRunOf(versions, pair, run)?.changes ?? []) {
    const bits = seen.has(change.path) ? undefined : bitsBefore(change);
    seen.add(change.path);
    if (bits !== undefined) bitsByPath.set(change.path, bits);
  }
  return bitsByPath;
}

/** A run of another pair is not known to this one. */
function readRunOf(versions: DiskDirectory, pair: PairKey, run: string): RunRecord | undefined {
  const record = readRun(versions, run);
  return record !== undefined && isOfPair(pairToList(record.pair), pair) ? record : undefined;
}
