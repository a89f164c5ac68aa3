import { SyncError } from '../engine/errors.ts';
import type { LogCopy, LogProgress, LogSink } from '../engine/logs/log-sink.ts';
import type { LogSource, LogStat } from '../engine/logs/log-source.ts';
import type { HashBytes } from '../hash/digest.ts';
import { emptyChain } from '../log/chunk-chain.ts';
import { encodeLogCursor, type LogCursor, parseLogCursor } from '../log/cursor.ts';
import type { Extent } from '../log/extent.ts';
import { keptName, parseGenerationName } from '../log/generations.ts';

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

export interface MemoryLogSourceOptions {
  /** The one of the sink. */
  readonly hash: HashBytes;
  /** Reads in pieces of up to this; default 1 MiB. */
  readonly pieceBytes?: number | undefined;
  /** What lies beside the log, by name; what was put in last was changed last. */
  readonly beside?: ReadonlyMap<string, MemoryLogFile> | undefined;
  /** Whoever follows the log looks again when it resolves. Default: a moment later. */
  readonly untilChange?: (() => Promise<void>) | undefined;
}

export function createMemoryLogSource(
  name: string,
  file: MemoryLogFile,
  { hash, pieceBytes = 1024 * 1024, beside = new Map(), untilChange = aMoment }: MemoryLogSourceOptions,
): MemoryLogSource {
  const counts = { facts: 0, reads: 0, bytesRead: 0 };
  const ownName = name.slice(name.lastIndexOf('/') + 1);
  const fileOf = (of: string | undefined): MemoryLogFile | undefined => {
    if (of === undefined) return file;
    if (parseGenerationName(ownName, of) === undefined) throw new SyncError('SYNC_USAGE', `${of} is no generation of ${name}`, { path: of });
    return beside.get(of);
  };
  const statOf = ({ bytes, inode }: MemoryLogFile): LogStat | undefined =>
    bytes && { sizeBytes: bytes.length, mtimeMs: 0, identity: `memory.${inode}` };
  const openThat = (of: string | undefined, identity: string | undefined): MemoryLogFile & { readonly bytes: Uint8Array } => {
    const found = fileOf(of);
    if (found?.bytes === undefined || (identity !== undefined && identity !== statOf(found)?.identity))
      throw new SyncError('SYNC_LOG_MISSING', `${of ?? name} is not there`, { path: of ?? name });
    return { bytes: found.bytes, inode: found.inode };
  };
  return {
    name,
    counts,
    async facts({ extents, of, signal }) {
      await Promise.resolve();
      signal?.throwIfAborted();
      counts.facts++;
      const found = fileOf(of);
      return { stat: found && statOf(found), digests: extents.map((extent) => digestOf(found?.bytes, extent, hash)) };
    },
    async *read({ fromByte, toByte, of, identity, signal }) {
      signal?.throwIfAborted();
      counts.reads++;
      const opened = openThat(of, identity).bytes;
      const end = Math.min(opened.length, toByte ?? opened.length);
      for (let at = fromByte; at < end; at += pieceBytes) {
        await Promise.resolve();
        signal?.throwIfAborted();
        const piece = opened.slice(at, Math.min(at + pieceBytes, end));
        counts.bytesRead += piece.length;
        yield piece;
      }
    },
    async *follow({ fromByte, of, identity, signal }) {
      signal?.throwIfAborted();
      counts.reads++;
      const { bytes: opened, inode } = openThat(of, identity);
      if (fromByte > opened.length) return;
      let last = opened;
      let known = opened.slice(0, fromByte);
      for (;;) {
        const goesOnElsewhere = file.inode !== inode && (file.bytes?.length ?? 0) > 0;
        // One that was removed is still open.
        const bytes = [file, ...beside.values()].find((each) => each.inode === inode)?.bytes ?? last;
        last = bytes;
        if (bytes.length < known.length || !known.every((byte, at) => byte === bytes[at])) return;
        if (bytes.length > known.length) {
          const piece = bytes.slice(known.length, known.length + pieceBytes);
          known = bytes.slice(0, known.length + piece.length);
          counts.bytesRead += piece.length;
          yield piece;
        } else if (goesOnElsewhere) return;
        else await untilChange();
        signal?.throwIfAborted();
      }
    },
    async generations({ signal }) {
      await Promise.resolve();
      signal?.throwIfAborted();
      return [...beside].reverse().flatMap(([each, found]) => {
        const stat = statOf(found);
        return stat === undefined || parseGenerationName(ownName, each) === undefined ? [] : [{ name: each, stat }];
      });
    },
    close: () => Promise.resolve(),
  };
}

export interface MemoryLogSink extends LogSink {
  readonly file: MemoryLogFile;
  /** Files of generations that are over, by the names they were given. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
  /** The cursor as it is stored; set it to anything to see it not believed. */
  cursor: unknown;
  /** Writes to file and cursor, counted: a pull that brings nothing new leaves it as it was. */
  writes: number;
}

export function createMemoryLogSink(name: string, hash: HashBytes, file: MemoryLogFile = createMemoryLogFile()): MemoryLogSink {
  let isTaken = false;
  const kept = new Map<string, Uint8Array>();
  const stamp = () => (file.bytes === undefined ? '' : `${file.inode}.${file.bytes.length}.${hash(file.bytes)}`);
  const storedCursor = (): LogCursor | undefined => {
    const parsed = parseLogCursor(sink.cursor);
    return parsed.ok ? parsed.value : undefined;
  };
  const copyOf = (copyName: string, bytes: Uint8Array = new Uint8Array(0)): LogCopy => ({
    name: copyName.slice(copyName.lastIndexOf('/') + 1),
    sizeBytes: bytes.length,
    digests: (extents) => Promise.resolve(extents.map((extent) => digestOf(bytes, extent, hash))),
  });
  const sink: MemoryLogSink = {
    name,
    hash,
    file,
    kept,
    cursor: undefined,
    writes: 0,
    open() {
      if (isTaken) return Promise.reject(new SyncError('SYNC_LOG_LOCKED', `${name} is being pulled`, { path: name }));
      isTaken = true;
      const store = (cursor: LogCursor) => {
        sink.cursor = JSON.parse(JSON.stringify(encodeLogCursor(cursor)));
        sink.writes++;
      };
      const cursor = storedCursor;
      const baseBytes = () => (file.bytes === undefined ? 0 : (cursor()?.baseBytes ?? 0));
      const storeProgress = (progress: LogProgress, appending: boolean) =>
        store({
          ...progress,
          generation: cursor()?.generation ?? { number: 1, startedAt: started(1) },
          baseBytes: baseBytes(),
          finished: progress.chain.offset === 0 ? cursor()?.finished : undefined,
          renaming: undefined,
          localStamp: stamp(),
          appending,
        });
      return Promise.resolve({
        get cursor() {
          return cursor();
        },
        get local() {
          return { sizeBytes: file.bytes && file.bytes.length - baseBytes(), untouched: cursor()?.localStamp === stamp() };
        },
        digests: (extents: readonly Extent[]) => Promise.resolve(extents.map((extent) => digestOf(file.bytes?.subarray(baseBytes()), extent, hash))),
        read: ({ start, end }: Extent) => (file.bytes ?? new Uint8Array(0)).slice(baseBytes() + start, baseBytes() + end),
        begin(next, sizeBytes) {
          storeProgress(next, true);
          file.bytes = (file.bytes ?? new Uint8Array(0)).slice(0, baseBytes() + sizeBytes);
          return Promise.resolve();
        },
        append(bytes) {
          const before = file.bytes ?? new Uint8Array(0);
          file.bytes = new Uint8Array(before.length + bytes.length);
          file.bytes.set(before);
          file.bytes.set(bytes, before.length);
          sink.writes++;
        },
        sync(next) {
          if (next !== undefined) storeProgress(next, true);
          return Promise.resolve();
        },
        save(next) {
          storeProgress(next, false);
          return Promise.resolve();
        },
        retire(onRotate, isFinished) {
          const over = cursor();
          if (over === undefined) return Promise.reject(new TypeError('what was never pulled is no generation'));
          const { source, chain, head, generation, lastTimestamp } = over;
          const to = onRotate === 'new-file' && file.bytes !== undefined ? keptName(name, generation) : undefined;
          if (to !== undefined && file.bytes !== undefined) {
            kept.set(to, file.bytes);
            file.bytes = undefined;
            file.inode++;
          }
          store({
            source,
            chain: emptyChain,
            head: undefined,
            generation: { number: generation.number + 1, startedAt: started(generation.number + 1) },
            baseBytes: file.bytes?.length ?? 0,
            finished: isFinished ? { source, chain, head } : undefined,
            renaming: undefined,
            localStamp: stamp(),
            appending: false,
            lastTimestamp,
          });
          return Promise.resolve(to);
        },
        release() {
          isTaken = false;
          return Promise.resolve();
        },
      });
    },
    look() {
      const cursor = storedCursor();
      return Promise.resolve({
        cursor,
        current: copyOf(name, file.bytes?.subarray(cursor?.baseBytes ?? 0)),
        finished: [...kept].map(([keptAs, bytes]) => copyOf(keptAs, bytes)),
        close: () => Promise.resolve(),
      });
    },
    close: () => Promise.resolve(),
  };
  return sink;
}

/** There is no clock here: generations begin a second after each other. */
function started(generation: number): string {
  return `20260101T0000${String(generation % 60).padStart(2, '0')}Z`;
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

function digestOf(bytes: Uint8Array | undefined, { start, end }: Extent, hash: HashBytes): ReturnType<HashBytes> | undefined {
  return bytes === undefined || end > bytes.length ? undefined : hash(bytes.subarray(start, end));
}
