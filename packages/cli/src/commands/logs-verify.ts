import { join } from 'node:path';
import { type LogVerification, parentPath, verifyLog } from '@ubos/sync-core';
import { createFsLogSink } from '@ubos/sync-core/fs';
import type { LogRule } from '../config/resolve.ts';
import type { ExitCode } from '../exit-code.ts';
import { usageError } from '../failure.ts';
import type { LogsFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { logsOfRun } from '../log-rules.ts';
import { forEachLog, openSource } from '../pull.ts';
import type { OutputLineOf } from '../render/lines.ts';
import { runWithPeers } from '../runs.ts';

/** Compares the copies of the logs with what is on the node, whole. Reads only: no audit, no log of the run. */
export async function logsVerify(io: Io, flags: LogsFlags, names: readonly string[]): Promise<ExitCode> {
  if (flags.verify !== undefined) throw usageError('--verify is about what a pull proves; `logs verify` compares everything');
  return runWithPeers(io, flags, { command: 'logs verify', dryRun: true, readsOnly: true }, async (run) => {
    const rules = await logsOfRun(run, names);
    if (rules.length > 0) run.output.emit({ type: 'phase', name: 'verify' });
    await forEachLog(run, rules, async (rule, onSourceFailure) => {
      const source = await openSource(run.session, rule.from, onSourceFailure);
      try {
        const sink = await createFsLogSink(join(run.profile.root, rule.to), { root: run.profile.root });
        for (const found of await verifyLog({ source, sink, signal: io.signal })) run.output.emit(verifiedLine(rule, found));
        await sink.close();
      } finally {
        await source.close();
      }
    });
    const { logsFailed, logsLeftAlone } = run.tally;
    return { outcome: logsFailed + logsLeftAlone > 0 ? 'partial' : 'in-sync' };
  });
}

function verifiedLine({ name, to }: LogRule, found: LogVerification): Omit<OutputLineOf<'log-verified'>, 'run' | 'at'> {
  const { copy, isFinished, generation, differing, outcome, copyBytes, sourceBytes, chunks } = found;
  const folder = parentPath(to) ?? '';
  return {
    type: 'log-verified',
    name,
    copy: folder === '' ? copy : `${folder}/${copy}`,
    finished: isFinished,
    generation: generation ?? null,
    outcome,
    copyBytes,
    sourceBytes,
    chunks,
    differing: differing.map(({ start, end }) => ({ fromByte: start, toByte: end })),
  };
}
