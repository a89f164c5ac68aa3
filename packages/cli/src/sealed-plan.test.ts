/** Sealed plans by whole commands over two folders of this machine. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliResult, cli, cliJson } from './test-support/cli.ts';

let place: string;
let here: string;
let there: string;

beforeEach(async () => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'sync-')));
  here = join(place, 'here');
  there = join(place, 'there');
  for (const root of [here, there]) mkdirSync(root);
  configure();
  put(here, 'docs/a.md', 'one');
  put(here, 'docs/b.md', 'one');
  put(here, 'gone.md', 'one');
  expect((await run('truth', '--apply')).code).toBe(0);
  put(here, 'docs/a.md', 'two');
  put(there, 'docs/b.md', 'two');
  rmSync(join(here, 'gone.md'));
});
afterEach(() => rmSync(place, { recursive: true }));

const run = async (...args: string[]): Promise<CliResult> => cli(args, { cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });
const json = async (...args: string[]) => cliJson(args, { cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });

describe('truth --plan', () => {
  it('does what a dry run said, under the id that it gave', async () => {
    const { code, out, err } = await run('truth');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const id = idIn(out);
    expect(
      out.endsWith(
        `\nNothing was changed. --apply would make 2 changes to balaur (3 B), 1 change to local (3 B), 1 deletion among them.\nTo do exactly this: ubos-sync truth --apply --plan ${id}\n`,
      ),
    ).toBe(true);
    put(here, 'docs/later.md', 'later');
    const applied = await run('truth', '--apply', '--plan', id);
    expect(applied).toMatchObject({ code: 0, err: '' });
    expect(applied.out).toMatch(
      /\nDone: .*\.\n1 change is not in the plan and left for the next run\.\n`ubos-sync undo \S+` would take it back\.\n$/,
    );
    expect([read(there, 'docs/a.md'), read(here, 'docs/b.md'), existsSync(join(there, 'gone.md')), existsSync(join(there, 'docs/later.md'))]).toEqual(
      ['two', 'two', false, false],
    );
    const again = await run('truth', '--apply', '--plan', id);
    expect(again).toEqual({
      code: 0,
      out: `Nothing to do: all of plan ${id} is done.\n1 change is not in the plan and left for the next run.\n`,
      err: '',
    });
    expect((await run('truth', '--apply')).code).toBe(0);
    expect((await run('truth', '--apply', '--plan', id)).out).toBe('Nothing to do: local and balaur are in sync.\n');
  });

  it('refuses what has drifted, names it, and changes nothing', async () => {
    const id = idIn((await run('truth')).out);
    put(there, 'docs/a.md', 'edited meanwhile');
    chmodSync(join(here, 'docs/b.md'), 0o600);
    const { code, out, err } = await run('truth', '--apply', '--plan', id);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toContain(`2 paths are not as when plan ${id} was made: docs/b.md has other permissions on local, docs/a.md was changed on balaur`);
    expect(err).toContain('  safe: Nothing was changed on either side.');
    expect(err).toContain('  code: SYNC_PLAN_DRIFTED');
    expect([read(there, 'docs/a.md'), read(here, 'docs/b.md'), existsSync(join(there, 'gone.md'))]).toEqual(['edited meanwhile', 'one', true]);
    const { lines } = await json('truth', '--apply', '--plan', id);
    expect(lines.find(({ type }) => type === 'error')).toMatchObject({
      code: 'SYNC_PLAN_DRIFTED',
      details: { plan: id, paths: ['docs/b.md', 'docs/a.md'], drifted: 2 },
    });
    expect(lines.at(-1)).toMatchObject({ type: 'summary', outcome: 'failed', exitCode: 3 });
  });

  it('tells scripts the id and the whole hash, and the audit remembers them', async () => {
    const dry = await json('truth');
    const summary = dry.lines.at(-1);
    expect(summary).toMatchObject({ outcome: 'pending', planId: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
    const { planId = '', planHash = '' } = summary?.type === 'summary' ? summary : {};
    expect(planHash).toMatch(new RegExp(`^${planId}[0-9a-f]{48}$`));
    expect(plansIn(here)).toEqual([`${planHash}.plan`]);
    expect(plansIn(there)).toEqual([]);
    expect(statSync(join(here, '.ubos-sync/plans', `${planHash}.plan`)).mode & 0o777).toBe(0o600);
    const applied = await json('truth', '--apply', '--plan', planHash.slice(0, 6).toUpperCase());
    expect(applied.lines.at(-1)).toMatchObject({ outcome: 'applied', planId, planHash });
    expect(runsInAudit().slice(-2)).toMatchObject([
      { dryRun: true, outcome: 'pending', planId, planHash },
      { dryRun: false, outcome: 'applied', planId, planHash },
    ]);
  });

  it('without --apply says what of it is left to do', async () => {
    const id = idIn((await run('truth')).out);
    await run('truth', '--apply', 'docs');
    const { code, out } = await run('truth', '--plan', id);
    expect(code).toBe(0);
    expect(out).toBe(
      `\
Deletions and changes of kind:
local ----> balaur  deleted    gone.md (3 B)

Nothing was changed. --apply would make 1 change to balaur, 1 deletion among them.
To do exactly this: ubos-sync truth --apply --plan ${id}
`.replace(/^/, '\n'),
    );
    expect(plansIn(here)).toHaveLength(1);
  });

  it('is made neither by status nor by full, nor where nothing is to be done', async () => {
    await run('status');
    await run('full');
    expect(plansIn(here)).toEqual([]);
    await run('truth', '--apply');
    expect((await json('truth')).lines.at(-1)).not.toHaveProperty('planId');
    expect(plansIn(here)).toEqual([]);
  });

  it('needs both keys, too', async () => {
    configure('live: false');
    const { out } = await run('truth');
    expect(out.endsWith(`--plan ${idIn(out)}\n--apply is refused until the config says \`live: true\`.\n`)).toBe(true);
    expect((await run('truth', '--apply', '--plan', idIn(out))).err).toContain('code: SYNC_NOT_LIVE');
    expect(read(there, 'docs/a.md')).toBe('one');
  });

  it('is for the settings that it was made under', async () => {
    const id = idIn((await run('truth')).out);
    configure('live: true', 'truth: { conflicts: skip }');
    const { code, err } = await run('truth', '--apply', '--plan', id);
    expect(code).toBe(3);
    expect(err).toContain(`plan ${id} was made under other settings: conflicts`);
    expect(err).toContain('code: SYNC_PLAN_DRIFTED');
  });

  it('is for one node, and names it where it has to be named', async () => {
    writeFileSync(
      join(here, 'ubos-sync.yaml'),
      `version: 1\nself: laptop\nlive: true\nnodes:\n  balaur: { url: "../there" }\n  cuda: { url: "../other" }\n`,
    );
    mkdirSync(join(place, 'other'));
    const dry = await run('truth', '--node', 'balaur');
    const id = idIn(dry.out);
    expect(dry.out).toContain(`To do exactly this: ubos-sync truth --node balaur --apply --plan ${id}\n`);
    expect((await run('truth', '--node', 'cuda', '--apply', '--plan', id)).err).toContain('code: SYNC_PLAN_UNKNOWN');
    expect((await run('truth', '--all', '--apply', '--plan', id)).err).toContain('code: SYNC_USAGE');
    expect((await run('truth', '--node', 'balaur,cuda', '--apply', '--plan', id)).err).toContain('code: SYNC_USAGE');
    expect((await run('truth', '--node', 'balaur', '--apply', '--plan', id)).code).toBe(0);
  });

  it.each([
    [['--plan', 'abc'], 'at least 6 hexadecimal digits'],
    [['--plan', '../../etc'], 'at least 6 hexadecimal digits'],
    [['--plan', 'abcdef', 'docs'], '--plan takes no PATHs'],
    [['--plan', 'abcdef', '--first', 'local'], '--plan takes no --first'],
  ])('%j is a mistake', async (args, says) => {
    const { code, err } = await run('truth', '--apply', ...args);
    expect(code).toBe(3);
    expect(err).toContain(says);
    expect(err).toContain('code: SYNC_USAGE');
  });

  it('is nothing for full', async () => {
    expect((await run('full', '--apply', '--plan', 'abcdef')).err).toContain('code: SYNC_USAGE');
  });

  it('that nobody made, or that was damaged, is told apart', async () => {
    const { err } = await run('truth', '--apply', '--plan', 'abcdef');
    expect(err).toContain('there is no plan abcdef here');
    expect(err).toContain('code: SYNC_PLAN_UNKNOWN');
    const id = idIn((await run('truth')).out);
    const [name = ''] = plansIn(here);
    const file = join(here, '.ubos-sync/plans', name);
    writeFileSync(file, readFileSync(file, 'utf8').replace('gone.md', 'docs.md'));
    expect((await run('truth', '--apply', '--plan', id)).err).toContain('code: SYNC_PLAN_DAMAGED');
    expect(read(there, 'docs/a.md')).toBe('one');
  });
});

let writes = 0;

function put(root: string, path: string, text: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  utimesSync(file, 1_800_000_000 + ++writes * 10, 1_800_000_000 + writes * 10);
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function configure(...lines: readonly string[]): void {
  const [live = 'live: true', ...more] = lines;
  writeFileSync(
    join(here, 'ubos-sync.yaml'),
    ['version: 1', 'self: laptop', live, 'nodes:', '  balaur: { url: "../there" }', ...more, ''].join('\n'),
  );
}

function idIn(out: string): string {
  const [, id] = /--plan ([0-9a-f]{16})\n/.exec(out) ?? [];
  if (id === undefined) throw new Error(`no id in: ${out}`);
  return id;
}

function plansIn(root: string): readonly string[] {
  const folder = join(root, '.ubos-sync/plans');
  return existsSync(folder) ? readdirSync(folder) : [];
}

function runsInAudit(): readonly Readonly<Record<string, unknown>>[] {
  return read(here, 'logs/sync/audit.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter(({ type }) => type === 'run');
}
