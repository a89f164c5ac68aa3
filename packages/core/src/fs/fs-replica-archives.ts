import type { ArchiveStatus, ArchiveStore, PairKey } from '../engine/archive-store.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import { SyncError } from '../engine/errors.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import { type ArchiveFile, archiveBytesMax, createArchiveFile } from './archive-file.ts';
import { encodeRestored, readArchive } from './archive-file-format.ts';
import { readWholeFile, writeFileAtomically } from './atomic-write.ts';
import type { RootHolder } from './fs-replica-root.ts';
import { type IntentTraces, type Journal, type LazyFolder, pairOfJournal } from './journal.ts';
import { closeFolders, finishHalfDone, type IntentPlace, madeIntents } from './journal-intents.ts';
import { readMarker } from './marker.ts';
import type { MarkerMirror } from './marker-mirror.ts';
import { pairFileName } from './pair-file-name.ts';
import type { StateFolder } from './state-folder.ts';

/** The archives of a replica, one a pair, opened when they are needed. */
export interface Archives {
  store(pair: PairKey): ArchiveStore;
  /** While the root is held. */
  journal(pair: PairKey): Journal;
  /** Settles what processes were about that were killed, with whichever peer. With the root locked. */
  recover(state: StateFolder): void;
  /** Closes the files; they are opened again when they are needed. */
  closeFiles(): void;
  /** Copies what was committed since the last time; `false`: nothing was. */
  copyTo(mirror: MarkerMirror, state: StateFolder): Promise<boolean>;
  /** From here on goes by a mirror's copy where an archive is missing or damaged, and closes it in the end. */
  assume(copy: DiskDirectory): void;
  close(): void;
}

/** The traces of changes, and what is done about them, in a root that is held then. */
export function tracesIn(place: () => IntentPlace | undefined): IntentTraces {
  const within = <Result>(use: (there: IntentPlace) => Result, otherwise: Result): Result => {
    const there = place();
    return there === undefined ? otherwise : use(there);
  };
  return {
    findMade: (intents) => within((there) => madeIntents(intents, there), []),
    finish: (intents) => within((there) => finishHalfDone(intents, there), undefined),
    close: (folders) => within(({ root }) => closeFolders(folders, root), undefined),
  };
}

export function placeOfTraces(root: DiskDirectory, state: StateFolder, half: IntentPlace['half']): IntentPlace {
  return { root, staging: state.look('staging'), versions: state.look('versions'), half };
}

export interface ArchivesOptions {
  /** May throw. */
  readonly beforeWrite: () => void;
  /** Makes what a commit will say of this side durable, as far as it is not. */
  readonly makeDurable: (pair: PairKey, changes: readonly AncestorChange[]) => Promise<void>;
  /** See `JournalOptions`. */
  readonly boot: string;
  /** Which side of a pair's archive this replica is. */
  readonly halfOf: (state: StateFolder, pair: PairKey) => 'alpha' | 'beta';
  /** The mirror's copy of this replica's archives, if there is one; closed by the caller. */
  readonly openCopy: () => DiskDirectory | undefined;
}

export function createArchives(root: RootHolder, { beforeWrite, makeDurable, boot, halfOf, openCopy }: ArchivesOptions): Archives {
  const files = new Map<string, ArchiveFile>();
  const committed = new Set<ArchiveFile>();
  /** What a dry run goes by as if it were restored. */
  let assumed: DiskDirectory | undefined;

  const folder = (name: 'archive' | 'journal'): LazyFolder => ({
    look: () => root.current()?.lookState()?.look(name),
    make() {
      const state = root.current()?.lookState();
      if (state === undefined) throw new SyncError('SYNC_MARKER_MISSING', 'the state folder is gone');
      return state.make(name);
    },
  });

  const tracesOf = (pair: PairKey): IntentTraces =>
    tracesIn(() => {
      const held = root.current();
      const state = held?.lookState();
      return held && state && placeOfTraces(held.directory, state, halfOf(state, pair));
    });

  const fileOf = (pair: PairKey): ArchiveFile => {
    const name = pairFileName(pair, 'archive');
    const known = files.get(name);
    if (known !== undefined) return known;
    const file = createArchiveFile({
      pair,
      archiveFolder: folder('archive'),
      journalFolder: folder('journal'),
      boot,
      traces: tracesOf(pair),
    });
    files.set(name, file);
    return file;
  };

  const assumedFile = (pair: PairKey): ArchiveFile => {
    const make = (): never => {
      throw new TypeError('a dry run commits nothing');
    };
    return createArchiveFile({
      pair,
      archiveFolder: { look: () => assumed, make },
      journalFolder: { ...folder('journal'), make },
      boot,
      traces: tracesOf(pair),
    });
  };

  /** The file that counts now, and what it says. */
  const current = async (pair: PairKey): Promise<{ readonly file: ArchiveFile; readonly status: ArchiveStatus }> => {
    const file = fileOf(pair);
    const status = await file.status();
    if (status.head !== undefined) return { file, status };
    if (assumed === undefined) return { file, status: hasCopy(openCopy(), pair) ? { ...status, restorable: true } : status };
    const instead = assumedFile(pair);
    const found = await instead.status();
    return found.head === undefined ? { file, status } : { file: instead, status: { ...found, pending: undefined, restored: true } };
  };

  return {
    store(pair) {
      const read = <T>(work: (file: ArchiveFile) => Promise<T>): Promise<T> => root.use(() => work(fileOf(pair)));
      const write = (work: (file: ArchiveFile) => Promise<void>): Promise<void> =>
        read((file) => {
          beforeWrite();
          return work(file);
        });
      return {
        status: () => root.use(async () => (await current(pair)).status),
        load: () => root.use(async () => (await current(pair)).file.load()),
        prepare: (commit) =>
          write(async (file) => {
            if (commit.durability === 'full') await makeDurable(pair, commit.changes);
            await file.prepare(commit);
          }),
        commit: (generation) =>
          write(async (file) => {
            await file.commit(generation);
            committed.add(file);
          }),
        discard: () => write((file) => file.discard()),
      };
    },
    journal: (pair) => fileOf(pair).journal,
    recover(state) {
      const journals = state.look('journal');
      for (const { name } of journals?.list() ?? []) {
        const pair = journals && name?.endsWith('.journal') ? pairOfJournal(journals, name) : undefined;
        if (pair !== undefined) fileOf(pair).journal.recover();
      }
    },
    closeFiles() {
      for (const { journal } of files.values()) journal.close();
    },
    assume(copy) {
      assumed?.close();
      assumed = copy;
    },
    close() {
      assumed?.close();
      assumed = undefined;
    },
    async copyTo(mirror, state) {
      if (committed.size === 0) return false;
      const archiveFolder = state.look('archive');
      const reading = archiveFolder && readMarker(state.directory);
      if (archiveFolder !== undefined && reading?.state === 'present') {
        for (const { fileNames } of committed) for (const name of fileNames) await mirror.keep(reading.marker.id, archiveFolder, name);
      }
      committed.clear();
      return true;
    },
  };
}

/** How many archives a copy has. */
export function countArchives(copy: DiskDirectory): number {
  return archiveNames(copy).length;
}

function archiveNames(copy: DiskDirectory): readonly string[] {
  return copy.list().flatMap(({ name }) => (name !== undefined && /^[0-9a-f]{32}\.archive$/.test(name) ? [name] : []));
}

function hasCopy(copy: DiskDirectory | undefined, pair: PairKey): boolean {
  try {
    return copy?.lstat(pairFileName(pair, 'archive')) !== undefined;
  } finally {
    copy?.close();
  }
}

/**
 * Takes archives from a mirror's copy, each where there is none that can be read. Returns how many; one that is damaged there, too, is left out.
 * Durable before it resolves. `SYNC_ARCHIVE_NEWER`.
 */
export async function restoreArchives(copy: DiskDirectory, archives: DiskDirectory, pair: PairKey | undefined): Promise<number> {
  let count = 0;
  for (const name of pair === undefined ? archiveNames(copy) : [pairFileName(pair, 'archive')]) {
    const there = readWholeFile(archives, name, archiveBytesMax);
    if (there !== undefined && readArchive(there) !== undefined) continue;
    const bytes = readWholeFile(copy, name, archiveBytesMax);
    const restored = bytes && encodeRestored(bytes);
    if (restored === undefined) continue;
    await writeFileAtomically(archives, name, restored);
    count++;
  }
  return count;
}
