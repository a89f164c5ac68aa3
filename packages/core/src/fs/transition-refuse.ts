/** What no plan may change here, whoever made it: what is out of scope, what is not synced, and what has no folder to lie in. */
import type { ContentFailure, Transition } from '../engine/replica.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { Scope } from '../scope/scope.ts';
import { isSyncable } from '../tree/entry.ts';
import { isWithin, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { isCarried } from './transition-kept.ts';

/** Scope and guards hold here, too, whoever made the plan. Nothing but what can be made is made. */
export function refuse(
  change: Transition,
  { scope, symlinks }: { readonly scope: Scope; readonly symlinks: SymlinkMode },
): ContentFailure | undefined {
  const { path, old, new: next, from } = change;
  const outside: ContentFailure = { code: 'SYNC_OUT_OF_SCOPE', message: `${path} is out of scope here` };
  if (path === rootPath) return { code: 'SYNC_OUT_OF_SCOPE', message: 'the root itself is never changed' };
  for (const entry of [old, next]) {
    if (entry === undefined) continue;
    if (!isSyncable(entry)) return { code: 'SYNC_OUT_OF_SCOPE', message: `${path}: a ${entry.kind} entry is left alone` };
    if (!scope.includes(path, entry.kind === 'directory' ? 'directory' : 'other') && !isOnTheWay(change, scope)) return outside;
  }
  if (from !== undefined) {
    if (from.path === rootPath || !scope.includes(from.path, from.entry.kind === 'directory' ? 'directory' : 'other'))
      return { code: 'SYNC_OUT_OF_SCOPE', message: `${from.path} is out of scope here` };
    if (old !== undefined || next?.kind !== from.entry.kind || isWithin(path, from.path))
      return { code: 'SYNC_OUT_OF_SCOPE', message: `${from.path} cannot become ${path}` };
  }
  for (const entry of [old, next]) {
    if (entry?.kind === 'symlink' && !isCarried(path, entry.target, symlinks))
      return { code: 'SYNC_OUT_OF_SCOPE', message: `${path}: such a link is left alone` };
  }
  return undefined;
}

/** A folder above an include path: made when it is missing, and never touched again. */
export function isOnTheWay({ path, old, new: next }: Transition, scope: Scope): boolean {
  return old === undefined && next?.kind === 'directory' && !scope.includes(path, 'directory') && scope.enters(path);
}

export function belowFailed(path: RelativePath, failed: ReadonlySet<RelativePath>): ContentFailure | undefined {
  if (failed.size === 0) return undefined;
  for (let above = parentPath(path); above !== undefined; above = parentPath(above)) {
    if (failed.has(above)) return { code: 'SYNC_TARGET_OCCUPIED', message: `${path}: its folder ${above} could not be made` };
  }
  return undefined;
}
