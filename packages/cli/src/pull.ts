/** The logs of a run, one after the other: what became of each is a line. One that fails does not keep the others back. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type LogReport, pullLog } from '@ubos/sync-core';
import { createFsLogSink } from '@ubos/sync-core/fs';
import { problemKey } from './audit/history.ts';
import { guardsForNode, guardsFrom, type LogRule, type Profile } from './config/resolve.ts';
import { toSyncError } from './failure.ts';
import type { OutputLineOf } from './render/lines.ts';
import { formatCount } from './render/text.ts';
import { endsRun, type Run } from './runs.ts';
import { createProgressLimit } from './sync.ts';

export interface PullRequest {
  readonly dryRun: boolean;
  /** Of the command line; wins over that of each log. */
  readonly verify: LogRule['verify'] | undefined;
}

/** Folders of the targets, made where they are missing; the root itself is not. */
export function makeLogFolders({ root }: Profile, rules: readonly LogRule[]): void {
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  for (const { to } of rules) mkdirSync(dirname(join(root, to)), { recursive: true });
}

export async function pullLogsInRun(run: Run, rules: readonly LogRule[], request: PullRequest): Promise<void> {
  if (rules.length > 0) run.output.emit({ type: 'phase', name: 'log' });
  for (const rule of rules) {
    try {
      run.output.emit(logLine(await pullOne(run, rule, request)));
    } catch (error) {
      const { code, message } = toSyncError(error, run.io.signal);
      if (endsRun(error, run.io.signal)) throw error;
      run.tally.logsFailed++;
      const repeated = run.knownProblems.has(problemKey({ path: rule.name, side: 'local', code }));
      run.output.emit({ type: 'problem', path: rule.name, side: 'local', code, message, repeated });
    }
  }
}

async function pullOne({ io, profile, node, session, output }: Run, rule: LogRule, { dryRun, verify }: PullRequest): Promise<LogReport> {
  const path = join(profile.root, rule.to);
  if (!dryRun) {
    // Before the copy is there: a run that the other end starts must not take it for content.
    await (await session.local()).ownGuards?.set(guardsFrom(profile, node), guardsForNode(profile, node));
    makeLogFolders(profile, [rule]);
  }
  const source = await session.log(rule.from);
  try {
    const sink = await createFsLogSink(path, { root: profile.root });
    const mayTell = createProgressLimit();
    try {
      return await pullLog({
        source,
        sink,
        name: rule.name,
        verify: verify ?? rule.verify,
        lines: rule.lines,
        dryRun,
        signal: io.signal,
        onEvent(event) {
          if (event.type === 'progress' && mayTell()) output.emit(event);
        },
      });
    } finally {
      await sink.close();
    }
  } finally {
    await source.close();
  }
}

function logLine(report: LogReport): Omit<OutputLineOf<'log'>, 'run' | 'at'> {
  const { name, outcome, fromByte, toByte, lines, malformed, lastTimestamp, dryRun, differsAtByte } = report;
  return {
    type: 'log',
    name,
    outcome,
    fromByte,
    toByte,
    lines: lines ?? null,
    malformed: malformed ?? null,
    lastTimestamp: lastTimestamp ?? null,
    dryRun,
    ...(differsAtByte === undefined ? {} : { message: `source and copy part at byte ${formatCount(differsAtByte)}` }),
  };
}
