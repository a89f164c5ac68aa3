/**
 * The report: everything a run found and did, as plain data. A dry run returns the same report as the real run, with its changes still `pending`.
 */
import type { Change } from '../reconcile/change.ts';
import type { Conflict, Side } from '../reconcile/plan.ts';
import type { Entry } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import type { PlanName } from './plan-store.ts';

export interface SyncReport {
  readonly run: string;
  /** What the sides are called, for people. */
  readonly names: Readonly<Record<Side, string>>;
  readonly dryRun: boolean;
  readonly outcome: SyncOutcome;
  /** Whether this was the pair's first sync. */
  readonly first: boolean;
  /** In the order in which they are (or were) made. */
  readonly changes: readonly SyncChange[];
  /** Also those that a policy settled (see `resolution`). */
  readonly conflicts: readonly Conflict[];
  readonly problems: readonly SyncProblem[];
  /** Differences that both sides have accepted. */
  readonly held: readonly HeldEntry[];
  /** The sealed plan that was applied; of a dry run, what its plan was sealed as, if it was. */
  readonly plan?: PlanName | undefined;
  /** Changes that a run without a sealed plan would make, and that are not in the one that was applied: they are left for the next run. */
  readonly left: number;
  /** Set if the outcome is `halted`. */
  readonly halt: SyncHalt | undefined;
  /** Things worth a line that change nothing: settings taken over, a stale lock removed, a commit finished. */
  readonly notices: readonly SyncNotice[];
  readonly counts: SyncCounts;
  readonly startedAtMs: number;
  readonly durationMs: number;
}

/**
 * `in-sync`: nothing to do · `pending`: a dry run with changes · `applied`: all done (of a sealed plan, all that is in it) · `partial`: done but for conflicts left open or problems ·
 * `halted`: going on could destroy something, nothing was changed · `skipped-gated`: the gate is closed, changes stay pending.
 * What ends a run otherwise (a lost connection, a lock still held) is a thrown `SyncError`; batches committed before it stay done.
 */
export type SyncOutcome = 'in-sync' | 'pending' | 'applied' | 'partial' | 'halted' | 'skipped-gated';

export interface SyncChange {
  readonly path: RelativePath;
  /** The side that is changed. */
  readonly side: Side;
  readonly action: SyncAction;
  /** Where a renamed entry was. Its deletion there is part of this change. */
  readonly from?: RelativePath | undefined;
  readonly old: Entry | undefined;
  readonly new: Entry | undefined;
  readonly status: 'pending' | 'done' | 'failed';
}

/** `update` is a new content (of a file or a link), `replace` another kind of entry, `chmod` permissions alone; `rename` moves what is there to a new path. */
export type SyncAction = 'create' | 'update' | 'replace' | 'delete' | 'chmod' | 'rename' | 'mkdir' | 'symlink';

export interface SyncProblem {
  readonly path: RelativePath;
  readonly side: Side;
  readonly code: string;
  readonly message: string;
  /** `decide`: the path could not be read, so nothing was planned; `transfer`: a planned change failed this time. */
  readonly during: 'decide' | 'transfer';
}

export interface HeldEntry {
  readonly path: RelativePath;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

export interface SyncHalt {
  readonly reason: HaltReason;
  readonly side: Side | undefined;
  /** What was found, in one sentence with its numbers. */
  readonly message: string;
  /** Whether `allow` takes this reason for one run. */
  readonly overridable: boolean;
  /** Whether what was lost can be taken back (`restoreState`). */
  readonly restorable?: boolean | undefined;
}

export type HaltReason =
  | 'root-missing'
  | 'root-kind'
  | 'marker-missing'
  | 'replica-changed'
  | 'archive-lost'
  | 'peer-is-self'
  | 'settings-differ'
  | 'root-emptied'
  | 'path-emptied'
  | 'mass-delete'
  | 'mass-change'
  | 'no-space'
  | 'gate-closed';

export interface SyncNotice {
  readonly code: string;
  readonly message: string;
  readonly side?: Side | undefined;
}

/** How much was done: the measure of speed that does not depend on the machine. */
export interface SyncCounts {
  readonly entries: Readonly<Record<Side, number>>;
  readonly filesHashed: Readonly<Record<Side, number>>;
  readonly bytesHashed: Readonly<Record<Side, number>>;
  /** Content that had to travel, in bytes of content. */
  readonly contentBytes: Readonly<Record<'toAlpha' | 'toBeta', number>>;
  /** Commits of the archive. */
  readonly commits: number;
}

/** The word for what a change does. */
export function actionOf({ old, new: next, from }: Change): SyncAction {
  if (from !== undefined) return 'rename';
  if (next === undefined) return 'delete';
  if (old === undefined) return next.kind === 'directory' ? 'mkdir' : next.kind === 'symlink' ? 'symlink' : 'create';
  if (old.kind !== next.kind) return 'replace';
  if (old.kind === 'file' && next.kind === 'file' && (old.digest !== next.digest || old.sizeBytes !== next.sizeBytes)) return 'update';
  if (old.kind === 'symlink') return 'update';
  return 'chmod';
}
