import { join } from 'node:path';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { SyncError } from '../engine/errors.ts';
import { logNamesMax } from '../scope/log-names.ts';
import { compilePatterns } from '../scope/pattern.ts';
import { parsePeerPattern } from '../scope/peer-rules.ts';
import { compareNames } from '../tree/name.ts';
import type { RelativePath } from '../tree/path.ts';
import { locateLog, logError, openLogFolder } from './log-file-place.ts';
import { createNodeDisk } from './node-disk.ts';

export interface LogNamesOptions {
  /** As for `createFsLogSource`: no link is followed on the way from here to the folder. Without it, links on the way are. */
  readonly root?: string | undefined;
  /** Which of them may be told. */
  readonly accepts?: ((name: string) => boolean) | undefined;
  readonly disk?: Disk | undefined;
}

/**
 * Names of the regular files of a folder that match a pattern (one name, bounded as those of a peer are), sorted; none if the folder is not there. Links are not
 * among them, nor are names that are not UTF-8. `SYNC_USAGE` for more than {@link logNamesMax}, or a pattern that is none; `SYNC_LOG_NOT_A_FILE`, `SYNC_DENIED`.
 */
export function listFsLogNames(
  folder: string,
  pattern: string,
  { root, accepts = () => true, disk = createNodeDisk() }: LogNamesOptions = {},
): readonly string[] {
  const parsed = parsePeerPattern(pattern);
  if (!parsed.ok) throw new SyncError('SYNC_USAGE', `${pattern} is no pattern for logs: ${parsed.error}`);
  if (pattern.includes('/')) throw new SyncError('SYNC_USAGE', `${pattern} is no pattern for logs: it is for the names in one folder`);
  const { lastMatch } = compilePatterns([pattern]);
  const place = { ...locateLog(join(folder, 'x'), root), path: folder };
  let held: DiskDirectory | undefined;
  try {
    held = openLogFolder(disk, place);
    const names = (held?.list() ?? []).flatMap(({ name, kind }) =>
      name !== undefined && kind === 'file' && lastMatch(name as RelativePath, 'other') !== -1 && accepts(name) ? [name] : [],
    );
    if (names.length > logNamesMax)
      throw new SyncError('SYNC_USAGE', `more than ${logNamesMax} files of ${folder} match ${pattern}`, { path: folder });
    return names.sort(compareNames);
  } catch (error) {
    throw logError('list the logs of', place, error);
  } finally {
    held?.close();
  }
}
