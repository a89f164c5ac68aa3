/** Whole commands over two folders of this machine: a node may be a plain path, and everything but the wire is the real thing. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { verifyChain } from './audit/chain.ts';
import { type CliResult, cli, cliJson } from './test-support/cli.ts';

let place: string;
let here: string;
let there: string;

beforeEach(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'sync-')));
  here = join(place, 'here');
  there = join(place, 'there');
  mkdirSync(here);
  mkdirSync(there);
  configure('live: true');
});
afterEach(() => rmSync(place, { recursive: true }));

const run = async (...args: string[]): Promise<CliResult> => cli(args, { cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });
const json = async (...args: string[]) => cliJson(args, { cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });

describe('truth', () => {
  it('is a dry run that touches nothing, and says what --apply would do', async () => {
    put(here, 'config/a.yaml', 'a'.repeat(1200));
    put(there, 'docs/b.md', 'b');
    const before = [listing(here), listing(there)];
    const { code, out, err } = await run('truth');
    expect(code).toBe(0);
    expect(err.split('\n')).toEqual([
      'note: this plan has no id: the two have never been synced',
      expect.stringMatching(/^note: --apply .*: logs$/),
      '',
    ]);
    expect(out).toBe(`\
local ----> balaur  new dir    config/
local ----> balaur  new file   config/a.yaml (1.2 kB)
local <---- balaur  new dir    docs/
local <---- balaur  new file   docs/b.md (1 B)

Nothing was changed. --apply would make 2 changes to balaur (1.2 kB), 2 changes to local (1 B).
`);
    expect([listing(here), listing(there)]).toEqual(before);
    expect((await run('truth', '--exit-code')).code).toBe(1);
  });

  it('says in a dry run which folders of its own --apply would make and sync', async () => {
    put(here, 'a.md', 'a');
    const note = 'note: --apply first makes folders for its audit and its logs, and syncs those that are part of the tree like any other: ';
    expect((await run('truth')).err).toContain(`${note}logs\n`);
    expect((await run('status')).err).not.toContain('note: --apply');
    configure('live: true\naudit: kept/of/mine\nlogs: [{ from: x.jsonl, to: pulled/x.jsonl }]');
    expect((await run('full', '--dry-run')).err).toContain(`${note}kept, kept/of, pulled\n`);
    expect(existsSync(join(here, 'kept'))).toBe(false);
    const applied = await run('truth', '--apply');
    expect(applied.out.split('\n').filter((line) => line.includes('new dir'))).toEqual([
      'local ----> balaur  new dir    kept/',
      'local ----> balaur  new dir    kept/of/',
    ]);
    expect((await run('truth')).err).not.toContain('note: --apply');
    configure('live: true\ntruth: { include: [a.md] }');
    expect((await run('truth')).err).not.toContain('note: --apply');
  });

  it('does it with both keys turned, and then has nothing to do', async () => {
    put(here, 'config/a.yaml', 'a');
    put(here, 'scripts/run.sh', '#!/bin/sh\n');
    chmodSync(join(here, 'scripts/run.sh'), 0o755);
    put(there, 'docs/b.md', 'b');
    const first = await run('truth', '--apply');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /\nDone: 5 changes to balaur \(11 B\), 2 changes to local \(1 B\) in .*\.\n`ubos-sync undo \S+` would take it back\.\n$/,
    );
    expect(read(there, 'config/a.yaml')).toBe('a');
    expect(read(here, 'docs/b.md')).toBe('b');
    expect(statSync(join(there, 'scripts/run.sh')).mode & 0o777).toBe(0o755);
    expect(await run('truth', '--apply')).toEqual({ code: 0, out: 'Nothing to do: local and balaur are in sync.\n', err: '' });
    expect(audit().map(({ type, outcome }) => outcome ?? type)).toEqual([...Array<string>(7).fill('change'), 'applied', 'in-sync']);
  });

  it('carries a deletion, and never a state file', async () => {
    put(here, 'hub/a.md', 'a');
    put(here, 'hub/me_state.json', '{}');
    await run('truth', '--apply');
    expect(existsSync(join(there, 'hub/me_state.json'))).toBe(false);
    rmSync(join(here, 'hub/a.md'));
    const { out } = await run('truth', '--apply');
    expect(out).toContain('Deletions and changes of kind:\nlocal ----> balaur  deleted    hub/a.md (1 B)\n');
    expect(existsSync(join(there, 'hub/a.md'))).toBe(false);
    expect(read(here, 'hub/me_state.json')).toBe('{}');
  });

  it('lists what differs at the first sync, until --first decides', async () => {
    put(here, 'a.md', 'mine');
    put(there, 'a.md', 'yours');
    const listed = await run('truth', '--apply');
    expect(listed.code).toBe(1);
    expect(listed.out).toContain('Conflicts, open:\nlocal <-?-> balaur  conflict   a.md: different on both sides, and never synced before');
    expect(read(there, 'a.md')).toBe('yours');
    expect((await run('truth', '--apply', '--first', 'local')).code).toBe(0);
    expect(read(there, 'a.md')).toBe('mine');
  });

  it('lets the newer one win later', async () => {
    put(here, 'a.md', 'first');
    await run('truth', '--apply');
    put(here, 'a.md', 'older', 1000);
    put(there, 'a.md', 'newer', 2000);
    const { code, out } = await run('truth', '--apply');
    expect(code).toBe(0);
    expect(out).toContain('balaur wins');
    expect(read(here, 'a.md')).toBe('newer');
  });

  it('takes only the paths that are named', async () => {
    put(here, 'a.md', 'a');
    put(here, 'sub/b.md', 'b');
    expect((await cli(['truth', '--apply', 'b.md'], { cwd: join(here, 'sub'), env: { XDG_STATE_HOME: join(place, 'state') } })).code).toBe(0);
    expect([existsSync(join(there, 'a.md')), existsSync(join(there, 'sub/b.md'))]).toEqual([false, true]);
    expect((await run('truth', '../there')).err).toContain('code: SYNC_USAGE');
  });

  // Here, the audit folder is made anew before anything is looked at: it must not make an emptied root look inhabited.
  it.each(['here', 'there'])('halts when everything is gone %s, and says how to go on', async (side) => {
    const [emptied, other] = side === 'here' ? [here, there] : [there, here];
    put(here, 'a.md', 'a');
    put(here, 'b.md', 'b');
    await run('truth', '--apply');
    for (const name of ['a.md', 'b.md', 'logs']) rmSync(join(emptied, name), { recursive: true });
    for (let again = 0; again < 2; again++) {
      const { code, err } = await run('truth', '--apply');
      expect(code).toBe(3);
      expect(err).toMatch(/ {2}do: .*--allow root-emptied\.\n {2}code: SYNC_ROOT_EMPTIED\n$/);
    }
    expect(read(other, 'a.md')).toBe('a');
    expect((await run('truth', '--apply', '--allow', 'root-emptied')).code).toBe(0);
    expect(existsSync(join(other, 'a.md'))).toBe(false);
  });

  it.each(['missing', 'a file'])('names a root that is %s', async (what) => {
    rmSync(there, { recursive: true });
    if (what === 'a file') writeFileSync(there, 'x');
    put(here, 'a.md', 'a');
    const { code, err } = await run('truth');
    expect(code).toBe(3);
    expect(err).toMatch(what === 'missing' ? /code: SYNC_ROOT_MISSING\n$/ : /code: SYNC_ROOT_KIND\n$/);
  });

  it('stops cleanly when it is told to', async () => {
    put(here, 'a.md', 'a');
    const { code, err } = await cli(['truth', '--apply'], {
      cwd: here,
      env: { XDG_STATE_HOME: join(place, 'state') },
      signal: AbortSignal.abort(new SyncError('SYNC_INTERRUPTED', 'stopped by SIGINT')),
    });
    expect(code).toBe(3);
    expect(err).toMatch(/^ubos-sync: stopped by SIGINT\n.*\n.*\n {2}code: SYNC_INTERRUPTED\n$/);
    expect(existsSync(join(there, 'a.md'))).toBe(false);
  });

  it('waits for the lock no longer than it is told', async () => {
    put(here, 'a.md', 'a');
    await run('truth', '--apply');
    const { createFsReplica } = await import('@ubos/sync-core/fs');
    await using replica = await createFsReplica(there, { stateMirror: false });
    const lock = await replica.lock({ waitMs: 0, initiator: 'test', run: 'r', dryRun: false });
    const { code, lines } = await json('truth', '--apply', '--lock-wait', '1ms');
    await lock.release();
    expect(code).toBe(3);
    expect(lines.at(-2)).toMatchObject({ type: 'error', code: 'SYNC_LOCKED' });
    expect(lines.at(-1)).toMatchObject({ outcome: 'skipped-locked' });
  });

  it('--rehash finds what the index would not', async () => {
    put(here, 'a.md', 'one', 1000);
    await run('truth', '--apply');
    expect((await run('truth', '--rehash')).out).toBe('Nothing to do: local and balaur are in sync.\n');
  });

  it('names a kept loser after the node whose it is, on both ends', async () => {
    configure('live: true\nself: laptop\ntruth: { conflicts: keep-both }');
    put(here, 'a.md', 'first');
    await run('truth', '--apply');
    put(here, 'a.md', 'older', 1000);
    put(there, 'a.md', 'newer', 2000);
    await run('truth', '--apply');
    const names = readdirSync(here).filter((name) => name.startsWith('a'));
    expect(names).toEqual([expect.stringMatching(/^a \(conflict laptop \d{4}-\d\d-\d\d\)\.md$/), 'a.md']);
    expect(readdirSync(there).filter((name) => name.startsWith('a'))).toEqual(names);
  });

  it('escapes names that would act on the terminal', async () => {
    put(here, 'a\u001b[2J\nb', 'x');
    const { out } = await run('truth');
    expect(out).toContain('new file   a\\x1b[2J\\nb (1 B)\n');
  });
});

describe('undo', () => {
  const runOf = (out: string): string => /`ubos-sync undo (\S+)`/.exec(out)?.[1] ?? '';

  it('takes a run back, is a dry run first, and the next run changes nothing', async () => {
    put(here, 'a.md', 'one', 1000);
    put(here, 'gone.md', 'gone', 1000);
    await run('truth', '--apply');
    put(here, 'a.md', 'two', 2000);
    rmSync(join(here, 'gone.md'));
    put(there, 'docs/new.md', 'new', 2000);
    const name = runOf((await run('truth', '--apply')).out);
    const dry = await run('undo', name);
    expect(dry).toEqual({
      code: 0,
      err: '',
      out: `\
local ----> balaur  changed    a.md (3 B)
local ----> balaur  new file   gone.md (4 B)

Deletions and changes of kind:
local <---- balaur  deleted    docs/
local <---- balaur  deleted    docs/new.md (3 B)

Nothing was changed. --apply would make 2 changes to balaur (7 B), 2 changes to local, 2 deletions among them.
`,
    });
    expect(read(there, 'a.md')).toBe('two');
    const undone = await run('undo', name, '--apply');
    expect(undone).toMatchObject({ code: 0, err: '' });
    expect([read(there, 'a.md'), read(there, 'gone.md'), existsSync(join(here, 'docs'))]).toEqual(['one', 'gone', false]);
    expect([read(here, 'a.md'), existsSync(join(here, 'gone.md')), read(there, 'docs/new.md')]).toEqual(['two', false, 'new']);
    const quiet = await run('truth', '--apply');
    expect(quiet.out).toMatch(/^Nothing to do: local and balaur are in sync\.\n\d differences are held as agreed/);
    expect((await run('undo', name, '--apply')).out).toBe('Nothing to do: nothing of that run is left to take back.\n');
    // And back again.
    expect(await run('undo', runOf(undone.out), '--apply')).toMatchObject({ code: 0 });
    expect([read(there, 'a.md'), existsSync(join(there, 'gone.md')), read(here, 'docs/new.md')]).toEqual(['two', false, 'new']);
    expect((await run('truth', '--apply')).out).toBe('Nothing to do: local and balaur are in sync.\n');
    expect(
      audit()
        .filter(({ type }) => type === 'run')
        .map(({ command, outcome }) => [command, outcome]),
    ).toEqual([
      ['truth', 'applied'],
      ['truth', 'applied'],
      ['undo', 'pending'],
      ['undo', 'applied'],
      ['truth', 'in-sync'],
      ['undo', 'in-sync'],
      ['undo', 'applied'],
      ['truth', 'in-sync'],
    ]);
  });

  it('lists what was edited since, leaves it, and exits with 1', async () => {
    put(here, 'a.md', 'one', 1000);
    put(here, 'b.md', 'one', 1000);
    const name = runOf((await run('truth', '--apply')).out);
    put(there, 'a.md', 'mine', 2000);
    const { code, lines } = await json('undo', name, '--apply');
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.objectContaining({ type: 'problem', path: 'a.md', side: 'remote', code: 'SYNC_NOT_UNDONE' }));
    expect([read(there, 'a.md'), existsSync(join(there, 'b.md')), read(here, 'b.md')]).toEqual(['mine', false, 'one']);
  });

  it('says that one side does not know the run any more, undoes the other, and exits with 2, in a dry run as well', async () => {
    put(here, 'a.md', 'one', 1000);
    put(there, 'b.md', 'one', 1000);
    const name = runOf((await run('truth', '--apply')).out);
    rmSync(join(there, '.ubos-sync/versions', name), { recursive: true });
    const told = `. on balaur: the record of ${name} on balaur is gone: what that run did there stays [SYNC_RUN_UNKNOWN]\n`;
    for (const flags of [[], ['--apply']]) {
      const { code, out } = await run('undo', name, ...flags);
      expect(code).toBe(2);
      expect(out).toContain(told);
    }
    expect([existsSync(join(here, 'b.md')), existsSync(join(there, 'a.md'))]).toEqual([false, true]);
  });

  it('says what is kept no more, in a dry run as well, and exits with 1', async () => {
    put(here, 'a.md', 'one', 1000);
    await run('truth', '--apply');
    put(here, 'a.md', 'two', 2000);
    const name = runOf((await run('truth', '--apply')).out);
    rmSync(join(there, '.ubos-sync/versions/content'), { recursive: true });
    for (const flags of [[], ['--apply']]) {
      const { code, lines } = await json('undo', name, ...flags);
      expect(code).toBe(1);
      expect(lines).toContainEqual(expect.objectContaining({ type: 'problem', path: 'a.md', side: 'remote', code: 'SYNC_NOT_UNDONE' }));
    }
    expect(read(there, 'a.md')).toBe('two');
  });

  it('under new settings says which command comes first, and works after it', async () => {
    put(here, 'a.md', 'one', 1000);
    const name = runOf((await run('truth', '--apply')).out);
    configure('live: true\ntruth: { permissions: none }');
    for (const flags of [[], ['--apply']]) {
      const { code, err } = await run('undo', name, ...flags);
      expect(code).toBe(3);
      expect(err.replaceAll(/\n {8}/g, ' ')).toMatch(/do: .*`ubos-sync truth --apply` has to go through first\.\n {2}code: SYNC_SETTINGS_DIFFER\n$/);
      expect(err).not.toContain('--allow');
    }
    expect((await run('truth', '--apply')).code).toBe(0);
    expect((await run('undo', name, '--apply')).code).toBe(0);
    expect(existsSync(join(there, 'a.md'))).toBe(false);
  });

  it('of a root that lost its state names no flag of its own', async () => {
    put(here, 'a.md', 'one', 1000);
    const name = runOf((await run('truth', '--apply')).out);
    rmSync(join(there, '.ubos-sync'), { recursive: true });
    const { code, lines } = await json('undo', name);
    expect(code).toBe(3);
    expect(lines).toContainEqual(expect.objectContaining({ type: 'halt', reason: 'marker-missing', override: null, restore: null }));
  });

  it('refuses a run that nobody knows, and what cannot name one, and needs both keys', async () => {
    put(here, 'a.md', 'one');
    const name = runOf((await run('truth', '--apply')).out);
    expect(await run('undo', '20200101T000000Z-000000')).toMatchObject({ code: 3, err: expect.stringMatching(/code: SYNC_RUN_UNKNOWN\n$/) });
    expect(await run('undo', '../x')).toMatchObject({ code: 3, err: expect.stringMatching(/code: SYNC_USAGE\n$/) });
    configure('live: false');
    expect(await run('undo', name, '--apply')).toMatchObject({ code: 3, err: expect.stringMatching(/code: SYNC_NOT_LIVE\n$/) });
    expect(read(there, 'a.md')).toBe('one');
  });
});

describe('logs and full', () => {
  const line = (n: number) => `{"timestamp":"2025-10-07T10:00:${String(n).padStart(2, '0')}Z","n":${n}}\n`;

  beforeEach(() => configure('live: true\nlogs: [{ from: logs/mission.jsonl, to: logs/mission.jsonl }]'));

  it('pulls what is new, and nothing when nothing is', async () => {
    put(there, 'logs/mission.jsonl', line(1) + line(2));
    expect(await run('logs')).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(
        /log {8}logs\/mission\.jsonl {2}appended 2 lines, 86 B \(first 2025-10-07T10:00:01Z; last 2025-10-07T10:00:02Z\)\n$/,
      ),
    });
    appendFileSync(join(there, 'logs/mission.jsonl'), `${line(3)}{"cut`);
    expect((await run('logs', '--dry-run')).out).toContain('(dry run)');
    expect((await run('logs', 'mission')).out).toContain('appended 1 line, 43 B');
    expect(read(here, 'logs/mission.jsonl')).toBe(line(1) + line(2) + line(3));
    expect((await run('logs')).out).toMatch(/\n\nNothing to do: all logs are up to date\.\n$/);
  });

  it('leaves a log alone that was changed, and goes on with the others', async () => {
    put(there, 'logs/mission.jsonl', line(1) + line(2));
    await run('logs');
    put(there, 'logs/mission.jsonl', line(7) + line(8) + line(9));
    const { code, lines } = await json('logs');
    expect(code).toBe(1);
    expect(lines).toContainEqual(expect.objectContaining({ type: 'log', outcome: 'forked' }));
    expect(read(here, 'logs/mission.jsonl')).toBe(line(1) + line(2));
  });

  it('refuses a link on the way to a target, inside the root or out of it, and makes nothing there', async () => {
    put(there, 'logs/mission.jsonl', line(1));
    configure('live: true\naudit: sync\nlogs: [{ from: logs/mission.jsonl, to: logs/deep/mission.jsonl }]');
    for (const target of [join(here, 'docs'), join(place, 'outside')]) {
      mkdirSync(target);
      symlinkSync(target, join(here, 'logs'));
      for (const args of [['logs'], ['full', '--apply']]) {
        const { lines } = await json(...args);
        expect(lines).toContainEqual(expect.objectContaining({ type: 'problem', side: 'local', code: 'SYNC_LOG_NOT_A_FILE' }));
      }
      expect(readdirSync(target)).toEqual([]);
      rmSync(join(here, 'logs'));
    }
  });

  it('finds the side of a problem', async () => {
    mkdirSync(join(there, 'logs/mission.jsonl'), { recursive: true });
    const { code, out } = await run('logs');
    expect(code).toBe(2);
    expect(out).toMatch(/^\nProblems:\nproblem {4}logs\/mission\.jsonl on balaur: .*\[SYNC_LOG_NOT_A_FILE\]\n$/);
  });

  it('names a log that is missing', async () => {
    const { code, out } = await run('logs');
    expect(code).toBe(1);
    expect(out).toContain('logs/mission.jsonl  missing');
  });

  it('full twice: the second has nothing to do', async () => {
    put(here, 'docs/a.md', 'a');
    put(there, 'logs/mission.jsonl', line(1));
    const first = await run('full', '--apply');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain('new file   docs/a.md');
    expect(first.out).toContain('appended 1 line');
    const before = [listing(here), listing(there)];
    const second = await run('full', '--apply');
    expect(second.out).toBe(
      'local <---- balaur  log        logs/mission.jsonl  up to date (last 2025-10-07T10:00:01Z)\n\nNothing to do: local and balaur are in sync.\n',
    );
    expect([listing(here), listing(there)]).toEqual(before);
  });

  it('full without --apply pulls the logs, and nothing with --dry-run', async () => {
    put(here, 'docs/a.md', 'a');
    put(there, 'logs/mission.jsonl', line(1));
    await run('full', '--dry-run');
    await run('full', '--dry-run-logs');
    expect(existsSync(join(here, 'logs/mission.jsonl'))).toBe(false);
    await run('full');
    expect(read(here, 'logs/mission.jsonl')).toBe(line(1));
    expect(existsSync(join(there, 'docs/a.md'))).toBe(false);
  });
});

describe('status', () => {
  it('tells of pending changes and of the last success, and writes nothing', async () => {
    put(here, 'a.md', 'a');
    expect((await run('status')).out).toMatch(/^No run is on record here\.\n/);
    await run('truth', '--apply');
    const before = [listing(here), listing(there)];
    const { out, code } = await run('status', '--max-age', '1h', '--exit-code');
    expect(code).toBe(0);
    expect(out).toMatch(/^Last run: truth, applied, at .*; last success .* ago, at .*\.\nNothing to do: local and balaur are in sync\.\n$/);
    expect([listing(here), listing(there)]).toEqual(before);
  });

  it('does not wait for another run, and says who it is', async () => {
    put(here, 'a.md', 'a');
    await run('truth', '--apply');
    const { createFsReplica } = await import('@ubos/sync-core/fs');
    await using replica = await createFsReplica(there, { stateMirror: false });
    const lock = await replica.lock({ waitMs: 0, initiator: 'another', run: 'r', dryRun: false });
    const { code, out, err } = await run('status');
    await lock.release();
    expect(code).toBe(3);
    expect(out).toMatch(/^Last run: truth, applied/);
    expect(err).toMatch(/is in use by another \(process \d+ on /);
    expect(err).toMatch(/code: SYNC_LOCKED\n$/);
  });

  it('alarms when the last success is too old', async () => {
    put(here, 'a.md', 'a');
    expect((await run('status', '--max-age', '30m')).code).toBe(3);
  });
});

describe('--json', () => {
  it('is one object a line, as the published schema says', async () => {
    const published = z.fromJSONSchema(
      JSON.parse(readFileSync(new URL('../schema/output.schema.json', import.meta.url), 'utf8')) as z.core.JSONSchema.JSONSchema,
    );
    configure('live: true\nlogs: [{ from: l.jsonl, to: l.jsonl }]');
    put(here, 'a.md', 'a');
    put(here, 'differs', '1');
    put(there, 'differs', '2');
    put(there, 'l.jsonl', '{"n":1}\n');
    const seen = new Set<string>();
    for (const args of [['truth'], ['truth', '--apply'], ['logs'], ['full', '--apply'], ['status']]) {
      const { lines } = await json(...args);
      for (const line of lines) {
        expect(published.safeParse(line).success).toBe(true);
        seen.add(line.type);
      }
      expect(lines[0]).toMatchObject({ type: 'start', command: args[0], local: 'local', remote: 'balaur' });
      expect(new Set(lines.map((line) => line.run)).size).toBe(1);
    }
    expect([...seen]).toEqual(expect.arrayContaining(['start', 'phase', 'change', 'conflict', 'log', 'status', 'summary']));
  });
});

describe('several nodes', () => {
  it('--all takes them in turn, and the worst code counts', async () => {
    writeFileSync(join(here, 'ubos-sync.yaml'), 'version: 1\nlive: true\nnodes: { balaur: { url: ../there }, gone: { url: ../gone } }\n');
    put(here, 'a.md', 'a');
    const { code, lines } = await json('truth', '--apply', '--all');
    expect(code).toBe(3);
    expect(lines.filter(({ type }) => type === 'summary')).toMatchObject([
      { outcome: 'applied', exitCode: 0 },
      { outcome: 'halted', exitCode: 3 },
    ]);
  });
});

function configure(more: string): void {
  writeFileSync(join(here, 'ubos-sync.yaml'), `version: 1\nnodes: { balaur: { url: ../there } }\n${more}\n`);
}

function put(root: string, path: string, text: string, mtimeSeconds?: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  if (mtimeSeconds !== undefined) utimesSync(join(root, path), mtimeSeconds, mtimeSeconds);
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Every entry with its times, but for the audit, whose one line a run may write, and the locks. */
function listing(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('logs/sync') && !path.startsWith('.ubos-sync'))
    .map((path) => `${path} ${statSync(join(root, path)).mtimeMs}`)
    .toSorted();
}

function audit(): readonly Record<string, unknown>[] {
  const lines = read(here, 'logs/sync/audit.jsonl').trimEnd().split('\n');
  expect(verifyChain(lines).ok).toBe(true);
  return lines.map((text) => JSON.parse(text) as Record<string, unknown>);
}
