/**
 * What there is: both roots locked, both archives' status, both trees. Asked for in one go, so that over a wire it costs one round trip.
 */

import { type Ancestor, agreed } from '../../reconcile/ancestor.ts';
import type { Side } from '../../reconcile/plan.ts';
import type { ScopeRules } from '../../scope/rules.ts';
import type { Entry } from '../../tree/entry.ts';
import type { ArchiveHead, ArchiveStatus, ArchiveStore } from '../archive-store.ts';
import { isSyncError, SyncError } from '../errors.ts';
import type { LockOptions, Replica, ReplicaLock, ScanBaseline, ScanOptions, Snapshot } from '../replica.ts';
import type { SyncOptions } from '../run-sync.ts';
import type { ScanSettings } from '../settings.ts';
import { lockInOrder, tryLockBoth } from './lock-both.ts';
import type { Met } from './meet.ts';
import type { ReportBuilder } from './report-builder.ts';

export interface Surveyed {
  readonly lock: ReplicaLock;
  readonly archives: Readonly<Record<Side, ArchiveStore>> | undefined;
  readonly statuses: Readonly<Record<Side, ArchiveStatus>>;
  /** What alpha's archive held just before the lock was taken. Believed only where its head is still the head. */
  readonly known: Known;
  readonly snapshots: Readonly<Record<Side, Snapshot>>;
  /** What was scanned with: the profile's scope and the guards of both ends. */
  readonly scope: ScopeRules;
}

const emptyStatus: ArchiveStatus = { head: undefined, damaged: false, pending: undefined, journal: [] };

/** As often as another run ends just while this one begins. */
const attemptsMax = 3;

export async function survey(options: SyncOptions, met: Met, report: ReportBuilder): Promise<Surveyed> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await surveyOnce(options, met, report);
    } catch (error) {
      if (attempt === attemptsMax || !isSyncError(error) || error.details['begunTooEarly'] !== true) throw error;
    }
  }
}

async function surveyOnce(options: SyncOptions, met: Met, report: ReportBuilder): Promise<Surveyed> {
  const { alpha, beta, clock, signal, onEvent, dryRun } = options;
  onEvent?.({ type: 'phase', name: 'lock' });
  const lockOptions: LockOptions = {
    waitMs: options.lockWaitMs ?? 60_000,
    initiator: met.identities.alpha.host,
    run: report.run,
    dryRun,
    signal,
  };
  const archives = met.pair === undefined ? undefined : { alpha: alpha.archive(met.pair), beta: beta.archive(met.pair) };
  let known = await readKnown(archives?.alpha, met.turned);
  const scope = withGuards(options, met);
  const ask = (lock: Promise<ReplicaLock | undefined>): Promise<Found | undefined> =>
    askBoth({ options, met, archives, lock, known, scanSettings: { ...options.settings, scope } });

  onEvent?.({ type: 'phase', name: 'scan' });
  let found = await ask(tryLockBoth({ alpha, beta }, lockOptions));
  if (found === undefined) {
    const started = clock.monotonicMs();
    const lock = await lockInOrder({ alpha, beta }, met.ids, lockOptions);
    report.notice({ code: 'SYNC_LOCKED', message: `waited ${Math.round((clock.monotonicMs() - started) / 100) / 10} s for another run to end` });
    // The run that was waited for has committed.
    known = await readKnown(archives?.alpha, met.turned);
    found = await ask(Promise.resolve(lock));
  }
  if (found === undefined) throw new TypeError('a lock that was taken is there');
  if (found.statuses.alpha.head?.digest !== known.head?.digest) {
    await found.lock.release();
    throw begunTooEarly();
  }
  report.scanned(found.snapshots);
  return { ...found, archives, known, scope };
}

interface Found {
  readonly lock: ReplicaLock;
  readonly statuses: Readonly<Record<Side, ArchiveStatus>>;
  readonly snapshots: Readonly<Record<Side, Snapshot>>;
}

interface Known {
  readonly head: ArchiveHead | undefined;
  /** The ancestor at that head, turned to the sides of this run; read when it is first asked for. */
  ancestor(): Promise<Ancestor>;
}

/** `undefined`: a root was busy. The answers that were already on their way are waited for and dropped. */
async function askBoth(question: {
  readonly options: SyncOptions;
  readonly met: Met;
  readonly archives: Readonly<Record<Side, ArchiveStore>> | undefined;
  readonly lock: Promise<ReplicaLock | undefined>;
  readonly known: Known;
  readonly scanSettings: ScanSettings;
}): Promise<Found | undefined> {
  const { options, met, archives, lock, known, scanSettings } = question;
  const side = async (name: Side): Promise<readonly [ArchiveStatus, Snapshot]> => {
    const replica: Replica = options[name];
    // A local scan would keep this thread from sending; and nothing is gained by asking before the lock is there.
    if (!replica.capabilities.remote && (await lock) !== undefined && name === 'alpha') await keepGuards(options);
    const scan: ScanOptions = {
      settings: scanSettings,
      baseline: baselineOf(met, known, name),
      rehash: options.rehash,
      dryRun: options.dryRun,
      signal: options.signal,
      onProgress: ({ doneItems, doneBytes }) =>
        options.onEvent?.({ type: 'progress', phase: 'scan', doneItems, doneBytes, totalItems: 0, totalBytes: 0 }),
    };
    return Promise.all([archives?.[name].status() ?? emptyStatus, replica.scan(scan)]);
  };
  const beta = side('beta');
  const alpha = side('alpha');
  const [taken, left, right] = await Promise.allSettled([lock, alpha, beta]);
  if (taken.status === 'rejected') throw taken.reason;
  if (taken.value === undefined) return undefined;
  for (const result of [left, right]) {
    if (result.status === 'fulfilled') continue;
    await taken.value.release();
    throw result.reason;
  }
  if (left.status === 'rejected' || right.status === 'rejected') throw new TypeError('handled above');
  return {
    lock: taken.value,
    statuses: { alpha: left.value[0], beta: right.value[0] },
    snapshots: { alpha: left.value[1], beta: right.value[1] },
  };
}

async function readKnown(archive: ArchiveStore | undefined, turned: boolean): Promise<Known> {
  const head = (await archive?.status())?.head;
  let ancestor: Promise<Ancestor> | undefined;
  return {
    head,
    ancestor() {
      ancestor ??= readAncestor(archive, head, turned);
      return ancestor;
    },
  };
}

/** Between the first look at the archive and the lock another run has come to its end. */
function begunTooEarly(): SyncError {
  return new SyncError('SYNC_LOCKED', 'another run has just ended; this one began too early', { begunTooEarly: true });
}

async function readAncestor(archive: ArchiveStore | undefined, head: ArchiveHead | undefined, turned: boolean): Promise<Ancestor> {
  if (archive === undefined || head === undefined) return agreed(undefined);
  const stored = await archive.load();
  if ((await archive.status()).head?.digest !== head.digest) throw begunTooEarly();
  return turned ? { alpha: stored.beta, beta: stored.alpha } : stored;
}

function baselineOf({ pair, turned }: Met, known: Known, side: Side): ScanBaseline | undefined {
  const { head } = known;
  if (pair === undefined || head === undefined) return undefined;
  const half = turned === (side === 'alpha') ? 'beta' : 'alpha';
  const tree = async (): Promise<Entry | undefined> => (await known.ancestor())[side];
  return { pair, generation: head.generation, digest: head.digest, merkle: head.roots?.[half], tree };
}

/** Before anything is looked at: the other end may start a run of its own as soon as this one is over, or broken off, and knows nothing of the config here. */
async function keepGuards({ alpha, guards, guardsFrom, profile, dryRun }: SyncOptions): Promise<void> {
  if (guards !== undefined && !dryRun) await alpha.ownGuards?.set(guardsFrom ?? profile, guards);
}

/** Guards of both ends add up; they are not part of the settings that the ends have to agree on. */
function withGuards({ settings, guards = [] }: SyncOptions, { identities }: Met): ScopeRules {
  const more = new Set([...guards, ...(identities.alpha.guards ?? []), ...(identities.beta.guards ?? [])]);
  return { ...settings.scope, guard: [...settings.scope.guard, ...[...more].sort()] };
}
