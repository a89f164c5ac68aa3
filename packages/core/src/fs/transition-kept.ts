import type { DiskDirectory, DiskListing } from '../engine/disk.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { Scope } from '../scope/scope.ts';
import { parseName } from '../tree/name.ts';
import { joinPath, type RelativePath } from '../tree/path.ts';
import type { HeldDirectories } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import { isPortableLink } from './scan-link.ts';

/**
 * Why a folder that was to go is not empty. `in-scope`: something came into it since the scan, so the plan does not hold any more.
 * `untracked`: what is left (at any depth) takes part in no sync, and the folder stays for it. Folders out of scope are not entered.
 */
export function whyNotEmpty(
  path: RelativePath,
  tree: HeldDirectories,
  { scope, symlinks }: { readonly scope: Scope; readonly symlinks: SymlinkMode },
): 'in-scope' | 'untracked' {
  const pending: RelativePath[] = [path];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    let directory: DiskDirectory;
    let listing: readonly DiskListing[];
    try {
      ({ directory } = tree.open(folder));
      listing = directory.list();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      // Another file system, or no permission to look: nothing that a scan would have listed either.
      continue;
    }
    for (const { name: text, kind } of listing) {
      const name = text === undefined ? undefined : parseName(text);
      if (name?.ok !== true) continue;
      const child = joinPath(folder, name.value);
      if (kind === 'directory') {
        if (scope.includes(child, 'directory') || scope.enters(child)) pending.push(child);
      } else if (kind === 'file' || (kind === 'symlink' && isCarried(child, directory.readlink(name.value), symlinks))) {
        if (scope.includes(child, 'other')) return 'in-scope';
      }
    }
  }
  return 'untracked';
}

/** Whether a link at this path takes part, by what the pair says of links. */
export function isCarried(path: RelativePath, target: string, symlinks: SymlinkMode): boolean {
  switch (symlinks) {
    case 'raw':
      return true;
    case 'ignore':
      return false;
    case 'portable':
      return isPortableLink(target, path.split('/').length - 1);
  }
}
