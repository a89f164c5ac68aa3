/**
 * Every bound of the wire in one place. Frames, windows, nesting and pages are part of the protocol version: both ends must hold the same.
 * {@link ConnectionLimits} bound what this end is willing to do for a peer and may differ. All are checked before anything is allocated for what they bound.
 */

/** Payload of one frame. Large enough that framing costs nothing, small enough that one allocation never hurts. */
export const framePayloadBytesMax: number = 1024 * 1024;

/** What a sender of bulk content aims for: a frame of this size moves at full speed and lets other streams in between often enough. */
export const dataFrameBytes: number = 256 * 1024;

/** What may be under way on a fresh stream before the receiver says more. One frame of full size fits, so that any message can be sent at once. */
export const initialWindowBytes: number = framePayloadBytesMax + 64 * 1024;

/** What may be under way on a stream that carries content: the bandwidth-delay product of 1 Gbit/s at 64 ms. */
export const bulkWindowBytes: number = 8 * 1024 * 1024;

/** No grant of credit may lead beyond this. */
export const windowBytesMax: number = 64 * 1024 * 1024;

/** Output that the peer has not taken: content waits above this mark. */
export const outputHighWaterBytes: number = 1024 * 1024;

/** Output of any kind: a peer that asks and never reads is cut off here. */
export const outputBytesMax: number = 32 * 1024 * 1024;

/** How a message may be built. The deepest of ours nests 6 levels. */
export const messageDepthMax = 12;
export const messageValuesMax = 100_000;
export const mapKeysMax = 64;

/** Noise of a remote shell before the hello, and the hello itself. */
export const noiseBytesMax: number = 64 * 1024;
export const helloBytesMax: number = 16 * 1024;

/** Rows of one page and of one list of nodes; a tree of a million files is one list. */
export const pageRowsMax = 65_536;
export const listRowsMax = 8_000_000;

/** Paths are front-coded, so a few bytes can stand for a long one: their full length is bounded, too. */
export const pageCharactersMax: number = 1024 * 1024;
export const listCharactersMax: number = 512 * 1024 * 1024;

/** Items of one page of results, each of which may carry a message of {@link failureTextMax} characters. */
export const resultsPerPage = 256;
export const failureTextMax = 300;
export const errorTextMax = 500;

/** Frames that bring a stream no further (beats, late credit), in one second. */
export const idleFramesPerSecondMax = 1_000;

/** What one end grants the other. */
export interface ConnectionLimits {
  /** Streams that the peer may have open at once. */
  readonly streamsMax: number;
  /** Sum of the credit above the initial windows, over all streams. */
  readonly bulkBytes: number;
  /** A peer that has sent nothing for so long is gone. */
  readonly silenceMs: number;
  /** A peer that has taken nothing of what waits for it for so long is gone. */
  readonly stallMs: number;
  /** If this process has not run for so long (it was stopped, its machine slept), the peer has heard nothing of it and given it up: what comes now is stale. */
  readonly standstillMs: number;
  /** For the handshake as a whole; the first time, the agent itself is sent in it. */
  readonly handshakeMs: number;
}

/** Of an initiator, which is to find out soon. */
export const defaultConnectionLimits: ConnectionLimits = {
  streamsMax: 64,
  bulkBytes: 32 * 1024 * 1024,
  silenceMs: 30_000,
  stallMs: 60_000,
  standstillMs: 60_000,
  handshakeMs: 60_000,
};

/** Of a responder: an initiator may be silent for a minute, and has itself no more patience than half of that. */
export const defaultServeLimits: ConnectionLimits = { ...defaultConnectionLimits, silenceMs: 60_000, standstillMs: 30_000 };
