/**
 * Sealed plans on the disk: `.ubos-sync/plans/SHA256.plan`, each a text named by the hash of its bytes. Kept for a week, at most a hundred; the time of the
 * file says when it was last sealed. A plan is kept only where there is a state folder already: a dry run makes none.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Clock } from '../engine/clock.ts';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import { planBytesMax } from '../engine/plan-form.ts';
import type { KeptPlan, PlanName, PlanStore } from '../engine/plan-store.ts';
import { readWholeFile, unlinkIfThere, writeFileAtomically } from './atomic-write.ts';
import { createNodeDisk } from './node-disk.ts';
import { openStateFolder, type StateFolder, stateError } from './state-folder.ts';
import { systemClock } from './system-clock.ts';

export interface FsPlanStoreOptions {
  readonly disk?: Disk | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * The plans of the root at `rootPath`. Nothing is held open between calls. Whoever puts holds the lock of the root: a run does. Throws what a state folder
 * does, too: `SYNC_STATE_UNSAFE`, `SYNC_REMOTE_NOT_WRITABLE`, `SYNC_NO_SPACE`, `SYNC_IO`.
 */
export function createFsPlanStore(rootPath: string, { disk = createNodeDisk(), clock = systemClock }: FsPlanStoreOptions = {}): PlanStore {
  const path = resolve(rootPath);
  return {
    put: (text) =>
      withState(disk, path, async (state) => {
        if (state === undefined) return undefined;
        const bytes = Buffer.from(text);
        const name = nameOf(bytes);
        const folder = state.make('plans');
        await writeFileAtomically(folder, fileOf(name.hash), bytes);
        prune(folder, clock.nowMs(), name.hash);
        return name;
      }),
    get: (id) => withState(disk, path, (state) => readPlan(state?.look('plans'), id)),
  };
}

const keptMs = 7 * 86_400_000;
const keptMax = 100;
const idDigits = 16;
const fileName = /^([0-9a-f]{64})\.plan$/;

function nameOf(bytes: Uint8Array): PlanName {
  const hash = createHash('sha256').update(bytes).digest('hex');
  return { id: hash.slice(0, idDigits), hash };
}

function fileOf(hash: string): string {
  return `${hash}.plan`;
}

function readPlan(folder: DiskDirectory | undefined, id: string): KeptPlan {
  const hashes = folder === undefined || !/^[0-9a-f]+$/.test(id) ? [] : plansIn(folder).filter((hash) => hash.startsWith(id));
  const [hash] = hashes;
  if (folder === undefined || hash === undefined) {
    throw new SyncError('SYNC_PLAN_UNKNOWN', `there is no plan ${id} here`, { plan: id });
  }
  if (hashes.length > 1) {
    const ids = hashes.map((each) => each.slice(0, idDigits)).sort();
    throw new SyncError('SYNC_PLAN_UNKNOWN', `${hashes.length} plans begin with ${id}: ${ids.join(', ')}`, { plan: id, hint: 'give more of its id' });
  }
  let bytes: Uint8Array | undefined;
  try {
    bytes = readWholeFile(folder, fileOf(hash), planBytesMax);
  } catch (error) {
    if (!isErrno(error, 'EFBIG')) throw error;
  }
  const name = bytes && nameOf(bytes);
  if (bytes === undefined || name?.hash !== hash) {
    const damaged = hash.slice(0, idDigits);
    throw new SyncError('SYNC_PLAN_DAMAGED', `plan ${damaged} is damaged: its content does not have the hash that is its name`, { plan: damaged });
  }
  return { ...name, text: Buffer.from(bytes).toString() };
}

/** Old ones go, and those above the number, the oldest first; so does what a crash left. The one that was just kept stays. */
function prune(folder: DiskDirectory, nowMs: number, current: string): void {
  for (const { name } of folder.list()) if (name?.endsWith('.new') && fileName.test(name.slice(0, -'.new'.length))) unlinkIfThere(folder, name);
  const others = plansIn(folder)
    .filter((hash) => hash !== current)
    .map((hash) => ({ hash, sealedAtMs: Number((folder.lstat(fileOf(hash))?.mtimeNs ?? 0n) / 1_000_000n) }))
    .sort((a, b) => b.sealedAtMs - a.sealedAtMs);
  for (const [index, { hash, sealedAtMs }] of others.entries()) {
    if (index + 1 >= keptMax || sealedAtMs < nowMs - keptMs) unlinkIfThere(folder, fileOf(hash));
  }
}

/** Their hashes. */
function plansIn(folder: DiskDirectory): readonly string[] {
  return folder.list().flatMap(({ name }) => fileName.exec(name ?? '')?.[1] ?? []);
}

async function withState<T>(disk: Disk, path: string, work: (state: StateFolder | undefined) => T | Promise<T>): Promise<T> {
  const root = disk.openRoot(path);
  let state: StateFolder | undefined;
  try {
    state = root && openStateFolder(root, { rootPath: path });
    return await work(state);
  } catch (error) {
    throw stateError(`work on the plans of ${path}`, error);
  } finally {
    state?.close();
    root?.close();
  }
}
