import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { applyEdit, treeArbitraries } from '../testing/arbitraries.ts';
import { type Entry, isIdenticalNode, sameNode } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { isWithin, parentPath, rootPath } from '../tree/path.ts';
import { childrenOf } from '../tree/walk.ts';
import { applyChanges } from './apply.ts';
import { applyPlan } from './apply-plan.ts';
import type { Change } from './change.ts';
import { bothSides, otherSide, type Plan, type Side } from './plan.ts';
import { type ReconcileInput, reconcile } from './reconcile.ts';
import { openSealed, type SealedTrees, sealPlan, turnSealed } from './sealed-plan.ts';
import { law } from './test-support/law.ts';

const { edit, related, renamed, policy, clock } = treeArbitraries(fc);
const input: fc.Arbitrary<ReconcileInput> = fc
  .record({ trees: fc.oneof({ arbitrary: related, weight: 2 }, { arbitrary: renamed, weight: 1 }), policy, clock })
  .map(({ trees, ...rest }) => ({ ...trees, ...rest }));
const later = fc.record({ alpha: fc.array(edit, { maxLength: 3 }), beta: fc.array(edit, { maxLength: 3 }) });

describe('for any plan', () => {
  law('sealed and opened on the trees that it was made for, it is that plan, to the times of its files', input, (given) => {
    const plan = reconcile(given);
    const opened = openSealed(sealPlan(plan, treesOf(given)), treesOf(given));
    expect(opened.drifted).toEqual([]);
    expect(opened.alphaChanges).toEqual(plan.alphaChanges);
    expect(opened.betaChanges).toEqual(plan.betaChanges);
    const settled = plan.conflicts.filter(({ resolution }) => resolution !== 'skipped');
    expect(opened.conflicts.map(({ path, reason, rule, resolution, keptAs }) => ({ path, reason, rule, resolution, keptAs }))).toEqual(
      settled.map(({ path, reason, rule, resolution, keptAs }) => ({ path, reason, rule, resolution, keptAs })),
    );
    expect([...opened.copiesOf]).toEqual(
      expect.arrayContaining(settled.flatMap(({ path, keptAs }) => (keptAs === undefined ? [] : [[keptAs, path]]))),
    );
  });

  law('sealed, it is the same whoever built the trees, whatever their times, and from the other end but turned round', input, (given) => {
    const sealed = sealPlan(reconcile(given), treesOf(given));
    const { alpha, beta } = turnSealed(sealed).changes;
    expect({ alpha, beta }).toEqual({ alpha: sealed.changes.beta, beta: sealed.changes.alpha });
    expect(turnSealed(turnSealed(sealed))).toEqual(sealed);
    for (const change of [...sealed.changes.alpha, ...sealed.changes.beta]) {
      for (const node of [change.old, change.new, change.peer, change.was, change.from?.entry]) {
        if (node?.kind === 'file' || node?.kind === 'symlink') expect(node.mtimeMs).toBe(0);
        if (node?.kind === 'directory') expect(node).toEqual({ kind: 'directory', mode: node.mode, children: [] });
      }
    }
    const turned = openSealed(turnSealed(sealed), turnedTrees(given));
    const opened = openSealed(sealed, treesOf(given));
    expect([turned.alphaChanges, turned.betaChanges, turned.drifted]).toEqual([opened.betaChanges, opened.alphaChanges, []]);
  });

  law('once it is carried out, nothing of it is left to do, and nothing has drifted', input, (given) => {
    const plan = reconcile(given);
    const sealed = sealPlan(plan, treesOf(given));
    expect(openSealed(sealed, applyPlan(given, plan))).toMatchObject({ alphaChanges: [], betaChanges: [], conflicts: [], drifted: [] });
  });

  law(
    'carried out up to any point, what is left of it can be opened, and is the rest',
    fc.tuple(input, fc.nat(), fc.nat()),
    ([given, left, right]) => {
      const plan = reconcile(given);
      // The two sides go by themselves until one waits for what moves on the other.
      fc.pre(!hasMoves(plan));
      const sealed = sealPlan(plan, treesOf(given));
      const [a, b] = [left % (plan.alphaChanges.length + 1), right % (plan.betaChanges.length + 1)];
      const after = {
        ancestor: given.ancestor,
        alpha: applyChanges(given.alpha, plan.alphaChanges.slice(0, a)),
        beta: applyChanges(given.beta, plan.betaChanges.slice(0, b)),
      };
      const opened = openSealed(sealed, after);
      expect(opened.drifted).toEqual([]);
      expect(opened.alphaChanges.map(({ path }) => path)).toEqual(plan.alphaChanges.slice(a).map(({ path }) => path));
      expect(opened.betaChanges.map(({ path }) => path)).toEqual(plan.betaChanges.slice(b).map(({ path }) => path));
    },
  );

  law(
    'whatever happens to the trees, it is refused, or it can be made in its order and overwrites only what it was to overwrite',
    fc.tuple(input, later),
    ([given, edits]) => {
      const sealed = sealPlan(reconcile(given), treesOf(given));
      const after = editedTrees(given, edits);
      const opened = openSealed(sealed, after);
      fc.pre(opened.drifted.length === 0);
      for (const side of bothSides) {
        let now = after[side];
        for (const change of changesOf(opened, side)) {
          const { path, old, new: next, from } = change;
          const found = entryAt(now, path);
          expect(sameNode(found, old)).toBe(true);
          if (path !== rootPath) expect(entryAt(now, parentPath(path) ?? rootPath)?.kind).toBe('directory');
          if (next?.kind !== 'directory') expect(childrenOf(found)).toEqual([]);
          if (from !== undefined) expect(sameNode(entryAt(now, from.path), from.entry)).toBe(true);
          now = applyChanges(now, [change]);
        }
      }
    },
  );

  law('it is refused only for a path where something is not as it was', fc.tuple(input, later), ([given, edits]) => {
    const sealed = sealPlan(reconcile(given), treesOf(given));
    const after = editedTrees(given, edits);
    for (const { path, side } of openSealed(sealed, after).drifted)
      expect(isIdenticalNode(entryAt(after[side], path), entryAt(given[side], path))).toBe(false);
  });

  law('a change of either side at a path that it is about, is found there', fc.tuple(input, fc.nat(), edit), ([given, nth, each]) => {
    const plan = reconcile(given);
    const all = bothSides.flatMap((side) => changesOf(plan, side).map((change) => ({ side, change })));
    fc.pre(all.length > 0);
    const { side, change } = all[nth % all.length] as (typeof all)[number];
    for (const where of [side, otherSide(side)]) {
      if (each.edit === 'rename' || each.edit === 'move') return;
      const before = given[where];
      const tree = before === undefined ? undefined : applyEdit(before, { ...each, at: change.path });
      const [was, is] = [entryAt(before, change.path), entryAt(tree, change.path)];
      const planned = changesOf(plan, where).find(({ path }) => path === change.path);
      if (sameNode(was, is) || (planned !== undefined && sameNode(is, planned.new))) continue;
      const { drifted } = openSealed(sealPlan(plan, treesOf(given)), { ...treesOf(given), [where]: tree });
      expect(drifted.some((found) => found.side === where && isWithin(change.path, found.path))).toBe(true);
    }
  });
});

function treesOf({ ancestor, alpha, beta }: ReconcileInput): SealedTrees {
  return { ancestor, alpha, beta };
}

function turnedTrees({ ancestor, alpha, beta }: ReconcileInput): SealedTrees {
  return { ancestor: ancestor && { alpha: ancestor.beta, beta: ancestor.alpha }, alpha: beta, beta: alpha };
}

function editedTrees({ ancestor, ...trees }: ReconcileInput, edits: Readonly<Record<Side, readonly Parameters<typeof applyEdit>[1][]>>): SealedTrees {
  const after = (side: Side): Entry | undefined => edits[side].reduce<Entry | undefined>((tree, each) => tree && applyEdit(tree, each), trees[side]);
  return { ancestor, alpha: after('alpha'), beta: after('beta') };
}

function changesOf(plan: Plan, side: Side): readonly Change[] {
  return side === 'alpha' ? plan.alphaChanges : plan.betaChanges;
}

function hasMoves(plan: Plan): boolean {
  return [...plan.alphaChanges, ...plan.betaChanges].some(({ from }) => from !== undefined);
}
