import type { ExitCode } from '../exit-code.ts';
import { usageError } from '../failure.ts';
import type { TruthFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { checkLive, runWithPeers } from '../runs.ts';

/** Two-way sync; a dry run, which seals its plan, unless both keys are turned. */
export async function truth(io: Io, flags: TruthFlags, paths: readonly string[]): Promise<ExitCode> {
  const dryRun = flags.apply !== true;
  if (flags.plan !== undefined) checkPlanFlags(flags, paths);
  return runWithPeers(
    io,
    flags,
    { command: 'truth', dryRun, tellPending: flags.exitCode, check: (profile) => checkLive(profile, !dryRun) },
    async (run) => {
      // The engine is loaded while the node is being reached.
      const { pathsInRoot, syncInRun } = await import('../sync.ts');
      const { outcome, plan, left } = await syncInRun(run, {
        flags,
        dryRun,
        paths: pathsInRoot(run.profile.root, io.cwd, paths),
        sealing: { plan: flags.plan },
        ownFolders: [run.profile.audit],
      });
      return { outcome, plan: plan && { ...plan, left } };
    },
  );
}

/** A plan is one pair's, and is made as it was looked at. */
function checkPlanFlags({ all, node = [], first }: TruthFlags, paths: readonly string[]): void {
  if (all === true || node.length > 1) throw usageError('--plan is for one node: the one that the plan was made with');
  if (paths.length > 0) throw usageError('--plan takes no PATHs: the plan is what was selected when it was made');
  if (first !== undefined) throw usageError('--plan takes no --first: the plan has decided that');
}
