/**
 * The moves of a batch: files and links one by one, a folder as a whole where it holds just what is to move with it, else by its parts. How one file gets
 * another name is in `transition-move.ts`.
 */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import type { ContentFailure, Transition, TransitionResult } from '../engine/replica.ts';
import type { MoveSource } from '../reconcile/change.ts';
import { foldName } from '../scope/fold.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { File, Syncable } from '../tree/entry.ts';
import { parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { unlinkIfThere } from './atomic-write.ts';
import type { Hashing } from './hasher.ts';
import { errnoOf, ioFailure } from './io-failure.ts';
import type { Slices } from './slices.ts';
import type { Failures } from './transition-failed.ts';
import { isUntouched, look, readTouched, type Target } from './transition-look.ts';
import { isSameContentState, recordOf, type Workshop } from './transition-make.ts';
import { arrived, hasName, isAlias, moveEntry, renameInPlace } from './transition-move.ts';
import type { Ways } from './transition-ways.ts';
import { holdsJust, movingWith } from './transition-whole.ts';

export interface Moves {
  /** The name that the old name of a file is to have in the staging folder once it is moved, for its intent; `undefined`: it gets none. */
  nameAside(change: Transition, index: number): string | undefined;
  /** Makes the creation half of a move. `by parts`: the folder is to be made, and what is in it moves by changes of its own. */
  move(change: Transition, from: MoveSource, index: number): TransitionResult | Promise<TransitionResult> | 'by parts';
  /** Whether what was to move is not there any more; what is there under the same name for the disk alone is what moved. */
  hasGone(change: Transition, to: RelativePath): boolean;
  /** The journal knows of all moves so far. */
  forgetOldNames(): void;
}

export interface MovesPlace {
  readonly staging: DiskDirectory;
  readonly tempName: () => string;
  readonly masks: PermissionMasks;
  readonly hashing: Hashing;
  readonly clock: Clock;
  readonly slices: Slices;
  readonly shop: Workshop;
  readonly ways: Ways;
  readonly failures: Failures;
  /** Whether a change may be made at all. */
  readonly isRefused: (change: Transition) => boolean;
  /** Takes the folders in which something was changed. */
  readonly touched: Set<RelativePath>;
}

/** Of a file that was moved: what its old name is called in the staging folder, and what was looked at before. */
interface OldName {
  readonly aside: string;
  readonly stat: DiskStat;
  readonly file: File;
}

/** `all`: the batch, in its order. */
export function createMoves(all: readonly Transition[], place: MovesPlace): Moves {
  const { masks, shop, ways, failures, touched } = place;
  const { known } = shop;
  /** New paths of what came along with its folder. */
  const along = new Set<RelativePath>();
  /** Names in the staging folder: of files that are to be moved, by position; of those that were, by where they are now. */
  const asideNames = new Map<number, string>();
  const oldNames = new Map<RelativePath, OldName>();
  const movedFolders = new Map(
    all.flatMap(({ path, from, new: next }) => (from !== undefined && next?.kind === 'directory' ? [[path, from.path] as const] : [])),
  );

  return {
    nameAside(change, index) {
      const aside = isMovedAlone(change) ? unusedName() : undefined;
      if (aside !== undefined) asideNames.set(index, aside);
      return aside;
    },

    move,
    hasGone,

    forgetOldNames() {
      try {
        for (const [path, old] of oldNames) forgetOldName(path, old);
      } catch (error) {
        // What is left there goes with the next run that stages something.
        if (errnoOf(error) === undefined) throw error;
      } finally {
        oldNames.clear();
        ways.tree.release();
      }
    },
  };

  function move(change: Transition, from: MoveSource, index: number): TransitionResult | Promise<TransitionResult> | 'by parts' {
    if (along.delete(change.path)) return settleAlong(change, from);
    const source = ways.reach(from.path, ways.sources);
    const seen = look(from.entry, source, (stat) => ways.modeOf(from.path, stat));
    if (seen.verdict === 'other' || seen.stat === undefined) return failures.failed(change, changedSource(from));
    if (from.entry.kind === 'directory') {
      return moveWhole(index, seen.stat) ? settleAlong(change, from) : 'by parts';
    }
    const aside = asideNames.get(index);
    return seen.verdict === 'touched' ? moveTouched(change, from, source, seen.stat, aside) : moveSeen(change, from, seen.stat, aside);
  }

  async function moveTouched(
    change: Transition,
    from: MoveSource,
    source: Target,
    stat: DiskStat,
    aside: string | undefined,
  ): Promise<TransitionResult> {
    const { entry } = from;
    if (entry.kind !== 'file') throw new TypeError('only a file is read');
    try {
      if (await readTouched(source, { stat, digest: entry.digest }, { hashing: place.hashing, slices: place.slices }))
        return moveSeen(change, from, stat, aside);
    } catch (error) {
      return failures.failed(change, ioFailure(error, `read ${from.path}`));
    }
    return failures.failed(change, changedSource(from));
  }

  function moveSeen(change: Transition, from: MoveSource, stat: DiskStat, aside: string | undefined): TransitionResult {
    try {
      const source = ways.placeOf(from.path, ways.sources);
      const target = ways.placeOf(change.path);
      if (aside !== undefined && change.new?.kind === 'file') oldNames.set(change.path, { aside, stat, file: change.new });
      const result = moveEntry({ source, target, stat, new: change.new as Syncable, aside }, shop);
      touched.add(parentPath(from.path) ?? rootPath).add(parentPath(change.path) ?? rootPath);
      return result;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return failures.occupied(change);
      return failures.failed(change, ioFailure(error, `move ${from.path} to ${change.path}`));
    }
  }

  /** Moves a folder with all that is in it, if that is just what is to be moved, now. `false`: it is not, or the disk will not. */
  function moveWhole(index: number, stat: DiskStat): boolean {
    const moving = movingWith(all, index);
    if (moving === undefined || moving.some((change) => place.isRefused(change))) return false;
    const [first] = moving;
    if (first?.from === undefined || !holdsJust(first.from.path, moving, { way: ways.sources, known, masks })) return false;
    // What was opened up is closed before it goes.
    ways.closeOpened();
    try {
      const source = ways.heldAt(first.from.path, ways.sources);
      const target = ways.heldAt(first.path);
      const there = target.parent.directory.lstat(target.name);
      if (there === undefined) source.parent.directory.rename(source.name, target.parent.directory, target.name);
      else if (isAlias({ source, target, stat }, there)) renameInPlace(target.parent.directory, source.name, target.name);
      else return false;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    } finally {
      ways.release();
    }
    touched.add(parentPath(first.from.path) ?? rootPath).add(parentPath(first.path) ?? rootPath);
    for (const { path } of moving) if (path !== first.path) along.add(path);
    return true;
  }

  /** It is where it is to be: it came with its folder. */
  function settleAlong(change: Transition, from: MoveSource): TransitionResult {
    const record = known.get(from.path);
    known.delete(from.path);
    const target = ways.placeOf(change.path);
    const lookedAtMs = place.clock.nowMs();
    const made = target.parent.directory.lstat(target.name);
    const isSame = made?.kind === 'file' ? record !== undefined && isUntouched(made, record) : made?.kind === from.entry.kind;
    if (made === undefined || !isSame) return failures.failed(change, changedSource(from));
    return arrived(target, change.new as Syncable, { made, lookedAtMs }, shop);
  }

  function changedSource({ path }: MoveSource): ContentFailure {
    return { code: 'SYNC_TARGET_CHANGED', message: `${path}: it changed since it was scanned, so it is not moved` };
  }

  /** Whether what was to move is not there any more; what is there under the same name for the disk alone is what moved. */
  function hasGone({ path }: Transition, to: RelativePath): boolean {
    const source = ways.ifThere(path, ways.sources);
    const stat = source?.parent.directory.lstat(source.name);
    if (source === undefined || stat === undefined) return true;
    const target = ways.ifThere(to);
    if (target?.parent.directory.lstat(target.name)?.ino !== stat.ino) return false;
    const [from, into] = [source.parent.directory, target.parent.directory];
    // One file under two names of one folder, and the folder knows but the new one: the disk takes the two for the same.
    const isOneFolder = from.identity.dev === into.identity.dev && from.identity.ino === into.identity.ino;
    return isOneFolder && (source.name === target.name || !hasName(from, source.name));
  }

  /** `undefined`: what a killed process left under it cannot be removed, and might be the very file. */
  function unusedName(): string | undefined {
    const name = place.tempName();
    try {
      unlinkIfThere(place.staging, name);
      return name;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** One link less moves its `ctime`: it is still known, if nothing else has touched it. */
  function forgetOldName(path: RelativePath, { aside, stat, file }: OldName): void {
    unlinkIfThere(place.staging, aside);
    const lookedAtMs = place.clock.nowMs();
    const target = ways.ifThere(path);
    const now = target?.parent.directory.lstat(target.name);
    if (now !== undefined && isSameContentState(now, stat)) known.set(path, recordOf(now, file), lookedAtMs);
  }

  /** A file that does not move with its folder, and to another name also for a disk that ignores case or Unicode form. */
  function isMovedAlone({ path, from, new: next }: Transition): boolean {
    if (from === undefined || next?.kind !== 'file') return false;
    if (movedFolders.get(parentPath(path) ?? rootPath) === parentPath(from.path)) return false;
    const folding = { ignoresCase: true, ignoresUnicodeForm: true };
    return foldName(path, folding) !== foldName(from.path, folding);
  }
}
