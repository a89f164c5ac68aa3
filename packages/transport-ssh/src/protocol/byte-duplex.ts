import type { Readable, Writable } from 'node:stream';

/** What the protocol runs over: an exec channel, a socket, the standard streams of a process, a pipe in memory. Both ends may be the same object. */
export interface ByteDuplex {
  readonly readable: Readable;
  readonly writable: Writable;
}
