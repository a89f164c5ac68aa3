/** What a plan is made from and written into while it is being made: the places of the three trees, and the lists. */
import { type Entry, nodeOf, type Syncable, sameNode } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { isSameAtOnce, walk } from '../tree/walk.ts';
import type { Ancestor, AncestorChange } from './ancestor.ts';
import type { Change } from './change.ts';
import { syncable } from './compare.ts';
import type { NamesTaken } from './names-taken.ts';
import { bothSides, type Conflict, type PlanProblem, type Side, type Sides } from './plan.ts';
import type { SettleContext, Settlement } from './settle.ts';

/** What the decisions read and what they write. */
export interface Work extends SettleContext {
  readonly ancestor: Ancestor;
  /** Places in a directory that was decided as a whole which have to be decided by themselves, after it. */
  readonly undecided: Place[];
  readonly ancestorChanges: AncestorChange[];
  readonly changes: Sides<Change[]>;
  readonly conflicts: Conflict[];
  readonly problems: PlanProblem[];
  /** Names in use on a side whose file system takes different names for the same. */
  readonly names: Sides<NamesTaken | undefined>;
  /** Names that a kept loser cannot have. */
  readonly keptNames: NamesTaken;
  /** Whether a file may be made at a path. */
  readonly inScope: (path: RelativePath) => boolean;
}

/** A path and all that is there. */
export interface Place {
  readonly path: RelativePath;
  /** In the ancestor's halves. */
  readonly before: Sides<Entry | undefined>;
  readonly now: Sides<Entry | undefined>;
  /** The two directories that hold it; `undefined` for the root. */
  readonly parent: Place | undefined;
  /** What is in it was looked at when it was decided as a whole: its problems have been reported. */
  readonly isDecided?: true | undefined;
}

/** The same with what can be synced of it. Untracked counts as absent: nothing of it can travel. */
export interface Spot extends Place {
  readonly had: Sides<Syncable | undefined>;
  readonly has: Sides<Syncable | undefined>;
}

/** Why something that was decided cannot be done. */
export type Obstacle = Pick<Settlement, 'reason' | 'rule' | 'clock'> | 'problem';

export const oneWay: Obstacle = { reason: 'direction', rule: 'one way' };
export const inTheWay: Obstacle = { reason: 'untracked', rule: 'untracked' };

/** The ancestor is to hold this, though nothing has to be moved for it. */
export function remember({ ancestorChanges }: Work, path: RelativePath, alpha: Entry | undefined, beta: Entry | undefined): void {
  ancestorChanges.push({ path, alpha: alpha && nodeOf(alpha), beta: beta && nodeOf(beta) });
}

/** The ancestor is to hold what each side has now, if it does not yet. */
export function rememberNow(work: Work, { path, had, has }: Spot): void {
  if (sameNode(had.alpha, has.alpha) && sameNode(had.beta, has.beta)) return;
  remember(work, path, has.alpha, has.beta);
}

/** The same for a whole tree that only one side has. */
export function rememberOneSide(work: Work, { path, before, now }: Pick<Place, 'path' | 'before' | 'now'>, side: Side): void {
  walk(
    [now[side], before[side]],
    (at, [entry, was]) => {
      if (entry?.kind === 'problematic' || isSameAtOnce(entry, was)) return false;
      const has = syncable(entry);
      if (!sameNode(has, syncable(was))) remember(work, at, side === 'alpha' ? has : undefined, side === 'beta' ? has : undefined);
      return has !== undefined;
    },
    path,
  );
}

export function leave(work: Work, spot: Spot, obstacle: Obstacle): void {
  // What could not be read has been reported as a problem.
  if (obstacle !== 'problem') report(work, spot, { ...obstacle, resolution: 'skipped', winner: undefined });
}

export function report({ conflicts }: Work, { path, now }: Spot, { reason, rule, resolution, clock }: Settlement, keptAs?: RelativePath): void {
  conflicts.push({
    path,
    reason,
    alpha: now.alpha,
    beta: now.beta,
    rule,
    resolution,
    ...(clock && { clock }),
    ...(keptAs !== undefined && { keptAs }),
  });
}

/** `true`: one side could not be read here, so nothing is decided at this path or below it. */
export function reportProblem({ problems }: Work, path: RelativePath, now: Sides<Entry | undefined>): boolean {
  let found = false;
  for (const side of bothSides) {
    const entry = now[side];
    if (entry?.kind !== 'problematic') continue;
    problems.push({ path, side, code: entry.code });
    found = true;
  }
  return found;
}

/** The problems inside of a directory that is decided as a whole. */
export function reportProblemsBelow({ problems }: Work, { path, now, parent }: Spot, side: Side): void {
  if (parent?.isDecided) return;
  walk(
    [now[side]],
    (at, [entry]) => {
      if (entry?.kind === 'problematic') problems.push({ path: at, side, code: entry.code });
      // A Merkle digest is there only where all below was read.
      return entry?.kind === 'directory' && entry.merkle === undefined;
    },
    path,
  );
}
