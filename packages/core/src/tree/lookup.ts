import type { Directory, Entry } from './entry.ts';
import { compareNames, type Name } from './name.ts';
import { pathNames, type RelativePath } from './path.ts';

/** What a tree holds at a path; `undefined`: nothing. Costs depth times the logarithm of the siblings. */
export function entryAt(tree: Entry | undefined, path: RelativePath): Entry | undefined {
  let at = tree;
  for (const name of pathNames(path)) {
    if (at?.kind !== 'directory') return undefined;
    at = childNamed(at, name);
  }
  return at;
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
