/**
 * What there is: both roots locked, both archives' status, both trees. Asked for in one go, so that over a wire it costs one round trip.
 */

import { type Ancestor, agreed } from '../../reconcile/ancestor.ts';
import { otherSide, type Side } from '../../reconcile/plan.ts';
import type { ScopeRules } from '../../scope/rules.ts';
import type { Entry } from '../../tree/entry.ts';
import type { ArchiveHead, ArchiveStatus, ArchiveStore } from '../archive-store.ts';
import { isSyncError, SyncError } from '../errors.ts';
import type { Replica, ReplicaLock, ScanBaseline, Snapshot } from '../replica.ts';
import type { SyncRun } from '../run-sync.ts';
import { type BothLocks, lockInOrder, tryLockBoth } from './lock-both.ts';
import type { Met } from './meet.ts';
import type { ReportBuilder } from './report-builder.ts';
import type { ScanAhead } from './scan-ahead.ts';
import { keepGuards, lockOptionsOf, scanOptionsOf, scopeWith } from './survey-options.ts';

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

export async function survey(options: SyncRun, met: Met, report: ReportBuilder, ahead: ScanAhead | undefined): Promise<Surveyed> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await surveyOnce(options, met, report, attempt === 1 ? ahead : undefined);
    } catch (error) {
      if (attempt === attemptsMax || !isSyncError(error) || error.details['begunTooEarly'] !== true) throw error;
    }
  }
}

async function surveyOnce(options: SyncRun, met: Met, report: ReportBuilder, ahead: ScanAhead | undefined): Promise<Surveyed> {
  const { alpha, beta, clock, onEvent } = options;
  onEvent?.({ type: 'phase', name: 'lock' });
  const lockOptions = lockOptionsOf(options, { initiator: met.identities.alpha.host, run: report.run });
  const archives = met.pair === undefined ? undefined : { alpha: alpha.archive(met.pair), beta: beta.archive(met.pair) };
  let known = await readKnown(archives?.alpha, met.turned);
  const scope = scopeWith(options, [met.identities.alpha, met.identities.beta]);
  const ask = (lock: Promise<BothLocks | undefined>, found?: ScanAhead): Promise<Found | undefined> =>
    askBoth({ options, met, archives, lock, known, scope, ahead: found });

  onEvent?.({ type: 'phase', name: 'scan' });
  let found = await ask(tryLockBoth({ alpha, beta }, lockOptions, ahead?.lock), ahead);
  if (found === undefined) {
    // Alpha is free again, and may have changed.
    await ahead?.drop();
    const started = clock.monotonicMs();
    const lock = await lockInOrder({ alpha, beta }, met.ids, lockOptions);
    report.notice({ code: 'SYNC_LOCKED', message: `waited ${Math.round((clock.monotonicMs() - started) / 100) / 10} s for another run to end` });
    // The run that was waited for has committed.
    known = await readKnown(archives?.alpha, met.turned);
    found = await ask(Promise.resolve(lock));
  }
  if (found === undefined) throw new TypeError('a lock that was taken is there');
  for (const [side, owner] of found.lock.takenOver)
    report.notice({ code: 'SYNC_LOCK_TAKEN_OVER', side, message: `the lock of ${options.names[side]} was taken over: it was left by ${owner}` });
  if (found.statuses.alpha.head?.digest !== known.head?.digest) {
    await found.lock.release();
    throw begunTooEarly();
  }
  report.scanned(found.snapshots);
  return { ...found, archives, known, scope };
}

interface Found {
  readonly lock: BothLocks;
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
  readonly options: SyncRun;
  readonly met: Met;
  readonly archives: Readonly<Record<Side, ArchiveStore>> | undefined;
  readonly lock: Promise<BothLocks | undefined>;
  readonly known: Known;
  readonly scope: ScopeRules;
  readonly ahead: ScanAhead | undefined;
}): Promise<Found | undefined> {
  const { options, met, archives, lock, known, scope, ahead } = question;
  const side = async (name: Side): Promise<readonly [ArchiveStatus, Snapshot]> => {
    const replica: Replica = options[name];
    // A local scan would keep this thread from sending; and nothing is gained by asking before the lock is there.
    if (!replica.capabilities.remote && (await lock) !== undefined && name === 'alpha') await keepGuards(options);
    const baseline = baselineOf(met, known, name);
    const { folding } = met.identities[otherSide(name)];
    const scan = async (): Promise<Snapshot> =>
      (name === 'alpha' ? await ahead?.take({ scope, peerFolding: folding }, baseline) : undefined) ??
      replica.scan({ ...scanOptionsOf(options, scope, folding), baseline });
    return Promise.all([archives?.[name].status() ?? emptyStatus, scan()]);
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
