/** What the audit of this end says about earlier runs. Reads from the end, as far as needed. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { OutputLineOf } from '../render/lines.ts';
import { auditFileName } from './audit-file.ts';
import { linesBackwards } from './backwards.ts';
import { readChainLine } from './chain.ts';

export type PastRun = NonNullable<OutputLineOf<'status'>['lastRun']>;

export interface History {
  readonly lastRun: PastRun | null;
  readonly lastSuccess: PastRun | null;
}

/** The last sync with this node, and the last one that did all that can be done without a person (exit code 0 or 1). Dry runs and pulls of logs do not count. */
export function readHistory(folder: string | undefined, node: string, profile: string): History {
  let lastRun: PastRun | null = null;
  for (const body of runsBackwards(folder)) {
    if (body['node'] !== node || body['profile'] !== profile || body['dryRun'] === true || !isSync(body['command'])) continue;
    const run = toPastRun(body);
    lastRun ??= run;
    if (run.exitCode <= 1) return { lastRun, lastSuccess: run };
  }
  return { lastRun, lastSuccess: null };
}

/** Problems of the last run of the same kind, as `side code path`. */
export function lastProblems(
  folder: string | undefined,
  { node, profile, dryRun }: { readonly node: string; readonly profile: string; readonly dryRun: boolean },
): ReadonlySet<string> {
  for (const body of runsBackwards(folder)) {
    if (body['node'] !== node || body['profile'] !== profile || body['dryRun'] !== dryRun || !isSync(body['command'])) continue;
    const list = (body['problemList'] ?? []) as readonly { readonly path: string; readonly side: string; readonly code: string }[];
    return new Set(list.map(problemKey));
  }
  return new Set();
}

export function problemKey({ path, side, code }: { readonly path: string; readonly side: string; readonly code: string }): string {
  return `${side} ${code} ${path}`;
}

function isSync(command: unknown): boolean {
  return command === 'truth' || command === 'full';
}

function toPastRun(body: Readonly<Record<string, unknown>>): PastRun {
  return {
    run: String(body['run']),
    at: String(body['at']),
    command: String(body['command']),
    outcome: String(body['outcome']),
    exitCode: Number(body['exitCode']),
  };
}

function* runsBackwards(folder: string | undefined): Generator<Readonly<Record<string, unknown>>> {
  if (folder === undefined) return;
  let fd: number;
  try {
    fd = openSync(join(folder, auditFileName), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    for (const text of linesBackwards(fd)) {
      // Most lines are changes: only those that can be runs are parsed. A line that was altered counts for nothing.
      const line = text.includes('"type":"run"') ? readChainLine(text) : undefined;
      if (line?.body['type'] === 'run') yield line.body;
    }
  } finally {
    closeSync(fd);
  }
}
