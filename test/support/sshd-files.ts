/** What a test server of either kind needs on the disk: keys, the client's ssh_config and known_hosts, and an empty home for the far side. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { makeTempFolder } from './temp.ts';

/** An SSH server on a loopback port of its own, for one test, and everything a client needs to reach it. */
export interface TestServer {
  /** The name of the server in {@link TestServer.sshConfigFile}. */
  readonly alias: string;
  readonly port: number;
  /** Home folder of the far side: empty at the start, so that the agent is uploaded by the first connection. */
  readonly home: string;
  /** Give it as `-F` or in UBOS_SYNC_SSH_CONFIG. Nothing of the user's own SSH set-up is used with it. */
  readonly sshConfigFile: string;
  readonly knownHostsFile: string;
  readonly identityFile: string;
  /** Public host key, as in known_hosts: `ssh-ed25519 AAAA...` */
  readonly hostKey: string;
  /** `ssh://ALIAS/path` */
  url(path: string): string;
  /** What the server has logged so far: connections, authentications, commands. */
  log(): string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ServerFiles {
  readonly folder: string;
  readonly home: string;
  readonly sshConfigFile: string;
  readonly knownHostsFile: string;
  readonly identityFile: string;
  readonly userKey: KeyPair;
  readonly hostKey: KeyPair;
  readonly remove: () => Promise<void>;
}

export interface KeyPair {
  /** OpenSSH format. */
  readonly private: string;
  /** `type base64` */
  readonly public: string;
}

export function makeKeyPair(): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    // ssh2 1.17 loses leading zero bytes of a public key, so that one pair in 256 cannot be read by anybody (lib/keygen.js, "Remove leading zero bytes").
    if (ssh2.utils.parseKey(pair.private) instanceof Error) continue;
    return { private: pair.private, public: pair.public.split(' ').slice(0, 2).join(' ') };
  }
}

/** Fresh keys and a client configuration that trusts this server and uses this key, nothing else. */
export async function makeServerFiles(alias: string, port: number): Promise<ServerFiles> {
  const { path: folder, remove } = await makeTempFolder(alias);
  const inFolder = (name: string): string => join(folder, name);
  const userKey = makeKeyPair();
  const hostKey = makeKeyPair();
  const files = {
    folder,
    home: inFolder('home'),
    sshConfigFile: inFolder('ssh_config'),
    knownHostsFile: inFolder('known_hosts'),
    identityFile: inFolder('id_ed25519'),
    userKey,
    hostKey,
    remove,
  };
  await mkdir(files.home, { mode: 0o700 });
  await writeFile(files.identityFile, userKey.private, { mode: 0o600 });
  await writeFile(files.knownHostsFile, `[127.0.0.1]:${port} ${hostKey.public}\n`);
  await writeFile(
    files.sshConfigFile,
    [
      `Host ${alias}`,
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      `  User ${userInfo().username}`,
      `  IdentityFile ${files.identityFile}`,
      '  IdentitiesOnly yes',
      '  IdentityAgent none',
      `  UserKnownHostsFile ${files.knownHostsFile}`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking ask',
      '  BatchMode yes',
      '',
    ].join('\n'),
  );
  await chmod(folder, 0o700);
  return files;
}

/** A loopback port that nobody listens on right now. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
