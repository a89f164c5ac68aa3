/** A laptop and a server as two folders of this machine, with an SSH server between them. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestServer } from '../support/sshd-files.ts';
import { makeTempFolder } from '../support/temp.ts';
import { createLocalPlace, type Place } from './place.ts';
import { type CliOptions, type CliResult, runCli } from './run-cli.ts';

export interface TwoRoots {
  readonly here: Place;
  readonly there: Place;
  /** The temporary folder that holds both. */
  readonly folder: string;
  /** `ubos-sync ARGS` on the laptop. */
  sync(args: readonly string[], options?: Partial<CliOptions>): Promise<CliResult>;
  /** `ubos-sync ARGS` on the server, whose config points back at the laptop. */
  syncFromThere(args: readonly string[]): Promise<CliResult>;
  /** Every path of both trees with kind, mode, size and content digest, except what belongs to ubos-sync. */
  listing(): Promise<{ readonly here: string; readonly there: string }>;
  close(): Promise<void>;
}

export interface TwoRootsOptions {
  readonly server: TestServer;
  /** More lines for both configs. */
  readonly config?: string;
  /** Where the far root is, if not in the temporary folder. */
  readonly farRoot?: string;
}

export async function openTwoRoots({ server, config = '', farRoot }: TwoRootsOptions): Promise<TwoRoots> {
  const temp = await makeTempFolder('two-roots');
  const roots = { here: join(temp.path, 'laptop'), there: farRoot ?? join(temp.path, 'balaur') };
  await mkdir(roots.here);
  if (farRoot === undefined) await mkdir(roots.there);
  const configOf = (self: string, peer: string, url: string): string =>
    `version: 1\nself: ${self}\nlive: true\nroot: .\nnodes:\n  ${peer}: { url: ${JSON.stringify(url)} }\n${config}`;
  await writeFile(join(roots.here, 'ubos-sync.yaml'), configOf('laptop', 'balaur', server.url(roots.there)));
  if (farRoot === undefined) await writeFile(join(roots.there, 'ubos-sync.yaml'), configOf('balaur', 'laptop', server.url(roots.here)));
  const dates = { next: Date.now() - 3_600_000 };
  const ssh = ['-F', server.sshConfigFile];
  const stateHome = join(temp.path, 'state');
  return {
    here: createLocalPlace(roots.here, dates),
    there: createLocalPlace(roots.there, dates),
    folder: temp.path,
    sync: (args, options) => runCli(withSsh(args, ssh), { cwd: roots.here, stateHome, ...options }),
    syncFromThere: (args) => runCli(withSsh(args, ssh), { cwd: roots.there, stateHome }),
    listing: async () => ({ here: await list(roots.here), there: await list(roots.there) }),
    close: () => temp.remove(),
  };
}

function withSsh(args: readonly string[], ssh: readonly string[]): readonly string[] {
  return args.includes('-F') ? args : [...args, ...ssh];
}

/** By tools that are none of ours. */
export async function list(root: string): Promise<string> {
  const find = `find . -path ./.ubos-sync -prune -o -path ./logs/sync -prune -o ! -name ubos-sync.yaml ! -path . ! -path ./logs \\( -type d -printf '%P d %m\\n' -o -printf '%P %y %m %s %l\\n' \\) | LC_ALL=C sort`;
  const sums = `find . -path ./.ubos-sync -prune -o -path ./logs/sync -prune -o -type f ! -name ubos-sync.yaml -print0 | LC_ALL=C sort -z | xargs -0r sha256sum`;
  const { stdout } = await promisify(execFile)('sh', ['-c', `${find}; ${sums}`], { cwd: root, maxBuffer: 1024 ** 3 });
  return stdout;
}
