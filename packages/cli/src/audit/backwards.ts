import { fstatSync, readSync } from 'node:fs';

const newline = 0x0a;
const pieceBytes = 1 << 16;

/** The complete lines of an open file, the last one first. What follows the last newline (a line that was cut off) is not among them. */
export function* linesBackwards(fd: number): Generator<string> {
  let position = fstatSync(fd).size;
  /** Bytes read but not yet given out, the earliest piece first. */
  let pending: Buffer = Buffer.alloc(0);
  let isTail = true;
  for (;;) {
    for (let at = pending.lastIndexOf(newline); at !== -1; at = pending.lastIndexOf(newline)) {
      if (!isTail) yield pending.toString('utf8', at + 1);
      isTail = false;
      pending = pending.subarray(0, at);
    }
    if (position === 0) {
      if (!isTail && pending.length > 0) yield pending.toString('utf8');
      return;
    }
    const start = Math.max(0, position - Math.max(pieceBytes, pending.length));
    const piece = Buffer.alloc(position - start);
    readSync(fd, piece, 0, piece.length, start);
    pending = Buffer.concat([piece, pending]);
    position = start;
  }
}

/** Where the last complete line ends. */
export function completeBytes(fd: number): number {
  let position = fstatSync(fd).size;
  while (position > 0) {
    const start = Math.max(0, position - pieceBytes);
    const piece = Buffer.alloc(position - start);
    readSync(fd, piece, 0, piece.length, start);
    const at = piece.lastIndexOf(newline);
    if (at !== -1) return start + at + 1;
    position = start;
  }
  return 0;
}
