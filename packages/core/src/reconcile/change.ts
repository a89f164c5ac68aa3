import type { Entry, Syncable } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';

/**
 * A difference at one path: what is there (`old`) and what is to be there (`new`).
 *
 * A change concerns one node only. Where `old` or `new` is a directory, it stands for the directory by itself; its children,
 * if the entry carries any, are not part of the change but have changes of their own. Creating a directory with two files is three changes.
 *
 * A move is two changes that name each other: a creation that takes its entry `from` another path, and later the deletion there, which says where it
 * went `to`. A directory that moves with all that is in it is as many pairs as it has nodes.
 *
 * Lists of changes are in the order in which they can be made: a directory is created before, and removed after, what is in it, and what moves is created
 * before it is deleted.
 */
export interface Change {
  readonly path: RelativePath;
  readonly old: Entry | undefined;
  readonly new: Entry | undefined;
  /** Of a creation: what is there now under another name, with that content. Only `new` says which mode it is to have. */
  readonly from?: MoveSource | undefined;
  /** Of a deletion: where it moved. If it did not, it stays where it is. */
  readonly to?: RelativePath | undefined;
}

export interface MoveSource {
  readonly path: RelativePath;
  /** What is there: the node by itself. */
  readonly entry: Syncable;
  /** What this side's half of the ancestor has there. */
  readonly was: Entry | undefined;
}
