import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../hash/digest.ts';
import { propertyRuns, propertySeed } from '../testing/property.ts';
import { chunkBytes, chunkExtents } from './chunk-chain.ts';
import { type ChunkedFile, compareChunks, sharedEnd } from './compare.ts';

/** Instead of its bytes a file has one number for each chunk, which may be cut off anywhere. */
interface Sketch {
  readonly chunks: readonly number[];
  readonly sizeBytes: number;
}

const sketch: fc.Arbitrary<Sketch> = fc
  .record({ chunks: fc.array(fc.constantFrom(0, 0, 0, 1), { maxLength: 6 }), rest: fc.constantFrom(0, 1, 1_000, chunkBytes - 1) })
  .map(({ chunks, rest }) => ({ chunks, sizeBytes: Math.max(0, chunks.length * chunkBytes - rest) }));

function digestAt({ chunks, sizeBytes }: Sketch, { start, end }: { readonly start: number; readonly end: number }): Digest | undefined {
  return end > sizeBytes ? undefined : (`${chunks[start / chunkBytes]} ${end - start}` as Digest);
}

/** As a file of which the digests that both can have are known. */
function known(file: Sketch, other: Sketch): ChunkedFile {
  const extents = chunkExtents(Math.min(file.sizeBytes, other.sizeBytes));
  return { sizeBytes: file.sizeBytes, digests: extents.map((extent) => digestAt(file, extent)) };
}

describe(`compareChunks (seed ${propertySeed})`, () => {
  it('for any two files, the chunks that are named are those in which the two differ, in order, and no two that touch are named apart', () => {
    fc.assert(
      fc.property(sketch, sketch, (copy, source) => {
        const { outcome, chunks, differing } = compareChunks(known(copy, source), known(source, copy));
        const extents = chunkExtents(Math.min(copy.sizeBytes, source.sizeBytes));
        const named = extents.filter(({ start, end }) => differing.some((range) => range.start <= start && end <= range.end));
        expect(named).toEqual(extents.filter((extent) => copy.chunks[extent.start / chunkBytes] !== source.chunks[extent.start / chunkBytes]));
        expect(differing.every(({ start }, index) => index === 0 || start > (differing[index - 1]?.end ?? 0))).toBe(true);
        expect(differing.reduce((sum, { start, end }) => sum + end - start, 0)).toBe(named.reduce((sum, { start, end }) => sum + end - start, 0));
        expect(chunks).toBe(extents.length);
        const sameSize = copy.sizeBytes === source.sizeBytes;
        expect(outcome).toBe(named.length > 0 ? 'differs' : sameSize ? 'equal' : copy.sizeBytes < source.sizeBytes ? 'behind' : 'ahead');
      }),
      { numRuns: propertyRuns(1_000), seed: propertySeed },
    );
  });

  it('a chunk that one side could not read counts as different', () => {
    const file = { sizeBytes: 10, digests: [undefined] };
    expect(compareChunks(file, file).differing).toEqual([{ start: 0, end: 10 }]);
  });
});

it('sharedEnd is the begun chunk of the shorter file', () => {
  expect(sharedEnd(chunkBytes + 5, 2 * chunkBytes)).toEqual({ start: chunkBytes, end: chunkBytes + 5 });
  expect(sharedEnd(7, 5)).toEqual({ start: 0, end: 5 });
  expect(sharedEnd(5, 5)).toBe(undefined);
  expect(sharedEnd(chunkBytes, 2 * chunkBytes)).toBe(undefined);
});
