import { systemClock } from '@ubos/sync-core/fs';
import { readHistory } from '../audit/history.ts';
import type { ExitCode } from '../exit-code.ts';
import type { StatusFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { runWithPeers } from '../runs.ts';

/**
 * Pending changes, last run, age of the last success, conflicts, and how far each log was pulled. Reads only: no audit, no log of the run. What is known here is told first,
 * so that it is there also when the node cannot be reached. A last success that is older than `--max-age` is a 3, because units take 1 as success.
 */
export async function status(io: Io, flags: StatusFlags): Promise<ExitCode> {
  return runWithPeers(io, flags, { command: 'status', dryRun: true, readsOnly: true, tellPending: flags.exitCode }, async (run) => {
    const { lastRun, lastSuccess } = readHistory(run.auditFolder, run.node.name, run.profile.name);
    const ageMs = lastSuccess === null ? null : Math.max(0, systemClock.nowMs() - Date.parse(lastSuccess.at));
    const maxAgeMs = flags.maxAge ?? null;
    const logs = run.profile.logs.length === 0 ? [] : await (await import('../log-status.ts')).logStatuses(run);
    run.output.emit({ type: 'status', lastRun, lastSuccess, ageMs, maxAgeMs, logs });
    const isTooOld = maxAgeMs !== null && (ageMs === null || ageMs > maxAgeMs);
    // Another run is not waited for: who holds the root is an answer, too.
    const { syncInRun } = await import('../sync.ts');
    const { outcome } = await syncInRun(run, { flags: { ...flags, lockWait: 0 }, dryRun: true, paths: undefined });
    return { outcome, atLeast: isTooOld ? 3 : 0 };
  });
}
