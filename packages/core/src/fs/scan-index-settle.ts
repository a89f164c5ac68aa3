/**
 * Settles racy records before an index is saved: waits until the tick in which they were made has passed and reads the files once more, so that the
 * next scan need not.
 *
 * Bounded in files, bytes and waiting. What is left over stays racy, and the next scan reads it.
 */

import type { DiskDirectory } from '../engine/disk.ts';
import type { RelativePath } from '../tree/path.ts';
import { baseName, parentPath } from '../tree/path.ts';
import { hashFile } from './hash-file.ts';
import type { Hashing } from './hasher.ts';
import { createHeldDirectories, type HeldDirectories } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import type { ScanIndex } from './scan-index.ts';
import { createSlices, type Slices } from './slices.ts';

export interface SettleOptions {
  readonly index: ScanIndex;
  readonly root: DiskDirectory;
  readonly hashing: Hashing;
  readonly signal?: AbortSignal | undefined;
  /** Default: 256 MiB. */
  readonly bytesMax?: number | undefined;
  /** No longer than this for the last tick to pass. Default: 2,100 ms. */
  readonly waitMsMax?: number | undefined;
}

/** Number of records that hold from now on. A file that is not as it was recorded is forgotten, and the next scan reads it as a changed one. */
export async function settleIndex({ index, root, hashing, signal, bytesMax = 256 * 1024 * 1024, waitMsMax = 2_100 }: SettleOptions): Promise<number> {
  const { clock } = index;
  const paths = [...index.racyPaths].sort();
  if (paths.length === 0) return 0;
  await waitForTick(index, paths, waitMsMax, signal);
  const slices = createSlices(clock, signal);
  const tree = createHeldDirectories(root);
  let settled = 0;
  let bytes = 0;
  try {
    for (const path of paths) {
      const record = index.get(path);
      if (record === undefined) continue;
      bytes += record.sizeBytes;
      if (bytes > bytesMax) break;
      const readAtMs = clock.nowMs();
      // Not for a file whose time lies ahead: it is racy for good, until that time has come.
      if (index.isRacy(record, readAtMs)) continue;
      if (await isStill(path, index, tree, hashing, slices)) {
        index.set(path, record, readAtMs);
        settled++;
      } else index.delete(path);
      if (slices.isOver()) await slices.pause();
    }
  } finally {
    tree.release();
  }
  return settled;
}

async function waitForTick(index: ScanIndex, paths: readonly RelativePath[], waitMsMax: number, signal: AbortSignal | undefined): Promise<void> {
  const now = index.clock.nowMs();
  let until = now;
  for (const path of paths) {
    const record = index.get(path);
    const at = record === undefined ? now : index.settledAtMs(record, now);
    if (at - now <= waitMsMax) until = Math.max(until, at);
  }
  if (until > now) await index.clock.delay(until - now, signal);
}

async function isStill(path: RelativePath, index: ScanIndex, tree: HeldDirectories, hashing: Hashing, slices: Slices): Promise<boolean> {
  const name = baseName(path);
  const parent = parentPath(path);
  const record = index.get(path);
  if (name === undefined || parent === undefined || record === undefined) return false;
  try {
    const file = tree.open(parent).directory.openFile(name, 'read');
    try {
      const same = () => {
        const { ino, sizeBytes, mtimeNs, ctimeNs, mode } = file.stat();
        return (
          ino === record.ino && sizeBytes === record.sizeBytes && mtimeNs === record.mtimeNs && ctimeNs === record.ctimeNs && mode === record.mode
        );
      };
      return same() && (await hashFile(file, record.sizeBytes, { hashing, slices })) === record.digest && same();
    } finally {
      file.close();
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
