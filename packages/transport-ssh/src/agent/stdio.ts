/** The standard streams of a process that speaks the protocol over them. */
import { Console } from 'node:console';
import { createWriteStream } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

export interface StandardStreams {
  readonly readable: Readable;
  readonly writable: Writable;
}

/**
 * Takes standard input and output for frames alone. Whatever else of this process prints to standard output goes to standard error from here on:
 * one stray word there would be read as a frame.
 *
 * `process.stdout` writes to pipes synchronously on Linux and macOS: while the client is slow, the whole process would stand still. A socket of our own
 * over the same descriptor waits in the event loop instead.
 */
export function takeStandardStreams(): StandardStreams {
  const writable = ownOutput();
  process.stdout.write = process.stderr.write.bind(process.stderr);
  globalThis.console = new Console(process.stderr);
  return { readable: process.stdin, writable };
}

function ownOutput(): Writable {
  try {
    return new Socket({ fd: 1, readable: false, writable: true });
  } catch {
    // A file or a terminal: writing does not wait there.
    return createWriteStream('', { fd: 1, autoClose: false });
  }
}
