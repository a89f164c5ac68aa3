/**
 * Record files: a header line and then records, each proved by a hash over itself and over what came before. Archive and journal are such files.
 *
 *     ubos-sync archive 1 5d1c3ca0f7a9d1e2\n     what it is, format version, hash of the line so far
 *     | 4 bytes  | length of the payload, little endian
 *     | 32 bytes | check: SHA-256 over (base, payload)
 *     | n bytes  | payload, MessagePack
 *     | 0 to 3   | zeros, so that every record begins at a multiple of 4: a length never lies across two pages, of which one was written and one was not
 *
 * What the base of a record is (the check of one before it, the digest of an archive) is for the reader to say; so no record can be taken out, put in,
 * or moved without being noticed.
 *
 * Only the end of a file can be incomplete by honest means: a record is appended by one write, and synced or not. Therefore a record that is cut off by
 * the end, or is the last one and does not match its check, or begins with zeros (a file that grew without its data), was never written. A record that does not match anywhere else is damage,
 * unless it was not synced and the reader knows that ({@link isLastButOne}).
 */
import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr/pack';
import { SyncError } from '../engine/errors.ts';

/** 32 bytes. */
export type Check = Uint8Array;

export type HeaderReading = { readonly state: 'ok'; readonly end: number } | { readonly state: 'damaged' };

export type RecordReading =
  | { readonly state: 'record'; readonly payload: unknown; readonly check: Check; readonly end: number }
  /** Nothing follows. */
  | { readonly state: 'end' }
  /** The rest was never completely written. */
  | { readonly state: 'torn' }
  | { readonly state: 'damaged' };

export function encodeHeader(what: string, version: number): Uint8Array {
  const text = `ubos-sync ${what} ${version} `;
  const line = `${text}${headerSum(text)}\n`;
  return Buffer.from(line.padEnd(aligned(line.length), '\0'), 'latin1');
}

/** `SYNC_ARCHIVE_NEWER`: an undamaged header of a later version; what follows it is not for us to read. */
export function readHeader(bytes: Uint8Array, what: string, version: number): HeaderReading {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, headerBytesMax)).toString('latin1');
  const [whole, text, kind, number, sum] = /^(ubos-sync ([a-z]+) ([0-9]{1,9}) )([0-9a-f]{16})\n/.exec(line) ?? [];
  if (whole === undefined || text === undefined || kind !== what || sum !== headerSum(text)) return { state: 'damaged' };
  if (Number(number) > version) {
    throw new SyncError(
      'SYNC_ARCHIVE_NEWER',
      `the ${what} was written by a newer version of this program (format ${number}, this one knows ${version})`,
    );
  }
  return Number(number) === version ? { state: 'ok', end: aligned(whole.length) } : { state: 'damaged' };
}

export function encodeRecord(base: Check, payload: unknown): { readonly bytes: Uint8Array; readonly check: Check } {
  const packed = packr.pack(payload);
  const check = checkOf(base, packed);
  const bytes = Buffer.alloc(aligned(frameBytes + packed.length));
  bytes.writeUInt32LE(packed.length, 0);
  bytes.set(check, 4);
  bytes.set(packed, frameBytes);
  return { bytes, check };
}

/** Reads the record at an offset. The payload's byte columns are views of `bytes`. `O(length)`. */
export function readRecord(bytes: Uint8Array, offset: number, base: Check): RecordReading {
  if (offset === bytes.length) return { state: 'end' };
  if (offset + frameBytes > bytes.length) return { state: 'torn' };
  const length = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(0, true);
  const end = aligned(offset + frameBytes + length);
  // No record is empty: where it begins, a page was not written.
  if (end > bytes.length || length === 0) return { state: 'torn' };
  const packed = bytes.subarray(offset + frameBytes, offset + frameBytes + length);
  const check = bytes.subarray(offset + 4, offset + frameBytes);
  if (Buffer.compare(check, checkOf(base, packed)) !== 0) {
    return { state: end === bytes.length ? 'torn' : 'damaged' };
  }
  try {
    return { state: 'record', payload: packr.unpack(packed), check, end };
  } catch {
    return { state: 'damaged' };
  }
}

/** Whether at most one record follows the one at an offset, by what the two say of their lengths. */
export function isLastButOne(bytes: Uint8Array, offset: number): boolean {
  return endByLength(bytes, endByLength(bytes, offset)) >= bytes.length;
}

/** Infinity: there is no record, or it was never completely written. */
function endByLength(bytes: Uint8Array, offset: number): number {
  if (offset + frameBytes > bytes.length) return Number.POSITIVE_INFINITY;
  const length = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(0, true);
  return length === 0 ? Number.POSITIVE_INFINITY : aligned(offset + frameBytes + length);
}

export function checkOf(base: Check, packed: Uint8Array): Check {
  return createHash('sha256').update(base).update(packed).digest();
}

function aligned(length: number): number {
  return Math.ceil(length / 4) * 4;
}

const headerBytesMax = 64;
const frameBytes = 36;

/** Plain maps, without msgpackr's own record extension: bytes that any MessagePack reader understands, and that depend on nothing packed before. */
const packr = new Packr({ useRecords: false });

function headerSum(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex').slice(0, 16);
}
