/** From a config as it is written to what the engine takes: absolute paths, values with units, sides instead of local and remote. */
import { homedir } from 'node:os';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import {
  auditGuards,
  type ConflictPolicy,
  configGuards,
  type Direction,
  logGlobGuards,
  logGuards,
  type Name,
  parseRelativePath,
  peerPatternsMax,
  type RelativePath,
  SyncError,
  type SyncSettings,
  toPeerRules,
} from '@ubos/sync-core';
import { parseRemoteUrl, type RemoteUrl } from '@ubos/sync-transport-ssh';
import { type LogGlob, targetOfName, targetOnNode, toLogGlob } from './log-globs.ts';
import { nearest } from './nearest.ts';
import type { Config } from './schema.ts';
import { parseDuration, parseLimit, parseSize } from './units.ts';

/** What one config means on this machine. */
export interface Profile {
  /** Absolute path of the config file. */
  readonly configFile: string;
  /** Its name for the archive of the pair. */
  readonly name: string;
  readonly self: string | undefined;
  /** Absolute path of this node's tree. */
  readonly root: string;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly peer: string | undefined;
  readonly live: boolean;
  readonly settings: SyncSettings;
  /** What follows from this config alone: itself, the targets of its logs, its audit folder. */
  readonly guards: readonly FollowingGuard[];
  readonly logs: readonly LogRule[];
  readonly durability: 'full' | 'fast';
  readonly audit: RelativePath;
  readonly versions: { readonly keepMs: number; readonly runsMax: number; readonly bytesMax: number };
}

export interface Node {
  readonly name: string;
  /** As it is written, for people. */
  readonly url: string;
  /** A plain path is absolute here. */
  readonly address: RemoteUrl;
  readonly nodeProgram: string | undefined;
  readonly transport: 'auto' | 'ssh2' | 'openssh';
  readonly intermittent: boolean;
}

/** A guard that nobody has written as one. */
export interface FollowingGuard {
  readonly pattern: string;
  readonly from: 'config-file' | 'log' | 'audit';
  /** The value of the config that it follows from. */
  readonly key: readonly (string | number)[];
}

export interface LogRule {
  /** What it is called: its target. */
  readonly name: string;
  readonly from: string;
  /** `{node}` stands for the node's name, in a rule for many logs `{name}` for that of each. */
  readonly to: RelativePath;
  /** Set if the rule is for many logs. */
  readonly glob: LogGlob | undefined;
  /** `undefined`: as the ending of each name says. */
  readonly lines: boolean | undefined;
  readonly verify: 'tail' | 'full' | 'off';
  readonly onRotate: 'new-file' | 'concatenate';
  readonly onFork: 'halt' | 'keep-and-restart';
}

/** The config is valid: what `parseConfig` has checked is not checked again. `SYNC_CONFIG_INVALID` only for what needs the whole. */
export function resolveConfig(config: Config, configFile: string): Profile {
  const folder = dirname(configFile);
  const root = localPath(folder, config.root);
  const { truth } = config;
  const scope = toPeerRules({ include: truth.include ?? [], exclude: truth.exclude, guard: truth.guard });
  if (!scope.ok) throw new SyncError('SYNC_CONFIG_INVALID', `the patterns of \`truth\` cannot be used: ${scope.error}`, { path: configFile });
  const policies = truth.policies.flatMap(toPolicies);
  if (policies.length > peerPatternsMax)
    throw new SyncError('SYNC_CONFIG_INVALID', `\`truth.policies\` has more than ${peerPatternsMax} patterns`, { path: configFile });
  const logs = config.logs.map(({ from, to, lines, ...rest }): LogRule => {
    const glob = toLogGlob(from);
    return { name: to, from, to: mustRelative(to), glob, lines: lines ?? (glob === undefined ? hasLines(to) : undefined), ...rest };
  });
  const audit = mustRelative(config.audit);
  return {
    configFile,
    name: config.name,
    self: config.self,
    root,
    nodes: new Map(Object.entries(config.nodes).map(([name, node]) => [name, resolveNode(name, node, folder)])),
    peer: config.peer,
    live: config.live,
    settings: {
      scope: scope.value,
      digest: 'fast',
      permissions: truth.permissions,
      symlinks: truth.symlinks,
      conflicts: toConflictPolicy(truth.conflicts),
      onTie: truth.onTie,
      direction: toDirection(truth.direction),
      maxDelete: must(parseLimit(truth.maxDelete)),
      maxChange: must(parseLimit(truth.maxChange)),
      policies,
    },
    guards: followingGuards({ root, configFile, logs, audit, nodes: Object.keys(config.nodes) }),
    logs,
    durability: config.durability,
    audit,
    versions: {
      keepMs: must(parseDuration(config.versions.keep)),
      runsMax: config.versions.runs,
      bytesMax: must(parseSize(config.versions.max)),
    },
  };
}

/** `local` is the end whose config it is: alpha. */
export function toConflictPolicy(word: Config['truth']['conflicts']): ConflictPolicy {
  switch (word) {
    case 'local':
      return 'alpha';
    case 'remote':
      return 'beta';
    case 'newer':
    case 'keep-both':
    case 'skip':
      return word;
  }
}

function toDirection(word: Config['truth']['direction']): Direction {
  switch (word) {
    case 'push':
      return 'alpha-to-beta';
    case 'pull':
      return 'beta-to-alpha';
    case 'both':
      return word;
  }
}

/** A policy whose pattern has braces is one for each choice. */
function toPolicies({ match, conflicts, permissions, direction }: Config['truth']['policies'][number]): SyncSettings['policies'] {
  const words = {
    ...(conflicts === undefined ? {} : { conflicts: toConflictPolicy(conflicts) }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(direction === undefined ? {} : { direction: toDirection(direction) }),
  };
  const patterns = toPeerRules({ include: [], exclude: [], guard: [match] });
  if (!patterns.ok) throw new TypeError(`${match}: ${patterns.error}`);
  return patterns.value.guard.map((pattern) => ({ match: pattern, ...words }));
}

export interface PeerChoice {
  /** What `--node` says. */
  readonly names?: readonly string[] | undefined;
  readonly all?: boolean | undefined;
}

/** Whom a command talks to: `--all`, else `--node`, else `peer`, else the only node. `SYNC_USAGE` if that names nobody. */
export function choosePeers(
  { nodes, peer, configFile }: Pick<Profile, 'nodes' | 'peer' | 'configFile'>,
  { names, all = false }: PeerChoice,
): readonly [Node, ...Node[]] {
  const only = nodes.size === 1 ? [...nodes.keys()] : [];
  const wanted = all ? [...nodes.keys()] : (names ?? (peer === undefined ? only : [peer]));
  const chosen = [...new Set(wanted)].map((name) => {
    const node = nodes.get(name);
    if (node !== undefined) return node;
    const meant = nearest(name, nodes.keys());
    throw new SyncError('SYNC_USAGE', `${configFile} has no node \`${name}\`${meant === undefined ? '' : `; did you mean \`${meant}\`?`}`, {
      node: name,
    });
  });
  const [first, ...rest] = chosen;
  if (first !== undefined) return [first, ...rest];
  if (nodes.size === 0) throw new SyncError('SYNC_USAGE', `${configFile} has no nodes to talk to`, { hint: 'add one under `nodes`' });
  throw new SyncError('SYNC_USAGE', `${configFile} has ${nodes.size} nodes and no \`peer\``, {
    hint: `name one with --node (${[...nodes.keys()].join(', ')}), or all with --all`,
  });
}

/** The logs that NAMEs on a command line mean: a target, its file name, or that without its ending. All, if none is named. */
export function chooseLogs(logs: readonly LogRule[], names: readonly string[]): readonly LogRule[] {
  if (names.length === 0) return logs;
  const chosen = names.map((name) => {
    const matches = logs.filter((log) => isCalled(log, name));
    const [match] = matches;
    if (match !== undefined && matches.length === 1) return match;
    const hint =
      matches.length > 1
        ? `it could be ${matches.map(({ to }) => to).join(' or ')}`
        : `the config has ${logs.map(({ to }) => to).join(', ') || 'none'}`;
    throw new SyncError('SYNC_USAGE', `no log is called \`${name}\`: ${hint}`, { name });
  });
  return logs.filter((log) => chosen.includes(log));
}

/** Whether a NAME on a command line may mean this log. */
export function isCalled({ to, from }: LogRule, name: string): boolean {
  return [to, from, fileName(to), stem(to)].includes(name);
}

function resolveNode(name: string, node: Config['nodes'][string], folder: string): Node {
  const parsed = parseRemoteUrl(node.url);
  if (!parsed.ok) throw new SyncError('SYNC_CONFIG_INVALID', `the address of node ${name} cannot be used: ${parsed.error}`, { node: name });
  const address: RemoteUrl = parsed.value.kind === 'path' ? { kind: 'path', path: localPath(folder, parsed.value.path) } : parsed.value;
  return { name, url: node.url, address, nodeProgram: node.node, transport: node.transport, intermittent: node.intermittent };
}

/** The guards that a config implies: itself, the logs that it writes, of whichever node, its audit folder. */
function followingGuards({
  root,
  configFile,
  logs,
  audit,
  nodes,
}: Pick<Profile, 'root' | 'configFile' | 'logs' | 'audit'> & { readonly nodes: readonly string[] }): readonly FollowingGuard[] {
  const config = pathBelow(root, configFile);
  return [
    ...(config === undefined ? [] : configGuards(config).map((pattern) => ({ pattern, from: 'config-file' as const, key: [] }))),
    ...logs.flatMap(({ to, glob }, index) =>
      (to.includes('{node}') ? nodes.map((node) => targetOnNode(to, node)) : [to]).flatMap((target) =>
        guardsOfLog(mustRelative(target), glob).map((pattern) => ({ pattern, from: 'log' as const, key: ['logs', index, 'to'] })),
      ),
    ),
    ...auditGuards(audit).map((pattern) => ({ pattern, from: 'audit' as const, key: ['audit'] })),
  ];
}

/** The guards of a run with one node: those of the config, and the logs that are read there, where they lie inside its root. */
export function guardsForNode(profile: Pick<Profile, 'guards' | 'logs'>, node: Node): readonly string[] {
  return [...new Set(followingGuardsForNode(profile, node).map(({ pattern }) => pattern))];
}

/** The same, each with what it follows from. */
export function followingGuardsForNode({ guards, logs }: Pick<Profile, 'guards' | 'logs'>, { address }: Node): readonly FollowingGuard[] {
  const sourceOf = (from: string): RelativePath | undefined => {
    if (from.startsWith('/')) return address.path.startsWith('/') ? pathBelow(address.path, from) : undefined;
    const source = parseRelativePath(from);
    return source.ok ? source.value : undefined;
  };
  const sources = logs.flatMap(({ from, glob }, index) => {
    const source = sourceOf(glob === undefined ? from : sourceOfName(glob, '{name}'));
    return source === undefined ? [] : guardsOfLog(source, glob).map((pattern) => ({ pattern, from: 'log' as const, key: ['logs', index, 'from'] }));
  });
  return [...guards, ...sources];
}

function guardsOfLog(path: RelativePath, glob: LogGlob | undefined): readonly string[] {
  return glob === undefined ? logGuards(path) : logGlobGuards(path, glob.pattern);
}

/** A rule for many logs. */
export type GlobRule = LogRule & { readonly glob: LogGlob };

export function isGlobRule(rule: LogRule): rule is GlobRule {
  return rule.glob !== undefined;
}

/** A rule as it is for one node. */
export function ruleOnNode(rule: LogRule, { name: node }: Pick<Node, 'name'>): LogRule {
  const to = mustRelative(targetOnNode(rule.to, node));
  return { ...rule, name: to, to };
}

/** The rule of one of the logs that a rule is for. */
export function ruleOfName(rule: GlobRule, name: Name): LogRule {
  const to = mustRelative(targetOfName(rule.to, name));
  return { ...rule, name: to, from: sourceOfName(rule.glob, name), to, glob: undefined, lines: rule.lines ?? hasLines(to) };
}

function sourceOfName({ folder }: LogGlob, name: string): string {
  return folder === '.' ? name : `${folder === '/' ? '' : folder}/${name}`;
}

function hasLines(to: string): boolean {
  return /\.(?:jsonl|log)$/i.test(to);
}

/** What the guards of a run with one node are remembered under: several configs can share a root, and none takes back what another keeps. */
export function guardsFrom({ configFile, name }: Pick<Profile, 'configFile' | 'name'>, node: Pick<Node, 'name'>): string {
  return `${configFile} (${name}, ${node.name})`;
}

/** `undefined` if `file` is not below `folder`. */
function pathBelow(folder: string, file: string): RelativePath | undefined {
  const path = relative(folder, file);
  const parsed = parseRelativePath(path);
  return path !== '' && !isAbsolute(path) && parsed.ok ? parsed.value : undefined;
}

/** Relative to the folder of the config; `~/` is the home folder. */
function localPath(folder: string, path: string): string {
  return path === '~' || path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : resolve(folder, path);
}

function mustRelative(path: string): RelativePath {
  const parsed = parseRelativePath(path);
  if (!parsed.ok) throw new TypeError(`${path}: ${parsed.error}`);
  return parsed.value;
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the schema lets a value through that has no meaning');
  return value;
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function stem(path: string): string {
  return fileName(path).replace(/\.[^.]+$/, '');
}
