import type { Directory, Entry } from './entry.ts';
import { compareNames, type Name } from './name.ts';
import { baseName, parentPath, pathNames, type RelativePath, rootPath } from './path.ts';

/** What a tree holds at a path; `undefined`: nothing. Costs depth times the logarithm of the siblings. */
export function entryAt(tree: Entry | undefined, path: RelativePath): Entry | undefined {
  let at = tree;
  for (const name of pathNames(path)) {
    if (at?.kind !== 'directory') return undefined;
    at = childNamed(at, name);
  }
  return at;
}

/** What a tree holds at a path, for many paths: the folders on the way are found once, so that depth costs nothing more. */
export type Lookup = (path: RelativePath) => Entry | undefined;

export function createLookup(tree: Entry | undefined): Lookup {
  const folders = new Map<RelativePath, Entry | undefined>([[rootPath, tree]]);
  return (path) => {
    const parent = parentPath(path);
    const name = baseName(path);
    if (parent === undefined || name === undefined) return tree;
    const missing: RelativePath[] = [];
    for (let at: RelativePath | undefined = parent; at !== undefined && !folders.has(at); at = parentPath(at)) missing.push(at);
    for (let at = missing.pop(); at !== undefined; at = missing.pop())
      folders.set(at, childOf(folders.get(parentPath(at) ?? rootPath), baseName(at)));
    return childOf(folders.get(parent), name);
  };
}

function childOf(folder: Entry | undefined, name: Name | undefined): Entry | undefined {
  return folder?.kind === 'directory' && name !== undefined ? childNamed(folder, name) : undefined;
}

/** What a directory holds under a name, by binary search. */
export function childNamed({ children }: Directory, name: Name): Entry | undefined {
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const child = children[middle];
    const order = child === undefined ? 0 : compareNames(child.name, name);
    if (order === 0) return child?.entry;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return undefined;
}
