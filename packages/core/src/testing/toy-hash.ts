import type { Digest } from '../hash/digest.ts';

/** A hash for tests: 16 bytes, deterministic, synchronous, no better than it must be (four rounds of FNV-1a under different seeds). */
export function toyHash(bytes: Uint8Array): Digest {
  let text = '';
  for (const seed of [0x811c9dc5, 0x01000193, 0x9e3779b9, 0x85ebca6b]) {
    let hash = seed;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    text += String.fromCharCode(hash >>> 24, (hash >>> 16) & 0xff, (hash >>> 8) & 0xff, hash & 0xff);
  }
  return text as Digest;
}
