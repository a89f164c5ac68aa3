import { describe, expect, it } from 'vitest';
import type { RelativePath } from '../tree/path.ts';
import { auditGuards, builtInGuard, configGuards, logGuards } from './guards.ts';
import { compilePatterns } from './pattern.ts';
import { exactNames, type Folding } from './rules.ts';

const isGuarded = (path: string) => builtInGuard(path, exactNames) !== undefined;

describe('built-in guards', () => {
  it('keep out state files and every name that an editor or an atomic write gives their copies', () => {
    const names = [
      'claude_strategic_state.json',
      '_state.json',
      '.x_state.json',
      '.x_state.json.swp',
      '.x_state.json.swx',
      '.x_state.json.swo',
      'x_state.json.swp',
      '.x_state.json.un~', // vim, nano
      '#x_state.json#',
      '.#x_state.json',
      'x_state.json~',
      'x_state.json.~12~', // emacs
      '.~lock.x_state.json#',
      '~$x_state.json', // office programs
      '.x_state.json.kate-swp',
      'x_state.json___jb_tmp___',
      'x_state.json___jb_old___',
      'x_state.json.sb-1a2b3c4d-AbCdEf', // kate, JetBrains, macOS
      'x_state.json.tmp',
      'x_state.json.TMP',
      'x_state.json.temp',
      'x_state.json.tmp.1234',
      'x_state.json-tmp',
      'x_state.json.1a.tmp',
      'x_state.json.bak',
      'x_state.json.orig',
      'x_state.json.old',
      'x_state.json.1',
      'x_state.json.1762500000',
      'x_state.json-20251107',
      '.x_state.json.AbC123',
      'x_state.json.AbCdEf',
      'x_state.json.a1b2c3', // mktemp, rsync, write-file-atomic
      'x_state.json.lock',
      'x_state.json.part',
    ];
    expect(names.filter((name) => !isGuarded(`COMMS_HUB/${name}`))).toEqual([]);
  });

  it('leave alone what only looks like one', () => {
    const names = [
      'state.json',
      'x_state.jsonl',
      'x_state.json5',
      'x_state.json.md',
      'x_state.json.example',
      'x_state.json.schema',
      'x_state.json.j2',
      'x_state.json.gz',
      '.x_state.jsonl',
      '.x_state.json5',
      'X_STATE.JSON',
      'x_state_json',
      'stateful.json',
      '#x_state.md#',
      'notes.swp',
      '4913',
    ];
    expect(names.filter((name) => isGuarded(`COMMS_HUB/${name}`))).toEqual([]);
  });

  it('keep out the state folder at any depth and the config at a root', () => {
    expect(['.ubos-sync', 'a/.ubos-sync', 'ubos-sync.yaml', 'ubos-sync.yml'].filter((path) => !isGuarded(path))).toEqual([]);
    expect(
      ['.ubos-sync2', 'a/ubos-sync.yaml', 'ubos-sync.json', 'my-ubos-sync.yaml', 'ubos-sync.yaml.md', 'ubos-sync.yml2'].filter(isGuarded),
    ).toEqual([]);
  });

  it('are named for people', () => {
    const table = [
      ['a/.ubos-sync', '.ubos-sync'],
      ['ubos-sync.yml', '/ubos-sync.y*ml'],
      ['a/x_state.json~', '*_state.json'],
    ] as const;
    expect(table.map(([path]) => [path, builtInGuard(path, exactNames)])).toEqual(table);
  });

  describe('see names as the roots do', () => {
    const caseOnly: Folding = { ignoresCase: true, ignoresUnicodeForm: false };
    const formOnly: Folding = { ignoresCase: false, ignoresUnicodeForm: true };
    const both: Folding = { ignoresCase: true, ignoresUnicodeForm: true };
    const foldings = { exactNames, caseOnly, formOnly, both };
    type Root = keyof typeof foldings;
    const table: readonly (readonly [path: string, guardedAt: readonly Root[]])[] = [
      ['x_state.json.AbCdEf', ['exactNames', 'caseOnly', 'formOnly', 'both']],
      ['x_state.json-1\u200c', ['exactNames', 'caseOnly', 'formOnly', 'both']],
      ['X_STATE.JSON', ['caseOnly', 'both']],
      ['X_State.Json.AbCdEf', ['caseOnly', 'both']],
      ['UBOS-SYNC.YML', ['caseOnly', 'both']],
      ['.ubos\u200c-sync', ['caseOnly', 'formOnly', 'both']],
      ['x_state\u200c.json', ['caseOnly', 'formOnly', 'both']],
      ['x_state.json.\u200cAbCdEf', ['caseOnly', 'formOnly', 'both']],
      ['x_state.json.schema', []],
    ];
    for (const [path, guardedAt] of table) {
      it(JSON.stringify(path), () => {
        const roots = Object.keys(foldings) as Root[];
        expect(roots.filter((root) => builtInGuard(path, foldings[root]) !== undefined)).toEqual(guardedAt);
      });
    }
  });
});

describe('guards that follow from a config', () => {
  const matches = (patterns: readonly string[], path: string) => compilePatterns(patterns).lastMatch(path as RelativePath, 'other') !== -1;

  it('cover a log with its rotated names, and not its neighbours', () => {
    const guards = logGuards('logs/mission_log.jsonl' as RelativePath);
    const log = 'logs/mission_log';
    const covered = [
      `${log}.jsonl`,
      `${log}.jsonl.1`,
      `${log}.jsonl.2.gz`,
      `${log}.jsonl-20251107`,
      `${log}.jsonl-20251107.zst`,
      `${log}.jsonl.2025-11-07T10.g2`,
      `${log}-20251107.jsonl`,
      `${log}.1.jsonl`,
      `${log}.1.jsonl.gz`,
      `${log}.jsonl.old`,
      `${log}.jsonl.bak`,
      ...['gz', 'bz2', 'xz', 'zst'].map((packed) => `${log}.jsonl.${packed}`),
    ];
    expect(covered.filter((path) => !matches(guards, path))).toEqual([]);
    expect(
      [
        'mission_log.jsonl',
        'logs/mission_log.md',
        'logs/mission_log_2.jsonl',
        'logs/proposals.jsonl',
        'x/logs/mission_log.jsonl',
        `${log}.jsonl.md`,
      ].filter((path) => matches(guards, path)),
    ).toEqual([]);
    expect(matches(logGuards('log' as RelativePath), 'log.1')).toBe(true);
    expect(matches(logGuards('a/.log' as RelativePath), 'a/.log-2025')).toBe(true);
  });

  it('cover a log without an extension, and not its neighbours', () => {
    const table: readonly (readonly [log: string, covered: readonly string[], neighbours: readonly string[]])[] = [
      ['a.b/log', ['a.b/log', 'a.b/log.1', 'a.b/log-2025.gz'], ['a.1.b/log', 'a-1.b/log', 'a.b/lo.1g']],
      ['a/.log', ['a/.log', 'a/.log.1', 'a/.log.gz'], ['a/.1.log', 'a/-1.log']],
    ];
    for (const [log, covered, neighbours] of table) {
      const guards = logGuards(log as RelativePath);
      expect([...covered, ...neighbours].filter((path) => matches(guards, path))).toEqual(covered);
      expect(guards).toHaveLength(9);
    }
  });

  it('take names literally, wildcards in them included', () => {
    expect(matches(configGuards('c[1]*.yaml' as RelativePath), 'c[1]*.yaml')).toBe(true);
    expect(matches(configGuards('c[1]*.yaml' as RelativePath), 'c1x.yaml')).toBe(false);
    expect(matches(auditGuards('logs/sync' as RelativePath), 'logs/sync/2025/audit.jsonl')).toBe(true);
    expect(matches(auditGuards('logs/sync' as RelativePath), 'a/logs/sync/x')).toBe(false);
  });
});
