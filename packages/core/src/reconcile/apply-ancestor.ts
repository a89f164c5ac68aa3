import { openTree } from '../tree/edit.ts';
import { type Ancestor, type AncestorChange, agreed } from './ancestor.ts';
import { shareHalves } from './share-halves.ts';

/**
 * Sets nodes on both halves of an ancestor, in order. What would lie in no directory is left out. The result shares between its halves what is identical
 * in both. Costs changes times depth, plus the siblings of what is touched.
 */
export function applyAncestorChanges(ancestor: Ancestor, changes: readonly AncestorChange[]): Ancestor {
  if (changes.length === 0) return ancestor;
  if (ancestor.alpha === ancestor.beta && changes.every(({ alpha, beta }) => alpha === beta)) {
    const draft = openTree(ancestor.alpha);
    for (const { path, alpha } of changes) draft.set(path, alpha);
    return agreed(draft.close());
  }
  const left = openTree(ancestor.alpha);
  const right = openTree(ancestor.beta);
  for (const { path, alpha, beta } of changes) {
    left.set(path, alpha);
    right.set(path, beta);
  }
  return shareHalves({ alpha: left.close(), beta: right.close() }, ancestor);
}
