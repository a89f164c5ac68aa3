import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type RelativePath, SyncError } from '@ubos/sync-core';

/** The audit folder, if it is there: nothing is made. `SYNC_STATE_UNSAFE` if it leads out of the root. */
export function findAuditFolder(root: string, audit: RelativePath): string | undefined {
  try {
    const folder = join(root, audit);
    return statSync(folder).isDirectory() ? insideRoot(root, folder) : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The same, made where it is missing. The root itself is never made: `undefined` if it is not there, which the engine will name. */
export function makeAuditFolder(root: string, audit: RelativePath): string | undefined {
  try {
    if (!statSync(root).isDirectory()) return undefined;
  } catch {
    return undefined;
  }
  try {
    return findAuditFolder(root, audit) ?? insideRoot(root, makeFolder(join(root, audit)));
  } catch (error) {
    if (error instanceof SyncError) throw error;
    throw new SyncError(
      'SYNC_IO',
      `unable to make the audit folder ${join(root, audit)}: ${(error as Error).message}`,
      { path: audit, side: 'local' },
      error,
    );
  }
}

function makeFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** A link on the way (which may have come from the peer) must not make us write elsewhere. */
function insideRoot(root: string, folder: string): string {
  const real = realpathSync(folder);
  if (!real.startsWith(realpathSync(root) + sep)) {
    throw new SyncError('SYNC_STATE_UNSAFE', `the audit folder ${folder} leads out of the root, to ${real}`, {
      path: folder,
      hint: 'make it a plain folder, or name another one as `audit`',
    });
  }
  return real;
}
