import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { foldName } from '../scope/fold.ts';
import { compilePatterns } from '../scope/pattern.ts';
import { exactNames } from '../scope/rules.ts';
import { applyEdit, treeArbitraries } from '../testing/arbitraries.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { path, problematic } from '../testing/trees.ts';
import { setNodes } from '../tree/edit.ts';
import { type Entry, isSyncable, nodeOf, sameNode } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { isWithin, joinPath, parentPath, type RelativePath } from '../tree/path.ts';
import { childrenOf, walk } from '../tree/walk.ts';
import { agreed } from './ancestor.ts';
import { applyChanges } from './apply.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import { applyPlan, type PairState } from './apply-plan.ts';
import type { Change } from './change.ts';
import { isUnchanged } from './compare.ts';
import { diff } from './diff.ts';
import { heldEntries } from './held.ts';
import { otherSide, type Plan, type Side } from './plan.ts';
import type { ConflictPolicy, Direction, Policy } from './policy.ts';
import { type ReconcileInput, reconcile } from './reconcile.ts';
import { law } from './test-support/law.ts';

const { edit, tree, scannedTree, related: edited, renamed, policy, clock } = treeArbitraries(fc);
const related = fc.oneof({ arbitrary: edited, weight: 3 }, { arbitrary: renamed, weight: 1 });
const input: fc.Arbitrary<ReconcileInput> = fc
  .record({ related, policy, clock })
  .map(({ related: trees, policy: rules, clock: relation }) => ({ ...trees, policy: rules, clock: relation }));
const orderOf = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 20 });
const at = fc.array(fc.constantFrom('a', 'A', 'b', 'b.txt', 'c'), { minLength: 1, maxLength: 3 }).map((names) => path(names.join('/')));
const clean = edit.filter((each) => each.edit !== 'special' && each.edit !== 'hidden' && each.edit !== 'unreadable');
const bothWays = input.map((given) => ({ ...given, policy: { ...given.policy, direction: 'both' as const, paths: [] } }));

describe('for any two trees', () => {
  law('applying their diff to the first gives the second', fc.tuple(scannedTree, scannedTree), ([a, b]) => {
    expect(nodesOf(applyChanges(a, diff(a, b)))).toEqual(nodesOf(b));
    expect(nodesOf(applyChanges(undefined, diff(undefined, b)))).toEqual(nodesOf(b));
    expect(applyChanges(a, diff(a, undefined))).toBeUndefined();
  });

  law('their diff can be made step by step, and is empty only if they are the same', fc.tuple(tree, tree), ([a, b]) => {
    makeInOrder(a, diff(a, b));
    expect(diff(a, b).length === 0).toBe(isUnchanged(a, b));
  });
});

describe('for any three trees and any policy', () => {
  law('the plan can be made in its order: every step finds what it expects, and its folder', input, (given) => {
    const plan = reconcile(given);
    makeInOrder(given.alpha, plan.alphaChanges);
    makeInOrder(given.beta, plan.betaChanges);
  });

  law('made in any order that its own steps allow, the plan comes to the same trees', fc.tuple(input, orderOf), ([given, order]) => {
    const plan = reconcile(given);
    for (const side of ['alpha', 'beta'] as const) {
      const changes = changesOf(plan, side);
      const reordered = inOrder(changes, order);
      makeInOrder(given[side], reordered);
      expect(nodesOf(applyChanges(given[side], reordered))).toEqual(nodesOf(applyChanges(given[side], changes)));
    }
  });

  law('a content that was there before is there afterwards: in a tree, or among the versions', input, (given) => {
    const plan = reconcile(given);
    const kept = new Set<string>();
    for (const side of ['alpha', 'beta'] as const) {
      let now = given[side];
      for (const change of changesOf(plan, side)) {
        // What a disk keeps is what it finds in the way of a change, as long as that is what the plan says is there.
        const found = entryAt(now, change.path);
        if (found?.kind === 'file') kept.add(found.digest);
        expect(childrenOf(found).length === 0 || change.new?.kind === 'directory').toBe(true);
        now = applyChanges(now, [change]);
      }
      for (const digest of contentsOf(now)) kept.add(digest);
    }
    for (const digest of contentsOf(given.alpha).union(contentsOf(given.beta))) expect(kept.has(digest)).toBe(true);
  });

  law(
    'nothing is deleted for an absence that was not seen: what one side could not list goes nowhere, nor what holds it',
    fc.tuple(input, at),
    ([given, hidden]) => {
      for (const side of ['alpha', 'beta'] as const) {
        const unread: ReconcileInput = { ...given, [side]: setNodes(given[side], [{ path: hidden, entry: problematic('EIO') }]) };
        if (entryAt(unread[side], hidden)?.kind !== 'problematic') continue;
        const plan = reconcile(unread);
        for (const { path, old, new: next } of [...plan.alphaChanges, ...plan.betaChanges]) {
          expect(isWithin(path, hidden)).toBe(false);
          const goes = old?.kind === 'directory' && next?.kind !== 'directory';
          expect(goes && isWithin(hidden, path)).toBe(false);
        }
        expect(plan.problems.some((problem) => isWithin(hidden, problem.path))).toBe(true);
      }
    },
  );

  law('the same three trees give the same plan, byte for byte, whoever built them', input, (given) => {
    const { policy: rules, clock: relation, ...trees } = given;
    const again = reconcile({ ...(structuredClone(trees) as typeof trees), policy: rules, clock: relation });
    expect(JSON.stringify(again)).toBe(JSON.stringify(reconcile(given)));
  });

  law('every problem is listed once', input, (given) => {
    const problems = reconcile(given).problems.map(({ path, side }) => `${path} ${side}`);
    expect(new Set(problems).size).toBe(problems.length);
  });

  law('a conflict says which times and clocks it went by', input, (given) => {
    for (const { rule, resolution, clock: used, alpha, beta } of reconcile(given).conflicts) {
      const isByTime = /newer|tie|keep both/.test(rule);
      expect(used).toEqual(isByTime ? given.clock : undefined);
      if (isByTime) for (const entry of [alpha, beta]) expect(entry?.kind === 'file' || entry?.kind === 'symlink').toBe(true);
      expect(['alpha', 'beta', 'keep-both', 'skipped']).toContain(resolution);
    }
  });

  // So no kept version is part of an open conflict, and pruning need not know of any.
  law('of a conflict that is left open nothing leaves a tree', input, (given) => {
    const plan = reconcile(given);
    const open = plan.conflicts.filter(({ resolution }) => resolution === 'skipped').map((conflict) => conflict.path);
    for (const { path: changed, old, new: next } of [...plan.alphaChanges, ...plan.betaChanges]) {
      const stays =
        old === undefined ||
        (old.kind === 'directory' && next?.kind === 'directory') ||
        (old.kind === 'file' && next?.kind === 'file' && old.digest === next.digest);
      expect(stays || !open.some((conflict) => isWithin(changed, conflict))).toBe(true);
    }
  });

  law('swapping the sides swaps the plan', input, (given) => {
    expect(plain(reconcile(swapInput(given)))).toEqual(plain(swapPlan(reconcile(given))));
  });

  law('a second run with nothing touched plans nothing, and finds the same conflicts still open', input, (given) => {
    const plan = reconcile(given);
    // A first sync replaces no directory, and the run after it may, if it is asked to by `first` again.
    fc.pre(given.policy.first === undefined || plan.conflicts.every(({ rule }) => rule !== '7 first sync'));
    const after = applyPlan(given, plan);
    const again = reconcile({ ...given, ...after });
    expect({ ancestor: again.ancestorChanges, alpha: again.alphaChanges, beta: again.betaChanges }).toEqual({ ancestor: [], alpha: [], beta: [] });
    const open = plan.conflicts.filter(({ resolution }) => resolution === 'skipped').map(({ path }) => path);
    expect(again.conflicts.map(({ path }) => path)).toEqual(open);
    expect(again.conflicts.every(({ resolution }) => resolution === 'skipped')).toBe(true);
    expect(again.problems.map(({ path }) => path)).toEqual(plan.problems.map(({ path }) => path));
  });

  law('Merkle digests make no difference to the plan', input, (given) => {
    const known: ReconcileInput = {
      ...given,
      ancestor: given.ancestor && { alpha: merkled(given.ancestor.alpha), beta: merkled(given.ancestor.beta) },
      alpha: merkled(given.alpha),
      beta: merkled(given.beta),
    };
    expect(plain(reconcile(known))).toEqual(plain(reconcile(given)));
  });

  law('nothing is changed at or below what is untracked or could not be read', input, (given) => {
    const plan = reconcile(given);
    const trees = { alpha: given.alpha, beta: given.beta };
    for (const side of ['alpha', 'beta'] as const) {
      for (const { path } of changesOf(plan, side)) {
        for (let at: RelativePath | undefined = path; at !== undefined; at = parentPath(at)) {
          const places = [entryAt(trees.alpha, at), entryAt(trees.beta, at)];
          expect(places.some((entry) => entry?.kind === 'problematic')).toBe(false);
          expect(entryAt(trees[side], at)?.kind === 'untracked').toBe(false);
        }
      }
    }
  });

  law('a directory that holds what is not ours is never removed', input, (given) => {
    const plan = reconcile(given);
    for (const { old, new: next } of [...plan.alphaChanges, ...plan.betaChanges]) {
      if (old?.kind === 'directory' && next?.kind !== 'directory') expect(old.hasUntracked).toBeUndefined();
    }
  });

  law('a first sync deletes nothing', input, (given) => {
    const plan = reconcile({ ...given, ancestor: undefined });
    for (const { old, new: next } of [...plan.alphaChanges, ...plan.betaChanges]) {
      expect(next).toBeDefined();
      if (old?.kind === 'directory') expect(next?.kind).toBe('directory');
    }
  });

  law('what is planned needs no more than what the other side has, or what is there already', input, (given) => {
    const plan = reconcile(given);
    for (const side of ['alpha', 'beta'] as const) {
      const contents = contentsOf(given.alpha).union(contentsOf(given.beta));
      for (const { new: next } of changesOf(plan, side)) if (next?.kind === 'file') expect(contents.has(next.digest)).toBe(true);
    }
  });
});

describe('where one file system ignores case', () => {
  const folding = { alpha: exactNames, beta: { ignoresCase: true, ignoresUnicodeForm: false } };

  law('no name is made there that would be the name of something else', input, (given) => {
    // Nor does such a file system hold two to begin with.
    walk([given.beta], (_path, [entry]) => {
      const names = childrenOf(entry).map((child) => foldName(child.name, folding.beta));
      fc.pre(new Set(names).size === names.length);
      return true;
    });
    let now = given.beta;
    for (const change of reconcile({ ...given, folding }).betaChanges) {
      const parent = parentPath(change.path);
      if (change.old === undefined && parent !== undefined) {
        const name = change.path.slice(change.path.lastIndexOf('/') + 1);
        // But for what is renamed to that very name, and what lay beside it already.
        const beside = change.from && entryAt(given.beta, parentPath(change.from.path) ?? parent);
        const others = childrenOf(entryAt(now, parent)).filter(
          (child) => joinPath(parent, child.name) !== change.from?.path && childrenOf(beside).every(({ name: known }) => known !== child.name),
        );
        const names = others.map((child) => foldName(child.name, folding.beta));
        expect(names).not.toContain(foldName(name, folding.beta));
      }
      now = applyChanges(now, [change]);
    }
  });
});

describe('one tree, changed on both sides without either knowing of the other', () => {
  const perturbed = fc.record({
    tree,
    alpha: fc.array(clean, { maxLength: 8 }),
    beta: fc.array(clean, { maxLength: 8 }),
    policy,
    clock,
    first: fc.boolean(),
  });

  law(
    'is quiet again after three rounds at most, and then equal but for what was left open or held',
    perturbed,
    ({ tree: before, alpha, beta, policy: rules, clock: relation, first }) => {
      let state: PairState = { ancestor: agreed(before), alpha: alpha.reduce(applyEdit, before), beta: beta.reduce(applyEdit, before) };
      const given = { policy: { ...rules, direction: 'both' as const, paths: [] }, clock: relation };
      let plan = reconcile({ ...state, ...given, ancestor: first ? undefined : state.ancestor });
      let rounds = 0;
      while (plan.ancestorChanges.length + plan.alphaChanges.length + plan.betaChanges.length > 0) {
        expect(++rounds).toBeLessThanOrEqual(3);
        state = applyPlan({ ...state, ancestor: first && rounds === 1 ? undefined : state.ancestor }, plan);
        plan = reconcile({ ...state, ...given });
      }
      const open = new Set([...plan.conflicts, ...heldEntries(state.ancestor)].map(({ path }) => path));
      for (const { path } of diff(state.alpha, state.beta)) expect([...open].some((other) => isWithin(path, other))).toBe(true);
    },
  );

  law('and nothing that either wrote is lost where both are kept', perturbed, ({ tree: before, alpha, beta, clock: relation }) => {
    const edited = { alpha: alpha.reduce(applyEdit, before), beta: beta.reduce(applyEdit, before) };
    const rules: Policy = {
      conflicts: 'keep-both',
      onTie: 'keep-both',
      direction: 'both',
      paths: [],
      naming: { alpha: 'one', beta: 'two', date: '2026-11-21' },
    };
    const given = { ancestor: agreed(before), ...edited, policy: rules, clock: relation };
    const after = applyPlan(given, reconcile(given));
    const left = contentsOf(after.alpha).union(contentsOf(after.beta));
    const old = contentsOf(before);
    for (const digest of contentsOf(edited.alpha).union(contentsOf(edited.beta))) if (!old.has(digest)) expect(left.has(digest)).toBe(true);
  });
});

describe('in the symmetric modes', () => {
  law('after the plan both sides are equal, but for open conflicts, problems, held and untracked entries', bothWays, (given) => {
    const plan = reconcile(given);
    const after = applyPlan(given, plan);
    const excused = [...plan.conflicts.filter(({ resolution }) => resolution === 'skipped'), ...plan.problems, ...heldEntries(after.ancestor)].map(
      ({ path }) => path,
    );
    walk([after.alpha, after.beta], (path, [alpha, beta]) => {
      const [left, right] = [alpha, beta].map((entry) => (isSyncable(entry) ? entry : undefined));
      const below = excused.some((other) => isWithin(path, other));
      // A directory stays, on one side, for what could not be read in it.
      const above = excused.some((other) => isWithin(other, path));
      if (!below && !above) expect({ path, entry: nodeText(left) }).toEqual({ path, entry: nodeText(right) });
      // Nor is it replaced by a file then: it stays, whole.
      const waits = above && left !== undefined && right !== undefined && left.kind !== right.kind;
      return !below && !waits;
    });
  });

  law('where policies take no side, a content that is new on one side is somewhere after the plan', bothWays, (given) => {
    const careful: ReconcileInput = { ...given, policy: { ...given.policy, conflicts: 'keep-both', first: undefined } };
    const after = applyPlan(given, reconcile(careful));
    const left = contentsOf(after.alpha).union(contentsOf(after.beta));
    // Under a new name it is no new content: an edit on the other side may follow it there.
    const known = contentsOf(given.ancestor?.alpha).union(contentsOf(given.ancestor?.beta));
    for (const side of ['alpha', 'beta'] as const) {
      for (const content of contentsOf(given[side])) if (!known.has(content)) expect(left.has(content)).toBe(true);
    }
  });
});

describe('one way', () => {
  const oneWay = fc.tuple(input, fc.constantFrom<Side[]>('alpha', 'beta')).map(([given, fixed]) => {
    const direction: Direction = fixed === 'alpha' ? 'alpha-to-beta' : 'beta-to-alpha';
    return { given: { ...given, policy: { ...given.policy, direction, paths: [] } }, fixed };
  });

  law('the side that is not to be changed is not', oneWay, ({ given, fixed }) => {
    expect(changesOf(reconcile(given), fixed)).toEqual([]);
  });

  law('what the other side made is neither deleted nor overwritten, unless the policy names the first', oneWay, ({ given, fixed }) => {
    const target = otherSide(fixed);
    const policyOf: Policy = { ...given.policy, conflicts: 'newer', first: undefined };
    const after = applyPlan(given, reconcile({ ...given, policy: policyOf }));
    // What it only renamed was agreed on, and may be changed as that.
    const known = contentsOf(given.ancestor?.alpha).union(contentsOf(given.ancestor?.beta));
    walk([given[target], given.ancestor?.[target]], (path, [entry, was]) => {
      if (entry?.kind === 'file' && !(was?.kind === 'file' && was.digest === entry.digest) && !known.has(entry.digest)) {
        const now = entryAt(after[target], path);
        expect(now?.kind === 'file' && now.digest === entry.digest).toBe(true);
      }
      return true;
    });
  });
});

describe('for any ancestor', () => {
  law(
    'its halves share what is identical, and setting nodes on both is setting them on each',
    fc.tuple(related, scannedTree),
    ([{ ancestor }, other]) => {
      const before = ancestor ?? { alpha: undefined, beta: undefined };
      const changes = diff(before.beta, other).map(({ path, new: next }) => ({ path, alpha: next, beta: next }));
      const after = applyAncestorChanges(before, changes);
      expect(nodesOf(after.beta)).toEqual(nodesOf(other));
      expect(nodesOf(after.alpha)).toEqual(
        nodesOf(
          applyChanges(
            before.alpha,
            changes.map(({ path, alpha }) => ({ path, old: undefined, new: alpha })),
          ),
        ),
      );
    },
  );
});

function merkled(entry: Entry | undefined): Entry | undefined {
  return entry && withMerkle(entry, toyHash);
}

function changesOf(plan: Plan, side: Side): readonly Change[] {
  return side === 'alpha' ? plan.alphaChanges : plan.betaChanges;
}

/** Some order in which changes can be made: those that lie in, hold or take from the same place stay in theirs, the others are drawn by `order`. */
function inOrder(changes: readonly Change[], order: readonly number[]): readonly Change[] {
  const placesOf = ({ path, from, to }: Change): readonly RelativePath[] => [path, ...(from ? [from.path] : []), ...(to === undefined ? [] : [to])];
  const meet = (a: Change, b: Change): boolean =>
    placesOf(a).some((left) => placesOf(b).some((right) => isWithin(left, right) || isWithin(right, left)));
  const rest = [...changes];
  const drawn: Change[] = [];
  for (let turn = 0; rest.length > 0; turn++) {
    const free = rest.filter((change, index) => !rest.slice(0, index).some((before) => meet(before, change)));
    const next = free[(order[turn % order.length] ?? 0) % free.length] as Change;
    drawn.push(...rest.splice(rest.indexOf(next), 1));
  }
  return drawn;
}

/** Makes changes one by one, as a disk would have to. */
function makeInOrder(before: Entry | undefined, changes: readonly Change[]): void {
  let now = before;
  for (const change of changes) {
    const found = entryAt(now, change.path);
    expect(sameNode(found, change.old)).toBe(true);
    const parent = parentPath(change.path);
    if (parent !== undefined) expect(entryAt(now, parent)?.kind).toBe('directory');
    if (change.new?.kind !== 'directory') expect(childrenOf(found)).toEqual([]);
    if (isSyncable(found) || found === undefined) now = applyChanges(now, [change]);
  }
}

function nodeText(entry: Entry | undefined): string {
  if (entry?.kind === 'file') return JSON.stringify({ ...entry, mtimeMs: 0 });
  if (entry?.kind === 'symlink') return JSON.stringify({ ...entry, mtimeMs: 0 });
  if (entry?.kind === 'directory') return `directory ${entry.mode}`;
  return JSON.stringify(entry) ?? 'nothing';
}

function nodesOf(entry: Entry | undefined): readonly string[] {
  const nodes: string[] = [];
  walk([entry], (path, [node]) => {
    nodes.push(`${path} ${nodeText(node)}`);
    return true;
  });
  return nodes;
}

function contentsOf(entry: Entry | undefined): ReadonlySet<string> & { union(other: ReadonlySet<string>): ReadonlySet<string> } {
  const contents = new Set<string>();
  walk([entry], (_path, [node]) => {
    if (node?.kind === 'file') contents.add(node.digest);
    return true;
  });
  return Object.assign(contents, { union: (other: ReadonlySet<string>) => new Set([...contents, ...other]) });
}

/** The plan without what only says how it was found. */
function plain(plan: Plan): unknown {
  const order = <T extends { readonly path: string; readonly side: string }>(list: readonly T[]): T[] =>
    [...list].sort((a, b) => (`${a.path} ${a.side}` < `${b.path} ${b.side}` ? -1 : 1));
  return {
    ...plan,
    conflicts: plan.conflicts.map((conflict) => ({
      ...conflict,
      alpha: conflict.alpha && nodeOf(conflict.alpha),
      beta: conflict.beta && nodeOf(conflict.beta),
    })),
    problems: order(plan.problems),
  };
}

function swapInput({ ancestor, alpha, beta, policy: rules, clock: relation }: ReconcileInput): ReconcileInput {
  return {
    ancestor: ancestor && { alpha: ancestor.beta, beta: ancestor.alpha },
    alpha: beta,
    beta: alpha,
    policy: {
      ...rules,
      conflicts: swapPolicy(rules.conflicts),
      first: rules.first && swapPolicy(rules.first),
      direction: swapDirection(rules.direction),
      paths: rules.paths.map(({ match, conflicts, direction }) => ({
        match: compilePatterns(match.patterns),
        conflicts: conflicts && swapPolicy(conflicts),
        direction: direction && swapDirection(direction),
      })),
      naming: { ...rules.naming, alpha: rules.naming.beta, beta: rules.naming.alpha },
    },
    clock: relation && { ...relation, offsetMs: 0 - relation.offsetMs },
  };
}

function swapPlan(plan: Plan): Plan {
  return {
    ancestorChanges: plan.ancestorChanges.map(({ path, alpha, beta }) => ({ path, alpha: beta, beta: alpha })),
    alphaChanges: plan.betaChanges,
    betaChanges: plan.alphaChanges,
    conflicts: plan.conflicts.map((conflict) => ({
      ...conflict,
      alpha: conflict.beta,
      beta: conflict.alpha,
      rule: conflict.rule.replace(/alpha|beta/, (side) => otherSide(side as Side)),
      resolution: conflict.resolution === 'alpha' ? 'beta' : conflict.resolution === 'beta' ? 'alpha' : conflict.resolution,
      ...(conflict.clock && { clock: { ...conflict.clock, offsetMs: 0 - conflict.clock.offsetMs } }),
    })),
    problems: plan.problems.map((problem) => ({ ...problem, side: otherSide(problem.side) })),
  };
}

function swapPolicy(conflicts: ConflictPolicy): ConflictPolicy {
  return conflicts === 'alpha' || conflicts === 'beta' ? otherSide(conflicts) : conflicts;
}

function swapDirection(direction: Direction): Direction {
  return direction === 'both' ? 'both' : direction === 'alpha-to-beta' ? 'beta-to-alpha' : 'alpha-to-beta';
}
