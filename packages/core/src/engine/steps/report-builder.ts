import type { Change } from '../../reconcile/change.ts';
import type { Conflict, PlanProblem, Side } from '../../reconcile/plan.ts';
import type { PlanName } from '../plan-store.ts';
import { type Snapshot, unnamedInMax } from '../replica.ts';
import {
  actionOf,
  type HeldEntry,
  type SyncChange,
  type SyncHalt,
  type SyncNotice,
  type SyncOutcome,
  type SyncProblem,
  type SyncReport,
} from '../report.ts';
import type { SyncOptions } from '../run-sync.ts';
import type { NotDurable } from './commit-archives.ts';

/** Collects what the steps of a run find and do. */
export interface ReportBuilder {
  readonly run: string;
  notice(notice: SyncNotice): void;
  firstSync(): void;
  scanned(snapshots: Readonly<Record<Side, Snapshot>>): void;
  planned(plan: {
    readonly changes: readonly { readonly side: Side; readonly change: Change }[];
    readonly conflicts: readonly Conflict[];
    readonly problems: readonly PlanProblem[];
    readonly held: readonly HeldEntry[];
  }): void;
  /** The run's plan has a name. `left`: the changes that a plan made now would have besides. */
  sealed(plan: PlanName, left: number): void;
  problem(problem: SyncProblem): void;
  done(side: Side, change: Change, problem: SyncProblem | undefined): void;
  /** What is done there may be lost by a power cut, so it was not remembered. */
  notDurable(paths: readonly NotDurable[]): void;
  received(bytes: Readonly<Record<Side, number>>): void;
  committed(): void;
  halted(halt: SyncHalt): SyncReport;
  gated(): SyncReport;
  finished(): SyncReport;
}

export function createReportBuilder(options: SyncOptions): ReportBuilder {
  const { clock, onEvent, names, dryRun } = options;
  const run = options.run ?? clock.newId();
  const startedAtMs = clock.nowMs();
  const startedMonotonicMs = clock.monotonicMs();
  const notices: SyncNotice[] = [];
  const problems: SyncProblem[] = [];
  const changes: SyncChange[] = [];
  const changeIndex = new Map<string, number>();
  let conflicts: readonly Conflict[] = [];
  let held: readonly HeldEntry[] = [];
  let first = false;
  let plan: PlanName | undefined;
  let left = 0;
  let snapshots: Readonly<Record<Side, Snapshot>> | undefined;
  let toAlpha = 0;
  let toBeta = 0;
  let commits = 0;

  const notice = (found: SyncNotice): void => {
    notices.push(found);
    onEvent?.({ type: 'notice', notice: found });
  };
  const build = (outcome: SyncOutcome, halt?: SyncHalt): SyncReport => {
    const count = (pick: 'entries' | 'filesHashed' | 'bytesHashed'): Readonly<Record<Side, number>> => ({
      alpha: snapshots?.alpha.counts[pick] ?? 0,
      beta: snapshots?.beta.counts[pick] ?? 0,
    });
    return {
      run,
      names,
      dryRun,
      outcome,
      first,
      changes,
      conflicts,
      problems,
      held,
      plan,
      left,
      halt,
      notices,
      counts: {
        entries: count('entries'),
        filesHashed: count('filesHashed'),
        bytesHashed: count('bytesHashed'),
        contentBytes: { toAlpha, toBeta },
        commits,
      },
      startedAtMs,
      durationMs: clock.monotonicMs() - startedMonotonicMs,
    };
  };

  return {
    run,
    notice,
    firstSync() {
      first = true;
    },
    scanned(found) {
      snapshots = found;
      for (const side of ['alpha', 'beta'] as const) {
        const { unnamed, unnamedIn = [] } = found[side].counts;
        if (unnamed === 0) continue;
        const where = unnamedIn.map((path) => path || 'the root').join(', ');
        notice({
          code: 'SYNC_NAME_NOT_UTF8',
          side,
          message:
            `${unnamed} name${unnamed === 1 ? '' : 's'} on ${names[side]} ${unnamed === 1 ? 'is' : 'are'} not UTF-8, or longer than 255 bytes: ` +
            `what bears such a name is left alone${where === '' ? '' : ` (in ${where}${unnamedIn.length === unnamedInMax ? ', ...' : ''})`}`,
        });
      }
    },
    planned(found) {
      conflicts = found.conflicts;
      held = found.held;
      for (const { path, side, code } of found.problems) {
        const message = `${path || 'the root'} could not be read on ${names[side]} (${code})`;
        problems.push({ path, side, code: problemCode(code), message, during: 'decide' });
      }
      for (const { side, change } of found.changes) {
        const { path, old, new: next, from, to } = change;
        // Where something moved away is no change of its own.
        if (to !== undefined) continue;
        changeIndex.set(`${side} ${path}`, changes.length);
        changes.push({ path, side, action: actionOf(change), ...(from && { from: from.path }), old, new: next, status: 'pending' });
      }
    },
    sealed(name, leftForNext) {
      plan = name;
      left = leftForNext;
    },
    problem: (found) => void problems.push(found),
    done(side, { path, to }, problem) {
      const index = changeIndex.get(`${side} ${to ?? path}`);
      const planned = index === undefined ? undefined : changes[index];
      // A move was reported when its entry came to its new place; after that only a failure is news.
      if (index === undefined || planned === undefined || (to !== undefined && problem === undefined)) return;
      const change: SyncChange = { ...planned, status: problem === undefined ? 'done' : 'failed' };
      changes[index] = change;
      if (problem !== undefined) problems.push(problem);
      onEvent?.({ type: 'change', change });
    },
    notDurable: (found) => void problems.push(...found.map((problem): SyncProblem => ({ ...problem, during: 'transfer' }))),
    received(bytes) {
      toAlpha += bytes.alpha;
      toBeta += bytes.beta;
    },
    committed() {
      commits++;
    },
    halted: (halt) => build('halted', halt),
    gated: () => build('skipped-gated'),
    finished() {
      const open = problems.length > 0 || conflicts.some(({ resolution }) => resolution === 'skipped');
      if (dryRun && changes.length > 0) return build('pending');
      if (open) return build('partial');
      return build(changes.length + left > 0 ? 'applied' : 'in-sync');
    },
  };
}

/** Codes are ours; what the system calls it is in the message. */
function problemCode(code: string): string {
  if (code.startsWith('SYNC_')) return code;
  return code === 'EACCES' || code === 'EPERM' ? 'SYNC_DENIED' : 'SYNC_IO';
}
