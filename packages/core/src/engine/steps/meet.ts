/** Before anything is locked: who the two replicas are, whether their roots are there, and whether they are the ones that met before. */
import type { Side } from '../../reconcile/plan.ts';
import { type PairKey, pairKey } from '../archive-store.ts';
import { SyncError } from '../errors.ts';
import type { ReplicaId, ReplicaIdentity } from '../replica.ts';
import type { SyncHalt, SyncNotice } from '../report.ts';
import type { SyncRun } from '../run-sync.ts';
import type { ReportBuilder } from './report-builder.ts';

export interface Met {
  readonly identities: Readonly<Record<Side, ReplicaIdentity>>;
  /** An id is missing only in a dry run, on a side that was never synced. */
  readonly ids: Readonly<Record<Side, ReplicaId | undefined>>;
  /** The archive's name; `undefined` while an id is missing. */
  readonly pair: PairKey | undefined;
  /** Alpha of this run is beta in the archive. */
  readonly turned: boolean;
  readonly halt?: SyncHalt | undefined;
}

export async function meet(options: SyncRun, report: ReportBuilder): Promise<Met> {
  const { alpha, beta, dryRun, profile } = options;
  const [left, right] = await Promise.all([identify('alpha', options, report), identify('beta', options, report)]);
  const identities = { alpha: left, beta: right };
  const halt = await findHalt(options, identities);
  const ids: Record<Side, ReplicaId | undefined> = { alpha: left.id, beta: right.id };
  if (halt === undefined && !dryRun) {
    [ids.alpha, ids.beta] = await Promise.all([left.id ?? alpha.establish(), right.id ?? beta.establish()]);
  }
  // A folder that is met by two ways has got its id only now.
  const sameHalt = halt ?? sameIdHalt(ids.alpha, ids.beta);
  const pair = ids.alpha === undefined || ids.beta === undefined ? undefined : pairKey(ids.alpha, ids.beta, profile);
  return { identities, ids, pair, turned: pair !== undefined && pair.alpha !== ids.alpha, halt: sameHalt };
}

/** Gives a root that has lost its marker the one that it had, where that is asked for. */
async function identify(side: Side, options: SyncRun, report: ReportBuilder): Promise<ReplicaIdentity> {
  const replica = options[side];
  const found = await replica.identify();
  if (options.restoreState !== true || found.root !== 'directory' || found.id !== undefined || found.restorable !== true) return found;
  const restored = await replica.restore?.({ dryRun: options.dryRun });
  if (restored === undefined) return found;
  report.notice(restoredNotice(side, options, `the marker and ${restored.archives} archive${restored.archives === 1 ? '' : 's'}`));
  return replica.identify();
}

/** `what` came back, or would. */
export function restoredNotice(side: Side, { names, dryRun }: SyncRun, what: string): SyncNotice {
  const verb = dryRun ? 'would be taken' : 'were taken';
  return { code: 'SYNC_STATE_RESTORED', side, message: `${what} of ${names[side]} ${verb} from the mirror outside the root` };
}

/** What peers are remembered by: where they were met, and for which profile. */
export function peerAddress({ host, path }: ReplicaIdentity, profile: string): string {
  return `${profile}@${host}:${path}`;
}

async function findHalt(options: SyncRun, identities: Readonly<Record<Side, ReplicaIdentity>>): Promise<SyncHalt | undefined> {
  for (const side of ['alpha', 'beta'] as const) {
    const halt = rootHalt(side, identities[side], options);
    if (halt !== undefined) return halt;
  }
  const { alpha, beta } = identities;
  // Only of two folders of this very machine can it be told by their paths; host names repeat. A folder that is met over a wire is known by its id.
  if (!options.alpha.capabilities.remote && !options.beta.capabilities.remote) {
    if (alpha.path === beta.path) {
      return { reason: 'peer-is-self', side: undefined, message: `both sides are the same folder, ${alpha.path}`, overridable: false };
    }
    if (isInside(alpha.path, beta.path) || isInside(beta.path, alpha.path)) {
      throw new SyncError('SYNC_ROOTS_OVERLAP', `one of the two folders lies inside the other: ${alpha.path} and ${beta.path}`, {
        path: beta.path,
        hint: 'two roots lie beside each other',
      });
    }
  }
  return sameIdHalt(alpha.id, beta.id) ?? changedHalt(beta, options);
}

function sameIdHalt(alpha: ReplicaId | undefined, beta: ReplicaId | undefined): SyncHalt | undefined {
  if (alpha === undefined || alpha !== beta) return undefined;
  return {
    reason: 'peer-is-self',
    side: undefined,
    message:
      'both sides have the same replica id: they are one folder, or one is a copy of the other (then remove .ubos-sync/replica.json from the copy)',
    overridable: false,
  };
}

function isInside(path: string, outer: string): boolean {
  return path.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}

function rootHalt(
  side: Side,
  { root, path, id, lostId, restorable = false }: ReplicaIdentity,
  { names, allow, rejoin }: SyncRun,
): SyncHalt | undefined {
  const where = `${path} on ${names[side]}`;
  switch (root) {
    case 'missing':
      return { reason: 'root-missing', side, message: `there is no ${where}`, overridable: false };
    case 'not-a-directory':
      return { reason: 'root-kind', side, message: `${where} is not a directory`, overridable: false };
    case 'foreign-fs':
      return { reason: 'root-kind', side, message: `${where} is on another kind of file system than when it was synced last`, overridable: false };
    case 'directory':
      if (id !== undefined || lostId === undefined || rejoin || allow?.has('marker-missing')) return undefined;
      return {
        reason: 'marker-missing',
        side,
        message: `${where} was synced before, but its marker is gone: ${restorable ? 'its state folder was removed' : 'it may not be mounted, or it is another folder'}`,
        overridable: true,
        restorable,
      };
  }
}

/** The one who starts the run remembers whom it met at beta's address. (Beta is not asked about alpha: a laptop has no address, and asking costs a round trip.) */
async function changedHalt(identity: ReplicaIdentity, { alpha, profile, names, allow, rejoin }: SyncRun): Promise<SyncHalt | undefined> {
  const known = await alpha.peers?.get(peerAddress(identity, profile));
  if (known === undefined || known === identity.id) return undefined;
  const where = `${identity.path} on ${names.beta}`;
  if (identity.id === undefined) {
    if (rejoin || allow?.has('marker-missing')) return undefined;
    return {
      reason: 'marker-missing',
      side: 'beta',
      message: `${where} was synced before, but its marker is gone: it may not be mounted`,
      overridable: true,
    };
  }
  if (rejoin) return undefined;
  return {
    reason: 'replica-changed',
    side: 'beta',
    message: `${where} is another replica than the one that was synced before; rejoining unites the two, and nothing is deleted`,
    overridable: false,
  };
}
