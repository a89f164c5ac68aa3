import { describe, expect, it } from 'vitest';
import { parseConfig } from './parse.ts';

describe('a config that is right', () => {
  it('has its defaults filled in', () => {
    const parsed = parseConfig('version: 1\n');
    expect(parsed.ok && parsed.config).toEqual({
      version: 1,
      name: 'default',
      root: '.',
      nodes: {},
      live: false,
      truth: {
        exclude: [],
        guard: [],
        conflicts: 'newer',
        onTie: 'skip',
        permissions: 'all',
        symlinks: 'portable',
        direction: 'both',
        maxDelete: '25%',
        maxChange: '50%',
        policies: [],
      },
      logs: [],
      clock: { tolerance: '2s' },
      watch: { interval: '5m' },
      versions: { keep: '30d', runs: 1000, max: '5GB' },
      durability: 'full',
      audit: 'logs/sync',
    });
  });

  it('may use everything that the contract shows', () => {
    const parsed = parseConfig(contractExample);
    expect(parsed.ok ? parsed.config : parsed.mistakes).toMatchObject({
      self: 'laptop',
      nodes: { balaur: { url: 'ssh://balaur@balaur.example/srv/janus/repo', transport: 'auto', intermittent: false } },
      truth: { include: ['config', 'docs', 'missions', 'scripts', 'COMMS_HUB'], guard: ['**/*.vessel'], policies: [] },
      logs: [
        { from: 'logs/proposals.jsonl', to: 'logs/proposals.jsonl', verify: 'tail', onRotate: 'new-file', onFork: 'halt' },
        { from: 'logs/mission_log.jsonl', to: 'logs/mission_log.jsonl', lines: true },
      ],
    });
  });
});

const cases: readonly { readonly title: string; readonly text: string; readonly expected: readonly string[] }[] = [
  {
    title: 'a misspelt key',
    text: 'version: 1\ntruth:\n  exlude: [a]\n',
    expected: ['3:3 `exlude` is not a key of `truth`; did you mean `exclude`?'],
  },
  {
    title: 'a misspelt key at the top',
    text: 'version: 1\npeeer: x\n',
    expected: ['2:1 `peeer` is not a key of the config; did you mean `peer`?'],
  },
  {
    title: 'a key that belongs into a section',
    text: 'version: 1\nexclude: [a]\nonTie: skip\n',
    expected: [
      '2:1 `exclude` is not a key of the config; it belongs into `truth`',
      '3:1 `onTie` is not a key of the config; it belongs into `truth`',
    ],
  },
  {
    title: 'a key that is like no other',
    text: 'version: 1\nwatch: { frobnicate: 1 }\n',
    expected: ['2:10 `frobnicate` is not a key of `watch`; its keys are `interval`'],
  },
  {
    title: 'a misspelt key in a list and in a node',
    text: 'version: 1\nnodes:\n  balaur: { ulr: /srv }\nlogs:\n  - { form: a, to: b }\n',
    expected: [
      '3:11 `url` of `nodes.balaur` is missing: expected `ssh://HOST/PATH` or a path',
      '3:13 `ulr` is not a key of `nodes.balaur`; did you mean `url`?',
      '5:5 `from` of `logs[0]` is missing: expected a path on the peer',
      '5:7 `form` is not a key of `logs[0]`; did you mean `from`?',
    ],
  },
  { title: 'no version', text: 'live: true\n', expected: ['1:1 `version` is missing: expected the number 1: the only version of this format'] },
  { title: 'an empty file', text: '', expected: ['1:1 `version` is missing: expected the number 1: the only version of this format'] },
  { title: 'a list', text: '- 1\n', expected: ['1:1 the config: expected a map of keys, not a list'] },
  { title: 'another version', text: 'version: 2\n', expected: ['1:10 `version`: expected the number 1: the only version of this format, not `2`'] },
  {
    title: 'a duration without a unit',
    text: 'version: 1\nwatch: { interval: 5 }\nclock:\n  tolerance: 2 sec\n',
    expected: [
      '2:20 `interval` of `watch`: expected a duration such as `90s`, `5m` or `1h`, not `5`',
      '4:14 `tolerance` of `clock`: expected a duration such as `90s`, `5m` or `1h`, not `2 sec`',
    ],
  },
  {
    title: 'sizes and limits',
    text: 'version: 1\nversions: { max: 5 gigs, runs: 0 }\ntruth: { maxDelete: 250%, maxChange: -1 }\n',
    expected: [
      '2:18 `max` of `versions`: expected a size such as `64KiB` or `1MB`, not `5 gigs`',
      '2:32 `runs` of `versions`: expected a number of runs, at least 1, not `0`',
      '3:21 `maxDelete` of `truth`: expected a share such as `25%` or a number of files, not `250%`',
      '3:38 `maxChange` of `truth`: expected a share such as `25%` or a number of files, not `-1`',
    ],
  },
  {
    title: 'a misspelt word',
    text: 'version: 1\ntruth:\n  conflicts: never\n  onTie: keep_both\n',
    expected: [
      '3:14 `conflicts` of `truth`: expected `newer`, `local`, `remote`, `keep-both` or `skip`, not `never`; did you mean `newer`?',
      '4:10 `onTie` of `truth`: expected `skip` or `keep-both`, not `keep_both`; did you mean `keep-both`?',
    ],
  },
  { title: 'the truth of YAML 1.1', text: 'version: 1\nlive: yes\n', expected: ['2:7 `live`: expected `true` or `false`, not `yes`'] },
  {
    title: 'a key without a value',
    text: 'version: 1\nname:\n',
    expected: ['2:6 `name`: expected a name: letters, digits, `.`, `_` and `-`, not nothing'],
  },
  {
    title: 'a node called local',
    text: 'version: 1\nnodes:\n  local: { url: /srv }\n',
    expected: ['3:3 `local` of `nodes`: expected letters, digits, `.`, `_` and `-`, and not `local`'],
  },
  {
    title: 'a peer that is no node',
    text: 'version: 1\nnodes: { balaur: { url: /srv } }\npeer: baluar\n',
    expected: ['3:7 `peer`: expected the name of a node, not `baluar`; did you mean `balaur`?'],
  },
  {
    title: 'paths that leave the root',
    text: 'version: 1\nlogs: [{ from: a, to: ../a }]\naudit: /var/log\n',
    expected: [
      '2:23 `to` of `logs[0]`: expected a path inside the root, such as `logs/name.jsonl`, not `../a`',
      '3:8 `audit`: expected a path inside the root, such as `logs/name.jsonl`, not `/var/log`',
    ],
  },
  {
    title: 'patterns of logs',
    text: [
      'version: 1',
      'nodes: { balaur: { url: /srv } }',
      'logs:',
      '  - { from: "logs/*.jsonl", to: logs/all.jsonl }',
      '  - { from: logs/a.jsonl, to: "logs/{name}" }',
      '  - { from: "logs/*/a.jsonl", to: "x/{name}" }',
      '  - { from: "logs/[ab]*", to: "y/{name}" }',
      '  - { from: "*.log", to: "{name}/z" }',
      '  - { from: "*.txt", to: "{name}-{name}" }',
      '  - { from: "/var/log/*.log", to: "../{name}" }',
      '  - { from: "/var/log/*.log", to: ".ubos-sync/{name}" }',
      '  - { from: "*", to: "z/{name}" }',
      '  - { from: "in/*", to: "{name}" }',
      '',
    ].join('\n'),
    expected: [
      '4:33 `to` of `logs[0]`: expected `{name}` in its last part, because `from` is a pattern: `logs/{node}/{name}`, not `logs/all.jsonl`',
      '5:31 `to` of `logs[1]`: expected no `{name}`, because `from` names one log (a pattern has a `*`), not `logs/{name}`',
      '6:13 `from` of `logs[2]`: expected a pattern with `*` in its last part alone, not `logs/*/a.jsonl`',
      '7:13 `from` of `logs[3]`: expected a pattern of `*` and `?`, not `logs/[ab]*`',
      '8:26 `to` of `logs[4]`: expected `{name}` in its last part, because `from` is a pattern: `logs/{node}/{name}`, not `{name}/z`',
      '9:26 `to` of `logs[5]`: expected `{name}` in its last part, because `from` is a pattern: `logs/{node}/{name}`, not `{name}-{name}`',
      '10:35 `to` of `logs[6]`: expected a path inside the root, such as `logs/name.jsonl`, not `../{name}`',
      '11:35 `to` of `logs[7]`: expected a path outside of `.ubos-sync`, which is the state of the engine, not `.ubos-sync/{name}`',
      '12:13 `from` of `logs[8]`: expected a folder in front, because logs never travel as content, and this would be all there is in the root, not `*`',
      '13:25 `to` of `logs[9]`: expected a folder in front, because logs never travel as content, and this would be all there is in the root, not `{name}`',
    ],
  },
  {
    title: 'two rules to one file of a node',
    text: [
      'version: 1',
      'nodes: { a: { url: /a }, b: { url: /b } }',
      'logs:',
      '  - { from: x, to: "logs/{node}/x" }',
      '  - { from: y, to: logs/b/x }',
      '  - { from: "*.log", to: "{node}/{name}" }',
      '  - { from: "*.txt", to: "{node}/{name}" }',
      '',
    ].join('\n'),
    expected: [
      '5:20 `to` of `logs[1]`: expected a file of its own: `logs[0]` goes there, not `logs/b/x`',
      '7:26 `to` of `logs[3]`: expected a file of its own: `logs[2]` goes there, not `{node}/{name}`',
    ],
  },
  {
    title: 'two logs to one file',
    text: 'version: 1\nlogs:\n  - { from: a, to: x }\n  - { from: b, to: x }\n',
    expected: ['4:20 `to` of `logs[1]`: expected a file of its own: `logs[0]` goes there, not `x`'],
  },
  {
    title: 'words that a log does not know',
    text: 'version: 1\nlogs:\n  - { from: a, to: x, onRotate: delete, onFork: restart }\n',
    expected: [
      '3:33 `onRotate` of `logs[0]`: expected `new-file` or `concatenate`, not `delete`',
      '3:49 `onFork` of `logs[0]`: expected `halt` or `keep-and-restart`, not `restart`',
    ],
  },
  {
    title: 'a policy that says nothing',
    text: 'version: 1\ntruth:\n  policies:\n    - match: docs/**\n',
    expected: ['4:7 `policies[0]` of `truth`: expected `conflicts`, `permissions` or `direction` beside `match`, not a map'],
  },
  {
    title: 'a policy with a pattern that would be lifted, and a mask that is none',
    text: 'version: 1\ntruth:\n  policies:\n    - { match: "!docs", permissions: some }\n',
    expected: [
      '4:16 `match` of `truth.policies[0]`: expected a pattern (only exclude patterns are lifted by "!" (\\! stands for one in a name)), not `!docs`',
      '4:38 `permissions` of `truth.policies[0]`: expected `all`, `executable` or `none`, not `some`; did you mean `none`?',
    ],
  },
  {
    title: 'broken YAML',
    text: 'version: 1\nlive: [\n',
    expected: ['3:1 this is not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  },
  { title: 'a key twice', text: 'version: 1\nversion: 1\n', expected: ['2:1 this is not YAML: Map keys must be unique'] },
  { title: 'a tag', text: 'version: !!js/function "x"\n', expected: ['1:10 this is not YAML: Unresolved tag: tag:yaml.org,2002:js/function'] },
];

describe('a mistake is named with line, column, what was expected and the nearest word', () => {
  it.each(cases)('$title', ({ text, expected }) => {
    const parsed = parseConfig(text);
    expect(parsed.ok ? [] : parsed.mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(expected);
  });

  it('aliases cannot blow up', () => {
    const levels = Array.from({ length: 12 }, (_, level) => `l${level}: &l${level} [${level === 0 ? 'x' : `*l${level - 1},`.repeat(9)}]`);
    const parsed = parseConfig(`version: 1\n${levels.join('\n')}\n`);
    expect(parsed.ok).toBe(false);
  });

  it('endless nesting is refused', () => {
    expect(parseConfig('['.repeat(200_000)).ok).toBe(false);
  });
});

const contractExample = `
version: 1
self: laptop                              # this node's name, where others have to name it
name: default                             # the profile; one archive per pair of replicas and name
root: .                                   # this node's tree
nodes:
  balaur: { url: "ssh://balaur@balaur.example/srv/janus/repo" }
peer: balaur
live: false
truth:
  include: [config, docs, missions, scripts, COMMS_HUB]
  exclude: ["models/", ".git/", ".cache/", "__pycache__/"]
  guard: ["**/*.vessel"]
  conflicts: newer
  onTie: skip
  permissions: all
  symlinks: portable
  direction: both
  maxDelete: 25%
  maxChange: 50%
  policies: []
logs:
  - { from: logs/proposals.jsonl, to: logs/proposals.jsonl }
  - { from: logs/mission_log.jsonl, to: logs/mission_log.jsonl, lines: true, verify: tail, onRotate: new-file, onFork: halt }
clock: { tolerance: 2s }
watch: { interval: 5m }
versions: { keep: 30d, max: 5GB }
durability: full
audit: logs/sync
`;
