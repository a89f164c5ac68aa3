import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeName, sealCode, storeInCache } from '@ubos/sync-core/fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { launchCommand } from './launcher.ts';

const request = { nonce: 'c0ffee', sha256: 'a'.repeat(64), sizeBytes: 12 };

describe('launchCommand', () => {
  it('holds nothing that a login shell could read in its own way', () => {
    const command = launchCommand({ ...request, node: '~/bin/node' });
    const quoted = command.match(/'[^']*'/g) ?? [];
    expect(quoted).toHaveLength(3);
    // Outside of quotes plain words; inside nothing that bash, zsh, fish or csh treats specially in single quotes.
    expect(command.replaceAll(/'[^']*'/g, '')).toMatch(/^[A-Za-z0-9 /_-]+$/);
    expect(quoted.join('').replaceAll("'", '')).not.toMatch(/[\\!\n\r`]/);
  });

  it('does not grow unnoticed: tcsh takes words of a few KiB', () => {
    const words = launchCommand(request).match(/'[^']*'|\S+/g) ?? [];
    expect(Math.max(...words.map((word) => word.length))).toBeLessThan(2_048);
  });

  it.each(['node', '../node', '~bob/node', "/x'y", '/x"y', '/x\\y', '/x\ny', '/x!y', '/x$y', '/x`y', '/x;y'])(
    'refuses %j as the path of Node',
    (node) => {
      expect(() => launchCommand({ ...request, node })).toThrow('cannot be used as the path of Node');
    },
  );
});

/** Run for real, with a program in the agent's place that says what it was given. */
describe('the launcher', () => {
  const agent = Buffer.from(
    'exports.main = ({ script, code }) => { console.log(JSON.stringify({ code, compiled: script.createCachedData().toString("base64") })); }',
  );
  const sha256 = createHash('sha256').update(agent).digest('hex');
  let home: string;
  let folder: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'ubos-sync-launcher-'));
    folder = join(home, 'ubos-sync');
    storeInCache(folder, `agent-${sha256}.cjs`, agent, Date.now(), '1');
  });
  afterEach(() => rmSync(home, { recursive: true }));
  const launch = (): { readonly code: string; readonly compiled: string } => {
    const command = launchCommand({ ...request, sha256, sizeBytes: agent.length, node: process.execPath });
    return JSON.parse(execFileSync('/bin/sh', ['-c', command], { env: { XDG_CACHE_HOME: home }, encoding: 'utf8' })) as never;
  };
  const file = codeName(sha256);
  const keep = (): void => storeInCache(folder, file, sealCode(Buffer.from(launch().compiled, 'base64')), Date.now(), '1');

  it('names the place where compiled code is to be kept, and takes it from there', () => {
    expect(launch().code).toBe(join(folder, file));
    keep();
    expect(launch().code).toBe('');
  });

  it.each([
    ['damaged', () => writeFileSync(join(folder, file), readFileSync(join(folder, file)).fill(0, 50, 60))],
    ['of another V8', () => storeInCache(folder, file, sealCode(Buffer.alloc(100)), Date.now(), '1')],
    ['for others to write', () => chmodSync(join(folder, file), 0o666)],
  ])('does not take code that is %s', (_what, spoil) => {
    keep();
    spoil();
    expect(launch().code).toBe(join(folder, file));
  });
});
