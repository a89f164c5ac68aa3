import { type RelativePath, SyncError } from '@ubos/sync-core';
import { folderInRoot } from '../folders.ts';

/** The audit folder, if it is there: nothing is made. `SYNC_STATE_UNSAFE` if a link, or what is no folder, is on the way to it. */
export function findAuditFolder(root: string, audit: RelativePath): string | undefined {
  return auditFolder(root, audit, false);
}

/** The same, made where it is missing. The root itself is never made: `undefined` if it is not there, which the engine will name. */
export function makeAuditFolder(root: string, audit: RelativePath): string | undefined {
  return auditFolder(root, audit, true);
}

function auditFolder(root: string, audit: RelativePath, make: boolean): string | undefined {
  try {
    return folderInRoot(root, audit, {
      make,
      refuse: (path, what) =>
        new SyncError('SYNC_STATE_UNSAFE', `the audit folder ${audit} is refused: ${path} is ${what}`, {
          path,
          hint: 'make it a plain folder, or name another one as `audit`',
        }),
    });
  } catch (error) {
    if (error instanceof SyncError) throw error;
    throw new SyncError(
      'SYNC_IO',
      `unable to ${make ? 'make' : 'open'} the audit folder ${audit} of ${root}: ${(error as Error).message}`,
      { path: audit, side: 'local' },
      error,
    );
  }
}
