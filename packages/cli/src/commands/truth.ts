import type { ExitCode } from '../exit-code.ts';
import type { TruthFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { checkLive, runWithPeers } from '../runs.ts';

/** Two-way sync; a dry run unless both keys are turned. */
export async function truth(io: Io, flags: TruthFlags, paths: readonly string[]): Promise<ExitCode> {
  const dryRun = flags.apply !== true;
  return runWithPeers(
    io,
    flags,
    { command: 'truth', dryRun, tellPending: flags.exitCode, check: (profile) => checkLive(profile, !dryRun) },
    async (run) => {
      // The engine is loaded while the node is being reached.
      const { pathsInRoot, syncInRun } = await import('../sync.ts');
      return { outcome: (await syncInRun(run, { flags, dryRun, paths: pathsInRoot(run.profile.root, io.cwd, paths) })).outcome };
    },
  );
}
