/**
 * The rules by example, in their order: what was agreed, what each side has, and the plan, written by hand. Every combination there is has its row in
 * `test-support/rules-table.ts`; here is what takes more than one path, a name, a time or a policy to see, and what was once wrong.
 */
import { describe, expect, it } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { compilePatterns } from '../scope/pattern.ts';
import { exactNames, type Folding } from '../scope/rules.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, link, problematic, untracked } from '../testing/trees.ts';
import type { Directory, Entry } from '../tree/entry.ts';
import { type Ancestor, agreed } from './ancestor.ts';
import { applyPlan } from './apply-plan.ts';
import type { Sides } from './plan.ts';
import type { ClockRelation, Policy } from './policy.ts';
import { reconcile } from './reconcile.ts';
import { linesOf, type PlanLines } from './test-support/plan-lines.ts';

interface Case {
  readonly title: string;
  /** One tree: agreed. Two: held where they differ. Missing: a first sync. */
  readonly ancestor?: Tree | { readonly held: Sides<Tree> };
  readonly alpha: Tree;
  readonly beta: Tree;
  readonly policy?: Partial<Policy>;
  readonly clock?: ClockRelation;
  readonly folding?: Partial<Sides<Folding>>;
  readonly inScope?: (path: string) => boolean;
  /** What is left out is empty. */
  readonly expected: Partial<PlanLines>;
}

type Tree = Readonly<Record<string, Entry>>;

const one = file('one');
const two = file('two');
const three = file('three');
const run = file('one', { mode: 0o755 });
const at = (text: string, mtimeMs: number): Entry => file(text, { mtimeMs });
const nothing: Tree = {};
const ignoresCase: Folding = { ignoresCase: true, ignoresUnicodeForm: false };

const rules: Readonly<Record<string, readonly Case[]>> = {
  '1: both sides are the same': [
    { title: 'nothing changed', ancestor: { a: one }, alpha: { a: one }, beta: { a: one }, expected: {} },
    { title: 'times alone are no change', ancestor: { a: at('one', 1) }, alpha: { a: at('one', 2) }, beta: { a: at('one', 3) }, expected: {} },
    { title: 'the same file was made on both', ancestor: nothing, alpha: { a: one }, beta: { a: one }, expected: { ancestor: ['a: one'] } },
    { title: 'the same edit was made on both', ancestor: { a: one }, alpha: { a: two }, beta: { a: two }, expected: { ancestor: ['a: two'] } },
    { title: 'both deleted it', ancestor: { a: one }, alpha: nothing, beta: nothing, expected: { ancestor: ['a: -'] } },
    {
      title: 'both deleted it, where one side had it to itself',
      ancestor: { held: { alpha: { a: one }, beta: { b: one } } },
      alpha: nothing,
      beta: nothing,
      expected: { ancestor: ['a: -', 'b: -'] },
    },
    { title: 'both deleted a folder', ancestor: { d: dir({ a: one }) }, alpha: nothing, beta: nothing, expected: { ancestor: ['d: -'] } },
    {
      title: 'the same folder was made on both',
      ancestor: nothing,
      alpha: { d: dir({ a: one }) },
      beta: { d: dir({ a: one }) },
      expected: { ancestor: ['d: /', 'd/a: one'] },
    },
    { title: 'both made a link of it', ancestor: { a: one }, alpha: { a: link('b') }, beta: { a: link('b') }, expected: { ancestor: ['a: @b'] } },
  ],
  '2: one side is as it was': [
    { title: 'a file was made', ancestor: nothing, alpha: { a: one }, beta: nothing, expected: { beta: ['a: - -> one'] } },
    {
      title: 'a folder was made',
      ancestor: nothing,
      alpha: nothing,
      beta: { d: dir({ a: one, e: dir({ b: two }) }) },
      expected: { alpha: ['d: - -> /', 'd/a: - -> one', 'd/e: - -> /', 'd/e/b: - -> two'] },
    },
    { title: 'a file was edited', ancestor: { a: one }, alpha: { a: one }, beta: { a: two }, expected: { alpha: ['a: one -> two'] } },
    {
      title: 'the older time wins if that side alone changed',
      ancestor: { a: at('one', 9e5) },
      alpha: { a: at('one', 9e5) },
      beta: { a: at('two', 1) },
      expected: { alpha: ['a: one -> two'] },
    },
    { title: 'a file was deleted', ancestor: { a: one, b: two }, alpha: { b: two }, beta: { a: one, b: two }, expected: { beta: ['a: one -> -'] } },
    {
      title: 'a folder was deleted, its contents first',
      ancestor: { d: dir({ a: one, e: dir({ b: two }) }) },
      alpha: nothing,
      beta: { d: dir({ a: one, e: dir({ b: two }) }) },
      expected: { beta: ['d/a: one -> -', 'd/e/b: two -> -', 'd/e: / -> -', 'd: / -> -'] },
    },
    { title: 'a file became executable', ancestor: { a: one }, alpha: { a: run }, beta: { a: one }, expected: { beta: ['a: one -> one 755'] } },
    {
      title: 'a folder lost permissions',
      ancestor: { d: dir() },
      alpha: { d: dir() },
      beta: { d: dir({}, { mode: 0o700 }) },
      expected: { alpha: ['d: / -> / 700'] },
    },
    {
      title: 'a link points elsewhere',
      ancestor: { l: link('a') },
      alpha: { l: link('b') },
      beta: { l: link('a') },
      expected: { beta: ['l: @a -> @b'] },
    },
    {
      title: 'a file became a folder',
      ancestor: { a: one },
      alpha: { a: dir({ b: two }) },
      beta: { a: one },
      expected: { beta: ['a: one -> /', 'a/b: - -> two'] },
    },
    {
      title: 'a folder became a file',
      ancestor: { a: dir({ b: two, c: dir() }) },
      alpha: { a: one },
      beta: { a: dir({ b: two, c: dir() }) },
      expected: { beta: ['a/b: two -> -', 'a/c: / -> -', 'a: / -> one'] },
    },
    { title: 'a file was renamed', ancestor: { a: one }, alpha: { b: one }, beta: { a: one }, expected: { beta: ['b: - -> one', 'a: one -> -'] } },
  ],
  '3: two folders': [
    {
      title: 'different files were made in it',
      ancestor: { d: dir() },
      alpha: { d: dir({ a: one }) },
      beta: { d: dir({ b: two }) },
      expected: { beta: ['d/a: - -> one'], alpha: ['d/b: - -> two'] },
    },
    {
      title: 'both made it, with different contents',
      ancestor: nothing,
      alpha: { d: dir({ a: one }) },
      beta: { d: dir({ b: two }) },
      expected: { ancestor: ['d: /'], beta: ['d/a: - -> one'], alpha: ['d/b: - -> two'] },
    },
    {
      title: 'both made it, with different permissions: it is remembered at once, for what is in it',
      ancestor: nothing,
      alpha: { d: dir({ a: one }) },
      beta: { d: dir({ a: one }, { mode: 0o700 }) },
      expected: { ancestor: ['d: / | / 700', 'd/a: one'], beta: ['d: / 700 -> / 711'] },
    },
    {
      title: 'one side made what the other had for itself',
      ancestor: { held: { alpha: nothing, beta: { d: dir({}, { mode: 0o700 }) } } },
      alpha: { d: dir({ a: one }) },
      beta: { d: dir({ a: one }, { mode: 0o700 }) },
      expected: { ancestor: ['d: / | / 700', 'd/a: one'], beta: ['d: / 700 -> / 711'] },
    },
    {
      title: 'the same the other way round',
      ancestor: { held: { alpha: { d: dir({}, { mode: 0o700 }) }, beta: nothing } },
      alpha: { d: dir({ a: one }, { mode: 0o700 }) },
      beta: { d: dir({ a: one }) },
      expected: { ancestor: ['d: / 700 | /', 'd/a: one'], alpha: ['d: / 700 -> / 711'] },
    },
    {
      title: 'each changed another field of its permissions',
      ancestor: { d: dir({}, { mode: 0o755 }) },
      alpha: { d: dir({}, { mode: 0o775 }) },
      beta: { d: dir({}, { mode: 0o750 }) },
      expected: { alpha: ['d: / 775 -> / 770'], beta: ['d: / 750 -> / 770'] },
    },
    {
      title: 'both made a folder of a file',
      ancestor: { a: one },
      alpha: { a: dir({ b: one }) },
      beta: { a: dir() },
      expected: { ancestor: ['a: /'], beta: ['a/b: - -> one'] },
    },
  ],
  '4: two files, one content': [
    {
      title: 'an edit here and a chmod there',
      ancestor: { a: one },
      alpha: { a: two },
      beta: { a: run },
      expected: { alpha: ['a: two -> two 755'], beta: ['a: one 755 -> two 755'] },
    },
    {
      title: 'different fields of the permissions',
      ancestor: { a: file('one', { mode: 0o644 }) },
      alpha: { a: file('one', { mode: 0o664 }) },
      beta: { a: file('one', { mode: 0o640 }) },
      expected: { alpha: ['a: one 664 -> one 660'], beta: ['a: one 640 -> one 660'] },
    },
    {
      title: 'the same field: what both allow',
      ancestor: { a: file('one', { mode: 0o640 }) },
      alpha: { a: file('one', { mode: 0o660 }) },
      beta: { a: file('one', { mode: 0o650 }) },
      expected: { alpha: ['a: one 660 -> one 640'], beta: ['a: one 650 -> one 640'] },
    },
    {
      title: 'without an ancestor: execute bits of either, the rest held',
      ancestor: nothing,
      alpha: { a: file('one', { mode: 0o664 }) },
      beta: { a: file('one', { mode: 0o744 }) },
      expected: { alpha: ['a: one 664 -> one 764'] },
    },
    {
      title: 'without an ancestor, no execute bits: held',
      ancestor: nothing,
      alpha: { a: file('one', { mode: 0o664 }) },
      beta: { a: file('one', { mode: 0o600 }) },
      expected: { ancestor: ['a: one 664 | one 600'] },
    },
  ],
  '5: deletion against change': [
    { title: 'an edited file survives', ancestor: { a: one }, alpha: nothing, beta: { a: two }, expected: { alpha: ['a: - -> two'] } },
    {
      title: 'a folder with an edited file survives, whole',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: nothing,
      beta: { d: dir({ a: three, b: two }) },
      expected: { alpha: ['d: - -> /', 'd/a: - -> three', 'd/b: - -> two'] },
    },
    {
      title: 'a folder with a new file survives, without what was deleted in it',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: nothing,
      beta: { d: dir({ b: two, c: three }) },
      expected: { ancestor: ['d/a: -'], alpha: ['d: - -> /', 'd/b: - -> two', 'd/c: - -> three'] },
    },
    { title: 'a chmod alone does not survive', ancestor: { a: one }, alpha: nothing, beta: { a: run }, expected: { beta: ['a: one 755 -> -'] } },
    {
      title: 'a chmod in a deleted folder does not either',
      ancestor: { d: dir({ a: one }) },
      alpha: nothing,
      beta: { d: dir({ a: run }, { mode: 0o700 }) },
      expected: { beta: ['d/a: one 755 -> -', 'd: / 700 -> -'] },
    },
    {
      title: 'of two deletions the larger one',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: nothing,
      beta: { d: dir({ b: two }) },
      expected: { ancestor: ['d/a: -'], beta: ['d/b: two -> -', 'd: / -> -'] },
    },
    {
      title: 'a deletion inside against a new kind of the folder',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { d: three },
      beta: { d: dir({ b: two }) },
      expected: { ancestor: ['d/a: -'], beta: ['d/b: two -> -', 'd: / -> three'] },
    },
    {
      title: 'a chmod against a new kind',
      ancestor: { a: one },
      alpha: { a: run },
      beta: { a: link('b') },
      expected: { alpha: ['a: one 755 -> @b'] },
    },
    {
      title: 'a deletion against another kind',
      ancestor: { a: one },
      alpha: nothing,
      beta: { a: dir({ b: two }) },
      expected: { alpha: ['a: - -> /', 'a/b: - -> two'] },
    },
  ],
  '6: two contents': [
    {
      title: 'newer wins',
      ancestor: { a: one },
      alpha: { a: at('two', 10_000) },
      beta: { a: at('three', 20_000) },
      expected: { alpha: ['a: two -> three'], conflicts: ['a content: beta (6 newer)'] },
    },
    {
      title: 'newer, both made since the last sync',
      ancestor: nothing,
      alpha: { a: at('two', 20_000) },
      beta: { a: at('three', 10_000) },
      expected: { beta: ['a: three -> two'], conflicts: ['a content: alpha (6 newer)'] },
    },
    {
      title: 'newer by clocks that differ: beta is an hour ahead',
      ancestor: { a: one },
      alpha: { a: at('two', 10_000) },
      beta: { a: at('three', 3_605_000) },
      clock: { offsetMs: 3_600_000, uncertaintyMs: 5 },
      expected: { beta: ['a: three -> two'], conflicts: ['a content: alpha (6 newer)'] },
    },
    {
      title: 'a second apart is a tie between two clocks',
      ancestor: { a: one },
      alpha: { a: at('two', 10_000) },
      beta: { a: at('three', 11_000) },
      clock: { offsetMs: 0, uncertaintyMs: 5 },
      expected: { conflicts: ['a tie: skipped (6 tie)'] },
    },
    {
      title: 'and none on one clock',
      ancestor: { a: one },
      alpha: { a: at('two', 10_000) },
      beta: { a: at('three', 10_001) },
      expected: { alpha: ['a: two -> three'], conflicts: ['a content: beta (6 newer)'] },
    },
    {
      title: 'inside the uncertainty of a bad link',
      ancestor: { a: one },
      alpha: { a: at('two', 10_000) },
      beta: { a: at('three', 14_000) },
      clock: { offsetMs: 0, uncertaintyMs: 5_000 },
      expected: { conflicts: ['a tie: skipped (6 tie)'] },
    },
    {
      title: 'equal times are a tie on one clock, too',
      ancestor: { a: one },
      alpha: { a: at('two', 5) },
      beta: { a: at('three', 5) },
      expected: { conflicts: ['a tie: skipped (6 tie)'] },
    },
    {
      title: 'a tie that keeps both',
      ancestor: { 'a.txt': one },
      alpha: { 'a.txt': two },
      beta: { 'a.txt': three },
      policy: { onTie: 'keep-both' },
      expected: {
        alpha: ['a (conflict laptop 2026-11-21).txt: - -> two', 'a.txt: two -> three'],
        beta: ['a (conflict laptop 2026-11-21).txt: - -> two'],
        conflicts: ['a.txt tie: keep-both (6 tie, keep both) as a (conflict laptop 2026-11-21).txt'],
      },
    },
    {
      title: 'keep both: the newer one keeps the name',
      ancestor: { a: one },
      alpha: { a: at('two', 2_000) },
      beta: { a: at('three', 1_000) },
      policy: { conflicts: 'keep-both' },
      expected: {
        alpha: ['a (conflict balaur 2026-11-21): - -> three'],
        beta: ['a (conflict balaur 2026-11-21): - -> three', 'a: three -> two'],
        conflicts: ['a content: keep-both (6 keep both) as a (conflict balaur 2026-11-21)'],
      },
    },
    {
      title: 'keep both, and the name is taken',
      ancestor: { a: one, 'a (conflict balaur 2026-11-21)': one },
      alpha: { a: at('two', 2), 'a (conflict balaur 2026-11-21)': one },
      beta: { a: three, 'a (conflict balaur 2026-11-21)': one },
      policy: { conflicts: 'keep-both' },
      expected: {
        alpha: ['a (conflict balaur 2026-11-21 2): - -> three'],
        beta: ['a (conflict balaur 2026-11-21 2): - -> three', 'a: three -> two'],
        conflicts: ['a content: keep-both (6 keep both) as a (conflict balaur 2026-11-21 2)'],
      },
    },
    {
      title: 'keep both, twice, and the names would be one',
      ancestor: { a: one, 'a (conflict laptop 2020-01-01)': one },
      alpha: { a: at('two', 2), 'a (conflict laptop 2020-01-01)': at('two', 2) },
      beta: { a: three, 'a (conflict laptop 2020-01-01)': three },
      policy: { conflicts: 'keep-both' },
      expected: {
        alpha: ['a (conflict balaur 2026-11-21): - -> three', 'a (conflict balaur 2026-11-21 2): - -> three'],
        beta: [
          'a (conflict balaur 2026-11-21): - -> three',
          'a: three -> two',
          'a (conflict balaur 2026-11-21 2): - -> three',
          'a (conflict laptop 2020-01-01): three -> two',
        ],
        conflicts: [
          'a content: keep-both (6 keep both) as a (conflict balaur 2026-11-21)',
          'a (conflict laptop 2020-01-01) content: keep-both (6 keep both) as a (conflict balaur 2026-11-21 2)',
        ],
      },
    },
    {
      title: 'keep both, and one side takes another name for that of the copy',
      ancestor: { a: one, 'A (Conflict Balaur 2026-11-21)': one },
      alpha: { a: at('two', 2), 'A (Conflict Balaur 2026-11-21)': one },
      beta: { a: three, 'A (Conflict Balaur 2026-11-21)': one },
      policy: { conflicts: 'keep-both' },
      folding: { alpha: ignoresCase },
      expected: {
        alpha: ['a (conflict balaur 2026-11-21 2): - -> three'],
        beta: ['a (conflict balaur 2026-11-21 2): - -> three', 'a: three -> two'],
        conflicts: ['a content: keep-both (6 keep both) as a (conflict balaur 2026-11-21 2)'],
      },
    },
    {
      title: 'keep both, and the name is taken on the side that wins alone',
      ancestor: { d: dir({ a: one }) },
      alpha: { d: dir({ a: at('two', 2), 'a (conflict balaur 2026-11-21)': link('x') }) },
      beta: { d: dir({ a: three }) },
      policy: { conflicts: 'keep-both' },
      expected: {
        alpha: ['d/a (conflict balaur 2026-11-21 2): - -> three'],
        beta: ['d/a (conflict balaur 2026-11-21 2): - -> three', 'd/a: three -> two', 'd/a (conflict balaur 2026-11-21): - -> @x'],
        conflicts: ['d/a content: keep-both (6 keep both) as d/a (conflict balaur 2026-11-21 2)'],
      },
    },
    {
      title: 'keep both, and no name for a copy is in scope',
      ancestor: { a: one },
      alpha: { a: at('two', 2) },
      beta: { a: three },
      policy: { conflicts: 'keep-both' },
      inScope: (path) => path === 'a',
      expected: { conflicts: ['a content: skipped (6 keep both, but no name is left)'] },
    },
    {
      title: 'nor in a folder',
      ancestor: { d: dir({ a: one }) },
      alpha: { d: dir({ a: at('two', 2) }) },
      beta: { d: dir({ a: three }) },
      policy: { conflicts: 'keep-both' },
      inScope: (path) => path === 'd/a',
      expected: { conflicts: ['d/a content: skipped (6 keep both, but no name is left)'] },
    },
    {
      title: 'a side by name',
      ancestor: { a: one },
      alpha: { a: at('two', 1) },
      beta: { a: at('three', 2) },
      policy: { conflicts: 'alpha' },
      expected: { beta: ['a: three -> two'], conflicts: ['a content: alpha (6 alpha)'] },
    },
    {
      title: 'skip',
      ancestor: { a: one },
      alpha: { a: two },
      beta: { a: three },
      policy: { conflicts: 'skip' },
      expected: { conflicts: ['a content: skipped (6 skip)'] },
    },
    {
      title: 'a file whose conflict is open keeps its permissions, too',
      ancestor: { a: one },
      alpha: { a: two },
      beta: { a: file('three', { mode: 0o755 }) },
      policy: { conflicts: 'skip' },
      expected: { conflicts: ['a content: skipped (6 skip)'] },
    },
    {
      title: 'the winner takes the merged permissions',
      ancestor: { a: one },
      alpha: { a: at('two', 9_000) },
      beta: { a: file('three', { mode: 0o755 }) },
      expected: { alpha: ['a: two -> two 755'], beta: ['a: three 755 -> two 755'], conflicts: ['a content: alpha (6 newer)'] },
    },
    {
      title: 'two links',
      ancestor: { l: link('a') },
      alpha: { l: link('b', { mtimeMs: 9_000 }) },
      beta: { l: link('c') },
      expected: { beta: ['l: @c -> @b'], conflicts: ['l content: alpha (6 newer)'] },
    },
    {
      title: 'a file against a link',
      ancestor: nothing,
      alpha: { a: one },
      beta: { a: link('b', { mtimeMs: 9_000 }) },
      expected: { alpha: ['a: one -> @b'], conflicts: ['a content: beta (6 newer)'] },
    },
    {
      title: 'a policy for this path',
      ancestor: { docs: dir({ a: one }), b: one },
      alpha: { docs: dir({ a: two }), b: two },
      beta: { docs: dir({ a: three }), b: three },
      policy: { conflicts: 'skip', paths: [{ match: compilePatterns(['docs/']), conflicts: 'beta' }] },
      expected: { alpha: ['docs/a: two -> three'], conflicts: ['b content: skipped (6 skip)', 'docs/a content: beta (6 beta)'] },
    },
  ],
  '7: a folder against something else': [
    {
      title: 'no time settles it',
      ancestor: nothing,
      alpha: { a: at('one', 9_000) },
      beta: { a: dir({ b: two }) },
      expected: { conflicts: ['a kinds: skipped (7 kinds differ)'] },
    },
    {
      title: 'both changed the kind',
      ancestor: { a: one },
      alpha: { a: link('b') },
      beta: { a: dir({ b: two }) },
      expected: { conflicts: ['a kinds: skipped (7 kinds differ)'] },
    },
    {
      title: 'keep both does not apply',
      ancestor: nothing,
      alpha: { a: one },
      beta: { a: dir() },
      policy: { conflicts: 'keep-both' },
      expected: { conflicts: ['a kinds: skipped (7 kinds differ)'] },
    },
    {
      title: 'the policy names the folder',
      ancestor: nothing,
      alpha: { a: one },
      beta: { a: dir({ b: two }) },
      policy: { conflicts: 'beta' },
      expected: { alpha: ['a: one -> /', 'a/b: - -> two'], conflicts: ['a kinds: beta (7 beta)'] },
    },
    {
      title: 'the policy names the file, and the folder holds what is not ours',
      ancestor: { a: link('x') },
      alpha: { a: one },
      beta: { a: dir({ b: two, pipe: untracked() }) },
      policy: { conflicts: 'alpha' },
      expected: { conflicts: ['a untracked: skipped (untracked)'] },
    },
    {
      title: 'the policy names the file',
      ancestor: nothing,
      alpha: { a: one },
      beta: { a: dir({ b: two }) },
      policy: { conflicts: 'alpha' },
      expected: { beta: ['a/b: two -> -', 'a: / -> one'], conflicts: ['a kinds: alpha (7 alpha)'] },
    },
  ],
  'a first sync': [
    {
      title: 'is a union',
      alpha: { a: one, d: dir({ x: one }) },
      beta: { b: two, d: dir({ y: two }) },
      expected: { ancestor: ['.: /', 'd: /'], alpha: ['b: - -> two', 'd/y: - -> two'], beta: ['a: - -> one', 'd/x: - -> one'] },
    },
    { title: 'agrees on what is the same', alpha: { a: at('one', 1) }, beta: { a: at('one', 2) }, expected: { ancestor: ['.: /', 'a: one'] } },
    {
      title: 'lists what differs, whatever the times, and remembers that it is open',
      alpha: { a: at('one', 1) },
      beta: { a: at('two', 9e9) },
      expected: { ancestor: ['.: /', 'a: open'], conflicts: ['a first-sync: skipped (6 first sync)'] },
    },
    {
      title: 'settles it by `first`',
      alpha: { a: one },
      beta: { a: two },
      policy: { first: 'beta' },
      expected: { ancestor: ['.: /'], alpha: ['a: one -> two'], conflicts: ['a content: beta (6 beta)'] },
    },
    {
      title: 'asked for newer, goes by times',
      alpha: { a: at('one', 9_000) },
      beta: { a: at('two', 1_000) },
      policy: { first: 'newer' },
      expected: { ancestor: ['.: /'], beta: ['a: two -> one'], conflicts: ['a content: alpha (6 newer)'] },
    },
    {
      title: 'replaces no folder, whatever the policy',
      alpha: { a: one },
      beta: { a: dir({ b: two }) },
      policy: { conflicts: 'alpha' },
      expected: { ancestor: ['.: /', 'a: open'], conflicts: ['a first-sync: skipped (7 first sync)'] },
    },
    { title: 'into nothing at all', alpha: { a: one }, beta: nothing, expected: { ancestor: ['.: /'], beta: ['a: - -> one'] } },
  ],
  'held entries': [
    { title: 'nobody touches one', ancestor: { held: { alpha: { a: one }, beta: { a: two } } }, alpha: { a: one }, beta: { a: two }, expected: {} },
    {
      title: 'one that is on one side only',
      ancestor: { held: { alpha: { a: one, b: one }, beta: { b: one } } },
      alpha: { a: one, b: one },
      beta: { b: one },
      expected: {},
    },
    {
      title: 'one side changes: that travels',
      ancestor: { held: { alpha: { a: one }, beta: { a: two } } },
      alpha: { a: three },
      beta: { a: two },
      expected: { beta: ['a: two -> three'] },
    },
    {
      title: 'the other side makes the same of it',
      ancestor: { held: { alpha: { a: one }, beta: { a: two } } },
      alpha: { a: two },
      beta: { a: two },
      expected: { ancestor: ['a: two'] },
    },
    {
      title: 'one side deletes: that travels',
      ancestor: { held: { alpha: { a: one }, beta: { a: two } } },
      alpha: nothing,
      beta: { a: two },
      expected: { beta: ['a: two -> -'] },
    },
    {
      title: 'both change: a conflict',
      ancestor: { held: { alpha: { a: one }, beta: { a: two } } },
      alpha: { a: at('three', 9_000) },
      beta: { a: file('four') },
      expected: { beta: ['a: four -> three'], conflicts: ['a content: alpha (6 newer)'] },
    },
    {
      title: 'both change, one by deleting: the change survives',
      ancestor: { held: { alpha: { a: one }, beta: { a: two } } },
      alpha: nothing,
      beta: { a: three },
      expected: { alpha: ['a: - -> three'] },
    },
    {
      title: 'a mode that one disk cannot store stays quiet',
      ancestor: { held: { alpha: { a: one }, beta: { a: run } } },
      alpha: { a: one },
      beta: { a: run },
      expected: {},
    },
    {
      title: 'and does not travel with an edit',
      ancestor: { held: { alpha: { a: one }, beta: { a: run } } },
      alpha: { a: two },
      beta: { a: run },
      expected: { beta: ['a: one 755 -> two 755'] },
    },
    {
      title: 'a folder kept on one side becomes less there',
      ancestor: { held: { alpha: { d: dir({ a: one }) }, beta: nothing } },
      alpha: { d: dir() },
      beta: nothing,
      expected: { ancestor: ['d/a: -'] },
    },
    {
      title: 'a folder kept on one side gets a file: it travels',
      ancestor: { held: { alpha: { d: dir({}, { hasUntracked: true }) }, beta: nothing } },
      alpha: { d: dir({ a: one, secret: untracked() }) },
      beta: nothing,
      expected: { beta: ['d: - -> /', 'd/a: - -> one'] },
    },
  ],
  'what is not ours': [
    {
      title: 'a folder that goes stays for it, and that is held',
      ancestor: { d: dir({ a: one }) },
      alpha: nothing,
      beta: { d: dir({ a: one }, { hasUntracked: true }) },
      expected: { ancestor: ['d: - | /+'], beta: ['d/a: one -> -'] },
    },
    {
      title: 'at any depth',
      ancestor: { d: dir({ e: dir({ a: one }), f: dir({ b: two }) }) },
      alpha: nothing,
      beta: { d: dir({ e: dir({ a: one, pipe: untracked() }), f: dir({ b: two }) }) },
      expected: { ancestor: ['d/e: - | /+', 'd: - | /'], beta: ['d/e/a: one -> -', 'd/f/b: two -> -', 'd/f: / -> -'] },
    },
    {
      title: 'a folder that holds it is not replaced',
      ancestor: { d: dir({ a: one }) },
      alpha: { d: two },
      beta: { d: dir({ a: one }, { hasUntracked: true }) },
      expected: { conflicts: ['d untracked: skipped (untracked)'] },
    },
    {
      title: 'nothing is made where it is',
      ancestor: nothing,
      alpha: { a: one },
      beta: { a: untracked() },
      expected: { conflicts: ['a untracked: skipped (untracked)'] },
    },
    {
      title: 'a file that became it is not deleted on the other side',
      ancestor: { a: one },
      alpha: { a: untracked() },
      beta: { a: one },
      expected: { conflicts: ['a untracked: skipped (untracked)'] },
    },
    { title: 'where the other side has nothing, nobody minds', ancestor: nothing, alpha: { a: untracked() }, beta: nothing, expected: {} },
    {
      title: 'where the other side deleted, it leaves the ancestor',
      ancestor: { a: one },
      alpha: { a: untracked() },
      beta: nothing,
      expected: { ancestor: ['a: -'] },
    },
    {
      title: 'it is left out of a new folder',
      ancestor: nothing,
      alpha: { d: dir({ a: one, pipe: untracked() }) },
      beta: nothing,
      expected: { beta: ['d: - -> /', 'd/a: - -> one'] },
    },
  ],
  'what could not be read': [
    {
      title: 'is neither deletion nor change',
      ancestor: { a: one },
      alpha: { a: problematic() },
      beta: { a: two },
      expected: { problems: ['a alpha EACCES'] },
    },
    {
      title: 'on both sides',
      ancestor: { a: one },
      alpha: { a: problematic('EIO') },
      beta: { a: problematic() },
      expected: { problems: ['a alpha EIO', 'a beta EACCES'] },
    },
    {
      title: 'a folder goes but for it, and is tried again',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: nothing,
      beta: { d: dir({ a: one, b: problematic() }) },
      expected: { beta: ['d/a: one -> -'], problems: ['d/b beta EACCES'] },
    },
    {
      title: 'a folder that holds it is not replaced',
      ancestor: { d: dir({ a: one }) },
      alpha: { d: two },
      beta: { d: dir({ a: problematic() }) },
      expected: { problems: ['d/a beta EACCES'] },
    },
    {
      title: 'it is left out of a new folder',
      ancestor: nothing,
      alpha: { d: dir({ a: one, b: problematic() }) },
      beta: nothing,
      expected: { beta: ['d: - -> /', 'd/a: - -> one'], problems: ['d/b alpha EACCES'] },
    },
    {
      title: 'it is reported once, also where a policy of its own decides about a folder in a new folder',
      ancestor: nothing,
      alpha: nothing,
      beta: { d: dir({ e: dir({ a: problematic(), b: one }), f: two }) },
      policy: { paths: [{ match: compilePatterns(['e']), direction: 'alpha-to-beta' }] },
      expected: { alpha: ['d: - -> /', 'd/f: - -> two'], problems: ['d/e/a beta EACCES'] },
    },
    {
      title: 'beside it, all goes on',
      ancestor: { d: dir({ a: one, b: two }) },
      alpha: { d: dir({ a: problematic(), b: three }) },
      beta: { d: dir({ a: one, b: two }) },
      expected: { beta: ['d/b: two -> three'], problems: ['d/a alpha EACCES'] },
    },
  ],
  'one way, from alpha to beta': [
    {
      title: 'changes go that way',
      ancestor: { a: one, b: two },
      alpha: { a: two },
      beta: { a: one, b: two },
      policy: { direction: 'alpha-to-beta' },
      expected: { beta: ['a: one -> two', 'b: two -> -'] },
    },
    {
      title: 'what beta does with its copy is left',
      ancestor: { a: one, b: two, c: three },
      alpha: { a: one, b: two, c: three },
      beta: { a: two, d: one, c: three },
      policy: { direction: 'alpha-to-beta' },
      expected: {},
    },
    {
      title: 'permissions that beta gave its copy are held',
      ancestor: { a: one },
      alpha: { a: one },
      beta: { a: run },
      policy: { direction: 'alpha-to-beta' },
      expected: { ancestor: ['a: one | one 755'] },
    },
    {
      title: 'what both changed is reported',
      ancestor: { a: one },
      alpha: { a: at('two', 9_000) },
      beta: { a: three },
      policy: { direction: 'alpha-to-beta' },
      expected: { conflicts: ['a direction: skipped (6 newer, one way)'] },
    },
    {
      title: 'unless the policy names alpha',
      ancestor: { a: one },
      alpha: { a: two },
      beta: { a: three },
      policy: { direction: 'alpha-to-beta', conflicts: 'alpha' },
      expected: { beta: ['a: three -> two'], conflicts: ['a content: alpha (6 alpha)'] },
    },
    {
      title: 'a deletion does not reach what beta edited',
      ancestor: { a: one },
      alpha: nothing,
      beta: { a: two },
      policy: { direction: 'alpha-to-beta' },
      expected: { conflicts: ['a direction: skipped (one way)'] },
    },
    {
      title: 'an edit brings back what beta deleted',
      ancestor: { a: one },
      alpha: { a: two },
      beta: nothing,
      policy: { direction: 'alpha-to-beta' },
      expected: { beta: ['a: - -> two'] },
    },
    {
      title: 'for one path only',
      ancestor: { a: one, b: one },
      alpha: { a: one, b: one },
      beta: { a: two, b: two },
      policy: { paths: [{ match: compilePatterns(['b']), direction: 'alpha-to-beta' }] },
      expected: { alpha: ['a: one -> two'] },
    },
    {
      title: 'a path of its own in a folder that the other side deleted',
      ancestor: { d: dir({ a: one, b: one }) },
      alpha: { d: dir({ a: one, b: one }) },
      beta: nothing,
      policy: { paths: [{ match: compilePatterns(['b']), direction: 'alpha-to-beta' }] },
      expected: { alpha: ['d/a: one -> -'] },
    },
  ],
  'policies below a path that is decided as a whole': [
    {
      title: 'a file does not take the place of a folder in which something is not to be changed',
      ancestor: { d: dir({ a: one }) },
      alpha: { d: two },
      beta: { d: dir({ a: one }) },
      policy: { paths: [{ match: compilePatterns(['/d/a']), direction: 'beta-to-alpha' }] },
      expected: { conflicts: ['d direction: skipped (one way)'] },
    },
    {
      title: 'a folder is brought back, but for what is not to be changed: there deletion meets edit, or is all that was wanted',
      ancestor: { d: dir({ e: one, f: one, g: one, h: one }) },
      alpha: nothing,
      beta: { d: dir({ e: two, f: two, g: one, h: two }) },
      policy: { paths: [{ match: compilePatterns(['e', 'g', 'h']), direction: 'alpha-to-beta' }] },
      expected: {
        alpha: ['d: - -> /', 'd/f: - -> two'],
        beta: ['d/g: one -> -'],
        conflicts: ['d/e direction: skipped (one way)', 'd/h direction: skipped (one way)'],
      },
    },
    {
      title: 'the same with the sides swapped',
      ancestor: { d: dir({ e: one, f: one, g: one }) },
      alpha: { d: dir({ e: two, f: two, g: one }) },
      beta: nothing,
      policy: { paths: [{ match: compilePatterns(['e', 'g']), direction: 'beta-to-alpha' }] },
      expected: { alpha: ['d/g: one -> -'], beta: ['d: - -> /', 'd/f: - -> two'], conflicts: ['d/e direction: skipped (one way)'] },
    },
    {
      title: 'of folders only: their permissions',
      ancestor: { d: dir() },
      alpha: { d: dir() },
      beta: { d: dir({}, { mode: 0o700 }) },
      policy: { paths: [{ match: compilePatterns(['d/']), direction: 'alpha-to-beta' }] },
      expected: { ancestor: ['d: / | / 700'] },
    },
    {
      title: 'of folders only: not a link',
      ancestor: { l: link('a') },
      alpha: { l: link('b') },
      beta: { l: link('a') },
      policy: { paths: [{ match: compilePatterns(['l/']), direction: 'beta-to-alpha' }] },
      expected: { beta: ['l: @a -> @b'] },
    },
    {
      title: 'of folders only, in a new folder',
      ancestor: nothing,
      alpha: nothing,
      beta: { d: dir({ e: dir({ a: one }), f: dir({ e: two }) }) },
      policy: { paths: [{ match: compilePatterns(['e/']), direction: 'alpha-to-beta' }] },
      expected: { alpha: ['d: - -> /', 'd/f: - -> /', 'd/f/e: - -> two'] },
    },
    {
      title: 'of folders only, in one that goes',
      ancestor: { d: dir({ e: dir({ a: one }), f: dir({ e: two }) }) },
      alpha: nothing,
      beta: { d: dir({ e: dir({ a: one }), f: dir({ e: two }) }) },
      policy: { paths: [{ match: compilePatterns(['e/']), direction: 'beta-to-alpha' }] },
      expected: { beta: ['d/f/e: two -> -', 'd/f: / -> -'] },
    },
  ],
  'what neither side has any more, where a whole state is carried': [
    {
      title: 'a folder is forgotten as one',
      ancestor: { d: dir({ a: one, e: dir({ x: one }) }) },
      alpha: nothing,
      beta: { d: dir({ a: two }) },
      expected: { ancestor: ['d/e: -'], alpha: ['d: - -> /', 'd/a: - -> two'] },
    },
    {
      title: 'at any depth',
      ancestor: { d: dir({ a: one, e: dir({ x: one, y: one }) }) },
      alpha: nothing,
      beta: { d: dir({ a: two, e: dir({ y: one }) }) },
      expected: { ancestor: ['d/e/x: -'], alpha: ['d: - -> /', 'd/a: - -> two', 'd/e: - -> /', 'd/e/y: - -> one'] },
    },
    {
      title: 'also if it was held on one side alone',
      ancestor: { held: { alpha: { d: dir({ a: one, b: one }) }, beta: nothing } },
      alpha: { d: dir({ b: one, c: two }) },
      beta: nothing,
      expected: { ancestor: ['d/a: -'], beta: ['d: - -> /', 'd/c: - -> two'] },
    },
    {
      title: 'on the other one',
      ancestor: { held: { alpha: nothing, beta: { d: dir({ a: one, b: one }) } } },
      alpha: nothing,
      beta: { d: dir({ b: one, c: two }) },
      expected: { ancestor: ['d/a: -'], alpha: ['d: - -> /', 'd/c: - -> two'] },
    },
    {
      title: 'what could not be read is not forgotten, nor what was in it',
      ancestor: { d: dir({ a: one, b: dir({ x: one }) }) },
      alpha: { d: dir({ a: two, b: problematic() }) },
      beta: nothing,
      expected: { beta: ['d: - -> /', 'd/a: - -> two'], problems: ['d/b alpha EACCES'] },
    },
    {
      title: 'on the other side',
      ancestor: { d: dir({ a: one, b: dir({ x: one }) }) },
      alpha: nothing,
      beta: { d: dir({ a: two, b: problematic() }) },
      expected: { alpha: ['d: - -> /', 'd/a: - -> two'], problems: ['d/b beta EACCES'] },
    },
    {
      title: 'of what is kept on one side alone a folder is forgotten as one, and nothing that could not be read',
      ancestor: { held: { alpha: { d: dir({ b: dir({ x: one }), e: dir({ x: one }), y: one }) }, beta: nothing } },
      alpha: { d: dir({ b: problematic(), y: one }) },
      beta: nothing,
      expected: { ancestor: ['d/e: -'], problems: ['d/b alpha EACCES'] },
    },
    {
      title: 'and its permissions are remembered for that side',
      ancestor: { held: { alpha: nothing, beta: { d: dir({ b: dir({ x: one }), e: one }) } } },
      alpha: nothing,
      beta: { d: dir({ b: dir({ x: run }, { mode: 0o700 }), e: one }) },
      expected: { ancestor: ['d/b: - | / 700', 'd/b/x: - | one 755'] },
    },
  ],
  'a folder that is held on one side alone': [
    {
      title: 'an edit in it travels alone',
      ancestor: { held: { alpha: { d: dir({ a: one, b: one, e: dir({ x: one, y: one }), f: dir({ z: one }) }) }, beta: nothing } },
      alpha: { d: dir({ a: two, b: one, e: dir({ x: two, y: one }), f: dir({ z: one }) }) },
      beta: nothing,
      expected: { beta: ['d: - -> /', 'd/a: - -> two', 'd/e: - -> /', 'd/e/x: - -> two'] },
    },
    {
      title: 'a new file in it, on the other side',
      ancestor: { held: { alpha: nothing, beta: { d: dir({ a: one }) } } },
      alpha: nothing,
      beta: { d: dir({ a: one, b: two }) },
      expected: { alpha: ['d: - -> /', 'd/b: - -> two'] },
    },
    {
      title: 'what became less beside it is remembered for that side',
      ancestor: { held: { alpha: { d: dir({ a: one, b: one, e: dir({ x: one, y: one }) }) }, beta: nothing } },
      alpha: { d: dir({ a: two, b: run, e: dir({ y: one }) }) },
      beta: nothing,
      expected: { ancestor: ['d/b: one 755 | -', 'd/e/x: -'], beta: ['d: - -> /', 'd/a: - -> two'] },
    },
    {
      title: 'what only one of its files was held of: the rest survives a deletion of all of it',
      ancestor: { held: { alpha: { d: dir({ a: one, b: one, c: one }) }, beta: { d: dir({ a: one, b: one }) } } },
      alpha: { d: dir({ a: two, b: one, c: one }) },
      beta: nothing,
      expected: { beta: ['d: - -> /', 'd/a: - -> two', 'd/b: - -> one'] },
    },
    {
      title: 'in the place of something else it comes whole',
      ancestor: { held: { alpha: { d: dir({ a: one, b: one }) }, beta: { d: one } } },
      alpha: { d: dir({ a: two, b: one }) },
      beta: { d: one },
      expected: { beta: ['d: one -> /', 'd/a: - -> two', 'd/b: - -> one'] },
    },
  ],
  'names that are one on a side': [
    {
      title: 'a second one that differs in case is not made',
      ancestor: nothing,
      alpha: { Readme: one, readme: two },
      beta: nothing,
      folding: { beta: ignoresCase },
      expected: { beta: ['Readme: - -> one'], conflicts: ['readme names-collide: skipped (names collide)'] },
    },
    {
      title: 'nor in a new folder',
      ancestor: nothing,
      alpha: { d: dir({ A: one, a: two }) },
      beta: nothing,
      folding: { beta: ignoresCase },
      expected: { beta: ['d: - -> /', 'd/A: - -> one'], conflicts: ['d/a names-collide: skipped (names collide)'] },
    },
    {
      title: 'what is there already is not overwritten',
      ancestor: nothing,
      alpha: { a: one },
      beta: { A: two },
      folding: { beta: ignoresCase },
      expected: { alpha: ['A: - -> two'], conflicts: ['a names-collide: skipped (names collide)'] },
    },
    {
      title: 'the same with the sides swapped',
      ancestor: nothing,
      alpha: nothing,
      beta: { Readme: one, readme: two, d: dir({ A: one, a: two }) },
      folding: { alpha: ignoresCase },
      expected: {
        alpha: ['Readme: - -> one', 'd: - -> /', 'd/A: - -> one'],
        conflicts: ['d/a names-collide: skipped (names collide)', 'readme names-collide: skipped (names collide)'],
      },
    },
    {
      title: 'where a form is ignored, too',
      ancestor: nothing,
      alpha: { 'e\u0301': one, '\u00e9': two },
      beta: nothing,
      folding: { beta: { ignoresCase: false, ignoresUnicodeForm: true } },
      expected: { beta: ['e\u0301: - -> one'], conflicts: ['\u00e9 names-collide: skipped (names collide)'] },
    },
    {
      title: 'in a folder that both have, each folder by itself',
      ancestor: { d: dir({ a: one }), e: dir() },
      alpha: { d: dir({ A: two, a: one }), e: dir({ A: two }) },
      beta: { d: dir({ a: one }), e: dir() },
      folding: { beta: ignoresCase },
      expected: { beta: ['e/A: - -> two'], conflicts: ['d/A names-collide: skipped (names collide)'] },
    },
    {
      title: 'an edit of what is there under that very name collides with nothing',
      ancestor: { a: one },
      alpha: { a: two },
      beta: { a: one },
      folding: { beta: ignoresCase },
      expected: { beta: ['a: one -> two'] },
    },
    {
      title: 'two of them side by side, whatever the probe said, are edited and deleted as two',
      ancestor: { A: one, B: one, a: two, b: two },
      alpha: { A: three, a: two, b: two },
      beta: { A: one, B: one, a: two, b: two },
      folding: { beta: ignoresCase },
      expected: { beta: ['A: one -> three', 'B: one -> -'] },
    },
    {
      title: 'and change their kind',
      ancestor: { A: one, a: two },
      alpha: { A: link('x'), a: two },
      beta: { A: one, a: two },
      folding: { beta: ignoresCase },
      expected: { beta: ['A: one -> @x'] },
    },
    {
      title: 'what takes the place of something else needs no new name',
      ancestor: { a: one },
      alpha: { a: dir({ b: two }) },
      beta: { a: one },
      folding: { beta: ignoresCase },
      expected: { beta: ['a: one -> /', 'a/b: - -> two'] },
    },
    {
      title: 'where case counts, nothing collides',
      ancestor: nothing,
      alpha: { A: one, a: two },
      beta: nothing,
      expected: { beta: ['A: - -> one', 'a: - -> two'] },
    },
  ],
};

const usual: Policy = {
  conflicts: 'newer',
  onTie: 'skip',
  direction: 'both',
  paths: [],
  naming: { alpha: 'laptop', beta: 'balaur', date: '2026-11-21' },
};

for (const [rule, cases] of Object.entries(rules)) {
  describe(rule, () => {
    for (const { title, ancestor, alpha, beta, policy, clock, folding, inScope, expected } of cases) {
      const given = {
        ancestor: ancestor && ancestorOf(ancestor),
        alpha: root(alpha),
        beta: root(beta),
        policy: { ...usual, ...policy },
        clock,
        folding: { alpha: exactNames, beta: exactNames, ...folding },
        inScope,
      };
      it(title, () => {
        const whole = { ancestor: [], alpha: [], beta: [], conflicts: [], problems: [], ...expected };
        expect(linesOf(reconcile(given))).toEqual(whole);
        // What is known without looking makes no difference.
        expect(linesOf(reconcile({ ...given, alpha: withMerkle(given.alpha, toyHash), beta: withMerkle(given.beta, toyHash) }))).toEqual(whole);
      });
    }
  });
}

describe('what a first sync left open', () => {
  const first = { alpha: root({ a: at('one', 1) }), beta: root({ a: at('two', 90_000) }), policy: usual, clock: undefined };
  const after = applyPlan({ ...first, ancestor: undefined }, reconcile({ ...first, ancestor: undefined }));

  it('is listed again by the next run, and not settled by times', () => {
    expect(linesOf(reconcile({ ...first, ...after })).conflicts).toEqual(['a first-sync: skipped (6 first sync)']);
  });

  it('is settled once by `first`', () => {
    const settled = { ...first, ...after, policy: { ...usual, first: 'alpha' as const } };
    const plan = reconcile(settled);
    expect(linesOf(plan)).toMatchObject({ beta: ['a: two -> one'], conflicts: ['a content: alpha (6 alpha)'] });
    expect(linesOf(reconcile({ ...first, ...applyPlan(settled, plan) }))).toEqual({ ancestor: [], alpha: [], beta: [], conflicts: [], problems: [] });
  });

  it('is a folder against a file, too: that is replaced only when `first` asks for it', () => {
    const kinds = {
      alpha: root({ a: one }),
      beta: root({ a: dir({ b: two }) }),
      policy: { ...usual, conflicts: 'alpha' as const },
      clock: undefined,
    };
    const left = applyPlan({ ...kinds, ancestor: undefined }, reconcile({ ...kinds, ancestor: undefined }));
    const again = linesOf(reconcile({ ...kinds, ...left }));
    expect(again).toMatchObject({ alpha: [], beta: [], conflicts: ['a first-sync: skipped (7 first sync)'] });
    const asked = linesOf(reconcile({ ...kinds, ...left, policy: { ...kinds.policy, first: 'alpha' } }));
    expect(asked).toMatchObject({ beta: ['a/b: two -> -', 'a: / -> one'], conflicts: ['a kinds: alpha (7 alpha)'] });
  });

  it('is settled by whoever deletes his copy', () => {
    expect(linesOf(reconcile({ ...first, ...after, alpha: root(nothing) })).alpha).toEqual(['a: - -> two']);
  });

  it('is forgotten when both delete theirs', () => {
    expect(linesOf(reconcile({ ...first, ...after, alpha: root(nothing), beta: root(nothing) })).ancestor).toEqual(['a: -']);
  });
});

describe('a conflict says what each side has there, and no more than there is to say', () => {
  const conflictsOf = (alpha: Tree, beta: Tree, given: Partial<Parameters<typeof reconcile>[0]> = {}) =>
    reconcile({ ancestor: agreed(root(nothing)), alpha: root(alpha), beta: root(beta), policy: usual, ...given }).conflicts;

  it('of two contents', () => {
    const [alpha, beta] = [at('one', 9_000), two];
    const clock = { offsetMs: 1, uncertaintyMs: 2 };
    const found = { path: 'a', reason: 'content', alpha, beta };
    expect(conflictsOf({ a: alpha }, { a: beta })).toStrictEqual([{ ...found, rule: '6 newer', resolution: 'alpha' }]);
    expect(conflictsOf({ a: alpha }, { a: beta }, { clock })).toStrictEqual([{ ...found, rule: '6 newer', resolution: 'alpha', clock }]);
    expect(conflictsOf({ a: alpha }, { a: beta }, { clock, policy: { ...usual, conflicts: 'keep-both' } })).toStrictEqual([
      { ...found, rule: '6 keep both', resolution: 'keep-both', clock, keptAs: 'a (conflict balaur 2026-11-21)' },
    ]);
  });

  it('of names in a new folder, on either side', () => {
    const folding = { alpha: ignoresCase, beta: ignoresCase };
    const found = { path: 'd/a', reason: 'names-collide', rule: 'names collide', resolution: 'skipped' };
    const tree = { d: dir({ A: one, a: two }) };
    expect(conflictsOf(tree, nothing, { folding })).toStrictEqual([{ ...found, alpha: two, beta: undefined }]);
    expect(conflictsOf(nothing, tree, { folding })).toStrictEqual([{ ...found, alpha: undefined, beta: two }]);
  });
});

describe('the root itself', () => {
  const plan = (
    given: Pick<Parameters<typeof reconcile>[0], 'ancestor' | 'alpha' | 'beta'>,
    policy: Partial<Policy> = {},
    folding?: Sides<Folding>,
  ) => linesOf(reconcile({ ...given, policy: { ...usual, ...policy }, folding }));
  const none = { ancestor: [], alpha: [], beta: [], conflicts: [], problems: [] };

  it('is made, edited and deleted like any other path', () => {
    expect(plan({ ancestor: undefined, alpha: root({ a: one }), beta: undefined })).toEqual({ ...none, beta: [': - -> /', 'a: - -> one'] });
    expect(plan({ ancestor: agreed(one), alpha: one, beta: two })).toEqual({ ...none, alpha: [': one -> two'] });
    expect(plan({ ancestor: agreed(root({ a: one })), alpha: undefined, beta: root({ a: one }) })).toEqual({
      ...none,
      beta: ['a: one -> -', ': / -> -'],
    });
    expect(plan({ ancestor: undefined, alpha: undefined, beta: undefined })).toEqual(none);
  });

  it('has no name that could collide, or that a loser could be kept beside', () => {
    const folding = { alpha: ignoresCase, beta: ignoresCase };
    expect(plan({ ancestor: undefined, alpha: one, beta: undefined }, {}, folding)).toEqual({ ...none, beta: [': - -> one'] });
    expect(plan({ ancestor: agreed(one), alpha: at('two', 5), beta: at('three', 6) }, { conflicts: 'keep-both' })).toEqual({
      ...none,
      conflicts: [' content: skipped (6 keep both, but no name is left)'],
    });
  });
});

describe('a rename of what has held permissions', () => {
  it('with a chmod there, leaves nothing to remember to the next run', () => {
    const mode = (bits: number): Entry => file('one', { mode: bits });
    const given = { alpha: root({ a: mode(0o751) }), beta: root({ b: mode(0o664) }), policy: usual };
    const ancestor: Ancestor = { alpha: root({ a: mode(0o751) }), beta: root({ a: mode(0o644) }) };
    const plan = reconcile({ ...given, ancestor });
    expect(linesOf(plan)).toMatchObject({ alpha: ['b: - -> one 761', 'a: one 751 -> -'], beta: [] });
    const again = linesOf(reconcile({ ...given, ...applyPlan({ ...given, ancestor }, plan) }));
    expect(again).toEqual({ ancestor: [], alpha: [], beta: [], conflicts: [], problems: [] });
  });
});

function root(children: Tree): Directory {
  return dir(children);
}

function ancestorOf(ancestor: NonNullable<Case['ancestor']>): Ancestor {
  if ('held' in ancestor && !('kind' in ancestor.held)) return { alpha: root(ancestor.held.alpha as Tree), beta: root(ancestor.held.beta as Tree) };
  const tree = root(ancestor as Tree);
  return { alpha: tree, beta: tree };
}
