import type { DiskDirectory } from '../engine/disk.ts';
import type { Digest } from '../hash/digest.ts';
import type { Entry, File } from '../tree/entry.ts';
import { joinPath, type RelativePath, rootPath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import { contentName } from './content-name.ts';

/** For each content that is looked for, the first file of a tree that has it. Costs a look at every entry, and a path only for what is found. */
export function findHolders(tree: Entry | undefined, wanted: ReadonlySet<Digest>): Map<Digest, RelativePath> {
  const holders = new Map<Digest, RelativePath>();
  if (wanted.size === 0) return holders;
  const pending: { readonly path: RelativePath; readonly entry: Entry }[] = tree === undefined ? [] : [{ path: rootPath, entry: tree }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.entry.kind !== 'directory') continue;
    for (const { name, entry } of next.entry.children) {
      if (entry.kind === 'directory') pending.push({ path: joinPath(next.path, name), entry });
      else if (entry.kind === 'file' && wanted.has(entry.digest) && !holders.has(entry.digest)) holders.set(entry.digest, joinPath(next.path, name));
    }
  }
  return holders;
}

/**
 * Whether staging would find a content here, as far as names tell: in folders of contents, or in the tree, whose contents are listed when they are first
 * asked for.
 */
export function holdsContents(tree: Entry | undefined, folders: readonly (DiskDirectory | undefined)[]): (content: File) => boolean {
  let inTree: Set<Digest> | undefined;
  return ({ digest, sizeBytes }) => {
    const name = contentName(digest, sizeBytes);
    if (sizeBytes === 0 || folders.some((folder) => folder?.lstat(name)?.sizeBytes === sizeBytes)) return true;
    if (inTree === undefined) {
      const digests = new Set<Digest>();
      walk([tree], (_, [entry]) => {
        if (entry?.kind === 'file') digests.add(entry.digest);
        return true;
      });
      inTree = digests;
    }
    return inTree.has(digest);
  };
}
