/** Changes that were not made: what is told of them, and what is there instead. */
import type { DiskStat } from '../engine/disk.ts';
import type { ContentFailure, Transition, TransitionResult } from '../engine/replica.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { Scope } from '../scope/scope.ts';
import type { Directory, Entry } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import { ioFailure } from './io-failure.ts';
import { whyNotEmpty } from './transition-kept.ts';
import { look } from './transition-look.ts';
import type { Ways } from './transition-ways.ts';

export interface Failures {
  /** `found`: what is there, where that is known. */
  failed(change: Transition, failure: ContentFailure, found?: Entry): TransitionResult;
  /** What is there is not what was scanned. */
  changed(change: Transition, found?: Entry): TransitionResult;
  /** Something is there where nothing was. */
  occupied(change: Transition): TransitionResult;
  /** A folder that was to be removed holds something. */
  notEmpty(change: Transition, stat: DiskStat | undefined): TransitionResult;
}

export interface FailuresPlace {
  readonly scope: Scope;
  readonly masks: PermissionMasks;
  readonly symlinks: SymlinkMode;
  /** Takes the directories that could not be made. */
  readonly failedDirectories: Set<RelativePath>;
}

export function createFailures({ scope, masks, symlinks, failedDirectories }: FailuresPlace, ways: Ways): Failures {
  const failed = (change: Transition, { code, message }: ContentFailure, found?: Entry): TransitionResult => {
    if (change.new?.kind === 'directory' && change.old?.kind !== 'directory') failedDirectories.add(change.path);
    return { achieved: found, problem: { code, message } };
  };
  const changed = (change: Transition, found?: Entry): TransitionResult =>
    failed(change, { code: 'SYNC_TARGET_CHANGED', message: `${change.path}: it changed since it was scanned` }, found);
  return {
    failed,
    changed,

    occupied(change) {
      let found: Entry | undefined;
      try {
        const seen = look(undefined, ways.reach(change.path), (stat) => stat.mode);
        if (seen.verdict === 'other') found = seen.found;
      } catch (error) {
        ioFailure(error, 'look');
      }
      const message = `${change.path}: something is there that was not there when it was scanned`;
      return failed(change, { code: 'SYNC_TARGET_OCCUPIED', message }, found);
    },

    notEmpty(change, stat) {
      const { path } = change;
      const mode = stat === undefined ? 0 : maskMode(ways.modeOf(path, stat), masks.at(path, 'directory'));
      const found: Directory = { kind: 'directory', mode, children: [] };
      if (whyNotEmpty(path, ways.tree, { scope, symlinks }) === 'in-scope') {
        return failed(change, { code: 'SYNC_TARGET_CHANGED', message: `${path}: something new is in it since it was scanned` }, found);
      }
      return failed(
        change,
        { code: 'SYNC_DIRECTORY_KEPT', message: `${path} stays: it holds what is out of scope` },
        { ...found, hasUntracked: true },
      );
    },
  };
}
