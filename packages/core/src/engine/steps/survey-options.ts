/** What both scans of a run, and the one ahead, are asked with. */
import type { Folding, ScopeRules } from '../../scope/rules.ts';
import type { LockOptions, ReplicaIdentity, ScanOptions } from '../replica.ts';
import type { SyncOptions } from '../run-sync.ts';

export function lockOptionsOf(
  { lockWaitMs = 60_000, dryRun, signal }: SyncOptions,
  { initiator, run }: { readonly initiator: string; readonly run: string },
): LockOptions {
  return { waitMs: lockWaitMs, initiator, run, dryRun, signal };
}

export function scanOptionsOf(
  { settings, rehash, dryRun, signal, onEvent }: SyncOptions,
  scope: ScopeRules,
  peerFolding?: Folding,
): Omit<ScanOptions, 'baseline'> {
  return {
    settings: { ...settings, scope },
    peerFolding,
    rehash,
    dryRun,
    signal,
    onProgress: ({ doneItems, doneBytes }) => onEvent?.({ type: 'progress', phase: 'scan', doneItems, doneBytes, totalItems: 0, totalBytes: 0 }),
  };
}

/** Guards of both ends add up; they are not part of the settings that the ends have to agree on. */
export function scopeWith({ settings, guards = [] }: SyncOptions, ends: readonly ReplicaIdentity[]): ScopeRules {
  const more = new Set([...guards, ...ends.flatMap((end) => end.guards ?? [])]);
  return { ...settings.scope, guard: [...settings.scope.guard, ...[...more].sort()] };
}

/** Before anything is looked at: the other end may start a run of its own as soon as this one is over, or broken off, and knows nothing of the config here. */
export async function keepGuards({ alpha, guards, guardsFrom, profile, dryRun }: SyncOptions): Promise<void> {
  if (guards !== undefined && !dryRun) await alpha.ownGuards?.set(guardsFrom ?? profile, guards);
}
