import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDump } from './openssh-config.ts';
import type { ResolvedHost } from './resolved-host.ts';
import { resolveHost } from './ssh-config.ts';

const home = mkdtempSync(join(tmpdir(), 'ubos-sync-ssh-config-'));
afterAll(() => rmSync(home, { recursive: true }));
mkdirSync(join(home, '.ssh/conf.d'), { recursive: true });

// OpenSSH takes the home folder from the password database, so what both readers resolve names its files absolutely.
const configFile = join(home, '.ssh/config');
const env = { PATH: process.env['PATH'], HOME: home, SSH_AUTH_SOCK: '/run/agent', MY_AGENT: '/run/mine' };

interface Target {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

const resolve = (config: string, target: Target | string, sshCommand?: false): Promise<ResolvedHost> => {
  writeFileSync(configFile, config);
  return resolveHost(typeof target === 'string' ? { host: target } : target, { configFile, env, sshCommand });
};

describe('a host by our own reader', () => {
  const ours = async (config: string, target: Target | string = 'balaur'): Promise<ResolvedHost> => resolve(config, target, false);

  it('has defaults', async () => {
    expect(await ours('')).toMatchObject({
      alias: 'balaur',
      hostName: 'balaur',
      port: 22,
      user: userInfo().username,
      hostKeyAlias: undefined,
      strictHostKeyChecking: 'ask',
      hashKnownHosts: false,
      identitiesOnly: false,
      identityAgent: '/run/agent',
      proxyJump: [],
      connectTimeoutMs: undefined,
      keepalive: { intervalMs: 15_000, countMax: 3 },
      userKnownHostsFiles: [join(home, '.ssh/known_hosts'), join(home, '.ssh/known_hosts2')],
      identityFiles: [join(home, '.ssh/id_ed25519'), join(home, '.ssh/id_ecdsa'), join(home, '.ssh/id_rsa')],
    });
  });

  it('offers nothing that is weak', async () => {
    const { kex, hostKeys, ciphers, macs } = (await ours('')).algorithms;
    const all = [...kex, ...hostKeys, ...ciphers, ...macs];
    expect(all.filter((name) => /sha1|cbc|arcfour|md5|^ssh-rsa$|^ssh-dss$|group1-|group14-sha1/.test(name))).toEqual([]);
  });

  it('expands ~, tokens and variables', async () => {
    const config =
      'Host balaur\n HostName %h.example\n User bob\n IdentityFile ~/.ssh/%n_%h_%r_%p_%%\n IdentityFile "${HOME}/with space"\n IdentityAgent $MY_AGENT\n';
    expect(await ours(config)).toMatchObject({
      hostName: 'balaur.example',
      identityFiles: [join(home, '.ssh/balaur_balaur.example_bob_22_%'), join(home, 'with space')],
      identityAgent: '/run/mine',
    });
  });

  it('has no agent where it is switched off or not set', async () => {
    expect((await ours('IdentityAgent none')).identityAgent).toBeUndefined();
    expect((await ours('IdentityAgent $NOT_SET')).identityAgent).toBeUndefined();
  });

  it('keeps the words of the command line above the file', async () => {
    expect(await ours('User file\nPort 1\n', { host: 'balaur', user: 'given', port: 2 })).toMatchObject({ user: 'given', port: 2 });
  });

  it('reads an included file where it stands, under the condition of its block', async () => {
    writeFileSync(join(home, '.ssh/conf.d/10-a.conf'), 'Port 10\nHost other\n  User inner\n');
    writeFileSync(join(home, '.ssh/conf.d/20-b.conf'), 'Port 20\n');
    const config = 'Host balaur\n  Include conf.d/*.conf\n  User outer\nHost *\n  Port 30\n';
    expect(await ours(config)).toMatchObject({ port: 10, user: 'outer' });
    expect(await ours(config, 'other')).toMatchObject({ port: 30, user: userInfo().username });
  });

  it('is not caught by a file that includes itself', async () => {
    await expect(ours('Include config\n')).rejects.toMatchObject({ code: 'SYNC_CONFIG_INVALID' });
  });

  it.each([
    ['ProxyCommand nc %h %p', 'ProxyCommand'],
    ['RevokedHostKeys /etc/ssh/revoked', 'RevokedHostKeys'],
    ['KnownHostsCommand /bin/keys', 'KnownHostsCommand'],
    ['BindInterface eth1', 'BindInterface'],
    ['CanonicalizeHostname yes', 'CanonicalizeHostname'],
    ['Match exec "test -e /"\n  Port 1', 'Match exec'],
    ['Ciphers 3des-cbc', 'Ciphers'],
    ['HostKeyAlgorithms ssh-rsa', 'HostKeyAlgorithms'],
    ['IdentityFile ~/.ssh/%C', 'IdentityFile'],
    ['IdentityFile ${NOT_SET}/key', 'IdentityFile'],
    ['Port ssh', 'Port'],
  ])('refuses %s by name', async (config, directive) => {
    await expect(ours(config)).rejects.toMatchObject({ code: 'SYNC_SSH_CONFIG_UNSUPPORTED', details: { directive } });
  });

  it('does not refuse what does not hold for this host', async () => {
    expect(await ours('Host other\n  ProxyCommand nc %h %p\nMatch host other exec "false"\n  Port 1\n')).toMatchObject({ port: 22 });
  });

  it('does not run anything', async () => {
    const canary = join(home, 'canary');
    await ours(`Host other\n  ProxyCommand touch ${canary}\nMatch host other exec "touch ${canary}"\n`);
    expect(() => execFileSync('test', ['-e', canary])).toThrow();
  });

  it('names credentials that are not used', async () => {
    expect((await ours('CertificateFile ~/.ssh/id-cert.pub\nGSSAPIAuthentication yes\n')).unusedCredentials).toEqual([
      'CertificateFile',
      'GSSAPIAuthentication',
    ]);
  });

  it('says which file it cannot read', async () => {
    const file = join(home, 'missing');
    await expect(resolveHost({ host: 'balaur' }, { configFile: file, env, sshCommand: false })).rejects.toMatchObject({
      code: 'SYNC_CONFIG_INVALID',
      details: { file },
    });
  });
});

/** Each is resolved by both; the results must be the same but for the names of OpenSSH's own default keys. */
describe.runIf(hasSsh())('our own reader and ssh -G agree', () => {
  it.each<[string, string, (Target | string)?]>([
    ['nothing', ''],
    ['the first value', 'Host balaur\n  Port 1\nHost *\n  Port 2\n  User bob\n'],
    ['lines before any Host', 'User all\nHost balaur\n  User bob\n  Port 5\n'],
    ['patterns', 'Host bal* !balaur\n Port 1\nHost b?laur\n Port 2\n'],
    ['several names', 'Host x y balaur\n Port 1\n'],
    ['names in quotes', 'Host "balaur"\n Port 1\n'],
    ['keywords in any case, with an equals sign', 'HOST balaur\n  pOrT=7\n  user = bob\n'],
    ['HostName with its token', 'Host balaur\n HostName %h.example\n'],
    ['every IdentityFile that holds', 'Host balaur\n IdentityFile /k/one\nHost *\n IdentityFile "/k/two three"\n IdentityFile /k/%r@%h\n'],
    ['IdentitiesOnly and the agent', 'IdentitiesOnly yes\nIdentityAgent /run/%r.sock\n'],
    ['several files of known hosts', 'UserKnownHostsFile /a/one /b/two\nGlobalKnownHostsFile /c/three\n'],
    ['a file of known hosts with a space', 'UserKnownHostsFile "/a b/known hosts"\n'],
    ['no files of known hosts', 'UserKnownHostsFile none\nGlobalKnownHostsFile /dev/null\n'],
    ['StrictHostKeyChecking yes', 'StrictHostKeyChecking yes\n'],
    ['StrictHostKeyChecking accept-new', 'StrictHostKeyChecking accept-new\n'],
    ['StrictHostKeyChecking no', 'StrictHostKeyChecking no\n'],
    ['HashKnownHosts and an alias', 'HashKnownHosts yes\nHostKeyAlias cluster\n'],
    ['ProxyJump', 'ProxyJump bob@one:2222,two\n'],
    ['ProxyJump none', 'ProxyJump none\n'],
    ['ProxyJump before ProxyCommand', 'Host balaur\n ProxyJump one\nHost *\n ProxyCommand nc %h %p\n'],
    ['time-outs', 'ConnectTimeout 7\nServerAliveInterval 11\nServerAliveCountMax 2\n'],
    ['algorithms', 'Ciphers aes256-ctr,aes128-ctr\nMACs hmac-sha2-512\nKexAlgorithms curve25519-sha256\nHostKeyAlgorithms ssh-ed25519\n'],
    ['algorithms taken away', 'Ciphers -chacha20*,aes???-ctr\nMACs -*-etm@openssh.com\n'],
    ['algorithms added', 'Ciphers +aes128-cbc\nHostKeyAlgorithms +ssh-rsa\n'],
    ['methods', 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPubkeyAuthentication no\nNumberOfPasswordPrompts 1\n'],
    ['addresses', 'AddressFamily inet6\nBindAddress ::1\n'],
    ['Match host', 'Host balaur\n HostName real.example\nMatch host real.example\n Port 9\nMatch originalhost balaur\n User bob\n'],
    ['Match user', 'Match user bob\n Port 9\nMatch all\n Port 10\n', { host: 'balaur', user: 'bob' }],
    ['Match with a negation', 'Match !user bob host bal*,!x\n Port 9\n', { host: 'balaur', user: 'eve' }],
    ['the command line', 'User bob\nPort 1\n', { host: 'balaur', user: 'eve', port: 3 }],
    ['a comment at the end of a line', 'Host balaur # mine\n  Port 8 # its port\n'],
    ['an address', '', '::1'],
  ])('on %s', async (_what, config, target = 'balaur') => {
    const [theirs, ours] = [await resolve(config, target), await resolve(config, target, false)];
    const comparable = (host: ResolvedHost): object => ({
      ...host,
      identityFiles: config.includes('IdentityFile') ? host.identityFiles : [],
      userKnownHostsFiles: config.includes('UserKnownHostsFile') ? host.userKnownHostsFiles : [],
    });
    expect(comparable(ours)).toEqual(comparable(theirs));
  });

  it('says what ssh says about a file that it cannot read', async () => {
    await expect(resolve('NoSuchDirective yes\n', 'balaur')).rejects.toMatchObject({
      code: 'SYNC_CONFIG_INVALID',
      message: expect.stringMatching(/nosuchdirective/i),
    });
  });

  it('does not take a host for an option', async () => {
    await expect(resolve('', '-V')).rejects.toMatchObject({ code: 'SYNC_CONFIG_INVALID' });
  });
});

it('falls back to our own reader where there is no ssh', async () => {
  writeFileSync(configFile, 'Port 77\n');
  expect(await resolveHost({ host: 'balaur' }, { configFile, env, sshCommand: join(home, 'no-ssh-here') })).toMatchObject({ port: 77 });
});

it('expands the name of this machine', async () => {
  expect((await resolve(`IdentityFile /k/%l\n`, 'balaur', false)).identityFiles).toEqual([`/k/${hostname()}`]);
});

it('puts paths with spaces together again that ssh -G prints without quotes', () => {
  const dump = parseDump('userknownhostsfile /a b/known hosts ~/.ssh/other\nport 22\nidentityfile /k/one two\nidentityfile ~/three\n');
  expect(dump.get('userknownhostsfile')).toEqual(['/a b/known hosts', '~/.ssh/other']);
  expect(dump.get('identityfile')).toEqual(['/k/one two', '~/three']);
});

function hasSsh(): boolean {
  try {
    execFileSync('ssh', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
