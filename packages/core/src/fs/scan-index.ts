import type { Digest } from '../hash/digest.ts';
import type { RelativePath } from '../tree/path.ts';

/** What was known of a file when its content was last read: while the disk says the same, the digest still holds. */
export interface IndexRecord {
  readonly ino: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** All permission bits, as on disk. */
  readonly mode: number;
  readonly digest: Digest;
}
