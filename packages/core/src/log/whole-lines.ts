import { newline } from './json-line.ts';
import { lineBytesMax } from './lines.ts';

/** Cuts what comes in pieces of any size into runs that end at a newline. */
export interface WholeLines {
  /** The next bytes, not kept. What is whole now, in memory of its own; empty if nothing is. A line longer than 64 MiB is given out in parts. */
  push(bytes: Uint8Array): Uint8Array;
  /** The line that has begun. */
  rest(): Uint8Array;
}

export function createWholeLines(): WholeLines {
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  const take = (last: Uint8Array): Uint8Array => {
    const all = new Uint8Array(begunBytes + last.length);
    let at = 0;
    for (const bytes of [...begun, last]) {
      all.set(bytes, at);
      at += bytes.length;
    }
    begun = [];
    begunBytes = 0;
    return all;
  };
  return {
    push(bytes) {
      const end = bytes.lastIndexOf(newline) + 1;
      const whole = end === 0 ? new Uint8Array(0) : take(bytes.subarray(0, end));
      if (end < bytes.length) {
        begun.push(new Uint8Array(bytes.subarray(end)));
        begunBytes += bytes.length - end;
      }
      return begunBytes > lineBytesMax && whole.length === 0 ? take(new Uint8Array(0)) : whole;
    },
    rest: () => take(new Uint8Array(0)),
  };
}
