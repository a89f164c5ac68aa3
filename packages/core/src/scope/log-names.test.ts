import { describe, expect, it } from 'vitest';
import { parseLogName } from './log-names.ts';

describe('parseLogName', () => {
  it.each(['mission_log.jsonl', 'a b.log', '.hidden.log', 'é', '{node}', '{name}', '-rf', 'ubos-sync.log', 'state.json', 'x'.repeat(255)])(
    'takes %j',
    (name) => {
      expect(parseLogName(name)).toEqual({ ok: true, value: name });
    },
  );

  it.each([
    '',
    '.',
    '..',
    '../a.jsonl',
    '/etc/passwd',
    'a/b.jsonl',
    'a\0b',
    'a\nb.jsonl',
    '\u001b[2J.log',
    'a\u0085b',
    '\ud800.log',
    'x'.repeat(256),
    'é'.repeat(128),
    '.ubos-sync',
    '.UBOS-sync',
    'ubos-sync.yaml',
    'mission_state.json',
    'Mission_State.JSON',
    'x_state.json.bak',
  ])('refuses %j', (name) => {
    expect(parseLogName(name).ok).toBe(false);
  });
});
