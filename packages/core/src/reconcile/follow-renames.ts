/**
 * Following renames: what one side renamed is renamed on the other side first, and in what the two agreed on, and then the rest is decided as always, path by path. So an
 * edit there follows its file to the new name, and so does a new file in a folder that was renamed here.
 *
 * The plan is then: the moves, in the order creations (with the folders that they need) and deletions, and after them the changes that the second look found. Whether
 * a move has to bring along an edit makes no difference to it. What is remembered of a path that moves is remembered once it has moved.
 */
import { entryMoved, type PermissionMasks } from '../scope/permission-masks.ts';
import { openTree } from '../tree/edit.ts';
import { type Entry, isSyncable, nodeOf } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { compareNames } from '../tree/name.ts';
import type { NodeAt } from '../tree/node-table.ts';
import { parentPath, type RelativePath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import type { Ancestor, AncestorChange } from './ancestor.ts';
import type { Change } from './change.ts';
import { bothSides, otherSide, type Plan, type Side, type Sides } from './plan.ts';
import type { ReconcileInput } from './reconcile.ts';
import { type AgreedRename, movedPath, type Rename, type Renames } from './renames.ts';

/** `byPath`: the plan in which nothing moves, in which the renames were found. `decide` makes such a plan. */
export function followRenames(
  input: ReconcileInput & { readonly ancestor: Ancestor },
  byPath: Plan,
  renames: Renames,
  decide: (input: ReconcileInput) => Plan,
): Plan {
  const { masks } = input.policy;
  const moves = { alpha: movesOn('alpha', input, byPath, renames.beta), beta: movesOn('beta', input, byPath, renames.alpha) };
  const isMade = (path: RelativePath): boolean => moves.alpha.made.has(path) || moves.beta.made.has(path);
  const known = [...commonFolders(input, renames, isMade), ...agreedNodes(input, renames.agreed)];
  const ancestorOf = (half: Side): Entry | undefined => {
    const tree = input.ancestor[half];
    const renamed = [
      ...bothSides.flatMap((side) => renamedNodes(tree, renames[side], moves[otherSide(side)].folders, masks)),
      ...renames.agreed.map(({ from }) => ({ path: from, entry: undefined })),
    ];
    return edited(tree, [...known.map((change) => ({ path: change.path, entry: change[half] })), ...renamed]);
  };
  const alphaHalf = ancestorOf('alpha');
  const plan = decide({
    ...input,
    ancestor: { alpha: alphaHalf, beta: input.ancestor.beta === input.ancestor.alpha && known.length === 0 ? alphaHalf : ancestorOf('beta') },
    alpha: edited(input.alpha, [...renamedNodes(input.alpha, renames.beta, moves.alpha.folders, masks), ...leftNodes('alpha', renames)]),
    beta: edited(input.beta, [...renamedNodes(input.beta, renames.alpha, moves.beta.folders, masks), ...leftNodes('beta', renames)]),
  });
  return {
    ...plan,
    ancestorChanges: [...known, ...plan.ancestorChanges.filter(({ path }) => !isMade(path))],
    alphaChanges: [...leftDeletions('alpha', input, renames), ...withMoves(moves.alpha, plan.alphaChanges)],
    betaChanges: [...leftDeletions('beta', input, renames), ...withMoves(moves.beta, plan.betaChanges)],
  };
}

/** What the renames of one side take on the other. */
interface Moves {
  /** New folders that something moves into. */
  readonly folders: readonly NodeAt[];
  readonly creations: readonly Change[];
  readonly deletions: readonly Change[];
  /** The paths of all creations. */
  readonly made: ReadonlySet<RelativePath>;
}

function movesOn(side: Side, input: ReconcileInput & { readonly ancestor: Ancestor }, byPath: Plan, renames: readonly Rename[]): Moves {
  const tree = input[side];
  const { masks } = input.policy;
  const open = new Map(renames.map((rename) => [rename.to, rename]));
  const needed = new Set<RelativePath>();
  for (const { to } of renames) for (let at = parentPath(to); at !== undefined && !needed.has(at); at = parentPath(at)) needed.add(at);
  const folders: NodeAt[] = [];
  const creations: Change[] = [];
  const deletions: Change[] = [];
  const make = (rename: Rename): void => {
    open.delete(rename.to);
    const below: Change[] = [];
    walk(
      [entryAt(tree, rename.from), entryAt(input.ancestor[side], rename.from)],
      (from, [entry, was]) => {
        if (!isSyncable(entry)) return false;
        const node = nodeOf(entry);
        const path = movedPath(from, rename);
        const asThere = <E extends Entry>(moved: E): E => entryMoved(masks, nodeOf(moved), from, path);
        creations.push({ path, old: undefined, new: asThere(entry), from: { path: from, entry: node, was: was && asThere(was) } });
        below.push({ path: from, old: node, new: undefined, to: path });
        return true;
      },
      rename.from,
    );
    // From the end every entry comes before the folder that holds it.
    deletions.push(...below.reverse());
  };
  for (const change of side === 'alpha' ? byPath.alphaChanges : byPath.betaChanges) {
    const rename = open.get(change.path);
    if (rename !== undefined) make(rename);
    else if (change.old === undefined && change.new?.kind === 'directory' && needed.has(change.path)) {
      folders.push({ path: change.path, entry: change.new });
      creations.push(change);
    }
  }
  // A name that only collided was not planned.
  for (const rename of open.values()) make(rename);
  return { folders, creations, deletions, made: new Set(creations.map(({ path }) => path)) };
}

/** A tree's nodes after renames: the old names gone, the new folders made, the new names with what the tree had under the old ones. */
function renamedNodes(
  tree: Entry | undefined,
  renames: readonly Rename[],
  folders: readonly NodeAt[],
  masks: PermissionMasks | undefined,
): readonly NodeAt[] {
  const nodes: NodeAt[] = [...renames.map(({ from }) => ({ path: from, entry: undefined })), ...folders];
  for (const rename of renames) {
    walk(
      [entryAt(tree, rename.from)],
      (path, [entry]) => {
        const to = movedPath(path, rename);
        nodes.push({ path: to, entry: entry && entryMoved(masks, nodeOf(entry), path, to) });
        return true;
      },
      rename.from,
    );
  }
  return nodes;
}

function edited(tree: Entry | undefined, nodes: readonly NodeAt[]): Entry | undefined {
  if (nodes.length === 0) return tree;
  const draft = openTree(tree);
  for (const { path, entry } of nodes) draft.set(path, entry);
  return draft.close();
}

/** Folders that both sides have made alike and that something was renamed into: they are agreed on before anything is remembered in them. */
function commonFolders(
  { ancestor, alpha, beta }: ReconcileInput & { readonly ancestor: Ancestor },
  renames: Renames,
  isMade: (path: RelativePath) => boolean,
): readonly AncestorChange[] {
  const folders: AncestorChange[] = [];
  const seen = new Set<RelativePath>();
  for (const { to } of [...renames.alpha, ...renames.beta, ...renames.agreed]) {
    const above: AncestorChange[] = [];
    for (let at = parentPath(to); at !== undefined && !seen.has(at); at = parentPath(at)) {
      seen.add(at);
      const isKnown = bothSides.every((half) => entryAt(ancestor[half], at)?.kind === 'directory');
      if (!isKnown && !isMade(at)) above.push({ path: at, ...nodesAt({ alpha, beta }, at) });
    }
    folders.push(...above);
  }
  // A folder before what is in it, whichever side is looked at first.
  return folders.sort((a, b) => compareNames(a.path, b.path));
}

/** What both sides renamed alike is remembered under its new name at once: nothing has to be moved for it. */
function agreedNodes(
  { ancestor, policy }: ReconcileInput & { readonly ancestor: Ancestor },
  renames: readonly AgreedRename[],
): readonly AncestorChange[] {
  return renames.flatMap(({ from, to, leftOn }) => [
    { path: to, ...nodesAt(ancestor, from, (entry) => entryMoved(policy.masks, entry, from, to)) },
    ...(leftOn === undefined ? [{ path: from, alpha: undefined, beta: undefined }] : []),
  ]);
}

/** What a side has under its old name still, and what there is to be done about it. */
function leftNodes(side: Side, { agreed }: Renames): readonly NodeAt[] {
  return agreed.flatMap(({ from, leftOn }) => (leftOn === side ? [{ path: from, entry: undefined }] : []));
}

function leftDeletions(side: Side, input: ReconcileInput, renames: Renames): readonly Change[] {
  return leftNodes(side, renames).map(({ path }) => ({ path, old: entryAt(input[side], path), new: undefined }));
}

function nodesAt(trees: Sides<Entry | undefined>, path: RelativePath, as: (node: Entry) => Entry = (node) => node): Sides<Entry | undefined> {
  const [alpha, beta] = [entryAt(trees.alpha, path), entryAt(trees.beta, path)];
  return { alpha: alpha && as(nodeOf(alpha)), beta: beta && as(nodeOf(beta)) };
}

/** A change of what moves is part of its move: it is made with the mode that it is to have in the end. */
function withMoves({ creations, deletions, made }: Moves, changes: readonly Change[]): readonly Change[] {
  if (creations.length === 0) return changes;
  const final = new Map<RelativePath, Change['new']>();
  for (const { path, new: next } of changes) if (made.has(path)) final.set(path, next);
  return [
    ...creations.map((change) => (final.has(change.path) ? { ...change, new: final.get(change.path) } : change)),
    ...deletions,
    ...changes.filter(({ path }) => !made.has(path)),
  ];
}
