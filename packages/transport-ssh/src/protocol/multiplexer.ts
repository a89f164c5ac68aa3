/**
 * Many streams over one. Owns the connection's two byte streams from the handshake to the end: cuts what comes into frames and hands them to their streams, opens streams,
 * keeps the link alive, and ends everything that is under way when the connection ends, for whatever reason.
 *
 * Odd stream ids are opened by the initiator, even ones by the responder, each side counting up; a frame must belong to a stream that is there.
 */
import { type Clock, SyncError } from '@ubos/sync-core';
import type { ByteDuplex } from './byte-duplex.ts';
import { decodeMessage, encodeMessage } from './codec.ts';
import { encodeFrame, type Frame, FrameDecoder } from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { keepAlive } from './keepalive.ts';
import { type ConnectionLimits, idleFramesPerSecondMax, outputBytesMax } from './limits.ts';
import type { Request } from './messages/requests.ts';
import { parseShape } from './shape.ts';
import { errorFromWire, errorToWire, violation, wireError } from './wire-error.ts';
import { type StreamHost, WireStream } from './wire-stream.ts';

export interface ConnectionCounters {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** Streams opened from this side. */
  readonly requests: number;
  /**
   * How often this side sent something after an answer had come that it could have waited for: the length of the longest chain of question and answer. Questions
   * that leave before the answer to any of them has come are one round trip together; so is an answer of a thousand frames. The handshake, and what leaves with it, is not counted.
   */
  readonly roundTrips: number;
}

export interface MultiplexerOptions {
  readonly stream: ByteDuplex;
  readonly role: 'initiator' | 'responder';
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /** A request of the peer. Without it the peer may make none. */
  readonly onOpen?: ((stream: WireStream, request: Buffer) => void) | undefined;
}

interface WaitingToOpen {
  readonly stream: WireStream;
  readonly request: Buffer;
}

/** How long the end of a connection may take before it is cut. */
const graceMs = 2_000;

export class Multiplexer implements StreamHost {
  readonly #options: MultiplexerOptions;
  readonly #writer: FrameWriter;
  readonly #decoder: FrameDecoder;
  readonly #streams = new Map<number, WireStream>();
  readonly #keepAlive = new AbortController();
  #nextId: number;
  #lastPeerId: number;
  #openedHere = 0;
  #openedThere = 0;
  /** Before the peer's hello says more. */
  #peerStreamsMax = 8;
  #waitingToOpen: WaitingToOpen[] = [];
  #bulkBytes: number;
  #started = false;
  #over: { readonly error: SyncError | undefined } | undefined;
  #resolveClosed: (error: SyncError | undefined) => void = () => {};
  #receivedBytes = 0;
  #messagesSent = 0;
  #messagesReceived = 0;
  #requests = 0;
  #hop = 0;
  #idleFrames = 0;
  #idleSinceMs = 0;
  /** When this process was last seen running. */
  #ranMs = 0;
  /** Resolves when the streams below are closed: with the reason, or `undefined` after an orderly end. */
  readonly closed: Promise<SyncError | undefined>;

  constructor(options: MultiplexerOptions) {
    this.#options = options;
    this.#writer = new FrameWriter(options.stream.writable);
    this.#decoder = new FrameDecoder((frame) => this.#onFrame(frame));
    this.#nextId = options.role === 'initiator' ? 1 : 2;
    this.#lastPeerId = options.role === 'initiator' ? 0 : -1;
    this.#bulkBytes = options.limits.bulkBytes;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const { readable, writable } = options.stream;
    const onLost = (error?: Error): void => this.#end(new SyncError('SYNC_PEER_LOST', 'the connection to the other side was lost', {}, error), false);
    // Where we can write no more, there may still be something to read: why.
    const onUnwritable = (error?: Error): void =>
      void options.clock.delay(graceMs, this.#keepAlive.signal).then(
        () => onLost(error),
        () => {},
      );
    writable.on('error', onUnwritable);
    writable.on('close', () => onUnwritable());
    readable.on('error', onLost);
    readable.on('close', () => onLost());
  }

  get counters(): ConnectionCounters {
    return {
      bytesSent: this.sentBytes,
      bytesReceived: this.#receivedBytes,
      messagesSent: this.#messagesSent,
      messagesReceived: this.#messagesReceived,
      requests: this.#requests,
      roundTrips: Math.max(0, this.#hop - 1),
    };
  }

  /** Bytes outside of frames: the preamble. They leave at once. */
  writeRaw(bytes: Buffer): void {
    this.#writer.write(bytes);
    this.#writer.flush();
  }

  /** Begins to read frames: `first` came with the handshake, of which `preambleBytes` were read. */
  start(first: Buffer, { preambleBytes, peerStreamsMax }: { readonly preambleBytes: number; readonly peerStreamsMax: number }): void {
    if (this.#over !== undefined) return;
    this.#started = true;
    this.#ranMs = this.#options.clock.monotonicMs();
    this.#peerStreamsMax = peerStreamsMax;
    this.#receivedBytes += preambleBytes;
    this.answered(0);
    const { readable } = this.#options.stream;
    readable.on('data', (chunk: Buffer) => this.#onBytes(chunk));
    readable.on('end', () => this.#onPeerEnd());
    if (first.length > 0) this.#onBytes(first);
    readable.resume();
    if (readable.readableEnded) this.#onPeerEnd();
    this.#openWaiting();
    void keepAlive(this, this.#options.limits, this.#options.clock, this.#keepAlive.signal);
  }

  /** Makes a request. It leaves at once, unless the peer has as many open as it wants. */
  open(request: Request, { content = false }: { readonly content?: boolean } = {}): WireStream {
    const stream = new WireStream(this);
    if (content) stream.widen();
    this.#requests++;
    if (this.#over !== undefined) stream.onConnectionLost(this.#lossOf(this.#over.error));
    else {
      this.#waitingToOpen.push({ stream, request: encodeMessage(request) });
      this.#openWaiting();
    }
    return stream;
  }

  /** An orderly end: the peer is told, and what is under way is given up. */
  async close(): Promise<void> {
    this.#end(undefined, true);
    await this.closed;
  }

  /** Ends without a word: who is there would not understand it. */
  drop(error: SyncError): void {
    this.#end(error, false);
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  // ---- for the streams and the keepalive

  get hop(): number {
    return this.#hop;
  }

  answered(hop: number): void {
    if (hop === this.#hop) this.#hop++;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }
  get sentBytes(): number {
    return this.#writer.sentBytes;
  }
  get queuedBytes(): number {
    return this.#writer.queuedBytes;
  }
  get takenCount(): number {
    return this.#writer.takenCount;
  }

  checkStandstill(): void {
    const now = this.#options.clock.monotonicMs();
    const stoodStillMs = now - this.#ranMs;
    this.#ranMs = now;
    if (stoodStillMs < this.#options.limits.standstillMs) return;
    this.fail(
      new SyncError(
        'SYNC_PEER_TIMEOUT',
        `this process stood still for ${Math.round(stoodStillMs / 1000)} s; what the other side asked before is stale`,
      ),
    );
  }

  beat(): void {
    this.write(encodeFrame('beat', 0));
  }

  write(frame: Buffer): void {
    if (this.#over !== undefined) return;
    this.#messagesSent++;
    this.#writer.write(frame);
    if (this.#writer.queuedBytes > outputBytesMax) this.fail(new SyncError('SYNC_PEER_TIMEOUT', 'the other side asks and does not listen'));
  }

  flush(): void {
    this.#writer.flush();
  }

  room(): Promise<void> | undefined {
    return this.#writer.room();
  }

  takeBulk(bytes: number): number {
    const taken = Math.min(bytes, this.#bulkBytes);
    this.#bulkBytes -= taken;
    return taken;
  }

  finished(stream: WireStream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#bulkBytes += stream.bulkBytes;
    if (this.#isOurs(stream.id)) {
      this.#openedHere--;
      this.#openWaiting();
    } else this.#openedThere--;
  }

  giveBack(payload: Buffer): void {
    this.#decoder.giveBack(payload);
  }

  /** Ends the connection and tells the peer why. */
  fail(error: Error): void {
    this.#end(error instanceof SyncError ? error : new SyncError('SYNC_IO', error.message, {}, error), true);
  }

  // ---- what comes

  #onBytes(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    this.checkStandstill();
    if (this.#over !== undefined) return;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #onFrame(frame: Frame): void {
    this.#messagesReceived++;
    switch (frame.kind) {
      case 'beat':
        return this.#onIdleFrame();
      case 'goodbye':
        return this.#onGoodbye(frame.payload);
      case 'open':
        return this.#onOpen(frame);
      case 'credit': {
        const stream = this.#streams.get(frame.stream);
        if (stream !== undefined) return stream.onCredit(frame.payload.readUInt32BE(0));
        // It crossed with our end. Credit for a stream that never was is another matter.
        if (this.#isOurs(frame.stream) ? frame.stream >= this.#nextId : frame.stream > this.#lastPeerId)
          return this.fail(violation('credit for no stream'));
        return this.#onIdleFrame();
      }
      case 'message':
      case 'data':
      case 'end':
      case 'failure': {
        const stream = this.#streams.get(frame.stream);
        if (stream === undefined) return this.fail(violation(`a frame for no stream (${frame.kind})`));
        if (frame.kind === 'end') return stream.onEnd();
        if (frame.kind === 'failure') return stream.onFailure(frame.payload);
        return stream.onFrame(frame);
      }
    }
  }

  #onOpen({ stream: id, payload }: Frame): void {
    const { onOpen, limits } = this.#options;
    if (onOpen === undefined || this.#isOurs(id) || id <= this.#lastPeerId) return this.fail(violation('a stream that cannot be opened'));
    if (this.#openedThere >= limits.streamsMax) return this.fail(violation(`more than ${limits.streamsMax} streams`));
    this.#lastPeerId = id;
    this.#openedThere++;
    const stream = new WireStream(this);
    stream.accept(id, payload.length);
    this.#streams.set(id, stream);
    onOpen(stream, payload);
  }

  /** Frames that move nothing are bounded in number, since neither credit nor streams bound them. */
  #onIdleFrame(): void {
    const now = this.#options.clock.monotonicMs();
    if (now - this.#idleSinceMs >= 1000) {
      this.#idleSinceMs = now;
      this.#idleFrames = 0;
    }
    if (++this.#idleFrames > idleFramesPerSecondMax) this.fail(violation('a flood of frames that say nothing'));
  }

  #onGoodbye(payload: Buffer): void {
    if (payload.length === 0) return this.#end(undefined, false);
    const decoded = decodeMessage(payload);
    const parsed = decoded.ok ? parseShape(wireError, decoded.value) : decoded;
    if (!parsed.ok) return this.fail(violation(parsed.error));
    const { code, message, details } = errorFromWire(parsed.value);
    this.#end(new SyncError(code, `the other side ended the connection: ${message}`, details), false);
  }

  #onPeerEnd(): void {
    if (this.#decoder.atBoundary && this.#streams.size === 0) this.#end(undefined, false);
    else this.#end(new SyncError('SYNC_PEER_LOST', 'the other side ended in the middle of its work'), false);
  }

  // ---- opening and ending

  #openWaiting(): void {
    while (this.#waitingToOpen.length > 0 && this.#openedHere < this.#peerStreamsMax) {
      const { stream, request } = this.#waitingToOpen.shift() as WaitingToOpen;
      const id = this.#nextId;
      this.#nextId += 2;
      this.#openedHere++;
      this.#messagesSent++;
      this.#streams.set(id, stream);
      stream.open(id, request);
    }
  }

  #isOurs(id: number): boolean {
    return id % 2 === this.#nextId % 2;
  }

  #lossOf(error: SyncError | undefined): SyncError {
    return error ?? new SyncError('SYNC_PEER_LOST', 'the connection to the other side is closed');
  }

  #end(error: SyncError | undefined, tell: boolean): void {
    if (this.#over !== undefined) return;
    if (tell) this.#writer.write(encodeFrame('goodbye', 0, error && encodeMessage(errorToWire(error))));
    this.#over = { error };
    this.#decoder.stop();
    this.#keepAlive.abort();
    this.#writer.end();
    const loss = this.#lossOf(error);
    for (const stream of this.#streams.values()) stream.onConnectionLost(loss);
    for (const { stream } of this.#waitingToOpen) stream.onConnectionLost(loss);
    this.#streams.clear();
    this.#waitingToOpen = [];
    void this.#tearDown(error);
  }

  /** Lets the last words out and the peer's in, for a moment; then closes what is below. */
  async #tearDown(error: SyncError | undefined): Promise<void> {
    const { stream, clock } = this.#options;
    const { readable, writable } = stream;
    const grace = new AbortController();
    const over = Promise.all([
      until(writable, 'finish', () => writable.writableFinished || writable.destroyed),
      until(readable, 'end', () => readable.readableEnded || readable.destroyed),
    ]);
    if (!this.#started) readable.resume();
    await Promise.race([over, clock.delay(graceMs, grace.signal).catch(() => {})]);
    grace.abort();
    readable.destroy();
    writable.destroy();
    this.#resolveClosed(error);
  }
}

/** Resolves at the event, at the close, or at once if it is over already. */
function until(emitter: NodeJS.EventEmitter, event: string, isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (isOver()) return resolve();
    emitter.once(event, resolve);
    emitter.once('close', resolve);
  });
}
