import type { Digest } from '../hash/digest.ts';
import { type Mode, sameContent } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import type { Change } from './change.ts';

/** A content that a change puts at its path. */
export interface WantedContent {
  readonly path: RelativePath;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** How the file is to be, so that it can be stored so at once. */
  readonly mode: Mode;
  readonly mtimeMs: number;
}

/** The contents that changes on one side need, in their order: one for each path that gets a new content. A change of permissions needs none, nor does a move. */
export function contentRequests(changes: readonly Change[]): readonly WantedContent[] {
  const wanted: WantedContent[] = [];
  for (const { path, old, new: next, from } of changes) {
    if (next?.kind !== 'file' || from !== undefined || (old?.kind === 'file' && sameContent(old, next))) continue;
    wanted.push({ path, digest: next.digest, sizeBytes: next.sizeBytes, mode: next.mode, mtimeMs: next.mtimeMs });
  }
  return wanted;
}
