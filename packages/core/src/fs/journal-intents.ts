/**
 * What became of the changes that a process had set out to make when it was killed: each leaves something by which that can be told, also if somebody has
 * edited the path since.
 *
 * | change                    | it was made if                                                                            |
 * |---------------------------|-------------------------------------------------------------------------------------------|
 * | a content is put in place | its staged file has left the staging folder, or has its name in the tree already, too       |
 * | a file or link is removed | it is not there; or it was kept, or has moved, and what is there is another file            |
 * | a folder is removed       | it is not there                                                                           |
 * | a file is moved           | it is at the new place, or its old name has gone to the staging folder                      |
 * | a folder or link is moved | it is at the new place, or it is not at the old one; what is in the folder, if the folder was |
 * | a folder or link is made  | it is there; or something in the folder was made; or what it replaced was kept and is not there |
 *
 * In doubt a change was not made: then what is there is compared with what was agreed before. A change of permissions is not noted: what both sides have
 * is agreed, and whatever comes on top of it is merged by field.
 */
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import type { Transition } from '../engine/replica.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import type { Entry } from '../tree/entry.ts';
import { baseName, isWithin, parentPath, parseRelativePath, type RelativePath, rootPath } from '../tree/path.ts';
import { createHeldDirectories, type HeldDirectories } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import type { OpenedFolder } from './journal.ts';
import { nameBetween } from './transition-move.ts';

/** A change that is about to be made, and by what it can be told later whether it was. */
export interface Intent {
  /** What to remember if it was made. */
  readonly change: AncestorChange;
  /** Name of its content in the staging folder. */
  readonly staged?: string | undefined;
  /** Where its pre-image goes: run and name in the versions. */
  readonly kept?: string | undefined;
  /** Inode of the file that is to be removed or moved, where it is known. */
  readonly ino?: bigint | undefined;
  /** Where it moves from. */
  readonly from?: RelativePath | undefined;
  /** What its old name is called in the staging folder, once it has the new one. */
  readonly aside?: string | undefined;
  /** Of a removal: where what is there has moved to. */
  readonly to?: RelativePath | undefined;
}

/** Whether it can be told later at all that this change was made, and has to be. */
export function needsIntent({ old, new: next, from }: Transition, staged: string | undefined): boolean {
  return (
    staged !== undefined ||
    from !== undefined ||
    next === undefined ||
    next.kind === 'symlink' ||
    (next.kind === 'directory' && old?.kind !== 'directory')
  );
}

/** What the traces are looked for in. A folder that is missing holds none. */
export interface IntentPlace {
  readonly root: DiskDirectory;
  readonly staging: DiskDirectory | undefined;
  readonly versions: DiskDirectory | undefined;
  /** Which half of the pair's ancestor this replica is. */
  readonly half: 'alpha' | 'beta';
}

/** Those that were made, in order. Writes nothing. */
export function madeIntents(intents: readonly Intent[], place: IntentPlace): readonly Intent[] {
  const tree = createHeldDirectories(place.root);
  try {
    const made = new Set<Intent>();
    const moves = new Map(intents.flatMap((intent) => (intent.from === undefined ? [] : [[intent.change.path, intent] as const])));
    for (const intent of intents) {
      const { from, change } = intent;
      const folder = moves.get(parentPath(change.path) ?? rootPath);
      const isIn = from !== undefined && folder?.from !== undefined && folder.from === parentPath(from);
      if (wasMade(intent, place, tree, isIn ? made.has(folder) : undefined)) made.add(intent);
    }
    for (const intent of [...intents].reverse()) {
      const { path, ...halves } = intent.change;
      if (halves[place.half]?.kind !== 'directory') continue;
      if ([...made].some(({ change }) => change.path !== path && change[place.half] !== undefined && isWithin(change.path, path))) made.add(intent);
    }
    return intents.filter((intent) => made.has(intent));
  } finally {
    tree.release();
  }
}

/**
 * Takes the old names from files that have their new ones already. A file that is moved has two names for a moment; where it was edited before, the old one
 * would be taken for a file of its own.
 */
export function finishHalfDone(intents: readonly Intent[], { root }: IntentPlace): void {
  const tree = createHeldDirectories(root);
  try {
    for (const { change, from } of intents) {
      if (from === undefined) continue;
      const source = lookAt(from, tree);
      const target = lookAt(change.path, tree);
      if (source?.kind !== 'file' || target?.ino !== source.ino || source.links < 2 || !isListed(from, tree) || !isListed(change.path, tree))
        continue;
      atPath(from, tree, (directory, name) => directory.unlink(name));
    }
  } finally {
    tree.release();
  }
}

/** Gives folders that were opened up the modes back that they had, deepest first, unless they have others by now. */
export function closeFolders(folders: readonly OpenedFolder[], root: DiskDirectory): void {
  const tree = createHeldDirectories(root);
  try {
    for (const { path, mode } of [...folders].reverse()) {
      const stat = lookAt(path, tree);
      if (stat?.kind === 'directory' && stat.mode === (mode | 0o700)) atPath(path, tree, (directory, name) => directory.chmod(name, mode));
    }
  } finally {
    tree.release();
  }
}

/** To the letter: not only by another spelling that the file system takes for the same. */
function isListed(path: RelativePath, tree: HeldDirectories): boolean {
  return atPath(path, tree, (directory, name) => directory.list().some((listed) => listed.name === name)) === true;
}

/** `folderMade`: of what moves with its folder, whether that has moved. */
function wasMade(
  { change, staged, kept, ino, from, aside, to }: Intent,
  { staging, versions, half }: IntentPlace,
  tree: HeldDirectories,
  folderMade: boolean | undefined,
): boolean {
  const next: Entry | undefined = change[half];
  const target = lookAt(change.path, tree);
  if (staged !== undefined) {
    const left = staging?.lstat(staged);
    return left === undefined || left.ino === target?.ino;
  }
  if (from !== undefined) {
    if (lookAt(from, tree) === undefined) {
      if (aside !== undefined) return staging?.lstat(aside) !== undefined || (ino !== undefined && target?.ino === ino);
      return target !== undefined || (folderMade ?? !isOnTheWay(change.path, tree));
    }
    return target !== undefined && target.kind === next?.kind && (ino === undefined || target.ino === ino);
  }
  if (next === undefined) {
    if (target === undefined) return true;
    if (to !== undefined) return ino !== undefined && target.ino !== ino && lookAt(to, tree)?.ino === ino;
    return kept !== undefined && target.ino !== ino && isKept(kept, versions);
  }
  if (target !== undefined && ino !== undefined && target.ino !== ino && kept !== undefined && isKept(kept, versions)) return true;
  if (next.kind === 'symlink') return target?.kind === 'symlink' && targetOf(change.path, tree) === next.target;
  return target?.kind === next.kind;
}

/** Renamed to a name in between, because the file system takes the old and the new one for the same. */
function isOnTheWay(path: RelativePath, tree: HeldDirectories): boolean {
  return atPath(path, tree, (directory, name) => directory.lstat(nameBetween(name)) !== undefined) === true;
}

function isKept(kept: string, versions: DiskDirectory | undefined): boolean {
  const path = parseRelativePath(kept);
  if (versions === undefined || !path.ok) return false;
  const folders = createHeldDirectories(versions);
  try {
    return lookAt(path.value, folders) !== undefined;
  } finally {
    folders.release();
  }
}

function lookAt(path: RelativePath, tree: HeldDirectories): DiskStat | undefined {
  return atPath(path, tree, (directory, name) => directory.lstat(name));
}

function targetOf(path: RelativePath, tree: HeldDirectories): string | undefined {
  return atPath(path, tree, (directory, name) => directory.readlink(name));
}

/** `undefined` also where its folder is not there, or cannot be entered. */
function atPath<Found>(path: RelativePath, tree: HeldDirectories, look: (directory: DiskDirectory, name: string) => Found): Found | undefined {
  const name = baseName(path);
  if (name === undefined) return undefined;
  try {
    return look(tree.open(parentPath(path) ?? rootPath).directory, name);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
