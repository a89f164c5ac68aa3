/** The host is judged before anything secret is sent to it, over both servers. */

import { createHash } from 'node:crypto';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectOptions, connectHost, type SshClient } from '../../packages/transport-ssh/src/ssh/connect.ts';
import { resolveHost } from '../../packages/transport-ssh/src/ssh/ssh-config.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { runsOpenSsh } from '../support/servers.ts';
import { startSshd } from '../support/sshd.ts';
import { makeKeyPair, type TestServer } from '../support/sshd-files.ts';

describe.each([
  ['the embedded server', startEmbeddedSshd, true],
  ['OpenSSH', startSshd, runsOpenSsh],
])('host key of %s', (_name, start, isHere) => {
  if (!isHere) {
    it.skip('openssh-server is not installed on this machine');
    return;
  }
  let server: TestServer;
  let sshConfig: string;
  let asked: string[];
  let logStart = 0;
  beforeAll(async () => {
    server = await start();
    sshConfig = await readFile(server.sshConfigFile, 'utf8');
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    await writeFile(server.sshConfigFile, sshConfig);
    await know(server.hostKey);
    asked = [];
    logStart = server.log().length;
  });

  const place = (): string => `[127.0.0.1]:${server.port}`;
  const know = (key: string): Promise<void> => writeFile(server.knownHostsFile, `${place()} ${key}\n`);
  const knowNothing = (): Promise<void> => rm(server.knownHostsFile, { force: true });
  const configure = (...lines: string[]): Promise<void> => writeFile(server.sshConfigFile, `${lines.join('\n')}\n${sshConfig}`);
  const fingerprintOf = (key: string): string =>
    `SHA256:${createHash('sha256')
      .update(Buffer.from(key.split(' ')[1]!, 'base64'))
      .digest('base64')
      .replace(/=+$/, '')}`;
  const connect = async (options: ConnectOptions = {}): Promise<SshClient> => {
    const host = await resolveHost({ host: server.alias }, { configFile: server.sshConfigFile });
    return connectHost(host, { configFile: server.sshConfigFile, ...options });
  };
  const connectAndClose = async (options: ConnectOptions = {}): Promise<SshClient> => {
    const client = await connect(options);
    await client.close();
    return client;
  };
  const askedAnd = (answer: boolean): ConnectOptions => ({
    prompts: {
      async confirmHostKey({ name, keyType, fingerprint }) {
        asked.push(`${name} ${keyType} ${fingerprint}`);
        return answer;
      },
    },
  });
  /** What a server sees first of one who wants in. */
  const sawCredentials = (): boolean => /userauth-request|^auth /m.test(server.log().slice(logStart));

  it('is believed when it is known', async () => {
    const client = await connectAndClose();
    expect(client.hostKeyFingerprint).toBe(fingerprintOf(server.hostKey));
    expect(sawCredentials()).toBe(true);
  });

  it('is refused when it is unknown, before any credential is sent', async () => {
    await knowNothing();
    await expect(connect()).rejects.toMatchObject({
      code: 'SYNC_HOST_KEY_UNKNOWN',
      details: {
        host: place(),
        keyType: 'ssh-ed25519',
        fingerprint: fingerprintOf(server.hostKey),
        hint: expect.stringMatching(new RegExp(`ssh -F \\S+ -p ${server.port} \\S+ true, or with --accept-new-host-key`)),
      },
    });
    expect(sawCredentials()).toBe(false);
    await expect(readFile(server.knownHostsFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is shown when it is unknown, and stored on yes', async () => {
    await knowNothing();
    await configure('BatchMode no');
    const client = await connectAndClose(askedAnd(true));
    expect(asked).toEqual([`${place()} ssh-ed25519 ${fingerprintOf(server.hostKey)}`]);
    expect(client.hostKeyAddedTo).toBe(server.knownHostsFile);
    expect(await readFile(server.knownHostsFile, 'utf8')).toBe(`${place()} ${server.hostKey}\n`);
    expect((await connectAndClose(askedAnd(false))).hostKeyAddedTo).toBeUndefined();
    expect(asked).toHaveLength(1);
  });

  it('is refused on no, before any credential is sent', async () => {
    await knowNothing();
    await configure('BatchMode no');
    await expect(connect(askedAnd(false))).rejects.toMatchObject({ code: 'SYNC_HOST_KEY_UNKNOWN' });
    expect(asked).toHaveLength(1);
    expect(sawCredentials()).toBe(false);
  });

  it.each([['StrictHostKeyChecking yes', 'BatchMode no'], ['BatchMode yes']])('is not asked about under %s', async (...lines) => {
    await knowNothing();
    await configure(...lines);
    await expect(connect(askedAnd(true))).rejects.toMatchObject({ code: 'SYNC_HOST_KEY_UNKNOWN' });
    expect(asked).toEqual([]);
  });

  it('is stored with --accept-new-host-key', async () => {
    await knowNothing();
    expect((await connectAndClose({ acceptNewHostKey: true })).hostKeyAddedTo).toBe(server.knownHostsFile);
    await connectAndClose();
  });

  it('is stored under StrictHostKeyChecking accept-new, hashed under HashKnownHosts, behind a line that was cut', async () => {
    await writeFile(server.knownHostsFile, `other.example ${server.hostKey}`);
    await configure('StrictHostKeyChecking accept-new', 'HashKnownHosts yes');
    await connectAndClose();
    const [first, second, ...rest] = (await readFile(server.knownHostsFile, 'utf8')).split('\n');
    expect(first).toBe(`other.example ${server.hostKey}`);
    expect(second).toMatch(/^\|1\|[^|]+\|[^|]+ ssh-ed25519 /);
    expect(rest).toEqual(['']);
    expect((await connectAndClose()).hostKeyAddedTo).toBeUndefined();
  });

  it('is always refused when it has changed, before any credential is sent', async () => {
    const before = makeKeyPair().public;
    await writeFile(server.knownHostsFile, `# hosts\n${place()} ${before}\n`);
    await configure('StrictHostKeyChecking no', 'BatchMode no');
    await expect(connect({ ...askedAnd(true), acceptNewHostKey: true })).rejects.toMatchObject({
      code: 'SYNC_HOST_KEY_CHANGED',
      details: {
        fingerprint: fingerprintOf(server.hostKey),
        known: [`ssh-ed25519 ${fingerprintOf(before)} (${server.knownHostsFile}:2)`],
        where: `${server.knownHostsFile}:2`,
        hint: expect.stringContaining(`ssh-keygen -f ${server.knownHostsFile} -R '${place()}'`),
      },
    });
    expect(asked).toEqual([]);
    expect(sawCredentials()).toBe(false);
    expect(await readFile(server.knownHostsFile, 'utf8')).toBe(`# hosts\n${place()} ${before}\n`);
  });

  it('is always refused when it is revoked, before any credential is sent', async () => {
    await appendFile(server.knownHostsFile, `@revoked * ${server.hostKey}\n`);
    await expect(connect({ acceptNewHostKey: true })).rejects.toMatchObject({
      code: 'SYNC_HOST_KEY_REVOKED',
      details: { where: `${server.knownHostsFile}:2` },
    });
    expect(sawCredentials()).toBe(false);
  });

  it('is not judged by files that cannot be read', async () => {
    await configure(`UserKnownHostsFile ${server.home}`);
    await expect(connect({ acceptNewHostKey: true })).rejects.toMatchObject({ code: 'SYNC_KNOWN_HOSTS_UNREADABLE' });
    expect(sawCredentials()).toBe(false);
  });

  it('is refused when a new one cannot be stored, before any credential is sent', async () => {
    await configure(`UserKnownHostsFile ${server.identityFile}/known_hosts`);
    await expect(connect({ acceptNewHostKey: true })).rejects.toMatchObject({ code: 'SYNC_KNOWN_HOSTS_UNREADABLE' });
    expect(sawCredentials()).toBe(false);
  });

  it('is looked up under HostKeyAlias', async () => {
    await configure('HostKeyAlias cluster');
    await expect(connect()).rejects.toMatchObject({ code: 'SYNC_HOST_KEY_UNKNOWN', details: { host: 'cluster' } });
    await appendFile(server.knownHostsFile, `cluster ${server.hostKey}\n`);
    await connectAndClose();
  });

  describe('behind a jump', () => {
    let jump: TestServer;
    beforeAll(async () => {
      jump = await start({ alias: 'jump-host' });
    });
    afterAll(() => jump.close());
    const viaJump = async (jumpKey: string): Promise<void> => {
      await writeFile(jump.knownHostsFile, `[127.0.0.1]:${jump.port} ${jumpKey}\n`);
      // For both: blocks of two hosts in one file.
      await writeFile(
        server.sshConfigFile,
        `${sshConfig.replace('BatchMode yes', 'ProxyJump jump-host')}\n${await readFile(jump.sshConfigFile, 'utf8')}`,
      );
    };

    it('is judged as if there were none', async () => {
      await viaJump(jump.hostKey);
      const client = await connect();
      const ended = client.ended;
      await client.close();
      expect(await ended).toBeUndefined();
      expect(jump.log()).toMatch(/forward 127\.0\.0\.1|direct-tcpip/);
      await know(makeKeyPair().public);
      await expect(connect()).rejects.toMatchObject({ code: 'SYNC_HOST_KEY_CHANGED', details: { host: place() } });
    });

    it('is not even seen when the jump has another key', async () => {
      await viaJump(makeKeyPair().public);
      await expect(connect()).rejects.toMatchObject({ code: 'SYNC_HOST_KEY_CHANGED', details: { host: `[127.0.0.1]:${jump.port}` } });
      expect(server.log().slice(logStart)).toBe('');
    });
  });
});
