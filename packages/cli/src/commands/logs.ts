import { SyncError } from '@ubos/sync-core';
import type { ExitCode } from '../exit-code.ts';
import type { LogsFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { type Run, runWithPeers } from '../runs.ts';

/** Pulls the logs. Needs no second key: it is one way and can only append. */
export async function logs(io: Io, flags: LogsFlags, names: readonly string[]): Promise<ExitCode> {
  const { dryRun = false, follow = false, print = false, sinceCursor = false, verify } = flags;
  checkTogether(flags, names);
  const request = { command: 'logs', dryRun, follows: follow, toStderr: print, readsOnly: print };
  return runWithPeers(io, flags, request, async (run) => {
    const { logsOfRun } = await import('../log-rules.ts');
    const chosen = await logsOfRun(run, names);
    if (follow) {
      const { followLogsInRun, printLogInRun } = await import('../follow.ts');
      const [only] = chosen;
      if (!print) await followLogsInRun(run, flags, chosen, { verify });
      else if (chosen.length > 1) throw new SyncError('SYNC_USAGE', `--print takes one log, not ${chosen.length}`);
      else if (only !== undefined) await printLogInRun(run, flags, only, { sinceCursor });
    } else {
      const { pullLogsInRun } = await import('../pull.ts');
      await pullLogsInRun(run, chosen, { dryRun, verify });
    }
    return endOf(run, dryRun);
  });
}

function endOf(
  { tally: { logsFailed, logsLeftAlone, logsMoved } }: Run,
  dryRun: boolean,
): { outcome: 'partial' | 'in-sync' | 'pending' | 'applied' } {
  if (logsFailed + logsLeftAlone > 0) return { outcome: 'partial' };
  return { outcome: logsMoved === 0 ? 'in-sync' : dryRun ? 'pending' : 'applied' };
}

function checkTogether({ dryRun, follow, print, sinceCursor, json, verify }: LogsFlags, names: readonly string[]): void {
  const refuse = (message: string): never => {
    throw new SyncError('SYNC_USAGE', message);
  };
  if (follow === true && dryRun === true) refuse('--follow makes no dry run');
  if (print === true && follow !== true) refuse('--print goes with --follow');
  if (sinceCursor === true && print !== true)
    refuse('--since-cursor goes with --print; a log that is followed into its copy always goes on where that ends');
  if (print === true && names.length !== 1) refuse('--print takes the name of one log');
  if (print === true && json === true) refuse('--print and --json both write to stdout');
  if (print === true && verify !== undefined) refuse('--verify is about the copy of a log; --print makes none');
}
