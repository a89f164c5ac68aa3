import { SyncError } from '@ubos/sync-core';
import type { ExitCode } from '../exit-code.ts';
import type { EngineFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { checkLive, runWithPeers } from '../runs.ts';

/** Takes a run back, on both sides; a dry run unless both keys are turned. */
export async function undo(io: Io, flags: EngineFlags, name: string): Promise<ExitCode> {
  // What a run can be called; anything else would be refused by the far side for a broken message.
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name)) throw new SyncError('SYNC_USAGE', `${name} is not the name of a run`, { run: name });
  const dryRun = flags.apply !== true;
  return runWithPeers(io, flags, { command: 'undo', dryRun, check: (profile) => checkLive(profile, !dryRun) }, async (run) => {
    const { undoInRun } = await import('../sync.ts');
    return { outcome: (await undoInRun(run, { flags, dryRun, undo: name })).outcome };
  });
}
