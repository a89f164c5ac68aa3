/** Renames, as a specification: what each side made of what was agreed, what is moved for it, and what both have in the end. */
import { describe, expect, it } from 'vitest';
import { compilePatterns } from '../scope/pattern.ts';
import { exactNames } from '../scope/rules.ts';
import { dir, file, link, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { printTree } from '../tree/print.ts';
import { applyPlan } from './apply-plan.ts';
import { findHalts } from './guards.ts';
import type { Policy } from './policy.ts';
import { type ReconcileInput, reconcile } from './reconcile.ts';

type Tree = Readonly<Record<string, Entry>>;

interface Case {
  readonly title: string;
  readonly ancestor: Tree;
  readonly alpha: Tree;
  readonly beta: Tree;
  readonly policy?: Partial<Policy>;
  readonly folding?: ReconcileInput['folding'];
  /** `old => new`, in order. */
  readonly moves: { readonly alpha?: readonly string[]; readonly beta?: readonly string[] };
  /** Apart from the moves, `path: what`. */
  readonly rest?: { readonly alpha?: readonly string[]; readonly beta?: readonly string[] };
  /** What both have afterwards, unless `differ`. */
  readonly outcome?: Tree;
  readonly conflicts?: readonly string[];
}

const one = file('one');
const two = file('two');
const three = file('three');
const empty = file('');
const mac = { alpha: exactNames, beta: { ignoresCase: true, ignoresUnicodeForm: true } };

const cases: Readonly<Record<string, readonly Case[]>> = {
  'a file': [
    { title: 'in its folder', ancestor: { a: one }, alpha: { b: one }, beta: { a: one }, moves: { beta: ['a => b'] }, outcome: { b: one } },
    {
      title: 'into a new folder',
      ancestor: { a: one },
      alpha: { n: dir({ m: dir({ a: one }) }) },
      beta: { a: one },
      moves: { beta: ['a => n/m/a'] },
      rest: { beta: ['n: made', 'n/m: made'] },
      outcome: { n: dir({ m: dir({ a: one }) }) },
    },
    {
      title: 'out of a folder that goes',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { a: one },
      beta: { d: dir({ a: one, b: two }) },
      moves: { beta: ['d/a => a'] },
      rest: { beta: ['d/b: deleted', 'd: deleted'] },
      outcome: { a: one },
    },
    {
      title: 'with other permissions: they come with it',
      ancestor: { a: one },
      alpha: { b: file('one', { mode: 0o755 }) },
      beta: { a: one },
      moves: { beta: ['a => b'] },
      outcome: { b: file('one', { mode: 0o755 }) },
    },
    {
      title: 'and edited: then it is another file',
      ancestor: { a: one },
      alpha: { b: two },
      beta: { a: one },
      moves: {},
      rest: { beta: ['a: deleted', 'b: made'] },
      outcome: { b: two },
    },
    { title: 'an empty one is not known again', ancestor: { a: empty }, alpha: { b: empty }, beta: { a: empty }, moves: {}, outcome: { b: empty } },
    {
      title: 'of several alike, the same name first, then the same folder, then the order',
      ancestor: { d: dir({ x: one, y: one }), z: one },
      alpha: { d: dir({ w: one }), e: dir({ x: one }), f: one },
      beta: { d: dir({ x: one, y: one }), z: one },
      moves: { beta: ['d/y => d/w', 'd/x => e/x', 'z => f'] },
      outcome: { d: dir({ w: one }), e: dir({ x: one }), f: one },
    },
    {
      title: 'one of two alike: the other one is deleted',
      ancestor: { a: one, b: one },
      alpha: { c: one },
      beta: { a: one, b: one },
      moves: { beta: ['a => c'] },
      rest: { beta: ['b: deleted'] },
      outcome: { c: one },
    },
    {
      title: 'on each side another one',
      ancestor: { a: one, b: two },
      alpha: { c: one, b: two },
      beta: { a: one, d: two },
      moves: { alpha: ['b => d'], beta: ['a => c'] },
      outcome: { c: one, d: two },
    },
    {
      title: 'out of scope is a deletion',
      ancestor: { a: one },
      alpha: { hidden: untracked() },
      beta: { a: one },
      moves: {},
      rest: { beta: ['a: deleted'] },
    },
    { title: 'into scope is a creation', ancestor: {}, alpha: { a: one }, beta: {}, moves: {}, rest: { beta: ['a: made'] }, outcome: { a: one } },
    {
      title: 'where something else took the place of its folder: what makes room is not moved',
      ancestor: { d: dir({ a: one }) },
      alpha: { d: two, e: one },
      beta: { d: dir({ a: one }) },
      moves: {},
      outcome: { d: two, e: one },
    },
  ],
  'two names': [
    {
      title: 'swapped: both are still there, so each gets the other content',
      ancestor: { a: one, b: two },
      alpha: { a: two, b: one },
      beta: { a: one, b: two },
      moves: {},
      rest: { beta: ['a: changed', 'b: changed'] },
      outcome: { a: two, b: one },
    },
    {
      title: 'three in a circle: likewise',
      ancestor: { a: one, b: two, c: three },
      alpha: { a: three, b: one, c: two },
      beta: { a: one, b: two, c: three },
      moves: {},
      rest: { beta: ['a: changed', 'b: changed', 'c: changed'] },
      outcome: { a: three, b: one, c: two },
    },
    {
      title: 'one after the other (a to b, b to c): what lies at b changes, and no name is taken for two',
      ancestor: { a: one, b: two },
      alpha: { b: one, c: two },
      beta: { a: one, b: two },
      moves: {},
      rest: { beta: ['a: deleted', 'b: changed', 'c: made'] },
      outcome: { b: one, c: two },
    },
  ],
  'a rename here, and there': [
    {
      title: 'an edit follows its file to the new name',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: two },
      moves: { beta: ['a => b'] },
      rest: { alpha: ['b: changed'] },
      outcome: { b: two },
    },
    {
      title: 'so do permissions',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: file('one', { mode: 0o600 }) },
      moves: { beta: ['a => b'] },
      rest: { alpha: ['b: changed'] },
      outcome: { b: file('one', { mode: 0o600 }) },
    },
    {
      title: 'the same edit on both',
      ancestor: { a: one },
      alpha: { b: two },
      beta: { a: two },
      moves: { beta: ['a => b'] },
      outcome: { b: two },
    },
    {
      title: 'an edit of one of two alike, which may not be told apart: it stays where it was made',
      ancestor: { a: one, b: one },
      alpha: { c: one },
      beta: { a: two, b: one },
      moves: { beta: ['b => c'] },
      rest: { alpha: ['a: made'] },
      outcome: { a: two, c: one },
    },
    { title: 'the same rename', ancestor: { a: one }, alpha: { b: one }, beta: { b: one }, moves: {}, outcome: { b: one } },
    {
      title: 'the same rename, and one of them edited it: that is an edit and no conflict',
      ancestor: { a: one },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }) },
      moves: {},
      rest: { alpha: ['n/b: changed'] },
      outcome: { n: dir({ b: two }) },
    },
    {
      title: 'the same rename, edited there, and it is there under the old name, too: that goes',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: two, b: two },
      moves: {},
      rest: { alpha: ['b: changed'], beta: ['a: deleted'] },
      outcome: { b: two },
    },
    {
      title: 'another rename: both names stay, for each was somebody’s will',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { c: one },
      moves: {},
      rest: { alpha: ['c: made'], beta: ['b: made'] },
      outcome: { b: one, c: one },
    },
    {
      title: 'a deletion: what was renamed is kept',
      ancestor: { a: one },
      alpha: { b: one },
      beta: {},
      moves: {},
      rest: { beta: ['b: made'] },
      outcome: { b: one },
    },
    {
      title: 'another file under the new name: a conflict there, and the edit is not lost',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: two, b: three },
      moves: {},
      rest: { alpha: ['a: made'] },
      conflicts: ['b tie'],
    },
  ],
  'a folder': [
    {
      title: 'with all that is in it, links and empty files too',
      ancestor: { d: dir({ a: one, s: dir({ e: empty, l: link('../a') }) }) },
      alpha: { e: dir({ a: one, s: dir({ e: empty, l: link('../a') }) }) },
      beta: { d: dir({ a: one, s: dir({ e: empty, l: link('../a') }) }) },
      moves: { beta: ['d => e', 'd/a => e/a', 'd/s => e/s', 'd/s/e => e/s/e', 'd/s/l => e/s/l'] },
      outcome: { e: dir({ a: one, s: dir({ e: empty, l: link('../a') }) }) },
    },
    {
      title: 'into another one, the larger of two that fit',
      ancestor: { d: dir({ s: dir({ a: one }), b: two }), t: dir({ a: one }) },
      alpha: { n: dir({ d: dir({ s: dir({ a: one }), b: two }) }), t: dir({ a: one }) },
      beta: { d: dir({ s: dir({ a: one }), b: two }), t: dir({ a: one }) },
      moves: { beta: ['d => n/d', 'd/b => n/d/b', 'd/s => n/d/s', 'd/s/a => n/d/s/a'] },
      rest: { beta: ['n: made'] },
    },
    {
      title: 'edits, new files and permissions follow it',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { e: dir({ a: one, b: two }) },
      beta: { d: dir({ a: three, b: file('two', { mode: 0o600 }), n: file('four') }) },
      moves: { beta: ['d => e', 'd/a => e/a', 'd/b => e/b', 'd/n => e/n'] },
      rest: { alpha: ['e/a: changed', 'e/b: changed', 'e/n: made'] },
      outcome: { e: dir({ a: three, b: file('two', { mode: 0o600 }), n: file('four') }) },
    },
    {
      title: 'something in it was deleted there: file by file, and what was renamed is kept',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { e: dir({ a: one, b: two }) },
      beta: { d: dir({ a: one }) },
      moves: { beta: ['d/a => e/a'] },
      outcome: { e: dir({ a: one, b: two }) },
    },
    {
      title: 'something in it was changed by the one who renamed it: file by file',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { e: dir({ a: one, b: three }) },
      beta: { d: dir({ a: one, b: two }) },
      moves: { beta: ['d/a => e/a'] },
      rest: { beta: ['e: made', 'd/b: deleted', 'd: deleted', 'e/b: made'] },
      outcome: { e: dir({ a: one, b: three }) },
    },
    {
      title: 'that holds what is not ours: file by file, and it stays for that',
      ancestor: { d: dir({ a: one }) },
      alpha: { e: dir({ a: one }) },
      beta: { d: dir({ a: one }, { hasUntracked: true }) },
      moves: { beta: ['d/a => e/a'] },
      rest: { beta: ['e: made'] },
    },
    {
      title: 'of empty files only: nothing to be known by',
      ancestor: { d: dir({ a: empty }) },
      alpha: { e: dir({ a: empty }) },
      beta: { d: dir({ a: empty }) },
      moves: {},
      outcome: { e: dir({ a: empty }) },
    },
    {
      title: 'that the other side has moved something into: that comes along',
      ancestor: { d: dir({ a: one }), f: two },
      alpha: { e: dir({ a: one }), f: two },
      beta: { d: dir({ a: one, f: two }) },
      moves: { beta: ['d => e', 'd/a => e/a', 'd/f => e/f'] },
      rest: { alpha: ['e/f: made', 'f: deleted'] },
      outcome: { e: dir({ a: one, f: two }) },
    },
    {
      title: 'into one that the other side has renamed: it ends up in that',
      ancestor: { d: dir({ a: one }), e: dir({ b: two }) },
      alpha: { e: dir({ b: two, d: dir({ a: one }) }) },
      beta: { d: dir({ a: one }), f: dir({ b: two }) },
      moves: { alpha: ['e => f', 'e/b => f/b', 'e/d => f/d', 'e/d/a => f/d/a'] },
      rest: { beta: ['d/a: deleted', 'd: deleted', 'f/d: made', 'f/d/a: made'] },
      outcome: { f: dir({ b: two, d: dir({ a: one }) }) },
    },
  ],
  'a name that the other side takes for the same': [
    {
      title: 'a file in another case',
      ancestor: { a: one },
      alpha: { A: one },
      beta: { a: one },
      folding: mac,
      moves: { beta: ['a => A'] },
      outcome: { A: one },
    },
    {
      title: 'a file in another case that was edited there',
      ancestor: { a: one },
      alpha: { A: one },
      beta: { a: two },
      folding: mac,
      moves: { beta: ['a => A'] },
      rest: { alpha: ['A: changed'] },
      outcome: { A: two },
    },
    {
      title: 'renamed by the side that takes them for the same',
      ancestor: { a: one },
      alpha: { a: two },
      beta: { A: one },
      folding: mac,
      moves: { alpha: ['a => A'] },
      rest: { beta: ['A: changed'] },
      outcome: { A: two },
    },
    {
      title: 'a folder in another case',
      ancestor: { d: dir({ a: one }) },
      alpha: { D: dir({ a: one }) },
      beta: { d: dir({ a: one }) },
      folding: mac,
      moves: { beta: ['d => D', 'd/a => D/a'] },
      outcome: { D: dir({ a: one }) },
    },
    {
      title: 'beside another file with that content: the one of that name is meant',
      ancestor: { a: one, z: one },
      alpha: { A: one },
      beta: { a: one, z: one },
      folding: mac,
      moves: { beta: ['a => A'] },
      rest: { beta: ['z: deleted'] },
      outcome: { A: one },
    },
  ],
  'one way': [
    {
      title: 'the side that is not to be changed renamed it: it moves',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: one },
      policy: { direction: 'alpha-to-beta' },
      moves: { beta: ['a => b'] },
      outcome: { b: one },
    },
    {
      title: 'the other side renamed it: nothing goes back',
      ancestor: { a: one },
      alpha: { a: one },
      beta: { b: one },
      policy: { direction: 'alpha-to-beta' },
      moves: {},
    },
    {
      title: 'and the other side edited it: its edit is neither moved nor deleted',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: two },
      policy: { direction: 'alpha-to-beta' },
      moves: {},
      rest: { beta: ['b: made'] },
      conflicts: ['a direction'],
    },
    {
      title: 'a policy of the old path keeps it there',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: one },
      policy: { paths: [{ match: compilePatterns(['a']), direction: 'beta-to-alpha' }] },
      moves: {},
      rest: { beta: ['b: made'] },
    },
    {
      title: 'a policy of the new path keeps it from coming',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: one },
      policy: { paths: [{ match: compilePatterns(['b']), direction: 'beta-to-alpha' }] },
      moves: {},
      rest: { beta: ['a: deleted'] },
    },
    {
      title: 'a policy of something in a folder keeps it from moving as one',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { e: dir({ a: one, b: two }) },
      beta: { d: dir({ a: one, b: two }) },
      policy: { paths: [{ match: compilePatterns(['/d/b']), direction: 'beta-to-alpha' }] },
      moves: { beta: ['d/a => e/a'] },
      rest: { beta: ['e: made', 'e/b: made'] },
    },
  ],
};

for (const [group, rows] of Object.entries(cases)) {
  describe(group, () => {
    for (const row of rows) {
      it(row.title, () => {
        const given = inputOf(row);
        const plan = reconcile(given);
        expect({ alpha: movesOf(plan.alphaChanges), beta: movesOf(plan.betaChanges) }).toEqual({
          alpha: row.moves.alpha ?? [],
          beta: row.moves.beta ?? [],
        });
        if (row.rest !== undefined) {
          expect({ alpha: restOf(plan.alphaChanges), beta: restOf(plan.betaChanges) }).toEqual({
            alpha: row.rest.alpha ?? [],
            beta: row.rest.beta ?? [],
          });
        }
        expect(plan.conflicts.map(({ path, reason }) => `${path} ${reason}`)).toEqual(row.conflicts ?? []);
        const after = applyPlan(given, plan);
        if (row.outcome !== undefined) {
          const expected = printTree(root(row.outcome));
          expect([printTree(after.alpha), printTree(after.beta)]).toEqual([expected, expected]);
        }
        // What is done is remembered so that there is nothing left to do.
        const again = reconcile({ ...given, ...after });
        expect([again.alphaChanges, again.betaChanges, again.ancestorChanges]).toEqual([[], [], []]);
      });
    }
  });
}

describe('a move is no deletion', () => {
  const files = (count: number): Tree => Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, file(`content ${index}`)]));
  const limits = { maxDelete: { share: 0.25 }, maxChange: { share: 0.5 } };
  const haltsOf = (ancestor: Tree, alpha: Tree, include: readonly string[] = []) => {
    const given = inputOf({ ancestor, alpha, beta: ancestor });
    return findHalts({ ...given, plan: reconcile(given), limits, include }).map(({ reason }) => reason);
  };

  it('for the share of what may be deleted', () => {
    expect(haltsOf({ docs: dir(files(100)) }, { texts: dir(files(100)) })).toEqual([]);
    // Ninety of them went elsewhere, one by one, and ten are gone.
    expect(haltsOf({ docs: dir(files(100)) }, { texts: dir(files(90)) })).toEqual([]);
    expect(haltsOf({ docs: dir(files(100)), more: one }, { texts: dir(files(60)), more: one })).toEqual(['mass-delete']);
  });

  it('and what was moved out of a folder did not make it empty', () => {
    expect(haltsOf({ docs: dir({ a: one, s: dir({ b: two }) }) }, { docs: dir(), texts: dir({ a: one, b: two }) }, ['docs', 'texts'])).toEqual([]);
    expect(haltsOf({ docs: dir({ a: one, b: two, c: three }) }, { docs: dir(), texts: dir({ a: one }) }, ['docs', 'texts'])).toEqual([
      'path-emptied',
    ]);
  });
});

function root(tree: Tree): Entry {
  return dir(tree, { mode: 0, hasUntracked: true });
}

function inputOf({ ancestor, alpha, beta, policy, folding }: Pick<Case, 'ancestor' | 'alpha' | 'beta' | 'policy' | 'folding'>): ReconcileInput & {
  readonly ancestor: NonNullable<ReconcileInput['ancestor']>;
} {
  return {
    ancestor: { alpha: root(ancestor), beta: root(ancestor) },
    alpha: root(alpha),
    beta: root(beta),
    policy: {
      conflicts: 'newer',
      onTie: 'skip',
      direction: 'both',
      paths: [],
      naming: { alpha: 'one', beta: 'two', date: '2026-11-21' },
      ...policy,
    },
    folding,
  };
}

type Changes = ReturnType<typeof reconcile>['alphaChanges'];

/** Each with its two halves, in the order in which they appear. */
function movesOf(changes: Changes): readonly string[] {
  const deletions = new Map(changes.flatMap(({ path, to }) => (to === undefined ? [] : [[path, to]])));
  const moves = changes.flatMap(({ path, from }) => (from === undefined ? [] : [{ from: from.path, to: path }]));
  expect(moves.map(({ from }) => deletions.get(from))).toEqual(moves.map(({ to }) => to));
  expect(deletions.size).toBe(moves.length);
  return moves.map(({ from, to }) => `${from} => ${to}`);
}

function restOf(changes: Changes): readonly string[] {
  return changes
    .filter(({ from, to }) => from === undefined && to === undefined)
    .map(({ path, old, new: next }) => `${path}: ${old === undefined ? 'made' : next === undefined ? 'deleted' : 'changed'}`);
}
