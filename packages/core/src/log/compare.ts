/** Comparing two files that should hold the same log, by the digests of their chunks. Both are known by size, and neither is sent. */
import type { Digest } from '../hash/digest.ts';
import { chunkBytes, chunkExtents } from './chunk-chain.ts';
import type { Extent } from './extent.ts';

/** A file as it was when it was looked at. */
export interface ChunkedFile {
  readonly sizeBytes: number;
  /** One for each of `chunkExtents` of what both files have, in order; `undefined` for one that could not be read. */
  readonly digests: readonly (Digest | undefined)[];
}

export interface ChunkComparison {
  /** `behind` and `ahead`: all that both have is equal, and the copy is shorter or longer. */
  readonly outcome: 'equal' | 'behind' | 'ahead' | 'differs';
  /** How many chunks both have, the last of them perhaps in part. */
  readonly chunks: number;
  /** Where the two differ: whole chunks (the last as long as both are), in order, neighbours as one. */
  readonly differing: readonly Extent[];
}

export function compareChunks(copy: ChunkedFile, source: ChunkedFile): ChunkComparison {
  const extents = chunkExtents(Math.min(copy.sizeBytes, source.sizeBytes));
  const differing: Extent[] = [];
  for (const [index, { start, end }] of extents.entries()) {
    const digest = copy.digests[index];
    if (digest !== undefined && digest === source.digests[index]) continue;
    const before = differing.at(-1);
    if (before?.end === start) differing[differing.length - 1] = { start: before.start, end };
    else differing.push({ start, end });
  }
  const byBytes = copy.sizeBytes - source.sizeBytes;
  const bySize = byBytes === 0 ? 'equal' : byBytes < 0 ? 'behind' : 'ahead';
  return { outcome: differing.length > 0 ? 'differs' : bySize, chunks: extents.length, differing };
}

/** The chunk in which the shorter file ends before the longer one does, up to there: a digest of the longer one's whole chunk says nothing about it. */
export function sharedEnd(aBytes: number, bBytes: number): Extent | undefined {
  const end = Math.min(aBytes, bBytes);
  return aBytes === bBytes || end % chunkBytes === 0 ? undefined : { start: end - (end % chunkBytes), end };
}
