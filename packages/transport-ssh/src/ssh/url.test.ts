import { describe, expect, it } from 'vitest';
import { parseAuthority, parseRemoteUrl } from './url.ts';

const ssh = (host: string, path: string, rest: { user?: string; port?: number } = {}): unknown => ({
  ok: true,
  value: { kind: 'ssh', host, path, user: rest.user, port: rest.port },
});
const local = (path: string): unknown => ({ ok: true, value: { kind: 'path', path } });

describe('parseRemoteUrl', () => {
  it.each([
    ['ssh://balaur/srv/repo', ssh('balaur', '/srv/repo')],
    ['ssh://bob@balaur.example:2222/srv/my%20repo', ssh('balaur.example', '/srv/my repo', { user: 'bob', port: 2222 })],
    ['SSH://balaur/~/repo', ssh('balaur', '~/repo')],
    ['ssh://balaur/~', ssh('balaur', '~')],
    ['ssh://balaur/~bob/x', ssh('balaur', '/~bob/x')],
    ['ssh://[::1]:22/x', ssh('::1', '/x', { port: 22 })],
    ['ssh://[fe80::1%25eth0]/x', ssh('fe80::1%25eth0', '/x')],
    ['ssh://dom%5Cbob@h/x', { ok: false }],
    ['ssh://a%40b@h/x', ssh('h', '/x', { user: 'a@b' })],
    ['ssh://balaur/srv/a#b?c', ssh('balaur', '/srv/a#b?c')],
    ['ssh://балаур/x', ssh('балаур', '/x')],
    ['/srv/repo', local('/srv/repo')],
    ['../repo', local('../repo')],
    ['a b:c/d', { ok: false }],
    ['./a:b', local('./a:b')],
    ['C:\\repo', local('C:\\repo')],
  ])('%s', (text, expected) => {
    expect(parseRemoteUrl(text)).toMatchObject(expected as object);
  });

  it.each([
    ['a password', 'ssh://bob:secret@h/x', 'a password does not belong into an address'],
    ['no folder', 'ssh://h', 'the folder is missing'],
    ['the whole disk', 'ssh://h/', 'the folder is missing'],
    ['no host', 'ssh:///x', 'the name of the host is missing'],
    ['a host that is an option', 'ssh://-oProxyCommand=x/x', 'cannot be a host name'],
    ['a user that is an option', 'ssh://-l@h/x', 'cannot be a user name'],
    ['a host with a command in it', 'ssh://$(touch x)/x', 'cannot be a host name'],
    ['a user with a command in it', 'ssh://a%60touch%20x%60@h/x', 'cannot be a user name'],
    ['a host with a newline', 'ssh://h\ni/x', 'cannot be a host name'],
    ['a user with a newline', 'ssh://a%0Ab@h/x', 'cannot be a user name'],
    ['a NUL in the path', 'ssh://h/x%00y', 'NUL'],
    ['a lone per cent', 'ssh://h/100%', '%25'],
    ['port 0', 'ssh://h:0/x', 'not a port'],
    ['a port out of range', 'ssh://h:65536/x', 'not a port'],
    ['a bare IPv6 address', 'ssh://::1/x', 'brackets'],
    ['another scheme', 'https://h/x', 'https:// is not supported'],
    ['the form of scp', 'bob@h:repo', 'ssh://bob@h/~/repo'],
    ['the form of scp, absolute', 'host:/srv/x', 'ssh://host/srv/x'],
    ['nothing', '', 'expected'],
  ])('refuses %s', (_what, text, why) => {
    expect(parseRemoteUrl(text)).toEqual({ ok: false, error: expect.stringContaining(why) });
  });
});

it('reads a machine of ProxyJump', () => {
  expect(parseAuthority('bob@jump:2222')).toEqual({ ok: true, value: { host: 'jump', user: 'bob', port: 2222 } });
});
