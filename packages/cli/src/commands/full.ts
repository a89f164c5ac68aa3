import type { ExitCode, Outcome } from '../exit-code.ts';
import type { FullFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { checkLive, endsRun, runWithPeers } from '../runs.ts';

/**
 * Truth, then logs, over one connection. `--dry-run` changes nothing at all, whatever else is given; without it the logs are pulled
 * even where truth is a dry run, because a pull can only append.
 */
export async function full(io: Io, flags: FullFlags): Promise<ExitCode> {
  const dryRun = flags.apply !== true || flags.dryRun === true;
  const dryRunLogs = flags.dryRun === true || flags.dryRunLogs === true;
  return runWithPeers(
    io,
    flags,
    { command: 'full', dryRun, tellPending: flags.exitCode, check: (profile) => checkLive(profile, !dryRun) },
    async (run) => {
      const [{ logFolders, makeLogFolders, pullLogsInRun }, { logsOfRun }, { syncInRun }] = await Promise.all([
        import('../pull.ts'),
        import('../log-rules.ts'),
        import('../sync.ts'),
      ]);
      if (!dryRunLogs && !dryRun) makeLogFolders(run.profile, run.node);
      const pull = async (): Promise<void> => pullLogsInRun(run, await logsOfRun(run, []), { dryRun: dryRunLogs, verify: flags.verify });
      let outcome: Outcome;
      try {
        outcome = (await syncInRun(run, { flags, dryRun, paths: undefined, ownFolders: [run.profile.audit, ...logFolders(run.profile, run.node)] }))
          .outcome;
      } catch (error) {
        // A root that is locked or missing says nothing about the logs; a connection that is lost does.
        if (!endsRun(error, io.signal)) await pull();
        throw error;
      }
      await pull();
      return { outcome: withLogs(outcome, run.tally.logsFailed + run.tally.logsLeftAlone > 0) };
    },
  );
}

/** What truth came to is what a full run came to, but for logs that did not come along. A halt or a closed gate stays what it is. */
function withLogs(outcome: Outcome, incomplete: boolean): Outcome {
  return incomplete && (outcome === 'in-sync' || outcome === 'applied') ? 'partial' : outcome;
}
