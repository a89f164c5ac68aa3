import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { createNodeDisk } from './node-disk.ts';

const onLinux = process.platform === 'linux';

// The way by path runs here, too, so that what is written for other systems is executed where there is `/proc`.
for (const procFs of onLinux ? [true, false] : [false]) {
  describe(`node disk, children by ${procFs ? 'descriptor' : 'path'}`, () => {
    let folder: string;
    let disk: Disk;
    let root: DiskDirectory;
    let openBefore: number;

    beforeEach(() => {
      folder = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'ubos-disk-'));
      openBefore = openDescriptors();
      disk = createNodeDisk({ procFs });
      root = mustOpen(disk, folder);
    });

    afterEach(() => {
      root.close();
      root.close();
      const left = openDescriptors() - openBefore;
      fs.rmSync(folder, { recursive: true });
      expect(left, 'descriptors left open').toBe(0);
    });

    it('opens a root through a link, and finds nothing where nothing is', () => {
      fs.symlinkSync(folder, `${folder}-link`);
      try {
        const same = mustOpen(disk, `${folder}-link`);
        expect(same.identity).toEqual(root.identity);
        same.close();
        expect(disk.resolve(`${folder}-link`)).toBe(folder);
      } finally {
        fs.unlinkSync(`${folder}-link`);
      }
      expect(disk.openRoot(join(folder, 'nothing'))).toBeUndefined();
      fs.writeFileSync(join(folder, 'file'), '');
      expect(() => disk.openRoot(join(folder, 'file'))).toThrow(withCode('ENOTDIR'));
    });

    it('lists names with their kinds', () => {
      fs.mkdirSync(join(folder, 'directory'));
      fs.writeFileSync(join(folder, 'file \u00e9 \u{1F600}'), '');
      fs.symlinkSync('nowhere', join(folder, 'link'));
      execFileSync('mkfifo', [join(folder, 'fifo')]);
      expect(sorted(root)).toEqual([
        { name: 'directory', kind: 'directory' },
        { name: 'fifo', kind: 'other' },
        { name: 'file \u00e9 \u{1F600}', kind: 'file' },
        { name: 'link', kind: 'symlink' },
      ]);
    });

    it.runIf(onLinux)('tells a name that is not UTF-8 from one that holds the replacement character', () => {
      fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x61, 0xfe, 0x81])]), '');
      fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xed, 0xa0, 0x80])]), '');
      fs.writeFileSync(join(folder, 'really \uFFFD'), '');
      fs.writeFileSync(join(folder, 'plain'), '');
      expect(root.list().filter(({ name }) => name === undefined)).toHaveLength(2);
      expect(sorted(root).map(({ name }) => name)).toEqual([undefined, undefined, 'plain', 'really \uFFFD']);
    });

    it('states what the child itself is, links not followed', () => {
      fs.writeFileSync(join(folder, 'file'), 'three');
      fs.chmodSync(join(folder, 'file'), 0o4751);
      fs.utimesSync(join(folder, 'file'), 1_700_000_000.25, 1_700_000_000.25);
      fs.symlinkSync('file', join(folder, 'link'));
      const expected = fs.lstatSync(join(folder, 'file'), { bigint: true });
      expect(root.lstat('file')).toEqual({
        kind: 'file',
        mode: 0o4751,
        sizeBytes: 5,
        mtimeNs: 1_700_000_000_250_000_000n,
        ctimeNs: expected.ctimeNs,
        dev: expected.dev,
        ino: expected.ino,
        links: 1,
        uid: Number(expected.uid),
        gid: Number(expected.gid),
      });
      expect(root.lstat('link')?.kind).toBe('symlink');
      expect(root.lstat('nothing')).toBeUndefined();
      expect(root.stat().kind).toBe('directory');
    });

    it('opens nothing through a link', () => {
      fs.mkdirSync(join(folder, 'directory'));
      fs.writeFileSync(join(folder, 'file'), 'secret');
      fs.symlinkSync('directory', join(folder, 'to-directory'));
      fs.symlinkSync('file', join(folder, 'to-file'));
      expect(() => root.openDirectory('to-directory')).toThrow(withCode('ENOTDIR', 'ELOOP'));
      expect(() => root.openDirectory('nothing')).toThrow(withCode('ENOENT'));
      for (const access of ['read', 'write', 'append'] as const) expect(() => root.openFile('to-file', access)).toThrow(withCode('ELOOP', 'EMLINK'));
      expect(() => root.openFile('to-file', 'create')).toThrow(withCode('EEXIST'));
      expect(() => root.chmod('to-file', 0)).toThrow(withCode('EINVAL'));
      expect(() => root.copyFile('to-file', root, 'copy')).toThrow(withCode('ELOOP', 'EINVAL'));
      expect(root.readlink('to-file')).toBe('file');
    });

    it('opens regular files only, and never waits for the other end of a FIFO', () => {
      execFileSync('mkfifo', [join(folder, 'fifo')]);
      fs.mkdirSync(join(folder, 'directory'));
      expect(() => root.openFile('fifo', 'read')).toThrow(withCode('EINVAL'));
      expect(() => root.openFile('fifo', 'write')).toThrow(withCode('EINVAL'));
      expect(() => root.openFile('directory', 'read')).toThrow(withCode('EINVAL'));
      expect(() => root.chmod('fifo', 0o777)).toThrow(withCode('EINVAL'));
    });

    it('creates, writes, reads, appends', () => {
      const made = root.openFile('file', 'create');
      made.write(Buffer.from('one two'), 0);
      made.write(Buffer.from('TWO'), 4);
      made.truncate(6);
      made.chmod(0o640);
      // An eighth of a second: exact in a double, in which Node takes seconds.
      made.setTimes(1_600_000_000_125);
      expect(made.stat()).toMatchObject({ sizeBytes: 6, mode: 0o640, mtimeNs: 1_600_000_000_125_000_000n });
      made.close();
      made.close();
      expect(() => root.openFile('file', 'create')).toThrow(withCode('EEXIST'));
      expect(() => root.openFile('nothing', 'append')).toThrow(withCode('ENOENT'));
      const more = root.openFile('file', 'append');
      more.write(Buffer.from('!'), 0);
      const buffer = new Uint8Array(16);
      expect(Buffer.from(buffer.subarray(0, more.read(buffer, 0))).toString()).toBe('one TW!');
      expect(more.read(buffer, 7)).toBe(0);
      more.close();
    });

    it('makes, renames, links, copies and removes', () => {
      root.makeDirectory('sub', 0o700);
      const sub = root.openDirectory('sub');
      fs.writeFileSync(join(folder, 'a'), 'content', { mode: 0o640 });
      root.rename('a', sub, 'b');
      sub.link('b', root, 'linked');
      sub.copyFile('b', root, 'copied');
      expect(() => sub.copyFile('b', root, 'copied')).toThrow(withCode('EEXIST'));
      root.symlink('made', '../target');
      expect(fs.readFileSync(join(folder, 'copied'), 'utf8')).toBe('content');
      expect(root.lstat('copied')?.mode).toBe(0o640);
      expect(root.lstat('linked')?.ino).toBe(sub.lstat('b')?.ino);
      expect(root.lstat('copied')?.ino).not.toBe(sub.lstat('b')?.ino);
      expect(fs.readlinkSync(join(folder, 'made'))).toBe('../target');
      expect(() => root.removeDirectory('sub')).toThrow(withCode('ENOTEMPTY'));
      sub.unlink('b');
      sub.close();
      root.removeDirectory('sub');
      expect(root.lstat('sub')).toBeUndefined();
    });

    it('changes the mode of what nobody may open', () => {
      fs.writeFileSync(join(folder, 'file'), '', { mode: 0 });
      fs.mkdirSync(join(folder, 'directory'), { mode: 0 });
      root.chmod('file', 0o640);
      root.chmod('directory', 0o750);
      expect(root.lstat('file')?.mode).toBe(0o640);
      expect(root.lstat('directory')?.mode).toBe(0o750);
      root.chmod('file', 0);
      expect(root.lstat('file')?.mode).toBe(0);
    });

    it('takes single names only', () => {
      for (const name of ['', '.', '..', 'a/b', '/etc']) expect(() => root.lstat(name)).toThrow(TypeError);
    });

    it('is never empty when closed', () => {
      fs.mkdirSync(join(folder, 'sub'));
      const sub = root.openDirectory('sub');
      sub.close();
      expect(() => sub.list()).toThrow(withCode('EBADF'));
      expect(() => sub.lstat('anything')).toThrow(withCode('EBADF'));
    });

    it('makes entries and files durable, and knows its file system', async () => {
      await root.sync();
      const file = root.openFile('file', 'create');
      await file.sync();
      file.close();
      expect(typeof (await root.syncFileSystem())).toBe('boolean');
      expect(root.statfs().freeBytes).toBeGreaterThan(0);
    });

    it('does not follow a parent that was swapped for a link', () => {
      fs.mkdirSync(join(folder, 'held'));
      fs.mkdirSync(join(folder, 'outside'));
      fs.writeFileSync(join(folder, 'outside', 'secret'), '');
      const held = root.openDirectory('held');
      fs.renameSync(join(folder, 'held'), join(folder, 'moved'));
      fs.symlinkSync('outside', join(folder, 'held'));
      if (procFs) {
        expect(held.list()).toEqual([]);
        held.openFile('here', 'create').close();
        expect(fs.existsSync(join(folder, 'moved', 'here'))).toBe(true);
      } else {
        expect(() => held.list()).toThrow(withCode('ESTALE'));
        expect(() => held.openFile('here', 'create')).toThrow(withCode('ESTALE'));
      }
      expect(fs.readdirSync(join(folder, 'outside'))).toEqual(['secret']);
      held.close();
    });

    it('fails to list a directory that was removed, and does not call it empty', () => {
      fs.mkdirSync(join(folder, 'sub'));
      const sub = root.openDirectory('sub');
      fs.rmdirSync(join(folder, 'sub'));
      expect(() => sub.list()).toThrow(withCode('ENOENT', 'ESTALE'));
      sub.close();
    });
  });
}

function mustOpen(disk: Disk, path: string): DiskDirectory {
  const directory = disk.openRoot(path);
  if (directory === undefined) throw new Error(`nothing at ${path}`);
  return directory;
}

function sorted(directory: DiskDirectory): readonly { readonly name: string | undefined; readonly kind: string }[] {
  return [...directory.list()].sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
}

function withCode(...codes: readonly string[]): unknown {
  return expect.objectContaining({ code: expect.stringMatching(new RegExp(`^(${codes.join('|')})$`)) });
}

function openDescriptors(): number {
  return onLinux ? fs.readdirSync('/proc/self/fd').length : 0;
}
