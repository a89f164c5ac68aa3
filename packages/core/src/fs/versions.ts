/**
 * Versions: what a run replaced or deleted, kept for a while, with the record of what it did.
 *
 *     .ubos-sync/versions/RUN/manifest.jsonl      what it was about to do, a line a change (`run-manifest.ts`)
 *     .ubos-sync/versions/content/DIGEST-SIZE     the files that left the tree, in whatever run (`kept-contents.ts`)
 *     .ubos-sync/versions/pruned                  its time is that of the last look at what may go
 *
 * The line comes first, then the file. A line whose content is not there belongs to a change that never happened. A symlink is all in its line. Where a file
 * that leaves has a second link, or the disk has no links, a copy is kept; nothing in here shares an inode with the tree, so that no edit reaches it (after a
 * crash it may, until that file is replaced or deleted, which tells by its links).
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import type { Change } from '../reconcile/change.ts';
import { type File, type Mode, type Symlink, sameContent, sameNode } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { readWholeFile, unlinkIfThere } from './atomic-write.ts';
import { contentName, isContentName, sizeOfContent } from './content-name.ts';
import { createKeptContents, type KeptContents } from './kept-contents.ts';
import { encodeChange, encodeHead, type ManifestHead, parseManifest, type RecordedChange } from './run-manifest.ts';
import { createSlices, type Slices } from './slices.ts';

/** An entry that was to leave the tree. The content of a file is kept under its name, if it did. */
export interface Version {
  readonly path: RelativePath;
  /** With all permission bits that it had. */
  readonly entry: File | Symlink;
}

/** The versions of one run, while it goes on. */
export interface RunVersions {
  /** Writes down what is to be changed, before it is. `bitsOf`: all permission bits of what is there, where they are known. */
  announce(changes: readonly Change[], bitsOf: (change: Change) => Mode | undefined): void;
  /** Where contents go; made when it is first asked for. */
  contents(): KeptContents;
  /** Makes durable what was written down and what was kept, each as far as {@link KeptContents.sync} says. */
  sync(): Promise<void>;
  close(): void;
}

/** Begins or continues the folder of a run. The run's name comes from whoever started it, perhaps a peer: `SYNC_PROTOCOL` if it cannot name a folder. */
export function openRunVersions(folder: DiskDirectory, head: ManifestHead): RunVersions {
  const { run } = head;
  if (!isRunName(run))
    throw new SyncError('SYNC_PROTOCOL', 'the name of a run has letters, digits, ".", "_" and "-" only, at most 128', { run: run.slice(0, 128) });
  const directory = makeOrOpen(folder, run);
  let manifest: DiskFile;
  let offset: number;
  let contents: KeptContents | undefined;
  try {
    ({ manifest, offset } = openManifest(directory));
    if (offset === 0) write([encodeHead(head)]);
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
    announce(changes, bitsOf) {
      if (changes.length > 0) write(changes.map((change) => encodeChange(change, bitsOf(change))));
    },
    contents: () => (contents ??= createKeptContents(makeOrOpen(folder, contentFolderName))),
    async sync() {
      await Promise.all([manifest.sync(), directory.sync(), contents?.sync(), folder.sync()]);
    },
    close() {
      manifest.close();
      directory.close();
      contents?.close();
    },
  };
}

/** The folder of the contents that are kept; the caller closes it. `undefined`: none was kept yet. */
export function lookContents(folder: DiskDirectory): DiskDirectory | undefined {
  try {
    return folder.openDirectory(contentFolderName);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

export function isRunName(run: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(run) && run !== contentFolderName && run !== stampName;
}

export const contentFolderName = 'content';
/** Its time is that of the last pruning. */
const stampName = 'pruned';

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
export interface RunRecord extends ManifestHead {
  /** In order. */
  readonly changes: readonly RecordedChange[];
  readonly versions: readonly Version[];
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
  for (const change of manifest.changes) {
    const { path, old, mode } = change;
    if (!leavesTree(change) || old === undefined || old.kind === 'directory') continue;
    versions.push({ path, entry: old.kind === 'file' && mode !== undefined ? { ...old, mode } : old });
  }
  return { ...manifest.head, run, changes: manifest.changes, versions };
}

/**
 * How long and how much is kept. Nothing younger than a day is pruned, whatever the rest says. Conflicts that are open need no exception: nothing has left a
 * tree because of them, so no version is part of one (a law of `reconcile`).
 */
export interface Retention {
  readonly keepMs: number;
  readonly runsMax: number;
  /** Of contents, each counted once. */
  readonly bytesMax: number;
}

const dayMs = 24 * 60 * 60 * 1000;

export const defaultRetention: Retention = { keepMs: 30 * dayMs, runsMax: 1000, bytesMax: 5e9 };

export interface KeptRun {
  readonly run: string;
  readonly startedAtMs: number;
  /** Names of the contents that it keeps, each once. */
  readonly contents: readonly string[];
}

/** Which runs to prune: what is older than `keepMs`, then the oldest until the rest is few enough and fits. Oldest first. */
export function planPruning(runs: readonly KeptRun[], { keepMs, runsMax, bytesMax }: Retention, nowMs: number): readonly string[] {
  const keepers = new Map<string, number>();
  let bytes = 0;
  for (const name of runs.flatMap(({ contents }) => contents)) {
    if (!keepers.has(name)) bytes += sizeOfContent(name);
    keepers.set(name, (keepers.get(name) ?? 0) + 1);
  }
  const pruned: string[] = [];
  for (const { run, startedAtMs, contents } of [...runs].sort((a, b) => a.startedAtMs - b.startedAtMs)) {
    const ageMs = nowMs - startedAtMs;
    if (ageMs < dayMs || (ageMs <= keepMs && runs.length - pruned.length <= runsMax && bytes <= bytesMax)) break;
    pruned.push(run);
    for (const name of contents) {
      const others = (keepers.get(name) ?? 0) - 1;
      keepers.set(name, others);
      if (others === 0) bytes -= sizeOfContent(name);
    }
  }
  return pruned;
}

/** Looking costs a read of every run's manifest, so it is done once in a while and not after each run of a timer. */
const pruneEveryMs = 60 * 60 * 1000;

/**
 * Removes the runs that {@link planPruning} says, and then the contents that no run names, once they are a day old, unless that was done within the hour.
 * Returns the runs that were removed. A crash on the way leaves contents that the next pruning finds.
 */
export async function pruneVersions(folder: DiskDirectory, retention: Retention, clock: Clock): Promise<readonly string[]> {
  const stamp = folder.lstat(stampName);
  const sinceMs = stamp === undefined ? undefined : clock.nowMs() - Number(stamp.mtimeNs / 1_000_000n);
  if (sinceMs !== undefined && sinceMs >= 0 && sinceMs < pruneEveryMs) return [];
  const contents = lookContents(folder);
  try {
    const slices = createSlices(clock);
    const there = new Set(contents?.list().flatMap(({ name }) => name ?? []));
    const { runs, unread } = await readRuns(folder, there, slices);
    const pruned = planPruning(runs, retention, clock.nowMs());
    for (const run of pruned) removeRun(folder, run);
    const left = runs.filter(({ run }) => !pruned.includes(run));
    // What a manifest names that cannot be read, by a newer program perhaps, nobody knows: then all is needed.
    if (contents !== undefined && !left.some(({ run }) => unread.has(run))) {
      const needed = new Set(left.flatMap((run) => run.contents));
      await sweep(
        contents,
        [...there].filter((name) => isOurs(name) && !needed.has(name)),
        { nowMs: clock.nowMs(), slices },
      );
    }
    unlinkIfThere(folder, stampName);
    const file = folder.openFile(stampName, 'create');
    file.setTimes(clock.nowMs());
    file.close();
    return pruned;
  } finally {
    contents?.close();
  }
}

/** All runs with what they keep of what is there. `unread`: whose manifests cannot be read; these are as old as the file is. */
async function readRuns(
  folder: DiskDirectory,
  there: ReadonlySet<string>,
  slices: Slices,
): Promise<{ readonly runs: readonly KeptRun[]; readonly unread: ReadonlySet<string> }> {
  const runs: KeptRun[] = [];
  const unread = new Set<string>();
  for (const run of runNames(folder)) {
    const record = readRun(folder, run);
    const startedAtMs = record?.startedAtMs ?? manifestTimeMs(folder, run);
    if (startedAtMs !== undefined) {
      if (record === undefined) unread.add(run);
      const names = new Set(record?.versions.flatMap(({ entry }) => (entry.kind === 'file' ? contentName(entry.digest, entry.sizeBytes) : [])));
      runs.push({ run, startedAtMs, contents: [...names].filter((name) => there.has(name)) });
    }
    if (slices.isOver()) await slices.pause();
  }
  return { runs, unread };
}

/** `undefined`: it has none, or is no folder. */
function manifestTimeMs(folder: DiskDirectory, run: string): number | undefined {
  let directory: DiskDirectory;
  try {
    directory = folder.openDirectory(run);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  try {
    const stat = directory.lstat(manifestName);
    return stat && Number(stat.mtimeNs / 1_000_000n);
  } finally {
    directory.close();
  }
}

/** Its folder stays if somebody has put something of his own into it. */
function removeRun(folder: DiskDirectory, run: string): void {
  const directory = folder.openDirectory(run);
  try {
    unlinkIfThere(directory, manifestName);
  } finally {
    directory.close();
  }
  try {
    folder.removeDirectory(run);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

/** Its own name in the folder of contents: a kept one, or one on its way out that a crash has stopped. */
function isOurs(name: string): boolean {
  return isContentName(name) || name.startsWith('temp-');
}

/** Removes what is a day old: it came here, or got its name, when its `ctime` says. */
async function sweep(
  contents: DiskDirectory,
  names: readonly string[],
  { nowMs, slices }: { readonly nowMs: number; readonly slices: Slices },
): Promise<void> {
  for (const name of names) {
    const stat = contents.lstat(name);
    if (stat !== undefined && stat.kind !== 'directory' && nowMs - Number(stat.ctimeNs / 1_000_000n) >= dayMs) contents.unlink(name);
    if (slices.isOver()) await slices.pause();
  }
}
