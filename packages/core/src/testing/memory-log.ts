import { SyncError } from '../engine/errors.ts';
import type { LogSink } from '../engine/log-sink.ts';
import type { LogSource } from '../engine/log-source.ts';
import type { HashBytes } from '../hash/digest.ts';
import { encodeLogCursor, type LogCursor, parseLogCursor } from '../log/cursor.ts';
import type { Extent } from '../log/extent.ts';

/** A file in memory that a log is pulled from or to. Change it as a user or a writer of logs would. */
export interface MemoryLogFile {
  bytes: Uint8Array | undefined;
  /** Told apart from the file that was there before under this name. */
  inode: number;
}

export function createMemoryLogFile(bytes?: Uint8Array): MemoryLogFile {
  return { bytes, inode: 1 };
}

export interface MemoryLogSource extends LogSource {
  /** What was asked of it. */
  readonly counts: { facts: number; reads: number; bytesRead: number };
}

/** `hash` is the one of the sink. Reads in pieces of up to `pieceBytes`. */
export function createMemoryLogSource(
  name: string,
  file: MemoryLogFile,
  { hash, pieceBytes = 1024 * 1024 }: { readonly hash: HashBytes; readonly pieceBytes?: number },
): MemoryLogSource {
  const counts = { facts: 0, reads: 0, bytesRead: 0 };
  return {
    name,
    counts,
    facts({ extents, signal }) {
      if (signal?.aborted) return Promise.reject(signal.reason as Error);
      counts.facts++;
      const { bytes, inode } = file;
      const stat = bytes && { sizeBytes: bytes.length, mtimeMs: 0, identity: `memory.${inode}` };
      return Promise.resolve({ stat, digests: extents.map((extent) => digestOf(bytes, extent, hash)) });
    },
    async *read({ fromByte, toByte, signal }) {
      signal?.throwIfAborted();
      counts.reads++;
      const opened = file.bytes;
      if (opened === undefined) throw new SyncError('SYNC_LOG_MISSING', `${name} is not there`, { path: name });
      const end = Math.min(opened.length, toByte ?? opened.length);
      for (let at = fromByte; at < end; at += pieceBytes) {
        await Promise.resolve();
        signal?.throwIfAborted();
        const piece = opened.slice(at, Math.min(at + pieceBytes, end));
        counts.bytesRead += piece.length;
        yield piece;
      }
    },
    close: () => Promise.resolve(),
  };
}

export interface MemoryLogSink extends LogSink {
  readonly file: MemoryLogFile;
  /** The cursor as it is stored; set it to anything to see it not believed. */
  cursor: unknown;
  /** Writes to file and cursor, counted: a pull that brings nothing new leaves it as it was. */
  writes: number;
}

export function createMemoryLogSink(name: string, hash: HashBytes, file: MemoryLogFile = createMemoryLogFile()): MemoryLogSink {
  let isTaken = false;
  const stamp = () => (file.bytes === undefined ? '' : `${file.inode}.${file.bytes.length}.${hash(file.bytes)}`);
  const sink: MemoryLogSink = {
    name,
    hash,
    file,
    cursor: undefined,
    writes: 0,
    open() {
      if (isTaken) return Promise.reject(new SyncError('SYNC_LOG_LOCKED', `${name} is being pulled`, { path: name }));
      isTaken = true;
      const store = (cursor: LogCursor) => {
        sink.cursor = JSON.parse(JSON.stringify(encodeLogCursor(cursor)));
        sink.writes++;
      };
      const cursor = (): LogCursor | undefined => {
        const parsed = parseLogCursor(sink.cursor);
        return parsed.ok ? parsed.value : undefined;
      };
      return Promise.resolve({
        get cursor() {
          return cursor();
        },
        get local() {
          return { sizeBytes: file.bytes?.length, untouched: cursor()?.localStamp === stamp() };
        },
        digests: (extents: readonly Extent[]) => Promise.resolve(extents.map((extent) => digestOf(file.bytes, extent, hash))),
        read: ({ start, end }: Extent) => (file.bytes ?? new Uint8Array(0)).slice(start, end),
        begin(next, sizeBytes) {
          store({ ...next, localStamp: stamp(), appending: true });
          file.bytes = (file.bytes ?? new Uint8Array(0)).slice(0, sizeBytes);
          return Promise.resolve();
        },
        append(bytes) {
          const before = file.bytes ?? new Uint8Array(0);
          file.bytes = new Uint8Array(before.length + bytes.length);
          file.bytes.set(before);
          file.bytes.set(bytes, before.length);
          sink.writes++;
        },
        save(next) {
          store({ ...next, localStamp: stamp(), appending: false });
          return Promise.resolve();
        },
        release() {
          isTaken = false;
          return Promise.resolve();
        },
      });
    },
    close: () => Promise.resolve(),
  };
  return sink;
}

function digestOf(bytes: Uint8Array | undefined, { start, end }: Extent, hash: HashBytes): ReturnType<HashBytes> | undefined {
  return bytes === undefined || end > bytes.length ? undefined : hash(bytes.subarray(start, end));
}
