/**
 * Intake: takes a log's bytes in pieces of any size and gives out what may be appended, in runs of up to one chunk, keeping the chunk chain as it goes.
 *
 * Bytes are gathered in a buffer that is aligned with the chunks of the chain, so each chunk is hashed and written once, as a whole, while it is in the cache.
 * With `wholeLines` what is given out always ends at a newline; the rest of a chunk waits for the next. What waits when the stream ends was never given out,
 * and the next pull asks for it again.
 */
import type { Digest, HashBytes } from '../hash/digest.ts';
import { assert } from '../util/assert.ts';
import { type ChunkChain, chunkBytes } from './chunk-chain.ts';
import { newline } from './json-line.ts';
import { lineBytesMax } from './lines.ts';

export interface Intake {
  /** Takes the next bytes; they are not kept. */
  push(bytes: Uint8Array): void;
  /** Gives out what is complete of the begun chunk. More may be pushed after it. */
  flush(): void;
  /** Gives out everything, also a line that is not whole. */
  end(): void;
  /** Chain over all that was given out. */
  chain(): ChunkChain;
}

export interface IntakeOptions {
  /** What is there already. */
  readonly chain: ChunkChain;
  /** The bytes of its begun chunk: `chain.offset % chunkBytes` of them. */
  readonly begun: Uint8Array;
  readonly wholeLines: boolean;
  readonly hash: HashBytes;
  /** Memory for chunks, as a sink gives it. */
  readonly allocate?: ((bytes: number) => Uint8Array) | undefined;
  /** Takes what may be appended, in order. The bytes are valid during the call. */
  readonly emit: (bytes: Uint8Array) => void;
}

export function createIntake({ chain, begun, wholeLines, hash, allocate = plainBytes, emit }: IntakeOptions): Intake {
  assert(begun.length === chain.offset % chunkBytes, () => `the begun chunk has ${begun.length} bytes`);
  let buffer = allocate(chunkBytes);
  buffer.set(begun);
  /** The chunk before. */
  let previous = allocate(chunkBytes);
  let chunkStart = chain.offset - begun.length;
  let filled = begun.length;
  /** Up to here the buffer was given out. */
  let given = begun.length;
  /** Ends of earlier chunks that were not given out yet: the beginning of a line that is still going on. */
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const digests: Digest[] = chain.digests.slice(0, Math.floor(chain.offset / chunkBytes));
  let givenOffset = chain.offset;
  /** Digest of the chunk in which `givenOffset` lies, up to there, if the buffer that could tell was used again. */
  let givenDigest: Digest | undefined;

  /** Gives out what waits and the buffer up to `end`. */
  function giveOut(end: number): void {
    if (end <= given && waitingBytes === 0) return;
    for (const bytes of waiting) emit(bytes);
    waiting = [];
    waitingBytes = 0;
    if (end > given) emit(buffer.subarray(given, end));
    given = end;
    givenOffset = chunkStart + end;
    givenDigest = undefined;
  }

  function flush(): void {
    const end = wholeLines ? lineEnd(buffer, given, filled) : filled;
    if (end > given) giveOut(end);
  }

  function closeChunk(): void {
    flush();
    if (given < chunkBytes) {
      waiting.push(new Uint8Array(buffer.subarray(given)));
      waitingBytes += chunkBytes - given;
      given = chunkBytes;
      if (waitingBytes > lineBytesMax) giveOut(chunkBytes);
    }
    digests.push(hash(buffer));
    // A line that goes on through a whole chunk: the one in which it began is about to be forgotten.
    if (givenOffset < chunkStart) givenDigest ??= hash(previous.subarray(0, givenOffset % chunkBytes));
    [buffer, previous] = [previous, buffer];
    chunkStart += chunkBytes;
    filled = 0;
    given = 0;
  }

  return {
    push(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const count = Math.min(chunkBytes - filled, bytes.length - at);
        buffer.set(bytes.subarray(at, at + count), filled);
        filled += count;
        at += count;
        if (filled === chunkBytes) closeChunk();
      }
    },
    flush,
    end: () => giveOut(filled),
    chain() {
      const whole = digests.slice(0, Math.floor(givenOffset / chunkBytes));
      if (givenOffset % chunkBytes === 0) return { offset: givenOffset, digests: whole };
      const begunBytes = givenOffset % chunkBytes;
      const last = givenOffset > chunkStart ? hash(buffer.subarray(0, begunBytes)) : (givenDigest ?? hash(previous.subarray(0, begunBytes)));
      return { offset: givenOffset, digests: [...whole, last] };
    },
  };
}

function plainBytes(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Behind the last newline between `start` and `end`; `start` if there is none. */
function lineEnd(bytes: Uint8Array, start: number, end: number): number {
  return start + bytes.subarray(start, end).lastIndexOf(newline) + 1;
}
