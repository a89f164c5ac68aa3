/**
 * The archive on disk: what this replica and one other last agreed on, one file a pair and profile in `.ubos-sync/archive/`.
 *
 *     NAME.archive   a snapshot, then a log of commits (`archive-file-format.ts`)
 *     NAME.first     the same, while generation 1 is pending; renamed to NAME.archive by its commit
 *
 * One change costs one delta: an append and a sync to prepare it, an append to commit it. When the log has outgrown the snapshot, the file is
 * written anew, beside, and renamed over; generation and digest stay. So whatever is interrupted, and wherever, the file is the old state, the old
 * state and a pending generation, or the new state. A power cut that takes an end of the log along makes an older state of it, never another one;
 * that this end is behind the other is then seen by comparing digests.
 *
 * A pair that begins (or begins anew, by rejoining) has its first generation in a file of its own, so that an archive that is damaged, or that is
 * about to be left behind, stays as it is until the new one is complete on both ends.
 *
 * Everything here counts on the root's lock, except reading: a status read beside somebody's commit is the one before or after it.
 */
import type { ArchiveCommit, ArchiveRoots, ArchiveStatus, ArchiveStore, PairKey } from '../engine/archive-store.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import { isSyncError, SyncError } from '../engine/errors.ts';
import type { DigestKind } from '../hash/digest.ts';
import { type Ancestor, agreed } from '../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../reconcile/apply-ancestor.ts';
import type { Parsed } from '../util/parsed.ts';
import { withAncestorMerkle, withoutAncestorMerkle } from './ancestor-merkle.ts';
import {
  type ArchiveContents,
  type ArchivePosition,
  type Delta,
  decodeDelta,
  decodeSnapshot,
  emptyPosition,
  encodeArchive,
  encodeCommit,
  encodeDelta,
  type PendingDelta,
  readArchive,
  toHead,
} from './archive-file-format.ts';
import { afterCleaning, readWholeFile, unlinkIfThere, writeFileAtomically } from './atomic-write.ts';
import { errnoOf } from './io-failure.ts';
import { createJournal, type Journal, type JournalOptions, type LazyFolder } from './journal.ts';
import { pairFileName } from './pair-file-name.ts';
import { stateError } from './state-folder.ts';

export interface ArchiveFile extends ArchiveStore {
  /** Of the same pair: what is appended here is what `status` tells, until a commit covers it. */
  readonly journal: Journal;
  /** Names of its files in the folder, for a copy of them. */
  readonly fileNames: readonly string[];
}

export interface ArchiveFileOptions {
  readonly pair: PairKey;
  /** `.ubos-sync/archive` and `.ubos-sync/journal`; made when something is first written. */
  readonly archiveFolder: LazyFolder;
  readonly journalFolder: LazyFolder;
  /** For the journal. */
  readonly boot: string;
  readonly traces: JournalOptions['traces'];
  /** A log shorter than this is left to grow, however small the snapshot. */
  readonly logBytesMin?: number | undefined;
}

export function createArchiveFile({ pair, archiveFolder, journalFolder, boot, traces, logBytesMin = 1024 * 1024 }: ArchiveFileOptions): ArchiveFile {
  const names = { current: pairFileName(pair, 'archive'), first: pairFileName(pair, 'first') };
  let known: Known | undefined;

  /** What the disk holds; read anew if anybody has touched the files since. */
  const read = (): Known => {
    const directory = archiveFolder.look();
    const stamp = stampOf(directory, names);
    if (known?.stamp !== stamp) known = readFiles(directory, names, pair, stamp);
    return known;
  };

  const journal = createJournal({ folder: journalFolder, pair, head: () => hex(read().position.digest), boot, traces });

  const load = async (): Promise<Ancestor> => {
    const found = read();
    const { trees, position } = found;
    if (trees.base !== undefined && trees.deltas.length === 0) return trees.base;
    const complete = await completeTrees(trees, position);
    if (known === found) known = { ...found, trees: complete };
    return complete.base;
  };

  /** Runs a write; what it says is known from then on. After a failure nothing is. */
  const write = async (what: string, run: (directory: DiskDirectory, before: Known) => Promise<Omit<Known, 'stamp'>>): Promise<void> => {
    try {
      const before = read();
      const directory = archiveFolder.make();
      const after = await run(directory, before);
      known = { ...after, stamp: stampOf(directory, names) };
    } catch (error) {
      known = undefined;
      throw stateError(`${what} the archive`, error);
    }
  };

  /** It belongs to the generation before, and counts as empty whether it can be removed or not. */
  const clearJournal = (): void => {
    try {
      journal.clear();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  };

  const compactIfOutgrown = async (): Promise<void> => {
    const { snapshotEnd, committedEnd, position } = read();
    if (committedEnd - snapshotEnd <= Math.max(logBytesMin, snapshotEnd)) return;
    const ancestor = await load();
    try {
      await write('compact', async (directory, before) => {
        const bytes = encodeArchive(pair, { ...position, roots: rootsOf(ancestor) }, ancestor);
        await writeFileAtomically(directory, names.current, bytes);
        return { ...before, snapshotEnd: bytes.length, committedEnd: bytes.length, end: bytes.length };
      });
    } catch (error) {
      // The commit stands without it; a longer log is all that is left of this, and the next commit tries again.
      if (!isSyncError(error)) throw error;
    }
  };

  return {
    journal,
    fileNames: [names.current],
    status() {
      return attempt((): ArchiveStatus => {
        const { position, damaged, pending, restored } = read();
        return {
          head: toHead(position),
          damaged,
          ...(restored && { restored }),
          pending: pending && { generation: pending.delta.position.generation, digest: hex(pending.delta.position.digest) },
          journal: journal.read().map(({ change }) => change),
        };
      });
    },
    load,
    prepare(commit) {
      return write('prepare a generation of', async (directory, before) => {
        const isFirst = commit.generation === 1;
        const position = isFirst ? emptyPosition(pair) : before.position;
        mustFollow(commit, position);
        dropPending(directory, names, before);
        const { bytes, pending: delta } = encodeDelta(position, commit);
        const { committedEnd } = before;
        if (isFirst) {
          const file = Buffer.concat([encodeArchive(pair, position, agreed(undefined)), bytes]);
          await writeFileAtomically(directory, names.first, file);
          return { ...before, end: committedEnd, pending: { delta, inFirst: { end: file.length, committed: false } } };
        }
        await append(directory, names.current, committedEnd, bytes);
        return { ...before, end: committedEnd + bytes.length, pending: { delta, inFirst: undefined } };
      });
    },
    async commit(generation) {
      const { pending, position } = read();
      if (pending?.delta.position.generation === generation) {
        await write('commit a generation of', (directory, before) =>
          pending.inFirst ? commitFirst(directory, names, before, pending) : commitNext(directory, names, before, pending),
        );
      } else if (pending !== undefined || position.generation !== generation) {
        throw new SyncError('SYNC_ARCHIVE_DAMAGED', `generation ${generation} of the archive is not pending (it is at ${position.generation})`);
      }
      clearJournal();
      await compactIfOutgrown();
    },
    async discard() {
      if (read().pending === undefined) return;
      await write('discard a generation of', (directory, before) => {
        dropPending(directory, names, before);
        return Promise.resolve({ ...before, end: before.committedEnd, pending: undefined });
      });
    },
  };
}

interface FileNames {
  readonly current: string;
  readonly first: string;
}

/** What the files hold. */
interface Known {
  /** Identity of the files that this was read from or written to. */
  readonly stamp: string;
  readonly position: ArchivePosition;
  readonly damaged: boolean;
  readonly pending: Pending | undefined;
  readonly restored: boolean;
  readonly trees: Trees;
  /** Offsets in NAME.archive, as in `ArchiveContents`; 0 where there is none. */
  readonly snapshotEnd: number;
  readonly committedEnd: number;
  readonly end: number;
}

interface Pending {
  readonly delta: PendingDelta;
  /** It lies in NAME.first, which ends there; its commit record may be written already, and only the rename be missing. */
  readonly inFirst: { readonly end: number; readonly committed: boolean } | undefined;
}

/** The trees as far as they are built: `base`, or `snapshot` to build it from, and the committed deltas that are to be made to it. */
interface Trees {
  readonly base: Ancestor | undefined;
  readonly snapshot: unknown;
  /** The kind of hash that the Merkle digests in it are made with. */
  readonly merkleKind: DigestKind;
  readonly deltas: readonly Delta[];
}

export const archiveBytesMax: number = 2 ** 31 - 1;
const nothing: Trees = { base: agreed(undefined), snapshot: undefined, merkleKind: 'fast', deltas: [] };

function readFiles(directory: DiskDirectory | undefined, names: FileNames, pair: PairKey, stamp: string): Known {
  const archive = readFile(directory, names.current, pair);
  const first = readFile(directory, names.first, pair);
  const begun = first.contents && toFirstPending(first.contents);
  if (archive.contents === undefined) {
    const ends = { snapshotEnd: 0, committedEnd: 0, end: 0 };
    return { stamp, position: emptyPosition(pair), damaged: archive.exists, pending: begun, restored: false, trees: nothing, ...ends };
  }
  const { position, snapshot, merkleKind, deltas, pending, restored, snapshotEnd, committedEnd, end } = archive.contents;
  return {
    stamp,
    position,
    damaged: false,
    pending: begun ?? (pending && { delta: pending, inFirst: undefined }),
    restored,
    trees: { base: undefined, snapshot, merkleKind, deltas },
    snapshotEnd,
    committedEnd,
    end,
  };
}

function readFile(
  directory: DiskDirectory | undefined,
  name: string,
  pair: PairKey,
): { readonly exists: boolean; readonly contents: ArchiveContents | undefined } {
  const bytes = directory && readWholeFile(directory, name, archiveBytesMax);
  return { exists: bytes !== undefined, contents: bytes && readArchive(bytes, pair) };
}

/** A file that is damaged or torn was never completely written: it means nothing, as generation 1 was not prepared then. */
function toFirstPending({ position, deltas, pending, end }: ArchiveContents): Pending | undefined {
  if (pending !== undefined) return position.generation === 0 ? { delta: pending, inFirst: { end, committed: false } } : undefined;
  const [delta] = deltas;
  return delta !== undefined && position.generation === 1 ? { delta: { position, delta }, inFirst: { end, committed: true } } : undefined;
}

function stampOf(directory: DiskDirectory | undefined, names: FileNames): string {
  return [names.current, names.first]
    .map((name) => directory?.lstat(name))
    .map((stat) => (stat === undefined ? '-' : `${stat.ino} ${stat.sizeBytes} ${stat.mtimeNs} ${stat.ctimeNs}`))
    .join();
}

function buildTrees({ base, snapshot, deltas }: Trees): Ancestor {
  const changes = deltas.flatMap((delta) => mustDecode(decodeDelta(delta)));
  return applyAncestorChanges(base ?? mustDecode(decodeSnapshot(snapshot)), changes);
}

/** The trees with all deltas made to them, and with a Merkle digest on every directory. */
async function completeTrees(trees: Trees, { settings }: ArchivePosition): Promise<Trees & { readonly base: Ancestor }> {
  const kind = settings?.digest ?? 'fast';
  const built = buildTrees(trees);
  const base = await withAncestorMerkle(kind === trees.merkleKind ? built : withoutAncestorMerkle(built), kind);
  return { base, snapshot: undefined, merkleKind: kind, deltas: [] };
}

function rootsOf({ alpha, beta }: Ancestor): ArchiveRoots | undefined {
  if (alpha?.kind !== 'directory' || beta?.kind !== 'directory' || alpha.merkle === undefined || beta.merkle === undefined) return undefined;
  return { alpha: alpha.merkle, beta: beta.merkle };
}

function mustDecode<T>(decoded: Parsed<T>): T {
  if (!decoded.ok) throw new SyncError('SYNC_ARCHIVE_DAMAGED', `the archive cannot be read: ${decoded.error}`);
  return decoded.value;
}

function mustFollow(commit: ArchiveCommit, position: ArchivePosition): void {
  if (commit.generation !== position.generation + 1) {
    throw new SyncError('SYNC_ARCHIVE_DAMAGED', `generation ${commit.generation} does not follow ${position.generation}, where the archive is`);
  }
  if (position.settings === undefined && commit.settings === undefined)
    throw new SyncError('SYNC_ARCHIVE_DAMAGED', 'a first generation carries settings');
}

/** Forgets pending generations, so that the next record follows the last commit. */
function dropPending(directory: DiskDirectory, { current, first }: FileNames, { committedEnd }: Known): void {
  unlinkIfThere(directory, first);
  if (committedEnd === 0) return;
  const file = directory.openFile(current, 'write');
  try {
    if (file.stat().sizeBytes > committedEnd) file.truncate(committedEnd);
  } finally {
    file.close();
  }
}

async function commitNext(directory: DiskDirectory, { current }: FileNames, before: Known, { delta }: Pending): Promise<Omit<Known, 'stamp'>> {
  // They are in memory, as this run was decided by them; only what it has changed is made anew.
  const trees = await completeTrees({ ...before.trees, deltas: [...before.trees.deltas, delta.delta] }, delta.position);
  const roots = rootsOf(trees.base);
  const bytes = encodeCommit(delta, roots);
  // Not synced: the generation is durable on both ends as a pending one, and whoever finds it so on one of them finishes the commit there.
  await append(directory, current, before.end, bytes, { durable: false });
  const end = before.end + bytes.length;
  return { ...before, position: { ...delta.position, roots }, pending: undefined, restored: false, trees, committedEnd: end, end };
}

async function commitFirst(directory: DiskDirectory, names: FileNames, before: Known, { delta, inFirst }: Pending): Promise<Omit<Known, 'stamp'>> {
  const trees = await completeTrees({ ...nothing, deltas: [delta.delta] }, delta.position);
  const roots = rootsOf(trees.base);
  const bytes = encodeCommit(delta, roots);
  const start = inFirst?.end ?? 0;
  if (!inFirst?.committed) await append(directory, names.first, start, bytes, { durable: false });
  directory.rename(names.first, directory, names.current);
  await directory.sync();
  const end = inFirst?.committed ? start : start + bytes.length;
  return {
    ...before,
    position: { ...delta.position, roots },
    damaged: false,
    pending: undefined,
    restored: false,
    trees,
    snapshotEnd: 0,
    committedEnd: end,
    end,
  };
}

/** A record that did not become durable is taken back, so that a write that failed has changed nothing that anybody can see. */
async function append(
  directory: DiskDirectory,
  name: string,
  position: number,
  bytes: Uint8Array,
  { durable }: { readonly durable: boolean } = { durable: true },
): Promise<void> {
  const file = directory.openFile(name, 'write');
  try {
    file.write(bytes, position);
    if (durable) await file.sync();
  } catch (error) {
    throw afterCleaning(error, () => file.truncate(position));
  } finally {
    file.close();
  }
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}

function attempt<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
