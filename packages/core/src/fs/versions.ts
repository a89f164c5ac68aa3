/**
 * Versions: what a run replaced or deleted, kept for a while.
 *
 *     .ubos-sync/versions/RUN/manifest.jsonl      a head line, then a line for each entry that was about to leave the tree
 *     .ubos-sync/versions/RUN/OFFSET              the file itself, named by the byte at which its line begins in the manifest
 *
 * A line is written before its entry leaves, so that no kept file is without its path; a line whose file is not there belongs to a change that never
 * happened. A symlink is all in its line. Where a kept file has a second link, or the disk has no links, it is a copy; nothing in here shares an
 * inode with the tree, so that no edit reaches it.
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import { digestFromHex, digestHex } from '../hash/digest.ts';
import type { File, Symlink } from '../tree/entry.ts';
import { parseRelativePath, type RelativePath } from '../tree/path.ts';
import { readWholeFile, unlinkIfThere } from './atomic-write.ts';
import { createSlices } from './slices.ts';

/** An entry that is about to leave the tree. */
export interface PreImage {
  readonly path: RelativePath;
  readonly entry: File | Symlink;
}

/** A kept entry, or one that was to be kept (`name` leads to no file then, or it is a symlink). */
export interface Version extends PreImage {
  /** In the run's folder. */
  readonly name: string;
}

/** The versions of one run, while it goes on. */
export interface RunVersions {
  readonly directory: DiskDirectory;
  /** Writes down what may leave, before it does. Returns the name for each, in order. */
  announce(preImages: readonly PreImage[]): readonly string[];
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
    if (offset === 0) write(encode({ format: 1, run, startedAtMs: nowMs }));
  } catch (error) {
    directory.close();
    throw error;
  }

  function write(line: Uint8Array): void {
    manifest.write(line, offset);
    offset += line.length;
  }

  return {
    directory,
    announce(preImages) {
      const names: string[] = [];
      const lines: Uint8Array[] = [];
      let at = offset;
      for (const preImage of preImages) {
        const line = encode(describe(preImage));
        names.push(String(at));
        lines.push(line);
        at += line.length;
      }
      if (lines.length > 0) write(Buffer.concat(lines));
      return names;
    },
    async sync() {
      await manifest.sync();
      await directory.sync();
      await folder.sync();
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

function describe({ path, entry }: PreImage): object {
  return entry.kind === 'symlink'
    ? { path, kind: 'symlink', target: entry.target, mtimeMs: entry.mtimeMs }
    : { path, kind: 'file', digest: digestHex(entry.digest), sizeBytes: entry.sizeBytes, mode: entry.mode, mtimeMs: entry.mtimeMs };
}

const encoder = new TextEncoder();

function encode(line: object): Uint8Array {
  return encoder.encode(`${JSON.stringify(line)}\n`);
}

/** One run that left versions. */
export interface RunRecord {
  readonly run: string;
  readonly startedAtMs: number;
  readonly versions: readonly Version[];
  /** Content that was kept. */
  readonly bytes: number;
}

/** Oldest first. What is not ours in the folder, and lines that cannot be read, are passed over. */
export function listVersions(folder: DiskDirectory): readonly RunRecord[] {
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

function readRun(folder: DiskDirectory, run: string): RunRecord | undefined {
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
  if (bytes === undefined) return undefined;
  let startedAtMs: number | undefined;
  const versions: Version[] = [];
  let total = 0;
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start);
    const end = newline === -1 ? bytes.length : newline;
    const line = parseLine(new TextDecoder().decode(bytes.subarray(start, end)));
    if (start === 0) startedAtMs = typeof line?.startedAtMs === 'number' ? line.startedAtMs : undefined;
    const preImage = line && parsePreImage(line);
    if (preImage !== undefined) {
      versions.push({ name: String(start), ...preImage });
      if (preImage.entry.kind === 'file') total += preImage.entry.sizeBytes;
    }
    start = end + 1;
  }
  return startedAtMs === undefined ? undefined : { run, startedAtMs, versions, bytes: total };
}

function parseLine(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function parsePreImage(line: Readonly<Record<string, unknown>>): PreImage | undefined {
  const { path: text, kind, digest: hex, sizeBytes, mode, mtimeMs, target } = line;
  const path = typeof text === 'string' ? parseRelativePath(text) : undefined;
  if (path?.ok !== true || typeof mtimeMs !== 'number') return undefined;
  if (kind === 'symlink' && typeof target === 'string') return { path: path.value, entry: { kind, target, mtimeMs } };
  const digest = typeof hex === 'string' ? digestFromHex(hex) : undefined;
  if (kind !== 'file' || digest === undefined || typeof mode !== 'number' || typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes))
    return undefined;
  return { path: path.value, entry: { kind, digest, sizeBytes, mode, mtimeMs } };
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
