/** Counts for people of what a pull brought: lines, lines that are no JSON, and the times that the first and the last line name. */
import { chunkBytes } from './chunk-chain.ts';
import { jsonLineEnd, newline } from './json-line.ts';

export interface LineCounts {
  /** Whole lines: newlines. */
  readonly lines: number;
  /** Lines that are no JSON text, blank ones not counted, of those that were checked; `undefined` if none was to be. */
  readonly malformed: number | undefined;
  /** Where the first {@link malformedPlacesMax} of them begin. */
  readonly malformedAtBytes: readonly number[];
  /** How many lines were checked: all of them, or fewer than `lines` where a sample was taken. */
  readonly checkedLines: number;
  /** As the line has them; `undefined` if it names none. */
  readonly firstTimestamp: string | undefined;
  readonly lastTimestamp: string | undefined;
}

export interface LineCounter {
  /** The next bytes of the log; they are not kept. */
  push(bytes: Uint8Array): void;
  /** Up to the last newline. */
  counts(): LineCounts;
}

/**
 * Which lines are checked to be JSON. `all` costs one to two seconds of one core for 579 MB, as much as everything else that is done with these bytes.
 * `sample` checks every line of the first 16 MiB, and then those of one MiB in sixty-four: all of what a usual pull brings, enough of a bulk one to see
 * what kind of log it is. The counts say how many lines they speak of.
 */
export type JsonCheck = 'all' | 'sample' | 'off';

export interface LineCounterOptions {
  readonly json: JsonCheck;
  /** What stands before the first byte since the last newline, if that byte is in mid-line. */
  readonly lineSoFar?: Uint8Array | undefined;
  /** Place of the first byte in the log. Default: 0. */
  readonly fromByte?: number | undefined;
}

/** Enough to look at. Places are bytes, because how many lines stand before is not known without reading them all. */
export const malformedPlacesMax = 10;

const checkedWholeBytes: number = 16 * 1024 * 1024;

/** A longer line counts as malformed unread. It bounds the memory that a log without newlines takes. */
export const lineBytesMax: number = 64 * 1024 * 1024;

export function createLineCounter({ json, lineSoFar, fromByte = 0 }: LineCounterOptions): LineCounter {
  let seenBytes = 0;
  let lines = 0;
  let checkedLines = 0;
  let malformed = 0;
  const malformedAtBytes: number[] = [];
  let first: Uint8Array | undefined;
  let last: Uint8Array | undefined;
  let unfinished: Uint8Array[] = lineSoFar === undefined || lineSoFar.length === 0 ? [] : [new Uint8Array(lineSoFar)];
  let unfinishedBytes = lineSoFar?.length ?? 0;

  /** Where the line that goes on began. */
  let unfinishedAt = fromByte - unfinishedBytes;

  function addMalformed(at: number): void {
    malformed++;
    if (malformedAtBytes.length < malformedPlacesMax) malformedAtBytes.push(at);
  }

  /** All lines of bytes that end with a newline and begin at this place. */
  function count(bytes: Uint8Array, at: number): void {
    const linesBefore = lines;
    const isChecked = json === 'all' || (json === 'sample' && (seenBytes < checkedWholeBytes || Math.floor(seenBytes / chunkBytes) % 64 === 0));
    if (!isChecked) {
      for (let start = 0; start < bytes.length; lines++) start = bytes.indexOf(newline, start) + 1;
    } else {
      for (let start = 0; start < bytes.length; lines++) {
        const end = jsonLineEnd(bytes, start);
        if (end !== -1) start = end + 1;
        else {
          const lineEnd = bytes.indexOf(newline, start);
          if (!isBlank(bytes, start, lineEnd)) addMalformed(at + start);
          start = lineEnd + 1;
        }
      }
      checkedLines += lines - linesBefore;
    }
    first ??= new Uint8Array(bytes.subarray(0, Math.min(bytes.indexOf(newline), timestampWithinBytes)));
    const lastStart = bytes.lastIndexOf(newline, bytes.length - 2) + 1;
    last = new Uint8Array(bytes.subarray(lastStart, Math.min(bytes.length - 1, lastStart + timestampWithinBytes)));
  }

  function keep(bytes: Uint8Array): void {
    unfinishedBytes += bytes.length;
    if (unfinishedBytes > lineBytesMax) unfinished = [];
    else if (bytes.length > 0) unfinished.push(new Uint8Array(bytes));
  }

  return {
    push(bytes) {
      let whole = bytes;
      let wholeAt = fromByte + seenBytes;
      if (unfinishedBytes > 0) {
        const end = bytes.indexOf(newline) + 1;
        keep(bytes.subarray(0, end === 0 ? bytes.length : end));
        if (end === 0) {
          seenBytes += bytes.length;
          return;
        }
        if (unfinished.length > 0) count(concatenate(unfinished), unfinishedAt);
        else {
          lines++;
          if (json !== 'off') {
            checkedLines++;
            addMalformed(unfinishedAt);
          }
        }
        unfinished = [];
        unfinishedBytes = 0;
        whole = bytes.subarray(end);
        wholeAt += end;
      }
      const end = whole.lastIndexOf(newline) + 1;
      if (end > 0) count(whole.subarray(0, end), wholeAt);
      unfinishedAt = wholeAt + end;
      keep(whole.subarray(end));
      seenBytes += bytes.length;
    },
    counts: () => ({
      lines,
      malformed: json === 'off' ? undefined : malformed,
      malformedAtBytes: [...malformedAtBytes],
      checkedLines,
      firstTimestamp: first && lineTimestamp(first),
      lastTimestamp: last && lineTimestamp(last),
    }),
  };
}

/** Whether the log of this name is JSON Lines. */
export function isJsonLinesName(name: string): boolean {
  return /\.(?:jsonl|ndjson)$/i.test(name);
}

/** Whether what becomes visible of a log of this name should end at a newline, if nothing else is said. */
export function isLinesName(name: string): boolean {
  return isJsonLinesName(name) || /\.log$/i.test(name);
}

/** A time is looked for in so much of a line. */
const timestampWithinBytes = 4_096;

/** The time that a line names, as it is written there: the first field with a name for times, else the first ISO 8601 time. */
export function lineTimestamp(line: Uint8Array): string | undefined {
  const text = String.fromCharCode(...line.subarray(0, timestampWithinBytes));
  const field = /"(?:@?timestamp|ts|time|date|datetime|created_?at|at)"\s*:\s*(?:"([^"\\]{1,64})"|(\d{1,20}(?:\.\d{1,20})?))/i.exec(text);
  return field?.[1] ?? field?.[2] ?? /\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,12})?)?(?:Z|[+-]\d\d:?\d\d)?/.exec(text)?.[0];
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
