/**
 * Arbitraries of related trees. Two random trees have nothing to do with each other, and every law holds for them; what finds mistakes is an ancestor and
 * two sides that were made of it by edits, often of the same few paths. So a tree here is always the outcome of edits.
 *
 * They are made from the fast-check that is passed in, so that this package needs none.
 */
import type FastCheck from 'fast-check';
import type { Ancestor } from '../reconcile/ancestor.ts';
import type { ClockRelation, ConflictPolicy, Direction, PathPolicy, Policy } from '../reconcile/policy.ts';
import { compilePatterns } from '../scope/pattern.ts';
import { setNodes } from '../tree/edit.ts';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import { dir, file, link, path, problematic, untracked } from './trees.ts';

/** What somebody did to a tree. */
export type Edit =
  | { readonly edit: 'write'; readonly at: RelativePath; readonly text: string; readonly mode: number; readonly mtimeMs: number }
  | { readonly edit: 'link'; readonly at: RelativePath; readonly target: string; readonly mtimeMs: number }
  | { readonly edit: 'mkdir'; readonly at: RelativePath; readonly mode: number }
  | { readonly edit: 'remove'; readonly at: RelativePath }
  | { readonly edit: 'chmod'; readonly at: RelativePath; readonly mode: number }
  | { readonly edit: 'move'; readonly at: RelativePath; readonly to: RelativePath }
  /** A move of something that is really there: the n-th entry of the tree, in walk order, counted round. */
  | { readonly edit: 'rename'; readonly nth: number; readonly to: RelativePath }
  /** Something that is not synced appears: `special` in the tree, `hidden` out of scope, `unreadable` where nothing can be learnt. */
  | { readonly edit: 'special' | 'hidden' | 'unreadable'; readonly at: RelativePath };

export interface RelatedTrees {
  /** `undefined`: a first sync. Its halves differ at times: held entries. */
  readonly ancestor: Ancestor | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

export interface TreeArbitraries {
  readonly edit: FastCheck.Arbitrary<Edit>;
  /** A tree in which everything can be synced. */
  readonly tree: FastCheck.Arbitrary<Entry>;
  /** A tree as a scan may find it: with untracked, hidden and unreadable entries. */
  readonly scannedTree: FastCheck.Arbitrary<Entry>;
  readonly related: FastCheck.Arbitrary<RelatedTrees>;
  /** The same, of fuller trees that were agreed on, where one side or both mostly renamed. */
  readonly renamed: FastCheck.Arbitrary<RelatedTrees>;
  readonly policy: FastCheck.Arbitrary<Policy>;
  readonly clock: FastCheck.Arbitrary<ClockRelation | undefined>;
}

export function treeArbitraries(fc: typeof FastCheck): TreeArbitraries {
  // Few names, so that edits meet; two that are one where case is ignored, one beyond U+FFFF, which sorts differently in UTF-16, one that looks like a kept loser, one that names a prototype.
  const name = fc.constantFrom('a', 'A', 'b', 'b.txt', 'c', 'é', '\u{1F600}', '\uFF61', '__proto__', 'b (conflict one 2026-11-21).txt');
  const at = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => path(names.join('/')));
  const mode = fc.constantFrom(0o644, 0o755, 0o600, 0o664, 0o751, 0o444);
  const mtimeMs = fc.constantFrom(0, 400, 5_000, 60_000, 60_500.25);
  const text = fc.constantFrom('', 'one', 'two', 'three', 'four');

  const write = fc.record({ edit: fc.constant('write' as const), at, text, mode, mtimeMs });
  const makeLink = fc.record({ edit: fc.constant('link' as const), at, target: fc.constantFrom('a', '../b', 'c'), mtimeMs });
  const mkdir = fc.record({ edit: fc.constant('mkdir' as const), at, mode });
  const makes: FastCheck.Arbitrary<Edit> = fc.oneof(
    { arbitrary: write, weight: 6 },
    { arbitrary: makeLink, weight: 1 },
    { arbitrary: mkdir, weight: 1 },
  );
  const unmakes: FastCheck.Arbitrary<Edit> = fc.oneof(
    fc.record({ edit: fc.constant('remove' as const), at }),
    fc.record({ edit: fc.constant('chmod' as const), at, mode }),
    fc.record({ edit: fc.constant('move' as const), at, to: at }),
    fc.record({ edit: fc.constant('rename' as const), nth: fc.nat(20), to: at }),
  );
  const hides: FastCheck.Arbitrary<Edit> = fc.record({ edit: fc.constantFrom('special' as const, 'hidden' as const, 'unreadable' as const), at });
  const clean = fc.oneof({ arbitrary: makes, weight: 2 }, { arbitrary: unmakes, weight: 3 });
  const edit = fc.oneof({ arbitrary: clean, weight: 8 }, { arbitrary: hides, weight: 1 });

  const made = fc.array(makes, { maxLength: 10 }).map((edits) => edits.reduce<Entry>(applyEdit, emptyRoot));
  const after = (tree: FastCheck.Arbitrary<Entry>, edits: FastCheck.Arbitrary<Edit>, maxLength: number): FastCheck.Arbitrary<Entry> =>
    fc.tuple(tree, fc.array(edits, { maxLength })).map(([before, list]) => list.reduce(applyEdit, before));

  const related = fc
    .record({
      tree: made,
      held: fc.oneof({ arbitrary: fc.constant<Edit[]>([]), weight: 3 }, { arbitrary: fc.array(clean, { maxLength: 3 }), weight: 1 }),
      both: fc.array(clean, { maxLength: 2 }),
      alpha: fc.array(edit, { maxLength: 5 }),
      beta: fc.array(edit, { maxLength: 5 }),
      first: fc.oneof({ arbitrary: fc.constant(false), weight: 4 }, { arbitrary: fc.constant(true), weight: 1 }),
    })
    .map(({ tree, held, both, alpha, beta, first }): RelatedTrees => {
      const ancestor = { alpha: tree, beta: held.reduce(applyEdit, tree) };
      return {
        ancestor: first ? undefined : ancestor,
        alpha: [...both, ...alpha].reduce(applyEdit, ancestor.alpha),
        beta: [...both, ...beta].reduce(applyEdit, ancestor.beta),
      };
    });

  const renames = fc.record({ edit: fc.constant('rename' as const), nth: fc.nat(20), to: at });
  const renaming = fc.array(fc.oneof({ arbitrary: renames, weight: 3 }, { arbitrary: edit, weight: 1 }), { maxLength: 3 });
  const renamed = fc
    .record({ tree: fc.array(write, { minLength: 3, maxLength: 10 }), alpha: renaming, beta: renaming })
    .map(({ tree, alpha, beta }): RelatedTrees => {
      const before = tree.reduce<Entry>(applyEdit, emptyRoot);
      return {
        ancestor: { alpha: before, beta: before },
        alpha: alpha.reduce<Entry>(applyEdit, before),
        beta: beta.reduce<Entry>(applyEdit, before),
      };
    });

  const conflicts = fc.constantFrom<ConflictPolicy[]>('newer', 'alpha', 'beta', 'keep-both', 'skip');
  const direction = fc.oneof(
    { arbitrary: fc.constant<Direction>('both'), weight: 4 },
    { arbitrary: fc.constantFrom<Direction[]>('alpha-to-beta', 'beta-to-alpha'), weight: 1 },
  );
  const exception: FastCheck.Arbitrary<PathPolicy> = fc.record({
    match: fc.constantFrom('b', 'a/**', '*.txt', 'c/').map((pattern) => compilePatterns([pattern])),
    conflicts: fc.option(conflicts, { nil: undefined }),
    direction: fc.option(direction, { nil: undefined }),
  });
  const policy: FastCheck.Arbitrary<Policy> = fc.record({
    conflicts,
    onTie: fc.constantFrom<('skip' | 'keep-both')[]>('skip', 'keep-both'),
    first: fc.option(conflicts, { nil: undefined }),
    direction,
    paths: fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, { arbitrary: fc.array(exception, { maxLength: 2 }), weight: 1 }),
    naming: fc.constant({ alpha: 'one', beta: 'two', date: '2026-11-21' }),
  });

  return {
    edit,
    tree: after(made, clean, 4),
    scannedTree: after(made, edit, 6),
    related,
    renamed,
    policy,
    clock: fc.option(fc.record({ offsetMs: fc.constantFrom(-60_000, 0, 250, 60_000), uncertaintyMs: fc.constantFrom(0, 20, 3_000) }), {
      nil: undefined,
    }),
  };
}

/** A root as a scan finds it: without a mode of its own, and never to be removed. */
const emptyRoot: Entry = dir({}, { mode: 0, hasUntracked: true });

/** Makes an edit, with the folders that it needs. What cannot be done is not. */
export function applyEdit(tree: Entry, edit: Edit): Entry {
  if (edit.edit === 'rename') {
    const paths = pathsBelow(tree);
    const from = paths[edit.nth % Math.max(1, paths.length)];
    return from === undefined ? tree : move(tree, from, edit.to);
  }
  const { at } = edit;
  switch (edit.edit) {
    case 'write':
      return put(tree, at, file(edit.text, edit));
    case 'link':
      return put(tree, at, link(edit.target, edit));
    case 'mkdir':
      return entryAt(tree, at)?.kind === 'directory' ? tree : put(tree, at, dir({}, edit));
    case 'remove':
      return set(tree, at, undefined);
    case 'chmod': {
      const entry = entryAt(tree, at);
      return entry?.kind === 'file' || entry?.kind === 'directory' ? set(tree, at, { ...entry, mode: edit.mode }) : tree;
    }
    case 'move':
      return move(tree, at, edit.to);
    case 'special':
      return flag(put(tree, at, untracked()), parentPath(at));
    case 'hidden':
      return entryAt(tree, at)?.kind === 'directory' ? flag(tree, at) : flag(tree, parentPath(at));
    case 'unreadable':
      return entryAt(tree, at) === undefined ? tree : put(tree, at, problematic());
  }
}

function pathsBelow(tree: Entry): readonly RelativePath[] {
  const paths: RelativePath[] = [];
  walk([tree], (at) => at === rootPath || paths.push(at) > 0);
  return paths;
}

function put(tree: Entry, at: RelativePath, entry: Entry): Entry {
  const nodes = [{ path: at, entry: entry as Entry | undefined }];
  for (let parent = parentPath(at); parent !== undefined; parent = parentPath(parent)) {
    if (entryAt(tree, parent)?.kind !== 'directory') nodes.unshift({ path: parent, entry: dir() });
  }
  return setNodes(tree, nodes) ?? emptyRoot;
}

function set(tree: Entry, at: RelativePath, entry: Entry | undefined): Entry {
  return setNodes(tree, [{ path: at, entry }]) ?? emptyRoot;
}

function move(tree: Entry, from: RelativePath, to: RelativePath): Entry {
  const moved = entryAt(tree, from);
  if (moved === undefined || to === from || to.startsWith(`${from}/`)) return tree;
  let next = put(set(tree, from, undefined), to, { kind: 'directory', mode: 0, children: [] });
  next = set(next, to, undefined);
  walk(
    [moved],
    (at, [entry]) => {
      next = set(next, at, entry);
      return true;
    },
    to,
  );
  return next;
}

/** Something in this directory is not synced. */
function flag(tree: Entry, at: RelativePath | undefined): Entry {
  const directory = entryAt(tree, at ?? rootPath);
  return directory?.kind === 'directory' ? set(tree, at ?? rootPath, { ...directory, hasUntracked: true }) : tree;
}
