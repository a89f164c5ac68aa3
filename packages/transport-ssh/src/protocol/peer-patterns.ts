import { parseScopeRules, type ScopeRules, SyncError } from '@ubos/sync-core';

/** A pattern that does not cross the wire is the config's fault, and is said where the config is. */
export function checkPatterns(scope: ScopeRules): void {
  const parsed = parseScopeRules(scope);
  if (!parsed.ok) throw new SyncError('SYNC_CONFIG_INVALID', parsed.error);
}
