import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logNamesMax } from '../scope/log-names.ts';
import { listFsLogNames } from './log-names.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ubos-names-'));
  mkdirSync(join(root, 'logs/deep.jsonl'), { recursive: true });
  for (const name of ['logs/b.jsonl', 'logs/a.jsonl', 'logs/c.txt', 'logs/deep.jsonl/d.jsonl', 'outside.jsonl']) writeFileSync(join(root, name), '');
  symlinkSync('a.jsonl', join(root, 'logs/link.jsonl'));
  symlinkSync('logs', join(root, 'way'));
  execFileSync('mkfifo', [join(root, 'logs/pipe.jsonl')]);
});
afterEach(() => rmSync(root, { recursive: true }));

describe('listFsLogNames', () => {
  it.each([
    ['*.jsonl', ['a.jsonl', 'b.jsonl']],
    ['*', ['a.jsonl', 'b.jsonl', 'c.txt']],
    ['?.txt', ['c.txt']],
    ['[ab].*', ['a.jsonl', 'b.jsonl']],
    ['none*', []],
  ])('lists for %s regular files alone, sorted', (pattern, names) => {
    expect(listFsLogNames(join(root, 'logs'), pattern)).toEqual(names);
  });

  it('of a folder that is not there there are none', () => {
    expect(listFsLogNames(join(root, 'none'), '*')).toEqual([]);
  });

  it('follows no link below a root', () => {
    expect(() => listFsLogNames('way', '*', { root })).toThrow(expect.objectContaining({ code: 'SYNC_LOG_NOT_A_FILE' }));
    expect(listFsLogNames(join(root, 'way'), '*.txt')).toEqual(['c.txt']);
  });

  it.each(['../*', 'logs/*', '{a,b}', '+(a|b)', '!a', 'x'.repeat(257), 'a\0', '..'])('refuses %j as a pattern', (pattern) => {
    expect(() => listFsLogNames(root, pattern)).toThrow(expect.objectContaining({ code: 'SYNC_USAGE' }));
  });

  it('tells what it may, and counts nothing else', () => {
    for (let index = 0; index < logNamesMax; index++) writeFileSync(join(root, `n${index}`), '');
    expect(listFsLogNames(root, 'n*')).toHaveLength(logNamesMax);
    writeFileSync(join(root, 'n'), '');
    expect(() => listFsLogNames(root, 'n*')).toThrow(expect.objectContaining({ code: 'SYNC_USAGE' }));
    expect(listFsLogNames(root, 'n*', { accepts: (name) => name.length < 3 })).toHaveLength(11);
  });
});
