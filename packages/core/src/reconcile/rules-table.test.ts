/** The table of `test-support/rules-table.ts`, held against `reconcile`, and against itself: of every combination exactly one row speaks. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dir } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import type { Side, Sides } from './plan.ts';
import { reconcile } from './reconcile.ts';
import { algorithmPage } from './test-support/algorithm-page.ts';
import { tried } from './test-support/law.ts';
import { linesOf, type PlanLines } from './test-support/plan-lines.ts';
import {
  contentRowsFor,
  entryOf,
  halves,
  kindOf,
  kindsRowsFor,
  planByTable,
  rowsFor,
  type Situation,
  type State,
  states,
} from './test-support/rules-cases.ts';
import { contentRows, kindsRows, type Row, rows } from './test-support/rules-table.ts';

const usual: Situation['policy'] = { conflicts: 'newer', onTie: 'skip', direction: 'both', first: undefined };
const directions = ['both', 'alpha-to-beta', 'beta-to-alpha'] as const;
const ancestors = [...ancestorStates()];
const situationCount = ancestors.length * states.length * states.length * directions.length;

/** Every ancestor, every two sides, every direction, and what the table says of them. Made by the first test that asks. */
let made: readonly Spoken[] | undefined;
function spoken(): readonly Spoken[] {
  made ??= ancestors.flatMap((before) =>
    states.flatMap((alpha) =>
      states.flatMap((beta) =>
        directions.map((direction): Spoken => {
          const situation: Situation = { before, now: { alpha, beta }, policy: { ...usual, direction }, later: 'alpha' };
          return { situation, found: rowsFor(situation) };
        }),
      ),
    ),
  );
  return made;
}

interface Spoken {
  readonly situation: Situation;
  readonly found: ReturnType<typeof rowsFor>;
}

describe(`${situationCount} combinations of ancestor, alpha, beta and direction`, () => {
  it('are spoken of by one row each', () => {
    const wrong = spoken().filter(({ found }) => found.length !== 1);
    expect(wrong.map(({ situation, found }) => `${textOf(situation)}: ${found.map(({ row }) => row.title).join(', ')}`)).toEqual([]);
  });

  it('are of every kind, in the ancestor and on both sides', () => {
    const kinds = ['nothing', 'file', 'link', 'folder', 'untracked', 'unreadable'];
    const kindsOf = ({ before, now }: Situation): string => [before.alpha, now.alpha, now.beta].map(kindOf).join(' ');
    const seen = new Set(
      spoken()
        .filter(({ situation: { before } }) => before.alpha === before.beta)
        .map(({ situation }) => kindsOf(situation)),
    );
    const product = [...kinds, 'none'].flatMap((was) => kinds.flatMap((alpha) => kinds.map((beta) => `${was} ${alpha} ${beta}`)));
    expect(product.filter((kind) => !seen.has(kind))).toEqual([]);
  });

  it('leave no row without one', () => {
    const used = new Set<Row>(spoken().flatMap(({ found }) => found.map(({ row }) => row)));
    expect(rows.filter((row) => !used.has(row))).toEqual([]);
  });

  it('name rules and rows once, from the first to the last', () => {
    expect(new Set(rows.map(({ title }) => title)).size).toBe(rows.length);
    expect(rows.map(({ rule }) => rule)).toEqual(rows.map(({ rule }) => rule).sort((a, b) => a - b));
  });
});

describe('the plan is what the row says', () => {
  for (const row of rows) {
    it(`${row.rule}. ${row.title}`, () => {
      expectPlans(
        spoken()
          .filter(({ found }) => found[0]?.row === row)
          .map(({ situation }) => situation),
      );
    });
  }
});

describe('what a policy makes of a conflict', () => {
  const policies: readonly Situation['policy'][] = (['newer', 'alpha', 'beta', 'keep-both', 'skip'] as const).flatMap((conflicts) =>
    ([undefined, 'newer', 'alpha', 'beta', 'keep-both', 'skip'] as const).flatMap((first) =>
      (['skip', 'keep-both'] as const).flatMap((onTie) => directions.map((direction) => ({ conflicts, first, onTie, direction }))),
    ),
  );
  const conflicting = (then: Row['then']): readonly Situation[] =>
    spoken()
      .filter(({ found }) => found[0]?.row.then === then)
      .map(({ situation }) => situation)
      .filter(({ before, policy }) => before.alpha === before.beta && policy.direction === 'both')
      .flatMap((situation) =>
        policies
          // Asked only of a pair that has not agreed on this path before.
          .filter(({ first }) => first === undefined || situation.before.alpha === 'none' || situation.before.alpha === 'open')
          .flatMap((policy) => (['alpha', 'beta', 'tie'] as const).map((later): Situation => ({ ...situation, policy, later }))),
      );

  it('of contents is said by one row each, and is so', { timeout: 60_000 }, () => {
    const found = conflicting('settle contents');
    expect(found.filter((situation) => contentRowsFor(situation).length !== 1).map(textOf)).toEqual([]);
    const used = new Set(found.flatMap((situation) => contentRowsFor(situation).map(({ row }) => row)));
    expect(contentRows.filter((row) => !used.has(row))).toEqual([]);
    expectPlans(found);
  });

  it('of kinds is said by one row each, and is so', { timeout: 60_000 }, () => {
    const found = conflicting('settle kinds').filter(({ policy, later }) => policy.onTie === 'skip' && later === 'alpha');
    expect(found.filter((situation) => kindsRowsFor(situation).length !== 1).map(textOf)).toEqual([]);
    const used = new Set(found.flatMap((situation) => kindsRowsFor(situation).map(({ row }) => row)));
    expect(kindsRows.filter((row) => !used.has(row))).toEqual([]);
    expectPlans(found);
  });
});

describe('docs/algorithm.md', () => {
  it('is the table (npm run docs:algorithm -w @ubos/sync-cli)', () => {
    expect(readFileSync(new URL('../../../../docs/algorithm.md', import.meta.url), 'utf8')).toBe(algorithmPage());
  });
});

function expectPlans(list: readonly Situation[]): void {
  expect(list.length).toBeGreaterThan(0);
  for (const situation of tried(list)) {
    const [found, expected] = [planOf(situation), planByTable(situation)];
    // Comparing as text first is what makes some 100,000 plans a matter of seconds.
    if (JSON.stringify(found) !== JSON.stringify(expected))
      expect({ situation: textOf(situation), ...found }).toEqual({ situation: textOf(situation), ...expected });
  }
}

function planOf({ before, now, policy, later }: Situation): PlanLines {
  const times = { alpha: later === 'alpha' ? 9_000 : 1_000, beta: later === 'beta' ? 9_000 : 1_000 };
  const rootOf = (state: State, side: Side): Entry => dir({ p: entryOf(state, times[side]) });
  const ancestor = before.alpha === 'none' ? undefined : { alpha: rootOf(before.alpha, 'alpha'), beta: rootOf(before.beta, 'beta') };
  const plan = reconcile({
    ancestor,
    alpha: rootOf(now.alpha, 'alpha'),
    beta: rootOf(now.beta, 'beta'),
    policy: { ...policy, paths: [], naming: { alpha: 'laptop', beta: 'balaur', date: '2026-11-21' } },
  });
  const lines = linesOf(plan);
  // Without an ancestor the roots are agreed on first.
  return { ...lines, ancestor: lines.ancestor.filter((line) => !line.startsWith('.: ')) };
}

/** No ancestor, agreed on everything that can be, and held with every two that differ. */
function* ancestorStates(): Generator<Sides<State>> {
  for (const alpha of halves)
    for (const beta of halves) {
      const canBeHeld = (state: State): boolean => !['none', 'open', 'u'].includes(state);
      if (alpha === beta || (canBeHeld(alpha) && canBeHeld(beta))) yield { alpha, beta };
    }
}

function textOf({ before, now, policy, later }: Situation): string {
  const held = before.alpha === before.beta ? before.alpha : `${before.alpha}|${before.beta}`;
  return `${held} => ${now.alpha}, ${now.beta} (${policy.conflicts}, first ${policy.first}, ${policy.onTie}, ${policy.direction}, later ${later})`;
}
