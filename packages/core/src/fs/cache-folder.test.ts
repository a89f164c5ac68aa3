import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
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
import { codeName, readCode, sealCode, storeInCache } from './cache-folder.ts';

let home: string;
let folder: string;
const name = (digit: string): `agent-${string}` => `agent-${digit.repeat(64)}.cjs`;
const bytes = Buffer.from('an agent');
const nowMs = Date.UTC(2026, 0, 31);
const day = 86_400;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ubos-sync-install-'));
  folder = join(home, '.cache/ubos-sync');
});
afterEach(() => rmSync(home, { recursive: true }));
const install = (content = bytes, unique = '1'): void => storeInCache(folder, name('a'), content, nowMs, unique);

describe('storeInCache', () => {
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

  it.runIf(process.getuid?.() === 0)('makes nothing in the home of another user', () => {
    chownSync(home, 12_345, 12_345);
    expect(() => install()).toThrow('belongs to another user');
    expect(readdirSync(home)).toEqual([]);
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
    put('code-cli.v20.0.0-x64', 31);
    put('code-cli.v22.0.0-x64', 29);
    put('notes.txt', 99);
    install();
    expect(readdirSync(folder).sort()).toEqual([name('a'), name('c'), 'code-cli.v22.0.0-x64', 'notes.txt'].sort());
  });

  it('fails where no folder can be made, and does not hang', () => {
    expect(existsSync('/dev/null')).toBe(true);
    expect(() => storeInCache('/dev/null/ubos-sync', 'agent-x', bytes, nowMs, '1')).toThrow('ENOTDIR');
  });
});

describe('readCode', () => {
  const code = Buffer.from('compiled');
  const key = codeName('cli-1a2b');
  const store = (content: Uint8Array = sealCode(code)): void => storeInCache(folder, key, content, nowMs, '1');

  it('gives back what was sealed', () => {
    expect(readCode(folder, key)).toBeUndefined();
    store();
    expect(readCode(folder, key)).toEqual(code);
  });

  it.each([
    ['a byte is another one', (sealed: Buffer) => sealed.fill(0, 39)],
    ['it is cut', (sealed: Buffer) => sealed.subarray(0, -1)],
    ['it is shorter than its hash', (sealed: Buffer) => sealed.subarray(0, 9)],
    ['it is empty', (sealed: Buffer) => sealed.subarray(0, 0)],
  ])('gives nothing where %s', (_what, damage) => {
    store(damage(Buffer.from(sealCode(code))));
    expect(readCode(folder, key)).toBeUndefined();
  });

  it('gives nothing that others could have written', () => {
    store();
    chmodSync(join(folder, key), 0o620);
    expect(readCode(folder, key)).toBeUndefined();
    chmodSync(join(folder, key), 0o600);
    expect(readCode(folder, key)).toEqual(code);
    chmodSync(folder, 0o777);
    expect(readCode(folder, key)).toBeUndefined();
  });

  it('follows no link and waits for no FIFO', () => {
    store();
    symlinkSync(join(folder, key), join(folder, codeName('link')));
    expect(readCode(folder, codeName('link'))).toBeUndefined();
    execFileSync('mkfifo', [join(folder, codeName('fifo'))]);
    expect(readCode(folder, codeName('fifo'))).toBeUndefined();
  });
});
