import type { Side } from '../reconcile/plan.ts';
import type { ConflictPolicy } from '../reconcile/policy.ts';
import type { RelativePath } from '../tree/path.ts';
import type { Clock } from './clock.ts';
import type { OnEvent } from './events.ts';
import type { Replica } from './replica.ts';
import type { HaltReason, SyncReport } from './report.ts';
import type { SyncSettings } from './sync-settings.ts';

export interface SyncOptions {
  /** The side that starts the run; its config decides. */
  readonly alpha: Replica;
  readonly beta: Replica;
  readonly names: Readonly<Record<Side, string>>;
  /** Name of the profile: one archive per pair of replicas and name. */
  readonly profile: string;
  readonly settings: SyncSettings;
  /** Guards that follow from this end's config alone (config file, log targets, audit folder). Not compared with the other end's. */
  readonly guards?: readonly string[] | undefined;
  /** Id of this run, if the caller has named it already (its logs began before); else the clock makes one. */
  readonly run?: string | undefined;
  readonly dryRun: boolean;
  /** Settles the content conflicts of a first sync, once. */
  readonly first?: ConflictPolicy | undefined;
  /** Halts to be taken for this run. */
  readonly allow?: ReadonlySet<HaltReason> | undefined;
  /** Only changes at or below these paths; scope, archive and guards stay those of the whole. */
  readonly paths?: readonly RelativePath[] | undefined;
  /** Hash all content anew. */
  readonly rehash?: boolean | undefined;
  readonly durability?: 'full' | 'fast' | undefined;
  readonly requireAdmission?: boolean | undefined;
  readonly lockWaitMs?: number | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

/** One synchronisation of two replicas. */
export declare function runSync(options: SyncOptions): Promise<SyncReport>;
