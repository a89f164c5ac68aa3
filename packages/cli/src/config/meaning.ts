/**
 * What a config has to hold beyond its shape: names that exist, patterns that compile, paths that stay inside the root, addresses that can be connected to.
 * Works on the raw value and skips what has the wrong shape, so that these mistakes come out together with those of the schema.
 */
import { parseRelativePath, type ScopeRules, toPeerRules } from '@ubos/sync-core';
import { parseRemoteUrl } from '@ubos/sync-transport-ssh';
import { logGlobProblem, logTargetProblem, targetOnNode, toLogGlob } from './log-globs.ts';
import { nearest } from './nearest.ts';
import type { KeyPath } from './positions.ts';

export interface Misfit {
  readonly path: KeyPath;
  /** What was expected, completing "expected ..., not `value`". */
  readonly expected: string;
  readonly meant?: string | undefined;
}

export function findMisfits(raw: unknown): readonly Misfit[] {
  const misfits: Misfit[] = [];
  const check = (path: KeyPath, expected: string | undefined, meant?: string): void => {
    if (expected !== undefined) misfits.push({ path, expected, meant });
  };
  const config = recordOf(raw);
  const { peer } = config;
  const nodes = recordOf(config['nodes']);
  if (typeof peer === 'string' && !Object.hasOwn(nodes, peer)) check(['peer'], 'the name of a node', nearest(peer, Object.keys(nodes)));
  for (const [name, node] of Object.entries(nodes)) {
    const { url } = recordOf(node);
    if (typeof url === 'string') check(['nodes', name, 'url'], urlProblem(url));
  }
  const truth = recordOf(config['truth']);
  for (const list of ['include', 'exclude', 'guard'] as const) {
    for (const [index, pattern] of listOf(truth[list])) check(['truth', list, index], patternProblemIn(list, pattern));
  }
  for (const [index, policy] of listOf(truth['policies'])) {
    const { match, conflicts, permissions, direction } = recordOf(policy);
    check(['truth', 'policies', index, 'match'], patternProblemIn('guard', match));
    if (match !== undefined && conflicts === undefined && permissions === undefined && direction === undefined)
      check(['truth', 'policies', index], '`conflicts`, `permissions` or `direction` beside `match`');
  }
  const targets = new Map<string, number>();
  for (const [index, log] of listOf(config['logs'])) {
    const { from, to } = recordOf(log);
    const glob = typeof from === 'string' ? toLogGlob(from) : undefined;
    if (typeof from === 'string') check(['logs', index, 'from'], sourceProblem(from) ?? (glob && logGlobProblem(glob)));
    if (typeof to !== 'string') continue;
    check(['logs', index, 'to'], insideProblem(to) ?? (typeof from === 'string' ? logTargetProblem(to, glob) : undefined));
    const files = [...new Set([to, ...Object.keys(nodes).map((node) => targetOnNode(to, node))])];
    const first = files.map((file) => targets.get(file)).find((found) => found !== undefined);
    for (const file of files) if (!targets.has(file)) targets.set(file, index);
    if (first !== undefined) check(['logs', index, 'to'], `a file of its own: \`logs[${first}]\` goes there`);
  }
  if (typeof config['audit'] === 'string') check(['audit'], insideProblem(config['audit']));
  return misfits;
}

function urlProblem(url: string): string | undefined {
  const parsed = parseRemoteUrl(url);
  return parsed.ok ? undefined : `an address (${parsed.error})`;
}

function patternProblemIn(list: keyof ScopeRules, pattern: unknown): string | undefined {
  if (typeof pattern !== 'string' || pattern === '') return undefined;
  const parsed = toPeerRules({ include: [], exclude: [], guard: [], [list]: [pattern] });
  return parsed.ok ? undefined : `a pattern (${parsed.error.replace(/^\w+\[0\]: /, '')})`;
}

function insideProblem(path: string): string | undefined {
  const parsed = parseRelativePath(path);
  if (!parsed.ok || path === '') return 'a path inside the root, such as `logs/name.jsonl`';
  return /^\.ubos-sync(?:\/|$)/i.test(path) ? 'a path outside of `.ubos-sync`, which is the state of the engine' : undefined;
}

function sourceProblem(path: string): string | undefined {
  return parseRelativePath(path.startsWith('/') ? path.slice(1) : path).ok && path !== '/'
    ? undefined
    : 'a path on the peer, relative to its root or absolute';
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly (readonly [number, unknown])[] {
  return Array.isArray(value) ? [...(value as unknown[]).entries()] : [];
}
