/** The oracle: a slow and obvious reconcile of its own finds the same trees, conflicts and problems. */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { compilePatterns } from '../scope/pattern.ts';
import { treeArbitraries } from '../testing/arbitraries.ts';
import { applyPlan } from './apply-plan.ts';
import type { ConflictPolicy, Direction, Policy } from './policy.ts';
import { reconcileByPath } from './reconcile.ts';
import { law } from './test-support/law.ts';
import { flatten, linesOf, naiveReconcile } from './test-support/naive-reconcile.ts';

const { related, policy, clock } = treeArbitraries(fc);

/** A policy with many exceptions: a directory goes one way, and what is in it another. */
const exceptional: fc.Arbitrary<Policy> = fc
  .tuple(
    policy,
    fc.array(
      fc.record({
        match: fc.constantFrom('a', 'A', 'b', 'c', 'a/', 'b.txt', 'b/*', '/a/**', '*').map((pattern) => compilePatterns([pattern])),
        conflicts: fc.option(fc.constantFrom<ConflictPolicy[]>('newer', 'alpha', 'beta', 'keep-both', 'skip'), { nil: undefined }),
        direction: fc.option(fc.constantFrom<Direction[]>('both', 'alpha-to-beta', 'beta-to-alpha'), { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
  )
  .map(([rules, paths]) => ({ ...rules, paths }));

describe('for any three trees, any policy and any direction', () => {
  law(
    'a naive reconcile over maps of paths gives the same trees and the same conflicts',
    fc.tuple(related, fc.oneof(policy, exceptional), clock, fc.boolean()),
    ([trees, rules, relation, again]) => {
      const given = { ...trees, policy: rules, clock: relation };
      const plan = reconcileByPath(given);
      const after = applyPlan(given, plan);
      expect({
        alpha: linesOf(flatten(after.alpha)),
        beta: linesOf(flatten(after.beta)),
        conflicts: plan.conflicts.map(({ path, reason, resolution }) => `${path} ${reason} ${resolution}`).sort(),
        problems: plan.problems.map(({ path, side, code }) => `${path} ${side} ${code}`).sort(),
      }).toEqual(naiveReconcile(given));
      if (!again) return;
      // What it left open and held, looked at once more.
      const next = { ...after, policy: { ...rules, first: undefined }, clock: relation };
      const second = reconcileByPath(next);
      expect(linesOf(flatten(applyPlan(next, second).alpha))).toEqual(naiveReconcile(next).alpha);
      expect(second.conflicts.map(({ path, reason, resolution }) => `${path} ${reason} ${resolution}`).sort()).toEqual(
        naiveReconcile(next).conflicts,
      );
    },
  );
});
