import type { Entry } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import type { AncestorChange } from './ancestor.ts';
import type { Change } from './change.ts';

export type Side = 'alpha' | 'beta';

/** One of each for the two sides. */
export type Sides<T> = Readonly<Record<Side, T>>;

export const bothSides: readonly Side[] = ['alpha', 'beta'];

export function otherSide(side: Side): Side {
  return side === 'alpha' ? 'beta' : 'alpha';
}

/** What three trees say is to be done. Every list is in an order in which it can be carried out; the same trees give the same plan. */
export interface Plan {
  /** What is agreed (or held) without anything being moved. */
  readonly ancestorChanges: readonly AncestorChange[];
  readonly alphaChanges: readonly Change[];
  readonly betaChanges: readonly Change[];
  readonly conflicts: readonly Conflict[];
  readonly problems: readonly PlanProblem[];
}

/** Two wills at one path. Also when a policy settled it: then its changes are in the plan, too. */
export interface Conflict {
  readonly path: RelativePath;
  readonly reason: ConflictReason;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
  /** The rule of DESIGN section 5 that fired, for people: `6 newer`, `6 tie`, `7 kinds differ`. */
  readonly rule: string;
  readonly resolution: Side | 'keep-both' | 'skipped';
  /** The relation of the clocks that was used, where mtimes were compared; `undefined` also where one clock made both. The mtimes are in the entries. */
  readonly clock?: { readonly offsetMs: number; readonly uncertaintyMs: number } | undefined;
  /** Where the loser goes with `keep-both`. */
  readonly keptAs?: RelativePath | undefined;
}

/**
 * `content`: two contents, both new · `tie`: the same, and the clocks cannot tell which is newer · `first-sync`: two contents, and no ancestor ·
 * `kinds`: a directory against something else · `untracked`: what is there on one side is left alone, so the other side's cannot go there ·
 * `direction`: settling it would change a side that is not to be changed, or overwrite what that side's peer changed ·
 * `names-collide`: the name would be another one's on that side's file system.
 */
export type ConflictReason = 'content' | 'tie' | 'first-sync' | 'kinds' | 'untracked' | 'direction' | 'names-collide';

/** A path about which nothing could be decided, because one side could not be read there. */
export interface PlanProblem {
  readonly path: RelativePath;
  readonly side: Side;
  readonly code: string;
}
