/**
 * Keys of the scan index: 64 bits that stand for a path, in two halves.
 *
 * The key of a child follows from the key of its folder and its name, so that a walk builds no path to look a file up. Two paths with one key
 * take each other's place in the index, and one of them is read again; a wrong digest cannot come of it, because a record holds only for its own inode and times.
 */
import type { RelativePath } from '../tree/path.ts';

export class PathKey {
  low: number = seedLow;
  high: number = seedHigh;

  /** Becomes the key of this path. */
  ofPath(path: RelativePath): void {
    this.low = seedLow;
    this.high = seedHigh;
    if (path !== '') this.#absorb(path);
  }

  /** Becomes the key of a child of the folder with this key. */
  ofChild(low: number, high: number, name: string): void {
    this.low = low;
    this.high = high;
    this.#absorb(name);
  }

  /** FNV-1a twice, the second time with a rotation, so that the halves differ in more than a factor. A slash comes before each name, also the first. */
  #absorb(text: string): void {
    let low = Math.imul(this.low ^ slash, fnvPrime);
    let high = Math.imul(((this.high << 7) | (this.high >>> 25)) ^ slash, oddFactor);
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      low = Math.imul(low ^ unit, fnvPrime);
      high = Math.imul(((high << 7) | (high >>> 25)) ^ unit, oddFactor);
    }
    this.low = low;
    this.high = high;
  }
}

// Part of the index's format, as signed numbers of 32 bits, which is how they are compared.
const seedLow = 0x811c9dc5 | 0;
const seedHigh = 0x27d4eb2f;
const fnvPrime = 0x01000193;
const oddFactor = 0x85ebca6b;
const slash = 0x2f;
