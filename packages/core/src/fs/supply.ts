/**
 * Supply: streams contents of this tree to whoever stages them, hashing while it reads.
 *
 * What is sent is what was asked for, by digest, or it is said that it is not: a file that was edited since the scan ends with `SYNC_SOURCE_CHANGED`.
 * A file that only grew is sent as the prefix that was scanned, which is what its digest and size name. Many small files share one batch, a large one
 * comes in pieces. A small file costs three system calls: open, read, close.
 *
 * Nothing outside the scope of the last scan is opened, whoever asks, and nothing but regular files: what the scan did not see as one is looked at first.
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { ContentFailure, ContentNeed, ContentPart } from '../engine/replica.ts';
import type { Scope } from '../scope/scope.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { hashFile } from './hash-file.ts';
import type { Hashing } from './hasher.ts';
import type { HeldDirectories } from './held-directories.ts';
import { ioFailure } from './io-failure.ts';
import { createSlices, type Slices } from './slices.ts';

export interface SupplySource {
  readonly tree: HeldDirectories;
  readonly scope: Scope;
  readonly hashing: Hashing;
  readonly clock: Clock;
  /** Whether the last scan saw a regular file there. */
  readonly wasFile: (path: RelativePath) => boolean;
}

/** Size of a batch and of the one buffer that all batches of a call share. */
const batchBytes = 1024 ** 2;
/** Larger contents come in pieces of a batch each. */
const smallBytesMax = 256 * 1024;
/** Bounds the batch where files are tiny. */
const batchPartsMax = 1000;

/** See `Replica.supply`. Directories are held within a batch only; `source.tree` is released at the end. */
export async function* supplyContents(
  needs: readonly ContentNeed[],
  source: SupplySource,
  signal?: AbortSignal,
): AsyncGenerator<readonly ContentPart[], void, undefined> {
  const slices = createSlices(source.clock, signal);
  const buffer = new Uint8Array(batchBytes);
  let parts: ContentPart[] = [];
  let used = 0;
  try {
    for (const [index, need] of needs.entries()) {
      signal?.throwIfAborted();
      const small = need.sizeBytes <= smallBytesMax && need.fromByte === 0;
      if (parts.length > 0 && (!small || used + need.sizeBytes > batchBytes || parts.length >= batchPartsMax)) {
        source.tree.release();
        yield parts;
        parts = [];
        used = 0;
        if (slices.isOver()) await slices.pause();
      }
      if (small) {
        const bytes = buffer.subarray(used, used + need.sizeBytes);
        const end = readSmall(need, bytes, source);
        parts.push({ need: index, bytes: end === 'ok' ? bytes : nothing, end });
        if (end === 'ok') used += need.sizeBytes;
      } else {
        for await (const piece of readLarge(need, buffer, source, slices)) yield [{ need: index, ...piece }];
      }
    }
    if (parts.length > 0) yield parts;
  } finally {
    source.tree.release();
  }
}

type Piece = Omit<ContentPart, 'need'>;

const nothing = new Uint8Array(0);

function readSmall(need: ContentNeed, bytes: Uint8Array, source: SupplySource): 'ok' | ContentFailure {
  const file = openNeeded(need, source);
  if ('code' in file) return file;
  try {
    const count = readFully(file, bytes, 0);
    return count === bytes.length && source.hashing.hash(bytes) === need.digest ? 'ok' : changed(need);
  } catch (error) {
    return unreadable(need, error);
  } finally {
    file.close();
  }
}

async function* readLarge(need: ContentNeed, buffer: Uint8Array, source: SupplySource, slices: Slices): AsyncGenerator<Piece, void, undefined> {
  const file = openNeeded(need, source);
  if ('code' in file) {
    yield { bytes: nothing, end: file };
    return;
  }
  // The file stays open over the pieces, so that they are of one file; the folders on the way do not.
  source.tree.release();
  try {
    const hasher = source.hashing.createHasher();
    let offset = Math.min(need.fromByte, need.sizeBytes);
    if (offset > 0) await hashFile(file, offset, { hashing: source.hashing, slices, hasher });
    for (;;) {
      const bytes = buffer.subarray(0, Math.min(batchBytes, need.sizeBytes - offset));
      const piece = readPiece(need, file, bytes, offset);
      if (typeof piece !== 'number') {
        yield { bytes: nothing, end: piece };
        return;
      }
      hasher.update(bytes);
      offset += bytes.length;
      if (offset === need.sizeBytes) {
        yield { bytes, end: hasher.digest() === need.digest ? 'ok' : changed(need) };
        return;
      }
      yield { bytes, end: undefined };
      if (slices.isOver()) await slices.pause();
    }
  } finally {
    file.close();
  }
}

function readPiece(need: ContentNeed, file: DiskFile, bytes: Uint8Array, offset: number): number | ContentFailure {
  try {
    const count = readFully(file, bytes, offset);
    return count === bytes.length ? count : changed(need);
  } catch (error) {
    return unreadable(need, error);
  }
}

function openNeeded(need: ContentNeed, { tree, scope, wasFile }: SupplySource): DiskFile | ContentFailure {
  const { path } = need;
  const name = baseName(path);
  if (name === undefined || !scope.includes(path, 'other')) return { code: 'SYNC_OUT_OF_SCOPE', message: `${path} is out of scope here` };
  try {
    const { directory } = tree.open(parentPath(path) ?? rootPath);
    if (!wasFile(path) && directory.lstat(name)?.kind !== 'file') return changed(need);
    return directory.openFile(name, 'read');
  } catch (error) {
    return unreadable(need, error);
  }
}

function readFully(file: DiskFile, bytes: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < bytes.length) {
    const count = file.read(filled === 0 ? bytes : bytes.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function changed({ path }: ContentNeed): ContentFailure {
  return { code: 'SYNC_SOURCE_CHANGED', message: `${path} changed since it was scanned` };
}

function unreadable(need: ContentNeed, error: unknown): ContentFailure {
  const failure = ioFailure(error, `read ${need.path}`);
  // EINVAL and ENXIO: it is no regular file any more.
  const gone = failure.code === 'SYNC_TARGET_CHANGED' || isErrno(error, 'EINVAL', 'ENXIO');
  return gone ? changed(need) : failure;
}
