/**
 * The journal: what transitions achieved on this replica since the archive's head, one file a pair in `.ubos-sync/journal/`. Three kinds of records:
 *
 *     intended   written before a slice of changes: what it will achieve, and by what traces that can be told (`journal-intents.ts`)
 *     achieved   written after it
 *     opened     a folder that lets nobody write was opened up for the changes of this slice
 *     durable    all before it is on the disk
 *
 * A process that is killed within a slice leaves what it intended; whoever reads it finds out by the traces how far it came, and whoever locks the root next
 * settles it (`recover`), before anything else can cover the traces.
 *
 * A run that is cut off has changed files that the archive knows nothing of. The next run folds the journals of both sides into the ancestor before it
 * decides anything, so that an edit or a deletion made meanwhile is seen as what it is.
 *
 * The journal belongs to one head of the archive, named in its first record. When the next generation is committed it covers all that is in here:
 * a journal of another head counts as empty, so that clearing it needs no care.
 *
 * Appending does not wait for the disk. What a process wrote, a later process reads. A power cut is another matter: it may take a change along and leave
 * its record, and then what was there before would look like an edit. So each record names the boot in which it was written, and of another boot's only
 * those count that a `durable` record follows. What is not known then is met as it is: where both sides hold the same, they are agreed without a journal.
 */
import type { PairKey } from '../engine/archive-store.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import type { RelativePath } from '../tree/path.ts';
import { changesToTable, tableToChanges } from './ancestor-table.ts';
import { readWholeFile, unlinkIfThere } from './atomic-write.ts';
import type { Intent } from './journal-intents.ts';
import { isOfPair, listToPair, pairFileName, pairToList } from './pair-file-name.ts';
import { type Check, encodeHeader, encodeRecord, readHeader, readRecord } from './record-file.ts';

export interface Journal {
  /** Notes changes that are about to be made. Until an `append` covers them they count as what `findMade` says of them. Throws as the disk does. */
  intend(run: string, intents: readonly Intent[]): void;
  /**
   * Writes records, in the order in which they were achieved. They survive the end of this process, whatever ends it. `intentsLeft`: how many of the changes
   * that were noted last have not been tried yet. Throws as the disk does.
   */
  append(records: readonly JournalRecord[], intentsLeft?: number): void;
  /** The records since the archive's head, oldest first. A torn or damaged end is left out. Writes nothing. */
  read(): readonly JournalRecord[];
  /** Notes that a folder is about to get another mode until the next `append`. */
  open(run: string, folder: OpenedFolder): void;
  /** Notes that all that was appended describes what is on the disk for good. */
  confirm(): void;
  /** Settles what a process was about when it was killed: with the root locked. Writes nothing if there is nothing. */
  recover(): void;
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
  /** Names the time since this machine was started: what was written in it and is read in it was not touched by any power cut. */
  readonly boot: string;
  readonly traces: IntentTraces;
}

/** What is done with the changes that a process had set out to make when it was killed. */
export interface IntentTraces {
  /** Those that were made; see `madeIntents`. */
  findMade(intents: readonly Intent[]): readonly Intent[];
  /** Finishes those that were left half done; see `finishHalfDone`. */
  finish(intents: readonly Intent[]): void;
  /** Gives folders back the modes that they had. */
  close(folders: readonly OpenedFolder[]): void;
}

export interface OpenedFolder {
  readonly path: RelativePath;
  /** What it was. */
  readonly mode: number;
}

/** A subfolder of the state folder that may not be there yet. */
export interface LazyFolder {
  look(): DiskDirectory | undefined;
  make(): DiskDirectory;
}

export function createJournal({ folder, pair, head, boot, traces }: JournalOptions): Journal {
  const name = pairFileName(pair, 'journal');
  let open: OpenJournal | undefined;
  /** Changes that were noted and not tried yet, as the journal has it. */
  let intended = 0;

  const close = (): void => {
    open?.file.close();
    open = undefined;
  };

  const openForAppend = (): OpenJournal => {
    const current = head();
    // Another process may have had the root since, and this journal with it.
    if (open !== undefined && open.head === current && isUntouched(open)) return open;
    close();
    open = openJournal(folder.make(), name, { pair, head: current, boot });
    return open;
  };

  const write = (payload: object): void => {
    const target = openForAppend();
    const { bytes, check } = encodeRecord(target.base, { boot, ...payload });
    try {
      target.file.write(bytes, target.end);
    } catch (error) {
      close();
      throw error;
    }
    target.end += bytes.length;
    target.base = check;
  };

  return {
    intend(run, intents) {
      if (intents.length === 0) return;
      intended = intents.length;
      write({ run, ...encodeIntents(intents) });
    },
    append(records, intentsLeft = 0) {
      const groups = byRun(records);
      // What was intended and came to nothing is not intended any more.
      if (groups.length === 0 && intended > intentsLeft) groups.push(['', []]);
      for (const [run, changes] of groups) write({ run, intentsLeft, ...changesToTable(changes) });
      intended = intentsLeft;
    },
    read() {
      const directory = folder.look();
      const contents = directory && readContents(directory, name, { pair, head: head(), boot });
      if (contents === undefined) return [];
      const { records, open: pending } = contents;
      return pending === undefined ? records : [...records, ...traces.findMade(pending.intents).map(({ change }) => ({ run: pending.run, change }))];
    },
    open: (run, { path, mode }) => write({ run, opened: [path, mode] }),
    recover() {
      const directory = folder.look();
      const contents = directory && readContents(directory, name, { pair, head: head(), boot });
      if (contents === undefined || (contents.open === undefined && contents.opened.length === 0)) return;
      traces.close(contents.opened);
      const { run = '', intents = [] } = contents.open ?? {};
      traces.finish(intents);
      const made = traces.findMade(intents);
      write({ run, ...changesToTable(made.map(({ change }) => change)) });
    },
    confirm() {
      if (open !== undefined) write({ durable: true });
    },
    clear() {
      close();
      const directory = folder.look();
      if (directory !== undefined) unlinkIfThere(directory, name);
    },
    close,
  };
}

const journalVersion = 2;
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
  /** Those that count. */
  readonly records: readonly JournalRecord[];
  /** What a process was about when it was killed. */
  readonly open: { readonly run: string; readonly intents: readonly Intent[] } | undefined;
  /** Folders that it had opened up. */
  readonly opened: readonly OpenedFolder[];
  /** After the last record that counts. What follows is left behind by whoever goes on. */
  readonly end: number;
  readonly base: Check;
}

interface JournalTime {
  readonly pair: PairKey;
  readonly head: string;
  readonly boot: string;
}

function isUntouched({ file, end }: OpenJournal): boolean {
  const { links, sizeBytes } = file.stat();
  return links > 0 && sizeBytes === end;
}

/** Goes on after the last whole record; begins anew where there is none of this head. */
function openJournal(directory: DiskDirectory, name: string, time: JournalTime): OpenJournal {
  const { pair, head } = time;
  const contents = readContents(directory, name, time);
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

/** The pair that the journal of this name belongs to; `undefined` if it is none. */
export function pairOfJournal(directory: DiskDirectory, name: string): PairKey | undefined {
  const bytes = readWholeFile(directory, name, journalBytesMax);
  const start = bytes && readHeader(bytes, 'journal', journalVersion);
  if (bytes === undefined || start?.state !== 'ok') return undefined;
  const first = readRecord(bytes, start.end, journalBase);
  return first.state === 'record' ? listToPair((first.payload as { readonly pair?: unknown } | null)?.pair) : undefined;
}

/** `undefined`: no journal of this pair and head. */
function readContents(directory: DiskDirectory, name: string, { pair, head, boot }: JournalTime): JournalContents | undefined {
  const bytes = readWholeFile(directory, name, journalBytesMax);
  const start = bytes && readHeader(bytes, 'journal', journalVersion);
  if (bytes === undefined || start?.state !== 'ok') return undefined;
  const first = readRecord(bytes, start.end, journalBase);
  if (first.state !== 'record' || !isFirst(first.payload, pair, head)) return undefined;
  const records: JournalRecord[] = [];
  let counted = { count: 0, end: first.end, base: first.check };
  let open: JournalContents['open'];
  let opened: OpenedFolder[] = [];
  for (let { end, check } = first; ; ) {
    const next = readRecord(bytes, end, check);
    const parsed = next.state === 'record' ? parsePayload(next.payload) : undefined;
    if (next.state !== 'record' || parsed === undefined) {
      return { records: records.slice(0, counted.count), open, opened, end: counted.end, base: counted.base };
    }
    ({ end, check } = next);
    if (parsed.kind === 'opened') opened.push(parsed.folder);
    else if (parsed.kind === 'achieved') {
      opened = [];
      for (const record of parsed.records) records.push(record);
      open = open && parsed.intentsLeft > 0 ? { ...open, intents: open.intents.slice(-parsed.intentsLeft) } : undefined;
    } else if (parsed.kind === 'intended') open = parsed.boot === boot ? parsed : undefined;
    if (parsed.kind === 'durable' || (parsed.kind === 'achieved' && parsed.boot === boot)) counted = { count: records.length, end, base: check };
  }
}

function isFirst(payload: unknown, pair: PairKey, head: string): boolean {
  const first = (payload ?? {}) as { readonly pair?: unknown; readonly head?: unknown };
  return isOfPair(first.pair, pair) && first.head === head;
}

type Payload =
  | { readonly kind: 'opened'; readonly folder: OpenedFolder }
  | { readonly kind: 'durable' }
  | { readonly kind: 'achieved'; readonly boot: string; readonly records: readonly JournalRecord[]; readonly intentsLeft: number }
  | { readonly kind: 'intended'; readonly boot: string; readonly run: string; readonly intents: readonly Intent[] };

function parsePayload(payload: unknown): Payload | undefined {
  const { run, boot, durable, traces, opened, intentsLeft = 0 } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  if (durable === true) return { kind: 'durable' };
  if (Array.isArray(opened)) {
    const [path, mode] = opened as readonly unknown[];
    return typeof path === 'string' && typeof mode === 'number' ? { kind: 'opened', folder: { path: path as RelativePath, mode } } : undefined;
  }
  const changes = tableToChanges(payload, { nodesMax });
  if (typeof run !== 'string' || typeof boot !== 'string' || typeof intentsLeft !== 'number' || !changes.ok) return undefined;
  if (traces === undefined) return { kind: 'achieved', boot, records: changes.value.map((change) => ({ run, change })), intentsLeft };
  if (!Array.isArray(traces) || traces.length !== changes.value.length) return undefined;
  return { kind: 'intended', boot, run, intents: changes.value.map((change, index) => ({ change, ...parseTrace(traces[index]) })) };
}

/** One trace for each change: its fields in a list, `null` for what it lacks. */
function encodeIntents(intents: readonly Intent[]): object {
  return {
    ...changesToTable(intents.map(({ change }) => change)),
    traces: intents.map(({ staged = null, kept = null, ino, from = null, to = null, aside = null }) => [
      staged,
      kept,
      ino === undefined ? null : String(ino),
      from,
      to,
      aside,
    ]),
  };
}

function parseTrace(value: unknown): Omit<Intent, 'change'> {
  const [staged, kept, ino, from, to, aside] = (Array.isArray(value) ? value : []) as readonly unknown[];
  return {
    staged: typeof staged === 'string' ? staged : undefined,
    kept: typeof kept === 'string' ? kept : undefined,
    ino: typeof ino === 'string' && /^\d{1,20}$/.test(ino) ? BigInt(ino) : undefined,
    from: typeof from === 'string' ? (from as RelativePath) : undefined,
    to: typeof to === 'string' ? (to as RelativePath) : undefined,
    aside: typeof aside === 'string' ? aside : undefined,
  };
}

/** Neighbours of one run share a record. */
function byRun(records: readonly JournalRecord[]): [run: string, changes: AncestorChange[]][] {
  const groups: [string, AncestorChange[]][] = [];
  for (const { run, change } of records) {
    const last = groups.at(-1);
    if (last?.[0] === run) last[1].push(change);
    else groups.push([run, [change]]);
  }
  return groups;
}
