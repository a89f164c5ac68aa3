/** A profile's settings as the one who starts a run sees them (alpha is here, beta is there), and their form in the archive (by replica id). */
import type { ConflictPolicy, Direction } from '../reconcile/policy.ts';
import { canonicalRules } from '../scope/canonical-rules.ts';
import type { PermissionPolicy } from '../scope/permission-masks.ts';
import type { ReplicaId } from './replica.ts';
import type { Limit, PairSettings, ScanSettings } from './settings.ts';

export interface SyncSettings extends ScanSettings {
  readonly conflicts: ConflictPolicy;
  readonly onTie: 'skip' | 'keep-both';
  readonly direction: Direction;
  readonly maxDelete: Limit;
  readonly maxChange: Limit;
  /** Patterns with exceptions; the last that matches wins, field by field. */
  readonly policies: readonly (PermissionPolicy & {
    readonly conflicts?: ConflictPolicy | undefined;
    readonly direction?: Direction | undefined;
  })[];
}

/** CONTRACT's defaults: everything in scope, newer wins, a quarter may be deleted. */
export const defaultSyncSettings: SyncSettings = {
  scope: { include: [], exclude: [], guard: [] },
  digest: 'fast',
  permissions: 'all',
  symlinks: 'portable',
  conflicts: 'newer',
  onTie: 'skip',
  direction: 'both',
  maxDelete: { share: 0.25 },
  maxChange: { share: 0.5 },
  policies: [],
};

export function toPairSettings(settings: SyncSettings, ids: { readonly alpha: ReplicaId; readonly beta: ReplicaId }): PairSettings {
  const conflicts = (policy: ConflictPolicy): PairSettings['conflicts'] => (policy === 'alpha' ? ids.alpha : policy === 'beta' ? ids.beta : policy);
  const direction = (value: Direction): PairSettings['direction'] =>
    value === 'both' ? 'both' : { from: value === 'alpha-to-beta' ? ids.alpha : ids.beta };
  return {
    scope: settings.scope,
    digest: settings.digest,
    permissions: settings.permissions,
    symlinks: settings.symlinks,
    conflicts: conflicts(settings.conflicts),
    onTie: settings.onTie,
    direction: direction(settings.direction),
    maxDelete: settings.maxDelete,
    maxChange: settings.maxChange,
    policies: settings.policies.map((policy) => ({
      match: policy.match,
      ...(policy.permissions === undefined ? {} : { permissions: policy.permissions }),
      ...(policy.conflicts === undefined ? {} : { conflicts: conflicts(policy.conflicts) }),
      ...(policy.direction === undefined ? {} : { direction: direction(policy.direction) }),
    })),
  };
}

/** The names of the settings that differ, `[]` if the two decide alike. Order of keys does not count, nor that of includes and guards; that of excludes does. */
export function differingSettings(a: PairSettings, b: PairSettings): readonly string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof PairSettings)[];
  const text = (settings: PairSettings, name: keyof PairSettings): string =>
    canonicalJson(name === 'scope' ? canonicalRules(settings.scope) : settings[name]);
  return names.filter((name) => text(a, name) !== text(b, name)).sort();
}

/** JSON with sorted keys and without `undefined`: equal values have equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
}
