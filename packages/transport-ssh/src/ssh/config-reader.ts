/**
 * ssh_config where no OpenSSH is installed. The package `ssh-config` splits the text into directives; which of them hold is decided here, by
 * ssh_config(5): the first value wins, `Host` and `Match` open a block to the next one, `Include` is read in place and keeps the block's condition.
 * (The package's own `compute` is not used: it leaves Include alone, runs `Match exec` through a shell and looks names up.)
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { type Line, LineType, parse } from 'ssh-config';
import type { ConfigQuery } from './openssh-config.ts';
import { type Directives, type LocalFacts, unsupported } from './resolved-host.ts';
import { matchesList, matchesWildcard } from './wildcard.ts';

/** The directives that hold for a host. What decides about it and cannot be evaluated here (`Match exec`, CanonicalizeHostname) is `SYNC_SSH_CONFIG_UNSUPPORTED`. */
export function readSshConfig(query: ConfigQuery, local: LocalFacts): Directives {
  const reader: Reader = { query, local, directives: new Map(), taken: new Set() };
  if (query.user !== undefined) take(reader, 'user', [query.user]);
  if (query.port !== undefined) take(reader, 'port', [String(query.port)]);
  if (query.configFile !== undefined) {
    if (query.configFile.toLowerCase() !== 'none') readFile(reader, query.configFile, join(local.home, '.ssh'), 0, true);
  } else {
    readFile(reader, join(local.home, '.ssh/config'), join(local.home, '.ssh'), 0, false);
    readFile(reader, '/etc/ssh/ssh_config', '/etc/ssh', 0, false);
  }
  return reader.directives;
}

interface Reader {
  readonly query: ConfigQuery;
  readonly local: LocalFacts;
  readonly directives: Map<string, readonly string[]>;
  /** Names that have their value; of these a later one is passed over. */
  readonly taken: Set<string>;
}

const includeDepthMax = 16;

function readFile(reader: Reader, file: string, includeFrom: string, depth: number, mustExist: boolean): void {
  if (depth > includeDepthMax) throw new SyncError('SYNC_CONFIG_INVALID', `${file} is included more than ${includeDepthMax} levels deep`, { file });
  let lines: Line[];
  try {
    lines = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (!mustExist && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new SyncError('SYNC_CONFIG_INVALID', `unable to read ${file}: ${(error as Error).message}`, { file }, error);
  }
  readLines(reader, lines, includeFrom, depth);
}

function readLines(reader: Reader, lines: readonly Line[], includeFrom: string, depth: number): void {
  for (const line of lines) {
    if (line.type !== LineType.DIRECTIVE) continue;
    const name = line.param.toLowerCase();
    const words = typeof line.value === 'string' ? [line.value] : line.value.map(({ val }) => val);
    if ('config' in line) {
      const holds = name === 'host' ? matchesList(words, reader.query.host) : matchHolds(reader, words);
      if (holds) readLines(reader, line.config, includeFrom, depth);
    } else if (name === 'include') {
      for (const pattern of words) {
        for (const file of expandGlob(absolute(pattern, includeFrom, reader.local.home))) readFile(reader, file, includeFrom, depth + 1, false);
      }
    } else {
      if (name === 'canonicalizehostname' && !/^(no|none|false)$/i.test(words[0] ?? '')) {
        throw unsupported('CanonicalizeHostname', 'names are not made canonical without OpenSSH');
      }
      take(reader, name, words);
    }
  }
}

function take(reader: Reader, name: string, words: readonly string[]): void {
  if (name === 'identityfile') {
    reader.directives.set(name, [...(reader.directives.get(name) ?? []), ...words]);
    return;
  }
  // The two exclude each other: the first that is set decides.
  if (name === 'proxycommand' && reader.taken.has('proxyjump')) return;
  if (name === 'proxyjump' && reader.taken.has('proxycommand')) return;
  if (reader.taken.has(name)) return;
  reader.taken.add(name);
  reader.directives.set(name, words);
}

/** `Match all`, `host`, `originalhost`, `user`, `localuser`, each also negated; all must hold. */
function matchHolds(reader: Reader, words: readonly string[]): boolean {
  const value = (name: string): string | undefined => reader.directives.get(name)?.[0];
  let holds = true;
  for (let i = 0; i < words.length; i += 1) {
    const negated = words[i]!.startsWith('!');
    const criterion = words[i]!.replace(/^!/, '').toLowerCase();
    if (criterion === 'all') continue;
    if (criterion === 'canonical') {
      holds &&= negated;
      continue;
    }
    const subject = {
      host: value('hostname')?.replaceAll('%h', reader.query.host) ?? reader.query.host,
      originalhost: reader.query.host,
      user: value('user') ?? reader.local.user,
      localuser: reader.local.user,
    }[criterion];
    if (subject === undefined) {
      if (holds) throw unsupported(`Match ${criterion}`, 'it is not evaluated without OpenSSH');
      return false;
    }
    i += 1;
    if (matchesList((words[i] ?? '').split(','), subject) === negated) holds = false;
  }
  return holds;
}

function absolute(path: string, from: string, home: string): string {
  if (path === '~' || path.startsWith('~/')) return join(home, path.slice(1));
  return isAbsolute(path) ? path : join(from, path);
}

/** Files that match a path whose parts may hold `*` and `?`, sorted as glob(3) does; hidden ones only where the pattern says so. */
function expandGlob(path: string): readonly string[] {
  let found = ['/'];
  for (const part of path.split('/').filter((name) => name !== '')) {
    if (!/[*?]/.test(part)) {
      found = found.map((folder) => join(folder, part));
      continue;
    }
    const names = (folder: string): string[] =>
      listNames(folder).filter((name) => matchesWildcard(part, name) && (part.startsWith('.') || !name.startsWith('.')));
    found = found.flatMap((folder) => names(folder).map((name) => join(folder, name)));
  }
  return found;
}

function listNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
