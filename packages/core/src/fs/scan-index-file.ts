/**
 * The scan index on disk: `.ubos-sync/index`, a snapshot of its records and folders behind a header of 80 bytes.
 *
 * | offset | bytes | field                                                               |
 * |--------|-------|---------------------------------------------------------------------|
 * | 0      | 16    | `ubos-sync index\n`                                                 |
 * | 16     | 4     | format version, 2                                                   |
 * | 20     | 4     | 0x01020304 in the byte order of the machine that wrote it           |
 * | 24     | 4     | bytes of a digest                                                   |
 * | 28     | 4     | number of records                                                   |
 * | 32     | 16    | XXH64 twice over the rest: header, records, folders                 |
 * | 48     | 16    | hash of the scope that the folders were walked with                 |
 * | 64     | 4     | numbers of 32 bits of the folders (`scan-folders.ts`)               |
 * | 68     | 12    | zero                                                                |
 *
 * It can be thrown away at any time, at the price of reading every file once. So it is not synced to the disk, and whatever is wrong with it (cut off,
 * damaged, other version, byte order or kind of digest) makes it as if it were not there.
 */

import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { type Digest, digestBytes, digestFromBytes } from '../hash/digest.ts';
import { type Hashing, loadHashing } from './hasher.ts';
import { errnoOf } from './io-failure.ts';
import { decodeFolders } from './scan-folders.ts';
import { createScanIndex, recordBytes, ScanIndex, type ScanIndexOptions } from './scan-index.ts';

export const scanIndexName = 'index';

/** The index in this state folder; an empty one if there is none that can be used, or no folder. */
export async function loadScanIndex(folder: DiskDirectory | undefined, options: ScanIndexOptions): Promise<ScanIndex> {
  const bytes = folder && readIndexFile(folder);
  return (bytes && decodeScanIndex(bytes, options, await loadHashing('fast'))) ?? createScanIndex(options);
}

/** Writes the whole index beside and renames it over. Not synced. Clears `isDirty`. Throws what the disk says, the old index still there. */
export async function saveScanIndex(folder: DiskDirectory, index: ScanIndex): Promise<void> {
  const pieces = encodeScanIndex(index, await loadHashing('fast'));
  const beside = `${scanIndexName}.new`;
  try {
    folder.unlink(beside);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const file = folder.openFile(beside, 'create');
  try {
    let at = 0;
    for (const piece of pieces) {
      file.write(piece, at);
      at += piece.length;
    }
  } catch (error) {
    folder.unlink(beside);
    throw error;
  } finally {
    file.close();
  }
  folder.rename(beside, folder, scanIndexName);
  index.isDirty = false;
}

/** Header, records, folders. */
export function encodeScanIndex(index: ScanIndex, fast: Hashing): readonly Uint8Array[] {
  const records = index.encodeRecords();
  const numbers = index.encodeFolders();
  const folders = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  const header = new Uint8Array(headerBytes);
  header.set(magic);
  new Uint32Array(header.buffer, 16, 4).set([version, byteOrder, digestBytes[index.kind], records.length / recordBytes(index.kind)]);
  putDigest(header, scopeAt, index.folders?.scope ?? '');
  new Uint32Array(header.buffer, 64, 1).set([numbers.length]);
  putDigest(header, checkAt, checkOf([header, records, folders], fast));
  return [header, records, folders];
}

function putDigest(header: Uint8Array, at: number, digest: string): void {
  for (let index = 0; index < digest.length; index++) header[at + index] = digest.charCodeAt(index);
}

/** `undefined`: it cannot be used. */
export function decodeScanIndex(bytes: Uint8Array, options: ScanIndexOptions, fast: Hashing): ScanIndex | undefined {
  if (bytes.length < headerBytes) return undefined;
  // Copies, so that both are aligned whatever they are cut out of.
  const header = new Uint8Array(bytes.subarray(0, headerBytes));
  if (!magic.every((byte, at) => header[at] === byte)) return undefined;
  const [foundVersion, foundOrder, foundDigest, count = 0] = new Uint32Array(header.buffer, 16, 4);
  if (foundVersion !== version || foundOrder !== byteOrder || foundDigest !== digestBytes[options.kind]) return undefined;
  const [folderNumbers = 0] = new Uint32Array(header.buffer, 64, 1);
  const foldersAt = headerBytes + count * recordBytes(options.kind);
  if (bytes.length !== foldersAt + folderNumbers * 4) return undefined;
  const records = new Uint8Array(bytes.subarray(headerBytes, foldersAt));
  const folders = new Uint8Array(bytes.subarray(foldersAt));
  const check = checkOf([header, records, folders], fast);
  for (let at = 0; at < check.length; at++) if (header[checkAt + at] !== check.charCodeAt(at)) return undefined;
  const index = new ScanIndex(options, records.buffer, count);
  const scope = digestFromBytes(header.subarray(scopeAt, scopeAt + 16));
  if (folderNumbers > 0) index.restoreFolders(decodeFolders(options.kind, scope, new Int32Array(folders.buffer), count));
  return index;
}

const headerBytes = 80;
const checkAt = 32;
const scopeAt = 48;
const version = 2;
const byteOrder = 0x01020304;
const magic: Uint8Array = new TextEncoder().encode('ubos-sync index\n');

/** 64 million files and more; beyond that someone made it up. */
const fileBytesMax = 2 ** 32;

function readIndexFile(folder: DiskDirectory): Uint8Array | undefined {
  let file: DiskFile;
  try {
    file = folder.openFile(scanIndexName, 'read');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
  try {
    const { sizeBytes } = file.stat();
    if (sizeBytes > fileBytesMax) return undefined;
    const bytes = new Uint8Array(sizeBytes);
    return bytes.subarray(0, file.read(bytes, 0));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  } finally {
    file.close();
  }
}

/** In pieces: the hash copies what it is given. */
function checkOf([header, ...parts]: readonly [Uint8Array, ...Uint8Array[]], fast: Hashing): Digest {
  const hasher = fast.createHasher();
  hasher.update(header.subarray(0, checkAt));
  hasher.update(header.subarray(scopeAt));
  for (const part of parts) for (let at = 0; at < part.length; at += pieceBytes) hasher.update(part.subarray(at, at + pieceBytes));
  return hasher.digest();
}

const pieceBytes = 1 << 20;
