/**
 * Frames: what the byte stream is made of after the handshake.
 *
 * | field   | bytes | meaning                                                                   |
 * |---------|-------|---------------------------------------------------------------------------|
 * | length  | 4     | bytes of payload, big endian, at most 1 MiB                               |
 * | kind    | 1     | see below                                                                 |
 * | stream  | 4     | stream id, big endian; 0 for frames that concern the connection           |
 * | payload | n     |                                                                           |
 *
 * | kind      | payload         | meaning                                                                            |
 * |-----------|-----------------|------------------------------------------------------------------------------------|
 * | 1 open    | message         | begins a stream: a request. Odd ids are the initiator's, even ones the responder's |
 * | 2 message | message         | the next message of a stream                                                       |
 * | 3 data    | 1 byte or more  | the next bytes of content of a stream                                              |
 * | 4 end     | none            | nothing more comes from this side on this stream                                   |
 * | 5 failure | error           | as end, and why; and nothing more is taken from the other side                     |
 * | 6 credit  | 4: bytes        | so many more bytes of open, message and data frames may be sent on this stream     |
 * | 7 beat    | none            | I am alive                                                                         |
 * | 8 goodbye | error, or none  | the connection ends, and why                                                       |
 *
 * Each direction of a stream is ended exactly once, by `end` or `failure`; so a frame for a stream that is not there is always an error, except for credit, which may
 * cross with an end. A frame is judged by its header, before anything is allocated for it: a header that could not be ours ends the connection.
 */
import { bulkWindowBytes, framePayloadBytesMax } from './limits.ts';
import { escapeText } from './text.ts';
import { violation } from './wire-error.ts';

export const frameHeaderBytes = 9;

export type FrameKind = keyof typeof kindCodes;

export interface Frame {
  readonly kind: FrameKind;
  readonly stream: number;
  /** A view of what arrived, or memory made for this frame alone: the receiver may keep it, or give it back ({@link FrameDecoder.giveBack}). */
  readonly payload: Buffer;
}

const kindCodes = { open: 1, message: 2, data: 3, end: 4, failure: 5, credit: 6, beat: 7, goodbye: 8 } as const;

interface KindRule {
  readonly kind: FrameKind;
  readonly payloadMin: number;
  readonly payloadMax: number;
  readonly onStream: boolean;
}

const rulesByCode: readonly (KindRule | undefined)[] = [
  undefined,
  { kind: 'open', payloadMin: 1, payloadMax: framePayloadBytesMax, onStream: true },
  { kind: 'message', payloadMin: 1, payloadMax: framePayloadBytesMax, onStream: true },
  { kind: 'data', payloadMin: 1, payloadMax: framePayloadBytesMax, onStream: true },
  { kind: 'end', payloadMin: 0, payloadMax: 0, onStream: true },
  { kind: 'failure', payloadMin: 1, payloadMax: framePayloadBytesMax, onStream: true },
  { kind: 'credit', payloadMin: 4, payloadMax: 4, onStream: true },
  { kind: 'beat', payloadMin: 0, payloadMax: 0, onStream: false },
  { kind: 'goodbye', payloadMin: 0, payloadMax: framePayloadBytesMax, onStream: false },
];

/** Memory for a frame whose payload the caller fills in, from {@link frameHeaderBytes} on. */
export function allocateFrame(payloadBytes: number): Buffer {
  return Buffer.allocUnsafe(frameHeaderBytes + payloadBytes);
}

/** Writes the header in front of a payload that is already in place. */
export function sealFrame(frame: Buffer, kind: FrameKind, stream: number): Buffer {
  frame.writeUInt32BE(frame.length - frameHeaderBytes, 0);
  frame[4] = kindCodes[kind];
  frame.writeUInt32BE(stream, 5);
  return frame;
}

export function encodeFrame(kind: FrameKind, stream: number, payload: Uint8Array = noBytes): Buffer {
  const frame = allocateFrame(payload.length);
  frame.set(payload, frameHeaderBytes);
  return sealFrame(frame, kind, stream);
}

export function encodeCredit(stream: number, bytes: number): Buffer {
  const frame = allocateFrame(4);
  frame.writeUInt32BE(bytes, frameHeaderBytes);
  return sealFrame(frame, 'credit', stream);
}

const noBytes = new Uint8Array(0);

/** What may wait on one stream comes from memory that was given back. */
const spareBytesMax = bulkWindowBytes;

/**
 * Cuts a byte stream into frames, however it is chunked. A payload that lies in one chunk is a view of it; one that does not is copied once.
 * Holds at most one payload, and the memory of those that were given back, up to `spareBytesMax`. After an error or {@link stop} it takes nothing more.
 */
export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void;
  readonly #header: Buffer = Buffer.alloc(frameHeaderBytes);
  #headerFilled = 0;
  #rule: KindRule | undefined;
  #stream = 0;
  #payload: Buffer | undefined;
  #payloadFilled = 0;
  /** Payloads that lie in memory of their own, as long as nobody has given them back. */
  readonly #lent = new WeakSet<Buffer>();
  /** Payloads that were given back, all of one length: content comes in frames of the same size. */
  #spare: Buffer[] = [];
  #stopped = false;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Whether the bytes so far end with a whole frame. */
  get atBoundary(): boolean {
    return this.#headerFilled === 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#payload = undefined;
    this.#spare = [];
  }

  /**
   * The receiver needs this payload no more, nor any view of it. A stream of content that gives its frames back lives in a few of them; one that does not
   * leaves as much garbage as it has bytes, which costs a collection of the whole heap for every 20 MB where frames wait before they are received.
   */
  giveBack(payload: Buffer): void {
    if (!this.#lent.delete(payload) || this.#stopped) return;
    if (this.#spare[0]?.length !== payload.length) this.#spare = [];
    if ((this.#spare.length + 1) * payload.length <= spareBytesMax) this.#spare.push(payload);
  }

  /** `SYNC_PROTOCOL` for a header that could not be ours. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#stopped)
      at = this.#headerFilled < frameHeaderBytes ? this.#readHeader(chunk, at) : this.#readPayload(chunk, at);
  }

  #readHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerFilled, at, at + frameHeaderBytes - this.#headerFilled);
    this.#headerFilled += taken;
    const next = at + taken;
    if (this.#headerFilled < frameHeaderBytes) return next;
    const length = this.#header.readUInt32BE(0);
    const rule = rulesByCode[this.#header[4] ?? 0];
    const stream = this.#header.readUInt32BE(5);
    if (rule === undefined || length < rule.payloadMin || length > rule.payloadMax || stream > 0 !== rule.onStream) this.#refuse(chunk, next);
    this.#rule = rule;
    this.#stream = stream;
    if (chunk.length - next >= length) {
      this.#finish(chunk.subarray(next, next + length));
      return next + length;
    }
    this.#payload = this.#memoryOf(length);
    this.#payloadFilled = 0;
    return next;
  }

  #memoryOf(length: number): Buffer {
    const spare = this.#spare[0]?.length === length ? this.#spare.pop() : undefined;
    const payload = spare ?? Buffer.allocUnsafeSlow(length);
    this.#lent.add(payload);
    return payload;
  }

  #readPayload(chunk: Buffer, at: number): number {
    const payload = this.#payload as Buffer;
    const taken = chunk.copy(payload, this.#payloadFilled, at);
    this.#payloadFilled += taken;
    if (this.#payloadFilled === payload.length) this.#finish(payload);
    return at + taken;
  }

  #finish(payload: Buffer): void {
    const { kind } = this.#rule as KindRule;
    this.#headerFilled = 0;
    this.#payload = undefined;
    this.#onFrame({ kind, stream: this.#stream, payload });
  }

  /** A crashed program on the other side prints text where frames should be; its first words say more than any number. */
  #refuse(chunk: Buffer, next: number): never {
    this.stop();
    const seen = escapeText(Buffer.concat([this.#header, chunk.subarray(next, next + 200)]).toString('utf8'), 200);
    throw violation('what came is not a frame', { seen });
  }
}
