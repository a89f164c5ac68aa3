/**
 * Handshake: how the two ends find each other in what may be the output of somebody's shell.
 *
 * | field  | bytes | initiator          | responder                              |
 * |--------|-------|--------------------|----------------------------------------|
 * | magic  | 8     | NUL `ubosyn?`      | NUL `ubosyn!`                          |
 * | nonce  | 16    | random             | the initiator's, given back            |
 * | length | 4     | bytes of the hello | likewise                               |
 * | hello  | n     | message            | message                                |
 *
 * A remote shell may print before our program runs: greetings, colours, even a recorded hello of another day. So the initiator looks for the magic together with the
 * nonce that only this run's responder can know, within the first 64 KiB, and keeps what stood before for the error. The magic differs by direction, so that a
 * far side which merely echoes is not taken for a responder. The responder reads what our own program wrote and forgives nothing.
 *
 * The initiator may send frames right behind its hello. A responder of another protocol version answers with its hello and reads no further.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Readable } from 'node:stream';
import { type Clock, SyncError } from '@ubos/sync-core';
import type { ByteDuplex } from './byte-duplex.ts';
import { decodeMessage, encodeMessage } from './codec.ts';
import { type ConnectionLimits, helloBytesMax, noiseBytesMax } from './limits.ts';
import { type Hello, hello as helloShape } from './messages/hello.ts';
import { parseShape } from './shape.ts';
import { escapeLines, escapeText } from './text.ts';
import { engineVersion, protocolVersion } from './version.ts';
import { violation } from './wire-error.ts';

const initiatorMagic = Buffer.from('\0ubosyn?', 'latin1');
const responderMagic = Buffer.from('\0ubosyn!', 'latin1');
const nonceBytes = 16;
const markBytes = initiatorMagic.length + nonceBytes;

export interface HandshakeOptions {
  readonly stream: ByteDuplex;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Sends bytes outside of frames. */
  readonly write: (bytes: Buffer) => void;
  /** Told what comes until the hello is complete, as it comes. */
  readonly onPreamble?: ((chunk: Buffer) => void) | undefined;
}

export interface Greeted {
  readonly hello: Hello;
  /** What came behind the hello. */
  readonly rest: Buffer;
  /** What came before that. */
  readonly preambleBytes: number;
}

/** The first bytes of a connection, and what to wait for in return. */
export interface Greeting {
  readonly preamble: Buffer;
  readonly nonce: Buffer;
}

export function createGreeting(clock: Clock, limits: ConnectionLimits): Greeting {
  const nonce = createHash('sha256').update(clock.newId()).digest().subarray(0, nonceBytes);
  return { nonce, preamble: preambleOf(initiatorMagic, nonce, limits) };
}

/**
 * Waits for the responder's hello. `SYNC_REMOTE_SHELL` with what was printed instead, `SYNC_PEER_LOST` if nothing was, `SYNC_PEER_TIMEOUT`,
 * `SYNC_PROTOCOL_VERSION`.
 */
export async function awaitResponder({ nonce }: Greeting, options: HandshakeOptions): Promise<Greeted> {
  const mark = Buffer.concat([responderMagic, nonce]);
  const input = new Input(noiseBytesMax + markBytes + 4 + helloBytesMax);
  let searchedTo = 0;
  let markAt = -1;
  const ending = await readUntil(options, input, () => {
    if (markAt === -1) {
      markAt = input.bytes.indexOf(mark, searchedTo);
      searchedTo = Math.max(0, input.bytes.length - markBytes + 1);
    }
    if (markAt === -1) return input.bytes.length < noiseBytesMax + markBytes ? undefined : 'overlong';
    return hasHello(input.bytes, markAt + markBytes) ? 'complete' : undefined;
  });
  if (ending !== 'complete') throw noHello(ending, input.bytes.subarray(0, markAt === -1 ? undefined : markAt));
  return greetedOf(input, markAt + markBytes);
}

/** Reads the initiator's hello and answers it. `SYNC_PROTOCOL` if it is none, `SYNC_PEER_LOST`, `SYNC_PEER_TIMEOUT`, `SYNC_PROTOCOL_VERSION`. */
export async function answerInitiator(options: HandshakeOptions): Promise<Greeted> {
  const input = new Input(markBytes + 4 + helloBytesMax);
  const ending = await readUntil(options, input, () => {
    const magic = input.bytes.subarray(0, initiatorMagic.length);
    if (!initiatorMagic.subarray(0, magic.length).equals(magic)) return 'overlong';
    return hasHello(input.bytes, markBytes) ? 'complete' : undefined;
  });
  if (ending === 'overlong') throw violation('this is no ubos-sync', { output: escapeLines(input.bytes.subarray(0, 200)) });
  if (ending === 'timeout') throw new SyncError('SYNC_PEER_TIMEOUT', 'the other side did not introduce itself in time');
  if (ending === 'ended') throw new SyncError('SYNC_PEER_LOST', 'the other side left before it had introduced itself');
  options.write(preambleOf(responderMagic, input.bytes.subarray(initiatorMagic.length, markBytes), options.limits));
  return greetedOf(input, markBytes);
}

function preambleOf(magic: Buffer, nonce: Buffer, { streamsMax }: ConnectionLimits): Buffer {
  const hello: Hello = {
    version: protocolVersion,
    engine: engineVersion,
    node: process.version,
    platform: process.platform,
    host: hostname().slice(0, 256),
    features: [],
    streamsMax,
  };
  const message = encodeMessage(hello);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([magic, nonce, length, message]);
}

function hasHello(bytes: Buffer, at: number): boolean {
  if (bytes.length < at + 4) return false;
  const length = bytes.readUInt32BE(at);
  if (length > helloBytesMax) throw violation('a hello that is too long');
  return bytes.length >= at + 4 + length;
}

function greetedOf(input: Input, at: number): Greeted {
  const end = at + 4 + input.bytes.readUInt32BE(at);
  const decoded = decodeMessage(input.bytes.subarray(at + 4, end));
  if (!decoded.ok) throw violation(decoded.error);
  const theirs = decoded.value as { readonly version?: unknown; readonly engine?: unknown } | null;
  if (typeof theirs?.version === 'number' && theirs.version !== protocolVersion) {
    const engine = typeof theirs.engine === 'string' ? escapeText(theirs.engine, 64) : 'unknown';
    throw new SyncError(
      'SYNC_PROTOCOL_VERSION',
      `the other side speaks protocol ${theirs.version} (ubos-sync ${engine}), this side ${protocolVersion} (ubos-sync ${engineVersion})`,
      {
        expected: protocolVersion,
        found: theirs.version,
      },
    );
  }
  const parsed = parseShape(helloShape, decoded.value);
  if (!parsed.ok) throw violation(parsed.error);
  const { engine, node, platform, host } = parsed.value;
  const shown = { engine: escapeText(engine, 64), node: escapeText(node, 64), platform: escapeText(platform, 64), host: escapeText(host, 256) };
  return { hello: { ...parsed.value, ...shown }, rest: input.after(end), preambleBytes: end };
}

function noHello(ending: Ending, noise: Buffer): SyncError {
  const output = escapeLines(noise);
  if (output.length > 0) {
    const how = ending === 'timeout' ? 'and nothing that ubos-sync says' : ending === 'overlong' ? 'and did not stop' : 'and ended';
    return new SyncError('SYNC_REMOTE_SHELL', `the remote shell printed something else than ubos-sync, ${how}: ${output[0]}`, {
      output,
      hint: 'the start-up files of the remote shell must print nothing when the shell is not interactive',
    });
  }
  if (ending === 'timeout') return new SyncError('SYNC_PEER_TIMEOUT', 'the other side did not answer in time');
  return new SyncError('SYNC_PEER_LOST', 'the other side ended before it had answered');
}

type Ending = 'complete' | 'overlong' | 'ended' | 'timeout';

/** Feeds `input` until `judge` is content, the stream ends or time is up. Leaves the stream paused, with nothing lost. */
async function readUntil(
  { stream, limits, clock, signal, onPreamble }: HandshakeOptions,
  input: Input,
  judge: () => Ending | undefined,
): Promise<Ending> {
  const { readable } = stream;
  const timer = new AbortController();
  let onData: ((chunk: Buffer) => void) | undefined;
  let onEnd: (() => void) | undefined;
  let onAbort: (() => void) | undefined;
  try {
    signal?.throwIfAborted();
    return await new Promise<Ending>((resolve, reject) => {
      onData = (chunk) => {
        input.add(chunk);
        try {
          onPreamble?.(chunk);
          const ending = judge();
          if (ending === undefined) return;
          stopReading(readable, onData);
          resolve(ending);
        } catch (error) {
          reject(error as Error);
        }
      };
      onEnd = () => resolve('ended');
      onAbort = () => reject(signal?.reason as Error);
      readable.on('data', onData);
      readable.on('end', onEnd);
      readable.on('close', onEnd);
      signal?.addEventListener('abort', onAbort);
      clock.delay(limits.handshakeMs, timer.signal).then(
        () => resolve('timeout'),
        () => {},
      );
      if (readable.readableEnded || readable.destroyed) resolve('ended');
    });
  } finally {
    timer.abort();
    stopReading(readable, onData);
    if (onEnd !== undefined) {
      readable.off('end', onEnd);
      readable.off('close', onEnd);
    }
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

function stopReading(readable: Readable, onData: ((chunk: Buffer) => void) | undefined): void {
  if (onData === undefined) return;
  readable.off('data', onData);
  readable.pause();
}

/** What came so far, in one piece; the last chunk may reach beyond what is looked at. */
class Input {
  readonly #buffer: Buffer;
  #length = 0;
  #overflow: Buffer[] = [];

  constructor(bytesMax: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytesMax);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  add(chunk: Buffer): void {
    const taken = chunk.copy(this.#buffer, this.#length);
    this.#length += taken;
    if (taken < chunk.length) this.#overflow.push(chunk.subarray(taken));
  }

  after(end: number): Buffer {
    return Buffer.concat([this.bytes.subarray(end), ...this.#overflow]);
  }
}
