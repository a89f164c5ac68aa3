import type { ByteDuplex } from '../byte-duplex.ts';
import { decodeMessage, encodeMessage } from '../codec.ts';
import { encodeFrame, type Frame, FrameDecoder, type FrameKind } from '../frame.ts';
import { answerInitiator, awaitResponder, createGreeting } from '../handshake.ts';
import { defaultConnectionLimits } from '../limits.ts';
import { createManualClock } from './manual-clock.ts';

/** A peer that does what the test says, frame by frame. */
export interface RawPeer {
  /** Frames that came, oldest first; taken out as they are read. */
  next(kind?: FrameKind): Promise<Frame>;
  /** The next frame that carries a message, as a value. */
  message(): Promise<Record<string, unknown> & { readonly stream: number }>;
  send(kind: FrameKind, stream: number, payload?: Uint8Array | object): void;
  close(): void;
  readonly frames: readonly Frame[];
}

export async function createRawInitiator(stream: ByteDuplex): Promise<RawPeer> {
  const clock = createManualClock();
  const write = (bytes: Buffer): void => void stream.writable.write(bytes);
  const greeting = createGreeting(clock, defaultConnectionLimits);
  write(greeting.preamble);
  const { rest } = await awaitResponder(greeting, { stream, limits: defaultConnectionLimits, clock, write });
  return createRawPeer(stream, rest);
}

export async function createRawResponder(stream: ByteDuplex): Promise<RawPeer> {
  const write = (bytes: Buffer): void => void stream.writable.write(bytes);
  const { rest } = await answerInitiator({ stream, limits: defaultConnectionLimits, clock: createManualClock(), write });
  return createRawPeer(stream, rest);
}

function createRawPeer({ readable, writable }: ByteDuplex, rest: Buffer): RawPeer {
  const frames: Frame[] = [];
  let wake = (): void => {};
  const decoder = new FrameDecoder((frame) => {
    frames.push({ ...frame, payload: Buffer.from(frame.payload) });
    wake();
  });
  decoder.push(rest);
  readable.on('data', (chunk: Buffer) => decoder.push(chunk));
  readable.on('error', () => {});
  writable.on('error', () => {});
  readable.resume();
  const next = async (kind?: FrameKind): Promise<Frame> => {
    for (;;) {
      const index = frames.findIndex((frame) => (kind === undefined ? frame.kind !== 'credit' && frame.kind !== 'beat' : frame.kind === kind));
      const frame = frames[index];
      if (frame !== undefined) {
        frames.splice(index, 1);
        return frame;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    frames,
    next,
    async message() {
      const frame = await next();
      const decoded = decodeMessage(frame.payload);
      if (!decoded.ok) throw new Error(decoded.error);
      return { ...(decoded.value as object), kind: frame.kind, stream: frame.stream };
    },
    send(kind, stream, payload) {
      const bytes = payload === undefined || payload instanceof Uint8Array ? payload : encodeMessage(payload);
      writable.write(encodeFrame(kind, stream, bytes));
    },
    close: () => void writable.end(),
  };
}
