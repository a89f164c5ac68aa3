import { type Entry, nodeOf, sameNode } from '../tree/entry.ts';
import { joinPath, type RelativePath, rootPath } from '../tree/path.ts';
import { childrenOf, isSameAtOnce, joinChildren, reverseFrom } from '../tree/walk.ts';
import type { Change } from './change.ts';

/**
 * The changes that make one tree of another: `applyChanges(a, diff(a, b))` is `b`, but for times. In the order in which they can be made:
 * a directory is created before what is in it and removed after it. Times and `hasUntracked` alone are no difference.
 * Costs what differs and its siblings: subtrees that are the same object or have the same Merkle digest are not looked into.
 */
export function diff(a: Entry | undefined, b: Entry | undefined): readonly Change[] {
  const changes: Change[] = [];
  const rest: (Step | Change)[] = [{ path: rootPath, a, b }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (!('a' in next)) {
      changes.push(next);
      continue;
    }
    const { path, a: from, b: to } = next;
    if (isSameAtOnce(from, to)) continue;
    const first = rest.length;
    const change = sameNode(from, to) ? undefined : { path, old: from && nodeOf(from), new: to && nodeOf(to) };
    // Below what is no directory afterwards everything goes first; below what is one everything comes, or changes, later.
    if (change !== undefined && to?.kind === 'directory') changes.push(change);
    joinChildren([from, to], (name, [below, wanted]) => void rest.push({ path: joinPath(path, name), a: below, b: wanted }));
    if (change !== undefined && to?.kind !== 'directory') {
      if (childrenOf(from).length === 0) changes.push(change);
      else rest.push(change);
    }
    reverseFrom(rest, first);
  }
  return changes;
}

/** A place that is still to be compared. */
interface Step {
  readonly path: RelativePath;
  readonly a: Entry | undefined;
  readonly b: Entry | undefined;
}
