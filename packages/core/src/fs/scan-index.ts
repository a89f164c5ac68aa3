/**
 * The scan index: which content each file had when it was last read, and what the disk said of the file then. While the disk says the same, the file need
 * not be read again.
 *
 * Records lie one after the other in one buffer, found through a hash table over the keys of their paths. Paths themselves are not kept, so that
 * 100,000 records are 7.4 MB of memory without a single object, and loading them is one read. Buffer and file have the same bytes, in the byte order of this machine:
 *
 * | offset | bytes | field                                                                  |
 * |--------|-------|------------------------------------------------------------------------|
 * | 0      | 8     | key of the path, two halves                                            |
 * | 8      | 8     | inode                                                                  |
 * | 16     | 8     | size, a double                                                         |
 * | 24     | 8     | mtime, ns                                                              |
 * | 32     | 8     | ctime, ns                                                              |
 * | 40     | 4     | mode; flags from bit 16 on: 1 racy, 2 gone, 4 written since the walk   |
 * | 44     | 4     | the scan that met it last; 0 in a file                                 |
 * | 48     | 16/32 | digest                                                                 |
 *
 * **Racy records.** A change within the same tick of the file system's clock as our reading leaves the times as they are (git calls such an entry racily
 * clean). So a record with a time that is not older than its reading by more than the tick does not hold: the file is read again by the next scan, or by
 * `settleIndex` once the tick has passed. A tick is taken to be 20 ms (kernels stamp with their timer's, 1 to 10 ms), 2 s where the time is a whole
 * second (FAT, HFS+, old NFS), and none where a file system was seen to stamp each change anew (`probeStamping`).
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskStat } from '../engine/disk.ts';
import { type Digest, type DigestKind, digestBytes } from '../hash/digest.ts';
import type { RelativePath } from '../tree/path.ts';
import { encodeFolders, type FolderTable } from './scan-folders.ts';
import { PathKey } from './scan-index-key.ts';

/** What was known of a file when its content was last read: while the disk says the same, the digest still holds. */
export interface IndexRecord {
  readonly ino: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** All permission bits, as on disk. */
  readonly mode: number;
  readonly digest: Digest;
}

/** How a file system stamps changes. */
export interface Stamping {
  /** Every change that follows a look at the file has a later time, however soon: no record is ever racy. */
  readonly exact: boolean;
  /** How far its clock is ahead of ours; a server's, mostly. */
  readonly aheadMs: number;
}

export interface ScanIndexOptions {
  readonly kind: DigestKind;
  readonly clock: Clock;
  readonly stamping?: Stamping | undefined;
}

/** An empty index. */
export function createScanIndex(options: ScanIndexOptions): ScanIndex {
  return new ScanIndex(options, new ArrayBuffer(0), 0);
}

export class ScanIndex {
  readonly kind: DigestKind;
  readonly clock: Clock;
  /** May be set once more is known of the file system; counts for what is recorded from then on. */
  stamping: Stamping;
  /** Whether it holds what is worth saving: a file that had to be read, or was changed by us. That a racy record has been confirmed is not. */
  isDirty = false;
  /** Racy records with their paths, as far as these are known: what {@link settleIndex} can settle. At most `racyPathsMax`. */
  readonly racyPaths: Set<RelativePath> = new Set();
  /** What the folders were like when they were last walked; names slots. `undefined`: not known, or not any more. */
  #folders: FolderTable | undefined;
  /** Rises when slots get other numbers. */
  layout = 0;

  readonly #stride: number;
  readonly #key: PathKey = new PathKey();
  #ints!: Int32Array;
  #longs!: BigInt64Array;
  #doubles!: Float64Array;
  #bytes!: Buffer;
  /** Slot + 1 by key; 0: free. A power of two, at most two thirds full. */
  #buckets: Int32Array = new Int32Array(0);
  /** Slots in use, those of forgotten records included. */
  #slots: number;
  #gone = 0;
  #scan = 0;

  /** `records`: as {@link encodeRecords} gave them; taken over. */
  constructor({ kind, clock, stamping = { exact: false, aheadMs: 0 } }: ScanIndexOptions, records: ArrayBuffer, count: number) {
    this.kind = kind;
    this.clock = clock;
    this.stamping = stamping;
    this.#stride = recordBytes(kind);
    this.#slots = count;
    this.#view(records);
    this.#rehash();
  }

  /** Number of records. */
  get size(): number {
    return this.#slots - this.#gone;
  }

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.#bytes.length + this.#buckets.byteLength;
  }

  get(path: RelativePath): IndexRecord | undefined {
    const slot = this.#slotOf(path);
    if (slot === -1) return undefined;
    const at = slot * this.#stride;
    return {
      ino: this.#longs[at / 8 + inoAt] as bigint,
      sizeBytes: this.#doubles[at / 8 + sizeAt] as number,
      mtimeNs: this.#longs[at / 8 + mtimeAt] as bigint,
      ctimeNs: this.#longs[at / 8 + ctimeAt] as bigint,
      mode: (this.#ints[at / 4 + modeAt] as number) & modeBits,
      digest: this.digestAt(slot),
    };
  }

  /** What a file is known to hold. `readAtMs`: our clock not later than the look at the file that the record is made from. */
  set(path: RelativePath, record: IndexRecord, readAtMs: number = this.clock.nowMs()): void {
    this.#key.ofPath(path);
    const racy = this.isRacy(record, readAtMs);
    this.put(this.#key.low, this.#key.high, record, record.digest, racy);
    this.noteRacy(path, racy);
    this.isDirty = true;
  }

  delete(path: RelativePath): void {
    const slot = this.#slotOf(path);
    this.racyPaths.delete(path);
    if (slot === -1) return;
    this.#forget(slot);
    this.isDirty = true;
  }

  get folders(): FolderTable | undefined {
    return this.#folders;
  }

  /** After a walk: the records of its files are what its folders were made from. */
  set folders(table: FolderTable | undefined) {
    this.#folders = table;
    table?.mapValues(0, table.numbers.length, (slot) => {
      if (slot >= 0) {
        const at = (slot * this.#stride) / 4 + modeAt;
        this.#ints[at] = (this.#ints[at] as number) & ~writtenFlag;
      }
      return slot;
    });
  }

  /** Only for a table that was saved along with these records. */
  restoreFolders(table: FolderTable | undefined): void {
    this.#folders = table;
  }

  clear(): void {
    this.#slots = 0;
    this.layout++;
    this.#folders = undefined;
    this.#gone = 0;
    this.racyPaths.clear();
    this.#view(new ArrayBuffer(0));
    this.#rehash();
    this.isDirty = true;
  }

  /** Whether a file looked at then may change within the tick of its times. */
  isRacy({ mtimeNs, ctimeNs }: Pick<DiskStat, 'mtimeNs' | 'ctimeNs'>, readAtMs: number): boolean {
    if (this.stamping.exact) return false;
    const now = readAtMs + this.stamping.aheadMs;
    const tick = tickMs(ctimeNs);
    if (Number(ctimeNs) / 1e6 >= now - tick) return true;
    // A modification time in the future was set by someone: a write now would not leave it as it is.
    const mtime = Number(mtimeNs) / 1e6;
    return mtime >= now - tick && mtime <= now + tick;
  }

  /** When a racy record stops being one, by our clock. */
  settledAtMs({ mtimeNs, ctimeNs }: Pick<DiskStat, 'mtimeNs' | 'ctimeNs'>, nowMs: number): number {
    const tick = tickMs(ctimeNs);
    const ctime = Number(ctimeNs) / 1e6;
    const mtime = Number(mtimeNs) / 1e6;
    const latest = mtime <= nowMs + this.stamping.aheadMs + tick ? Math.max(ctime, mtime) : ctime;
    // Our clock comes in whole milliseconds, and timers may be one early.
    return latest + tick - this.stamping.aheadMs + 2;
  }

  // What follows is for the scan, which asks a hundred thousand times in a row: by key, by slot, and without objects.

  /** Begins a scan. */
  beginScan(): void {
    this.#scan = (this.#scan + 1) & 0x7fffffff;
  }

  /** Ends a complete scan: what it did not meet is gone. */
  endScan(): void {
    const { length } = this.#bytes;
    for (let at = 0, slot = 0; slot < this.#slots && at < length; at += this.#stride, slot++) {
      if (this.#ints[at / 4 + scanAt] !== this.#scan && !this.#isGone(slot)) this.#forget(slot);
    }
  }

  /** The record of a path by its key, -1 if there is none. The scan has met it. */
  meet(low: number, high: number): number {
    const slot = this.#find(low, high);
    if (slot === -1 || this.#isGone(slot)) return -1;
    this.#ints[(slot * this.#stride) / 4 + scanAt] = this.#scan;
    return slot;
  }

  /** The scan knows that the file of this record is there. */
  meetSlot(slot: number): void {
    this.#ints[(slot * this.#stride) / 4 + scanAt] = this.#scan;
  }

  /** Whether the record is the one that its folder was made from, and needs no reading. */
  isSettled(slot: number): boolean {
    return ((this.#ints[(slot * this.#stride) / 4 + modeAt] as number) & (racyFlag | goneFlag | writtenFlag)) === 0;
  }

  /** Whether the disk says of the file what it said when it was read. */
  isUntouched(slot: number, stat: DiskStat): boolean {
    const at = slot * this.#stride;
    return (
      this.#longs[at / 8 + mtimeAt] === stat.mtimeNs &&
      this.#longs[at / 8 + ctimeAt] === stat.ctimeNs &&
      this.#doubles[at / 8 + sizeAt] === stat.sizeBytes &&
      this.#longs[at / 8 + inoAt] === stat.ino &&
      ((this.#ints[at / 4 + modeAt] as number) & modeBits) === stat.mode
    );
  }

  wasRacy(slot: number): boolean {
    return ((this.#ints[(slot * this.#stride) / 4 + modeAt] as number) & racyFlag) !== 0;
  }

  digestAt(slot: number): Digest {
    const at = slot * this.#stride + digestAt;
    return this.#bytes.toString('latin1', at, at + digestBytes[this.kind]) as Digest;
  }

  hasDigest(slot: number, digest: Digest): boolean {
    const at = slot * this.#stride + digestAt;
    if (digest.length !== digestBytes[this.kind]) return false;
    for (let index = 0; index < digest.length; index++) if (this.#bytes[at + index] !== digest.charCodeAt(index)) return false;
    return true;
  }

  /** Returns the slot. */
  put(low: number, high: number, { ino, sizeBytes, mtimeNs, ctimeNs, mode }: Omit<IndexRecord, 'digest'>, digest: Digest, racy: boolean): number {
    let slot = this.#find(low, high);
    if (slot === -1) slot = this.#add(low, high);
    else if (this.#isGone(slot)) this.#gone--;
    const at = slot * this.#stride;
    this.#longs[at / 8 + inoAt] = ino;
    this.#doubles[at / 8 + sizeAt] = sizeBytes;
    this.#longs[at / 8 + mtimeAt] = mtimeNs;
    this.#longs[at / 8 + ctimeAt] = ctimeNs;
    this.#ints[at / 4 + modeAt] = (mode & modeBits) | writtenFlag | (racy ? racyFlag : 0);
    this.#ints[at / 4 + scanAt] = this.#scan;
    for (let index = 0; index < digest.length; index++) this.#bytes[at + digestAt + index] = digest.charCodeAt(index);
    return slot;
  }

  noteRacy(path: RelativePath, racy: boolean): void {
    if (!racy) this.racyPaths.delete(path);
    else if (this.racyPaths.size < racyPathsMax) this.racyPaths.add(path);
  }

  /** The records one after the other, as they go into a file. */
  encodeRecords(): Uint8Array {
    const out = this.#copyRecords();
    // The number of a scan means nothing to another process.
    const ints = new Int32Array(out.buffer);
    for (let at = scanAt; at < ints.length; at += this.#stride / 4) ints[at] = 0;
    return out;
  }

  /** The folders as they go into a file beside {@link encodeRecords}. */
  encodeFolders(): Int32Array {
    if (this.#folders === undefined) return new Int32Array(0);
    const newSlots = new Int32Array(this.#slots);
    for (let slot = 0, next = 0; slot < this.#slots; slot++) newSlots[slot] = this.#isGone(slot) ? -1 : next++;
    return encodeFolders(this.#folders, (slot) => {
      const to = newSlots[slot];
      return to === undefined || to === -1 ? undefined : to;
    });
  }

  /** Forgotten ones are left out. */
  #copyRecords(): Uint8Array {
    const out = new Uint8Array(this.size * this.#stride);
    let end = 0;
    // In runs: mostly one.
    for (let slot = 0; slot < this.#slots; ) {
      if (this.#isGone(slot)) {
        slot++;
        continue;
      }
      const from = slot;
      while (slot < this.#slots && !this.#isGone(slot)) slot++;
      out.set(this.#bytes.subarray(from * this.#stride, slot * this.#stride), end);
      end += (slot - from) * this.#stride;
    }
    return out;
  }

  #slotOf(path: RelativePath): number {
    this.#key.ofPath(path);
    const slot = this.#find(this.#key.low, this.#key.high);
    return slot !== -1 && this.#isGone(slot) ? -1 : slot;
  }

  #find(low: number, high: number): number {
    const mask = this.#buckets.length - 1;
    for (let bucket = spread(low, high) & mask; ; bucket = (bucket + 1) & mask) {
      const slot = (this.#buckets[bucket] as number) - 1;
      if (slot === -1) return -1;
      const at = (slot * this.#stride) / 4;
      if (this.#ints[at] === low && this.#ints[at + 1] === high) return slot;
    }
  }

  #isGone(slot: number): boolean {
    return ((this.#ints[(slot * this.#stride) / 4 + modeAt] as number) & goneFlag) !== 0;
  }

  /** The slot keeps its key, so that the way to others through the table is not cut; it is left out of the next copy. */
  #forget(slot: number): void {
    const at = (slot * this.#stride) / 4 + modeAt;
    this.#ints[at] = (this.#ints[at] as number) | goneFlag;
    this.#gone++;
  }

  #add(low: number, high: number): number {
    if ((this.#slots + 1) * this.#stride > this.#bytes.length) this.#grow();
    const slot = this.#slots++;
    const at = (slot * this.#stride) / 4;
    this.#ints[at] = low;
    this.#ints[at + 1] = high;
    if (this.#slots * 3 > this.#buckets.length * 2) this.#rehash();
    else this.#enter(slot);
    return slot;
  }

  /** More room, half as much again; forgotten records are left behind. */
  #grow(): void {
    const live = this.#copyRecords();
    const slots = Math.max(64, this.size + (this.size >>> 1));
    const grown = new ArrayBuffer(slots * this.#stride);
    new Uint8Array(grown).set(live);
    const moved = this.#gone > 0;
    if (moved) {
      this.layout++;
      this.#folders = undefined;
    }
    this.#slots = this.size;
    this.#gone = 0;
    this.#view(grown);
    if (moved) this.#rehash();
  }

  #view(buffer: ArrayBuffer): void {
    this.#ints = new Int32Array(buffer);
    this.#longs = new BigInt64Array(buffer);
    this.#doubles = new Float64Array(buffer);
    this.#bytes = Buffer.from(buffer);
  }

  #rehash(): void {
    let size = 64;
    while (size * 2 < (this.#slots + 1) * 3) size *= 2;
    this.#buckets = new Int32Array(size);
    for (let slot = 0; slot < this.#slots; slot++) this.#enter(slot);
  }

  #enter(slot: number): void {
    const at = (slot * this.#stride) / 4;
    const mask = this.#buckets.length - 1;
    let bucket = spread(this.#ints[at] as number, this.#ints[at + 1] as number) & mask;
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & mask;
    this.#buckets[bucket] = slot + 1;
  }
}

/** Bytes of one record with a digest of this kind. */
export function recordBytes(kind: DigestKind): number {
  return digestAt + digestBytes[kind];
}

/** How many racy records are remembered by path, to be settled before the index is saved. */
export const racyPathsMax = 10_000;

// In units of 8 bytes, of 4 bytes, of 1 byte.
const inoAt = 1;
const sizeAt = 2;
const mtimeAt = 3;
const ctimeAt = 4;
const modeAt = 10;
const scanAt = 11;
const digestAt = 48;

const modeBits = 0o7777;
const racyFlag = 0x1_0000;
const goneFlag = 0x2_0000;
/** The record was written, and no folder was made from it yet. */
const writtenFlag = 0x4_0000;

function tickMs(ctimeNs: bigint): number {
  return ctimeNs % 1_000_000_000n === 0n ? 2_000 : 20;
}

/** The low bits of a product depend on low bits only; the table goes by low bits. */
function spread(low: number, high: number): number {
  const mixed = Math.imul(low ^ (low >>> 15) ^ high, 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}
