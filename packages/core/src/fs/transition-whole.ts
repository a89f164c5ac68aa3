/** A folder that may move as one: what it holds is just what is to move with it. */
import type { Transition } from '../engine/replica.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import { maskMode } from '../tree/mode.ts';
import { parseName } from '../tree/name.ts';
import { isWithin, joinPath, type RelativePath } from '../tree/path.ts';
import type { HeldDirectories } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import { isUntouched } from './transition-look.ts';
import type { KnownFiles } from './transition-make.ts';

/** The changes that move a folder and what is in it: from `index` on, as long as they lead from within the one to the same place within the other. */
export function movingWith(changes: readonly Transition[], index: number): readonly Transition[] | undefined {
  const first = changes[index];
  if (first?.from === undefined) return undefined;
  const moving: Transition[] = [first];
  for (let next = changes[index + moving.length]; next?.from !== undefined; next = changes[index + moving.length]) {
    if (!isWithin(next.path, first.path) || next.from.path !== `${first.from.path}${next.path.slice(first.path.length)}`) break;
    moving.push(next);
  }
  return moving;
}

/**
 * Whether a folder holds what these changes move, untouched since it was scanned, and nothing else whatever: nothing new, nothing out of scope. Costs a listing
 * of each folder in it and a look at each entry. What comes into it between this and the rename moves along, as it would if a user had renamed the folder.
 */
export function holdsJust(
  folder: RelativePath,
  moving: readonly Transition[],
  { way, known, masks }: { readonly way: HeldDirectories; readonly known: KnownFiles; readonly masks: PermissionMasks },
): boolean {
  const expected = new Map(moving.flatMap(({ from }) => (from === undefined ? [] : [[from.path, from.entry]])));
  let found = 1;
  try {
    const pending: RelativePath[] = [folder];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const { directory } = way.open(at);
      for (const { name: text } of directory.list()) {
        const name = text === undefined ? undefined : parseName(text);
        if (name?.ok !== true) return false;
        const path = joinPath(at, name.value);
        const entry = expected.get(path);
        const stat = directory.lstat(name.value);
        if (entry === undefined || stat?.kind !== entry.kind) return false;
        if (entry.kind === 'directory') {
          if (maskMode(stat.mode, masks.at(path, 'directory')) !== entry.mode) return false;
          pending.push(path);
        } else if (entry.kind === 'symlink') {
          if (directory.readlink(name.value) !== entry.target) return false;
        } else {
          const record = known.get(path);
          if (record === undefined || !isUntouched(stat, record) || record.digest !== entry.digest) return false;
        }
        found++;
      }
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
  return found === expected.size;
}
