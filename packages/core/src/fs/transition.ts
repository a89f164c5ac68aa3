/**
 * Transition: makes a batch of changes on the disk, one after the other, in the order given.
 *
 *     for up to 256 changes:  write down what is intended (manifest, journal)  ->  for each change: scope, parent, look, make
 *                             -> every 10 ms: journal, let the event loop turn
 *
 * - A change that cannot be made is a problem of its path alone. What is in the way is left as it is.
 * - The way to a target is walked through held directories and anew in each slice, so neither a link that takes a folder's place nor a folder that is moved
 *   away leads a later slice out of the root.
 * - A result counts once it is in the journal. Of what a process had set out to do when it was killed, the next one finds out what was made
 *   (`journal-intents.ts`).
 * - With full durability contents are on the disk before they are visible, folders and versions before this returns. So the archive never
 *   says more than the disk holds: what could not be made durable is a problem of its path.
 */
import type { PairKey } from '../engine/archive-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { isSyncError } from '../engine/errors.ts';
import type { ContentFailure, Transition, TransitionOptions, TransitionResult } from '../engine/replica.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import type { Change, MoveSource } from '../reconcile/change.ts';
import { halfAfter } from '../reconcile/half-after.ts';
import { foldName } from '../scope/fold.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Scope } from '../scope/scope.ts';
import type { Directory, Entry, File, Mode, Syncable } from '../tree/entry.ts';
import { maskMode, modeToStore } from '../tree/mode.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { unlinkIfThere } from './atomic-write.ts';
import { contentName } from './content-name.ts';
import type { Hashing } from './hasher.ts';
import { createHeldDirectories, type HeldDirectories, type HeldDirectory } from './held-directories.ts';
import { errnoOf, ioFailure } from './io-failure.ts';
import type { Journal, JournalRecord } from './journal.ts';
import { type Intent, needsIntent } from './journal-intents.ts';
import { UnreadContent } from './kept-contents.ts';
import { createSlices, type Slices } from './slices.ts';
import type { Dress, Staging } from './stage.ts';
import { stateError } from './state-folder.ts';
import { type SyncFailures, syncPaths } from './sync-paths.ts';
import { type Contents, contentOf, isGone, prepareContents } from './transition-contents.ts';
import { whyNotEmpty } from './transition-kept.ts';
import { isUntouched, look, readTouched, type Target } from './transition-look.ts';
import { type Birth, isSameContentState, type Job, type KnownFiles, makeChange, recordOf, type Workshop } from './transition-make.ts';
import { arrived, hasName, isAlias, type MovePlace, moveEntry, renameInPlace } from './transition-move.ts';
import { createOpenedUp, type OpenedUp } from './transition-opened.ts';
import { belowFailed, isOnTheWay, refuse } from './transition-refuse.ts';
import { holdsJust, movingWith } from './transition-whole.ts';
import { contentFolderName, leavesTree, type RunVersions } from './versions.ts';

/** All that a transition works with. Directories are the caller's, who closes them. */
export interface TransitionPlace {
  readonly root: DiskDirectory;
  readonly staging: Staging;
  readonly stagingFolder: DiskDirectory;
  /** `undefined`: pre-images are not kept. Called when the first one is about to leave. */
  readonly openVersions: (() => RunVersions) | undefined;
  readonly journal: Pick<Journal, 'intend' | 'append' | 'open' | 'confirm'>;
  /** Which half of the pair's ancestor this replica is. */
  readonly half: 'alpha' | 'beta';
  readonly scope: Scope;
  readonly masks: PermissionMasks;
  readonly symlinks: SymlinkMode;
  readonly hashing: Hashing;
  readonly known: KnownFiles;
  readonly birth: Birth;
  /** All permission bits of what this run brings back, where it undoes another one and they are known. */
  readonly bitsBefore: ReadonlyMap<RelativePath, Mode>;
  /** Directories that could not be made since the last scan: nothing is made below them, whatever is there. */
  readonly failedDirectories: Set<RelativePath>;
  readonly clock: Clock;
}

/** So many changes are announced and journaled together at most; a slice of 10 ms has fewer where the disk is slow. */
const sliceItemsMax = 256;

/** The clock is looked at every so many changes: where folders are thousands of levels deep, walking there anew takes a slice by itself. */
const stepItems = 32;

/** See `Replica.transition`. */
export async function makeTransitions(
  changes: readonly Transition[],
  options: TransitionOptions,
  place: TransitionPlace,
): Promise<readonly TransitionResult[]> {
  const slices = createSlices(place.clock, options.signal);
  const durable = options.durability === 'full';
  const dressOf = ({ path, copyOf }: Transition, next: File): Dress => ({
    mode: modeToStore('file', next.mode, place.known.get(path)?.mode ?? place.bitsBefore.get(path) ?? (copyOf && place.known.get(copyOf)?.mode), {
      mask: place.masks.at(path, 'other'),
      umask: place.birth.umask,
    }),
    mtimeMs: next.mtimeMs,
  });
  const contents = await prepareContents(changes, {
    staging: place.staging,
    folder: place.stagingFolder,
    durable,
    dressOf,
    umask: place.birth.umask,
    slices,
  });
  const work = createWork(changes, options.run, { place, slices, contents });
  const results: TransitionResult[] = [];
  let unsynced: SyncFailures = new Map();
  let journaled = 0;
  /** Positions of the changes that the journal was told of in advance, and that are not journaled yet. */
  let intended: readonly number[] = [];

  const intend = (start: number, slice: readonly Transition[]): void => {
    const intents = slice.flatMap((change, offset) => {
      const intent = work.intentOf(change, start + offset);
      return intent === undefined ? [] : [{ index: start + offset, intent }];
    });
    intended = intents.map(({ index }) => index);
    try {
      place.journal.intend(
        options.run,
        intents.map(({ intent }) => intent),
      );
    } catch (error) {
      throw stateError('write the journal', error);
    }
  };

  const journal = (): void => {
    const records: JournalRecord[] = [];
    for (; journaled < results.length; journaled++) {
      const change = changes[journaled];
      const result = results[journaled];
      if (change !== undefined && result !== undefined && isAchieved(result)) {
        records.push({ run: options.run, change: ancestorChange(change, result.achieved, place.half) });
      }
    }
    intended = intended.filter((index) => index >= journaled);
    try {
      place.journal.append(records, intended.length);
    } catch (error) {
      throw stateError('write the journal', error);
    }
    work.forgetOldNames();
    options.onProgress?.(results.length);
  };

  const confirm = (): void => {
    try {
      place.journal.confirm();
    } catch (error) {
      throw stateError('write the journal', error);
    }
  };

  try {
    try {
      for (let start = 0; start < changes.length; start += sliceItemsMax) {
        const slice = changes.slice(start, start + sliceItemsMax);
        work.announce(slice);
        intend(start, slice);
        for (const [offset, change] of slice.entries()) {
          options.signal?.throwIfAborted();
          results.push(await work.make(change, start + offset));
          if (offset % stepItems === stepItems - 1 && slices.isOver()) {
            work.endSlice();
            journal();
            await slices.pause();
          }
        }
      }
    } finally {
      // Also on the way out of an abort: what was achieved counts.
      work.endSlice();
      intended = [];
      journal();
      if (durable) unsynced = await work.sync();
    }
    if (durable && unsynced.size === 0) confirm();
  } finally {
    work.close();
  }
  return unsynced.size === 0 ? results : results.map((result, index) => unlessUnsynced(result, changes[index]?.path, unsynced));
}

/** What was made is there, but who knows after a power cut: it counts as failed, and the next run finds it and agrees. */
function unlessUnsynced(result: TransitionResult, path: RelativePath | undefined, unsynced: SyncFailures): TransitionResult {
  if (path === undefined || result.problem !== undefined) return result;
  const problem = unsynced.get(path) ?? unsynced.get(parentPath(path) ?? rootPath);
  return problem === undefined ? result : { ...result, problem };
}

/** A directory that stays for what is out of scope in it is an outcome to remember, not a failure to try again. */
function isAchieved({ problem }: TransitionResult): boolean {
  return problem === undefined || problem.code === 'SYNC_DIRECTORY_KEPT';
}

function ancestorChange(change: Transition, achieved: Entry | undefined, half: keyof Omit<PairKey, 'profile'>): AncestorChange {
  const { path, peer } = change;
  const own = halfAfter(change, achieved);
  return half === 'alpha' ? { path, alpha: own, beta: peer } : { path, alpha: peer, beta: own };
}

interface Work {
  /** Writes down what the coming changes may take out of the tree. */
  announce(changes: readonly Transition[]): void;
  /** What the journal is to know of a change before it is made; `undefined`: nothing. */
  intentOf(change: Transition, index: number): Intent | undefined;
  /** A promise only where a file has to be read. */
  make(change: Transition, index: number): TransitionResult | Promise<TransitionResult>;
  endSlice(): void;
  /** The journal knows of all moves so far. */
  forgetOldNames(): void;
  /** Makes durable what was done since the last time. */
  sync(): Promise<SyncFailures>;
  close(): void;
}

/** Of a file that was moved: what its old name is called in the staging folder, and what was looked at before. */
interface OldName {
  readonly aside: string;
  readonly stat: DiskStat;
  readonly file: File;
}

function createWork(
  all: readonly Transition[],
  run: string,
  { place, slices, contents }: { readonly place: TransitionPlace; readonly slices: Slices; readonly contents: Contents },
): Work {
  const { root, scope, masks, symlinks, known, birth } = place;
  const unsynced = new Set<RelativePath>();
  const opened: OpenedUp = createOpenedUp(birth, {
    onOpen: (path, mode) => place.journal.open(run, { path, mode }),
    onClosed: (path) => void unsynced.add(path),
  });
  const tree = createHeldDirectories(root, { onDenied: opened.openChild });
  /** The way to where something moves from, beside that to where it moves. */
  const sources = createHeldDirectories(root, { onDenied: opened.openChild });
  /** New paths of what came along with its folder. */
  const along = new Set<RelativePath>();
  const touched = new Set<RelativePath>();
  /** Names in the staging folder: of files that are to be moved, by position; of those that were, by where they are now. */
  const asideNames = new Map<number, string>();
  const oldNames = new Map<RelativePath, OldName>();
  const movedFolders = new Map(
    all.flatMap(({ path, from, new: next }) => (from !== undefined && next?.kind === 'directory' ? [[path, from.path] as const] : [])),
  );
  let versions: RunVersions | undefined;
  /** Why nothing can be written down now; then nothing is changed. */
  let unannounced: ContentFailure | undefined;
  const shop: Workshop = {
    masks,
    birth,
    known,
    staging: place.stagingFolder,
    get contents() {
      return versions?.contents();
    },
    run,
    tempName: place.staging.tempName,
    nowMs: () => place.clock.nowMs(),
    unsynced,
    withoutLinks: false,
  };

  return {
    announce(changes) {
      unannounced = undefined;
      if (place.openVersions === undefined) return;
      const coming = changes.filter((change) => refuse(change, place) === undefined);
      if (coming.length === 0) return;
      try {
        versions ??= place.openVersions();
        versions.announce(coming, bitsOf);
      } catch (error) {
        unannounced = isSyncError(error) ? error : ioFailure(error, 'write down what is to be changed');
      }
    },

    intentOf(change, index) {
      if (refuse(change, place) !== undefined) return undefined;
      const content = contentOf(change) === undefined ? undefined : contents.get(index);
      const staged = content !== undefined && 'name' in content ? content.name : undefined;
      if (content !== undefined && staged === undefined) return undefined;
      if (!needsIntent(change, staged)) return undefined;
      const { path, from, new: next } = change;
      const aside = isMovedAlone(change) ? unusedName() : undefined;
      if (aside !== undefined) asideNames.set(index, aside);
      const version = versions === undefined ? undefined : keptName(change);
      return {
        change: ancestorChange(change, next, place.half),
        staged,
        kept: version === undefined ? undefined : `${contentFolderName}/${version}`,
        ino: known.get(from?.path ?? path)?.ino,
        from: from?.path,
        aside,
        to: change.to,
      };
    },

    make(change, index) {
      const refusal = refuse(change, place) ?? belowFailed(change.path, place.failedDirectories) ?? unannounced;
      if (refusal !== undefined) return failedChange(change, refusal);
      try {
        if (change.from !== undefined) return move(change, change.from, index);
        if (change.to !== undefined && hasGone(change, change.to)) return { achieved: undefined };
        if (change.to !== undefined && change.old?.kind !== 'directory') {
          return failedChange(change, {
            code: 'SYNC_TARGET_CHANGED',
            message: `${change.path} is left: it was not moved, or something new is there`,
          });
        }
        // Where nothing is to be, every way of making something fails if something is there: no look needed.
        if (change.old === undefined) return makeSeen(change, index, undefined);
        const target = reach(change.path);
        const seen = look(change.old as Syncable | undefined, target, (stat) => opened.modeOf(change.path, stat));
        if (seen.verdict === 'other') {
          return failedChange(change, { code: 'SYNC_TARGET_CHANGED', message: `${change.path}: it changed since it was scanned` }, seen.found);
        }
        if (seen.verdict === 'touched') return makeTouched(change, index, target, seen.stat);
        return makeSeen(change, index, seen.stat);
      } catch (error) {
        return failedChange(change, ioFailure(error, `change ${change.path}`));
      }
    },

    endSlice() {
      opened.closeAll(tree);
      tree.release();
      sources.release();
    },

    forgetOldNames() {
      try {
        for (const [path, old] of oldNames) forgetOldName(path, old);
      } catch (error) {
        // What is left there goes with the next run that stages something.
        if (errnoOf(error) === undefined) throw error;
      } finally {
        oldNames.clear();
        tree.release();
      }
    },

    async sync() {
      await versions?.sync();
      const paths = [...new Set([...touched, ...unsynced])];
      touched.clear();
      unsynced.clear();
      return syncPaths(paths, root);
    },

    close() {
      tree.release();
      sources.release();
      versions?.close();
      contents.close();
    },
  };

  /** All permission bits of what is there, where the mask hides some. Of what has moved already: where it went. */
  function bitsOf({ path, old, to }: Change): Mode | undefined {
    if (old?.kind !== 'file' && old?.kind !== 'directory') return undefined;
    if (masks.at(path, old.kind === 'directory' ? 'directory' : 'other') === 'all') return undefined;
    return bitsAt(path, old.kind) ?? (to && bitsAt(to, old.kind));
  }

  /** All permission bits of what is there, if it is of this kind and can be looked at. */
  function bitsAt(path: RelativePath, kind: 'file' | 'directory'): Mode | undefined {
    try {
      const { parent, name, record } = reach(path);
      if (record !== undefined) return record.mode;
      const stat = parent.lstat(name);
      return stat?.kind === kind ? opened.modeOf(path, stat) : undefined;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  function reach(path: RelativePath, way: HeldDirectories = tree): Target & { readonly held: HeldDirectory } {
    const name = baseName(path);
    if (name === undefined) throw new TypeError('the root itself is never changed');
    const held = way.open(parentPath(path) ?? rootPath);
    return { path, parent: held.directory, held, name, record: known.get(path), masks };
  }

  async function makeTouched(change: Transition, index: number, target: Target, stat: DiskStat | undefined): Promise<TransitionResult> {
    const old = change.old;
    if (stat === undefined || old?.kind !== 'file') throw new TypeError('only a file is read');
    try {
      if (await readTouched(target, { stat, digest: old.digest }, { hashing: place.hashing, slices })) return makeSeen(change, index, stat);
    } catch (error) {
      return failedChange(change, ioFailure(error, `read ${change.path}`));
    }
    return failedChange(change, { code: 'SYNC_TARGET_CHANGED', message: `${change.path}: it changed since it was scanned` });
  }

  function makeSeen(change: Transition, index: number, stat: DiskStat | undefined): TransitionResult | Promise<TransitionResult> {
    const { path, old } = change;
    const content = contentOf(change) === undefined ? undefined : contents.get(index);
    if (content !== undefined && 'code' in content) return failedChange(change, content);
    try {
      const { held, name } = reach(path);
      const parent = opened.needsOpening(held) ? openParent(path) : held;
      const job: Job = {
        path,
        old: old as Syncable | undefined,
        new: change.new as Syncable | undefined,
        parent,
        name,
        stat,
        content,
        folder: contents.folder(index),
        version: keptName(change),
        bits: place.bitsBefore.get(path) ?? (change.copyOf && scope.includes(change.copyOf, 'other') ? bitsAt(change.copyOf, 'file') : undefined),
        onTheWay: isOnTheWay(change, scope),
      };
      const result = makeChange(job, shop);
      touched.add(parentPath(path) ?? rootPath);
      opened.forget(path);
      if (result.problem === undefined) contents.used(index);
      return result;
    } catch (error) {
      if (error instanceof UnreadContent) return readKept(error.content, change, () => makeSeen(change, index, stat));
      if (isNotEmpty(error)) return notEmpty(change, stat);
      if (errnoOf(error) === 'EEXIST') return occupied(change);
      // What makes a new name does nothing else that could be invalid.
      if (change.old === undefined && errnoOf(error) === 'EINVAL')
        return failedChange(change, {
          code: 'SYNC_NAME_REFUSED',
          message: `unable to make ${path}: this file system does not take its name (EINVAL)`,
        });
      // Perhaps it is the staged content that is gone: then it is not believed to be there again.
      if (content !== undefined && errnoOf(error) === 'ENOENT') place.staging.forget(content.name);
      return failedChange(change, ioFailure(error, `change ${path}`));
    }
  }

  /** What leaves has the name of something kept: that is read first. */
  async function readKept(content: string, change: Transition, then: () => TransitionResult | Promise<TransitionResult>): Promise<TransitionResult> {
    try {
      await versions?.contents().read(content, { hashing: place.hashing, slices });
    } catch (error) {
      return failedChange(change, ioFailure(error, `read what is kept of ${change.path}`));
    }
    return then();
  }

  function openParent(path: RelativePath, way: HeldDirectories = tree): HeldDirectory {
    const parent = parentPath(path) ?? rootPath;
    const name = baseName(parent);
    // The root's own mode is the user's.
    if (name !== undefined) opened.openChild(parentPath(parent) ?? rootPath, way.open(parentPath(parent) ?? rootPath), name);
    return way.open(parent);
  }

  function move(change: Transition, from: MoveSource, index: number): TransitionResult | Promise<TransitionResult> {
    if (along.delete(change.path)) return settleAlong(change, from);
    const source = reach(from.path, sources);
    const seen = look(from.entry, source, (stat) => opened.modeOf(from.path, stat));
    if (seen.verdict === 'other' || seen.stat === undefined) return failedChange(change, changedSource(from));
    if (from.entry.kind === 'directory') {
      const moved = moveWhole(index, seen.stat);
      // File by file, then: what is in it moves by changes of its own.
      return moved ? settleAlong(change, from) : makeSeen(change, index, undefined);
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
      if (await readTouched(source, { stat, digest: entry.digest }, { hashing: place.hashing, slices })) return moveSeen(change, from, stat, aside);
    } catch (error) {
      return failedChange(change, ioFailure(error, `read ${from.path}`));
    }
    return failedChange(change, changedSource(from));
  }

  function moveSeen(change: Transition, from: MoveSource, stat: DiskStat, aside: string | undefined): TransitionResult {
    try {
      const source = placeOf(from.path, sources);
      const target = placeOf(change.path, tree);
      if (aside !== undefined && change.new?.kind === 'file') oldNames.set(change.path, { aside, stat, file: change.new });
      const result = moveEntry({ source, target, stat, new: change.new as Syncable, aside }, shop);
      touched.add(parentPath(from.path) ?? rootPath).add(parentPath(change.path) ?? rootPath);
      return result;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return occupied(change);
      return failedChange(change, ioFailure(error, `move ${from.path} to ${change.path}`));
    }
  }

  /** `undefined`: what a killed process left under it cannot be removed, and might be the very file. */
  function unusedName(): string | undefined {
    const name = place.staging.tempName();
    try {
      unlinkIfThere(place.stagingFolder, name);
      return name;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** One link less moves its `ctime`: it is still known, if nothing else has touched it. */
  function forgetOldName(path: RelativePath, { aside, stat, file }: OldName): void {
    unlinkIfThere(place.stagingFolder, aside);
    const lookedAtMs = place.clock.nowMs();
    const target = ifThere(path, tree);
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

  function placeOf(path: RelativePath, way: HeldDirectories): MovePlace {
    const { held, name } = reach(path, way);
    return { path, name, parent: opened.needsOpening(held) ? openParent(path, way) : held };
  }

  /** Moves a folder with all that is in it, if that is just what is to be moved, now. `false`: it is not, or the disk will not. */
  function moveWhole(index: number, stat: DiskStat): boolean {
    const moving = movingWith(all, index);
    if (moving === undefined || moving.some((change) => refuse(change, place) !== undefined)) return false;
    const [first] = moving;
    if (first?.from === undefined || !holdsJust(first.from.path, moving, { way: sources, known, masks })) return false;
    // What was opened up is closed before it goes.
    opened.closeAll(tree);
    tree.release();
    sources.release();
    try {
      const source = { path: first.from.path, ...heldAt(first.from.path, sources) };
      const target = { path: first.path, ...heldAt(first.path, tree) };
      const there = target.parent.directory.lstat(target.name);
      if (there === undefined) source.parent.directory.rename(source.name, target.parent.directory, target.name);
      else if (isAlias({ source, target, stat }, there)) renameInPlace(target.parent.directory, source.name, target.name);
      else return false;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    } finally {
      tree.release();
      sources.release();
    }
    touched.add(parentPath(first.from.path) ?? rootPath).add(parentPath(first.path) ?? rootPath);
    for (const { path } of moving) if (path !== first.path) along.add(path);
    return true;
  }

  function heldAt(path: RelativePath, way: HeldDirectories): Pick<MovePlace, 'parent' | 'name'> {
    const { held, name } = reach(path, way);
    return { parent: held, name };
  }

  /** It is where it is to be: it came with its folder. */
  function settleAlong(change: Transition, from: MoveSource): TransitionResult {
    const record = known.get(from.path);
    known.delete(from.path);
    const target = placeOf(change.path, tree);
    const lookedAtMs = place.clock.nowMs();
    const made = target.parent.directory.lstat(target.name);
    const isSame = made?.kind === 'file' ? record !== undefined && isUntouched(made, record) : made?.kind === from.entry.kind;
    if (made === undefined || !isSame) return failedChange(change, changedSource(from));
    return arrived(target, change.new as Syncable, { made, lookedAtMs }, shop);
  }

  function changedSource({ path }: MoveSource): ContentFailure {
    return { code: 'SYNC_TARGET_CHANGED', message: `${path}: it changed since it was scanned, so it is not moved` };
  }

  /** Whether what was to move is not there any more; what is there under the same name for the disk alone is what moved. */
  function hasGone({ path }: Transition, to: RelativePath): boolean {
    const source = ifThere(path, sources);
    const stat = source?.parent.directory.lstat(source.name);
    if (source === undefined || stat === undefined) return true;
    const target = ifThere(to, tree);
    if (target?.parent.directory.lstat(target.name)?.ino !== stat.ino) return false;
    const [from, into] = [source.parent.directory, target.parent.directory];
    // One file under two names of one folder, and the folder knows but the new one: the disk takes the two for the same.
    const isOneFolder = from.identity.dev === into.identity.dev && from.identity.ino === into.identity.ino;
    return isOneFolder && (source.name === target.name || !hasName(from, source.name));
  }

  /** `undefined`: its folder is not there. */
  function ifThere(path: RelativePath, way: HeldDirectories): Pick<MovePlace, 'parent' | 'name'> | undefined {
    try {
      return heldAt(path, way);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  function occupied(change: Transition): TransitionResult {
    let found: Entry | undefined;
    try {
      const seen = look(undefined, reach(change.path), (stat) => stat.mode);
      if (seen.verdict === 'other') found = seen.found;
    } catch (error) {
      ioFailure(error, 'look');
    }
    return failedChange(
      change,
      { code: 'SYNC_TARGET_OCCUPIED', message: `${change.path}: something is there that was not there when it was scanned` },
      found,
    );
  }

  function notEmpty(change: Transition, stat: DiskStat | undefined): TransitionResult {
    const { path } = change;
    const found: Directory = {
      kind: 'directory',
      mode: stat === undefined ? 0 : maskMode(opened.modeOf(path, stat), masks.at(path, 'directory')),
      children: [],
    };
    if (whyNotEmpty(path, tree, { scope, symlinks }) === 'in-scope') {
      return failedChange(change, { code: 'SYNC_TARGET_CHANGED', message: `${path}: something new is in it since it was scanned` }, found);
    }
    return failedChange(
      change,
      { code: 'SYNC_DIRECTORY_KEPT', message: `${path} stays: it holds what is out of scope` },
      { ...found, hasUntracked: true },
    );
  }

  function failedChange(change: Transition, { code, message }: ContentFailure, found?: Entry): TransitionResult {
    if (change.new?.kind === 'directory' && change.old?.kind !== 'directory') place.failedDirectories.add(change.path);
    return { achieved: found, problem: { code, message } };
  }
}

function isNotEmpty(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOTEMPTY';
}

/** The name among the versions of what leaves by this change, if it is a file. */
function keptName(change: Transition): string | undefined {
  const { old } = change;
  return old?.kind === 'file' && leavesTree(change) ? contentName(old.digest, old.sizeBytes) : undefined;
}
