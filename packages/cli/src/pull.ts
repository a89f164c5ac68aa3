/** The logs of a run, one after the other: what became of each is a line. One that fails does not keep the others back. */
import { join } from 'node:path';
import { type LogReport, type LogSource, parentPath, pullLog, type RelativePath, rootPath, SyncError } from '@ubos/sync-core';
import { createFsLogSink } from '@ubos/sync-core/fs';
import { problemKey } from './audit/history.ts';
import { guardsForNode, guardsFrom, type LogRule, type Node, type Profile, ruleOnNode } from './config/resolve.ts';
import { toSyncError } from './failure.ts';
import { folderInRoot } from './folders.ts';
import type { OutputLineOf } from './render/lines.ts';
import { formatCount } from './render/text.ts';
import { endsRun, type Run } from './runs.ts';
import type { Session } from './session.ts';
import { createProgressLimit } from './sync.ts';

export interface PullRequest {
  readonly dryRun: boolean;
  /** Of the command line; wins over that of each log. */
  readonly verify: LogRule['verify'] | undefined;
}

/** The folder of the target, made where it is missing; the root itself is not. `SYNC_LOG_NOT_A_FILE` if a link, or what is no folder, is on the way. */
function makeLogFolder({ root }: Profile, { to }: LogRule): void {
  folderInRoot(root, parentPath(to) ?? rootPath, {
    make: true,
    refuse: (path, what) =>
      new SyncError('SYNC_LOG_NOT_A_FILE', `the target ${to} of a log is refused: ${path} is ${what}`, {
        path,
        hint: 'make it a plain folder, or name another target as `to`',
      }),
  });
}

export function logFolders({ logs }: Profile, node: Node): readonly RelativePath[] {
  return logs.map((rule) => parentPath(ruleOnNode(rule, node).to) ?? rootPath);
}

/** Before the scan: a folder that appears after it would be a change for the next run. What cannot be made is told when its log is pulled. */
export function makeLogFolders(profile: Profile, node: Node): void {
  for (const rule of profile.logs) {
    try {
      makeLogFolder(profile, ruleOnNode(rule, node));
    } catch {
      // Keeps neither truth nor the other logs back.
    }
  }
}

export async function pullLogsInRun(run: Run, rules: readonly LogRule[], request: PullRequest): Promise<void> {
  if (rules.length > 0) run.output.emit({ type: 'phase', name: 'log' });
  await forEachLog(run, rules, async (rule, onSourceFailure) => {
    run.output.emit(logLine(await pullOne(run, rule, request, onSourceFailure)));
  });
}

/** One after the other. A failure of one log is a problem of its path, on the node's side if `onSourceFailure` was told of it, and does not keep the others back. */
export async function forEachLog<Rule extends LogRule>(
  run: Run,
  rules: readonly Rule[],
  work: (rule: Rule, onSourceFailure: (error: unknown) => void) => Promise<void>,
): Promise<void> {
  for (const rule of rules) {
    const ofSource = new Set<unknown>();
    try {
      await work(rule, (error) => ofSource.add(error));
    } catch (error) {
      const { code, message } = toSyncError(error, run.io.signal);
      if (endsRun(error, run.io.signal)) throw error;
      run.tally.logsFailed++;
      const side = ofSource.has(error) || code === 'SYNC_SOURCE_CHANGED' ? 'remote' : 'local';
      const repeated = run.knownProblems.has(problemKey({ path: rule.name, side, code }));
      run.output.emit({ type: 'problem', path: rule.name, side, code, message, repeated });
    }
  }
}

async function pullOne(run: Run, rule: LogRule, { dryRun, verify }: PullRequest, onSourceFailure: (error: unknown) => void): Promise<LogReport> {
  const { io, profile, session, output } = run;
  const path = join(profile.root, rule.to);
  if (!dryRun) await prepareTarget(run, rule);
  const source = await openSource(session, rule.from, onSourceFailure);
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
        onRotate: rule.onRotate,
        onFork: rule.onFork,
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

export async function prepareTarget({ profile, node, session }: Run, rule: LogRule): Promise<void> {
  // Before the copy is there: a run that the other end starts must not take it for content.
  await (await session.local()).ownGuards?.set(guardsFrom(profile, node), guardsForNode(profile, node));
  makeLogFolder(profile, rule);
}

/** The log on the node, whose failures are told apart from those of this end. */
export async function openSource(session: Session, from: string, onFailure: (error: unknown) => void): Promise<LogSource> {
  const told = (error: unknown): never => {
    onFailure(error);
    throw error;
  };
  const source = await session.log(from).catch(told);
  return {
    name: source.name,
    facts: (request) => source.facts(request).catch(told),
    async *read(request) {
      try {
        yield* source.read(request);
      } catch (error) {
        told(error);
      }
    },
    async *follow(request) {
      try {
        yield* source.follow(request);
      } catch (error) {
        told(error);
      }
    },
    generations: (request) => source.generations(request).catch(told),
    close: () => source.close(),
  };
}

export function logLine(report: LogReport): Omit<OutputLineOf<'log'>, 'run' | 'at'> {
  const {
    name,
    outcome,
    fromByte,
    toByte,
    lines,
    malformed,
    malformedAtBytes,
    checkedLines,
    firstTimestamp,
    lastTimestamp,
    finished,
    gap,
    unread,
    dryRun,
    differsAtByte,
  } = report;
  return {
    type: 'log',
    name,
    outcome,
    fromByte,
    toByte,
    lines: lines ?? null,
    malformed: malformed ?? null,
    malformedAtBytes: [...malformedAtBytes],
    checkedLines,
    firstTimestamp: firstTimestamp ?? null,
    lastTimestamp: lastTimestamp ?? null,
    finished: finished.map(({ keptAs, ...part }) => ({ ...part, keptAs: keptAs ?? null })),
    gap: gap ?? null,
    unread: [...unread],
    dryRun,
    ...(differsAtByte === undefined ? {} : { message: `source and copy part at byte ${formatCount(differsAtByte)}` }),
  };
}
