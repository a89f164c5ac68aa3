import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import type { RelativePath } from '../tree/path.ts';
import { type Ancestor, type AncestorChange, agreed } from './ancestor.ts';
import { applyChanges } from './apply.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import type { Change } from './change.ts';
import { halfAfter } from './half-after.ts';
import { bothSides, otherSide, type Plan, type Side } from './plan.ts';

export interface PairState {
  readonly ancestor: Ancestor;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

/** What a plan comes to when everything in it works: both trees, and the ancestor that remembers it. */
export function applyPlan(
  { ancestor, alpha, beta }: { readonly ancestor: Ancestor | undefined; readonly alpha: Entry | undefined; readonly beta: Entry | undefined },
  plan: Plan,
): PairState {
  const left = applyChanges(alpha, plan.alphaChanges);
  const right = applyChanges(beta, plan.betaChanges);
  const achieved = achievedAt(plan, left, right);
  return { ancestor: applyAncestorChanges(ancestor ?? agreed(undefined), [...plan.ancestorChanges, ...achieved]), alpha: left, beta: right };
}

/**
 * What the ancestor has to remember of changes that were made: each side as it is afterwards, at each path that was changed on either. Of what moved
 * and is still different, only that it moved.
 */
function achievedAt(plan: Plan, alpha: Entry | undefined, beta: Entry | undefined): readonly AncestorChange[] {
  const remembered: AncestorChange[] = [];
  const seen = new Set<RelativePath>();
  const after = { alpha, beta };
  const remember = (side: Side, change: Change): void => {
    const { path } = change;
    if (seen.has(path)) return;
    seen.add(path);
    const [own, peer] = [entryAt(after[side], path), entryAt(after[otherSide(side)], path)];
    const half = halfAfter({ ...change, peer }, own, true);
    remembered.push(side === 'alpha' ? { path, alpha: half, beta: peer } : { path, alpha: peer, beta: half });
  };
  const lists = { alpha: plan.alphaChanges, beta: plan.betaChanges };
  // What one side changes where the other one's folder moved to comes after the move.
  const moved = (side: Side): number => lists[side].findLastIndex(({ to }) => to !== undefined) + 1;
  for (const side of bothSides) for (const change of lists[side].slice(0, moved(side))) remember(side, change);
  for (const side of bothSides) for (const change of lists[side].slice(moved(side))) remember(side, change);
  return remembered;
}
