/**
 * Where a pulled log is kept: a local file and the cursor that says how much of it is proved to be the source's. What may be done is decided by the puller;
 * a sink states facts, appends, and moves the cursor only after the bytes are durable.
 */
import type { Digest, HashBytes } from '../../hash/digest.ts';
import type { LogCursor, LogTaken } from '../../log/cursor.ts';
import type { Extent } from '../../log/extent.ts';
import type { LocalLog } from '../../log/plan-pull.ts';

export interface LogSink {
  /** The name it goes by: a path, as the user wrote it. */
  readonly name: string;
  /** The hash of its cursors, kind `fast`: the one that sources use. */
  readonly hash: HashBytes;
  /**
   * Memory in which the puller gathers what it will append; plain arrays by default. Looking for newlines in a `Buffer` of Node takes a tenth of the time
   * (0.04 s instead of 0.4 s for 579 MB in 2.2 million lines).
   */
  readonly allocate?: ((bytes: number) => Uint8Array) | undefined;
  /**
   * Takes the log for one pull. Waits at most `waitMs` for another pull of it, then `SYNC_LOG_LOCKED`. `SYNC_LOG_NOT_A_FILE`, `SYNC_DENIED`.
   * With `dryRun` nothing is made or written, a lock only where the state for one exists already.
   */
  open(options: { readonly dryRun: boolean; readonly waitMs: number; readonly signal?: AbortSignal | undefined }): Promise<OpenLog>;
  /** Looks at what is here without taking it: nothing is waited for, made or written, and a pull may go on meanwhile. `SYNC_LOG_NOT_A_FILE`, `SYNC_DENIED`. */
  look(options: { readonly signal?: AbortSignal | undefined }): Promise<LogLook>;
  close(): Promise<void>;
}

/** A log as it was found. */
export interface LogLook {
  readonly cursor: LogCursor | undefined;
  /** Of the current generation; empty if it is not there. */
  readonly current: LogCopy;
  /** Copies of generations that are over and have a file of their own, in the order in which they were written. */
  readonly finished: readonly LogCopy[];
  /** Twice is fine. */
  close(): Promise<void>;
}

export interface LogCopy {
  /** Of its file, without folders. */
  readonly name: string;
  readonly sizeBytes: number;
  /** `undefined` for an extent that reaches beyond its end. */
  digests(extents: readonly Extent[], signal?: AbortSignal): Promise<readonly (Digest | undefined)[]>;
}

/**
 * A log taken for one pull. Cursor and local file are as they were found, and then as `begin`, `save` and `retire` left them. Where the local file begins with
 * earlier generations, they are not seen here: byte 0 is the first of this one.
 */
export interface OpenLog {
  readonly cursor: LogCursor | undefined;
  readonly local: LocalLog;
  /** Digests of extents of the local file; `undefined` for one that reaches beyond its end. */
  digests(extents: readonly Extent[], signal?: AbortSignal): Promise<readonly (Digest | undefined)[]>;
  /** A few bytes of the local file, at most 1 MiB; fewer where it ends before. */
  read(extent: Extent): Uint8Array;
  /**
   * Gets ready to append behind `sizeBytes`, which is where the file ends or, of what a dead pull left, where it is cut. Saves the cursor as `appending`
   * first, durably. `SYNC_TARGET_CHANGED` if the file is not any more what `open` found.
   */
  begin(progress: LogProgress, sizeBytes: number): Promise<void>;
  /** Writes behind what is there. The bytes are valid during the call. */
  append(bytes: Uint8Array): void;
  /**
   * Makes durable what was appended before the call; more may be appended meanwhile. With `progress`, which speaks of no more than that, the cursor is then
   * moved to it and stays `appending`. `SYNC_TARGET_CHANGED` as for `begin`.
   */
  sync(progress?: LogProgress): Promise<void>;
  /** Makes what was appended durable, then saves the cursor with the stamp of the file as it is now. */
  save(progress: LogProgress): Promise<void>;
  /**
   * This generation is over, and the next one begins: in a new file, the old one being renamed to `NAME.<UTC start>.g<number>` (durably, and in the place of
   * nothing), or behind it in the same. `isFinished`: all of it was taken, so the next one is what was written after it. Resolves to the old one's new name.
   */
  retire(onRotate: OnRotate, isFinished: boolean): Promise<string | undefined>;
  /** Twice is fine. */
  release(): Promise<void>;
}

/** What the puller knows of a cursor; the rest is the sink's to say. */
export type LogProgress = LogTaken & Pick<LogCursor, 'lastTimestamp'>;

/** Where the next generation goes: into a file of its own under the log's name, or behind the one before. */
export type OnRotate = 'new-file' | 'concatenate';
