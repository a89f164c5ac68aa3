/** Makes what is under many paths of a root durable. */
import pLimit from 'p-limit';
import type { DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { SyncErrorCode } from '../engine/errors.ts';
import type { Entry } from '../tree/entry.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { createHeldDirectories } from './held-directories.ts';
import { ioFailure } from './io-failure.ts';

/** Above this many, one sync of the file system is cheaper: 20,000 small files take 3.5 s one by one and 0.2 s at once (2 cores, ext4 on a virtual disk). */
const syncsMax = 100;

/** Each waits in a thread of Node's pool, which has four; a few more keep it busy, and each holds a descriptor open. */
const syncsAtOnce = 16;

/** Makes many things durable: one by one, a handful at a time, or all with the whole file system where it can. */
export async function syncMany<Item>(items: readonly Item[], on: DiskDirectory, syncOne: (item: Item) => Promise<void>): Promise<void> {
  if (items.length > syncsMax && (await on.syncFileSystem())) return;
  const limit = pLimit(syncsAtOnce);
  await Promise.all(items.map((item) => limit(syncOne, item)));
}

/**
 * Since when a change may not be on the disk yet, if nobody has synced it. Kernels write by themselves within half a minute (Linux 35 s, macOS 30 s); an hour
 * is for those that were told to save power.
 */
export function unwrittenSinceNs(nowMs: number): bigint {
  return BigInt(Math.floor(nowMs) - 60 * 60 * 1000) * 1_000_000n;
}

/** Why paths could not be made durable. After a failed sync nobody knows what is on the disk, and a second one would say that all is well. */
export type SyncFailures = ReadonlyMap<RelativePath, { readonly code: SyncErrorCode; readonly message: string }>;

/** Makes durable what is under these paths: see {@link syncPath}. Throws what a sync of the whole file system says. */
export async function syncPaths(paths: readonly RelativePath[], root: DiskDirectory, changedSinceNs?: bigint): Promise<SyncFailures> {
  const failures = new Map<RelativePath, { readonly code: SyncErrorCode; readonly message: string }>();
  await syncMany(paths, root, async (path) => {
    try {
      await syncPath(path, root, changedSinceNs);
    } catch (error) {
      failures.set(path, ioFailure(error, `make ${path || 'the root'} durable`));
    }
  });
  return failures;
}

/**
 * Makes durable what is agreed on of this side: what its user has changed, perhaps a moment ago, and what a process has changed that was killed then. What
 * was changed more than an hour ago is taken to be on the disk.
 */
export async function syncAgreed(
  agreed: readonly { readonly path: RelativePath; readonly entry: Entry | undefined }[],
  { root, nowMs }: { readonly root: DiskDirectory; readonly nowMs: number },
): Promise<SyncFailures> {
  const paths = new Set<RelativePath>();
  for (const { path, entry } of agreed) {
    paths.add(parentPath(path) ?? rootPath);
    if (entry?.kind === 'file' || entry?.kind === 'directory') paths.add(path);
  }
  return syncPaths([...paths], root, unwrittenSinceNs(nowMs));
}

/**
 * Makes an entry durable: a file with its content, a directory with its names, both with mode and times. A link has nothing beside its name. Nothing there
 * is fine: the name is its folder's. What was last changed before `changedSinceNs` is passed over.
 */
async function syncPath(path: RelativePath, root: DiskDirectory, changedSinceNs = 0n): Promise<void> {
  const walk = createHeldDirectories(root);
  try {
    const name = baseName(path);
    if (name === undefined) return await root.sync();
    const parent = walk.open(parentPath(path) ?? rootPath).directory;
    const stat = parent.lstat(name);
    if ((stat?.kind !== 'file' && stat?.kind !== 'directory') || stat.ctimeNs < changedSinceNs) return;
    const opened = stat.kind === 'file' ? parent.openFile(name, 'read') : parent.openDirectory(name);
    try {
      await opened.sync();
    } finally {
      opened.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return;
    if (!isErrno(error, 'EACCES')) throw error;
    // Its owner may not read it: only with all the rest can it be synced then, where that can be done.
    await root.syncFileSystem();
  } finally {
    walk.release();
  }
}
