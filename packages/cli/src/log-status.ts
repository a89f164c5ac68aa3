/** What this end knows of the logs of a config, without asking the node: their cursors, and the audit. */
import { join } from 'node:path';
import { compilePatterns, isSyncError, joinPath, type LogLook, parentPath, parseLogName, rootPath } from '@ubos/sync-core';
import { createFsLogSink, listFsLogNames, systemClock } from '@ubos/sync-core/fs';
import { lastPulls } from './audit/history.ts';
import { type GlobRule, isGlobRule, type LogRule, ruleOfName, ruleOnNode } from './config/resolve.ts';
import type { OutputLineOf } from './render/lines.ts';
import type { Run } from './runs.ts';

type LogStatus = OutputLineOf<'status'>['logs'][number];

/** In the order of the config; of a pattern those that have been pulled. */
export async function logStatuses({ profile, node, auditFolder }: Run): Promise<LogStatus[]> {
  const { root } = profile;
  const rules = profile.logs.map((rule) => ruleOnNode(rule, node));
  const plain = new Set<string>(rules.filter((rule) => !isGlobRule(rule)).map(({ to }) => to));
  const found: Omit<LogStatus, 'pulledAt' | 'ageMs'>[] = [];
  for (const rule of rules) {
    const logs = isGlobRule(rule) ? matchesHere(root, rule).filter(({ to }) => !plain.has(to)) : [rule];
    for (const { name, to } of logs) {
      const look = await lookAt(root, to);
      if (look === 'unreadable') found.push({ name, pulledBytes: null, lastTimestamp: null });
      // A copy of a finished generation, or a file of somebody else, may match as well.
      else if (look.cursor !== undefined || !isGlobRule(rule))
        found.push({ name, pulledBytes: look.cursor?.chain.offset ?? 0, lastTimestamp: look.cursor?.lastTimestamp ?? null });
    }
  }
  const pulls = lastPulls(
    auditFolder,
    { node: node.name, profile: profile.name },
    found.map(({ name }) => name),
  );
  const nowMs = systemClock.nowMs();
  return found.map((log) => {
    const pulledAt = pulls.get(log.name) ?? null;
    return { ...log, pulledAt, ageMs: pulledAt === null ? null : Math.max(0, nowMs - Date.parse(pulledAt)) };
  });
}

/** Files here that could be copies of logs that the pattern matches. */
function matchesHere(root: string, rule: GlobRule): readonly LogRule[] {
  const [before = '', after = ''] = rule.to.slice(rule.to.lastIndexOf('/') + 1).split('{name}');
  const { lastMatch } = compilePatterns([rule.glob.pattern]);
  return namesIn(root, parentPath(rule.to) ?? '').flatMap((file) => {
    if (file.length <= before.length + after.length || !file.startsWith(before) || !file.endsWith(after)) return [];
    const name = parseLogName(file.slice(before.length, file.length - after.length));
    return name.ok && lastMatch(joinPath(rootPath, name.value), 'other') !== -1 ? [ruleOfName(rule, name.value)] : [];
  });
}

function namesIn(root: string, folder: string): readonly string[] {
  try {
    return listFsLogNames(join(root, folder), '*', { root });
  } catch (error) {
    // What is wrong with it is told when a log is pulled into it.
    if (isSyncError(error)) return [];
    throw error;
  }
}

async function lookAt(root: string, to: string): Promise<LogLook | 'unreadable'> {
  try {
    const look = await (await createFsLogSink(join(root, to), { root })).look({});
    await look.close();
    return look;
  } catch (error) {
    if (isSyncError(error)) return 'unreadable';
    throw error;
  }
}
