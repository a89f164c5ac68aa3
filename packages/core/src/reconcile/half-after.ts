import { type Entry, sameNode } from '../tree/entry.ts';
import type { Change } from './change.ts';
import { differsInModeAlone } from './compare.ts';

/**
 * What a side's half of the ancestor is to hold once a change was made there: what was achieved. But where something moved that is still different from what the
 * other side has, its half of the ancestor moves along as it was. So an edit that it brought along is still an edit, and a run that breaks off here goes on from there.
 * `isDone`: nothing more is planned here. Then permissions that differ are held, and need no second look.
 */
export function halfAfter(
  { from, new: next, peer }: Change & { readonly peer: Entry | undefined },
  achieved: Entry | undefined,
  isDone = false,
): Entry | undefined {
  if (from === undefined || sameNode(next, peer)) return achieved;
  return isDone && differsInModeAlone(next, peer) ? achieved : from.was;
}
