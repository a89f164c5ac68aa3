/** Two-phase commit of an archive on both ends. */
import type { AncestorChange } from '../../reconcile/ancestor.ts';
import { bothSides, type Side } from '../../reconcile/plan.ts';
import { parentPath, type RelativePath, rootPath } from '../../tree/path.ts';
import type { ArchiveCommit, ArchiveStore } from '../archive-store.ts';
import { isSyncError } from '../errors.ts';

/** A path that a side could not make durable. */
export interface NotDurable {
  readonly side: Side;
  readonly path: RelativePath;
  readonly code: string;
  readonly message: string;
}

/**
 * Both ends write the next generation as pending, durably; then both make it current. Stopped in between, the start table finds either the same pending
 * on both (and finishes) or on one side only (and discards), so that the two never disagree for longer than one run.
 *
 * What a side cannot make durable is left out by both, and told: the next run finds it, and agrees on it by itself.
 */
export async function commitArchives(archives: Readonly<Record<Side, ArchiveStore>>, commit: ArchiveCommit): Promise<readonly NotDurable[]> {
  let { changes } = commit;
  const notDurable: NotDurable[] = [];
  for (let failures = await prepareBoth(archives, commit); failures.length > 0; failures = await prepareBoth(archives, { ...commit, changes })) {
    notDurable.push(...failures);
    const paths = new Set(failures.map(({ path }) => path));
    changes = changes.filter(({ path }) => !paths.has(path) && !paths.has(parentPath(path) ?? rootPath));
  }
  await Promise.all([archives.alpha.commit(commit.generation), archives.beta.commit(commit.generation)]);
  return notDurable;
}

async function prepareBoth(archives: Readonly<Record<Side, ArchiveStore>>, commit: ArchiveCommit): Promise<readonly NotDurable[]> {
  const prepared = await Promise.allSettled(bothSides.map(async (side) => archives[side].prepare(commit)));
  return prepared.flatMap((result, index) => {
    if (result.status === 'fulfilled') return [];
    const error: unknown = result.reason;
    const paths = isSyncError(error) ? error.details['notDurable'] : undefined;
    // All of them are left out, or it is over: asked once more, a disk would say that all is well.
    if (!isSyncError(error) || !Array.isArray(paths) || paths.length === 0 || !paths.every((path) => isAbout(commit, path))) throw error;
    return paths.map((path: RelativePath) => ({ side: bothSides[index] as Side, path, code: error.code, message: error.message }));
  });
}

function isAbout({ changes }: ArchiveCommit, path: unknown): boolean {
  return changes.some((change) => change.path === path || (parentPath(change.path) ?? rootPath) === path);
}

/**
 * Turns the sides of a run into those of an archive, or back: in an archive `alpha` is the replica whose id sorts first.
 */
export function turnRound(changes: readonly AncestorChange[], turned: boolean): readonly AncestorChange[] {
  return turned ? changes.map(({ path, alpha, beta }) => ({ path, alpha: beta, beta: alpha })) : changes;
}
