import type { DigestKind } from '../hash/digest.ts';
import type { PermissionPolicy, PermissionRules } from '../scope/permission-masks.ts';
import type { ScopeRules } from '../scope/rules.ts';
import type { ReplicaId } from './replica.ts';

/** `portable`: relative links that stay inside the root; others are left alone and noted. `raw`: every link, as it is. `ignore`: none. */
export type SymlinkMode = 'portable' | 'raw' | 'ignore';

/** What a scan has to know. Policies may say more than a scan asks of them. */
export interface ScanSettings extends PermissionRules {
  readonly scope: ScopeRules;
  readonly digest: DigestKind;
  readonly symlinks: SymlinkMode;
}

/**
 * What both ends of a pair must agree on, kept in the archive, compared as canonical JSON. Sides are named by replica id, so that it reads
 * the same whoever starts the run. What follows from one end's config alone (its log targets, its audit folder) is not part of it:
 * those guards are added to `scope` at run time and are not compared.
 */
export interface PairSettings extends ScanSettings {
  readonly conflicts: 'newer' | 'keep-both' | 'skip' | ReplicaId;
  readonly onTie: 'skip' | 'keep-both';
  /** `both`, or the replica whose changes alone travel. */
  readonly direction: 'both' | { readonly from: ReplicaId };
  readonly maxDelete: Limit;
  readonly maxChange: Limit;
  readonly policies: readonly PathPolicySettings[];
}

export interface PathPolicySettings extends PermissionPolicy {
  readonly conflicts?: PairSettings['conflicts'] | undefined;
  readonly direction?: PairSettings['direction'] | undefined;
}

/** A share of the files (0 to 1), or a plain number of files. */
export type Limit = { readonly share: number } | { readonly count: number };
