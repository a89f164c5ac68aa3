import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyEdit, treeArbitraries } from '../testing/arbitraries.ts';
import { dir, file, link, path } from '../testing/trees.ts';
import { type Entry, nodeOf, sameNode } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { childrenOf, walk } from '../tree/walk.ts';
import type { Ancestor } from './ancestor.ts';
import { applyChanges } from './apply.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import { applyPlan } from './apply-plan.ts';
import type { Change } from './change.ts';
import { isUnchanged } from './compare.ts';
import { contentRequests } from './content-requests.ts';
import { diff } from './diff.ts';
import { bothSides, otherSide, type Sides } from './plan.ts';
import type { ConflictPolicy } from './policy.ts';
import { type ReconcileInput, reconcile } from './reconcile.ts';
import { law } from './test-support/law.ts';
import { type DoneChange, planUndo, type UndoPlan } from './undo.ts';

const { edit, related: edited, renamed, policy, clock } = treeArbitraries(fc);
const related = fc.oneof({ arbitrary: edited, weight: 3 }, { arbitrary: renamed, weight: 1 });
const input: fc.Arbitrary<ReconcileInput> = fc
  .record({ related, policy, clock })
  .map(({ related: trees, policy: rules, clock: relation }) => ({ ...trees, policy: rules, clock: relation }));
const edits = fc.array(edit, { maxLength: 4 });

interface Pair {
  readonly ancestor: Ancestor;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

/** A run, and what it did. */
function run(given: ReconcileInput): { readonly after: Pair; readonly done: Sides<readonly Change[]> } {
  const plan = reconcile(given);
  return { after: applyPlan(given, plan), done: { alpha: plan.alphaChanges, beta: plan.betaChanges } };
}

/** Makes an undo: what was put back is remembered beside what the other side was agreed to have. */
function undo(now: Pair, { alphaChanges, betaChanges }: UndoPlan): Pair {
  const changed = { alpha: new Set(alphaChanges.map(({ path: at }) => at)), beta: new Set(betaChanges.map(({ path: at }) => at)) };
  const after = { alpha: applyChanges(now.alpha, alphaChanges), beta: applyChanges(now.beta, betaChanges) };
  const paths = [...new Set([...alphaChanges, ...betaChanges].map(({ path: at }) => at))];
  const halves = paths.map((at) => ({
    path: at,
    alpha: node(entryAt(changed.alpha.has(at) ? after.alpha : now.ancestor.alpha, at)),
    beta: node(entryAt(changed.beta.has(at) ? after.beta : now.ancestor.beta, at)),
  }));
  return { ancestor: applyAncestorChanges(now.ancestor, halves), ...after };
}

function node(entry: Entry | undefined): Entry | undefined {
  return entry && nodeOf(entry);
}

describe('where nobody touched anything since the run', () => {
  law('all of it is put back, and nothing is left', input, (given) => {
    const { after, done } = run(given);
    const plan = planUndo({ ...after, done });
    expect(plan.left).toEqual([]);
    const back = undo(after, plan);
    for (const side of bothSides) expect(diff(back[side], given[side])).toEqual([]);
  });

  law('an undo of the undo comes to what the run had left', input, (given) => {
    const { after, done } = run(given);
    const first = planUndo({ ...after, done });
    const back = undo(after, first);
    const again = planUndo({ ...back, done: { alpha: first.alphaChanges, beta: first.betaChanges } });
    expect(again.left).toEqual([]);
    for (const side of bothSides) expect(diff(applyChanges(back[side], again[`${side}Changes`]), after[side])).toEqual([]);
  });

  law('a content that is lost is put back only where the other side has it; all else is put back as ever', input, (given) => {
    const { after, done } = run(given);
    const allLost = (changes: readonly Change[]): readonly DoneChange[] =>
      changes.map((each) => ({ ...each, isLost: contentRequests([{ ...each, old: each.new, new: each.old, from: undefined }]).length > 0 }));
    const plan = planUndo({ ...after, done: { alpha: allLost(done.alpha), beta: allLost(done.beta) } });
    const whole = planUndo({ ...after, done });
    for (const side of bothSides) {
      const left = new Set(plan.left.filter((each) => each.side === side).map(({ path: at }) => at));
      const lost = plan.left.filter((each) => each.side === side && each.reason === 'not-kept').map(({ path: at }) => at);
      const other = after[otherSide(side)];
      const wanted = contentRequests(whole[`${side}Changes`]).filter(({ path: at, digest }) => {
        const there = entryAt(other, at);
        return there?.kind !== 'file' || there.digest !== digest;
      });
      expect([...lost].sort()).toEqual(wanted.map(({ path: at }) => at).sort());
      const changed = plan[`${side}Changes`].map(({ path: at, new: next }) => [at, next]);
      expect(changed).toEqual(whole[`${side}Changes`].filter(({ path: at }) => !left.has(at)).map(({ path: at, new: next }) => [at, next]));
    }
  });

  law('a second undo finds nothing to do', input, (given) => {
    const { after, done } = run(given);
    const back = undo(after, planUndo({ ...after, done }));
    expect(planUndo({ ...back, done })).toEqual({ alphaChanges: [], betaChanges: [], left: [] });
  });
});

describe('after an undo', () => {
  const inBothDirections = input.map((given) => ({ ...given, policy: { ...given.policy, direction: 'both' as const, paths: [] } }));
  const policies = fc.constantFrom<ConflictPolicy[]>('newer', 'alpha', 'beta', 'keep-both', 'skip');

  law('no run brings back what was undone, whatever its policy', fc.tuple(inBothDirections, policies), ([given, conflicts]) => {
    const plan = reconcile(given);
    // What the run left open is still to be decided, and a folder comes back with what is new in it.
    fc.pre(plan.problems.length === 0 && plan.conflicts.every(({ resolution }) => resolution !== 'skipped'));
    const { after, done } = run(given);
    const back = undo(after, planUndo({ ...after, done }));
    const next = reconcile({ ...given, ...back, policy: { ...given.policy, conflicts } });
    const undone = new Set([...done.alpha, ...done.beta].map(({ path: at }) => at));
    for (const change of [...next.alphaChanges, ...next.betaChanges]) expect(undone.has(change.path)).toBe(false);
  });
});

describe('whatever was edited since the run', () => {
  law('only what is still as the run left it is changed, and to what it was before', fc.tuple(input, edits, edits), ([given, left, right]) => {
    const { after, done } = run(given);
    const now = { alpha: left.reduce(applyEdit, after.alpha ?? dir()), beta: right.reduce(applyEdit, after.beta ?? dir()) };
    const plan = planUndo({ ...now, done });
    for (const side of bothSides) {
      for (const { path: at, old, new: next } of plan[`${side}Changes`]) {
        expect(sameNode(old, entryAt(now[side], at))).toBe(true);
        expect(sameNode(old, entryAt(after[side], at))).toBe(true);
        expect(sameNode(next, entryAt(given[side], at))).toBe(true);
      }
    }
  });

  law('every path that the run changed is put back, was so already, or is listed with its reason', fc.tuple(input, edits), ([given, left]) => {
    const { after, done } = run(given);
    const now = { alpha: left.reduce(applyEdit, after.alpha ?? dir()), beta: after.beta };
    const plan = planUndo({ ...now, done });
    const listed = new Set(plan.left.map(({ path: at, side }) => `${side} ${at}`));
    expect(listed.size).toBe(plan.left.length);
    for (const side of bothSides) {
      const back = applyChanges(now[side], plan[`${side}Changes`]);
      for (const { path: at } of done[side]) expect(sameNode(entryAt(back, at), entryAt(given[side], at)) !== listed.has(`${side} ${at}`)).toBe(true);
    }
  });

  law('it can be made step by step, and nothing that came since is lost', fc.tuple(input, edits), ([given, left]) => {
    const { after, done } = run(given);
    const alpha = left.reduce(applyEdit, after.alpha ?? dir());
    const plan = planUndo({ alpha, beta: after.beta, done });
    let now: Entry | undefined = alpha;
    for (const change of plan.alphaChanges) {
      const found = entryAt(now, change.path);
      expect(sameNode(found, change.old)).toBe(true);
      expect(entryAt(now, parentPath(change.path) ?? rootPath)?.kind).toBe('directory');
      if (change.new?.kind !== 'directory') expect(childrenOf(found)).toEqual([]);
      now = applyChanges(now, [change]);
    }
    const changed = new Set<RelativePath>(done.alpha.map(({ path: at }) => at));
    walk([alpha], (at, [entry]) => {
      if (entry?.kind === 'file' && !changed.has(at)) expect(isUnchanged(entryAt(now, at), entry)).toBe(true);
      return true;
    });
  });
});

describe('what cannot be put back', () => {
  const change = (at: string, old: Entry | undefined, next: Entry | undefined): Change => ({ path: path(at), old, new: next });
  const undoOf = (alpha: Entry, changes: readonly DoneChange[]): UndoPlan => planUndo({ alpha, beta: undefined, done: { alpha: changes, beta: [] } });

  it('a file that was edited since', () => {
    const plan = undoOf(dir({ a: file('mine') }), [change('a', file('before'), file('run'))]);
    expect(plan).toEqual({ alphaChanges: [], betaChanges: [], left: [{ path: 'a', side: 'alpha', reason: 'changed-since' }] });
  });

  it('a folder that the run made and that something has come into, listed or not', () => {
    const made = [change('d', undefined, dir()), change('d/a', undefined, file('run'))];
    const left = [{ path: 'd', side: 'alpha', reason: 'not-empty' }];
    expect(undoOf(dir({ d: dir({ a: file('run'), mine: file('x') }) }), made)).toMatchObject({
      alphaChanges: [{ path: 'd/a', new: undefined }],
      left,
    });
    expect(undoOf(dir({ d: dir({ a: file('run') }, { hasUntracked: true }) }), made)).toMatchObject({ alphaChanges: [{ path: 'd/a' }], left });
  });

  it('nor is anything above it', () => {
    const made = [change('d', undefined, dir()), change('d/e', undefined, dir()), change('d/e/a', undefined, file('run'))];
    const plan = undoOf(dir({ d: dir({ e: dir({ a: file('run'), mine: file('x') }) }) }), made);
    expect(plan.alphaChanges).toMatchObject([{ path: 'd/e/a', new: undefined }]);
    expect(plan.left.map(({ path: at, reason }) => [at, reason])).toEqual([
      ['d/e', 'not-empty'],
      ['d', 'not-empty'],
    ]);
  });

  it('but a folder whose permissions the run changed gets them back, whatever is in it', () => {
    const plan = undoOf(dir({ d: dir({ mine: file('x') }, { mode: 0o700 }) }), [change('d', dir(), dir({}, { mode: 0o700 }))]);
    expect(plan).toEqual({ alphaChanges: [{ path: 'd', old: dir({}, { mode: 0o700 }), new: dir() }], betaChanges: [], left: [] });
  });

  it('nor a file in the place of a folder that the run made of it, while something is in there', () => {
    const made = [change('d', file('before'), dir()), change('d/a', undefined, file('run'))];
    expect(undoOf(dir({ d: dir({ a: file('run') }) }), made)).toMatchObject({
      left: [],
      alphaChanges: [{ path: 'd/a' }, { path: 'd', new: file('before') }],
    });
    expect(undoOf(dir({ d: dir({ a: file('run'), mine: file('x') }) }), made)).toMatchObject({
      alphaChanges: [{ path: 'd/a', new: undefined }],
      left: [{ path: 'd', reason: 'not-empty' }],
    });
  });

  it('and what lay in a folder comes back with it', () => {
    const gone = [change('d/a', file('x'), undefined), change('d', dir(), undefined)];
    expect(undoOf(dir(), gone)).toMatchObject({
      left: [],
      alphaChanges: [
        { path: 'd', new: dir() },
        { path: 'd/a', new: file('x') },
      ],
    });
  });

  it('what lay in a folder in whose place there is a file now', () => {
    const plan = undoOf(dir({ d: file('mine') }), [change('d/a', file('x'), undefined), change('d', dir(), undefined)]);
    expect(plan.alphaChanges).toEqual([]);
    expect(plan.left).toEqual([
      { path: 'd', side: 'alpha', reason: 'changed-since' },
      { path: 'd/a', side: 'alpha', reason: 'no-folder' },
    ]);
  });

  it('and a path that two batches of the run changed goes back to before the first', () => {
    const plan = undoOf(dir({ a: file('3') }), [change('a', file('1'), file('2')), change('a', file('2'), file('3'))]);
    expect(plan.alphaChanges).toMatchObject([{ path: 'a', new: file('1') }]);
  });

  it('for which the content before the first has to be kept, and no other', () => {
    const [first, second] = [change('a', file('1'), file('2')), change('a', file('2'), file('3'))];
    const left = [{ path: 'a', side: 'alpha', reason: 'not-kept' }];
    expect(undoOf(dir({ a: file('3') }), [{ ...first, isLost: true }, second])).toMatchObject({ alphaChanges: [], left });
    expect(undoOf(dir({ a: file('3') }), [first, { ...second, isLost: true }])).toMatchObject({ alphaChanges: [{ path: 'a' }], left: [] });
  });

  it('a folder that the run made, and in which it changed later what somebody had put there', () => {
    const done = [change('d', undefined, dir()), change('d/a', file('mine'), file('run'))];
    const plan = undoOf(dir({ d: dir({ a: file('run') }) }), done);
    expect(plan.alphaChanges).toMatchObject([{ path: 'd/a', new: file('mine') }]);
    expect(plan.left).toEqual([{ path: 'd', side: 'alpha', reason: 'not-empty' }]);
  });

  it('a content that is kept no more, unless the other side has it at that path', () => {
    const lost = { ...change('a', file('before'), undefined), isLost: true };
    const undoBeside = (beta: Entry): UndoPlan => planUndo({ alpha: dir(), beta, done: { alpha: [lost], beta: [] } });
    expect(undoBeside(dir({ a: file('before') }))).toMatchObject({ alphaChanges: [{ path: 'a', new: file('before') }], left: [] });
    for (const other of [dir(), dir({ a: file('another') }), dir({ a: link('before') }), dir({ a: dir() })])
      expect(undoBeside(other)).toMatchObject({ alphaChanges: [], left: [{ path: 'a', reason: 'not-kept' }] });
  });

  it('but the root needs no folder', () => {
    const plan = undoOf(dir({}, { mode: 0o700 }), [change('', dir(), dir({}, { mode: 0o700 }))]);
    expect(plan).toEqual({ alphaChanges: [{ path: '', old: dir({}, { mode: 0o700 }), new: dir() }], betaChanges: [], left: [] });
  });
});
