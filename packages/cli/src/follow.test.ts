import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutputLine } from './render/lines.ts';
import { cli, cliJson } from './test-support/cli.ts';

let folder = '';
let near = '';
let far = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ubos-follow-'));
  near = join(folder, 'near');
  far = join(folder, 'far');
  for (const root of [near, join(far, 'logs')]) mkdirSync(root, { recursive: true });
  const rule = (name: string): string => `  - { from: logs/${name}.jsonl, to: logs/${name}.jsonl }\n`;
  writeFileSync(join(near, 'ubos-sync.yaml'), `version: 1\nself: near\nnodes:\n  far: { url: ${far} }\nlogs:\n${rule('a')}${rule('b')}`);
  for (const name of ['a', 'b']) writeFileSync(join(far, 'logs', `${name}.jsonl`), `{"log":"${name}","n":0}\n`);
});
afterEach(() => rmSync(folder, { recursive: true }));

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const read = (name: string): string => {
  try {
    return readFileSync(join(near, 'logs', `${name}.jsonl`), 'utf8');
  } catch {
    return '';
  }
};
const logsOf = (lines: readonly OutputLine[]) => lines.flatMap((line) => (line.type === 'log' ? [`${line.name} ${line.outcome} ${line.lines}`] : []));

describe('logs --follow', () => {
  it('follows all logs at once; when it is stopped, what came is kept, a line says what each brought, and the exit code is 3', async () => {
    const stopping = new AbortController();
    const run = cliJson(['logs', '--follow'], { cwd: near, signal: stopping.signal });
    await until(() => read('a') !== '' && read('b') !== '');
    for (const name of ['a', 'b']) appendFileSync(join(far, 'logs', `${name}.jsonl`), '{"n":1}\n{"half":');
    await until(() => ['a', 'b'].every((name) => read(name).endsWith('{"n":1}\n')));
    stopping.abort(new SyncError('SYNC_INTERRUPTED', 'stopped by SIGINT'));
    const { code, lines } = await run;
    expect(code).toBe(3);
    expect(logsOf(lines).toSorted()).toEqual(
      ['a appended 1', 'a appended 1', 'b appended 1', 'b appended 1'].map((text) => text.replace(/^\w/, 'logs/$&.jsonl')),
    );
    expect(logsOf((await cliJson(['logs'], { cwd: near })).lines)).toEqual(['logs/a.jsonl up-to-date 0', 'logs/b.jsonl up-to-date 0']);
  });

  it('goes on with the others when one has to be left alone, and ends with 1 when none is left', async () => {
    await cli(['logs'], { cwd: near });
    writeFileSync(join(far, 'logs', 'a.jsonl'), '{"another":1}\n{"another":2}\n');
    let isOver = false;
    const run = cliJson(['logs', '--follow'], { cwd: near }).finally(() => {
      isOver = true;
    });
    appendFileSync(join(far, 'logs', 'b.jsonl'), '{"n":1}\n');
    await until(() => read('b').endsWith('{"n":1}\n'));
    expect(isOver).toBe(false);
    writeFileSync(join(far, 'logs', 'b.jsonl'), '{"another":1}\n');
    const { code, lines } = await run;
    expect(code).toBe(1);
    expect(logsOf(lines)).toContain('logs/a.jsonl forked 0');
    expect(read('b')).toBe('{"log":"b","n":0}\n{"n":1}\n');
  });

  it('refuses what does not go together', async () => {
    for (const args of [
      ['--follow', '--dry-run'],
      ['--print', 'a'],
      ['--follow', '--print'],
      ['--follow', '--print', 'a', 'b'],
      ['--follow', '--since-cursor'],
      ['--follow', '--print', 'a', '--json'],
      ['--follow', '--print', 'a', '--verify', 'full'],
    ])
      expect([args, (await cli(['logs', ...args], { cwd: near })).code]).toEqual([args, 3]);
  });

  it('tells people what came of a log as it happens', async () => {
    const stopping = new AbortController();
    const run = cli(['logs', '--follow', 'a'], { cwd: near, signal: stopping.signal });
    await until(() => read('a') !== '');
    stopping.abort(new SyncError('SYNC_INTERRUPTED', 'stopped by SIGINT'));
    const { out, err } = await run;
    expect(out).toContain('logs/a.jsonl');
    expect(err).toContain('SYNC_INTERRUPTED');
  });
});
