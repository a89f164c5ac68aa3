/**
 * Editing: a tree and a flat list of nodes give a new tree. What the list does not touch is kept by reference.
 *
 * To set a node is one of three things. *Nothing* removes what is there with all below it. A *directory over a directory* keeps the children and
 * takes the rest. *Anything else* takes the place of what was there; a directory comes empty, whatever children the given entry carries.
 * The list is taken in order, so a directory can be made, filled and removed again in one list.
 *
 * Touched directories are opened once, as drafts whose children are in a map, and closed at the end: a list that creates 100,000 files in one
 * directory sorts it once. Costs changes times depth (times one for neighbours), plus the siblings of what is touched.
 */
import type { Parsed } from '../util/parsed.ts';
import { type Child, type Directory, type Entry, isIdenticalNode } from './entry.ts';
import { compareNames, type Name } from './name.ts';
import type { NodeAt } from './node-table.ts';
import { baseName, parentPath, pathNames, type RelativePath } from './path.ts';

/** Sets nodes in a tree that we trust: what would lie in no directory is left out. */
export function setNodes(tree: Entry | undefined, nodes: readonly NodeAt[]): Entry | undefined {
  const draft = openTree(tree);
  for (const { path, entry } of nodes) draft.set(path, entry);
  return draft.close();
}

/** The same for nodes from outside: a node that would lie in no directory refuses the whole list. */
export function parseNodes(tree: Entry | undefined, nodes: readonly NodeAt[]): Parsed<Entry | undefined> {
  const draft = openTree(tree);
  for (const { path, entry } of nodes) {
    if (!draft.set(path, entry) && entry !== undefined) return { ok: false, error: `${JSON.stringify(path)} lies in no directory` };
  }
  return { ok: true, value: draft.close() };
}

/** A tree being edited. */
export interface TreeDraft {
  /** `false`: there is no directory to hold it, so nothing was done. */
  set(path: RelativePath, entry: Entry | undefined): boolean;
  /** The tree as it is now. The draft is not to be used any more. */
  close(): Entry | undefined;
}

export function openTree(tree: Entry | undefined): TreeDraft {
  // The root is the one child of a directory above it, so that it needs no case of its own.
  const above = openDirectory({ kind: 'directory', mode: 0, children: tree === undefined ? [] : [{ name: rootName, entry: tree }] }, undefined);
  /** Open directories by path; all of them are still in the tree. */
  const open = new Map<RelativePath, Draft>();

  const parentOf = (path: RelativePath): Draft | undefined => {
    const parent = parentPath(path);
    if (parent === undefined) return above;
    const known = open.get(parent);
    if (known !== undefined) return known;
    let at = openChild(above, rootName);
    for (const name of pathNames(parent)) {
      if (at === undefined) return undefined;
      at = openChild(at, name);
    }
    if (at !== undefined) open.set(parent, at);
    return at;
  };

  return {
    set(path, entry) {
      const parent = parentOf(path);
      if (parent === undefined) return false;
      const children = childMap(parent);
      const name = baseName(path) ?? rootName;
      const found = children.get(name);
      if (isDraft(found)) {
        if (entry?.kind === 'directory') {
          if (isIdenticalNode(found.base, entry)) return true;
          found.base = directoryWith(entry, found.base.children);
          touch(found);
          return true;
        }
        forget(found, path);
      }
      const next = nodeOver(isDraft(found) ? undefined : found, entry);
      if (next === found) return true;
      if (next === undefined) children.delete(name);
      else children.set(name, next);
      if (found === undefined) parent.grew = true;
      touch(parent);
      return true;
    },
    close: () => closeAll(above),
  };

  function forget(draft: Draft, path: RelativePath): void {
    // What was open below an empty directory has been forgotten before.
    if (draft.children === undefined || draft.children.size === 0) open.delete(path);
    else open.clear();
  }
}

/** An open directory. */
interface Draft {
  readonly kind?: undefined;
  /** Mode and flag as they are now, and the children as they were. */
  base: Directory;
  readonly parent: Draft | undefined;
  /** Something in it or below is not as it was. */
  changed: boolean;
  /** Made when first needed. */
  children: Map<Name, Entry | Draft> | undefined;
  /** A name was added: the map is not in order any more. */
  grew: boolean;
}

const rootName = '' as Name;

function openDirectory(base: Directory, parent: Draft | undefined): Draft {
  return { base, parent, changed: false, children: undefined, grew: false };
}

function isDraft(item: Entry | Draft | undefined): item is Draft {
  return item !== undefined && item.kind === undefined;
}

function childMap(draft: Draft): Map<Name, Entry | Draft> {
  if (draft.children === undefined) {
    draft.children = new Map();
    for (const { name, entry } of draft.base.children) draft.children.set(name, entry);
  }
  return draft.children;
}

function openChild(draft: Draft, name: Name): Draft | undefined {
  const children = childMap(draft);
  const found = children.get(name);
  if (isDraft(found)) return found;
  if (found?.kind !== 'directory') return undefined;
  const opened = openDirectory(found, draft);
  children.set(name, opened);
  return opened;
}

function touch(draft: Draft): void {
  for (let at: Draft | undefined = draft; at !== undefined && !at.changed; at = at.parent) at.changed = true;
}

/** What is there after `next` was set where `found` was; `found` itself if that is the same. */
function nodeOver(found: Entry | undefined, next: Entry | undefined): Entry | undefined {
  if (next?.kind === 'directory') {
    if (found?.kind !== 'directory') return directoryWith(next, []);
    return isIdenticalNode(found, next) ? found : directoryWith(next, found.children);
  }
  return isIdenticalNode(found, next) ? found : next;
}

/** The directory with these children; without a Merkle digest, for it is not what it was. */
function directoryWith({ mode, hasUntracked }: Directory, children: readonly Child[]): Directory {
  return hasUntracked ? { kind: 'directory', mode, children, hasUntracked } : { kind: 'directory', mode, children };
}

/** Closes all open directories, the deepest first. */
function closeAll(above: Draft): Entry | undefined {
  const drafts: Draft[] = [above];
  for (let index = 0; index < drafts.length; index++) {
    const { children } = drafts[index] as Draft;
    if (children !== undefined) for (const child of children.values()) if (isDraft(child)) drafts.push(child);
  }
  const closed = new Map<Draft, Directory>();
  for (let index = drafts.length - 1; index >= 0; index--) {
    const draft = drafts[index] as Draft;
    closed.set(draft, draft.changed ? closeOne(draft, closed) : draft.base);
  }
  return closed.get(above)?.children[0]?.entry;
}

function closeOne({ base, children, grew }: Draft, closed: ReadonlyMap<Draft, Directory>): Directory {
  if (children === undefined) return base;
  const list: Child[] = [];
  for (const [name, child] of children) {
    const entry = isDraft(child) ? closed.get(child) : child;
    if (entry !== undefined) list.push({ name, entry });
  }
  if (grew) list.sort((a, b) => compareNames(a.name, b.name));
  return directoryWith(base, list);
}
