import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { createNodeDisk } from './node-disk.ts';
import { makeStateFolder, openStateFolder } from './state-folder.ts';
import { failingDisk, stoppingDisk } from './test-support/faulty-disk.ts';

let path: string;
let root: DiskDirectory;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'ubos-state-'));
  root = mustOpen(createNodeDisk());
});

afterEach(() => {
  root.close();
  rmSync(path, { recursive: true });
});

it('is made for its owner alone, and tells git to leave it alone', async () => {
  const folder = await makeStateFolder(root, { rootPath: path });
  folder.make('archive');
  expect(lstatSync(join(path, '.ubos-sync')).mode & 0o777).toBe(0o700);
  expect(lstatSync(join(path, '.ubos-sync/archive')).mode & 0o777).toBe(0o700);
  expect(lstatSync(join(path, '.ubos-sync/.gitignore')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(path, '.ubos-sync/.gitignore'), 'utf8')).toBe('*\n');
  expect(folder.path).toBe(`${path}/.ubos-sync`);
  folder.close();
  folder.close();
});

it('makes nothing when it is only looked at', () => {
  expect(openStateFolder(root, { rootPath: path })).toBeUndefined();
  mkdirSync(join(path, '.ubos-sync'), { mode: 0o700 });
  const folder = openStateFolder(root, { rootPath: path });
  expect(folder?.look('archive')).toBeUndefined();
  expect(readdirSync(join(path, '.ubos-sync'))).toEqual([]);
  folder?.close();
});

it('opens a second time what is there, and writes nothing then', async () => {
  (await makeStateFolder(root, { rootPath: path })).close();
  const disk = stoppingDisk(createNodeDisk(), 0);
  const counted = mustOpen(disk);
  const folder = await makeStateFolder(counted, { rootPath: path });
  expect(folder.make('archive')).toBe(folder.make('archive'));
  expect(disk.writes()).toBe(1);
  folder.close();
  counted.close();
});

it('notices that it was removed, or that another one took its place', async () => {
  const folder = await makeStateFolder(root, { rootPath: path });
  expect(folder.isCurrent()).toBe(true);
  rmSync(join(path, '.ubos-sync'), { recursive: true });
  expect(folder.isCurrent()).toBe(false);
  mkdirSync(join(path, '.ubos-sync'));
  expect(folder.isCurrent()).toBe(false);
  folder.close();
});

describe('a state folder that others could have written is refused, with what is wrong', () => {
  const table: { title: string; make: () => void; reason: RegExp; uid?: number }[] = [
    {
      title: 'a link to a folder',
      make: () => (mkdirSync(join(path, 'x'), { mode: 0o700 }), symlinkSync('x', join(path, '.ubos-sync'))),
      reason: /symbolic link/,
    },
    { title: 'a link to nothing', make: () => symlinkSync('nowhere', join(path, '.ubos-sync')), reason: /symbolic link/ },
    { title: 'a file', make: () => writeFileSync(join(path, '.ubos-sync'), ''), reason: /not a directory/ },
    { title: 'writable by the group', make: () => makeFolder('.ubos-sync', 0o770), reason: /others can write to it \(mode 0770/ },
    { title: 'writable by all', make: () => makeFolder('.ubos-sync', 0o707), reason: /mode 0707/ },
    { title: 'of another user', make: () => makeFolder('.ubos-sync', 0o700), reason: /belongs to user \d+, and this is user 12345/, uid: 12345 },
  ];
  for (const { title, make, reason, uid } of table) {
    it(title, async () => {
      make();
      const options = { rootPath: path, ...(uid === undefined ? {} : { uid }) };
      const refused = { code: 'SYNC_STATE_UNSAFE', message: expect.stringMatching(reason) as string, details: { path: `${path}/.ubos-sync` } };
      expect(() => openStateFolder(root, options)).toThrow(expect.objectContaining({ code: 'SYNC_STATE_UNSAFE' }) as Error);
      await expect(makeStateFolder(root, options)).rejects.toMatchObject(refused);
    });
  }

  it('also one of its subfolders', async () => {
    const folder = await makeStateFolder(root, { rootPath: path });
    symlinkSync('/tmp', join(path, '.ubos-sync/staging'));
    expect(() => folder.look('staging')).toThrow(/staging cannot be trusted: it is a symbolic link/);
    expect(() => folder.make('staging')).toThrow(/symbolic link/);
    folder.close();
  });
});

it('says why it cannot be made', async () => {
  for (const [errno, code] of [
    ['EACCES', 'SYNC_REMOTE_NOT_WRITABLE'],
    ['EROFS', 'SYNC_REMOTE_NOT_WRITABLE'],
    ['ENOSPC', 'SYNC_NO_SPACE'],
    ['EIO', 'SYNC_IO'],
  ] as const) {
    const failing = mustOpen(failingDisk(createNodeDisk(), 1, errno));
    await expect(makeStateFolder(failing, { rootPath: path })).rejects.toMatchObject({ code, details: { errno } });
    failing.close();
  }
});

it('is complete after a second attempt, wherever the first one was stopped', async () => {
  for (let stop = 1; ; stop++) {
    rmSync(join(path, '.ubos-sync'), { recursive: true, force: true });
    const disk = stoppingDisk(createNodeDisk(), stop, true);
    const stopped = mustOpen(disk);
    const first = await makeStateFolder(stopped, { rootPath: path }).catch(() => undefined);
    stopped.close();
    (await makeStateFolder(root, { rootPath: path })).close();
    expect(readFileSync(join(path, '.ubos-sync/.gitignore'), 'utf8')).toBe('*\n');
    expect(readdirSync(join(path, '.ubos-sync'))).toEqual(['.gitignore']);
    if (first !== undefined) return first.close();
  }
});

function makeFolder(name: string, mode: number): void {
  mkdirSync(join(path, name));
  chmodSync(join(path, name), mode);
}

function mustOpen(disk: Disk): DiskDirectory {
  const opened = disk.openRoot(path);
  if (opened === undefined) throw new Error(`no ${path}`);
  return opened;
}
