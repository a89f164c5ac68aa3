import type { ScanSettings } from '../engine/settings.ts';
import type { Scope } from '../scope/scope.ts';
import { parseName } from '../tree/name.ts';
import { joinPath, type RelativePath } from '../tree/path.ts';
import type { HeldDirectories } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';

/**
 * Why a folder that was to go is not empty. `in-scope`: something came into it since the scan, so the plan does not hold any more.
 * `untracked`: what is left (at any depth) takes part in no sync, and the folder stays for it. Folders out of scope are not entered.
 */
export function whyNotEmpty(
  path: RelativePath,
  tree: HeldDirectories,
  { scope, settings }: { readonly scope: Scope; readonly settings: ScanSettings },
): 'in-scope' | 'untracked' {
  const pending: RelativePath[] = [path];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    let listing;
    try {
      listing = tree.open(folder).directory.list();
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
      } else if (kind === 'file' || (kind === 'symlink' && settings.symlinks !== 'ignore')) {
        if (scope.includes(child, 'other')) return 'in-scope';
      }
    }
  }
  return 'untracked';
}
