import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeLogSource } from '../testing/describe-log-source.ts';
import { createMemoryLogFile, createMemoryLogSource, type MemoryLogFile } from '../testing/memory-log.ts';
import { loadHashing } from './hasher.ts';
import { createFsLogSource } from './log-file-source.ts';
import { createNodeDisk } from './node-disk.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

describeLogSource(
  'a log in memory',
  async () => {
    const { hash } = await loadHashing('fast');
    const file = createMemoryLogFile();
    const beside = new Map<string, MemoryLogFile>();
    return {
      source: createMemoryLogSource('logs/a.jsonl', file, { hash, pieceBytes: 300_000, beside }),
      fileName: 'a.jsonl',
      rename: async (name) => {
        beside.set(name, { ...file });
        Object.assign(file, { bytes: undefined, inode: file.inode + 1 });
      },
      hash,
      write: async (bytes) => void (file.bytes = bytes.slice()),
      append: async (bytes, name) => {
        const to = name === undefined ? file : (beside.get(name) ?? file);
        to.bytes = Buffer.concat([to.bytes ?? new Uint8Array(0), bytes]);
      },
      remove: async () => void (file.bytes = undefined),
      close: () => Promise.resolve(),
    };
  },
  { describe, it, expect },
);

describeLogSource(
  'a file',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ubos-log-'));
    const path = join(folder, 'logs', 'a.jsonl');
    mkdirSync(join(folder, 'logs'));
    return {
      source: await createFsLogSource('logs/a.jsonl', { root: folder }),
      fileName: 'a.jsonl',
      rename: async (name) => renameSync(path, join(folder, 'logs', name)),
      hash: (await loadHashing('fast')).hash,
      write: async (bytes) => writeFileSync(path, bytes),
      append: async (bytes, name) => appendFileSync(name === undefined ? path : join(folder, 'logs', name), bytes),
      remove: async () => rmSync(path),
      close: async () => rmSync(folder, { recursive: true }),
    };
  },
  { describe, it, expect },
);

describe('createFsLogSource', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ubos-log-'));
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real', 'a.log'), 'secret\n');
    symlinkSync('real/a.log', join(folder, 'link.log'));
    symlinkSync('real', join(folder, 'linked'));
    execFileSync('mkfifo', [join(folder, 'fifo.log')]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const sizeOf = async (path: string, options = {}) => (await (await createFsLogSource(path, options)).facts({ extents: [] })).stat?.sizeBytes;

  it('reads a regular file, relative or absolute, and is quiet about one that is not there', async () => {
    expect(await sizeOf('real/a.log', { root: folder })).toBe(7);
    expect(await sizeOf(join(folder, 'real/a.log'))).toBe(7);
    expect(await sizeOf(join(folder, 'real/a.log'), { root: folder })).toBe(7);
    for (const path of ['real/b.log', 'none/a.log']) expect(await sizeOf(path, { root: folder })).toBe(undefined);
    expect(await sizeOf(join(folder, 'none', 'deep', 'a.log'))).toBe(undefined);
  });

  it('opens nothing but regular files', async () => {
    for (const path of ['fifo.log', 'real', 'link.log', 'real/a.log/x'])
      await expect(sizeOf(path, { root: folder })).rejects.toMatchObject({ code: 'SYNC_LOG_NOT_A_FILE' });
    await expect(sizeOf('/dev/null')).rejects.toMatchObject({ code: 'SYNC_LOG_NOT_A_FILE' });
  });

  it('follows a link only if it is asked to, and none on the way from a root', async () => {
    expect(await sizeOf('link.log', { root: folder, followLink: true })).toBe(7);
    await expect(sizeOf('linked/a.log', { root: folder })).rejects.toMatchObject({ code: 'SYNC_LOG_NOT_A_FILE' });
    expect(await sizeOf(join(folder, 'linked', 'a.log'))).toBe(7);
  });

  it('does not leave its root', async () => {
    for (const path of ['../x', '..', '.', '/etc/passwd'])
      await expect(sizeOf(path, { root: join(folder, 'real') })).rejects.toMatchObject({ code: 'SYNC_USAGE' });
    expect(await sizeOf('..odd.log', { root: folder })).toBe(undefined);
  });

  it('says so if it may not read it', async () => {
    const disk = wrapDisk(createNodeDisk(), ({ call }) => {
      if (call === 'openFile') throw Object.assign(new Error('EACCES: injected'), { code: 'EACCES' });
    });
    await expect(sizeOf('real/a.log', { root: folder, disk })).rejects.toMatchObject({ code: 'SYNC_DENIED' });
  });
});
