/**
 * A stream: one request and all that belongs to it, in both directions, each with its own credit.
 *
 * A sender may have as much under way as the receiver has granted (`initialWindowBytes`, more where content is expected); credit comes back as the receiver takes
 * frames out. So what is kept for a stream that nobody reads is bounded by its window, and the connection itself never has to stop reading.
 *
 * One task sends and one task receives at a time. Whatever ends the stream (the peer's failure, our own, the loss of the connection) rejects both and aborts `signal`.
 */
import { assert } from '@ubos/sync-core';
import { decodeMessage, encodeMessage } from './codec.ts';
import { encodeCredit, encodeFrame, type Frame, frameHeaderBytes, sealFrame } from './frame.ts';
import { bulkWindowBytes, framePayloadBytesMax, initialWindowBytes, windowBytesMax } from './limits.ts';
import { parseShape, type Shape } from './shape.ts';
import { errorFromWire, errorToWire, violation, wireError } from './wire-error.ts';

/** What a stream needs of its connection. */
export interface StreamHost {
  write(frame: Buffer): void;
  flush(): void;
  room(): Promise<void> | undefined;
  /** Ends the connection. */
  fail(error: Error): void;
  /** Both directions of the stream are over. */
  finished(stream: WireStream): void;
  /** How many of these bytes of credit above the first window may be granted. */
  takeBulk(bytes: number): number;
  /** Memory of a frame that the receiver needs no more. */
  giveBack(payload: Buffer): void;
  /** Counts round trips: the hop in which we are, and that an answer to something sent in it has come. */
  readonly hop: number;
  answered(hop: number): void;
}

export class WireStream {
  /** 0 until it is opened. */
  id = 0;
  /** Credit above the first window, which the host gets back. */
  bulkBytes = 0;
  readonly #host: StreamHost;
  readonly #inbox = new Inbox();
  #receiver: { readonly resolve: (frame: Frame | undefined) => void; readonly reject: (error: unknown) => void } | undefined;
  #sender: (() => void) | undefined;
  #sendCredit = initialWindowBytes;
  #receiveCredit = initialWindowBytes;
  #window = initialWindowBytes;
  #takenBytes = 0;
  #sentLast = false;
  #gotLast = false;
  /** Why nothing more can be sent or received. */
  #over: { readonly error: unknown } | undefined;
  #controller: AbortController | undefined;
  #hop = 0;

  constructor(host: StreamHost) {
    this.#host = host;
  }

  /** Aborted, with the reason, when the stream is over before its time. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#over !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#over.error);
    return this.#controller.signal;
  }

  /** Whether something has come that was not received yet. */
  get hasAnswer(): boolean {
    return this.#inbox.length > 0 || this.#gotLast;
  }

  /** Begins the stream from this side. The request leaves at once. */
  open(id: number, request: Buffer): void {
    this.id = id;
    if (this.#over !== undefined) return;
    this.#account(request.length);
    this.#host.write(encodeFrame('open', id, request));
    if (this.bulkBytes > 0) this.#host.write(encodeCredit(id, this.bulkBytes));
    this.#host.flush();
    this.#sender?.();
  }

  /** Takes the request with which the peer began this stream. */
  accept(id: number, requestBytes: number): void {
    this.id = id;
    this.#receiveCredit -= requestBytes + frameHeaderBytes;
    this.#takenBytes += requestBytes + frameHeaderBytes;
  }

  /** Content is expected: more of it may be under way, as far as the connection has credit left. */
  widen(): void {
    const granted = this.#host.takeBulk(bulkWindowBytes);
    if (granted === 0) return;
    this.bulkBytes += granted;
    this.#window += granted;
    this.#receiveCredit += granted;
    if (this.id !== 0 && !this.#gotLast) this.#host.write(encodeCredit(this.id, granted));
  }

  // ---- sending

  async send(message: object): Promise<void> {
    const payload = encodeMessage(message);
    assert(payload.length <= framePayloadBytesMax, () => `a message of ${payload.length} bytes`);
    await this.#transmit(encodeFrame('message', this.id, payload), false);
  }

  /** A frame with room for the header in front of its content. */
  async sendData(frame: Buffer): Promise<void> {
    await this.#transmit(sealFrame(frame, 'data', this.id), false);
  }

  /** As `sendData`, but not once the peer has answered: it wants no more. `false`: not sent. */
  sendDataUnlessAnswered(frame: Buffer): Promise<boolean> {
    return this.#transmit(sealFrame(frame, 'data', this.id), true);
  }

  /** Nothing more comes from this side. */
  end(): void {
    if (this.#sentLast || this.#over !== undefined) return;
    this.#sentLast = true;
    this.#hop = this.#host.hop;
    this.#host.write(encodeFrame('end', this.id));
    this.#finishIfOver();
  }

  /** Gives the stream up and tells the peer why. */
  fail(error: unknown): void {
    if (this.#over !== undefined) return;
    const tell = !this.#sentLast && this.id !== 0;
    this.#sentLast = true;
    if (tell) {
      this.#host.write(encodeFrame('failure', this.id, encodeMessage(errorToWire(error))));
      this.#host.flush();
    }
    this.#stop(error);
    this.#finishIfOver();
  }

  async #transmit(frame: Buffer, unlessAnswered: boolean): Promise<boolean> {
    const cost = frame.length;
    for (;;) {
      if (this.#over !== undefined) throw this.#over.error;
      assert(!this.#sentLast, () => 'nothing is sent after the end');
      if (unlessAnswered && this.hasAnswer) return false;
      if (this.id === 0 || this.#sendCredit < cost) {
        await new Promise<void>((resolve) => {
          assert(this.#sender === undefined, () => 'one task sends on a stream');
          this.#sender = resolve;
        });
        this.#sender = undefined;
        continue;
      }
      const room = this.#host.room();
      if (room === undefined) break;
      await room;
    }
    // A stream that had to wait for its turn has its id only now.
    frame.writeUInt32BE(this.id, 5);
    this.#account(cost - frameHeaderBytes);
    this.#host.write(frame);
    return true;
  }

  #account(payloadBytes: number): void {
    this.#sendCredit -= payloadBytes + frameHeaderBytes;
    this.#hop = this.#host.hop;
  }

  // ---- receiving

  /** The next message; the stream must not be over. */
  async message<T>(shape: Shape<T>): Promise<T> {
    const message = await this.messageOrEnd(shape);
    if (message === undefined) this.#violate('a stream ends before its answer');
    return message;
  }

  async messageOrEnd<T>(shape: Shape<T>): Promise<T | undefined> {
    const frame = await this.#receive();
    if (frame === undefined) return undefined;
    if (frame.kind !== 'message') this.#violate('content where a message belongs');
    return this.parse(frame.payload, shape);
  }

  async dataOrEnd(): Promise<Buffer | undefined> {
    const frame = await this.#receive();
    if (frame === undefined) return undefined;
    if (frame.kind !== 'data') this.#violate('a message where content belongs');
    return frame.payload;
  }

  /** What `dataOrEnd` gave is not needed any more; its memory is used for what comes next. */
  giveBack(bytes: Buffer): void {
    this.#host.giveBack(bytes);
  }

  /** Resolves when the peer has ended its side. */
  async ended(): Promise<void> {
    if ((await this.#receive()) !== undefined) this.#violate('more than was to come');
  }

  /** What a message says; ends the connection if it says it wrongly. */
  parse<T>(payload: Buffer, shape: Shape<T>): T {
    const decoded = decodeMessage(payload);
    if (!decoded.ok) this.#violate(decoded.error);
    const parsed = parseShape(shape, decoded.value);
    if (!parsed.ok) this.#violate(parsed.error);
    return parsed.value;
  }

  /** Ends the connection, because what came is well formed and still wrong. */
  refuse(what: string): never {
    this.#violate(what);
  }

  #receive(): Promise<Frame | undefined> {
    if (this.#over !== undefined) return Promise.reject(this.#over.error as Error);
    const frame = this.#inbox.take();
    if (frame !== undefined) return Promise.resolve(this.#taken(frame));
    if (this.#gotLast) return Promise.resolve(undefined);
    assert(this.#receiver === undefined, () => 'one task receives on a stream');
    return new Promise((resolve, reject) => {
      this.#receiver = { resolve, reject };
    });
  }

  /** Gives credit back in steps of a quarter window: often enough never to stall a sender, seldom enough to cost nothing. */
  #taken(frame: Frame): Frame {
    this.#takenBytes += frame.payload.length + frameHeaderBytes;
    if (!this.#gotLast && this.#takenBytes * 4 >= this.#window) {
      this.#receiveCredit += this.#takenBytes;
      this.#host.write(encodeCredit(this.id, this.#takenBytes));
      this.#takenBytes = 0;
    }
    return frame;
  }

  // ---- what the connection brings

  onFrame(frame: Frame): void {
    if (this.#gotLast) return this.#host.fail(violation('a stream goes on after its end'));
    this.#receiveCredit -= frame.payload.length + frameHeaderBytes;
    if (this.#receiveCredit < 0) return this.#host.fail(violation('more than was granted'));
    // Given up on this side; what was under way is dropped, and as no credit goes back it is bounded.
    if (this.#over !== undefined) return;
    this.#host.answered(this.#hop);
    const receiver = this.#receiver;
    if (receiver === undefined) this.#inbox.put(frame);
    else {
      this.#receiver = undefined;
      receiver.resolve(this.#taken(frame));
    }
    this.#sender?.();
  }

  onEnd(): void {
    if (this.#gotLast) return this.#host.fail(violation('a stream ends twice'));
    this.#gotLast = true;
    this.#host.answered(this.#hop);
    if (this.#inbox.length === 0) {
      this.#receiver?.resolve(undefined);
      this.#receiver = undefined;
    }
    this.#sender?.();
    this.#finishIfOver();
  }

  onFailure(payload: Buffer): void {
    if (this.#gotLast) return this.#host.fail(violation('a stream ends twice'));
    const decoded = decodeMessage(payload);
    const parsed = decoded.ok ? parseShape(wireError, decoded.value) : decoded;
    if (!parsed.ok) return this.#host.fail(violation(parsed.error));
    this.#gotLast = true;
    this.#host.answered(this.#hop);
    this.end();
    this.#stop(errorFromWire(parsed.value));
    this.#finishIfOver();
  }

  onCredit(bytes: number): void {
    this.#sendCredit += bytes;
    if (bytes === 0 || this.#sendCredit > windowBytesMax) return this.#host.fail(violation('credit out of range'));
    this.#sender?.();
  }

  onConnectionLost(error: unknown): void {
    this.#stop(error);
  }

  #stop(error: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { error };
    this.#inbox.clear();
    this.#receiver?.reject(error);
    this.#receiver = undefined;
    this.#sender?.();
    this.#controller?.abort(error);
  }

  #finishIfOver(): void {
    if (this.#sentLast && this.#gotLast) this.#host.finished(this);
  }

  #violate(what: string): never {
    const error = violation(what);
    this.#host.fail(error);
    throw error;
  }
}

/** A queue of frames; taking is O(1) however many small ones wait. */
class Inbox {
  #frames: Frame[] = [];
  #head = 0;

  get length(): number {
    return this.#frames.length - this.#head;
  }

  put(frame: Frame): void {
    this.#frames.push(frame);
  }

  take(): Frame | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return frame;
  }

  clear(): void {
    this.#frames = [];
    this.#head = 0;
  }
}
