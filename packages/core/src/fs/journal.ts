/**
 * The journal: what transitions achieved on this replica since the archive's head, one file a pair in `.ubos-sync/journal/`.
 *
 * A run that is cut off has changed files that the archive knows nothing of. The next run folds the journals of both sides into the ancestor before it
 * decides anything, so that an edit or a deletion made meanwhile is seen as what it is.
 *
 * The journal belongs to one head of the archive, named in its first record. When the next generation is committed it covers all that is in here:
 * a journal of another head counts as empty, so that clearing it needs no care.
 *
 * Appending does not wait for the disk. What a process wrote, a later process reads; only a power cut can take the end of a journal along, and then the
 * two sides hold the same at those paths, which rule 1 of reconcile settles without a journal. `sync` is for callers who want more.
 */
import type { PairKey } from '../engine/archive-store.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import { changesToTable, tableToChanges } from './ancestor-table.ts';
import { readWholeFile, unlinkIfThere } from './atomic-write.ts';
import { isOfPair, pairFileName, pairToList } from './pair-file-name.ts';
import { type Check, encodeHeader, encodeRecord, readHeader, readRecord } from './record-file.ts';

export interface Journal {
  /** Writes records, in the order in which they were achieved. They survive the end of this process, whatever ends it. Throws as the disk does. */
  append(records: readonly JournalRecord[]): void;
  /** The records since the archive's head, oldest first. A torn or damaged end is left out. Writes nothing. */
  read(): readonly JournalRecord[];
  /** Makes all that was appended durable. */
  sync(): Promise<void>;
  clear(): void;
  /** Closes the file; it is opened again when it is needed. */
  close(): void;
}

export interface JournalRecord {
  /** The run that achieved it. */
  readonly run: string;
  /** The half of the writing replica is what is there now; the other half is what the peer held. */
  readonly change: AncestorChange;
}

export interface JournalOptions {
  readonly folder: LazyFolder;
  readonly pair: PairKey;
  /** Digest of the archive's head, or what stands for it before the first commit. */
  readonly head: () => string;
}

/** A subfolder of the state folder that may not be there yet. */
export interface LazyFolder {
  look(): DiskDirectory | undefined;
  make(): DiskDirectory;
}

export function createJournal({ folder, pair, head }: JournalOptions): Journal {
  const name = pairFileName(pair, 'journal');
  let open: OpenJournal | undefined;

  const close = (): void => {
    open?.file.close();
    open = undefined;
  };

  const openForAppend = (): OpenJournal => {
    const current = head();
    // Another process may have had the root since, and this journal with it.
    if (open !== undefined && open.head === current && isUntouched(open)) return open;
    close();
    open = openJournal(folder.make(), name, pair, current);
    return open;
  };

  return {
    append(records) {
      if (records.length === 0) return;
      const target = openForAppend();
      for (const [run, changes] of byRun(records)) {
        const { bytes, check } = encodeRecord(target.base, { run, ...changesToTable(changes) });
        try {
          target.file.write(bytes, target.end);
        } catch (error) {
          close();
          throw error;
        }
        target.end += bytes.length;
        target.base = check;
      }
    },
    read() {
      const directory = folder.look();
      return (directory && readContents(directory, name, pair, head()))?.records ?? [];
    },
    async sync() {
      await open?.file.sync();
    },
    clear() {
      close();
      const directory = folder.look();
      if (directory !== undefined) unlinkIfThere(directory, name);
    },
    close,
  };
}

const journalVersion = 1;
const header = encodeHeader('journal', journalVersion);
/** Base of the first record. */
const journalBase: Check = new Uint8Array(32);
/** Far more than one batch; what is larger is not a journal. */
const journalBytesMax = 1 << 30;
const nodesMax = 10_000_000;

interface OpenJournal {
  readonly file: DiskFile;
  readonly head: string;
  end: number;
  /** Check of the last record: base of the next. */
  base: Check;
}

interface JournalContents {
  readonly records: readonly JournalRecord[];
  /** After the last whole record. */
  readonly end: number;
  readonly base: Check;
}

function isUntouched({ file, end }: OpenJournal): boolean {
  const { links, sizeBytes } = file.stat();
  return links > 0 && sizeBytes === end;
}

/** Goes on after the last whole record; begins anew where there is none of this head. */
function openJournal(directory: DiskDirectory, name: string, pair: PairKey, head: string): OpenJournal {
  const contents = readContents(directory, name, pair, head);
  if (contents !== undefined) {
    const file = directory.openFile(name, 'write');
    file.truncate(contents.end);
    return { file, head, end: contents.end, base: contents.base };
  }
  unlinkIfThere(directory, name);
  const first = encodeRecord(journalBase, { pair: pairToList(pair), head });
  const bytes = Buffer.concat([header, first.bytes]);
  const file = directory.openFile(name, 'create');
  try {
    file.write(bytes, 0);
  } catch (error) {
    file.close();
    throw error;
  }
  return { file, head, end: bytes.length, base: first.check };
}

/** `undefined`: no journal of this pair and head. */
function readContents(directory: DiskDirectory, name: string, pair: PairKey, head: string): JournalContents | undefined {
  const bytes = readWholeFile(directory, name, journalBytesMax);
  const start = bytes && readHeader(bytes, 'journal', journalVersion);
  if (bytes === undefined || start?.state !== 'ok') return undefined;
  const first = readRecord(bytes, start.end, journalBase);
  if (first.state !== 'record' || !isFirst(first.payload, pair, head)) return undefined;
  const records: JournalRecord[] = [];
  let { end, check: base } = first;
  for (;;) {
    const next = readRecord(bytes, end, base);
    const parsed = next.state === 'record' ? parseRecords(next.payload) : undefined;
    if (next.state !== 'record' || parsed === undefined) return { records, end, base };
    for (const record of parsed) records.push(record);
    ({ end, check: base } = next);
  }
}

function isFirst(payload: unknown, pair: PairKey, head: string): boolean {
  const first = (payload ?? {}) as { readonly pair?: unknown; readonly head?: unknown };
  return isOfPair(first.pair, pair) && first.head === head;
}

function parseRecords(payload: unknown): readonly JournalRecord[] | undefined {
  const { run } = (payload ?? {}) as { readonly run?: unknown };
  const changes = tableToChanges(payload, { nodesMax });
  if (typeof run !== 'string' || !changes.ok) return undefined;
  return changes.value.map((change) => ({ run, change }));
}

/** Neighbours of one run share a record. */
function byRun(records: readonly JournalRecord[]): readonly (readonly [string, readonly AncestorChange[]])[] {
  const groups: [string, AncestorChange[]][] = [];
  for (const { run, change } of records) {
    const last = groups.at(-1);
    if (last?.[0] === run) last[1].push(change);
    else groups.push([run, [change]]);
  }
  return groups;
}
