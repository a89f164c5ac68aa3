import { parsePeerPattern, parseScopeRules, peerPatternsMax, type ScanSettings, SyncError } from '@ubos/sync-core';

/** A pattern that does not cross the wire is the config's fault, and is said where the config is. */
export function checkPatterns({ scope, policies }: Pick<ScanSettings, 'scope' | 'policies'>): void {
  const rules = parseScopeRules(scope);
  if (!rules.ok) throw new SyncError('SYNC_CONFIG_INVALID', rules.error);
  if (policies.length > peerPatternsMax) throw new SyncError('SYNC_CONFIG_INVALID', `more than ${peerPatternsMax} policies`);
  for (const { match } of policies) {
    const pattern = parsePeerPattern(match);
    if (!pattern.ok) throw new SyncError('SYNC_CONFIG_INVALID', `the policy for ${JSON.stringify(match)}: ${pattern.error}`);
  }
}
