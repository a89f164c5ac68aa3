import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decideHostKey, fingerprint, formatKnownHost, type HostKeyPlace, keyTypeOf, knownKeyTypes, parseKnownHosts } from './known-hosts.ts';

const key = (text: string): Buffer => Buffer.from(text, 'base64');
const ed25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIJWxqPXVPhVtqaNS83jOU6HrDfDvXVhEJEjNHLJvhPZp';
const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const rsa = Buffer.concat([Buffer.from([0, 0, 0, 7]), Buffer.from('ssh-rsa'), Buffer.from([0, 0, 0, 1, 3, 0, 0, 0, 1, 5])]).toString('base64');
const host: HostKeyPlace = { host: 'balaur.example', port: 22 };
const elsewhere: HostKeyPlace = { host: 'balaur.example', port: 2222 };
const hashed = (place: HostKeyPlace): string => formatKnownHost(place, key(ed25519), randomBytes(20)).split(' ')[0]!;
const decide = (text: string, place = host, shown = ed25519): string =>
  decideHostKey(parseKnownHosts([{ path: 'known_hosts', text }]), place, key(shown)).kind;

describe('decideHostKey', () => {
  it.each<[string, string, string, HostKeyPlace?, string?]>([
    ['a plain line', `balaur.example ssh-ed25519 ${ed25519} bob@laptop`, 'accept'],
    ['another host', `other.example ssh-ed25519 ${ed25519}`, 'unknown'],
    ['nothing', '', 'unknown'],
    ['comments and blank lines', `# balaur.example ssh-ed25519 ${ed25519}\n\n  \n`, 'unknown'],
    ['another key', `balaur.example ssh-ed25519 ${other}`, 'changed'],
    ['a key of another type only', `balaur.example ssh-rsa ${rsa}`, 'changed'],
    ['keys of both types', `balaur.example ssh-rsa ${rsa}\nbalaur.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['an old and a new key', `balaur.example ssh-ed25519 ${other}\nbalaur.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a name in capitals', `Balaur.Example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a host in capitals', `balaur.example ssh-ed25519 ${ed25519}`, 'accept', { host: 'BALAUR.example', port: 22 }],
    ['several names', `x,balaur.example,10.0.0.1 ssh-ed25519 ${ed25519}`, 'accept'],
    ['a wildcard', `*.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a question mark', `balau?.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a negation after a wildcard', `*.example,!balaur.example ssh-ed25519 ${ed25519}`, 'unknown'],
    ['a negation before a wildcard', `!balaur.example,*.example ssh-ed25519 ${ed25519}`, 'unknown'],
    ['a negation alone', `!other.example ssh-ed25519 ${ed25519}`, 'unknown'],
    ['a hashed name', `${hashed(host)} ssh-ed25519 ${ed25519}`, 'accept'],
    ['a hashed name, another key', `${hashed(host)} ssh-ed25519 ${ed25519}`, 'changed', host, other],
    ['another hashed name', `${hashed(elsewhere)} ssh-ed25519 ${ed25519}`, 'unknown'],
    ['a hash of another version', `${hashed(host).replace('|1|', '|2|')} ssh-ed25519 ${ed25519}`, 'unknown'],
    ['another port', `[balaur.example]:2222 ssh-ed25519 ${ed25519}`, 'accept', elsewhere],
    ['another port, hashed', `${hashed(elsewhere)} ssh-ed25519 ${ed25519}`, 'accept', elsewhere],
    ['the wrong port', `[balaur.example]:2223 ssh-ed25519 ${ed25519}`, 'unknown', elsewhere],
    ['another port, known on 22 with the same key', `balaur.example ssh-ed25519 ${ed25519}`, 'accept', elsewhere],
    ['another port, known on 22 with another key', `balaur.example ssh-ed25519 ${other}`, 'unknown', elsewhere],
    ['port 22, known on another port', `[balaur.example]:2222 ssh-ed25519 ${ed25519}`, 'unknown'],
    ['an IPv6 address', `::1 ssh-ed25519 ${ed25519}`, 'accept', { host: '::1', port: 22 }],
    ['an IPv6 address with a port', `[::1]:2222 ssh-ed25519 ${ed25519}`, 'accept', { host: '::1', port: 2222 }],
    ['an alias', `cluster ssh-ed25519 ${ed25519}`, 'accept', { ...elsewhere, alias: 'cluster' }],
    ['an alias that is not there', `balaur.example ssh-ed25519 ${ed25519}`, 'unknown', { ...host, alias: 'cluster' }],
    ['a certificate authority only', `@cert-authority *.example ssh-ed25519 ${ed25519}`, 'unknown'],
    ['a certificate authority and a key', `@cert-authority * ssh-ed25519 ${other}\nbalaur.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a revoked key', `@revoked * ssh-ed25519 ${ed25519}`, 'revoked'],
    ['a key that is known, and revoked below', `balaur.example ssh-ed25519 ${ed25519}\n@revoked * ssh-ed25519 ${ed25519}`, 'revoked'],
    ['a key that is known, and revoked above', `@revoked * ssh-ed25519 ${ed25519}\nbalaur.example ssh-ed25519 ${ed25519}`, 'revoked'],
    ['another revoked key', `@revoked * ssh-ed25519 ${other}\nbalaur.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a revoked key of another host', `@revoked x ssh-ed25519 ${ed25519}\nbalaur.example ssh-ed25519 ${ed25519}`, 'accept'],
    ['a key revoked for port 22, seen on another', `@revoked balaur.example ssh-ed25519 ${ed25519}`, 'revoked', elsewhere],
    ['a marker that we do not know', `@trusted balaur.example ssh-ed25519 ${ed25519}`, 'unknown'],
    ['a line that is cut', 'balaur.example ssh-ed25519', 'unknown'],
    ['a key that is not base64', `balaur.example ssh-ed25519 ${ed25519.slice(0, -3)}!!!`, 'unknown'],
    ['a key of another type than it says', `balaur.example ssh-rsa ${ed25519}`, 'unknown'],
    ['tabs and spaces', `  balaur.example \t ssh-ed25519\t${ed25519}\r`, 'accept'],
  ])('%s', (_what, text, expected, place, shown) => {
    expect(decide(text, place, shown)).toBe(expected);
  });

  it('names file, line and fingerprint of what is stored, over several files', () => {
    const files = [
      { path: '/home/bob/.ssh/known_hosts', text: `# mine\nbalaur.example ssh-rsa ${rsa}\n` },
      { path: '/etc/ssh/ssh_known_hosts', text: `balaur.example ssh-ed25519 ${other}\n` },
    ];
    expect(decideHostKey(parseKnownHosts(files), host, key(ed25519))).toEqual({
      kind: 'changed',
      stored: [
        { keyType: 'ssh-rsa', fingerprint: fingerprint(key(rsa)), where: '/home/bob/.ssh/known_hosts:2' },
        { keyType: 'ssh-ed25519', fingerprint: fingerprint(key(other)), where: '/etc/ssh/ssh_known_hosts:1' },
      ],
    });
  });

  it('believes a key of the system file', () => {
    const files = [
      { path: 'user', text: '' },
      { path: 'system', text: `balaur.example ssh-ed25519 ${ed25519}` },
    ];
    expect(decideHostKey(parseKnownHosts(files), host, key(ed25519)).kind).toBe('accept');
  });
});

it('knows the types that are stored for a host, and no others', () => {
  const text = `balaur.example ssh-rsa ${rsa}\n@revoked balaur.example ssh-ed25519 ${ed25519}\nother ssh-ed25519 ${ed25519}`;
  expect([...knownKeyTypes(parseKnownHosts([{ path: 'x', text }]), host)]).toEqual(['ssh-rsa']);
});

it('reads the type of a key, and none from what is no key', () => {
  expect(keyTypeOf(key(ed25519))).toBe('ssh-ed25519');
  expect(keyTypeOf(Buffer.from([0, 0, 0, 200, 1]))).toBe('');
  expect(keyTypeOf(Buffer.alloc(2))).toBe('');
});

describe.runIf(hasSshKeygen())('against ssh-keygen', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ubos-sync-known-hosts-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const keygen = (...args: string[]): string =>
    execFileSync('ssh-keygen', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  it('accepts the names that ssh-keygen -H has hashed', () => {
    writeFileSync(join(folder, 'hashed'), `balaur.example ssh-ed25519 ${ed25519}\n[balaur.example]:2222 ssh-ed25519 ${other}\n`);
    keygen('-H', '-f', 'hashed');
    const text = readFileSync(join(folder, 'hashed'), 'utf8');
    expect(text).not.toContain('balaur');
    expect([decide(text), decide(text, elsewhere), decide(text, elsewhere, other)]).toEqual(['accept', 'changed', 'accept']);
  });

  it('prints the fingerprint that ssh-keygen -l prints', () => {
    writeFileSync(join(folder, 'key.pub'), `ssh-ed25519 ${ed25519}\n`);
    expect(keygen('-l', '-f', 'key.pub').split(' ')[1]).toBe(fingerprint(key(ed25519)));
  });

  it.each([
    ['plain', undefined],
    ['hashed', randomBytes(20)],
  ])('writes %s lines that ssh-keygen -F finds', (_how, salt) => {
    writeFileSync(join(folder, 'written'), formatKnownHost(elsewhere, key(ed25519), salt));
    expect(keygen('-F', '[balaur.example]:2222', '-f', 'written')).toContain(ed25519);
  });
});

function hasSshKeygen(): boolean {
  try {
    execFileSync('ssh-keygen', ['-?'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
