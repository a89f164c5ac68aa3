/**
 * One synchronisation: the order of things, and nothing else.
 *
 *     [scan ahead] -> meet -> lock, read archives, scan -> agree on where we start -> decide -> guard -> [a dry run seals its plan and ends here]
 *         -> per batch: propagate, commit
 *
 * Each step is a file of `steps/`. Data (conflicts, problems, halts) ends up in the report; what ends a run otherwise is thrown. Batches that were
 * committed before an error stay done, and what a batch achieved before it broke off is in the journals, which the next run folds in.
 */
import type { Side } from '../reconcile/plan.ts';
import type { ConflictPolicy } from '../reconcile/policy.ts';
import type { RelativePath } from '../tree/path.ts';
import type { Clock } from './clock.ts';
import type { OnEvent } from './events.ts';
import type { PlanStore } from './plan-store.ts';
import type { Replica } from './replica.ts';
import type { HaltReason, SyncReport } from './report.ts';
import { applyPlan } from './steps/apply-plan.ts';
import { decide } from './steps/decide.ts';
import { meet } from './steps/meet.ts';
import { createReportBuilder } from './steps/report-builder.ts';
import { scanAhead } from './steps/scan-ahead.ts';
import { mustBeFor, readPlan, seal } from './steps/seal-plan.ts';
import { survey } from './steps/survey.ts';
import type { SyncSettings } from './sync-settings.ts';

export interface SyncOptions {
  /** The side that starts the run; its settings decide. */
  readonly alpha: Replica;
  /** A replica that is still on its way (a program that is being started on the far side) is waited for; meanwhile alpha is scanned, if it is a local one. */
  readonly beta: Replica | PromiseLike<Replica>;
  /** For people. */
  readonly names: Readonly<Record<Side, string>>;
  /** HOST in the names of kept losers: should not depend on which end starts the run. Default: `names`. */
  readonly hosts?: Readonly<Record<Side, string>> | undefined;
  /** Name of the profile: one archive per pair of replicas and name. */
  readonly profile: string;
  readonly settings: SyncSettings;
  /** Guards that follow from this end's config alone (config file, log targets, audit folder). Not compared with the other end's. */
  readonly guards?: readonly string[] | undefined;
  /** Names the config that they follow from: this end remembers one list for each. Default: the name of the profile. */
  readonly guardsFrom?: string | undefined;
  /** Id of this run, if the caller has named it already (its logs began before); else the clock makes one. */
  readonly run?: string | undefined;
  readonly dryRun: boolean;
  /** Settles the content conflicts of a first sync, once. */
  readonly first?: ConflictPolicy | undefined;
  /** Halts to be taken for this run. */
  readonly allow?: ReadonlySet<HaltReason> | undefined;
  /** Takes a replica or an archive that is not the one remembered as new: union, nothing is deleted. */
  readonly rejoin?: boolean | undefined;
  /**
   * Takes a marker or an archive that a side has lost from the mirror on that side's machine, and goes on. An archive from there counts only where the other
   * side's own record proves that it is the last one. All guards hold. A dry run writes nothing, and shows what would be restored and done.
   */
  readonly restoreState?: boolean | undefined;
  /** Only changes at or below these paths; scope, archive and guards stay those of the whole. */
  readonly paths?: readonly RelativePath[] | undefined;
  /** Where a dry run keeps its plan, and where `plan` is kept: a place of alpha's. Missing: a dry run seals nothing. */
  readonly plans?: PlanStore | undefined;
  /**
   * Id of a sealed plan, in `plans`: its changes are made and no others, or nothing is. Neither `paths` nor `first` select or decide anything then; `allow`,
   * `rejoin` and `restoreState` are said anew. `dryRun`: says what of it is still to be done.
   */
  readonly plan?: string | undefined;
  /** Hash all content anew. */
  readonly rehash?: boolean | undefined;
  /** `full` (default): content and directories are on the disk before the archive says so. */
  readonly durability?: 'full' | 'fast' | undefined;
  /** Apply only while the gate is open on both sides. */
  readonly requireAdmission?: boolean | undefined;
  /** How long a root that is in use is waited for. Default 60 s. */
  readonly lockWaitMs?: number | undefined;
  readonly clock: Clock;
  /** Rejects with its reason; no file is left half-written. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

/** What the steps know of a run: beta is there. */
export interface SyncRun extends SyncOptions {
  readonly beta: Replica;
}

/**
 * Synchronises two replicas, or says what that would do (`dryRun`). Costs two round trips when nothing changed.
 * Throws `SYNC_LOCKED`, `SYNC_PEER_LOST`, what the replicas throw and what beta is rejected with; for a sealed plan also `SYNC_PLAN_UNKNOWN`,
 * `SYNC_PLAN_DAMAGED` and `SYNC_PLAN_DRIFTED`, before anything is changed.
 */
export async function runSync(options: SyncOptions): Promise<SyncReport> {
  const report = createReportBuilder(options);
  const kept = await readPlan(options);
  const coming = Promise.resolve(options.beta);
  // Awaited below; what comes before may fail first, and then nobody asks for it.
  coming.catch(() => undefined);
  const ahead = 'then' in options.beta ? await scanAhead(options, report.run) : undefined;
  try {
    const run: SyncRun = { ...options, beta: await coming };
    const met = await meet(run, report);
    if (met.halt !== undefined) return report.halted(met.halt);
    const sealed = kept && mustBeFor(kept, run, met);
    const surveyed = await survey(run, met, report, ahead);
    try {
      const decided = await decide(run, met, surveyed, report, sealed);
      if (decided.halt !== undefined) return report.halted(decided.halt);
      if (run.dryRun && sealed === undefined) await seal(run, met, decided, report);
      if (run.dryRun) return report.finished();
      return await applyPlan(run, met, surveyed, decided, report);
    } finally {
      await surveyed.lock.release();
    }
  } finally {
    await ahead?.drop();
  }
}
