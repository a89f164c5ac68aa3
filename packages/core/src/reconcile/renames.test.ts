/** Renames, as a specification: what each side made of what was agreed, what is moved for it, and what both have in the end. */
import { describe, expect, it } from 'vitest';
import { compilePatterns } from '../scope/pattern.ts';
import { compilePermissionMasks } from '../scope/permission-masks.ts';
import { exactNames } from '../scope/rules.ts';
import { dir, file, link, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { printTree } from '../tree/print.ts';
import { childrenOf } from '../tree/walk.ts';
import { applyPlan } from './apply-plan.ts';
import { findHalts } from './guards.ts';
import type { Policy } from './policy.ts';
import { type ReconcileInput, reconcile } from './reconcile.ts';

type Tree = Readonly<Record<string, Entry>>;

interface Case {
  readonly title: string;
  readonly ancestor: Tree;
  /** Beta's half, where something is held. */
  readonly ancestorOfBeta?: Tree;
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
      title: 'into a folder whose permissions changed',
      ancestor: { a: one, d: dir() },
      alpha: { d: dir({ a: one }, { mode: 0o700 }) },
      beta: { a: one, d: dir() },
      moves: { beta: ['a => d/a'] },
      rest: { beta: ['d: changed'] },
      outcome: { d: dir({ a: one }, { mode: 0o700 }) },
    },
    {
      title: 'on either side into new folders that both made: they are agreed on first, the outer one before the inner one',
      ancestor: { a: one, b: two },
      alpha: { b: two, n: dir({ m: dir({ a: one }) }) },
      beta: { a: one, n: dir({ b: two, m: dir() }) },
      moves: { alpha: ['b => n/b'], beta: ['a => n/m/a'] },
      rest: {},
      outcome: { n: dir({ b: two, m: dir({ a: one }) }) },
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
      title: 'an empty one is not known again by what both made of it, either',
      ancestor: { a: empty },
      alpha: { b: one },
      beta: { a: one },
      moves: {},
      rest: { alpha: ['a: made'], beta: ['b: made'] },
      outcome: { a: one, b: one },
    },
    {
      title: 'an empty one is not known again where it was emptied there, either',
      ancestor: { a: one },
      alpha: { b: empty },
      beta: { a: empty },
      moves: {},
      rest: { alpha: ['a: made'], beta: ['b: made'] },
      outcome: { a: empty, b: empty },
    },
    {
      title: 'that was deleted, and one like it is in a folder that was moved as one: it moves nowhere',
      ancestor: { a: one, d: dir({ b: one }) },
      alpha: { e: dir({ b: one }) },
      beta: { a: one, d: dir({ b: one }) },
      moves: { beta: ['d => e', 'd/b => e/b'] },
      rest: { beta: ['a: deleted'] },
      outcome: { e: dir({ b: one }) },
    },
    {
      title: 'while both renamed another one',
      ancestor: { a: one, c: two },
      alpha: { b: one, d: two },
      beta: { b: three, c: two },
      moves: { beta: ['c => d'] },
      rest: { alpha: ['b: changed'] },
      outcome: { b: three, d: two },
    },
    {
      title: 'out of where fewer permissions count: the others are taken to be the owner’s, as agreed on',
      ancestor: { n: dir({ a: file('one', { mode: 0o100 }) }, { mode: 0o100 }) },
      alpha: { b: file('one', { mode: 0o755 }), n: dir({}, { mode: 0o100 }) },
      beta: { n: dir({ a: file('one', { mode: 0 }) }, { mode: 0o100 }) },
      policy: { masks: compilePermissionMasks({ permissions: 'all', policies: [{ match: 'n', permissions: 'executable' }] }) },
      moves: { beta: ['n/a => b'] },
      rest: { alpha: ['b: changed'] },
      outcome: { b: file('one', { mode: 0o655 }), n: dir({}, { mode: 0o100 }) },
    },
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
    {
      title: 'three alike, in order',
      ancestor: { a: one, b: one, c: one },
      alpha: { x: one, y: one, z: one },
      beta: { a: one, b: one, c: one },
      moves: { beta: ['a => x', 'b => y', 'c => z'] },
      outcome: { x: one, y: one, z: one },
    },
    {
      title: 'out of a folder whose permissions changed',
      ancestor: { d: dir({ a: one }) },
      alpha: { b: one, d: dir({}, { mode: 0o700 }) },
      beta: { d: dir({ a: one }) },
      moves: { beta: ['d/a => b'] },
      rest: { beta: ['d: changed'] },
      outcome: { b: one, d: dir({}, { mode: 0o700 }) },
    },
    {
      title: 'to a name that the other side gave to another content, which gives way: nothing is moved over something',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: one, b: two },
      policy: { conflicts: 'alpha' },
      moves: {},
      rest: { beta: ['a: deleted', 'b: changed'] },
      conflicts: ['b content'],
      outcome: { b: one },
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
      title: 'an edit of one of two alike, whatever their names: the other one is moved',
      ancestor: { a: one, b: one },
      alpha: { d: dir({ a: one }) },
      beta: { a: two, b: one },
      moves: { beta: ['b => d/a'] },
      rest: { alpha: ['a: made'], beta: ['d: made'] },
      outcome: { a: two, d: dir({ a: one }) },
    },
    {
      title: 'an edit, and two new names: it stays where it was made',
      ancestor: { a: one },
      alpha: { b: one, c: one },
      beta: { a: two },
      moves: {},
      rest: { alpha: ['a: made'], beta: ['b: made', 'c: made'] },
      outcome: { a: two, b: one, c: one },
    },
    {
      title: 'an edit, and one new name for each of the two contents: it has gone to the first',
      ancestor: { a: one },
      alpha: { b: one, c: two },
      beta: { a: two },
      moves: { beta: ['a => b'] },
      rest: { alpha: ['b: changed'], beta: ['c: made'] },
      outcome: { b: two, c: two },
    },
    {
      title: 'another kind: what was made of it is kept',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: link('x') },
      moves: {},
      rest: { alpha: ['a: made'], beta: ['b: made'] },
      outcome: { a: link('x'), b: one },
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
      title: 'the same with the sides swapped',
      ancestor: { a: one },
      alpha: { a: two, b: two },
      beta: { b: one },
      moves: {},
      rest: { alpha: ['a: deleted'], beta: ['b: changed'] },
      outcome: { b: two },
    },
    {
      title: 'the same rename, edited there later: no conflict either',
      ancestor: { a: one },
      alpha: { b: file('one', { mtimeMs: 9_000 }) },
      beta: { b: two },
      moves: {},
      rest: { alpha: ['b: changed'] },
      outcome: { b: two },
    },
    {
      title: 'the same rename out of a folder that is gone, among several alike: that of its name',
      ancestor: { a: one, d: dir({ b: one }) },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }) },
      moves: {},
      rest: { alpha: ['n/b: changed'] },
      outcome: { n: dir({ b: two }) },
    },
    {
      title: 'the same, among three alike',
      ancestor: { a: one, c: one, d: dir({ b: one }) },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }) },
      moves: {},
      rest: { alpha: ['n/b: changed'] },
      outcome: { n: dir({ b: two }) },
    },
    {
      title: 'the same rename out of a folder that one of them deleted and the other one put something else into',
      ancestor: { d: dir({ a: one }) },
      alpha: { b: one },
      beta: { b: two, d: dir({ n: three }) },
      moves: {},
      rest: { alpha: ['b: changed', 'd: made', 'd/n: made'] },
      outcome: { b: two, d: dir({ n: three }) },
    },
    {
      title: 'the same rename out of a folder in which each had something to itself',
      ancestor: { d: dir({ a: one, x: three }) },
      ancestorOfBeta: { d: dir({ a: one, y: three }) },
      alpha: { b: one },
      beta: { b: two },
      moves: {},
      rest: { alpha: ['b: changed'] },
      outcome: { b: two },
    },
    {
      title: 'the same rename, into a folder that alpha alone had and beta has made, too',
      ancestor: { a: one, n: dir() },
      ancestorOfBeta: { a: one },
      alpha: { n: dir({ b: two }) },
      beta: { n: dir({ b: one }) },
      moves: {},
      rest: { beta: ['n/b: changed'] },
      outcome: { n: dir({ b: two }) },
    },
    {
      title: 'the same rename of a folder, edited there',
      ancestor: { d: dir({ b: one }) },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }) },
      moves: {},
      rest: { alpha: ['n/b: changed'] },
      outcome: { n: dir({ b: two }) },
    },
    {
      title: 'into folders that differ, where alpha alone had one: a conflict',
      ancestor: { a: one, n: dir() },
      ancestorOfBeta: { a: one },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }, { mode: 0o700 }) },
      moves: {},
      rest: { beta: ['n: changed'] },
      conflicts: ['n/b tie'],
    },
    {
      title: 'where beta alone had one, too',
      ancestor: { a: one },
      ancestorOfBeta: { a: one, n: dir({}, { mode: 0o700 }) },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }, { mode: 0o700 }) },
      moves: {},
      rest: { beta: ['n: changed'] },
      conflicts: ['n/b tie'],
    },
    {
      title: 'the same rename into a folder with held permissions',
      ancestor: { a: one, n: dir() },
      ancestorOfBeta: { a: one, n: dir({}, { mode: 0o700 }) },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }, { mode: 0o700 }) },
      moves: {},
      rest: { alpha: ['n/b: changed'] },
    },
    {
      title: 'perhaps the same rename, but of two alike: a conflict',
      ancestor: { a: one, c: one },
      alpha: { b: one },
      beta: { b: two },
      moves: {},
      rest: {},
      conflicts: ['b tie'],
    },
    {
      title: 'perhaps the same rename, but to two names: conflicts',
      ancestor: { a: one },
      alpha: { b: one, c: one },
      beta: { b: two, c: two },
      moves: {},
      rest: {},
      conflicts: ['b tie', 'c tie'],
    },
    {
      title: 'perhaps the same rename, but the folder that it was in was moved as one: that was meant, and the first is a conflict',
      ancestor: { d: dir({ a: one, c: three }) },
      alpha: { b: one, e: dir({ a: one, c: three }) },
      beta: { b: two, d: dir({ a: two, c: three }) },
      moves: { beta: ['d => e', 'd/a => e/a', 'd/c => e/c'] },
      rest: { alpha: ['e/a: changed'] },
      conflicts: ['b tie'],
    },
    {
      title: 'no rename, but an edit of what was there: a conflict',
      ancestor: { a: one, b: three },
      alpha: { b: one },
      beta: { b: two },
      moves: {},
      rest: {},
      conflicts: ['b tie'],
    },
    {
      title: 'no rename, where there is a link: a conflict',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { b: link('x') },
      moves: {},
      rest: {},
      conflicts: ['b tie'],
    },
    {
      title: 'no rename of what is empty: a conflict',
      ancestor: { a: empty },
      alpha: { b: empty },
      beta: { b: two },
      moves: {},
      rest: {},
      conflicts: ['b tie'],
    },
    {
      title: 'no rename of what was held: a conflict',
      ancestor: { a: one },
      ancestorOfBeta: { a: two },
      alpha: { b: one },
      beta: { b: three },
      moves: {},
      rest: {},
      conflicts: ['b tie'],
    },
    {
      title: 'no rename, but a copy of what is still there: a conflict',
      ancestor: { a: one },
      alpha: { a: three, b: one },
      beta: { b: two },
      moves: {},
      rest: { beta: ['a: made'] },
      conflicts: ['b tie'],
    },
    {
      title: 'the same rename, and it is there under the old name, which is not to be changed: a conflict',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: two, b: two },
      policy: { paths: [{ match: compilePatterns(['a']), direction: 'beta-to-alpha' }] },
      moves: {},
      rest: { alpha: ['a: made'] },
      conflicts: ['b tie'],
    },
    {
      title: 'the same rename, and another one of the same file: that was meant, and the first is a conflict',
      ancestor: { a: one },
      alpha: { b: one, c: one },
      beta: { a: two, b: two },
      moves: { beta: ['a => c'] },
      rest: { alpha: ['c: changed'] },
      conflicts: ['b tie'],
    },
    {
      title: 'into new folders that differ: a conflict',
      ancestor: { a: one },
      alpha: { n: dir({ b: one }) },
      beta: { n: dir({ b: two }, { mode: 0o700 }) },
      moves: {},
      rest: { beta: ['n: changed'] },
      conflicts: ['n/b tie'],
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
      title: 'that holds what is not ours under its new name: file by file',
      ancestor: { d: dir({ a: one, s: dir({ b: two }) }) },
      alpha: { e: dir({ a: one, s: dir({ b: two }, { hasUntracked: true }) }) },
      beta: { d: dir({ a: one, s: dir({ b: two }) }) },
      moves: { beta: ['d/a => e/a', 'd/s/b => e/s/b'] },
      rest: { beta: ['e: made', 'e/s: made', 'd/s: deleted', 'd: deleted'] },
    },
    {
      title: 'two alike',
      ancestor: { d: dir({ a: one }), e: dir({ a: one }) },
      alpha: { x: dir({ a: one }), y: dir({ a: one }) },
      beta: { d: dir({ a: one }), e: dir({ a: one }) },
      moves: { beta: ['d => x', 'd/a => x/a', 'e => y', 'e/a => y/a'] },
      rest: {},
      outcome: { x: dir({ a: one }), y: dir({ a: one }) },
    },
    {
      title: 'and a copy of what is in it: the larger one is moved first, whatever the order',
      ancestor: { d: dir({ s: dir({ x: one }), y: two }), s: dir({ x: one }) },
      alpha: { b: dir({ x: one }), n: dir({ s: dir({ x: one }), y: two }) },
      beta: { d: dir({ s: dir({ x: one }), y: two }), s: dir({ x: one }) },
      moves: { beta: ['s => b', 's/x => b/x', 'd => n', 'd/s => n/s', 'd/s/x => n/s/x', 'd/y => n/y'] },
      rest: {},
    },
    {
      title: 'of two alike the one that is left, where the other one went along with a larger one',
      ancestor: { d: dir({ s: dir({ a: one }) }), t: dir({ s: dir({ a: one }) }) },
      alpha: { e: dir({ s: dir({ a: one }) }), n: dir({ a: one }), t: dir() },
      beta: { d: dir({ s: dir({ a: one }) }), t: dir({ s: dir({ a: one }) }) },
      moves: { beta: ['d => e', 'd/s => e/s', 'd/s/a => e/s/a', 't/s => n', 't/s/a => n/a'] },
      rest: {},
      outcome: { e: dir({ s: dir({ a: one }) }), n: dir({ a: one }), t: dir() },
    },
    {
      title: 'of which the two held different things',
      ancestor: { d: dir({ a: one }) },
      ancestorOfBeta: { d: dir({ a: three }) },
      alpha: { e: dir({ a: one }) },
      beta: { d: dir({ a: three }) },
      moves: {},
      rest: { beta: ['d/a: deleted', 'd: deleted', 'e: made', 'e/a: made'] },
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
      title: 'a file in another case, and the same edit on both',
      ancestor: { a: one },
      alpha: { A: two },
      beta: { a: two },
      folding: mac,
      moves: { beta: ['a => A'] },
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
    {
      title: 'while the old one is there: a conflict, and what else was renamed is moved',
      ancestor: { a: one, z: two },
      alpha: { A: three, a: one, y: two },
      beta: { a: one, z: two },
      folding: mac,
      moves: { beta: ['z => y'] },
      rest: {},
      conflicts: ['A names-collide'],
    },
  ],
  'what was held': [
    {
      title: 'something on one side, nothing on the other: it was never a name of both',
      ancestor: { a: one },
      ancestorOfBeta: {},
      alpha: { b: one },
      beta: { a: one },
      moves: {},
      rest: { alpha: ['a: made'], beta: ['b: made'] },
      outcome: { a: one, b: one },
    },
    {
      title: 'contents: the two never meant the same',
      ancestor: { a: one },
      ancestorOfBeta: { a: two },
      alpha: { b: one },
      beta: { a: two },
      moves: {},
      rest: { beta: ['a: deleted', 'b: made'] },
      outcome: { b: one },
    },
    {
      title: 'kinds',
      ancestor: { a: one },
      ancestorOfBeta: { a: link('x') },
      alpha: { b: one },
      beta: { a: link('x') },
      moves: {},
      rest: { beta: ['a: deleted', 'b: made'] },
      outcome: { b: one },
    },
    {
      title: 'permissions, and a chmod there: it follows, and what differs besides stays held',
      ancestor: { a: file('one', { mode: 0o640 }) },
      ancestorOfBeta: { a: file('one', { mode: 0o644 }) },
      alpha: { b: file('one', { mode: 0o640 }) },
      beta: { a: file('one', { mode: 0o744 }) },
      moves: { beta: ['a => b'] },
      rest: { alpha: ['b: changed'] },
    },
    {
      title: 'a new name that one side had kept for itself is none',
      ancestor: { a: one, b: three },
      ancestorOfBeta: { a: one },
      alpha: { b: one },
      beta: { a: one },
      moves: {},
      rest: { beta: ['a: deleted', 'b: made'] },
      outcome: { b: one },
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
      title: 'both gave it one new name, and the one that would win is not to: a conflict, whatever it was renamed from',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { b: two },
      policy: { direction: 'alpha-to-beta', conflicts: 'beta' },
      moves: {},
      rest: {},
      conflicts: ['b direction'],
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
      title: 'a policy of the old path keeps it there, edited',
      ancestor: { a: one },
      alpha: { b: one },
      beta: { a: two },
      policy: { paths: [{ match: compilePatterns(['a']), direction: 'beta-to-alpha' }] },
      moves: {},
      rest: { alpha: ['a: made'], beta: ['b: made'] },
      outcome: { a: two, b: one },
    },
    {
      title: 'a policy of something under the new name of a folder keeps it from moving as one',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { e: dir({ a: one, b: two }) },
      beta: { d: dir({ a: one, b: two }) },
      policy: { paths: [{ match: compilePatterns(['/e/b']), direction: 'beta-to-alpha' }] },
      moves: { beta: ['d/a => e/a'] },
      rest: { beta: ['e: made', 'd/b: deleted', 'd: deleted'] },
    },
    {
      title: 'of folders only: that of a folder',
      ancestor: { d: dir({ b: two, s: dir({ a: one }) }) },
      alpha: { e: dir({ b: two, s: dir({ a: one }) }) },
      beta: { d: dir({ b: two, s: dir({ a: one }) }) },
      policy: { paths: [{ match: compilePatterns(['/e/s/']), direction: 'beta-to-alpha' }] },
      moves: { beta: ['d/b => e/b'] },
      rest: { beta: ['e: made', 'd/s/a: deleted', 'd/s: deleted', 'd: deleted'] },
    },
    {
      title: 'of folders only: that of an empty folder',
      ancestor: { d: dir({ b: two, s: dir() }) },
      alpha: { e: dir({ b: two, s: dir() }) },
      beta: { d: dir({ b: two, s: dir() }) },
      policy: { paths: [{ match: compilePatterns(['/e/s/']), direction: 'beta-to-alpha' }] },
      moves: { beta: ['d/b => e/b'] },
      rest: { beta: ['e: made', 'd/s: deleted', 'd: deleted'] },
    },
    {
      title: 'of folders only: not that of a file',
      ancestor: { d: dir({ b: two, s: dir({ a: one }) }) },
      alpha: { e: dir({ b: two, s: dir({ a: one }) }) },
      beta: { d: dir({ b: two, s: dir({ a: one }) }) },
      policy: { paths: [{ match: compilePatterns(['b/']), direction: 'beta-to-alpha' }] },
      moves: { beta: ['d => e', 'd/b => e/b', 'd/s => e/s', 'd/s/a => e/s/a'] },
      rest: {},
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
        // Moves come first, with the folders that they need.
        for (const changes of [plan.alphaChanges, plan.betaChanges]) {
          const before = changes.slice(0, changes.findLastIndex(({ to }) => to !== undefined) + 1);
          expect(before.filter(({ old, new: next }) => old !== undefined && next !== undefined)).toEqual([]);
        }
        // What is remembered of a path that moves is remembered once it has moved.
        const moved = new Set([...plan.alphaChanges, ...plan.betaChanges].flatMap(({ path, from }) => (from === undefined ? [] : [path])));
        expect(plan.ancestorChanges.filter(({ path }) => moved.has(path))).toEqual([]);
        // Nor is anything forgotten before it is gone.
        const going = new Set([...plan.alphaChanges, ...plan.betaChanges].flatMap(({ path, new: next }) => (next === undefined ? [path] : [])));
        expect(plan.ancestorChanges.filter(({ path }) => going.has(path))).toEqual([]);
        // Each place is remembered by itself, without what is below.
        for (const node of plan.ancestorChanges.flatMap(({ alpha, beta }) => [alpha, beta])) expect(childrenOf(node)).toEqual([]);
        // And a folder before what is in it.
        const remembered = plan.ancestorChanges.flatMap(({ path, alpha, beta }) => ((alpha ?? beta) ? [path] : []));
        expect(remembered.filter((path, index) => remembered.slice(index + 1).some((later) => path.startsWith(`${later}/`)))).toEqual([]);
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

it.each(['alpha', 'beta'] as const)('an edit that came along with a move and goes no further is still one: %s moved it', (mover) => {
  const sides = <T>(there: T, here: T) => (mover === 'beta' ? { alpha: here, beta: there } : { alpha: there, beta: here });
  const direction = mover === 'beta' ? 'alpha-to-beta' : 'beta-to-alpha';
  const given = inputOf({
    ancestor: { a: one },
    ...sides<Tree>({ a: two }, { b: one }),
    policy: { paths: [{ match: compilePatterns(['b']), direction }] },
  });
  const plan = reconcile(given);
  expect(sides(movesOf(plan[`${mover}Changes`]), [])).toEqual(sides(['a => b'], []));
  const after = applyPlan(given, plan);
  const other = mover === 'beta' ? 'alpha' : 'beta';
  const next = reconcile({ ...given, ...after, [other]: root({ b: three }) });
  expect([next.alphaChanges, next.betaChanges]).toEqual([[], []]);
  expect(next.conflicts.map(({ path, reason }) => `${path} ${reason}`)).toEqual(['b tie']);
});

describe('no name that the other side takes for the same is a rename', () => {
  it.each<[string, Tree, Tree, Tree]>([
    ['of another content', { a: one }, { A: three }, { a: one }],
    ['of what is empty', { a: empty }, { A: empty }, { a: empty }],
    ['of a link', { a: link('x') }, { A: link('x') }, { a: link('x') }],
    ['of another kind', { d: dir({ a: one }) }, { D: one }, { d: dir({ a: one }) }],
    ['of a folder with something else in it', { d: dir({ a: one }) }, { D: dir({ a: two }) }, { d: dir({ a: one }) }],
    ['of a folder that holds what is not ours there', { d: dir({ a: one }) }, { D: dir({ a: one }, { hasUntracked: true }) }, { d: dir({ a: one }) }],
    ['while the old one is there', { a: one, z: two }, { A: three, a: one }, { a: one, z: two }],
  ])('%s', (_, ancestor, alpha, beta) => {
    const plan = reconcile(inputOf({ ancestor, alpha, beta, folding: mac }));
    expect([movesOf(plan.alphaChanges), movesOf(plan.betaChanges)]).toEqual([[], []]);
    expect(plan.conflicts.map(({ reason }) => reason)).toEqual(['names-collide']);
  });
});

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

function inputOf({
  ancestor,
  ancestorOfBeta = ancestor,
  alpha,
  beta,
  policy,
  folding,
}: Pick<Case, 'ancestor' | 'ancestorOfBeta' | 'alpha' | 'beta' | 'policy' | 'folding'>): ReconcileInput & {
  readonly ancestor: NonNullable<ReconcileInput['ancestor']>;
} {
  return {
    ancestor: { alpha: root(ancestor), beta: root(ancestorOfBeta) },
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
