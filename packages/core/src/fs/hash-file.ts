import type { DiskFile } from '../engine/disk.ts';
import type { Digest } from '../hash/digest.ts';
import type { Hasher, Hashing } from './hasher.ts';
import type { Slices } from './slices.ts';

/** 256 KiB stay in the second-level cache between reading and hashing. */
const pieceBytes = 256 * 1024;

/**
 * Digest of the first `sizeBytes` bytes, in slices. `undefined` if the file is shorter. With a `hasher` these bytes are only fed to it, and there is no digest.
 */
export async function hashFile(
  file: DiskFile,
  sizeBytes: number,
  { hashing, slices, hasher }: { readonly hashing: Hashing; readonly slices: Slices; readonly hasher?: Hasher | undefined },
): Promise<Digest | undefined> {
  const fed = hasher ?? hashing.createHasher();
  const buffer = new Uint8Array(Math.min(pieceBytes, Math.max(1, sizeBytes)));
  for (let at = 0; at < sizeBytes; ) {
    const count = file.read(at + buffer.length <= sizeBytes ? buffer : buffer.subarray(0, sizeBytes - at), at);
    if (count === 0) return undefined;
    fed.update(buffer.subarray(0, count));
    at += count;
    if (slices.isOver()) await slices.pause();
  }
  return hasher === undefined ? fed.digest() : undefined;
}
