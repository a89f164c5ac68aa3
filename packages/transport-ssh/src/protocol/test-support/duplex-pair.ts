import { PassThrough, Transform, type TransformCallback } from 'node:stream';
import type { ByteDuplex } from '../byte-duplex.ts';

export interface DuplexPair {
  readonly here: ByteDuplex;
  readonly there: ByteDuplex;
}

/** Two ends of a pipe in memory, with back-pressure. `between` stands in each direction and may cut, re-segment or lose what passes. */
export function createDuplexPair(
  between: (direction: 'to-there' | 'to-here') => Transform = () => new PassThrough({ highWaterMark: 64 * 1024 }),
): DuplexPair {
  const toThere = between('to-there');
  const toHere = between('to-here');
  return { here: { readable: toHere, writable: toThere }, there: { readable: toThere, writable: toHere } };
}

/** Passes on the same bytes in pieces of 1 to 7. */
export function createCrumbler(seed = 1): Transform {
  let state = seed;
  return new Transform({
    highWaterMark: 64 * 1024,
    transform(chunk: Buffer, _encoding, callback: TransformCallback) {
      for (let at = 0; at < chunk.length; ) {
        state = (state * 48_271) % 2_147_483_647;
        const size = 1 + (state % 7);
        // A copy: whoever relied on neighbouring chunks sharing memory would be found out.
        this.push(Buffer.from(chunk.subarray(at, at + size)));
        at += size;
      }
      callback();
    },
  });
}

/** Passes on so many bytes and then breaks. */
export function createCutter(bytesMax: number): Transform {
  let passed = 0;
  return new Transform({
    highWaterMark: 64 * 1024,
    transform(chunk: Buffer, _encoding, callback: TransformCallback) {
      const rest = bytesMax - passed;
      passed += chunk.length;
      if (chunk.length <= rest) return callback(null, chunk);
      this.push(chunk.subarray(0, Math.max(0, rest)));
      setImmediate(() => this.destroy());
    },
  });
}
