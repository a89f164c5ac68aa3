/** A pipe in memory between two ends of the protocol that counts what passes, and fails after so many bytes. */
import { Transform, type TransformCallback } from 'node:stream';
import { encodeFrame, frameHeaderBytes } from '../../packages/transport-ssh/src/protocol/frame.ts';
import type { DuplexPair } from '../../packages/transport-ssh/src/protocol/test-support/duplex-pair.ts';

export type Way = 'to-there' | 'to-here';
export const ways: readonly Way[] = ['to-there', 'to-here'];

/**
 * `breaks`: the stream is closed, as by a reset of the connection · `loses`: what is sent vanishes, and nobody is told · `holds`: what is sent waits, as in front
 * of a peer that reads no more.
 */
export type FaultKind = 'breaks' | 'loses' | 'holds';

export interface LinkFault {
  readonly kind: FaultKind;
  /** Which ways fail, at the same moment. */
  readonly fails: readonly Way[];
  /** Whose bytes are counted. */
  readonly counted: readonly Way[];
  /** So many bytes of `counted` still arrive. */
  readonly afterBytes: number;
}

export interface FaultyLink {
  readonly pair: DuplexPair;
  /** Resolves when the fault is there. */
  readonly failed: Promise<void>;
  /** Lets go what a link of kind `holds` has held; from here on it passes everything. */
  mend(): void;
  /** Bytes that arrived. */
  readonly bytes: Readonly<Record<Way, number>>;
  /** Bytes of content among them, with what announces it: payload of data frames. */
  readonly contentBytes: number;
  /** Counts of bytes at which a frame was whole; the greeting is the first. */
  readonly frameEnds: Readonly<Record<Way, readonly number[]>>;
}

export function createFaultyLink(fault?: LinkFault): FaultyLink {
  const bytes = { 'to-there': 0, 'to-here': 0 };
  const frameEnds: Record<Way, number[]> = { 'to-there': [], 'to-here': [] };
  const streams = new Map<Way, Transform>();
  const held: (() => void)[] = [];
  let contentBytes = 0;
  let isFailed = false;
  let tellFailed = (): void => {};
  const failed = new Promise<void>((resolve) => (tellFailed = resolve));

  /** How many more bytes of this way there are before the fault. */
  const leftBytes = (way: Way): number => {
    if (fault === undefined || !fault.counted.includes(way)) return Number.POSITIVE_INFINITY;
    return fault.afterBytes - fault.counted.reduce((total, counted) => total + bytes[counted], 0);
  };

  const fail = (): void => {
    isFailed = true;
    const broken = fault?.kind === 'breaks' ? fault.fails : [];
    // What has passed is to be read first.
    setImmediate(() => broken.forEach((way) => streams.get(way)?.destroy()));
    tellFailed();
  };

  const pass = (way: Way, stream: Transform, chunk: Buffer, look: (passed: Buffer) => void): void => {
    if (chunk.length === 0) return;
    bytes[way] += chunk.length;
    look(chunk);
    stream.push(chunk);
  };

  const createWay = (way: Way): Transform => {
    const look = createFrameCounter(
      (atByte) => frameEnds[way].push(atByte),
      (pieceBytes) => (contentBytes += pieceBytes),
    );
    const stream = new Transform({
      highWaterMark: 64 * 1024,
      transform(chunk: Buffer, _encoding, callback: TransformCallback) {
        const rest = isFailed ? 0 : leftBytes(way);
        const affected = fault?.fails.includes(way) === true;
        if (chunk.length < rest || (isFailed && !affected)) {
          pass(way, stream, chunk, look);
          return callback();
        }
        const head = affected ? chunk.subarray(0, Math.max(0, rest)) : chunk;
        const tail = chunk.subarray(head.length);
        pass(way, stream, head, look);
        if (!isFailed) fail();
        if (!affected || fault?.kind === 'loses') return callback();
        if (fault?.kind === 'holds')
          held.push(() => {
            pass(way, stream, tail, look);
            callback();
          });
      },
    });
    streams.set(way, stream);
    return stream;
  };

  const toThere = createWay('to-there');
  const toHere = createWay('to-here');
  return {
    pair: { here: { readable: toHere, writable: toThere }, there: { readable: toThere, writable: toHere } },
    failed,
    mend() {
      fault = undefined;
      for (const letGo of held.splice(0)) letGo();
    },
    bytes,
    get contentBytes() {
      return contentBytes;
    },
    frameEnds,
  };
}

const greetingHeaderBytes = 28;
const dataKind = encodeFrame('data', 1, Buffer.of(0))[4];

/** Told at how many bytes a greeting or a frame was whole, and of each piece of a data frame's payload. */
function createFrameCounter(onFrameEnd: (atByte: number) => void, onContent: (pieceBytes: number) => void): (chunk: Buffer) => void {
  let header = Buffer.alloc(greetingHeaderBytes);
  let headerBytes = 0;
  let payloadLeft = 0;
  let isContent = false;
  let atByte = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      let taken: number;
      if (payloadLeft > 0) {
        taken = Math.min(payloadLeft, chunk.length - at);
        payloadLeft -= taken;
        if (isContent) onContent(taken);
      } else {
        taken = chunk.copy(header, headerBytes, at, at + header.length - headerBytes);
        headerBytes += taken;
        if (headerBytes === header.length) {
          const isGreeting = header.length === greetingHeaderBytes;
          payloadLeft = header.readUInt32BE(isGreeting ? greetingHeaderBytes - 4 : 0);
          isContent = !isGreeting && header[4] === dataKind;
          header = Buffer.alloc(frameHeaderBytes);
          headerBytes = 0;
        }
      }
      at += taken;
      atByte += taken;
      if (payloadLeft === 0 && headerBytes === 0) onFrameEnd(atByte);
    }
  };
}
