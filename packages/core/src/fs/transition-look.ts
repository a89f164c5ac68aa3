/**
 * The look at a target right before it is changed: is it still what the plan was made for?
 *
 * Where size, times and inode are those of the scan, it is. Where they moved, the content decides: a file that was only touched is still the same.
 */

import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import { type Entry, type Syncable, sameNode } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import type { Name } from '../tree/name.ts';
import type { RelativePath } from '../tree/path.ts';
import { hashFile } from './hash-file.ts';
import type { Hashing } from './hasher.ts';
import { errnoOf } from './io-failure.ts';
import type { IndexRecord } from './scan-index.ts';
import type { Slices } from './slices.ts';

export interface Target {
  readonly path: RelativePath;
  readonly parent: DiskDirectory;
  readonly name: Name;
  readonly record: IndexRecord | undefined;
  readonly masks: PermissionMasks;
}

/** `same`: what the plan says is there. `touched`: a file of that size that has to be read. Else what was found, as far as it is known. */
export type Look =
  | { readonly verdict: 'same' | 'touched'; readonly stat: DiskStat | undefined }
  | { readonly verdict: 'other'; readonly found: Entry | undefined; readonly stat: DiskStat | undefined };

/** Without reading any content. `modeOf` gives the mode that a directory had before it was opened up for its children. */
export function look(old: Syncable | undefined, target: Target, modeOf: (stat: DiskStat) => number): Look {
  const { path, parent, name, record, masks } = target;
  const stat = parent.lstat(name);
  if (stat === undefined) return old === undefined ? { verdict: 'same', stat } : { verdict: 'other', found: undefined, stat };
  const mode = maskMode(modeOf(stat), masks.at(path, stat.kind === 'directory' ? 'directory' : 'other'));
  if (stat.kind === 'file') {
    const unread: Entry = { kind: 'problematic', code: 'SYNC_TARGET_CHANGED' };
    if (record !== undefined && isUntouched(stat, record)) {
      const found: Entry = { kind: 'file', mode, sizeBytes: stat.sizeBytes, digest: record.digest, mtimeMs: mtimeMsOf(stat) };
      return sameNode(found, old) ? { verdict: 'same', stat } : { verdict: 'other', found, stat };
    }
    const mayBe = old?.kind === 'file' && old.sizeBytes === stat.sizeBytes && old.mode === mode;
    return mayBe ? { verdict: 'touched', stat } : { verdict: 'other', found: unread, stat };
  }
  const found = readOther(stat, mode, target);
  return sameNode(found, old) ? { verdict: 'same', stat } : { verdict: 'other', found, stat };
}

/** Whether the disk says of a file what it said when its content was last read. */
export function isUntouched(stat: DiskStat, record: IndexRecord): boolean {
  return (
    stat.sizeBytes === record.sizeBytes &&
    stat.mtimeNs === record.mtimeNs &&
    stat.ctimeNs === record.ctimeNs &&
    stat.ino === record.ino &&
    stat.mode === record.mode
  );
}

function readOther(stat: DiskStat, mode: number, { parent, name }: Target): Entry {
  switch (stat.kind) {
    case 'directory':
      return { kind: 'directory', mode, children: [] };
    case 'symlink':
      return { kind: 'symlink', target: parent.readlink(name), mtimeMs: mtimeMsOf(stat) };
    case 'file':
    case 'other':
      return { kind: 'untracked', reason: 'special' };
  }
}

/** Reads a touched file: `same` if its content is what `digest` says and it held still meanwhile. */
export async function readTouched(
  { parent, name }: Target,
  { stat, digest }: { readonly stat: DiskStat; readonly digest: string },
  reading: { readonly hashing: Hashing; readonly slices: Slices },
): Promise<boolean> {
  let file;
  try {
    file = parent.openFile(name, 'read');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
  try {
    const before = file.stat();
    return isSameState(before, stat) && (await hashFile(file, stat.sizeBytes, reading)) === digest && isSameState(file.stat(), stat);
  } finally {
    file.close();
  }
}

export function isSameState(a: DiskStat, b: DiskStat): boolean {
  return a.kind === b.kind && a.ino === b.ino && a.sizeBytes === b.sizeBytes && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

export function mtimeMsOf(stat: DiskStat): number {
  return Number(stat.mtimeNs) / 1e6;
}
