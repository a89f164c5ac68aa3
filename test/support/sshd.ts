/** A real OpenSSH server on a loopback port, run by the current user, with its own configuration, host key and authorized key. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort, makeServerFiles, type TestServer } from './sshd-files.ts';

const sshdPaths = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/opt/homebrew/sbin/sshd', '/usr/lib/ssh/sshd'];

/** Where sshd is on this machine, if it is. */
export function findSshd(): string | undefined {
  return sshdPaths.find((path) => existsSync(path));
}

export interface SshdOptions {
  readonly alias?: string;
  /** More lines for sshd_config. */
  readonly config?: readonly string[];
}

/** Starts sshd and waits until it listens. Sessions get an empty HOME inside the temporary folder by sshd's `SetEnv`, so nothing of the user's is touched. */
export async function startSshd({ alias = 'openssh-host', config = [] }: SshdOptions = {}): Promise<TestServer> {
  const sshd = findSshd();
  if (sshd === undefined) throw new Error('there is no sshd on this machine; install openssh-server');
  // sshd of Debian wants this folder for privilege separation and does not make it; where a service manager runs, it is there.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await findFreePort();
  const files = await makeServerFiles(alias, port);
  const inFolder = (name: string): string => join(files.folder, name);
  await writeFile(inFolder('host_key'), files.hostKey.private, { mode: 0o600 });
  await writeFile(inFolder('authorized_keys'), `${files.userKey.public}\n`, { mode: 0o600 });
  await writeFile(
    inFolder('sshd_config'),
    [
      // The first value of a keyword counts in sshd_config, so the caller's lines come first.
      ...config,
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${inFolder('host_key')}`,
      `AuthorizedKeysFile ${inFolder('authorized_keys')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      `SetEnv HOME=${files.home}`,
      'LogLevel DEBUG1',
      '',
    ].join('\n'),
  );
  // Not to standard error (-e): what sessions log would then stand in the standard error of the client's commands.
  const logFile = inFolder('log');
  await writeFile(logFile, '');
  let lastLog: string | undefined;
  const log = (): string => lastLog ?? readFileSync(logFile, 'utf8');
  const child = spawn(sshd, ['-D', '-E', logFile, '-f', inFolder('sshd_config')], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    lastLog ??= log();
    await files.remove();
  };
  try {
    await listening(child, log);
  } catch (error) {
    await close();
    throw error;
  }
  const { home, sshConfigFile, knownHostsFile, identityFile, hostKey } = files;
  return {
    alias,
    port,
    home,
    sshConfigFile,
    knownHostsFile,
    identityFile,
    hostKey: hostKey.public,
    url: (path) => `ssh://${alias}${path}`,
    log,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listening(child: ChildProcess, log: () => string): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  child.once('exit', (code) => (failure = new Error(`sshd ended with ${code}: ${log()}`)));
  while (!log().includes('Server listening on')) {
    if (failure !== undefined) throw failure;
    await delay(5);
  }
}
