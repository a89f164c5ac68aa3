/** What the audit of this end says about earlier runs. Reads from the end, as far as needed. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RelativePath } from '@ubos/sync-core';
import { toJsonLine } from '../render/json.ts';
import { type OutputLine, type OutputLineOf, outputLineSchema } from '../render/lines.ts';
import { auditFileName } from './audit-file.ts';
import { linesBackwards } from './backwards.ts';
import { readChainLine } from './chain.ts';
import { isRunId } from './run-log.ts';

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

/** When each of these logs was pulled last, whether or not anything was new. Reads as far back as it takes to find them all. */
export function lastPulls(
  folder: string | undefined,
  { node, profile }: { readonly node: string; readonly profile: string },
  names: readonly string[],
): ReadonlyMap<string, string> {
  const wanted = new Set(names);
  const pulls = new Map<string, string>();
  if (wanted.size === 0) return pulls;
  for (const { logs, at, ...run } of runsBackwards(folder)) {
    if (!Array.isArray(logs) || run['node'] !== node || run['profile'] !== profile) continue;
    for (const name of logs as readonly unknown[]) if (typeof name === 'string' && wanted.delete(name)) pulls.set(name, String(at));
    if (wanted.size === 0) break;
  }
  return pulls;
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

type Found = OutputLineOf<'why'>['found'][number];
type Past = OutputLineOf<'why'>['history'][number];

/** The conflicts and problems of a run, from its log. None where the log was pruned, or nothing was worth one. */
export function lastRunLines(folder: string | undefined, run: PastRun | null): Found[] {
  if (folder === undefined || run === null || !isRunId(run.run)) return [];
  return linesOf(join(folder, `${run.run}.jsonl`)).flatMap((text) => {
    const line = parseLine(text);
    return line?.type === 'conflict' || line?.type === 'problem' ? [line] : [];
  });
}

/** What the audit has of one path, the latest first, at most `max` lines. */
export function historyOf(folder: string | undefined, path: RelativePath, max: number): Past[] {
  const needle = toJsonLine({ path }).slice(1, -1);
  const found: Past[] = [];
  for (const text of auditBackwards(folder)) {
    if (!text.includes(needle)) continue;
    const body = Object.entries(readChainLine(text)?.body ?? {}).filter(([name]) => !chainFields.has(name));
    const line = outputLineSchema.safeParse(Object.fromEntries(body)).data;
    if ((line?.type === 'change' || line?.type === 'conflict') && line.path === path && found.push(line) === max) break;
  }
  return found;
}

/** What the audit adds to a line. */
const chainFields: ReadonlySet<string> = new Set(['seq', 'prev', 'tornBytes']);

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** `undefined`: not a line of this version. */
function parseLine(text: string): OutputLine | undefined {
  try {
    return outputLineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
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
  for (const text of auditBackwards(folder)) {
    // Most lines are changes: only those that can be runs are parsed. A line that was altered counts for nothing.
    const line = text.includes('"type":"run"') ? readChainLine(text) : undefined;
    if (line?.body['type'] === 'run') yield line.body;
  }
}

function* auditBackwards(folder: string | undefined): Generator<string> {
  if (folder === undefined) return;
  let fd: number;
  try {
    fd = openSync(join(folder, auditFileName), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    yield* linesBackwards(fd);
  } finally {
    closeSync(fd);
  }
}
