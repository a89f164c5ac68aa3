import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  /** Stands for `~/.local/state`, where markers are mirrored, and has `~/.cache` in it: a test's own, so that it leaves nothing behind. */
  readonly stateHome: string;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What the command is put behind, as strace is. */
  readonly under?: readonly string[] | undefined;
  /** Called with all that has come out so far, after each piece; for tests that act in the middle of a run. */
  readonly onOutput?: ((text: string, kill: (signal: NodeJS.Signals) => void) => void) | undefined;
}

/** The command did not end by itself. */
export class EndedBySignal extends Error {
  override readonly name = 'EndedBySignal';
  constructor(signal: NodeJS.Signals | null) {
    super(`ubos-sync was ended by ${signal}`);
  }
}

/** The command line as its users have it: the built bundle, in a process of its own. */
export const cliFile: string = join(
  process.env['UBOS_SYNC_CHECKOUT'] ?? fileURLToPath(new URL('../..', import.meta.url)),
  'packages',
  'cli',
  'dist',
  'ubos-sync.cjs',
);

export async function runCli(args: readonly string[], { cwd, stateHome, env = {}, under = [], onOutput }: CliOptions): Promise<CliResult> {
  const [file = '', ...rest] = [...under, process.execPath, cliFile, ...args];
  const child = spawn(file, rest, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', XDG_STATE_HOME: stateHome, XDG_CACHE_HOME: join(stateHome, 'cache'), ...env },
  });
  let stdout = '';
  let stderr = '';
  const tell = (): void => onOutput?.(stdout + stderr, (signal) => void child.kill(signal));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    tell();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    tell();
  });
  const exitCode = await new Promise<number>((done, failed) => {
    child.on('error', failed);
    child.on('close', (code, signal) => (code === null ? failed(new EndedBySignal(signal)) : done(code)));
  });
  return { exitCode, stdout, stderr };
}
