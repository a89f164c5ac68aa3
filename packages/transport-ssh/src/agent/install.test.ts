import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installAgent } from './install.ts';

let home: string;
let folder: string;
const name = (digit: string): string => `agent-${digit.repeat(64)}.cjs`;
const bytes = Buffer.from('an agent');
const nowMs = Date.UTC(2026, 0, 31);
const day = 86_400;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ubos-sync-install-'));
  folder = join(home, '.cache/ubos-sync');
});
afterEach(() => rmSync(home, { recursive: true }));
const install = (content = bytes, unique = '1'): void => installAgent(content, { folder, file: join(folder, name('a')) }, nowMs, unique);

describe('installAgent', () => {
  it('makes the folder for its owner alone, whatever the umask', () => {
    const before = process.umask(0);
    try {
      install();
    } finally {
      process.umask(before);
    }
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, name('a'))).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, name('a')))).toEqual(bytes);
  });

  it('closes a folder that was open to others', () => {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    install();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('replaces what is there, and a link itself and not its target', () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(home, 'target'), 'theirs');
    symlinkSync(join(home, 'target'), join(folder, name('a')));
    install();
    expect(readFileSync(join(home, 'target'), 'utf8')).toBe('theirs');
    expect(readFileSync(join(folder, name('a')))).toEqual(bytes);
  });

  it('never writes into a temporary file that is there', () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(home, 'target'), 'theirs');
    symlinkSync(join(home, 'target'), join(folder, `.${name('a')}.7`));
    expect(() => install(bytes, '7')).toThrow('EEXIST');
    expect(readFileSync(join(home, 'target'), 'utf8')).toBe('theirs');
    install(bytes, '8');
    expect(readFileSync(join(folder, name('a')))).toEqual(bytes);
  });

  it('leaves nothing behind when it fails', () => {
    mkdirSync(join(folder, name('a')), { recursive: true });
    expect(() => install()).toThrow();
    expect(readdirSync(folder)).toEqual([name('a')]);
  });

  it('uses no folder that is a file or a link', () => {
    mkdirSync(join(home, '.cache'));
    writeFileSync(folder, '');
    expect(() => install()).toThrow('is not a folder');
    rmSync(folder);
    symlinkSync(home, folder);
    expect(() => install()).toThrow('is not a folder');
  });

  it('removes other versions and leftovers after 30 days, and nothing else', () => {
    mkdirSync(folder, { recursive: true });
    const put = (file: string, ageDays: number): void => {
      writeFileSync(join(folder, file), '');
      utimesSync(join(folder, file), nowMs / 1000, nowMs / 1000 - ageDays * day);
    };
    put(name('b'), 31);
    put(name('c'), 29);
    put(`.${name('d')}.123`, 31);
    put('notes.txt', 99);
    install();
    expect(readdirSync(folder).sort()).toEqual([name('a'), name('c'), 'notes.txt'].sort());
  });

  it('fails where no folder can be made, and does not hang', () => {
    expect(existsSync('/dev/null')).toBe(true);
    expect(() => installAgent(bytes, { folder: '/dev/null/ubos-sync', file: '/dev/null/ubos-sync/x' }, nowMs, '1')).toThrow('ENOTDIR');
  });
});
