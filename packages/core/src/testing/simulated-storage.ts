/**
 * What a simulated disk holds, twice: as it is now, and as it may be found after a power cut.
 *
 * Nothing is durable until it is synced, and no more than POSIX promises:
 *
 * - **Inodes** (content, size, mode, owner, times). Each change makes a new state. `syncInode` makes the state of that moment the oldest that can come
 *   back. A power cut picks the size from one of the states since, each page of the content from one of them, the mode from one, the times from one: so a
 *   file may come back with its new size and zeros in it, with a prefix of what was written, or with an old mode.
 * - **Entries** of directories. Creating, linking, removing and renaming are operations that persist or not, each by itself. A rename is one: it persists
 *   on both ends or on neither. `syncEntries` of a directory makes the operations on its entries durable, not the entry of that directory itself.
 * - What no file system can do does not happen: operations on one name keep their order, nothing is in a directory that was not made, and none is
 *   removed before what was in it.
 *
 * Journaling file systems (ext4, XFS, Btrfs) do more: they keep the order of all operations on entries. A power cut can be asked to do so, too.
 *
 * A symbolic link is whole from the moment it is made. Inodes are numbered anew from those that were freed last.
 */
import type { Random } from './random.ts';

export interface Inode {
  readonly ino: bigint;
  readonly kind: 'directory' | 'file' | 'symlink' | 'other';
  /** Oldest first: the durable state, those that came after, and at the end what is there now. Never empty. */
  states: InodeState[];
  /** Of a directory, as it is now. */
  readonly entries: Map<string, Inode>;
  /** Of a directory, as it is on the platter. */
  readonly durableEntries: Map<string, Inode>;
  /** Of a symbolic link. */
  readonly target: string;
  /** Names that lead here; of a directory 2 while it has a name, else 0. */
  links: number;
  /** Handles that are open: its number is not given away. */
  opens: number;
}

/** Never changed, only replaced. */
export interface InodeState {
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** An operation on entries that is not durable yet. */
interface EntryOperation {
  /** From 0, in the order in which they were made. */
  readonly number: number;
  readonly sets: readonly EntrySet[];
  /** Those that came before it on its names, or in the directory that it removed. */
  readonly after: readonly EntryOperation[];
  /** Those that made the directory that it moves something into. */
  readonly within: readonly EntryOperation[];
  synced: boolean;
}

export interface EntrySet {
  readonly directory: Inode;
  readonly name: string;
  /** `undefined`: removed. */
  readonly inode: Inode | undefined;
}

export interface Storage {
  readonly root: Inode;
  /** Bytes in use: content in whole blocks, and a block for each inode. */
  readonly usedBytes: number;
  make(kind: Inode['kind'], state: InodeState, target?: string): Inode;
  /** Replaces the state of an inode. */
  change(inode: Inode, state: Partial<InodeState>): void;
  /** One operation on entries: link counts follow, and inodes without a name or a handle are freed. */
  enter(sets: readonly EntrySet[]): void;
  /** After a handle was closed. */
  freeIfGone(inode: Inode): void;
  /** Each returns what makes durable what is there now, whenever that is done. */
  syncInode(inode: Inode): () => void;
  syncEntries(directory: Inode): () => void;
  syncAll(): () => void;
  /** A copy of all of it that shares nothing. */
  copy(): Storage;
  /** One of the states that may be found after a power cut now. This one stays as it is. `inOrder`: all operations on entries up to some moment persist. */
  afterPowerCut(random: Random, inOrder: boolean): Storage;
}

const blockBytes = 4096;
/** Smaller than a page of any kernel, so that small files are torn, too. */
const pageBytes = 16;
const nothing = new Uint8Array(0);

export function createStorage(rootState: Omit<InodeState, 'bytes'>): Storage {
  const numbers: InodeNumbers = { next: 2n, freed: [] };
  const root = newInode(numbers, 'directory', { ...rootState, bytes: nothing });
  root.links = 2;
  return new SimulatedStorage(root, numbers, []);
}

interface InodeNumbers {
  next: bigint;
  freed: bigint[];
}

function newInode(numbers: InodeNumbers, kind: Inode['kind'], state: InodeState, target = ''): Inode {
  const ino = numbers.freed.pop() ?? numbers.next++;
  return { ino, kind, states: [state], entries: new Map(), durableEntries: new Map(), target, links: 0, opens: 0 };
}

export function stateOf({ states }: Inode): InodeState {
  return states.at(-1) as InodeState;
}

class SimulatedStorage implements Storage {
  readonly root: Inode;
  usedBytes: number;
  readonly #numbers: InodeNumbers;
  #pending: EntryOperation[];
  /** Operations so far. */
  #made = 0;
  /** Number of the last one that was synced. */
  #lastSynced = -1;

  constructor(root: Inode, numbers: InodeNumbers, pending: EntryOperation[]) {
    this.root = root;
    this.#numbers = numbers;
    this.#pending = pending;
    this.usedBytes = [...inodesFrom(root)].reduce((sum, inode) => sum + bytesTaken(inode), 0);
  }

  make(kind: Inode['kind'], state: InodeState, target?: string): Inode {
    const inode = newInode(this.#numbers, kind, state, target);
    this.usedBytes += bytesTaken(inode);
    return inode;
  }

  change(inode: Inode, state: Partial<InodeState>): void {
    this.usedBytes -= bytesTaken(inode);
    inode.states.push({ ...stateOf(inode), ...state });
    this.usedBytes += bytesTaken(inode);
  }

  enter(sets: readonly EntrySet[]): void {
    const removed = sets.flatMap(({ directory, name }) => directory.entries.get(name) ?? []);
    const added = new Set(sets.map(({ inode }) => inode));
    const after = this.#pending.filter((earlier) =>
      earlier.sets.some(
        (set) =>
          sets.some(({ directory, name }) => set.directory === directory && set.name === name) ||
          removed.some((gone) => !added.has(gone) && set.directory === gone),
      ),
    );
    // What is made in a directory that is not there is nowhere; what is moved into one would be lost.
    const moved = sets.length > 1 ? sets.filter(({ inode }) => inode !== undefined) : [];
    const within = this.#pending.filter((earlier) => moved.some(({ directory }) => isMaking(earlier, directory)));
    for (const inode of removed) inode.links -= inode.kind === 'directory' ? 2 : 1;
    for (const { directory, name, inode } of sets) {
      if (inode === undefined) directory.entries.delete(name);
      else {
        directory.entries.set(name, inode);
        inode.links += inode.kind === 'directory' ? 2 : 1;
      }
    }
    this.#pending.push({ number: this.#made++, sets, after, within, synced: false });
    for (const inode of removed) this.freeIfGone(inode);
  }

  freeIfGone(inode: Inode): void {
    if (inode.links > 0 || inode.opens > 0) return;
    this.usedBytes -= bytesTaken(inode);
    this.#numbers.freed.push(inode.ino);
  }

  syncInode(inode: Inode): () => void {
    const state = stateOf(inode);
    return () => {
      const at = inode.states.indexOf(state);
      if (at > 0) inode.states.splice(0, at);
    };
  }

  syncEntries(directory: Inode): () => void {
    const found = this.#pending.filter(({ sets }) => sets.some((set) => set.directory === directory));
    const syncDirectory = this.syncInode(directory);
    return () => {
      syncDirectory();
      this.#syncOperations(found);
    };
  }

  syncAll(): () => void {
    const found = [...this.#pending];
    const syncs = [...inodesFrom(this.root)].map((inode) => this.syncInode(inode));
    return () => {
      for (const sync of syncs) sync();
      this.#syncOperations(found);
    };
  }

  /** With those that came before them, but not with the making of the directory. */
  #syncOperations(operations: readonly EntryOperation[]): void {
    const flag = (operation: EntryOperation): void => {
      if (operation.synced) return;
      operation.synced = true;
      this.#lastSynced = Math.max(this.#lastSynced, operation.number);
      for (const earlier of operation.after) flag(earlier);
    };
    for (const operation of operations) flag(operation);
    // What is durable for good is no longer pending.
    const pending = new Set(this.#pending);
    this.#pending = this.#pending.filter((operation) => {
      if (!operation.synced || neededBy(operation).some((earlier) => pending.has(earlier))) return true;
      pending.delete(operation);
      for (const set of operation.sets) enterDurable(set);
      return false;
    });
  }

  copy(): Storage {
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      const known = copies.get(inode);
      if (known !== undefined) return known;
      const made: Inode = { ...inode, states: [...inode.states], entries: new Map(), durableEntries: new Map(), opens: 0 };
      copies.set(inode, made);
      for (const [name, child] of inode.entries) made.entries.set(name, copyOf(child));
      for (const [name, child] of inode.durableEntries) made.durableEntries.set(name, copyOf(child));
      return made;
    };
    const operations = new Map<EntryOperation, EntryOperation>();
    const pending = this.#pending.map((operation) => {
      const made: EntryOperation = {
        number: operation.number,
        sets: operation.sets.map((set) => ({ ...set, directory: copyOf(set.directory), inode: set.inode && copyOf(set.inode) })),
        after: operation.after.flatMap((earlier) => operations.get(earlier) ?? []),
        within: operation.within.flatMap((earlier) => operations.get(earlier) ?? []),
        synced: operation.synced,
      };
      operations.set(operation, made);
      return made;
    });
    const copied = new SimulatedStorage(copyOf(this.root), { next: this.#numbers.next, freed: [...this.#numbers.freed] }, pending);
    copied.#made = this.#made;
    copied.#lastSynced = this.#lastSynced;
    return copied;
  }

  afterPowerCut(random: Random, inOrder: boolean): Storage {
    const entries = new Map<Inode, Map<string, Inode>>();
    const entriesOf = (directory: Inode): Map<string, Inode> => {
      const known = entries.get(directory) ?? new Map(directory.durableEntries);
      entries.set(directory, known);
      return known;
    };
    // Sometimes all, sometimes nothing, mostly some.
    const share = random.pick([0, 0.25, 0.5, 0.75, 1]);
    const first = this.#lastSynced + 1;
    const endsBefore = first + random.below(this.#made - first + 1);
    const isPending = new Set(this.#pending);
    const persisted = new Set<EntryOperation>();
    for (const operation of this.#pending) {
      if (neededBy(operation).some((earlier) => isPending.has(earlier) && !persisted.has(earlier))) continue;
      const persists = inOrder ? operation.number < endsBefore : operation.synced || random.next() < share;
      if (!persists) continue;
      persisted.add(operation);
      for (const { directory, name, inode } of operation.sets) {
        if (inode === undefined) entriesOf(directory).delete(name);
        else entriesOf(directory).set(name, inode);
      }
    }
    const numbers: InodeNumbers = { next: this.#numbers.next, freed: [] };
    const found = new Map<Inode, Inode>();
    const find = (inode: Inode): Inode => {
      const known = found.get(inode);
      if (known !== undefined) return known;
      const made: Inode = {
        ...inode,
        states: [anyState(inode, random, share)],
        entries: new Map(),
        durableEntries: new Map(),
        links: inode.kind === 'directory' ? 2 : 0,
        opens: 0,
      };
      found.set(inode, made);
      for (const [name, child] of inode.kind === 'directory' ? entriesOf(inode) : []) {
        const there = find(child);
        if (there.kind !== 'directory') there.links++;
        made.entries.set(name, there);
        made.durableEntries.set(name, there);
      }
      return made;
    };
    return new SimulatedStorage(find(this.root), numbers, []);
  }
}

/** Whether an operation makes a directory, rather than moving it to another place. */
function isMaking({ sets }: EntryOperation, directory: Inode): boolean {
  return sets.length === 1 && sets[0]?.inode === directory;
}

function neededBy({ after, within }: EntryOperation): readonly EntryOperation[] {
  return [...after, ...within];
}

function enterDurable({ directory, name, inode }: EntrySet): void {
  if (inode === undefined) directory.durableEntries.delete(name);
  else directory.durableEntries.set(name, inode);
}

/** What may have become of an inode, out of its states since it was synced. */
function anyState({ states }: Inode, random: Random, share: number): InodeState {
  const [durable] = states as [InodeState];
  if (states.length === 1) return durable;
  const any = (): InodeState => (random.next() >= share ? durable : random.pick(states));
  const { mode, uid, gid } = any();
  const { mtimeNs, ctimeNs } = any();
  return { bytes: anyBytes(states, any, random), mode, uid, gid, mtimeNs, ctimeNs };
}

function anyBytes(states: readonly InodeState[], any: () => InodeState, random: Random): Uint8Array {
  const sizes = states.map(({ bytes }) => bytes.length);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  // Mostly a size that it had; sometimes one on the way there.
  const size = random.next() < 0.25 ? least + random.below(most - least + 1) : any().bytes.length;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += pageBytes) bytes.set(any().bytes.subarray(at, Math.min(at + pageBytes, size)), at);
  return bytes;
}

function bytesTaken(inode: Inode): number {
  return blockBytes * (1 + Math.ceil(stateOf(inode).bytes.length / blockBytes));
}

/** All that has a name. */
function inodesFrom(root: Inode): ReadonlySet<Inode> {
  const found = new Set<Inode>([root]);
  for (const inode of found) for (const child of inode.entries.values()) found.add(child);
  return found;
}
