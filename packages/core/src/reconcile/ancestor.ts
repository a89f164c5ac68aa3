import type { Entry, Problematic } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';

/**
 * The last agreed state of a pair, one tree a side. Where the two trees are the same, the entry is *agreed*; where they differ it is *held*:
 * a difference that both sides have accepted (after an undo, a directory kept for its out-of-scope content, a mode that one disk cannot store).
 * The trees share their agreed nodes by reference.
 */
export interface Ancestor {
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

/** A new state for one path of an ancestor, both halves; the node only, as in `Change`. `undefined` on a half: absent there. */
export interface AncestorChange {
  readonly path: RelativePath;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

/** An ancestor in which everything is agreed. */
export function agreed(tree: Entry | undefined): Ancestor {
  return { alpha: tree, beta: tree };
}

/**
 * What an ancestor holds, on both halves, at a path where a first sync left two contents open: that they were never agreed on. Without it the next run
 * would take them for two files that were made since, and settle by times that prove nothing.
 */
export const unsettled: Problematic = { kind: 'problematic', code: 'SYNC_UNSETTLED' };

export function isUnsettled(entry: Entry | undefined): boolean {
  return entry?.kind === 'problematic' && entry.code === unsettled.code;
}

/**
 * What a journal says of the other half where the plan changes both sides at a path: that it is on its way, too. Until both have arrived nothing was achieved
 * there: a half that was recorded as it was before would be taken for one that was accepted.
 */
export const underway: Problematic = { kind: 'problematic', code: 'SYNC_UNDERWAY' };

export function isUnderway(entry: Entry | undefined): boolean {
  return entry?.kind === 'problematic' && entry.code === underway.code;
}
