/**
 * ssh_config as the user's own `ssh` reads it: `ssh -G` prints what holds for a host, with Match, Include and canonical names resolved.
 * It takes 10 to 20 ms and connects to nothing.
 */
import { execFile } from 'node:child_process';
import { SyncError } from '@ubos/sync-core';
import type { Directives } from './resolved-host.ts';

export interface ConfigQuery {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Instead of the user's and the system's file. */
  readonly configFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** `undefined`: there is no `ssh` on this machine. `SYNC_CONFIG_INVALID`: it refuses the file. */
export async function askOpenSsh(query: ConfigQuery, command: string): Promise<Directives | undefined> {
  const argv = [
    ...(query.configFile === undefined ? [] : ['-F', query.configFile]),
    ...(query.user === undefined ? [] : ['-l', query.user]),
    ...(query.port === undefined ? [] : ['-p', String(query.port)]),
    '-G',
    '--',
    query.host,
  ];
  return new Promise((resolve, reject) => {
    const done = (error: (Error & { code?: unknown }) | null, stdout: string, stderr: string): void => {
      if (error === null) resolve(parseDump(stdout));
      else if (query.signal?.aborted === true) reject(query.signal.reason);
      else if (error.code === 'ENOENT') resolve(undefined);
      else
        reject(
          new SyncError(
            'SYNC_CONFIG_INVALID',
            `ssh cannot read its configuration: ${stderr.trim() || error.message}`,
            { file: query.configFile },
            error,
          ),
        );
    };
    const child = execFile(command, argv, { env: { ...query.env }, maxBuffer: 1 << 20, signal: query.signal }, done);
    child.stdin?.end();
  });
}

/** One directive a line, its name in lower case. Repeated ones (IdentityFile) are lists in their order. */
export function parseDump(text: string): Directives {
  const directives = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space === -1) continue;
    const name = line.slice(0, space);
    const value = line.slice(space + 1).trimEnd();
    const words = /^(?:user|global)knownhostsfile$/.test(name) ? splitPaths(value) : [value];
    directives.set(name, [...(directives.get(name) ?? []), ...words]);
  }
  return directives;
}

/** Paths on one line, printed without quotes: a word that cannot start a path belongs to the one before it. */
function splitPaths(text: string): string[] {
  const paths: string[] = [];
  for (const word of text.split(' ')) {
    if (paths.length > 0 && !/^[/~%$]|^[A-Za-z]:/.test(word)) paths.push(`${paths.pop()!} ${word}`);
    else paths.push(word);
  }
  return paths;
}
