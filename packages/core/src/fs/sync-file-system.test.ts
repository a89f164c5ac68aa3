import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { reportsErrors, syncFileSystemOf } from './sync-file-system.ts';

describe('syncing a whole file system', () => {
  it.each([
    ['5.7.19', false],
    ['5.8.0-rc1', true],
    ['5.10.0-28-amd64', true],
    ['4.19.0', false],
    ['6.1', true],
    ['unknown', false],
  ])('the kernel %s reports lost writes: %s', (kernel, expected) => {
    expect(reportsErrors(kernel)).toBe(expected);
  });

  it('is done where the tool of GNU is there, and declined elsewhere', async () => {
    const fd = fs.openSync(tmpdir(), 'r');
    try {
      expect(await syncFileSystemOf(fd)).toBe(
        process.platform === 'linux' && reportsErrors(execFileSync('uname', ['-r'], { encoding: 'utf8' })) && hasGnuSync(),
      );
    } finally {
      fs.closeSync(fd);
    }
  });
});

function hasGnuSync(): boolean {
  try {
    return execFileSync('sync', ['--version'], { encoding: 'utf8' }).includes('GNU coreutils');
  } catch {
    return false;
  }
}
