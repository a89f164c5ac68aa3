/** The rivals that are on this machine, with their versions. A missing one is left out of the tables and named. */
import { spawn, spawnSync } from 'node:child_process';

export interface Peers {
  readonly rsync: string | undefined;
  readonly unison: string | undefined;
}

export function findPeers(): Peers {
  return { rsync: versionOf('rsync', ['--version']), unison: versionOf('unison', ['-version']) };
}

function versionOf(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

/** What a command needs, and nothing that a machine has set for other purposes: NODE_EXTRA_CA_CERTS alone, say, doubles the time in which Node starts. */
function plainEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(['HOME', 'PATH', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TMPDIR'].map((name) => [name, process.env[name]]));
}

/** Runs a command to its end; its output is dropped unless it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: { /** Besides the plain ones. */ readonly env?: NodeJS.ProcessEnv; readonly cwd?: string; readonly ok?: readonly number[] } = {},
): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...plainEnv(), ...options.env }, cwd: options.cwd });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
  const status = await new Promise<number>((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => done(code ?? 1));
  });
  const text = Buffer.concat(output).toString();
  if (!(options.ok ?? [0]).includes(status))
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${text.slice(-2000)}${Buffer.concat(errors).toString().slice(-2000)}`);
  return text;
}
