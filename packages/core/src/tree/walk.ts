/**
 * Walking several trees at once: at each path, what each of them holds there.
 *
 * Siblings are sorted the same way everywhere, so one pass over the children of n directories side by side (a merge join) brings equal names
 * together. Nothing here recurses: a tree may be deeper than the call stack.
 */
import { type Child, type Entry, sameNode } from './entry.ts';
import { compareNames, type Name } from './name.ts';
import { joinPath, type RelativePath, rootPath } from './path.ts';

/** One place in each of n trees, in the order of the trees. `undefined`: nothing there. */
export type Places = readonly (Entry | undefined)[];

/**
 * Visits every path that is there in at least one of the trees, in walk order: a directory before what is in it, siblings by `compareNames`.
 * `visit` says whether to go on below; below a path that is a directory in none of the trees there is nothing. `at`: the path of the trees themselves.
 * Costs the number of entries visited times the number of trees.
 */
export function walk(trees: Places, visit: (path: RelativePath, places: Places) => boolean, at: RelativePath = rootPath): void {
  if (trees.every((tree) => tree === undefined)) return;
  const rest: { readonly path: RelativePath; readonly places: Places }[] = [{ path: at, places: trees }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { path, places } = next;
    if (!visit(path, places)) continue;
    const first = rest.length;
    joinChildren(places, (name, below) => void rest.push({ path: joinPath(path, name), places: below }));
    reverseFrom(rest, first);
  }
}

/** Visits the names that are in at least one of these directories, in order, with what each holds under that name. What is no directory holds nothing. */
export function joinChildren(places: Places, visit: (name: Name, below: Places) => void): void {
  const lists = places.map(childrenOf);
  const heads = lists.map(() => 0);
  for (;;) {
    let least: Name | undefined;
    for (let tree = 0; tree < lists.length; tree++) {
      const name = lists[tree]?.[heads[tree] as number]?.name;
      if (name !== undefined && (least === undefined || compareNames(name, least) < 0)) least = name;
    }
    if (least === undefined) return;
    const below: (Entry | undefined)[] = [];
    for (let tree = 0; tree < lists.length; tree++) {
      const child = lists[tree]?.[heads[tree] as number];
      if (child?.name === least) {
        below.push(child.entry);
        heads[tree] = (heads[tree] as number) + 1;
      } else below.push(undefined);
    }
    visit(least, below);
  }
}

export function childrenOf(entry: Entry | undefined): readonly Child[] {
  return entry?.kind === 'directory' ? entry.children : noChildren;
}

const noChildren: readonly Child[] = [];

/**
 * Whether two entries are the same with all that is below, as far as that can be told without looking below: the same object, the same file or link, or
 * directories with equal Merkle digests. `false` means unknown. Times, and what is not synced (`hasUntracked`), are not compared.
 */
export function isSameAtOnce(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (a.kind === 'directory') return b.kind === 'directory' && a.merkle !== undefined && a.merkle === b.merkle;
  return (a.kind === 'file' || a.kind === 'symlink') && sameNode(a, b);
}

/** Turns the end of a list round, in place: what was pushed in order is popped in order. */
export function reverseFrom(list: unknown[], first: number): void {
  for (let left = first, right = list.length - 1; left < right; left++, right--) {
    const held = list[left];
    list[left] = list[right];
    list[right] = held;
  }
}
