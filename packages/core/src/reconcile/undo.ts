/**
 * Undo: from what a run did on each side and what is there now, the changes that put back what was there before it.
 *
 * A path is put back only where it is still what the run left. What somebody has changed since is left alone and listed, and so is what cannot be put back
 * because of it: a folder that something has come into stays, and nothing is made below what is no folder any more. Each side goes back by itself: where
 * the run carried a change from one side to the other, the side that made it keeps it. So the two differ afterwards, and the ancestor holds that difference.
 */
import { setNodes } from '../tree/edit.ts';
import { type Entry, nodeOf, sameContent, sameNode } from '../tree/entry.ts';
import { createLookup, type Lookup } from '../tree/lookup.ts';
import { joinPath, parentPath, type RelativePath } from '../tree/path.ts';
import { inWalkOrder } from '../tree/walk-order.ts';
import type { Change } from './change.ts';
import { diff } from './diff.ts';
import { bothSides, type Side, type Sides } from './plan.ts';

export interface UndoInput {
  /** Both sides as they are. */
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
  /** What the run was about to do on each side, in order. A change that it never made is found not to have been made. */
  readonly done: Sides<readonly DoneChange[]>;
}

/** A change that a run was about to make. */
export interface DoneChange extends Change {
  /** The content of `old` is not to be had on its side any more. */
  readonly isLost?: boolean | undefined;
}

export interface UndoPlan {
  /** In the order in which they can be made. */
  readonly alphaChanges: readonly Change[];
  readonly betaChanges: readonly Change[];
  /** What the run did and what stays so, in walk order. */
  readonly left: readonly NotUndone[];
}

export interface NotUndone {
  readonly path: RelativePath;
  readonly side: Side;
  readonly reason: NotUndoneReason;
}

/**
 * `changed-since`: it is not what the run left any more · `not-kept`: what was there is kept no more, and the other side does not have it there either ·
 * `not-empty`: a folder that the run made, and that something else has come into · `no-folder`: there is no folder any more to put it back into.
 */
export type NotUndoneReason = 'changed-since' | 'not-kept' | 'not-empty' | 'no-folder';

/** Costs what the run did, and the siblings of that. */
export function planUndo({ alpha, beta, done }: UndoInput): UndoPlan {
  const undone = { alpha: undoSide(done.alpha, alpha, beta), beta: undoSide(done.beta, beta, alpha) };
  return {
    alphaChanges: undone.alpha.changes,
    betaChanges: undone.beta.changes,
    left: bothSides.flatMap((side) => [...undone[side].left].map(([path, reason]) => ({ path, side, reason }))),
  };
}

interface SideUndo {
  readonly changes: readonly Change[];
  readonly left: ReadonlyMap<RelativePath, NotUndoneReason>;
}

function undoSide(done: readonly DoneChange[], now: Entry | undefined, other: Entry | undefined): SideUndo {
  const at = createLookup(now);
  const atOther = createLookup(other);
  const left = new Map<RelativePath, NotUndoneReason>();
  /** What is to be at a path again. */
  const back = new Map<RelativePath, Entry | undefined>();
  const effects = effectsOf(done);
  for (const path of inWalkOrder(effects.keys())) {
    const effect = effects.get(path);
    if (effect === undefined) continue;
    const { before, after, isLost } = effect;
    const there = at(path);
    if (sameNode(there, before)) continue;
    if (!sameNode(there, after)) left.set(path, 'changed-since');
    else if (isLost && !hasContent(atOther(path), before)) left.set(path, 'not-kept');
    else back.set(path, before);
  }
  // The deepest first: a folder stays if anything in it stays.
  for (const path of [...back.keys()].reverse()) {
    const there = at(path);
    if (there?.kind !== 'directory' || back.get(path)?.kind === 'directory') continue;
    if (!there.hasUntracked && there.children.every(({ name }) => goes(back, joinPath(path, name)))) continue;
    back.delete(path);
    left.set(path, 'not-empty');
  }
  for (const [path, before] of back) {
    if (before === undefined || isFolder(back, at, parentPath(path))) continue;
    back.delete(path);
    left.set(path, 'no-folder');
  }
  const target = setNodes(
    now,
    [...back].map(([path, entry]) => ({ path, entry })),
  );
  return { changes: diff(now, target), left };
}

/** Whether a content can be had from there. */
function hasContent(there: Entry | undefined, wanted: Entry | undefined): boolean {
  return there?.kind === 'file' && wanted?.kind === 'file' && sameContent(there, wanted);
}

function goes(back: ReadonlyMap<RelativePath, Entry | undefined>, path: RelativePath): boolean {
  return back.has(path) && back.get(path) === undefined;
}

/** Whether there will be a folder at a path. The root is there. */
function isFolder(back: ReadonlyMap<RelativePath, Entry | undefined>, at: Lookup, path: RelativePath | undefined): boolean {
  return path === undefined || (back.has(path) ? back.get(path) : at(path))?.kind === 'directory';
}

interface Effect {
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
  /** Of the content before. */
  readonly isLost: boolean;
}

/** What a run came to at each path. */
function effectsOf(done: readonly DoneChange[]): ReadonlyMap<RelativePath, Effect> {
  const effects = new Map<RelativePath, Effect>();
  for (const { path, old, new: next, isLost = false } of done) {
    const { before, isLost: wasLost } = effects.get(path) ?? { before: old && nodeOf(old), isLost };
    effects.set(path, { before, after: next && nodeOf(next), isLost: wasLost });
  }
  return effects;
}
