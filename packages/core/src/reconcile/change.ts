import type { Entry } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';

/**
 * A difference at one path: what is there (`old`) and what is to be there (`new`).
 *
 * A change concerns one node only. Where `old` or `new` is a directory, it stands for the directory by itself; its children,
 * if the entry carries any, are not part of the change but have changes of their own. Creating a directory with two files is three changes.
 *
 * Lists of changes are in the order in which they can be made: a directory is created before, and removed after, what is in it.
 */
export interface Change {
  readonly path: RelativePath;
  readonly old: Entry | undefined;
  readonly new: Entry | undefined;
}
