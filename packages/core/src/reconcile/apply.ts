import { openTree } from '../tree/edit.ts';
import type { Entry } from '../tree/entry.ts';
import type { Change } from './change.ts';

/**
 * Makes changes on a tree, in order: what a transition does on a disk, done on a value. The `old` of a change is not looked at. A change that would lie
 * in no directory is left out. Untouched nodes are kept by reference. Costs changes times depth, plus the siblings of what is touched.
 */
export function applyChanges(tree: Entry | undefined, changes: readonly Change[]): Entry | undefined {
  const draft = openTree(tree);
  for (const { path, new: next } of changes) draft.set(path, next);
  return draft.close();
}
