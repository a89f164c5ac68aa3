/** What a side did to what it had: questions about a tree and the ancestor's half of it. An untracked entry counts as absent. */
import { type Entry, isSyncable, type Syncable, sameContent, sameNode } from '../tree/entry.ts';
import { isSameAtOnce, walk } from '../tree/walk.ts';
import { otherSide, type Side, type Sides } from './plan.ts';

/** The entry if it can be synced; what is untracked (or problematic) is nothing that could be. */
export function syncable(entry: Entry | undefined): Syncable | undefined {
  return isSyncable(entry) ? entry : undefined;
}

/**
 * Whether a tree is as it was, in all that can be synced: kinds, contents, permissions, at every depth. What could not be read is not held to have changed,
 * for nothing is known of it.
 */
export function isUnchanged(now: Entry | undefined, before: Entry | undefined): boolean {
  let unchanged = true;
  walk([now, before], (_path, [entry, was]) => {
    if (!unchanged || isSameAtOnce(entry, was) || entry?.kind === 'problematic') return false;
    unchanged = sameNode(syncable(entry), syncable(was));
    return unchanged;
  });
  return unchanged;
}

/**
 * Whether a tree holds something that its ancestor did not: a new entry, a new content, another kind. A deletion brings nothing, and neither does a change
 * of permissions, so either can give way without a loss.
 */
export function bringsContent(now: Entry | undefined, before: Entry | undefined): boolean {
  let brings = false;
  walk([now, before], (_path, [entry, was]) => {
    if (brings || !isSyncable(entry) || isSameAtOnce(entry, was)) return false;
    if (entry.kind === 'directory' && was?.kind === 'directory') return true;
    brings = !(entry.kind === 'file' && was?.kind === 'file' && sameContent(entry, was));
    return false;
  });
  return brings;
}

/**
 * Whether something is on this side alone, as both have accepted, and has at most become less since: there is nothing in it that the other side could want.
 * Of a directory: nothing in all of it.
 */
export function staysHeld(from: Side, before: Sides<Entry | undefined>, now: Sides<Entry | undefined>): boolean {
  const to = otherSide(from);
  if (isSyncable(now[to]) || isSyncable(before[to]) || !isSyncable(before[from])) return false;
  return !bringsContent(now[from], before[from]);
}

/** Whether two nodes that are not the same differ in permissions alone. */
export function differsInModeAlone(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a?.kind === 'file') return b?.kind === 'file' && sameContent(a, b);
  return a?.kind === 'directory' && b?.kind === 'directory';
}
