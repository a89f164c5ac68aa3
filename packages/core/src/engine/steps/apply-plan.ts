/** Carries a plan out, batch by batch, each committed by itself. */

import type { AncestorChange } from '../../reconcile/ancestor.ts';
import type { Change } from '../../reconcile/change.ts';
import { bothSides, otherSide, type Side } from '../../reconcile/plan.ts';
import type { Entry } from '../../tree/entry.ts';
import { entryAt } from '../../tree/lookup.ts';
import { isWithin, type RelativePath } from '../../tree/path.ts';
import { isAdmitted } from '../admission.ts';
import type { ArchiveCommit, ArchiveStore } from '../archive-store.ts';
import { SyncError } from '../errors.ts';
import type { SyncProblem, SyncReport } from '../report.ts';
import type { SyncRun } from '../run-sync.ts';
import { commitArchives, turnRound } from './commit-archives.ts';
import { type Decision, isLetGo } from './decide.ts';
import { type Met, peerAddress } from './meet.ts';
import { type Batch, planBatches } from './plan-batches.ts';
import { propagate } from './propagate.ts';
import type { ReportBuilder } from './report-builder.ts';
import type { Surveyed } from './survey.ts';

export async function applyPlan(options: SyncRun, met: Met, surveyed: Surveyed, decided: Decision, report: ReportBuilder): Promise<SyncReport> {
  const { pair } = met;
  const { archives } = surveyed;
  if (pair === undefined || archives === undefined) throw new TypeError('a run that applies has established both replicas');
  const { alpha, beta, signal, onEvent, durability = 'full' } = options;
  const batches = planBatches(decided.alphaChanges, decided.betaChanges, { isCopy: (path) => decided.copiesOf.has(path) });
  if (batches.length > 0) mustBeWritable(options);
  if (batches.length > 0 && !(await admitted(options))) return report.gated();

  const committer = createCommitter({ archives, turned: met.turned, decided, durability, report });
  // What is agreed without anything being moved goes with the first batch, so that most runs commit once. What is let go of on one side alone (a directory
  // that stays for what is out of scope in it) goes with the last, for only then is it known that nothing else is left in it.
  let pending = decided.ancestorChanges.filter((change) => !isLetGo(change));
  const letGo = decided.ancestorChanges.filter(isLetGo);
  const failedPaths: RelativePath[] = [];
  const total = totalsOf(batches);
  let doneItems = 0;
  let doneBytesBefore = 0;
  /** What batches achieved, until the run is over. */
  const achieved = { alpha: new Map<RelativePath, Entry | undefined>(), beta: new Map<RelativePath, Entry | undefined>() };
  const lastBatch = lastBatches(batches);
  const failedMoves = { alpha: new Set<RelativePath>(), beta: new Set<RelativePath>() };
  for (const [index, planned] of batches.entries()) {
    signal?.throwIfAborted();
    const { batch, left } = withoutOrphans(planned, failedMoves);
    if (index > 0 && !(await admitted(options))) {
      await committer.commit(pending);
      return report.gated();
    }
    onEvent?.({ type: 'phase', name: 'transition' });
    const staged: Record<Side, number> = { alpha: 0, beta: 0 };
    const progress = (): void =>
      onEvent?.({
        type: 'progress',
        phase: 'transition',
        doneBytes: doneBytesBefore + staged.alpha + staged.beta,
        totalBytes: total.bytes,
        doneItems,
        totalItems: total.items,
      });
    const outcome = await propagate(batch, {
      replicas: { alpha, beta },
      held: (side, path) => (achieved[side].has(path) ? achieved[side].get(path) : entryAt(decided.trees[side], path)),
      isAwaited: (side, path) => (lastBatch[side].get(path) ?? index) > index,
      sourceOf: (path) => decided.copiesOf.get(path) ?? path,
      run: report.run,
      undoes: decided.undoes,
      changesPeer: { alpha: decided.betaChanges.length > 0, beta: decided.alphaChanges.length > 0 },
      pair,
      durability,
      signal,
      onStaged: (side, doneBytes) => {
        staged[side] = doneBytes;
        progress();
      },
      onDone: (side, change, problem) => {
        doneItems++;
        if (problem !== undefined && change.from !== undefined) failedMoves[side].add(change.path);
        report.done(side, change, problem);
      },
    });
    for (const { side, change, problem } of left) {
      doneItems++;
      report.done(side, change, problem);
      failedPaths.push(change.path);
    }
    for (const side of ['alpha', 'beta'] as const) for (const [path, entry] of outcome.achieved[side]) achieved[side].set(path, entry);
    report.received(outcome.receivedBytes);
    progress();
    doneBytesBefore += staged.alpha + staged.beta;
    onEvent?.({ type: 'phase', name: 'commit' });
    failedPaths.push(...outcome.failedPaths);
    const last = index === batches.length - 1 ? letGo.filter(({ path }) => !failedPaths.some((failed) => isWithin(failed, path))) : [];
    await committer.commit([...pending, ...outcome.ancestorChanges, ...last]);
    pending = [];
  }
  if (batches.length === 0) await committer.commit([...pending, ...letGo]);
  await alpha.peers?.set(peerAddress(met.identities.beta, options.profile), betaId(met));
  return report.finished();
}

/** What both agree on is written on both, so a side that is only to be read keeps the other one from being changed, too. */
function mustBeWritable(options: SyncRun): void {
  for (const side of bothSides) {
    if (!options[side].capabilities.readOnly) continue;
    const message = `${options.names[side]} gives its tree away for reading only, and a run that applies keeps its record on both sides`;
    throw new SyncError('SYNC_READ_ONLY', message);
  }
}

/** For each path the last batch that changes a side there. */
function lastBatches(batches: readonly Batch[]): Readonly<Record<Side, ReadonlyMap<RelativePath, number>>> {
  const indexesByPath = { alpha: new Map<RelativePath, number>(), beta: new Map<RelativePath, number>() };
  // Most plans are one batch.
  if (batches.length > 1)
    for (const [index, batch] of batches.entries())
      for (const side of bothSides) for (const { path } of batch[side]) indexesByPath[side].set(path, index);
  return indexesByPath;
}

/** What follows a move that failed has nothing to follow: it is left for the next run. */
function withoutOrphans(
  batch: Batch,
  failedMoves: Readonly<Record<Side, ReadonlySet<RelativePath>>>,
): { readonly batch: Batch; readonly left: readonly { readonly side: Side; readonly change: Change; readonly problem: SyncProblem }[] } {
  if (failedMoves.alpha.size + failedMoves.beta.size === 0) return { batch, left: [] };
  const isOrphan = (side: Side, { path, from }: Change): boolean => from === undefined && failedMoves[otherSide(side)].has(path);
  return {
    batch: {
      alpha: batch.alpha.filter((change) => !isOrphan('alpha', change)),
      beta: batch.beta.filter((change) => !isOrphan('beta', change)),
    },
    left: bothSides.flatMap((side) =>
      batch[side].flatMap((change) => {
        if (!isOrphan(side, change)) return [];
        const message = `${change.path} was not renamed on the other side`;
        return [{ side, change, problem: { path: change.path, side, code: 'SYNC_SOURCE_CHANGED', message, during: 'transfer' as const } }];
      }),
    ),
  };
}

function createCommitter({
  archives,
  turned,
  decided,
  durability,
  report,
}: {
  readonly archives: Readonly<Record<Side, ArchiveStore>>;
  readonly turned: boolean;
  readonly decided: Decision;
  readonly durability: 'full' | 'fast';
  readonly report: ReportBuilder;
}): { commit(changes: readonly AncestorChange[]): Promise<void> } {
  let generation = decided.generation;
  let settings: ArchiveCommit['settings'] = decided.newSettings;
  return {
    /** Writes nothing if there is nothing to remember. */
    async commit(changes) {
      if (changes.length === 0 && settings === undefined) return;
      generation++;
      report.notDurable(await commitArchives(archives, { generation, changes: turnRound(changes, turned), settings, durability }));
      settings = undefined;
      report.committed();
    },
  };
}

async function admitted({ alpha, beta, clock, requireAdmission = false }: SyncRun): Promise<boolean> {
  const records = await Promise.all([alpha.admission(), beta.admission()]);
  return records.every((record) => isAdmitted(record, requireAdmission, clock.nowMs()));
}

function totalsOf(batches: ReturnType<typeof planBatches>): { readonly items: number; readonly bytes: number } {
  let items = 0;
  let bytes = 0;
  for (const batch of batches) {
    for (const { new: next, from } of [...batch.alpha, ...batch.beta]) {
      items++;
      if (next?.kind === 'file' && from === undefined) bytes += next.sizeBytes;
    }
  }
  return { items, bytes };
}

function betaId({ ids }: Met): NonNullable<Met['ids']['beta']> {
  if (ids.beta === undefined) throw new TypeError('established');
  return ids.beta;
}
