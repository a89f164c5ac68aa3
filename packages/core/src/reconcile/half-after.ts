import { type Entry, sameNode } from '../tree/entry.ts';
import type { Change } from './change.ts';

/**
 * What a side's half of the ancestor is to hold once a change was made there: what was achieved. But where something moved that is still different from what the
 * other side has, its half of the ancestor moves along as it was. So an edit that it brought along is still an edit, and a run that breaks off here goes on from there.
 */
export function halfAfter({ from, new: next, peer }: Change & { readonly peer: Entry | undefined }, achieved: Entry | undefined): Entry | undefined {
  return from !== undefined && !sameNode(next, peer) ? from.was : achieved;
}
