/** A real OpenSSH server on a loopback port, run by the current user, with its own configuration, host key and authorized key. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  let log = '';
  const child = spawn(sshd, ['-D', '-e', '-f', inFolder('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const close = async (): Promise<void> => {
    await stop(child, exited);
    await files.remove();
  };
  try {
    await listening(child, () => log);
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
    log: () => log,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listening(child: ChildProcess, log: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`sshd ended with ${code}: ${log()}`)));
    child.stderr!.on('data', () => {
      if (log().includes('Server listening on')) resolve();
    });
  });
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  // Processes of open sessions share the log pipe; they end when their clients do.
  child.stderr?.destroy();
  await exited;
}
