/** What a side did to what it had: questions about a tree and the ancestor's half of it. An untracked entry counts as absent. */
import { type Entry, isSyncable, sameContent, sameNode, type Syncable } from '../tree/entry.ts';
import { isSameAtOnce, walk } from '../tree/walk.ts';

/** The entry if it can be synced; what is untracked (or problematic) is nothing that could be. */
export function syncable(entry: Entry | undefined): Syncable | undefined {
  return isSyncable(entry) ? entry : undefined;
}

/**
 * Whether two trees are the same in all that can be synced: kinds, contents, permissions, at every depth. Where one of them is problematic nothing is
 * known, so nothing is held to differ.
 */
export function isSameTree(a: Entry | undefined, b: Entry | undefined): boolean {
  let same = true;
  walk([a, b], (_path, [left, right]) => {
    if (!same || isSameAtOnce(left, right) || left?.kind === 'problematic' || right?.kind === 'problematic') return false;
    if (!sameNode(syncable(left), syncable(right))) same = false;
    return same;
  });
  return same;
}

/**
 * Whether a tree holds something that its ancestor did not: a new entry, a new content, another kind. A deletion brings nothing, and neither does a change
 * of permissions, so either can give way without a loss.
 */
export function bringsContent(now: Entry | undefined, before: Entry | undefined): boolean {
  let brings = false;
  walk([now, before], (_path, [entry, was]) => {
    if (brings || !isSyncable(entry) || isSameAtOnce(entry, was)) return false;
    if (entry.kind === 'directory') {
      if (was?.kind === 'directory') return true;
      brings = true;
    } else if (entry.kind === 'file') brings = !(was?.kind === 'file' && sameContent(entry, was));
    else brings = !sameNode(entry, was);
    return false;
  });
  return brings;
}
