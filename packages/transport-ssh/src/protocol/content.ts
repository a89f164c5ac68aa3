/**
 * Contents on the wire: many small ones in one frame, large ones over many.
 *
 * A data frame is a row of parts, in the order of the needs, each need from its first missing byte to its end:
 *
 * | field  | bytes | meaning                                                                                    |
 * |--------|-------|--------------------------------------------------------------------------------------------|
 * | need   | 4     | index into the list of needs                                                               |
 * | end    | 1     | 0: more follows · 1: complete, and its digest was the one asked for · 2: it could not be sent |
 * | length | 4     |                                                                                            |
 * | bytes  | n     | content; for `end` 2 the code, a space and a message                                       |
 *
 * A content never has more bytes than were announced, and one that is complete has exactly so many. All needs having ended is the end of the list.
 */
import { assert, type ContentFailure, type ContentNeed, type ContentPart } from '@ubos/sync-core';
import { allocateFrame, frameHeaderBytes } from './frame.ts';
import { dataFrameBytes, failureTextMax } from './limits.ts';
import { escapeText } from './text.ts';
import type { WireStream } from './wire-stream.ts';

const partHeaderBytes = 9;
const endCode = { more: 0, ok: 1, failed: 2 } as const;

/**
 * Sends what a supply gives for these needs; what it leaves out is sent as failed. Ends early, and ends the supply, when the receiver has answered, because then
 * it wants no more. Returns the bytes of content sent.
 */
export async function sendContents(
  stream: WireStream,
  needs: readonly ContentNeed[],
  supply: AsyncIterable<readonly ContentPart[]>,
  onProgress: (sentBytes: number) => void = () => {},
): Promise<number> {
  const packer = new PartPacker(stream);
  let current = 0;
  let leftBytes = bytesOf(needs[0]);
  let sentBytes = 0;
  let cut = -1;
  const fail = async (failure: ContentFailure): Promise<void> => {
    await packer.put(current, noBytes, failure);
    leftBytes = bytesOf(needs[++current]);
  };
  batches: for await (const parts of supply) {
    for (const { need, bytes, end } of parts) {
      if (need === cut) continue;
      assert(need >= current && need < needs.length, () => `content ${need} is supplied out of order`);
      while (current < need) await fail(notSupplied);
      if (bytes.length > leftBytes) {
        cut = need;
        await fail(sourceChanged);
      } else {
        leftBytes -= bytes.length;
        // A source that says it is done and is not has changed while it was read.
        const waiting = packer.put(need, bytes, end === 'ok' && leftBytes > 0 ? sourceChanged : end);
        // A promise a part would cost more than the part.
        if (waiting !== undefined) await waiting;
        if (end !== undefined) leftBytes = bytesOf(needs[++current]);
        if (bytes.length > 0) onProgress((sentBytes += bytes.length));
      }
      if (packer.refused) break batches;
    }
  }
  while (current < needs.length && !packer.refused) await fail(notSupplied);
  await packer.flush();
  return sentBytes;
}

const noBytes = new Uint8Array(0);
const sourceChanged: ContentFailure = { code: 'SYNC_SOURCE_CHANGED', message: 'it changed while it was sent' };
const notSupplied: ContentFailure = { code: 'SYNC_SOURCE_CHANGED', message: 'it was not sent' };

function bytesOf(need: ContentNeed | undefined): number {
  return need === undefined ? 0 : need.sizeBytes - need.fromByte;
}

/** Receives these needs, in batches of one frame. Ends when all have ended; anything against the rules ends the connection. */
export async function* receiveContents(stream: WireStream, needs: readonly ContentNeed[]): AsyncGenerator<readonly ContentPart[]> {
  let current = 0;
  let leftBytes = bytesOf(needs[0]);
  while (current < needs.length) {
    const frame = await stream.dataOrEnd();
    if (frame === undefined) stream.refuse('contents end before their end');
    const parts: ContentPart[] = [];
    for (let at = 0; at < frame.length; ) {
      if (frame.length - at < partHeaderBytes) stream.refuse('a part of a content that is cut off');
      const need = frame.readUInt32BE(at);
      const code = frame[at + 4];
      const length = frame.readUInt32BE(at + 5);
      at += partHeaderBytes;
      if (length > frame.length - at) stream.refuse('a part of a content that is cut off');
      if (need !== current || current >= needs.length) stream.refuse('contents out of order');
      const bytes = frame.subarray(at, at + length);
      at += length;
      if (code === endCode.failed) parts.push({ need, bytes: noBytes, end: parseFailure(stream, bytes) });
      else {
        if (length > leftBytes) stream.refuse('a content that is longer than announced');
        leftBytes -= length;
        if (code === endCode.more && length > 0) parts.push({ need, bytes, end: undefined });
        else if (code === endCode.ok && leftBytes === 0) parts.push({ need, bytes, end: 'ok' });
        else stream.refuse('a content that ends wrongly');
      }
      if (code !== endCode.more) leftBytes = bytesOf(needs[++current]);
    }
    yield parts;
  }
}

function parseFailure(stream: WireStream, bytes: Buffer): ContentFailure {
  const match = bytes.length <= 4 * failureTextMax ? /^([A-Z][A-Z0-9_]{0,63}) (.*)$/su.exec(bytes.toString('utf8')) : null;
  if (match === null) stream.refuse('a content that fails without a reason');
  return { code: match[1] as string, message: escapeText(match[2] as string, failureTextMax) };
}

/** Fills frames with parts. The copy into the frame is the only one on this side. */
class PartPacker {
  readonly #stream: WireStream;
  #frame: Buffer | undefined;
  #filled = 0;
  /** The receiver wants no more. */
  refused = false;

  constructor(stream: WireStream) {
    this.#stream = stream;
  }

  /** `undefined`: it went into the frame at hand. */
  put(need: number, bytes: Uint8Array, end: 'ok' | ContentFailure | undefined): Promise<void> | undefined {
    const isPlain = end === 'ok' || end === undefined;
    if (!isPlain || this.#frame === undefined || this.#frame.length - this.#filled < partHeaderBytes + bytes.length)
      return this.#putInPieces(need, bytes, end);
    if (bytes.length > 0 || end === 'ok') this.#write(need, end === 'ok' ? endCode.ok : endCode.more, bytes);
    return undefined;
  }

  async flush(): Promise<void> {
    const frame = this.#frame;
    if (frame === undefined || this.refused) return;
    this.#frame = undefined;
    this.refused = !(await this.#stream.sendDataUnlessAnswered(frame.subarray(0, this.#filled)));
  }

  async #putInPieces(need: number, bytes: Uint8Array, end: 'ok' | ContentFailure | undefined): Promise<void> {
    for (let at = 0; at < bytes.length && !this.refused; ) {
      const room = await this.#room(partHeaderBytes + 1);
      const piece = bytes.subarray(at, at + room - partHeaderBytes);
      at += piece.length;
      this.#write(need, end === 'ok' && at === bytes.length ? endCode.ok : endCode.more, piece);
    }
    if (end === undefined || this.refused || (end === 'ok' && bytes.length > 0)) return;
    const text = end === 'ok' ? noBytes : Buffer.from(`${end.code} ${escapeText(end.message, failureTextMax)}`);
    await this.#room(partHeaderBytes + text.length);
    this.#write(need, end === 'ok' ? endCode.ok : endCode.failed, text);
  }

  /** Room in the frame at hand, or in a new one. */
  async #room(bytesMin: number): Promise<number> {
    if (this.#frame !== undefined && this.#frame.length - this.#filled < bytesMin) await this.flush();
    if (this.#frame === undefined) {
      this.#frame = allocateFrame(dataFrameBytes);
      this.#filled = frameHeaderBytes;
    }
    return this.#frame.length - this.#filled;
  }

  #write(need: number, code: number, bytes: Uint8Array): void {
    const frame = this.#frame as Buffer;
    frame.writeUInt32BE(need, this.#filled);
    frame[this.#filled + 4] = code;
    frame.writeUInt32BE(bytes.length, this.#filled + 5);
    frame.set(bytes, this.#filled + partHeaderBytes);
    this.#filled += partHeaderBytes + bytes.length;
  }
}
