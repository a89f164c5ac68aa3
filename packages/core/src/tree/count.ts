import type { Entry } from './entry.ts';
import { childrenOf } from './walk.ts';

export interface TreeCount {
  readonly directories: number;
  readonly files: number;
  readonly symlinks: number;
  /** Content of all files. */
  readonly bytes: number;
}

/** What is in a tree, its root included. Untracked and problematic entries are not counted. */
export function countTree(tree: Entry | undefined): TreeCount {
  let directories = 0;
  let files = 0;
  let symlinks = 0;
  let bytes = 0;
  const rest: Entry[] = tree === undefined ? [] : [tree];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (next.kind === 'directory') directories++;
    else if (next.kind === 'symlink') symlinks++;
    else if (next.kind === 'file') {
      files++;
      bytes += next.sizeBytes;
    }
    for (const { entry } of childrenOf(next)) rest.push(entry);
  }
  return { directories, files, symlinks, bytes };
}
