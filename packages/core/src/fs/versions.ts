/**
 * Versions: what a run replaced or deleted, kept for a while, with the record of what it did.
 *
 *     .ubos-sync/versions/RUN/manifest.jsonl      what it was about to do, a line a change (`run-manifest.ts`)
 *     .ubos-sync/versions/RUN/OFFSET              a file that left the tree, named by the byte at which its line begins in the manifest
 *
 * A line whose file is not there belongs to a change that took nothing out of the tree, or never happened. A symlink is all in its line. Where a kept file
 * has a second link, or the disk has no links, it is a copy; nothing in here shares an inode with the tree, so that no edit reaches it.
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import type { Change } from '../reconcile/change.ts';
import { type File, type Mode, type Symlink, sameContent, sameNode } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { readWholeFile, unlinkIfThere } from './atomic-write.ts';
import { encodeChange, encodeHead, parseManifest, type RecordedChange } from './run-manifest.ts';
import { createSlices } from './slices.ts';

/** A kept entry, or one that was to be kept (`name` leads to no file then, or it is a symlink). */
export interface Version {
  readonly path: RelativePath;
  /** With all permission bits that it had. */
  readonly entry: File | Symlink;
  /** In the run's folder. */
  readonly name: string;
}

/** The versions of one run, while it goes on. */
export interface RunVersions {
  readonly directory: DiskDirectory;
  /** Writes down what is to be changed, before it is. Returns a name for each change, in order; `modes`: all permission bits of a file, where they are known. */
  announce(changes: readonly Change[], modes: (path: RelativePath) => Mode | undefined): readonly string[];
  /** Makes all that is kept so far durable. */
  sync(): Promise<void>;
  close(): void;
}

/** Begins or continues the folder of a run. The run's name comes from whoever started it, perhaps a peer: `SYNC_PROTOCOL` if it cannot name a folder. */
export function openRunVersions(folder: DiskDirectory, run: string, nowMs: number): RunVersions {
  if (!isRunName(run))
    throw new SyncError('SYNC_PROTOCOL', 'the name of a run has letters, digits, ".", "_" and "-" only, at most 128', { run: run.slice(0, 128) });
  const directory = makeOrOpen(folder, run);
  let manifest: DiskFile;
  let offset: number;
  try {
    ({ manifest, offset } = openManifest(directory));
    if (offset === 0) write([encodeHead({ run, startedAtMs: nowMs })]);
  } catch (error) {
    directory.close();
    throw error;
  }

  function write(lines: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(lines);
    manifest.write(bytes, offset);
    offset += bytes.length;
  }

  return {
    directory,
    announce(changes, modes) {
      const names: string[] = [];
      const lines: Uint8Array[] = [];
      let at = offset;
      for (const change of changes) {
        const line = encodeChange(change, modes(change.path));
        names.push(String(at));
        lines.push(line);
        at += line.length;
      }
      if (lines.length > 0) write(lines);
      return names;
    },
    async sync() {
      await Promise.all([manifest.sync(), directory.sync(), folder.sync()]);
    },
    close() {
      manifest.close();
      directory.close();
    },
  };
}

export function isRunName(run: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(run);
}

/** Whether a change takes a content, or a link, out of the tree. */
export function leavesTree({ old, new: next, to }: Pick<Change, 'old' | 'new' | 'to'>): boolean {
  if (to !== undefined) return false;
  if (old?.kind === 'symlink') return !sameNode(old, next);
  return old?.kind === 'file' && !(next?.kind === 'file' && sameContent(old, next));
}

const manifestName = 'manifest.jsonl';
/** A million entries with long paths; a larger one is not ours. */
const manifestBytesMax = 1024 ** 3;

function openManifest(directory: DiskDirectory): { manifest: DiskFile; offset: number } {
  try {
    return { manifest: directory.openFile(manifestName, 'create'), offset: 0 };
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const manifest = directory.openFile(manifestName, 'write');
  return { manifest, offset: manifest.stat().sizeBytes };
}

function makeOrOpen(folder: DiskDirectory, name: string): DiskDirectory {
  try {
    folder.makeDirectory(name, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return folder.openDirectory(name);
}

/** What one run was about to do, and what it kept. */
export interface RunRecord {
  readonly run: string;
  readonly startedAtMs: number;
  /** In order. */
  readonly changes: readonly RecordedChange[];
  readonly versions: readonly Version[];
  /** Content that was kept. */
  readonly bytes: number;
}

/** Oldest first. What is not ours in the folder, and lines that cannot be read, are passed over. */
export function listRuns(folder: DiskDirectory): readonly RunRecord[] {
  const records: RunRecord[] = [];
  for (const run of runNames(folder)) {
    const record = readRun(folder, run);
    if (record !== undefined) records.push(record);
  }
  return records.sort((a, b) => a.startedAtMs - b.startedAtMs || (a.run < b.run ? -1 : 1));
}

function runNames(folder: DiskDirectory): readonly string[] {
  return folder.list().flatMap(({ name, kind }) => (name !== undefined && kind !== 'file' && isRunName(name) ? [name] : []));
}

/** `undefined`: nothing is known of such a run, or not any more. */
export function readRun(folder: DiskDirectory, run: string): RunRecord | undefined {
  if (!isRunName(run)) return undefined;
  let bytes: Uint8Array | undefined;
  try {
    const directory = folder.openDirectory(run);
    try {
      bytes = readWholeFile(directory, manifestName, manifestBytesMax);
    } finally {
      directory.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EFBIG')) return undefined;
    throw error;
  }
  const manifest = bytes && parseManifest(bytes);
  if (manifest === undefined) return undefined;
  const versions: Version[] = [];
  let total = 0;
  for (const [start, change] of manifest.changes) {
    const { path, old, mode } = change;
    if (!leavesTree(change) || old === undefined || old.kind === 'directory') continue;
    versions.push({ path, entry: old.kind === 'file' && mode !== undefined ? { ...old, mode } : old, name: String(start) });
    if (old.kind === 'file') total += old.sizeBytes;
  }
  const { startedAtMs } = manifest.head;
  return { run, startedAtMs, changes: manifest.changes.map(([, change]) => change), versions, bytes: total };
}

/** How long and how much is kept. Nothing younger than a day is pruned, whatever the size. */
export interface Retention {
  readonly keepMs: number;
  readonly bytesMax: number;
}

const dayMs = 24 * 60 * 60 * 1000;

export const defaultRetention: Retention = { keepMs: 30 * dayMs, bytesMax: 5e9 };

/** Which runs to prune: what is older than `keepMs`, then the oldest until the rest fits. */
export function planPruning(
  runs: readonly { readonly run: string; readonly startedAtMs: number; readonly bytes: number }[],
  { keepMs, bytesMax }: Retention,
  nowMs: number,
): readonly string[] {
  const oldestFirst = [...runs].sort((a, b) => a.startedAtMs - b.startedAtMs);
  let bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
  const pruned: string[] = [];
  for (const { run, startedAtMs, bytes: own } of oldestFirst) {
    const ageMs = nowMs - startedAtMs;
    if (ageMs < dayMs || (ageMs <= keepMs && bytes <= bytesMax)) break;
    pruned.push(run);
    bytes -= own;
  }
  return pruned;
}

/** Looking costs a read of every run's manifest, so it is done once in a while and not after each run of a timer. */
const pruneEveryMs = 60 * 60 * 1000;
const stampName = 'pruned';

/** Removes what {@link planPruning} says, unless that was done within the hour. Returns the runs that were removed. */
export async function pruneVersions(folder: DiskDirectory, retention: Retention, clock: Clock): Promise<readonly string[]> {
  const stamp = folder.lstat(stampName);
  const sinceMs = stamp === undefined ? undefined : clock.nowMs() - Number(stamp.mtimeNs / 1_000_000n);
  if (sinceMs !== undefined && sinceMs >= 0 && sinceMs < pruneEveryMs) return [];
  const slices = createSlices(clock);
  const records: { run: string; startedAtMs: number; bytes: number }[] = [];
  for (const run of runNames(folder)) {
    const record = readRun(folder, run);
    if (record !== undefined) records.push({ run, startedAtMs: record.startedAtMs, bytes: record.bytes });
    if (slices.isOver()) await slices.pause();
  }
  const pruned = planPruning(records, retention, clock.nowMs());
  for (const run of pruned) {
    const directory = folder.openDirectory(run);
    try {
      // The manifest goes last: what is left after a crash still says what it is.
      for (const { name } of directory.list()) {
        if (name !== undefined && /^\d+$/.test(name)) directory.unlink(name);
        if (slices.isOver()) await slices.pause();
      }
      unlinkIfThere(directory, manifestName);
    } finally {
      directory.close();
    }
    removeIfEmpty(folder, run);
  }
  unlinkIfThere(folder, stampName);
  const file = folder.openFile(stampName, 'create');
  file.setTimes(clock.nowMs());
  file.close();
  return pruned;
}

/** Somebody may have put something of his own into the folder of a run. */
function removeIfEmpty(folder: DiskDirectory, name: string): void {
  try {
    folder.removeDirectory(name);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}
