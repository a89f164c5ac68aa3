/** The work on a batch of changes: each is refused, or looked at and made. When that is done, and what is written down about it, is for `transition.ts`. */
import type { PairKey } from '../engine/archive-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { isSyncError } from '../engine/errors.ts';
import type { ContentFailure, Transition, TransitionResult } from '../engine/replica.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import type { Change } from '../reconcile/change.ts';
import { halfAfter } from '../reconcile/half-after.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Scope } from '../scope/scope.ts';
import type { Entry, Mode, Syncable } from '../tree/entry.ts';
import { parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { contentName } from './content-name.ts';
import type { Hashing } from './hasher.ts';
import { errnoOf, ioFailure } from './io-failure.ts';
import type { Journal } from './journal.ts';
import { type Intent, needsIntent } from './journal-intents.ts';
import { UnreadContent } from './kept-contents.ts';
import type { Slices } from './slices.ts';
import type { Staging } from './stage.ts';
import { type SyncFailures, syncPaths } from './sync-paths.ts';
import { type Contents, contentOf } from './transition-contents.ts';
import { createFailures } from './transition-failed.ts';
import { look, readTouched, type Target } from './transition-look.ts';
import { type Birth, type Job, type KnownFiles, makeChange, type Workshop } from './transition-make.ts';
import { createMoves } from './transition-moves.ts';
import { belowFailed, isOnTheWay, refuse } from './transition-refuse.ts';
import { createWays } from './transition-ways.ts';
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

export interface Work {
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

export function createWork(
  all: readonly Transition[],
  run: string,
  { place, slices, contents }: { readonly place: TransitionPlace; readonly slices: Slices; readonly contents: Contents },
): Work {
  const { root, scope, masks, known, birth } = place;
  /** Folders in which something was changed; and entries of which more was changed than their name. */
  const touched = new Set<RelativePath>();
  const unsynced = new Set<RelativePath>();
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
  const ways = createWays({
    root,
    birth,
    known,
    masks,
    onOpen: (path, mode) => place.journal.open(run, { path, mode }),
    onClosed: (path) => void unsynced.add(path),
  });
  const failures = createFailures(place, ways);
  const moves = createMoves(all, {
    staging: place.stagingFolder,
    tempName: place.staging.tempName,
    masks,
    hashing: place.hashing,
    clock: place.clock,
    slices,
    shop,
    ways,
    failures,
    isRefused: (change) => refuse(change, place) !== undefined,
    touched,
  });

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
      const aside = moves.nameAside(change, index);
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
      if (refusal !== undefined) return failures.failed(change, refusal);
      try {
        if (change.from !== undefined) {
          const moved = moves.move(change, change.from, index);
          return moved === 'by parts' ? makeSeen(change, index, undefined) : moved;
        }
        if (change.to !== undefined && moves.hasGone(change, change.to)) return { achieved: undefined };
        if (change.to !== undefined && change.old?.kind !== 'directory') {
          return failures.failed(change, {
            code: 'SYNC_TARGET_CHANGED',
            message: `${change.path} is left: it was not moved, or something new is there`,
          });
        }
        // Where nothing is to be, every way of making something fails if something is there: no look needed.
        if (change.old === undefined) return makeSeen(change, index, undefined);
        const target = ways.reach(change.path);
        const seen = look(change.old as Syncable | undefined, target, (stat) => ways.modeOf(change.path, stat));
        if (seen.verdict === 'other') {
          return failures.changed(change, seen.found);
        }
        if (seen.verdict === 'touched') return makeTouched(change, index, target, seen.stat);
        return makeSeen(change, index, seen.stat);
      } catch (error) {
        return failures.failed(change, ioFailure(error, `change ${change.path}`));
      }
    },

    endSlice: () => ways.closeOpened(),

    forgetOldNames: () => moves.forgetOldNames(),

    async sync() {
      await versions?.sync();
      const paths = [...new Set([...touched, ...unsynced])];
      touched.clear();
      unsynced.clear();
      return syncPaths(paths, root);
    },

    close() {
      ways.release();
      versions?.close();
      contents.close();
    },
  };

  /** All permission bits of what is there, where the mask hides some. Of what has moved already: where it went. */
  function bitsOf({ path, old, to }: Change): Mode | undefined {
    if (old?.kind !== 'file' && old?.kind !== 'directory') return undefined;
    if (masks.at(path, old.kind === 'directory' ? 'directory' : 'other') === 'all') return undefined;
    return ways.bitsAt(path, old.kind) ?? (to && ways.bitsAt(to, old.kind));
  }

  async function makeTouched(change: Transition, index: number, target: Target, stat: DiskStat | undefined): Promise<TransitionResult> {
    const old = change.old;
    if (stat === undefined || old?.kind !== 'file') throw new TypeError('only a file is read');
    try {
      if (await readTouched(target, { stat, digest: old.digest }, { hashing: place.hashing, slices })) return makeSeen(change, index, stat);
    } catch (error) {
      return failures.failed(change, ioFailure(error, `read ${change.path}`));
    }
    return failures.changed(change);
  }

  function makeSeen(change: Transition, index: number, stat: DiskStat | undefined): TransitionResult | Promise<TransitionResult> {
    const { path, old } = change;
    const content = contentOf(change) === undefined ? undefined : contents.get(index);
    if (content !== undefined && 'code' in content) return failures.failed(change, content);
    try {
      const { parent, name } = ways.placeOf(path);
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
        bits:
          place.bitsBefore.get(path) ?? (change.copyOf && scope.includes(change.copyOf, 'other') ? ways.bitsAt(change.copyOf, 'file') : undefined),
        onTheWay: isOnTheWay(change, scope),
      };
      const result = makeChange(job, shop);
      touched.add(parentPath(path) ?? rootPath);
      ways.forgetOpened(path);
      if (result.problem === undefined) contents.used(index);
      return result;
    } catch (error) {
      if (error instanceof UnreadContent) return readKept(error.content, change, () => makeSeen(change, index, stat));
      if (errnoOf(error) === 'ENOTEMPTY') return failures.notEmpty(change, stat);
      if (errnoOf(error) === 'EEXIST') return failures.occupied(change);
      // What makes a new name does nothing else that could be invalid.
      if (change.old === undefined && errnoOf(error) === 'EINVAL')
        return failures.failed(change, {
          code: 'SYNC_NAME_REFUSED',
          message: `unable to make ${path}: this file system does not take its name (EINVAL)`,
        });
      // Perhaps it is the staged content that is gone: then it is not believed to be there again.
      if (content !== undefined && errnoOf(error) === 'ENOENT') place.staging.forget(content.name);
      return failures.failed(change, ioFailure(error, `change ${path}`));
    }
  }

  /** What leaves has the name of something kept: that is read first. */
  async function readKept(content: string, change: Transition, then: () => TransitionResult | Promise<TransitionResult>): Promise<TransitionResult> {
    try {
      await versions?.contents().read(content, { hashing: place.hashing, slices });
    } catch (error) {
      return failures.failed(change, ioFailure(error, `read what is kept of ${change.path}`));
    }
    return then();
  }
}

/** What the ancestor is to hold of a change that came to this. */
export function ancestorChange(change: Transition, achieved: Entry | undefined, half: keyof Omit<PairKey, 'profile'>): AncestorChange {
  const { path, peer } = change;
  const own = halfAfter(change, achieved);
  return half === 'alpha' ? { path, alpha: own, beta: peer } : { path, alpha: peer, beta: own };
}

/** The name among the versions of what leaves by this change, if it is a file. */
function keptName(change: Transition): string | undefined {
  const { old } = change;
  return old?.kind === 'file' && leavesTree(change) ? contentName(old.digest, old.sizeBytes) : undefined;
}
