/**
 * Where a log is read from: a disk, or a wire that leads to one. A source states facts about its file and streams bytes of it;
 * what they mean is decided by the puller (`log/plan-pull.ts`).
 */
import type { Digest } from '../../hash/digest.ts';
import type { Extent } from '../../log/extent.ts';

export interface LogSource {
  /** The name it goes by: a path, as the user wrote it. */
  readonly name: string;
  /**
   * Facts about the file now, with the digests of some of its extents (`undefined` for one that reaches beyond its end). `SYNC_LOG_NOT_A_FILE`, `SYNC_DENIED`.
   * `of`: of the generation with that name instead.
   */
  facts(request: {
    readonly extents: readonly Extent[];
    readonly of?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<LogFacts>;
  /**
   * The bytes from `fromByte` to the size that the file has when it is opened (or `toByte`, if that is less). Pieces of up to 1 MiB, valid until the next is asked for.
   * `of`: of the generation with that name. `identity`: of the file that has it, which may have got another name meanwhile: then it is `SYNC_LOG_MISSING`.
   */
  read(request: {
    readonly fromByte: number;
    readonly toByte?: number | undefined;
    readonly of?: string | undefined;
    readonly identity?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): AsyncIterable<Uint8Array>;
  /**
   * The bytes from `fromByte` on, and then what is appended, as it comes: a read that does not end where the file does. The file stays open whatever it is renamed
   * to, and what is still written to it is sent, too. Ends once no more is to be expected of it: when the log's name leads to another file that holds something,
   * when it is shorter than what was sent or is another there, when it was removed a while ago. Pieces, `of` and `identity` as for `read`; what is not
   * asked for is not read.
   */
  follow(request: {
    readonly fromByte: number;
    readonly of?: string | undefined;
    readonly identity?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): AsyncIterable<Uint8Array>;
  /**
   * The regular files beside the log that are generations of it by their names (`log/generations.ts`), the one changed last first, at most {@link generationsMax}.
   * A source that cannot say has none.
   */
  generations(request: { readonly signal?: AbortSignal | undefined }): Promise<readonly LogGenerationFile[]>;
  close(): Promise<void>;
}

export interface LogGenerationFile {
  readonly name: string;
  readonly stat: LogStat;
}

/** As many as fit into one message. Their names are at most 255 bytes, as those of files are. */
export const generationsMax = 500;

export interface LogFacts {
  /** `undefined`: no such file. */
  readonly stat: LogStat | undefined;
  readonly digests: readonly (Digest | undefined)[];
}

export interface LogStat {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Device, inode and birth time in one string: a hint that it is the same file, never a proof. */
  readonly identity: string;
}
