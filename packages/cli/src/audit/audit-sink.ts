/** Picks from the lines of a run what the audit keeps: what was changed, halted or failed, and one line for the run itself, always the last. */
import { logNamesMax } from '@ubos/sync-core';
import type { OutputLine, OutputLineOf } from '../render/lines.ts';
import type { Sink } from '../render/output.ts';
import { needsPerson } from '../render/words.ts';
import { appendAudit } from './audit-file.ts';

export interface AuditRun {
  readonly node: string;
  readonly profile: string;
  readonly dryRun: boolean;
}

/** `folder` is asked for when there is something to write; `undefined`: there is no place, and nothing is written. */
export function createAuditSink(run: AuditRun, folder: () => string | undefined): Sink {
  let waiting: Readonly<Record<string, unknown>>[] = [];
  const problems: { readonly path: string; readonly side: string; readonly code: string }[] = [];
  const logs: string[] = [];
  let command = '';
  return {
    line(line) {
      if (line.type === 'start') command = line.command;
      if (line.type === 'problem') problems.push({ path: line.path, side: line.side, code: line.code });
      if (line.type === 'log' && !line.dryRun && !needsPerson(line)) logs.push(line.name);
      const body = line.type === 'summary' ? runBody(line, { ...run, command, problems, logs }) : run.dryRun ? undefined : auditBody(line);
      if (body !== undefined) waiting.push(body);
      const isLast = line.type === 'summary';
      // A run of many changes is written as it goes on, so that even a killed one leaves its traces.
      if (!isLast && waiting.length < batchLines) return;
      const place = folder();
      if (place !== undefined && waiting.length > 0) appendAudit(place, waiting, { durable: isLast });
      waiting = [];
    },
  };
}

const batchLines = 500;
/** What the next run compares with. A list longer than this says enough. */
const problemsMax = 1000;

function auditBody(line: OutputLine): Readonly<Record<string, unknown>> | undefined {
  switch (line.type) {
    case 'change':
      return line.status === 'pending' ? undefined : { ...line };
    case 'conflict':
      return line.resolution === 'skipped' ? undefined : { ...line };
    case 'log':
      return line.outcome === 'up-to-date' || line.dryRun ? undefined : { ...line };
    case 'halt':
    case 'error':
    case 'notice':
      return { ...line };
    case 'start':
    case 'phase':
    case 'progress':
    case 'problem':
    case 'held':
    case 'log-verified':
    case 'status':
    case 'why':
    case 'config':
    case 'summary':
      return undefined;
  }
}

function runBody(
  {
    at,
    run,
    outcome,
    changes,
    conflicts,
    problems: problemCount,
    deletions,
    bytesSent,
    bytesReceived,
    durationMs,
    planId,
    planHash,
    exitCode,
  }: OutputLineOf<'summary'>,
  {
    node,
    profile,
    dryRun,
    command,
    problems,
    logs,
  }: AuditRun & { readonly command: string; readonly problems: readonly unknown[]; readonly logs: readonly string[] },
): Readonly<Record<string, unknown>> {
  return {
    type: 'run',
    run,
    at,
    command,
    node,
    profile,
    dryRun,
    outcome,
    exitCode,
    changes,
    deletions,
    conflicts,
    problems: problemCount,
    bytesSent,
    bytesReceived,
    durationMs,
    ...(planId !== undefined && { planId, planHash }),
    // For `status`: up to date counts, too.
    ...(logs.length === 0 ? {} : { logs: logs.slice(0, logNamesMax) }),
    ...(problems.length === 0 ? {} : { problemList: problems.slice(0, problemsMax) }),
  };
}
