import type { DiskFile } from '../engine/disk.ts';
import type { Digest } from '../hash/digest.ts';
import { chunkBytes } from '../log/chunk-chain.ts';
import { type Extent, extentBytes } from '../log/extent.ts';
import type { Hashing } from './hasher.ts';
import type { Slices } from './slices.ts';

/** Digests of extents of a file, in slices; `undefined` for one that reaches beyond its end. About 1.5 GB/s from memory. */
export async function digestExtents(
  file: DiskFile,
  extents: readonly Extent[],
  { hashing, slices }: { readonly hashing: Hashing; readonly slices: Slices },
): Promise<(Digest | undefined)[]> {
  const digests: (Digest | undefined)[] = [];
  const longest = extents.reduce((longestYet, extent) => Math.max(longestYet, extentBytes(extent)), 0);
  const buffer = Buffer.allocUnsafe(Math.min(longest, chunkBytes));
  const { sizeBytes } = file.stat();
  for (const extent of extents) {
    digests.push(extent.end > sizeBytes ? undefined : await digestExtent(file, extent, buffer));
    if (slices.isOver()) await slices.pause();
  }
  return digests;

  async function digestExtent(of: DiskFile, { start, end }: Extent, into: Buffer): Promise<Digest | undefined> {
    if (end - start <= into.length) {
      const bytes = into.subarray(0, end - start);
      return of.read(bytes, start) === bytes.length ? hashing.hash(bytes) : undefined;
    }
    const hasher = hashing.createHasher();
    for (let at = start; at < end; ) {
      const bytes = into.subarray(0, Math.min(into.length, end - at));
      if (of.read(bytes, at) < bytes.length) return undefined;
      hasher.update(bytes);
      at += bytes.length;
      if (slices.isOver()) await slices.pause();
    }
    return hasher.digest();
  }
}
