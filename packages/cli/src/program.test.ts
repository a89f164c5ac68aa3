import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli, cliJson } from './test-support/cli.ts';
import { version } from './version.ts';

let cwd: string;
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'cli-')));
});
afterEach(() => rmSync(cwd, { recursive: true }));

describe('the command line', () => {
  it('has the version of its package', async () => {
    const { version: published } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
    expect(version).toBe(published);
    expect(await cli(['--version'], { cwd })).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it('helps', async () => {
    const { code, out } = await cli(['--help'], { cwd });
    expect(code).toBe(0);
    for (const command of ['init', 'truth', 'logs', 'full', 'status', 'why', 'agent']) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'));
    const help = await cli(['truth', '--help'], { cwd });
    expect(help.out).toMatch(/--apply/);
    expect(help.out).toMatch(/--json/);
  });

  it.each([
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['truht'], /Did you mean truth\?/],
    [['truth', '--aply'], /Did you mean --apply\?/],
    [['truth', '--first', 'never'], /Allowed choices are newer, local, remote, keep-both/],
    [['truth', '--allow', 'root-missing'], /Allowed choices are marker-missing/],
    [['undo', 'r', '--allow', 'settings-differ'], /unknown option '--allow'/],
    [['truth', '--lock-wait', '60'], /A duration is written as/],
    [['agent'], /--root/],
    [[], /a command is needed: init, truth/],
  ])('%j is a mistake, told with its code', async (args, message) => {
    const { code, out, err } = await cli(args, { cwd });
    expect(code).toBe(3);
    expect(out).toBe('');
    expect(err).toMatch(message);
    expect(err).toMatch(/code: SYNC_USAGE\n$/);
  });

  it('tells of mistakes as JSON, too', async () => {
    const { code, lines } = await cliJson(['truth', '--aply'], { cwd });
    expect(code).toBe(3);
    expect(lines).toMatchObject([
      { type: 'error', code: 'SYNC_USAGE' },
      { type: 'summary', outcome: 'failed', exitCode: 3 },
    ]);
  });
});

describe('the config', () => {
  it('is looked for', async () => {
    const { code, err } = await cli(['truth'], { cwd });
    expect(code).toBe(3);
    expect(err).toBe(`\
ubos-sync: no ubos-sync.yaml in ${cwd} or above it
  safe: Nothing was changed on either side.
  do:   Go to the folder of the config, name it with --config or UBOS_SYNC_CONFIG, or write one with \`ubos-sync init\`.
  code: SYNC_CONFIG_MISSING
`);
  });

  it('says all that is wrong with it', async () => {
    writeFileSync(join(cwd, 'ubos-sync.yaml'), 'version: 1\ntruth:\n  exlude: []\nwatch: { interval: 5 }\n');
    const { code, err } = await cli(['truth'], { cwd });
    expect(code).toBe(3);
    expect(err).toContain('ubos-sync: ubos-sync.yaml has 2 mistakes:\n');
    expect(err).toContain('ubos-sync.yaml:3:3: `exlude` is not a key of `truth`; did you mean `exclude`?\n');
    expect(err).toContain('code: SYNC_CONFIG_INVALID\n');
  });

  it('needs its second key before anything is opened', async () => {
    writeFileSync(join(cwd, 'ubos-sync.yaml'), 'version: 1\nnodes: { balaur: { url: "ssh://host.invalid/x" } }\n');
    const { code, lines } = await cliJson(['truth', '--apply'], { cwd });
    expect(code).toBe(3);
    expect(lines[0]).toMatchObject({ type: 'error', code: 'SYNC_NOT_LIVE' });
    expect(existsSync(join(cwd, 'logs'))).toBe(false);
  });
});

describe('init', () => {
  it('writes a config that is right', async () => {
    const { code, out } = await cli(['init', '--remote', 'ssh://balaur@balaur.example/srv/repo'], { cwd });
    expect({ code, out }).toEqual({ code: 0, out: `Wrote ${cwd}/ubos-sync.yaml.\n` });
    const again = await cli(['truth', '--node', 'x'], { cwd });
    expect(again.err).toContain('has no node `x`');
    expect(readFileSync(join(cwd, 'ubos-sync.yaml'), 'utf8')).toContain('balaur: { url: "ssh://balaur@balaur.example/srv/repo" }');
  });

  it('knows the tree of the UBOS', async () => {
    const { code } = await cli(['init', '--remote', '/srv/repo', '--profile', 'ubos', '--node', 'balaur'], { cwd });
    expect(code).toBe(0);
    const text = readFileSync(join(cwd, 'ubos-sync.yaml'), 'utf8');
    expect(text).toContain('include: [config, docs, missions, scripts, COMMS_HUB]');
    expect(text).toContain('from: logs/mission_log.jsonl, to: logs/mission_log.jsonl');
  });

  it('replaces nothing', async () => {
    writeFileSync(join(cwd, 'ubos-sync.yaml'), 'mine');
    const { code, lines } = await cliJson(['init', '--remote', '/srv/repo'], { cwd });
    expect(code).toBe(3);
    expect(lines[0]).toMatchObject({ type: 'error', code: 'SYNC_USAGE', message: expect.stringContaining('is there already') });
    expect(readFileSync(join(cwd, 'ubos-sync.yaml'), 'utf8')).toBe('mine');
  });

  it.each([
    [['init'], /needs --remote URL/],
    [['init', '--remote', 'host:/srv'], /write it as ssh:\/\/host\/srv/],
    [['init', '--remote', '/srv', '--profile', 'ubso'], /did you mean `ubos`\?/],
    [['init', '--remote', '/srv', '--node', 'local'], /no valid config/],
  ])('%j is refused', async (args, message) => {
    const { code, err } = await cli(args, { cwd });
    expect(code).toBe(3);
    expect(err).toMatch(message);
    expect(existsSync(join(cwd, 'ubos-sync.yaml'))).toBe(false);
  });
});
