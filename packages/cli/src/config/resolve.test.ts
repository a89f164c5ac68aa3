import { describe, expect, it } from 'vitest';
import { parseConfig } from './parse.ts';
import { chooseLogs, choosePeers, guardsForNode, type Profile, resolveConfig } from './resolve.ts';

const two = 'nodes: { balaur: { url: "ssh://balaur/srv/repo" }, laptop: { url: ../other } }\n';

describe('resolveConfig', () => {
  it('makes paths absolute from the folder of the config', () => {
    const profile = resolved(`root: tree\n${two}`);
    expect(profile.root).toBe('/home/me/repo/tree');
    expect(profile.nodes.get('laptop')?.address).toEqual({ kind: 'path', path: '/home/me/other' });
    expect(profile.nodes.get('balaur')?.address).toMatchObject({ kind: 'ssh', host: 'balaur', path: '/srv/repo' });
  });

  it('turns local and remote into sides, shares and numbers into limits', () => {
    const { settings } = resolved(
      'truth: { conflicts: local, direction: pull, maxDelete: 10%, maxChange: 7, policies: [{ match: "docs/**", conflicts: remote, permissions: none, direction: push }] }',
    );
    expect(settings).toMatchObject({
      conflicts: 'alpha',
      direction: 'beta-to-alpha',
      maxDelete: { share: 0.1 },
      maxChange: { count: 7 },
      policies: [{ match: 'docs/**', conflicts: 'beta', permissions: 'none', direction: 'alpha-to-beta' }],
    });
  });

  it('writes braces out, as patterns cross the wire', () => {
    expect(resolved('truth: { exclude: ["*.{tmp,bak}", "!a/{b,c}/"] }').settings.scope.exclude).toEqual(['*.tmp', '*.bak', '!a/b/', '!a/c/']);
    expect(resolved('truth: { policies: [{ match: "*.{sh,py}", permissions: executable }] }').settings.policies).toEqual([
      { match: '*.sh', permissions: 'executable' },
      { match: '*.py', permissions: 'executable' },
    ]);
  });

  it('guards the config in use, the targets of logs and the audit folder', () => {
    const { guards } = resolved('logs: [{ from: /var/log/x.jsonl, to: logs/x.jsonl }]');
    expect(guards.map(({ pattern }) => pattern)).toEqual(expect.arrayContaining(['/sync.conf', '/logs/x.jsonl', '/logs/x.jsonl.old', '/logs/sync']));
  });

  it('guards the sources of logs that lie inside the root of the peer', () => {
    const profile = resolved(
      `${two}logs: [{ from: /srv/repo/in/a.jsonl, to: x/a.jsonl }, { from: b.jsonl, to: x/b.jsonl }, { from: /var/c.jsonl, to: x/c.jsonl }]`,
    );
    const guards = guardsForNode(profile, choosePeers(profile, { names: ['balaur'] })[0]);
    expect(guards).toEqual(expect.arrayContaining(['/in/a.jsonl', '/b.jsonl', '/x/a.jsonl']));
    expect(guards.filter((guard) => guard.endsWith('c.jsonl'))).toEqual(['/x/c.jsonl']);
  });

  it('guards what patterns name, on both sides, and the copies of every node', () => {
    const profile = resolved(`${two}logs: [{ from: "in/*.jsonl", to: "logs/{node}/{name}" }, { from: "*.log", to: "x/{name}.copy" }]`);
    const guards = guardsForNode(profile, choosePeers(profile, { names: ['balaur'] })[0]);
    expect(guards).toEqual(
      expect.arrayContaining([
        '/logs/balaur/*.jsonl',
        '/logs/laptop/*.jsonl',
        '/logs/laptop/*.jsonl.[0-9]*',
        '/logs/laptop/*-[0-9]*.jsonl',
        '/x/*.log.copy',
        '/in/*.jsonl',
        '/in/*.jsonl.old',
        '/*.log',
      ]),
    );
    expect(guards.filter((guard) => guard.includes('{'))).toEqual([]);
  });

  it('shows whole lines only of .jsonl and .log, unless told otherwise', () => {
    const { logs } = resolved(
      'logs: [{ from: a, to: a.jsonl }, { from: b, to: b.log }, { from: c, to: c.bin }, { from: d, to: d.jsonl, lines: false }]',
    );
    expect(logs.map(({ lines }) => lines)).toEqual([true, true, false, false]);
  });
});

describe('choosePeers', () => {
  const names = (text: string, choice: Parameters<typeof choosePeers>[1]) => choosePeers(resolved(text), choice).map(({ name }) => name);

  it('takes the only node', () => expect(names('nodes: { balaur: { url: /b } }', {})).toEqual(['balaur']));
  it('takes `peer`', () => expect(names(`${two}peer: laptop`, {})).toEqual(['laptop']));
  it('lets --node win', () => expect(names(`${two}peer: laptop`, { names: ['balaur'] })).toEqual(['balaur']));
  it('takes every node in turn with --all', () => expect(names(`${two}peer: laptop`, { all: true })).toEqual(['balaur', 'laptop']));
  it('knows the nearest name', () => expect(() => names(two, { names: ['baluar'] })).toThrow(/no node `baluar`; did you mean `balaur`\?/));
  it('does not guess between two', () => expect(() => names(two, {})).toThrow(/2 nodes and no `peer`/));
  it('needs a node', () => expect(() => names('', {})).toThrow(/no nodes/));
});

describe('chooseLogs', () => {
  const { logs } = resolved(
    'logs: [{ from: in/a.jsonl, to: logs/a.jsonl }, { from: in/b.jsonl, to: logs/b.jsonl }, { from: in/c.jsonl, to: old/a.jsonl }]',
  );
  const chosen = (...names: string[]) => chooseLogs(logs, names).map(({ to }) => to);

  it('takes all without a name', () => expect(chosen()).toHaveLength(3));
  it('takes a target, a source, a file name and a stem', () => {
    expect(chosen('logs/a.jsonl', 'in/c.jsonl')).toEqual(['logs/a.jsonl', 'old/a.jsonl']);
    expect(chosen('b.jsonl')).toEqual(['logs/b.jsonl']);
    expect(chosen('b')).toEqual(['logs/b.jsonl']);
  });
  it('does not guess', () => {
    expect(() => chosen('a')).toThrow(/could be logs\/a.jsonl or old\/a.jsonl/);
    expect(() => chosen('x')).toThrow(/no log is called `x`/);
  });
});

function resolved(text: string): Profile {
  const parsed = parseConfig(`version: 1\n${text}`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.mistakes));
  return resolveConfig(parsed.config, '/home/me/repo/sync.conf');
}
