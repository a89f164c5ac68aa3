/**
 * The chunk chain: digests of a log's first `offset` bytes over chunks of a fixed size, the last one as long as it happens to be.
 *
 * A log only grows at its end, so all but the last digest stay what they are, and any two holders of a prefix can compare it without sending it:
 * which chunk differs first is known at once.
 */
import type { Digest } from '../hash/digest.ts';
import type { Extent } from './extent.ts';

/** Part of the format of cursors. 579 MB are 553 digests, 9 kB. */
export const chunkBytes: number = 1024 * 1024;

export interface ChunkChain {
  readonly offset: number;
  /** One for each of {@link chunkExtents}, in order. */
  readonly digests: readonly Digest[];
}

export const emptyChain: ChunkChain = { offset: 0, digests: [] };

/** The chunks of the first `offset` bytes, from the one that holds byte `fromByte` on. */
export function chunkExtents(offset: number, fromByte = 0): readonly Extent[] {
  const extents: Extent[] = [];
  for (let start = fromByte - (fromByte % chunkBytes); start < offset; start += chunkBytes) {
    extents.push({ start, end: Math.min(start + chunkBytes, offset) });
  }
  return extents;
}

/** The first chunk of which two lists of digests disagree (one that a list lacks counts), -1 if there is none. */
export function firstDifference(a: readonly (Digest | undefined)[], b: readonly (Digest | undefined)[]): number {
  const count = Math.max(a.length, b.length);
  for (let index = 0; index < count; index++) {
    if (a[index] === undefined || a[index] !== b[index]) return index;
  }
  return -1;
}
