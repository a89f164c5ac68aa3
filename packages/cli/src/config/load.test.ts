import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findConfig } from './find.ts';
import { loadConfig } from './load.ts';
import { distrust } from './owner.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'config-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

const written = (name: string, text = 'version: 1\n'): string => {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o644 });
  return file;
};

describe('findConfig', () => {
  it('walks up from the working directory', () => {
    const file = written('ubos-sync.yaml');
    const cwd = join(folder, 'a', 'b');
    mkdirSync(cwd, { recursive: true });
    expect(findConfig({ cwd, env: {} })).toBe(file);
  });

  it('lets --config win over UBOS_SYNC_CONFIG, and that over the search', () => {
    written('ubos-sync.yaml');
    expect(findConfig({ cwd: folder, env: { UBOS_SYNC_CONFIG: 'env.yaml' } })).toBe(join(folder, 'env.yaml'));
    expect(findConfig({ cwd: folder, option: 'flag.yaml', env: { UBOS_SYNC_CONFIG: 'env.yaml' } })).toBe(join(folder, 'flag.yaml'));
  });

  it('says where it looked', () => {
    expect(() => findConfig({ cwd: folder, env: {} })).toThrow(
      expect.objectContaining({ code: 'SYNC_CONFIG_MISSING', message: `no ubos-sync.yaml in ${folder} or above it` }),
    );
  });
});

describe('loadConfig', () => {
  it('names every mistake with file, line and column', () => {
    const file = written('ubos-sync.yaml', 'version: 1\nlive: 7\ntruth: { exlude: [] }\n');
    expect(() => loadConfig(file)).toThrow(
      expect.objectContaining({
        code: 'SYNC_CONFIG_INVALID',
        message: [
          'ubos-sync.yaml has 2 mistakes:',
          'ubos-sync.yaml:2:7: `live`: expected `true` or `false`, not `7`',
          'ubos-sync.yaml:3:10: `exlude` is not a key of `truth`; did you mean `exclude`?',
        ].join('\n'),
      }),
    );
  });

  it('knows that a file is missing, or is none', () => {
    expect(() => loadConfig(join(folder, 'none.yaml'))).toThrow(expect.objectContaining({ code: 'SYNC_CONFIG_MISSING' }));
    expect(() => loadConfig(folder)).toThrow(expect.objectContaining({ code: 'SYNC_CONFIG_INVALID' }));
  });

  it('refuses a file that everybody can write to', () => {
    const file = written('ubos-sync.yaml');
    chmodSync(file, 0o666);
    expect(() => loadConfig(file)).toThrow(
      expect.objectContaining({ code: 'SYNC_CONFIG_UNTRUSTED', message: `${file} is not used, because everybody can write to it` }),
    );
  });

  it.runIf(process.getuid?.() === 0)('refuses a file of another user', () => {
    const file = written('ubos-sync.yaml');
    chownSync(file, 12_345, 0);
    expect(() => loadConfig(file)).toThrow(
      expect.objectContaining({ code: 'SYNC_CONFIG_UNTRUSTED', message: expect.stringContaining('it belongs to user 12345') }),
    );
  });
});

describe('distrust', () => {
  const like = (fields: { readonly uid: number; readonly gid: number; readonly mode: number }) => Object.assign(statSync(folder), fields);

  it('takes what its user or root owns', () => {
    expect(distrust(like({ uid: 1000, gid: 1000, mode: 0o100644 }), 1000)).toBeUndefined();
    expect(distrust(like({ uid: 0, gid: 0, mode: 0o100644 }), 1000)).toBeUndefined();
  });

  it('does not take what another user owns, or a shared group can write to', () => {
    expect(distrust(like({ uid: 1001, gid: 1000, mode: 0o100644 }), 1000)).toBe('it belongs to user 1001, and you are user 1000');
    expect(distrust(like({ uid: 1000, gid: 59_999, mode: 0o100664 }), 1000)).toBe('group 59999 can write to it');
  });
});
