import { nodeOf, sameNode } from '../tree/entry.ts';
import { isSameAtOnce, walk } from '../tree/walk.ts';
import type { Ancestor, AncestorChange } from './ancestor.ts';

/**
 * The held entries of an ancestor, in walk order: the paths at which its halves differ, with what each side has accepted. What is below a directory
 * that only one half has is not listed apart. Times are no difference. Costs what the halves do not share, at most the tree.
 */
export function heldEntries({ alpha, beta }: Ancestor): readonly AncestorChange[] {
  const held: AncestorChange[] = [];
  walk([alpha, beta], (path, [left, right]) => {
    if (isSameAtOnce(left, right)) return false;
    if (!sameNode(left, right)) held.push({ path, alpha: left && nodeOf(left), beta: right && nodeOf(right) });
    return left?.kind === 'directory' && right?.kind === 'directory';
  });
  return held;
}
