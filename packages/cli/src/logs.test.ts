/** Whole commands about logs over two folders of this machine. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliResult, cli, cliJson } from './test-support/cli.ts';

let place: string;
let here: string;
let there: string;

beforeEach(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'logs-')));
  here = join(place, 'here');
  there = join(place, 'there');
  mkdirSync(here);
  mkdirSync(there);
});
afterEach(() => rmSync(place, { recursive: true }));

const run = async (...args: string[]): Promise<CliResult> => cli(args, { cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });
const json = async (...args: string[]) => cliJson(args, { cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });
const configure = (more: string): void =>
  writeFileSync(join(here, 'ubos-sync.yaml'), `version: 1\nnodes: { balaur: { url: ${there} } }\nlive: true\n${more}\n`);
const put = (root: string, path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const read = (root: string, path: string): string => readFileSync(join(root, path), 'utf8');
const line = (n: number): string => `{"timestamp":"2025-10-07T10:00:${String(n).padStart(2, '0')}Z","n":${n}}\n`;

describe('logs verify', () => {
  beforeEach(async () => {
    configure('logs: [{ from: logs/a.jsonl, to: logs/a.jsonl }, { from: b.bin, to: b.bin }]');
    put(there, 'logs/a.jsonl', line(1) + line(2));
    put(there, 'b.bin', 'x'.repeat(4.5 * 1024 * 1024));
    expect((await run('logs')).code).toBe(0);
  });

  it('says what is equal, and writes nothing', async () => {
    const tree = () => readdirSync(here, { recursive: true, encoding: 'utf8' }).map((path) => path);
    const before = tree();
    const audit = read(here, 'logs/sync/audit.jsonl');
    expect(await run('logs', 'verify')).toEqual({ code: 0, err: '', out: 'logs/a.jsonl  equal, 1 chunk (86 B)\nb.bin  equal, 5 chunks (4.7 MB)\n' });
    expect(tree()).toEqual(before);
    expect(read(here, 'logs/sync/audit.jsonl')).toBe(audit);
    expect((await run('logs', 'verify', '--quiet')).out).toBe('');
  });

  it('is well where the source has only grown', async () => {
    appendFileSync(join(there, 'logs/a.jsonl'), line(3));
    expect(await run('logs', 'verify', 'a')).toMatchObject({
      code: 0,
      out: 'logs/a.jsonl  equal so far, 1 chunk (86 B); the copy is shorter by 43 bytes (not pulled yet)\n',
    });
  });

  it('names the chunks that differ, with their bytes, and how many more there are', async () => {
    const mib = 1024 * 1024;
    const bytes = Buffer.alloc(11 * mib, 'x');
    writeFileSync(join(there, 'b.bin'), bytes);
    expect((await run('logs', 'b')).code).toBe(0);
    for (const chunk of [1, 3, 4, 6, 8, 10]) bytes[chunk * mib + 5] = 0;
    writeFileSync(join(there, 'b.bin'), bytes);
    expect(await run('logs', 'verify', 'b.bin')).toMatchObject({
      code: 1,
      out: 'b.bin  differs in chunk 1 (bytes 1,048,576 to 2,097,152), chunks 3 to 4 (bytes 3,145,728 to 5,242,880), chunk 6 (bytes 6,291,456 to 7,340,032), and in 2 more ranges, of 11 chunks\n',
    });
    const { code, lines } = await json('logs', 'verify');
    expect(code).toBe(1);
    expect(lines.filter(({ type }) => type === 'log-verified')).toMatchObject([
      {
        name: 'logs/a.jsonl',
        copy: 'logs/a.jsonl',
        finished: false,
        generation: null,
        outcome: 'equal',
        copyBytes: 86,
        sourceBytes: 86,
        chunks: 1,
        differing: [],
      },
      {
        name: 'b.bin',
        outcome: 'differs',
        chunks: 11,
        differing: [1, 3, 6, 8, 10].map((at) => ({ fromByte: at * mib, toByte: (at === 3 ? 5 : at + 1) * mib })),
      },
    ]);
    expect(lines.at(-1)).toMatchObject({ outcome: 'partial', exitCode: 1 });
  });

  it('compares what was finished with what the node still has of it', async () => {
    renameSync(join(there, 'logs/a.jsonl'), join(there, 'logs/a.jsonl.1'));
    put(there, 'logs/a.jsonl', line(3));
    expect((await run('logs', 'verify', 'a')).out).toBe('logs/a.jsonl  equal, 1 chunk (86 B)  (compared with a.jsonl.1)\n');
    await run('logs');
    expect((await run('logs', 'verify', 'a')).out).toMatch(
      /^logs\/a\.jsonl {2}equal, 1 chunk \(43 B\)\nlogs\/a\.jsonl\.\d{8}T\d{6}Z\.g1 {2}equal, 1 chunk \(86 B\) {2}\(compared with a\.jsonl\.1\)\n$/,
    );
    appendFileSync(join(there, 'logs/a.jsonl.1'), line(9));
    expect(await run('logs', 'verify', 'a')).toMatchObject({
      code: 1,
      out: expect.stringContaining('shorter by 43 bytes (written after it was finished)'),
    });
    rmSync(join(there, 'logs/a.jsonl.1'));
    expect(await run('logs', 'verify', 'a')).toMatchObject({
      code: 0,
      out: expect.stringContaining('.g1  not compared: no generation on balaur is like it\n'),
    });
  });

  it('a log that cannot be read does not keep the others back, and one that is gone is told', async () => {
    rmSync(join(there, 'b.bin'));
    rmSync(join(there, 'logs/a.jsonl'));
    mkdirSync(join(there, 'logs/a.jsonl'));
    expect(await run('logs', 'verify')).toMatchObject({
      code: 2,
      out: expect.stringMatching(
        /^b\.bin {2}not compared: the source is not on balaur\n\nProblems:\nproblem {4}logs\/a\.jsonl on balaur: .*\[SYNC_LOG_NOT_A_FILE\]\n$/,
      ),
    });
    expect((await run('logs', 'verify', 'b')).code).toBe(1);
  });

  it('takes no flag of a pull for something else', async () => {
    expect(await run('logs', 'verify', '--verify', 'off')).toMatchObject({ code: 3, err: expect.stringMatching(/code: SYNC_USAGE\n$/) });
    expect((await run('logs', 'verify', '--help')).out).toContain('compare the copies');
    expect(existsSync(join(here, 'verify'))).toBe(false);
  });
});

describe('logs by pattern', () => {
  beforeEach(() => {
    configure(
      'truth: { include: [logs, docs] }\nlogs: [{ from: "logs/*.jsonl", to: "pulled/{node}/{name}" }, { from: logs/b.jsonl, to: special.jsonl }, { from: "other/*", to: "more/{name}" }]',
    );
    put(there, 'logs/a.jsonl', line(1));
    put(there, 'logs/b.jsonl', line(2));
    put(there, 'logs/c.txt', line(3));
  });

  it('are pulled under the names of node and file, and those that appear later from then on', async () => {
    expect(await run('logs')).toMatchObject({ code: 0, err: '' });
    expect(read(here, 'pulled/balaur/a.jsonl')).toBe(line(1));
    expect(read(here, 'pulled/balaur/b.jsonl')).toBe(line(2));
    expect(readdirSync(join(here, 'pulled/balaur'))).toEqual(['a.jsonl', 'b.jsonl']);
    put(there, 'logs/new.jsonl', `${line(4)}{"cut`);
    const { lines } = await json('logs');
    expect(lines.flatMap((each) => (each.type === 'log' ? [[each.name, each.outcome, each.lines]] : []))).toEqual([
      ['pulled/balaur/a.jsonl', 'up-to-date', 0],
      ['pulled/balaur/b.jsonl', 'up-to-date', 0],
      ['pulled/balaur/new.jsonl', 'appended', 1],
      ['special.jsonl', 'up-to-date', 0],
    ]);
    expect(read(here, 'pulled/balaur/new.jsonl')).toBe(line(4));
    expect((await run('logs', 'verify', 'new')).out).toBe(
      'pulled/balaur/new.jsonl  equal so far, 1 chunk (43 B); the copy is shorter by 5 bytes (not pulled yet)\n',
    );
  });

  it('a dry run says what would come, and makes nothing', async () => {
    expect((await run('logs', '--dry-run')).out).toMatch(/pulled\/balaur\/a\.jsonl {2}appended 43 B \(dry run\)\n.*b\.jsonl/);
    expect(readdirSync(here)).toEqual(['ubos-sync.yaml']);
  });

  it('are named as any log is, and a name of none is refused', async () => {
    expect((await run('logs', 'a')).out).toContain('pulled/balaur/a.jsonl');
    expect(readdirSync(join(here, 'pulled/balaur'))).toEqual(['a.jsonl']);
    expect((await run('logs', 'special')).out).toContain('special.jsonl  appended');
    expect(await run('logs', 'none')).toMatchObject({
      code: 3,
      err: expect.stringMatching(/`none`: the config has pulled\/balaur\/a\.jsonl, .*special\.jsonl/s),
    });
  });

  it('takes generations for what they are, also while their log is not there for a moment', async () => {
    configure('logs: [{ from: "logs/*", to: "pulled/{name}" }]');
    put(there, 'logs/a.jsonl.1', line(0));
    await run('logs');
    expect(readdirSync(join(here, 'pulled'))).toEqual(['a.jsonl', 'b.jsonl', 'c.txt']);
    renameSync(join(there, 'logs/a.jsonl'), join(there, 'logs/a.jsonl.1'));
    expect((await run('logs')).code).toBe(0);
    put(there, 'logs/a.jsonl', line(5));
    const { lines } = await json('logs', 'a');
    expect(lines.find(({ type }) => type === 'log')).toMatchObject({ outcome: 'rotated', lines: 1 });
    expect(readdirSync(join(here, 'pulled'))).toEqual(['a.jsonl', expect.stringMatching(/^a\.jsonl\..*\.g1$/), 'b.jsonl', 'c.txt']);
  });

  it('refuses by its name what would be no log here, and takes the rest', async () => {
    for (const name of ['\u001b[2J.jsonl', 'mission_state.jsonl', 'x_state.json', 'ubos-sync.yaml']) put(there, `other/${name}`, line(1));
    const { code, lines } = await json('logs');
    expect(code).toBe(2);
    expect(lines.flatMap((each) => (each.type === 'problem' ? [[each.path, each.code, each.side]] : []))).toEqual([
      ['other/\u001b[2J.jsonl', 'SYNC_NAME_REFUSED', 'remote'],
      ['other/ubos-sync.yaml', 'SYNC_NAME_REFUSED', 'remote'],
      ['other/x_state.json', 'SYNC_NAME_REFUSED', 'remote'],
    ]);
    expect(readdirSync(join(here, 'more'))).toEqual(['mission_state.jsonl']);
    expect(read(here, 'ubos-sync.yaml')).toContain('version: 1');
  });

  it('a folder that cannot be listed keeps nothing else back', async () => {
    put(there, 'other', 'no folder');
    const { code, lines } = await json('logs');
    expect(code).toBe(2);
    expect(lines.flatMap((each) => (each.type === 'problem' ? [[each.path, each.code, each.side]] : []))).toEqual([
      ['more/{name}', 'SYNC_LOG_NOT_A_FILE', 'remote'],
    ]);
    expect(read(here, 'special.jsonl')).toBe(line(2));
  });

  it('never travels as content, on either side', async () => {
    put(here, 'docs/a.md', 'a');
    put(there, 'logs/note.md', 'n');
    expect((await run('full', '--apply', '--first', 'newer')).code).toBe(0);
    expect(read(here, 'logs/note.md')).toBe('n');
    expect(existsSync(join(here, 'logs/a.jsonl'))).toBe(false);
    expect(read(here, 'pulled/balaur/a.jsonl')).toBe(line(1));
    expect(existsSync(join(there, 'pulled'))).toBe(false);
    expect((await run('truth')).out).toBe('Nothing to do: local and balaur are in sync.\n');
  });
});

describe('what people are told of logs', () => {
  beforeEach(() => configure('logs: [{ from: logs/a.jsonl, to: a.jsonl }, { from: "many/*.log", to: "{node}/{name}" }]'));

  it('where malformed lines begin in the copy, in the output and in the audit', async () => {
    put(there, 'logs/a.jsonl', `${line(1)}{"cut": \n${line(2)}`);
    await run('logs', 'a.jsonl');
    put(there, 'logs/a.jsonl', `${line(1)}{"cut": \n${line(2)}no json\n${line(3)}`);
    const { lines } = await json('logs', 'a.jsonl');
    const at = line(1).length + '{"cut": \n'.length + line(2).length;
    const told = {
      malformed: 1,
      malformedAtBytes: [at],
      checkedLines: 2,
      firstTimestamp: null,
      lastTimestamp: '2025-10-07T10:00:03Z',
    };
    expect(lines.find(({ type }) => type === 'log')).toMatchObject(told);
    expect(read(here, 'a.jsonl').slice(at)).toMatch(/^no json\n/);
    const audit = read(here, 'logs/sync/audit.jsonl').trimEnd().split('\n');
    expect(audit.map((text) => JSON.parse(text) as object).filter((each) => 'type' in each && each.type === 'log')[1]).toMatchObject(told);
  });

  it('status knows without asking how far each log was pulled, and when', async () => {
    expect((await run('status')).out).toContain('Log a.jsonl: 0 B; no pull is on record.\n');
    put(there, 'logs/a.jsonl', line(1));
    put(there, 'many/x.log', '2025-10-07T11:00:00Z x\n');
    put(here, 'balaur/mine.log', 'no copy\n');
    await run('logs');
    put(there, 'many/later.log', 'y\n');
    rmSync(join(there, 'many/x.log'));
    const { lines } = await json('status');
    expect(lines.find(({ type }) => type === 'status')).toMatchObject({
      logs: [
        { name: 'a.jsonl', pulledBytes: 43, lastTimestamp: '2025-10-07T10:00:01Z', pulledAt: expect.any(String), ageMs: expect.any(Number) },
        { name: 'balaur/x.log', pulledBytes: 23, lastTimestamp: '2025-10-07T11:00:00Z' },
      ],
    });
    expect((await run('status')).out).toMatch(
      /^No run is on record here\.\nLog a\.jsonl: 43 B, last 2025-10-07T10:00:01Z; pulled .* ago\.\nLog balaur\/x\.log: 23 B/,
    );
  });

  it('a pull that finds nothing new is one, and one of another log, or a dry run, is none', async () => {
    put(there, 'logs/a.jsonl', line(1));
    const pulledAt = async (): Promise<string | null> => {
      const status = (await json('status')).lines.find((each) => each.type === 'status');
      return status?.type === 'status' ? (status.logs[0]?.pulledAt ?? null) : null;
    };
    await run('logs', '--dry-run');
    expect(await pulledAt()).toBe(null);
    await run('logs');
    const first = await pulledAt();
    put(there, 'many/x.log', 'y\n');
    await run('logs', 'x');
    expect(await pulledAt()).toBe(first);
    await run('logs');
    expect((await pulledAt())?.localeCompare(first ?? '')).toBe(1);
    const second = await pulledAt();
    put(there, 'logs/a.jsonl', line(2));
    await run('full');
    expect(await pulledAt()).toBe(second);
  });
});
