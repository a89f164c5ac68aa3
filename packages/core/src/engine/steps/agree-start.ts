/**
 * Brings the two archives to one common start: commits that were interrupted are finished or dropped, and what an interrupted run achieved is folded in.
 * Only then is anything decided. A dry run writes nothing of it but the missing half of a commit.
 */

import { type Ancestor, type AncestorChange, agreed } from '../../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../../reconcile/apply-ancestor.ts';
import type { Side } from '../../reconcile/plan.ts';
import type { Entry } from '../../tree/entry.ts';
import { entryAt } from '../../tree/lookup.ts';
import { parentPath, type RelativePath, rootPath } from '../../tree/path.ts';
import { decideStart, foldJournals } from '../archive-start.ts';
import type { ArchiveCommit, ArchiveHead, ArchiveStatus, ArchiveStore } from '../archive-store.ts';
import type { SyncHalt, SyncNotice } from '../report.ts';
import type { SyncRun } from '../run-sync.ts';
import { differingSettings, toPairSettings } from '../sync-settings.ts';
import { commitArchives, turnRound } from './commit-archives.ts';
import { type Met, restoredNotice } from './meet.ts';
import type { ReportBuilder } from './report-builder.ts';
import type { Surveyed } from './survey.ts';

export interface AgreedStart {
  /** `undefined`: a first sync. Turned to the sides of this run. */
  readonly ancestor: Ancestor | undefined;
  /** Both trees are what they were when they last agreed, and nothing is held: there is nothing to decide, and no tree was read for it. */
  readonly isAtRest?: boolean | undefined;
  /** The last generation; the next commit is one more. 0 before the first. */
  readonly generation: number;
  /** What the two last agreed on, as their archives name it. `undefined`: a first sync. */
  readonly head: ArchiveHead | undefined;
  /** To be written with the next commit: this run is the first, or changes them. */
  readonly newSettings: ArchiveCommit['settings'];
  /** What is still open is settled as on a first sync: also after one that broke off, whatever it achieved. */
  readonly first: boolean;
  /** Settings are taken over, if the run goes on. */
  readonly settingsNotice?: SyncNotice | undefined;
  readonly halt?: SyncHalt | undefined;
}

export async function agreeStart(options: SyncRun, met: Met, surveyed: Surveyed, report: ReportBuilder): Promise<AgreedStart> {
  const { archives } = surveyed;
  let { statuses } = surveyed;
  let hasRestored = false;
  // Each step of mending leaves fewer of the states that need it: restore, then finish or discard, then fold, then go on.
  for (let step = 0; step < 5; step++) {
    const start = decideStart({ ...statuses, ids: met.ids, rejoin: options.rejoin });
    switch (start.action) {
      case 'go-on':
        // A sealed plan is opened on trees, whatever there is to decide.
        if (options.plan === undefined && isAtRest(start.head, surveyed))
          return { ...withSettings(options, met, { head: start.head, ancestor: undefined }), isAtRest: true };
        return withSettings(options, met, { head: start.head, ancestor: await ancestorOf(start.head, surveyed, met.turned) });
      case 'first-sync':
        report.firstSync();
        return withSettings(options, met, { head: undefined, ancestor: undefined });
      case 'halt':
        if (options.restoreState === true && start.reason === 'archive-lost' && !hasRestored) {
          hasRestored = true;
          if (await restoreArchives(options, met, statuses, report)) {
            if (archives !== undefined) statuses = await statusesOf(archives);
            break;
          }
        }
        return {
          ancestor: undefined,
          head: undefined,
          generation: 0,
          newSettings: undefined,
          first: false,
          halt: { ...start, overridable: false, restorable: mayCount(statuses.alpha, statuses.beta) || mayCount(statuses.beta, statuses.alpha) },
        };
      case 'finish-commit':
      case 'discard-pending':
        if (archives === undefined) throw new TypeError('what is pending has an archive');
        report.notice({ code: 'SYNC_INTERRUPTED', message: noticeOf(start.action) });
        // Only the last step of a commit is missing on these sides, and it changes no tree; so it is made in a dry run, too.
        await Promise.all(
          start.sides.map((side) => (start.action === 'finish-commit' ? archives[side].commit(start.generation) : archives[side].discard())),
        );
        statuses = await statusesOf(archives);
        break;
      case 'fold-journals': {
        if (archives === undefined) throw new TypeError('a journal has an archive');
        report.notice({ code: 'SYNC_INTERRUPTED', message: noticeOf('fold-journals') });
        const [first, second] = met.turned ? [statuses.beta, statuses.alpha] : [statuses.alpha, statuses.beta];
        const before = start.head === undefined ? agreed(emptyRoot) : await ancestorOf(start.head, surveyed, met.turned);
        const achieved = withKnownParents(before, turnRound(foldJournals(first.journal, second.journal), met.turned));
        const changes = start.head === undefined ? [{ path: rootPath, ...before }, ...achieved] : achieved;
        const ancestor = applyAncestorChanges(before, changes);
        if (start.head === undefined) report.firstSync();
        const settled = withSettings(options, met, { head: start.head, ancestor });
        if (options.dryRun || settled.halt !== undefined) return settled;
        const generation = settled.generation + 1;
        const notDurable = await commitArchives(archives, {
          generation,
          changes: turnRound(changes, met.turned),
          // New settings of a pair go with the plan, which says what they do to what was agreed.
          settings: start.head === undefined ? settled.newSettings : undefined,
          durability: options.durability ?? 'full',
        });
        report.notDurable(notDurable);
        report.committed();
        return { ...settled, generation, newSettings: start.head === undefined ? undefined : settled.newSettings };
      }
    }
  }
  throw new TypeError('mending the archives comes to an end');
}

/** Whether what a mirror has of a side's archive can be proved by the other side's own. */
function mayCount(lost: ArchiveStatus, other: ArchiveStatus): boolean {
  return lost.restorable === true && other.head !== undefined && other.restored !== true;
}

/** Takes the pair's archive from the mirror where it is missing or damaged. `false`: none was there. */
async function restoreArchives(
  options: SyncRun,
  { pair }: Met,
  statuses: Readonly<Record<Side, ArchiveStatus>>,
  report: ReportBuilder,
): Promise<boolean> {
  let isAny = false;
  for (const side of ['alpha', 'beta'] as const) {
    if (pair === undefined || statuses[side].restorable !== true) continue;
    const restored = await options[side].restore?.({ pair, dryRun: options.dryRun });
    if (restored === undefined) continue;
    isAny = true;
    report.notice(restoredNotice(side, options, 'the archive'));
  }
  return isAny;
}

/** The root of a first sync, before anything is agreed; a root carries no mode. */
const emptyRoot: Entry = { kind: 'directory', mode: 0, children: [] };

/**
 * Only what lies in directories that the ancestor has. A directory that both sides had already when the run began was agreed, but that was not committed;
 * what was achieved below it is met again as equal on both sides.
 */
function withKnownParents(before: Ancestor, changes: readonly AncestorChange[]): readonly AncestorChange[] {
  const made = new Map<RelativePath, AncestorChange>();
  const isDirectory = (side: Side, path: RelativePath): boolean =>
    (made.get(path) ?? { [side]: entryAt(before[side], path) })[side]?.kind === 'directory';
  return changes.filter((change) => {
    const parent = parentPath(change.path);
    const known = (['alpha', 'beta'] as const).every((side) => change[side] === undefined || parent === undefined || isDirectory(side, parent));
    if (known) made.set(change.path, change);
    return known;
  });
}

function isAtRest({ digest, roots }: ArchiveHead, { known, snapshots }: Surveyed): boolean {
  if (known.head?.digest !== digest || roots === undefined || roots.alpha !== roots.beta) return false;
  return snapshots.alpha.unchanged !== undefined && snapshots.beta.unchanged !== undefined;
}

/** The ancestor that was read before the roots were locked, if no other run has committed since; else what alpha's archive holds now. */
async function ancestorOf(head: ArchiveHead, { known, archives }: Surveyed, turned: boolean): Promise<Ancestor> {
  if (known.head?.digest === head.digest) return known.ancestor();
  const stored = await archives?.alpha.load();
  if (stored === undefined) throw new TypeError('a head has an archive');
  return turned ? { alpha: stored.beta, beta: stored.alpha } : stored;
}

async function statusesOf(archives: Readonly<Record<Side, ArchiveStore>>): Promise<Readonly<Record<Side, ArchiveStatus>>> {
  const [alpha, beta] = await Promise.all([archives.alpha.status(), archives.beta.status()]);
  return { alpha, beta };
}

/**
 * Both ends of a pair decide by the same settings. The end that set them last may change them; the other one halts until its config says the same,
 * or until it is told once to take its own.
 */
function withSettings(
  options: SyncRun,
  { ids }: Met,
  { head, ancestor }: { readonly head: ArchiveHead | undefined; readonly ancestor: Ancestor | undefined },
): AgreedStart {
  const generation = head?.generation ?? 0;
  const first = head === undefined;
  // A dry run before the first sync: there is no one to agree with yet, and nothing is written.
  if (ids.alpha === undefined || ids.beta === undefined) return { ancestor, head, generation, first, newSettings: undefined };
  const value = toPairSettings(options.settings, { alpha: ids.alpha, beta: ids.beta });
  const newSettings = { value, by: ids.alpha };
  if (head === undefined) return { ancestor, head, generation, first, newSettings };
  const different = differingSettings(value, head.settings);
  if (different.length === 0) return { ancestor, head, generation, first, newSettings: undefined };
  if (head.settingsBy === ids.alpha || options.allow?.has('settings-differ')) {
    const settingsNotice: SyncNotice = { code: 'SYNC_SETTINGS_DIFFER', message: `new settings are taken over: ${different.join(', ')}` };
    return { ancestor, head, generation, first, newSettings, settingsNotice };
  }
  const halt: SyncHalt = {
    reason: 'settings-differ',
    side: 'alpha',
    message: `${options.names.alpha} and ${options.names.beta} have different settings: ${different.join(', ')}; ${options.names.beta} set them last`,
    overridable: true,
  };
  return { ancestor, head, generation, first, newSettings: undefined, halt };
}

function noticeOf(action: 'finish-commit' | 'discard-pending' | 'fold-journals'): string {
  switch (action) {
    case 'finish-commit':
      return 'a commit that was interrupted is finished';
    case 'discard-pending':
      return 'a commit that was interrupted before it counted is dropped';
    case 'fold-journals':
      return 'a run was interrupted; what it achieved is taken into account';
  }
}
