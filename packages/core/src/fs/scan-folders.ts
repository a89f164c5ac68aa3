/**
 * What the folders of a tree were like when they were last walked: with this and the scan index a folder in which nothing has happened is known without
 * a walk, at the price of its listing and one `lstat` a file (`scan-glance.ts`).
 *
 * One record a folder, in the order in which a walk leaves them: what is below a folder comes right before it. Numbers of 32 bits:
 *
 * | at | numbers | field                                                                                          |
 * |----|---------|------------------------------------------------------------------------------------------------|
 * | 0  | 2       | key of the path                                                                                |
 * | 2  | 1       | number of names                                                                                |
 * | 3  | 1       | mode; from bit 16 on: 1 has untracked entries                                                  |
 * | 4  | 1       | entries in it and below                                                                        |
 * | 5  | 1       | where the records of what is below begin                                                       |
 * | 6  | 4       | hash of names and kinds, as sorted by UTF-16                                                   |
 * | 10 | 4       | hash of the targets of its links                                                               |
 * | 14 | 4 / 8   | Merkle digest; zeros where there is none                                                       |
 * |    | n       | for each name: what it was, see {@link nothing} and the following                              |
 *
 * A record holds as long as the folder's mode and listing, its links, the index records of its files and the records of its folders do. An index record that
 * was written since is marked (`ScanIndex`), so that no digest is believed that was made from another content.
 */
import type { Digest, DigestKind } from '../hash/digest.ts';
import { digestBytes } from '../hash/digest.ts';

/** Of a name: out of scope, or of no kind that is synced. Values from 0 on are slots of the index. */
export const nothing = -1;
export const link = -2;
/** Nothing is known that could hold. */
export const unknown: number = -0x8000_0000;
/** The record of a folder, as the value of its name. */
const asValue = (at: number): number => -at - 3;
const isFolder = (value: number): boolean => value < link && value !== unknown;
const asRecord = (value: number): number => -value - 3;

export interface FolderFacts {
  readonly low: number;
  readonly high: number;
  /** Permission bits as on disk. */
  readonly mode: number;
  readonly hasUntracked: boolean;
  readonly entries: number;
  /** Where the builder was when the walk came to this folder. */
  readonly begin: number;
  readonly listing: Digest;
  readonly links: Digest;
  readonly merkle: Digest | undefined;
  readonly values: readonly number[];
}

export class FolderTable {
  readonly kind: DigestKind;
  /** Hash of scope and settings under which the folders were walked. */
  readonly scope: Digest;
  readonly numbers: Int32Array;
  readonly #bytes: Buffer;
  /** By both halves of the key, made when it is first asked for. */
  #byKey: Map<number, number[]> | undefined;

  /** `numbers`: taken over. */
  constructor(kind: DigestKind, scope: Digest, numbers: Int32Array) {
    this.kind = kind;
    this.scope = scope;
    this.numbers = numbers;
    this.#bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  }

  /** The last record: what a walk leaves last. -1 if there is none. */
  get root(): number {
    let last = -1;
    for (let at = 0; at < this.numbers.length; at = this.#next(at)) last = at;
    return last;
  }

  find(low: number, high: number): number | undefined {
    if (this.#byKey === undefined) {
      this.#byKey = new Map();
      for (let at = 0; at < this.numbers.length; at = this.#next(at)) {
        const key = this.#at(at + keyAt);
        const list = this.#byKey.get(key);
        if (list === undefined) this.#byKey.set(key, [at]);
        else list.push(at);
      }
    }
    return this.#byKey.get(low)?.find((at) => this.#at(at + keyAt + 1) === high);
  }

  count(record: number): number {
    return this.#at(record + countAt);
  }

  mode(record: number): number {
    return this.#at(record + modeAt) & modeBits;
  }

  hasUntracked(record: number): boolean {
    return (this.#at(record + modeAt) & untrackedFlag) !== 0;
  }

  entries(record: number): number {
    return this.#at(record + entriesAt);
  }

  hasListing(record: number, listing: Digest): boolean {
    return this.#hash(record + listingAt, hashNumbers) === listing.slice(0, hashBytes);
  }

  hasLinks(record: number, links: Digest): boolean {
    return this.#hash(record + linksAt, hashNumbers) === links.slice(0, hashBytes);
  }

  /** `undefined`: nothing in it is in scope, or something in it could not be read. */
  merkle(record: number): Digest | undefined {
    const at = record + merkleAt;
    for (let index = at; index < record + valuesAt(this.kind); index++) {
      if (this.numbers[index] !== 0) return this.#hash(at, digestBytes[this.kind] / 4);
    }
    return undefined;
  }

  /** Whether this table says of every folder what the other one says. Walks go in one order, so the records of one tree lie in the same places. */
  isSameAs({ scope, numbers }: FolderTable): boolean {
    return this.scope === scope && this.numbers.length === numbers.length && this.numbers.every((number, index) => number === numbers[index]);
  }

  value(record: number, name: number): number {
    return this.#at(record + valuesAt(this.kind) + name);
  }

  /** The record that a value stands for; `undefined`: it is no folder's. */
  folder(value: number): number | undefined {
    return isFolder(value) ? asRecord(value) : undefined;
  }

  /** The records of a folder and of all that is below it. */
  block(record: number): { readonly begin: number; readonly end: number } {
    return { begin: this.#at(record + beginAt), end: this.#next(record) };
  }

  /** Whether something holds for the index slot of each file in a folder and below. */
  everyFile(record: number, holds: (slot: number) => boolean): boolean {
    const { begin, end } = this.block(record);
    for (let at = begin; at < end; at = this.#next(at)) {
      const to = this.#next(at);
      for (let name = at + valuesAt(this.kind); name < to; name++) {
        const value = this.numbers[name] as number;
        if (value >= 0 && !holds(value)) return false;
      }
    }
    return true;
  }

  /** Calls for the value of each name of a range of records, and puts in its place what is returned. */
  mapValues(begin: number, end: number, map: (value: number) => number): void {
    const { numbers } = this;
    for (let at = begin; at < end; at = this.#next(at)) {
      const to = this.#next(at);
      for (let name = at + valuesAt(this.kind); name < to; name++) numbers[name] = map(numbers[name] as number);
    }
  }

  /** Moves a range of records that was copied from elsewhere: what refers to records in it follows. */
  shift(begin: number, end: number, by: number): void {
    for (let at = begin; at < end; at = this.#next(at)) this.numbers[at + beginAt] = this.#at(at + beginAt) + by;
    this.mapValues(begin, end, (value) => (isFolder(value) ? asValue(asRecord(value) + by) : value));
  }

  #next(record: number): number {
    return record + valuesAt(this.kind) + this.#at(record + countAt);
  }

  #at(index: number): number {
    return this.numbers[index] as number;
  }

  #hash(at: number, count: number): Digest {
    return this.#bytes.toString('latin1', at * 4, (at + count) * 4) as Digest;
  }
}

/** Builds the table of a walk. */
export class FolderTableBuilder {
  readonly #kind: DigestKind;
  #numbers: Int32Array;
  #bytes: Uint8Array;
  #length = 0;

  constructor(kind: DigestKind, lengthHint: number) {
    this.#kind = kind;
    this.#numbers = new Int32Array(Math.max(1_024, lengthHint));
    this.#bytes = new Uint8Array(this.#numbers.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Returns the value by which its folder refers to it. What is below it has been added since `begin`. */
  add({ low, high, mode, hasUntracked, entries, begin, listing, links, merkle, values }: FolderFacts): number {
    const at = this.#length;
    const first = at + valuesAt(this.#kind);
    this.#reserve(first + values.length);
    const numbers = this.#numbers;
    numbers[at + keyAt] = low;
    numbers[at + keyAt + 1] = high;
    numbers[at + countAt] = values.length;
    numbers[at + modeAt] = mode | (hasUntracked ? untrackedFlag : 0);
    numbers[at + entriesAt] = entries;
    numbers[at + beginAt] = begin;
    this.#putHash(at + listingAt, listing, hashBytes);
    this.#putHash(at + linksAt, links, hashBytes);
    this.#putHash(at + merkleAt, merkle ?? '', digestBytes[this.#kind]);
    for (let name = 0; name < values.length; name++) numbers[first + name] = values[name] as number;
    this.#length = first + values.length;
    return asValue(at);
  }

  /** Takes over a folder with all below it from the table of an earlier walk; tells the index slots of its files. */
  copy(table: FolderTable, record: number, onSlot: (slot: number) => void): number {
    const { begin, end } = table.block(record);
    const to = this.#length;
    this.#reserve(to + end - begin);
    this.#numbers.set(table.numbers.subarray(begin, end), to);
    this.#length = to + end - begin;
    const copied = new FolderTable(this.#kind, table.scope, this.#numbers.subarray(0, this.#length));
    copied.shift(to, this.#length, to - begin);
    copied.mapValues(to, this.#length, (value) => {
      if (value >= 0) onSlot(value);
      return value;
    });
    return asValue(record + to - begin);
  }

  build(scope: Digest): FolderTable {
    return new FolderTable(this.#kind, scope, this.#numbers.slice(0, this.#length));
  }

  #putHash(at: number, hash: string, bytes: number): void {
    for (let index = 0; index < bytes; index++) this.#bytes[at * 4 + index] = index < hash.length ? hash.charCodeAt(index) : 0;
  }

  #reserve(length: number): void {
    if (length <= this.#numbers.length) return;
    const grown = new Int32Array(Math.max(length, this.#numbers.length * 2));
    grown.set(this.#numbers.subarray(0, this.#length));
    this.#numbers = grown;
    this.#bytes = new Uint8Array(grown.buffer);
  }
}

/** The numbers as they go into a file, where forgotten slots of the index are left out. */
export function encodeFolders({ numbers, kind, scope }: FolderTable, newSlot: (slot: number) => number | undefined): Int32Array {
  const copy = new FolderTable(kind, scope, numbers.slice());
  copy.mapValues(0, copy.numbers.length, (value) => (value >= 0 ? (newSlot(value) ?? unknown) : value));
  return copy.numbers;
}

/** `undefined`: these are no records of an index with so many slots. */
export function decodeFolders(kind: DigestKind, scope: Digest, numbers: Int32Array, slots: number): FolderTable | undefined {
  const fixed = valuesAt(kind);
  const begins = new Set<number>();
  let at = 0;
  while (at < numbers.length) {
    begins.add(at);
    const count = numbers[at + countAt] as number;
    const begin = numbers[at + beginAt] as number;
    if (!(count >= 0 && at + fixed + count <= numbers.length && begins.has(begin))) return undefined;
    for (let name = at + fixed; name < at + fixed + count; name++) {
      const value = numbers[name] as number;
      if (value >= slots || (isFolder(value) && !(asRecord(value) >= begin && asRecord(value) < at && begins.has(asRecord(value))))) return undefined;
    }
    at += fixed + count;
  }
  return new FolderTable(kind, scope, numbers);
}

const keyAt = 0;
const countAt = 2;
const modeAt = 3;
const entriesAt = 4;
const beginAt = 5;
const listingAt = 6;
const linksAt = 10;
const merkleAt = 14;
const valuesAt = (kind: DigestKind): number => merkleAt + digestBytes[kind] / 4;

const modeBits = 0o7777;
const untrackedFlag = 0x1_0000;

const hashNumbers = 4;
const hashBytes = 16;
