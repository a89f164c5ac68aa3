/** `why PATH` over two folders of this machine, the second of which is taken away before anything is asked. */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutputLineOf } from '../render/lines.ts';
import { type CliResult, cli, cliJson } from '../test-support/cli.ts';

let place: string;
let here: string;
let there: string;

const config = `version: 1
live: true
nodes: { balaur: { url: ../there } }
logs:
  - { from: in/mission.jsonl, to: logs/mission.jsonl }
truth:
  include: [docs, config, in, logs]
  exclude:
    - models/
    - "*.{log,bak}"
    - "!keep.log"
  guard: ["**/*.vessel"]
  conflicts: skip
`;

beforeEach(() => {
  place = realpathSync(mkdtempSync(join(tmpdir(), 'why-')));
  here = join(place, 'here');
  there = join(place, 'there');
  mkdirSync(here);
  mkdirSync(there);
  put(here, 'ubos-sync.yaml', config);
});
afterEach(() => rmSync(place, { recursive: true }));

const options = () => ({ cwd: here, env: { XDG_STATE_HOME: join(place, 'state') } });
const run = async (...args: string[]): Promise<CliResult> => cli(args, options());
const why = async (path: string, ...args: string[]): Promise<OutputLineOf<'why'>> => {
  const { code, lines } = await cliJson(['why', path, ...args], options());
  expect(code).toBe(0);
  const [line] = lines;
  if (line?.type !== 'why') throw new Error(`no answer for ${path}`);
  return line;
};

describe('why a path takes part', () => {
  const rows: readonly (readonly [string, Partial<OutputLineOf<'why'>['scope']>])[] = [
    ['docs/a.md', { included: true, because: 'include', pattern: 'docs', matched: 'docs', line: 7, column: 13 }],
    ['src/a.ts', { included: false, because: 'not-included', line: 7, column: 12 }],
    ['docs/models/x', { included: false, because: 'exclude', pattern: 'models/', matched: 'docs/models', line: 9, column: 7 }],
    ['docs/x.bak', { included: false, because: 'exclude', pattern: '*.{log,bak}', matched: 'docs/x.bak', line: 10, column: 7 }],
    ['docs/keep.log', { included: true, because: 're-include', pattern: '!keep.log', line: 11, column: 7 }],
    ['docs/q.vessel', { included: false, because: 'guard', pattern: '**/*.vessel', line: 12, column: 11 }],
    ['docs/my_state.json.swp', { included: false, because: 'built-in-guard', pattern: '*_state.json' }],
    ['logs/mission.jsonl.1', { included: false, because: 'guard', from: 'log', line: 5, column: 35 }],
    ['in/mission.jsonl', { included: false, because: 'guard', from: 'log', line: 5, column: 13 }],
    ['logs/sync/audit.jsonl', { included: false, because: 'guard', from: 'audit', matched: 'logs/sync' }],
    ['.ubos-sync/index', { included: false, because: 'built-in-guard', matched: '.ubos-sync' }],
  ];
  it.each(rows)('%s', async (path, expected) => {
    const { scope } = await why(path);
    expect(scope).toMatchObject(expected);
    if (expected.line === undefined) expect(scope).not.toHaveProperty('line');
  });

  it('is told by the guards that another config of this root has left here, too', async () => {
    put(here, 'other.yaml', config.replace('logs/mission.jsonl', 'docs/other.jsonl').replace('in/mission.jsonl', '/var/log/x.jsonl'));
    await run('truth', '--apply', '--config', 'other.yaml');
    expect((await why('docs/other.jsonl')).scope).toMatchObject({ included: false, because: 'guard', from: 'other-config' });
  });

  it('names the policy, and its line, that says which permission bits count', async () => {
    const policies = '[{ match: "docs/**", permissions: none }, { match: "*.{sh,py}", permissions: executable }, { match: "*.py", conflicts: skip }]';
    put(here, 'ubos-sync.yaml', `${config}  permissions: all\n  policies: ${policies}\n`);
    const rows: readonly (readonly [string, OutputLineOf<'why'>['permissions']])[] = [
      ['config/a', { mask: 'all', line: 14, column: 16 }],
      ['docs/a', { mask: 'none', pattern: 'docs/**', line: 15, column: 47 }],
      ['docs/a.py', { mask: 'executable', pattern: '*.{sh,py}', line: 15, column: 90 }],
    ];
    for (const [path, permissions] of rows) expect((await why(path)).permissions).toEqual(permissions);
    expect(await why('src/a')).not.toHaveProperty('permissions');
    const { out } = await run('why', 'docs/a.py');
    expect(out).toContain('\n  mode:     it counts whether its owner may execute it, by the policy for `*.{sh,py}` (ubos-sync.yaml:15:90)\n');
    put(here, 'ubos-sync.yaml', config);
    expect((await why('docs/a')).permissions).toEqual({ mask: 'all' });
  });

  it('says so where the answer is another one on a side that ignores case', async () => {
    const { scope, scopeFolded } = await why('docs/X.BAK');
    expect(scope.included).toBe(true);
    expect(scopeFolded).toMatchObject({ included: false, because: 'exclude', pattern: '*.{log,bak}' });
    expect(await why('docs/x.bak')).not.toHaveProperty('scopeFolded');
  });

  it('has the place of a default nowhere, and of the whole tree no pattern', async () => {
    put(here, 'ubos-sync.yaml', 'version: 1\nnodes: { balaur: { url: ../there } }\n');
    expect((await why('anything')).scope).toEqual({ included: true, because: 'everything' });
    expect((await why('.')).scope).toEqual({ included: true, because: 'everything' });
  });
});

describe('what is known of a path', () => {
  it('is told while the node is away, and nothing is written for it', async () => {
    put(here, 'docs/a.md', 'a', 1_700_000_000);
    await run('truth', '--apply');
    put(here, 'docs/a.md', 'abc', 1_700_000_100);
    rmSync(there, { recursive: true });
    const before = listing();
    const line = await why('docs/a.md');
    expect(line).toMatchObject({
      path: 'docs/a.md',
      node: 'balaur',
      here: { kind: 'file', sizeBytes: 3, mtime: '2023-11-14T22:15:00.000Z' },
      agreed: [
        {
          peer: expect.stringMatching(/:.*\/there$/),
          local: { sizeBytes: 1, mtime: '2023-11-14T22:13:20.000Z' },
          remote: { sizeBytes: 1 },
          held: null,
        },
      ],
      lastRun: { command: 'truth', outcome: 'applied' },
      found: [],
      history: [{ type: 'change', action: 'create', direction: 'to-remote', status: 'done' }],
    });
    const { out } = await run('why', 'docs/a.md');
    expect(out).toMatch(
      /^docs\/a\.md takes part: `docs` \(ubos-sync\.yaml:7:13\) includes the folder docs\n {2}mode: {5}all nine bits count, by `permissions`\n {2}here now: 3 B of 2023-11-14 22:15:00Z \(644\)\n/,
    );
    expect(out).toMatch(/\n {2}agreed: {3}1 B of 2023-11-14 22:13:20Z \(644\), with .*\/there \(generation 1\)\n/);
    expect(listing()).toEqual(before);
  });

  it('has the conflict that the last run left open, with its rule, and at what is below it', async () => {
    put(here, 'docs/a.md', 'a');
    await run('truth', '--apply');
    put(here, 'docs/a.md', 'here');
    put(there, 'docs/a.md', 'there, longer');
    put(here, 'docs/k', 'a file');
    put(there, 'docs/k/x', 'in a folder');
    await run('truth', '--apply');
    const { found, agreed } = await why('docs/a.md');
    expect(found).toMatchObject([
      { type: 'conflict', path: 'docs/a.md', rule: '6 skip', resolution: 'skipped', local: { sizeBytes: 4 }, remote: { sizeBytes: 13 } },
    ]);
    expect(agreed[0]?.local).toMatchObject({ sizeBytes: 1 });
    expect((await why('docs/k/x')).found).toMatchObject([{ type: 'conflict', path: 'docs/k', reason: 'kinds' }]);
    expect((await run('why', 'docs/a.md')).out).toMatch(/conflict +docs\/a\.md: changed on both sides .*: left as it is\n +rule 6 skip\n/);
  });

  it('has what was never agreed, and what is held', async () => {
    put(here, 'docs/a.md', 'here');
    put(there, 'docs/a.md', 'there');
    await run('truth', '--apply');
    expect((await why('docs/a.md')).agreed).toMatchObject([{ local: null, remote: null, held: expect.stringContaining('never agreed') }]);
  });

  it('is nothing before the first sync', async () => {
    expect(await why('docs/gone.md')).toMatchObject({ here: null, agreed: [], lastRun: null, found: [], history: [] });
    expect((await run('why', 'docs/gone.md')).out).toContain('nothing; this root was never synced');
  });

  it('tells at the end that never started a run, too', async () => {
    put(here, 'docs/a.md', 'a');
    await run('truth', '--apply');
    put(there, 'ubos-sync.yaml', config.replace('../there', '../here'));
    const { lines } = await cliJson(['why', 'docs/a.md'], { ...options(), cwd: there });
    expect(lines[0]).toMatchObject({ agreed: [{ peer: expect.stringMatching(/^[0-9a-f-]{36}$/), local: { sizeBytes: 1 } }] });
  });
});

it('a path that leads out of the tree is refused, and a link on the way is not followed', async () => {
  const { code, err } = await run('why', '../there/x');
  expect({ code, err }).toMatchObject({ code: 3, err: expect.stringContaining('is not in the tree') });
  put(there, 'secret', 'x');
  symlinkSync(there, join(here, 'docs'));
  expect((await why('docs/secret')).here).toBeNull();
  expect((await why('docs')).here).toMatchObject({ kind: 'symlink' });
});

it('a name with control characters is printed escaped', async () => {
  const { out } = await run('why', 'docs/\u001b[2Jx');
  expect(out).toMatch(/^docs\/\\x1b\[2Jx takes part/);
});

function put(root: string, path: string, text: string, mtimeSeconds?: number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  if (mtimeSeconds !== undefined) utimesSync(join(root, path), mtimeSeconds, mtimeSeconds);
}

function listing(): readonly string[] {
  return readdirSync(place, { recursive: true, encoding: 'utf8' }).map((path) => `${path} ${statSync(join(place, path)).mtimeMs}`);
}
