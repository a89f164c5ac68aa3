/** Two-phase commit of an archive on both ends. */
import type { AncestorChange } from '../../reconcile/ancestor.ts';
import type { Side } from '../../reconcile/plan.ts';
import type { ArchiveCommit, ArchiveStore } from '../archive-store.ts';

/**
 * Both ends write the next generation as pending, durably; then both make it current. Stopped in between, the start table finds either the same pending
 * on both (and finishes) or on one side only (and discards), so that the two never disagree for longer than one run.
 */
export async function commitArchives(archives: Readonly<Record<Side, ArchiveStore>>, commit: ArchiveCommit): Promise<void> {
  await Promise.all([archives.alpha.prepare(commit), archives.beta.prepare(commit)]);
  await Promise.all([archives.alpha.commit(commit.generation), archives.beta.commit(commit.generation)]);
}

/**
 * Turns the sides of a run into those of an archive, or back: in an archive `alpha` is the replica whose id sorts first.
 */
export function turnRound(changes: readonly AncestorChange[], turned: boolean): readonly AncestorChange[] {
  return turned ? changes.map(({ path, alpha, beta }) => ({ path, alpha: beta, beta: alpha })) : changes;
}
