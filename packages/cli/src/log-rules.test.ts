/** A node says which logs match a pattern. What it says is not believed: no name leads anywhere but to a file of the target's folder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from './config/parse.ts';
import { resolveConfig } from './config/resolve.ts';
import { logsOfRun } from './log-rules.ts';
import type { OutputBody } from './render/lines.ts';
import type { Run } from './runs.ts';
import { createTally } from './tally.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rules-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** With a node that lists these names for whatever it is asked, or fails. */
async function ask(logs: string, listed: readonly string[] | Error, names: readonly string[] = []) {
  const parsed = parseConfig(`version: 1\nnodes: { balaur: { url: /srv } }\nlogs: ${logs}\n`);
  if (!parsed.ok) throw new Error(parsed.mistakes.map(({ message }) => message).join());
  const profile = resolveConfig(parsed.config, join(root, 'ubos-sync.yaml'));
  const problems: string[] = [];
  const asked: string[] = [];
  const run = {
    io: { signal: new AbortController().signal },
    profile,
    node: profile.nodes.get('balaur'),
    session: {
      logNames(folder: string, pattern: string) {
        asked.push(`${folder} ${pattern}`);
        return listed instanceof Error ? Promise.reject(listed) : Promise.resolve(listed);
      },
    },
    output: {
      run: 'r',
      emit(line: OutputBody) {
        if (line.type === 'problem') problems.push(`${line.code} ${line.path}`);
      },
    },
    tally: createTally(),
    knownProblems: new Set(),
    auditFolder: undefined,
  } as unknown as Run;
  const rules = await logsOfRun(run, names);
  return { logs: rules.map(({ from, to, lines }) => ({ from, to, lines })), problems, asked, failed: run.tally.logsFailed };
}

const many = '[{ from: "logs/*", to: "in/{node}-{name}" }]';

describe('names that a node lists', () => {
  it.each([
    '..',
    '.',
    '',
    '../x',
    '/etc/passwd',
    'a/../../x',
    'a\0',
    'a\nb',
    '\u009b2J',
    '\ud800',
    'é'.repeat(200),
    '.ubos-sync',
    '.Ubos-Sync',
    'x_state.json',
  ])('refuses %j, and takes the others', async (name) => {
    const { logs, problems, failed } = await ask(many, [name, 'ok.log']);
    expect(logs).toEqual([{ from: 'logs/ok.log', to: 'in/balaur-ok.log', lines: true }]);
    expect(problems).toEqual([`SYNC_NAME_REFUSED logs/${name}`]);
    expect(failed).toBe(1);
  });

  it.each(['$&', '{node}', '{name}', '$1.log', '-rf', ' ', 'é'])('takes %j as it is', async (name) => {
    const { logs, problems } = await ask(many, [name, name]);
    expect(logs.map(({ to }) => to)).toEqual([`in/balaur-${name}`]);
    expect(problems).toEqual([]);
  });

  it('comes in the order of the config, and a rule that names a log goes before one that matches it', async () => {
    const config = '[{ from: "/var/*", to: "in/{name}" }, { from: x, to: in/b }, { from: "*.log", to: "log/{name}", lines: false }]';
    const { logs, asked } = await ask(config, ['a', 'b']);
    expect(asked).toEqual(['/var *', '. *.log']);
    expect(logs).toEqual([
      { from: '/var/a', to: 'in/a', lines: false },
      { from: 'x', to: 'in/b', lines: false },
      { from: 'a', to: 'log/a', lines: false },
      { from: 'b', to: 'log/b', lines: false },
    ]);
  });

  it('are not asked for where the names of the command line are those of other rules', async () => {
    const { logs, asked } = await ask('[{ from: "logs/*", to: "in/{name}" }, { from: y/x.log, to: x.log }]', new Error('never'), ['x', 'y/x.log']);
    expect(logs.map(({ to }) => to)).toEqual(['x.log']);
    expect(asked).toEqual([]);
  });

  it('a folder that cannot be listed keeps no other rule back', async () => {
    const { logs, problems, failed } = await ask('[{ from: "logs/*", to: "in/{name}" }, { from: y, to: x }]', new SyncError('SYNC_DENIED', 'no'));
    expect(logs.map(({ to }) => to)).toEqual(['x']);
    expect(problems).toEqual(['SYNC_DENIED in/{name}']);
    expect(failed).toBe(1);
  });

  it('a lost connection ends the run', async () => {
    await expect(ask(many, new SyncError('SYNC_PEER_LOST', 'gone'))).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
  });
});

describe('generations', () => {
  it.each([
    { title: 'of a log that is listed', listed: ['a.log', 'a.log.1', 'a-20261122.log', 'a.log.2.gz'], here: [], logs: ['a.log'] },
    { title: 'of a log that is here', listed: ['a.log.1'], here: ['balaur-a.log'], logs: [] },
    { title: 'of no log', listed: ['a.log.1', 'b-20261122.log'], here: [], logs: ['a.log.1', 'b-20261122.log'] },
  ])('$title', async ({ listed, here, logs }) => {
    for (const name of here) writeFileSync(join(root, name), '');
    const found = await ask('[{ from: "logs/*", to: "{node}-{name}" }]', listed);
    expect(found.logs.map(({ to }) => to.slice('balaur-'.length))).toEqual(logs);
  });
});
