import { isSyncError, SyncError, type SyncErrorCode } from '../engine/errors.ts';
import type { ContentFailure } from '../engine/replica.ts';

/**
 * What a failed disk call means for one path: a stable code, and words with the system's own name of the error.
 * What is no failure of a disk (a bug, an abort, a lost peer) is thrown on.
 */
export function ioFailure(error: unknown, what: string): ContentFailure & { readonly code: SyncErrorCode } {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return {
    code: codeByErrno[errno] ?? 'SYNC_IO',
    message: `unable to ${what}: ${wordsByErrno[errno] ?? ''}${wordsByErrno[errno] === undefined ? '' : ' '}(${errno})`,
  };
}

/** The system's name of an error (`ENOENT`), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof SyncError || typeof error !== 'object' || error === null) return undefined;
  const code = (error as { readonly code?: unknown }).code;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Whether no more can be written: now, or for this user. */
export function isNoSpace(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno !== undefined && codeByErrno[errno] === 'SYNC_NO_SPACE';
}

const codeByErrno: Readonly<Record<string, SyncErrorCode>> = {
  ENOSPC: 'SYNC_NO_SPACE',
  EDQUOT: 'SYNC_NO_SPACE',
  EACCES: 'SYNC_DENIED',
  EPERM: 'SYNC_DENIED',
  EROFS: 'SYNC_DENIED',
  // What stood there when it was looked at is gone, or something else: someone is at work in the tree.
  ENOENT: 'SYNC_TARGET_CHANGED',
  ENOTDIR: 'SYNC_TARGET_CHANGED',
  ELOOP: 'SYNC_TARGET_CHANGED',
  EXDEV: 'SYNC_TARGET_CHANGED',
  EISDIR: 'SYNC_TARGET_CHANGED',
  EEXIST: 'SYNC_TARGET_OCCUPIED',
  ENAMETOOLONG: 'SYNC_NAME_REFUSED',
  EILSEQ: 'SYNC_NAME_REFUSED',
};

const wordsByErrno: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left',
  EDQUOT: 'the quota is used up',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'it is gone',
  ENOTDIR: 'a folder on the way is none any more',
  ELOOP: 'a folder on the way became a link',
  EXDEV: 'another file system is mounted on the way',
  EISDIR: 'it became a folder',
  EEXIST: 'something is there',
  EIO: 'input/output error',
  ENAMETOOLONG: 'the name is too long for this file system',
  EILSEQ: 'the name has characters that this file system does not take',
  EMFILE: 'too many open files',
};

/** Does what nothing depends on: where the disk fails, it is left undone. */
export async function unlessDiskFails(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (errnoOf(error) === undefined && !isSyncError(error)) throw error;
  }
}
