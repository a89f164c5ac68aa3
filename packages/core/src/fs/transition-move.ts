/**
 * Moves what is there to a new name, content and all. As everywhere nothing is overwritten: a file gets its new name by a link, which fails where something has
 * appeared meanwhile, and loses the old one only if both names still lead to what was looked at. In between it has two names; a run that is killed there leaves a
 * copy that the next one removes. The old name is not removed at once but goes to the staging folder: as long as the journal does not know of the move, that
 * tells it from a file that its user has deleted. Where the disk cannot link, a rename does both after a last look.
 *
 * Where the new name is the old one for this file system (another case, another Unicode form) there is nothing in the way: it is renamed in place.
 */

import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { errnoError, isErrno } from '../engine/errno.ts';
import type { TransitionResult } from '../engine/replica.ts';
import type { File, Syncable } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import { afterCleaning, isWithoutLinks, unlinkIfThere } from './atomic-write.ts';
import { mtimeMsOf } from './transition-look.ts';
import { isSameContentState, makeChange, movedAway, putNew, readBack, recordOf, type Workshop } from './transition-make.ts';
import type { Place } from './transition-ways.ts';

export interface MoveJob {
  readonly source: Place;
  readonly target: Place;
  /** What was looked at. */
  readonly stat: DiskStat;
  readonly new: Syncable;
  /** Of a file: what its old name is to be called in the staging folder; the caller removes it. `undefined`: it is removed at once. */
  readonly aside: string | undefined;
}

/** Throws what the disk says, `EEXIST` where something is at the target; what was there is then where it was. */
export function moveEntry(job: MoveJob, shop: Workshop): TransitionResult {
  const { source, target, stat, new: next } = job;
  const from = source.parent.directory;
  const to = target.parent.directory;
  const there = to.lstat(target.name);
  if (there !== undefined) {
    if (!isAlias(job, there)) throw errnoError('EEXIST', target.path);
    renameInPlace(to, source.name, target.name);
  } else if (next.kind === 'symlink') {
    to.symlink(target.name, next.target);
    from.unlink(source.name);
  } else if (!(shop.withoutLinks ? rename(job) : link(job, shop))) return movedAway;
  shop.known.delete(source.path);
  const lookedAtMs = shop.nowMs();
  const made = to.lstat(target.name);
  if (made === undefined || (next.kind !== 'symlink' && made.sizeBytes !== stat.sizeBytes)) return movedAway;
  const result = arrived(target, next, { made, lookedAtMs }, shop);
  // Written in this very moment: what is in it is for the next scan to read.
  if (!isSameContentState(made, stat)) shop.known.delete(target.path);
  return result;
}

/** What moved is at its new place: it gets the mode that it is to have there, and is known from now on. */
export function arrived(
  { path, parent, name }: Place,
  next: Syncable,
  { made, lookedAtMs }: { readonly made: DiskStat; readonly lookedAtMs: number },
  shop: Workshop,
): TransitionResult {
  if (next.kind === 'symlink') return { achieved: next };
  const mask = shop.masks.at(path, next.kind === 'directory' ? 'directory' : 'other');
  const now: Syncable = { ...next, mode: maskMode(made.mode, mask) };
  if (now.mode !== next.mode)
    return makeChange({ path, old: now, new: next, parent, name, stat: made, content: undefined, version: undefined, onTheWay: false }, shop);
  if (next.kind === 'directory') return { achieved: readBack({ kind: 'directory', mode: next.mode, children: [] }, made, mask) };
  shop.known.set(path, recordOf(made, next), lookedAtMs);
  const file: File = { ...next, mtimeMs: mtimeMsOf(made) };
  return { achieved: file };
}

/** Whether the target's name leads to the source because the file system takes the two names for one. */
export function isAlias({ source, target, stat }: Pick<MoveJob, 'source' | 'target' | 'stat'>, there: DiskStat): boolean {
  const [from, to] = [source.parent.directory.identity, target.parent.directory.identity];
  return (
    there.ino === stat.ino && there.kind === stat.kind && from.dev === to.dev && from.ino === to.ino && !hasName(source.parent.directory, target.name)
  );
}

/** Most file systems take the new spelling at once. Linux does nothing where both names lead to one file: there it goes by a name in between. */
export function renameInPlace(directory: DiskDirectory, from: string, to: string): void {
  directory.rename(from, directory, to);
  if (hasName(directory, to)) return;
  const between = nameBetween(to);
  if (directory.lstat(between) !== undefined) throw errnoError('EEXIST', between);
  directory.rename(from, directory, between);
  directory.rename(between, directory, to);
}

/** What a file is called on its way from one spelling of its name to another. */
export function nameBetween(name: string): string {
  return `${name.slice(0, 80)}.ubos-sync-renamed`;
}

/** To the letter. */
export function hasName(directory: DiskDirectory, name: string): boolean {
  return directory.list().some((listed) => listed.name === name);
}

function link(job: MoveJob, shop: Workshop): boolean {
  const { source, target, stat } = job;
  const [from, to] = [source.parent.directory, target.parent.directory];
  try {
    from.link(source.name, to, target.name);
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return copy(job, shop);
    if (!isWithoutLinks(error)) throw error;
    return rename(job);
  }
  if (isSameContentState(to.lstat(target.name), stat) && isSameContentState(from.lstat(source.name), stat)) {
    try {
      putAside(job, shop);
    } catch (error) {
      // Under two names the one would be taken for a file of its own.
      throw afterCleaning(error, () => to.unlink(target.name));
    }
    return true;
  }
  to.unlink(target.name);
  return false;
}

function putAside({ source, aside }: MoveJob, { staging }: Workshop): void {
  const from = source.parent.directory;
  try {
    if (aside === undefined) from.unlink(source.name);
    else from.rename(source.name, staging, aside);
  } catch (error) {
    if (!isErrno(error, 'EXDEV')) throw error;
    from.unlink(source.name);
  }
}

function rename({ source, target, stat }: MoveJob): boolean {
  const [from, to] = [source.parent.directory, target.parent.directory];
  from.rename(source.name, to, target.name);
  if (isSameContentState(to.lstat(target.name), stat)) return true;
  if (from.lstat(source.name) === undefined) to.rename(target.name, from, source.name);
  return false;
}

/** Another mount of the same file system lies between the two folders. */
function copy({ source, target, stat }: MoveJob, shop: Workshop): boolean {
  const [from, to] = [source.parent.directory, target.parent.directory];
  const temp = shop.tempName();
  unlinkIfThere(shop.staging, temp);
  from.copyFile(source.name, shop.staging, temp);
  try {
    if (!isSameContentState(from.lstat(source.name), stat)) return false;
    const file = shop.staging.openFile(temp, 'write');
    try {
      file.setTimes(mtimeMsOf(stat));
    } finally {
      file.close();
    }
    putNew(shop.staging, temp, to, target.name, shop);
    if (isSameContentState(from.lstat(source.name), stat)) from.unlink(source.name);
    return true;
  } finally {
    unlinkIfThere(shop.staging, temp);
  }
}
