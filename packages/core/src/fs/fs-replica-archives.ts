import type { ArchiveStore, PairKey } from '../engine/archive-store.ts';
import { SyncError } from '../engine/errors.ts';
import { type ArchiveFile, createArchiveFile } from './archive-file.ts';
import type { RootHolder } from './fs-replica-root.ts';
import type { Journal, LazyFolder } from './journal.ts';
import { readMarker } from './marker.ts';
import type { MarkerMirror } from './marker-mirror.ts';
import { pairFileName } from './pair-file-name.ts';
import type { StateFolder } from './state-folder.ts';

/** The archives of a replica, one a pair, opened when they are needed. */
export interface Archives {
  store(pair: PairKey): ArchiveStore;
  /** While the root is held. */
  journal(pair: PairKey): Journal;
  /** Closes the files; they are opened again when they are needed. */
  closeFiles(): void;
  /** Copies what was committed since the last time. */
  copyTo(mirror: MarkerMirror, state: StateFolder): Promise<void>;
}

/** `beforeWrite` may throw. */
export function createArchives(root: RootHolder, beforeWrite: () => void): Archives {
  const files = new Map<string, ArchiveFile>();
  const committed = new Set<ArchiveFile>();

  const folder = (name: 'archive' | 'journal'): LazyFolder => ({
    look: () => root.current()?.lookState()?.look(name),
    make() {
      const state = root.current()?.lookState();
      if (state === undefined) throw new SyncError('SYNC_MARKER_MISSING', 'the state folder is gone');
      return state.make(name);
    },
  });

  const fileOf = (pair: PairKey): ArchiveFile => {
    const name = pairFileName(pair, 'archive');
    const known = files.get(name);
    if (known !== undefined) return known;
    const file = createArchiveFile({ pair, archiveFolder: folder('archive'), journalFolder: folder('journal') });
    files.set(name, file);
    return file;
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
        status: () => read((file) => file.status()),
        load: () => read((file) => file.load()),
        prepare: (commit) => write((file) => file.prepare(commit)),
        commit: (generation) =>
          write(async (file) => {
            await file.commit(generation);
            committed.add(file);
          }),
        discard: () => write((file) => file.discard()),
      };
    },
    journal: (pair) => fileOf(pair).journal,
    closeFiles() {
      for (const { journal } of files.values()) journal.close();
    },
    async copyTo(mirror, state) {
      const archiveFolder = committed.size > 0 ? state.look('archive') : undefined;
      const reading = archiveFolder && readMarker(state.directory);
      if (archiveFolder !== undefined && reading?.state === 'present') {
        for (const { fileNames } of committed) for (const name of fileNames) await mirror.keep(reading.marker.id, archiveFolder, name);
      }
      committed.clear();
    },
  };
}
