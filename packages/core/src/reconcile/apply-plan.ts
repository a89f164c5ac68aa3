import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import type { RelativePath } from '../tree/path.ts';
import { type Ancestor, type AncestorChange, agreed } from './ancestor.ts';
import { applyChanges } from './apply.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import type { Change } from './change.ts';
import type { Plan } from './plan.ts';

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
  const achieved = achievedAt([...plan.alphaChanges, ...plan.betaChanges], left, right);
  return { ancestor: applyAncestorChanges(ancestor ?? agreed(undefined), [...plan.ancestorChanges, ...achieved]), alpha: left, beta: right };
}

/** What the ancestor has to remember of changes that were made: each side as it is afterwards, at each path that was changed on either. */
function achievedAt(changes: readonly Change[], alpha: Entry | undefined, beta: Entry | undefined): readonly AncestorChange[] {
  const remembered: AncestorChange[] = [];
  const seen = new Set<RelativePath>();
  for (const { path } of changes) {
    if (seen.has(path)) continue;
    seen.add(path);
    remembered.push({ path, alpha: entryAt(alpha, path), beta: entryAt(beta, path) });
  }
  return remembered;
}
