import type { ExitCode } from '../exit-code.ts';
import type { LogsFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { runWithPeers } from '../runs.ts';

/** Pulls the logs. Needs no second key: it is one way and can only append. */
export async function logs(io: Io, flags: LogsFlags, names: readonly string[]): Promise<ExitCode> {
  const dryRun = flags.dryRun === true;
  return runWithPeers(io, flags, { command: 'logs', dryRun }, async (run) => {
    const [{ pullLogsInRun }, { logsOfRun }] = await Promise.all([import('../pull.ts'), import('../log-rules.ts')]);
    await pullLogsInRun(run, await logsOfRun(run, names), { dryRun, verify: flags.verify });
    const { logsFailed, logsLeftAlone, logsMoved } = run.tally;
    if (logsFailed + logsLeftAlone > 0) return { outcome: 'partial' };
    return { outcome: logsMoved === 0 ? 'in-sync' : dryRun ? 'pending' : 'applied' };
  });
}
