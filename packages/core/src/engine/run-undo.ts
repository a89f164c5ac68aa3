/**
 * Undo of one run: each side goes back to what it was before that run, wherever it is still what the run left.
 *
 *     meet -> lock, read archives, scan -> agree on where we start -> what did the run do? -> [a dry run ends here] -> apply
 *
 * An undo is a run like any other: it has an id, so that it can be undone itself; it keeps what it replaces; after an interruption the next run takes what it
 * achieved into account. Only its plan comes from somewhere else (`reconcile/undo.ts`). What is put back on one side differs from what the other side has, and
 * both remember that as held: no run, from whichever end, brings back what was undone, until somebody edits that path.
 *
 * The marker has to be there; the guards over a plan are not asked: a person names the run, sees what would be done, and asks for it again with `dryRun: false`.
 */
import type { Ancestor } from '../reconcile/ancestor.ts';
import { bothSides, otherSide, type Sides } from '../reconcile/plan.ts';
import { type NotUndone, planUndo } from '../reconcile/undo.ts';
import { type RelativePath, rootPath } from '../tree/path.ts';
import { SyncError } from './errors.ts';
import type { RecalledRun } from './replica.ts';
import type { SyncHalt, SyncProblem, SyncReport } from './report.ts';
import type { SyncOptions, SyncRun } from './run-sync.ts';
import { type AgreedStart, agreeStart } from './steps/agree-start.ts';
import { applyPlan } from './steps/apply-plan.ts';
import { type Decision, treesOf, unmarkedHalt } from './steps/decide.ts';
import { type Met, meet } from './steps/meet.ts';
import { createReportBuilder, type ReportBuilder } from './steps/report-builder.ts';
import { type Surveyed, survey } from './steps/survey.ts';

export interface UndoOptions extends Omit<SyncOptions, 'allow' | 'first' | 'paths' | 'plan' | 'plans' | 'rejoin' | 'restoreState'> {
  /** The run that is to be undone, as its report and its audit name it. */
  readonly undo: string;
}

/**
 * Undoes a run, or says what that would do (`dryRun`). What cannot be put back, because somebody has changed it since, or it is kept no more, is left as it is
 * and is a problem in the report (`SYNC_NOT_UNDONE`); so is a side that has lost what it knew of the run (`SYNC_RUN_UNKNOWN`, at the root). Throws
 * `SYNC_RUN_UNKNOWN` where neither side knows the run (any more), and what `runSync` throws. No halt of an undo can be allowed.
 */
export async function runUndo(options: UndoOptions): Promise<SyncReport> {
  const report = createReportBuilder(options);
  const run: SyncRun = { ...options, beta: await options.beta };
  const halted = (halt: SyncHalt): SyncReport => report.halted({ ...halt, overridable: false });
  const met = await meet(run, report);
  if (met.halt !== undefined) return halted(met.halt);
  const surveyed = await survey(run, met, report, undefined);
  try {
    const decided = await decideUndo({ ...run, undo: options.undo }, met, surveyed, report);
    if (decided.halt !== undefined) return halted(decided.halt);
    if (options.dryRun) return report.finished();
    return await applyPlan(run, met, surveyed, decided, report);
  } finally {
    await surveyed.lock.release();
  }
}

async function decideUndo(
  options: SyncRun & Pick<UndoOptions, 'undo'>,
  met: Met,
  surveyed: Surveyed,
  report: ReportBuilder,
): Promise<Decision & { readonly halt?: SyncHalt | undefined }> {
  const { undo, alpha, beta, names } = options;
  const start = await agreeStart(options, met, surveyed, report);
  const halt = start.halt ?? settingsHalt(start) ?? unmarkedHalt(options, surveyed.snapshots);
  // What a side was agreed to have stays agreed where the other goes back: an edit of its own that it has not sent yet still travels.
  const ancestor: Ancestor = start.ancestor ?? (await surveyed.known.ancestor());
  const common = {
    ancestorChanges: [],
    copiesOf: new Map<RelativePath, RelativePath>(),
    trees: ancestor,
    generation: start.generation,
    newSettings: undefined,
    undoes: undo,
  };
  if (halt !== undefined) return { ...common, alphaChanges: [], betaChanges: [], halt };
  const pair = met.pair;
  const [left, right] = pair === undefined ? [] : await Promise.all([alpha.recallRun?.(pair, undo), beta.recallRun?.(pair, undo)]);
  // Without anything agreed there is nothing to hold against: the next run would bring all of it back.
  if (start.head === undefined || (left === undefined && right === undefined)) {
    throw new SyncError('SYNC_RUN_UNKNOWN', `neither ${names.alpha} nor ${names.beta} knows a run ${undo} of the two, or not any more`, {
      run: undo,
    });
  }
  const trees = await treesOf(surveyed, ancestor);
  const plan = planUndo({ ...trees, done: { alpha: left?.changes ?? [], beta: right?.changes ?? [] } });
  report.planned({
    changes: bothSides.flatMap((side) => plan[`${side}Changes`].map((change) => ({ side, change }))),
    conflicts: [],
    problems: [],
    held: [],
  });
  for (const problem of problemsOf(undo, { alpha: left, beta: right }, names)) report.problem(problem);
  for (const not of plan.left) report.problem(problemOf(not, names));
  return { ...common, alphaChanges: plan.alphaChanges, betaChanges: plan.betaChanges };
}

/** What the run did was done and written down under other settings: what it left would not be known again. */
function settingsHalt({ head, newSettings }: AgreedStart): SyncHalt | undefined {
  if (head === undefined || newSettings === undefined) return undefined;
  const message = 'the settings are not those of the last run: a run that takes them over comes before an undo';
  return { reason: 'settings-differ', side: 'alpha', message, overridable: false };
}

/** What is to be said of a side as a whole. */
function problemsOf(run: string, known: Sides<RecalledRun | undefined>, names: Sides<string>): readonly SyncProblem[] {
  return bothSides.flatMap((side) => {
    const common = { path: rootPath, side, during: 'decide' as const };
    const recalled = known[side];
    if (recalled === undefined) {
      if (known[otherSide(side)]?.changesPeer !== true) return [];
      return [{ ...common, code: 'SYNC_RUN_UNKNOWN', message: `the record of ${run} on ${names[side]} is gone: what that run did there stays` }];
    }
    if (recalled.outOfScope === 0) return [];
    const paths = recalled.outOfScope === 1 ? '1 path' : `${recalled.outOfScope} paths`;
    const message = `what that run did at ${paths} on ${names[side]} stays: out of scope since`;
    return [{ ...common, code: 'SYNC_NOT_UNDONE', message }];
  });
}

function problemOf({ path, side, reason }: NotUndone, names: Sides<string>): SyncProblem {
  return { path, side, code: 'SYNC_NOT_UNDONE', message: `${path} on ${names[side]} ${why[reason]}`, during: 'decide' };
}

const why: Readonly<Record<NotUndone['reason'], string>> = {
  'changed-since': 'is not what that run left any more: it stays as it is',
  'not-kept': 'is not put back: what was there is kept no more',
  'not-empty': 'stays: something has come into the folder since',
  'no-folder': 'is not put back: there is no folder for it any more',
};
