import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { treeArbitraries } from '../testing/arbitraries.ts';
import { isSyncable, sameContent } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { isWithin } from '../tree/path.ts';
import { printTree } from '../tree/print.ts';
import { applyPlan } from './apply-plan.ts';
import { isUnchanged } from './compare.ts';
import { otherSide, type Side } from './plan.ts';
import { type ReconcileInput, reconcile, reconcileByPath } from './reconcile.ts';
import { findRenames } from './renames.ts';
import { law } from './test-support/law.ts';

const { related, renamed, policy, clock } = treeArbitraries(fc);
const input: fc.Arbitrary<ReconcileInput> = fc
  .record({ trees: fc.oneof(related, renamed), policy, clock })
  .map(({ trees, ...rest }) => ({ ...trees, ...rest }));

describe('for any three trees in which something was renamed', () => {
  law('where the other side had not touched it, a move is but a cheaper way to the same trees', input, (given) => {
    const byPath = reconcileByPath(given);
    const renames = findRenames(given, byPath);
    fc.pre(renames !== undefined && renames.agreed.length === 0);
    for (const side of ['alpha', 'beta'] as const) {
      const there = otherSide(side);
      for (const { from } of renames?.[side] ?? []) {
        const [mine, its] = [entryAt(given.ancestor?.[side], from), entryAt(given.ancestor?.[there], from)];
        fc.pre(isUnchanged(entryAt(given[there], from), its) && isUnchanged(mine, its));
        // By path a folder that was changed is brought back whole; what was renamed out of it is not.
        fc.pre(!changesOf(byPath, side).some(({ path }) => isWithin(path, from) || isWithin(from, path)));
      }
    }
    const [expected, after] = [applyPlan(given, byPath), applyPlan(given, reconcile(given))];
    expect([printTree(after.alpha), printTree(after.beta)]).toEqual([printTree(expected.alpha), printTree(expected.beta)]);
    expect([printTree(after.ancestor.alpha), printTree(after.ancestor.beta)]).toEqual([
      printTree(expected.ancestor.alpha),
      printTree(expected.ancestor.beta),
    ]);
  });

  law('each move has two halves that name each other, of one content, from what is there to where nothing is', input, (given) => {
    const plan = reconcile(given);
    for (const side of ['alpha', 'beta'] as const) {
      const changes = changesOf(plan, side);
      const deletions = new Map(changes.flatMap((change) => (change.to === undefined ? [] : [[change.path, change]])));
      const moves = changes.filter(({ from }) => from !== undefined);
      expect(deletions.size).toBe(moves.length);
      for (const [index, { path, old, new: next, from }] of changes.entries()) {
        if (from === undefined) continue;
        const deletion = deletions.get(from.path);
        expect(deletion?.to).toBe(path);
        expect(changes.indexOf(deletion as (typeof changes)[number])).toBeGreaterThan(index);
        expect([old, entryAt(given[side], path)]).toEqual([undefined, undefined]);
        const there = entryAt(given[side], from.path);
        expect(isSyncable(there) && there.kind === from.entry.kind && next?.kind === there.kind).toBe(true);
        if (there?.kind === 'file' && next?.kind === 'file') expect(sameContent(there, next)).toBe(true);
        // It is what the other side has under that name, or had edited there; and that one has the old name no more.
        expect(entryAt(given[otherSide(side)], from.path)).toBeUndefined();
      }
    }
  });
});

function changesOf(plan: ReturnType<typeof reconcile>, side: Side): ReturnType<typeof reconcile>['alphaChanges'] {
  return side === 'alpha' ? plan.alphaChanges : plan.betaChanges;
}
