/**
 * The sending end of a byte stream. Small frames of one tick leave together; large ones are handed over as they are. What the stream has not taken yet is
 * counted by its own callbacks, so that content can wait for it and a peer that takes nothing is noticed.
 */
import type { Writable } from 'node:stream';
import { outputHighWaterBytes } from './limits.ts';

/** A frame below this is worth copying into a buffer with others. */
const smallFrameBytes = 16 * 1024;
const gatheredBytesMax = 64 * 1024;
/** Large frames are handed over in such pieces: progress shows also on a link that takes seconds for a frame. */
const sliceBytes = 128 * 1024;

export class FrameWriter {
  readonly #writable: Writable;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #underWayBytes = 0;
  #flushing = false;
  #ended = false;
  #waiting: (() => void)[] = [];
  /** Bytes handed over, ever. */
  sentBytes = 0;
  /** Pieces that the stream has taken, ever: it grows while the peer reads. */
  takenCount = 0;

  constructor(writable: Writable) {
    this.#writable = writable;
  }

  /** What waits on this side. */
  get queuedBytes(): number {
    return this.#gatheredBytes + this.#underWayBytes;
  }

  /** The frame now belongs to the writer. */
  write(frame: Buffer): void {
    if (this.#ended) return;
    this.sentBytes += frame.length;
    if (frame.length > smallFrameBytes) {
      this.flush();
      for (let at = 0; at < frame.length; at += sliceBytes) this.#handOver(frame.subarray(at, at + sliceBytes));
      return;
    }
    this.#gathered.push(frame);
    this.#gatheredBytes += frame.length;
    if (this.#gatheredBytes >= gatheredBytesMax) this.flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.flush();
      });
    }
  }

  /** Sends what was gathered, now: a request leaves before its sender turns to work that keeps this thread busy. */
  flush(): void {
    if (this.#gathered.length === 0) return;
    const bytes = this.#gathered.length === 1 ? (this.#gathered[0] as Buffer) : Buffer.concat(this.#gathered, this.#gatheredBytes);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#handOver(bytes);
  }

  /** `undefined`: go on. Else resolves when there is room again, or nothing is sent any more. */
  room(): Promise<void> | undefined {
    if (this.queuedBytes < outputHighWaterBytes || this.#ended) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends what is there and ends the stream; what is written later is dropped. */
  end(): void {
    if (this.#ended) return;
    this.flush();
    this.#ended = true;
    this.#writable.end();
    this.#wake();
  }

  #handOver(bytes: Buffer): void {
    this.#underWayBytes += bytes.length;
    this.#writable.write(bytes, () => {
      this.#underWayBytes -= bytes.length;
      this.takenCount++;
      if (this.queuedBytes < outputHighWaterBytes) this.#wake();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
