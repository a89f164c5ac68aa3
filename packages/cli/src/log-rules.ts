/** Which logs a run is about: those that the config names, and for each of its patterns those that the node has now. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logsOfGeneration, parseLogName } from '@ubos/sync-core';
import { problemKey } from './audit/history.ts';
import { chooseLogs, type GlobRule, isCalled, isGlobRule, type LogRule, ruleOfName, ruleOnNode } from './config/resolve.ts';
import { forEachLog } from './pull.ts';
import type { Run } from './runs.ts';

/**
 * In the order of the config; those of one pattern by name. `names` as on a command line, all if there are none; the node is asked only if they may be among what
 * a pattern matches. What cannot be listed, or cannot be a name here, is a problem of its path and keeps nothing else back. `SYNC_USAGE` for a name of no log.
 */
export async function logsOfRun(run: Run, names: readonly string[]): Promise<readonly LogRule[]> {
  const rules = run.profile.logs.map((rule) => ruleOnNode(rule, run.node));
  const plain = rules.filter((rule) => !isGlobRule(rule));
  if (plain.length === rules.length || (names.length > 0 && names.every((name) => plain.some((rule) => isCalled(rule, name)))))
    return chooseLogs(plain, names);

  // A rule that names a log says more about it than one that matches it.
  const targets = new Set<string>(plain.map(({ to }) => to));
  const found = new Map<LogRule, readonly LogRule[]>();
  await forEachLog(run, rules.filter(isGlobRule), async (rule, onSourceFailure) => {
    const listed = await run.session.logNames(rule.glob.folder, rule.glob.pattern).catch((error: unknown) => {
      onSourceFailure(error);
      throw error;
    });
    const logs = logsAmong(run, rule, listed).filter(({ to }) => !targets.has(to));
    for (const { to } of logs) targets.add(to);
    found.set(rule, logs);
  });
  return chooseLogs(
    rules.flatMap((rule) => (isGlobRule(rule) ? (found.get(rule) ?? []) : [rule])),
    names,
  );
}

/** Without generations of logs that are listed as well, or that have a copy here: while a log is rotated, it may not be there for a moment. */
function logsAmong(run: Run, rule: GlobRule, listed: readonly string[]): readonly LogRule[] {
  const all = new Set(listed);
  const isLogHere = (name: string): boolean => {
    const parsed = parseLogName(name);
    return parsed.ok && existsSync(join(run.profile.root, ruleOfName(rule, parsed.value).to));
  };
  return [...all].flatMap((text) => {
    const name = parseLogName(text);
    if (!name.ok) {
      refuseName(run, rule, { text, why: name.error });
      return [];
    }
    const isGeneration = logsOfGeneration(text).some((log) => all.has(log) || isLogHere(log));
    return isGeneration ? [] : [ruleOfName(rule, name.value)];
  });
}

function refuseName(
  { output, knownProblems, node, tally }: Run,
  { glob }: GlobRule,
  { text, why }: { readonly text: string; readonly why: string },
): void {
  const problem = { path: `${glob.folder}/${text}`, side: 'remote', code: 'SYNC_NAME_REFUSED' } as const;
  const message = `${node.name} lists a log of a name that is not taken here: ${why}`;
  tally.logsFailed++;
  output.emit({ type: 'problem', ...problem, message, repeated: knownProblems.has(problemKey(problem)) });
}
