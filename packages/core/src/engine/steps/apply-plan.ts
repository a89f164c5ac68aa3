/** Carries a plan out, batch by batch, each committed by itself. */

import type { AncestorChange } from '../../reconcile/ancestor.ts';
import type { Side } from '../../reconcile/plan.ts';
import { entryAt } from '../../tree/lookup.ts';
import { isWithin, type RelativePath } from '../../tree/path.ts';
import { isAdmitted } from '../admission.ts';
import type { ArchiveCommit, ArchiveStore } from '../archive-store.ts';
import type { SyncReport } from '../report.ts';
import type { SyncRun } from '../run-sync.ts';
import { commitArchives, turnRound } from './commit-archives.ts';
import { type Decided, isLetGo } from './decide.ts';
import { type Met, peerAddress } from './meet.ts';
import { planBatches } from './plan-batches.ts';
import { propagate } from './propagate.ts';
import type { ReportBuilder } from './report-builder.ts';
import type { Surveyed } from './survey.ts';

export async function applyPlan(options: SyncRun, met: Met, surveyed: Surveyed, decided: Decided, report: ReportBuilder): Promise<SyncReport> {
  const { pair } = met;
  const { archives } = surveyed;
  if (pair === undefined || archives === undefined) throw new TypeError('a run that applies has established both replicas');
  const { alpha, beta, signal, onEvent, durability = 'full' } = options;
  const batches = planBatches(decided.alphaChanges, decided.betaChanges, { isCopy: (path) => decided.copiesOf.has(path) });
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
  for (const [index, batch] of batches.entries()) {
    signal?.throwIfAborted();
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
      scanned: (side, path) => entryAt(decided.trees[side], path),
      sourceOf: (path) => decided.copiesOf.get(path) ?? path,
      run: report.run,
      pair,
      durability,
      signal,
      onStaged: (side, doneBytes) => {
        staged[side] = doneBytes;
        progress();
      },
      onDone: (side, change, problem) => {
        doneItems++;
        report.done(side, change, problem);
      },
    });
    doneBytesBefore += staged.alpha + staged.beta;
    report.received(outcome.receivedBytes);
    progress();
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

function createCommitter({
  archives,
  turned,
  decided,
  durability,
  report,
}: {
  readonly archives: Readonly<Record<Side, ArchiveStore>>;
  readonly turned: boolean;
  readonly decided: Decided;
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
      await commitArchives(archives, { generation, changes: turnRound(changes, turned), settings, durability });
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
    for (const { new: next } of [...batch.alpha, ...batch.beta]) {
      items++;
      if (next?.kind === 'file') bytes += next.sizeBytes;
    }
  }
  return { items, bytes };
}

function betaId({ ids }: Met): NonNullable<Met['ids']['beta']> {
  if (ids.beta === undefined) throw new TypeError('established');
  return ids.beta;
}
