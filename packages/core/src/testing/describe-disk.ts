/**
 * The law of a `Disk`: what the engine counts on, whatever it is made of. Bring your own test runner:
 *
 *     describeDisk('my disk', () => ({ disk, path, tick, close }), { describe, it, expect });
 *
 * What a power cut leaves is no part of it: that can be asked of a simulated disk only.
 */
import type { Disk, DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { compareNames } from '../tree/name.ts';
import type { TestRunner } from './test-runner.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An empty directory of the disk's user: absolute, links resolved. */
  readonly path: string;
  /** Directories that are held stay reachable when they are moved. Otherwise calls on them fail with `ESTALE`. */
  readonly followsMoves: boolean;
  /** Lets so much time go by that what is changed next gets another time than what was changed last. */
  tick(): Promise<void>;
  /** Makes in the empty directory what the interface cannot: something that is neither file, directory nor link, or a file whose name is not UTF-8. */
  makeOther?(name: string | Uint8Array, kind: 'file' | 'other'): void;
  /** Removes everything, and says how many handles are open still. */
  close(): Promise<number> | number;
}

export function describeDisk(name: string, setup: () => Promise<DiskUnderTest> | DiskUnderTest, { describe, it, expect }: TestRunner): void {
  const law = (title: string, body: (subject: Subject) => Promise<void> | void): void => {
    it(title, async () => {
      const under = await setup();
      const subject = createSubject(under);
      let left: number;
      try {
        await body(subject);
      } finally {
        subject.closeAll();
        left = await under.close();
      }
      expect(left).toBe(0);
    });
  };

  /** Systems differ in some: the first is what Linux says. */
  const refused = (call: () => unknown, ...codes: readonly string[]): void => {
    const error = errorOf(call);
    expect(isErrno(error, ...codes) ? codes[0] : error).toBe(codes[0]);
  };

  describe(`${name} is a disk`, () => {
    law('opens a root, also through a link, and finds nothing where nothing is', ({ disk, path, root, make, open }) => {
      root.makeDirectory('real', 0o755);
      root.symlink('link', 'real');
      expect(open(`${path}/link`).identity).toEqual(open(`${path}/real`).identity);
      expect(disk.resolve(`${path}/link`)).toBe(`${path}/real`);
      expect(disk.openRoot(`${path}/nothing`)).toBe(undefined);
      expect(disk.openRoot(`${path}/real/nothing/there`)).toBe(undefined);
      make('file', 'x');
      refused(() => disk.openRoot(`${path}/file`), 'ENOTDIR');
      refused(() => disk.resolve(`${path}/nothing`), 'ENOENT');
    });

    law('gives each directory an identity of its own', ({ root, child }) => {
      const sub = child('sub');
      expect(sub.identity.dev).toBe(root.identity.dev);
      expect(sub.identity.ino === root.identity.ino).toBe(false);
      expect(root.lstat('sub')?.ino).toBe(sub.identity.ino);
    });

    law('says of a directory when it was made, or nothing, whatever is done with it', ({ path, root, child, open }) => {
      const sub = child('sub');
      const born = sub.bornNs?.();
      sub.makeDirectory('in it', 0o755);
      root.chmod('sub', 0o700);
      root.rename('sub', root, 'renamed');
      expect(sub.bornNs?.()).toBe(born);
      expect(open(`${path}/renamed`).bornNs?.()).toBe(born);
    });

    law('lists names with their kinds, as they were given', ({ under, root, child, make }) => {
      child('directory');
      make('file \u00e9 e\u0301 \u{1F600}', '');
      make('really \uFFFD', '');
      root.symlink('link', 'nowhere');
      under.makeOther?.('other', 'other');
      under.makeOther?.(Uint8Array.of(0x61, 0xfe, 0x81), 'file');
      under.makeOther?.(Uint8Array.of(0xed, 0xa0, 0x80), 'file');
      const odd = [undefined, undefined].map(() => ({ name: undefined, kind: 'file' as const }));
      expect([...root.list()].sort((a, b) => compareNames(a.name ?? '', b.name ?? ''))).toEqual([
        ...(under.makeOther === undefined ? [] : odd),
        { name: 'directory', kind: 'directory' },
        { name: 'file \u00e9 e\u0301 \u{1F600}', kind: 'file' },
        { name: 'link', kind: 'symlink' },
        ...(under.makeOther === undefined ? [] : [{ name: 'other', kind: 'other' as const }]),
        { name: 'really \uFFFD', kind: 'file' },
      ]);
    });

    law('says of a child what it is, links not followed', ({ disk, root, make }) => {
      const file = make('file', 'three');
      file.chmod(0o4751);
      file.setTimes(1_700_000_000_250);
      root.symlink('link', 'file');
      const stat = root.lstat('file');
      expect(stat).toMatchObject({ kind: 'file', mode: 0o4751, sizeBytes: 5, mtimeNs: 1_700_000_000_250_000_000n, links: 1, dev: root.identity.dev });
      expect(stat?.uid).toBe(disk.uid ?? stat?.uid);
      expect(stat).toEqual(file.stat());
      expect(root.lstat('link')).toMatchObject({ kind: 'symlink', sizeBytes: 4 });
      expect(root.lstat('nothing')).toBe(undefined);
      expect(root.stat().kind).toBe('directory');
    });

    law('glances at what a look would find', ({ root, child, make }) => {
      const sub = child('sub');
      make('file', 'three');
      sub.symlink('link', '../file');
      if (root.glance !== undefined) {
        expect(root.glance('file')).toEqual(root.lstat('file'));
        expect(root.glance('sub/link')).toEqual(sub.lstat('link'));
        expect(root.glance('nothing')).toBe(undefined);
        expect(root.glance('sub/nothing')).toBe(undefined);
      }
      if (root.glanceList !== undefined) expect(root.glanceList('sub')).toEqual(sub.list());
      if (root.glanceLink !== undefined) expect(root.glanceLink('sub/link')).toBe('../file');
    });

    law('opens nothing through a link', ({ root, child, make }) => {
      child('directory');
      make('file', 'secret');
      root.symlink('to-directory', 'directory');
      root.symlink('to-file', 'file');
      refused(() => root.openDirectory('to-directory'), 'ENOTDIR', 'ELOOP');
      refused(() => root.openDirectory('file'), 'ENOTDIR');
      refused(() => root.openDirectory('nothing'), 'ENOENT');
      for (const access of ['read', 'write', 'append'] as const) refused(() => root.openFile('to-file', access), 'ELOOP', 'EMLINK');
      refused(() => root.openFile('to-file', 'create'), 'EEXIST');
      refused(() => root.chmod('to-file', 0), 'EINVAL');
      refused(() => root.copyFile('to-file', root, 'copy'), 'ELOOP', 'EINVAL');
      expect(root.readlink('to-file')).toBe('file');
    });

    law('opens regular files only, and never waits for the other end of a FIFO', ({ under, root, child }) => {
      child('directory');
      refused(() => root.openFile('directory', 'read'), 'EINVAL');
      refused(() => root.openFile('directory', 'write'), 'EINVAL', 'EISDIR');
      refused(() => root.copyFile('directory', root, 'copy'), 'EINVAL');
      if (under.makeOther === undefined) return;
      under.makeOther('fifo', 'other');
      for (const access of ['read', 'write', 'append'] as const) refused(() => root.openFile('fifo', access), 'EINVAL');
      refused(() => root.chmod('fifo', 0o777), 'EINVAL');
      refused(() => root.copyFile('fifo', root, 'copy'), 'EINVAL');
    });

    law('creates, writes, cuts, reads, appends', ({ root, file, make, text }) => {
      const made = make('file', 'one two');
      made.write(bytesOf('TWO'), 4);
      expect(text('file')).toBe('one TWO');
      made.truncate(6);
      made.write(bytesOf('!'), 8);
      expect(text('file')).toBe('one TW\0\0!');
      made.truncate(10);
      expect(text('file')).toBe('one TW\0\0!\0');
      made.close();
      made.close();
      refused(() => root.openFile('file', 'create'), 'EEXIST');
      for (const access of ['read', 'write', 'append'] as const) refused(() => root.openFile('nothing', access), 'ENOENT');
      const more = file('file', 'append');
      more.write(bytesOf('?'), 0);
      expect(text('file')).toBe('one TW\0\0!\0?');
      expect(more.read(new Uint8Array(4), 11)).toBe(0);
      expect(more.read(new Uint8Array(4), 9)).toBe(2);
      refused(() => file('file', 'read').write(bytesOf('no'), 0), 'EBADF', 'EPERM');
    });

    law('narrows modes by the umask, and sets them as they are asked for', ({ root, file, make }) => {
      const opened = file('open', 'create', 0o666);
      const birth = opened.stat().mode;
      const umask = 0o666 & ~birth;
      root.makeDirectory('folder', 0o777);
      expect((root.lstat('folder')?.mode ?? 0) & 0o777 & umask).toBe(0);
      expect(make('private', '').stat().mode).toBe(0o600 & ~umask);
      root.chmod('open', 0o666);
      expect(root.lstat('open')?.mode).toBe(0o666);
      opened.chmod(0o600);
      expect(root.lstat('open')?.mode).toBe(0o600);
    });

    law('changes the mode of what nobody may open', ({ root, child, make }) => {
      make('file', '').chmod(0);
      child('directory');
      root.chmod('directory', 0);
      root.chmod('file', 0o640);
      root.chmod('directory', 0o750);
      expect(root.lstat('file')?.mode).toBe(0o640);
      expect((root.lstat('directory')?.mode ?? 0) & 0o777).toBe(0o750);
      refused(() => root.chmod('nothing', 0o600), 'ENOENT');
    });

    law('renames what is there over what is there', ({ root, child, make, text }) => {
      const sub = child('sub');
      make('a', 'a');
      make('b', 'b');
      const { ino } = mustBeThere(root, 'a');
      root.rename('a', root, 'b');
      expect(root.lstat('a')).toBe(undefined);
      expect(root.lstat('b')?.ino).toBe(ino);
      root.rename('b', sub, 'c');
      expect(namesIn(root)).toEqual(['sub']);
      expect(text('c', sub)).toBe('a');
      root.symlink('link', 'nowhere');
      root.rename('link', sub, 'c');
      expect(sub.readlink('c')).toBe('nowhere');
      refused(() => root.rename('nothing', sub, 'c'), 'ENOENT');
      expect(sub.readlink('c')).toBe('nowhere');
    });

    law('renames a directory over an empty one, and over nothing else', ({ root, child, make }) => {
      const from = child('from');
      from.makeDirectory('in', 0o755);
      const to = child('to');
      to.makeDirectory('full', 0o755);
      make('file', '');
      refused(() => root.rename('from', root, 'to'), 'ENOTEMPTY', 'EEXIST');
      refused(() => root.rename('from', root, 'file'), 'ENOTDIR');
      refused(() => root.rename('file', root, 'to'), 'EISDIR');
      refused(() => root.rename('from', from, 'self'), 'EINVAL');
      to.removeDirectory('full');
      root.rename('from', root, 'to');
      expect(namesIn(root)).toEqual(['file', 'to']);
      expect(root.lstat('to')?.ino).toBe(from.identity.ino);
    });

    law('leaves both names of one file that is renamed to itself', ({ root, make }) => {
      make('one', 'x');
      root.link('one', root, 'two');
      root.rename('one', root, 'two');
      root.rename('one', root, 'one');
      expect(namesIn(root)).toEqual(['one', 'two']);
    });

    law('links a file to a second name, if that is free', ({ root, child, make }) => {
      const sub = child('sub');
      make('file', 'content');
      root.link('file', sub, 'linked');
      expect(sub.lstat('linked')).toEqual(root.lstat('file'));
      expect(root.lstat('file')?.links).toBe(2);
      refused(() => root.link('file', sub, 'linked'), 'EEXIST');
      refused(() => root.link('nothing', sub, 'other'), 'ENOENT');
      refused(() => root.link('sub', root, 'other'), 'EPERM');
      root.unlink('file');
      expect(sub.lstat('linked')?.links).toBe(1);
    });

    law('copies a file with its mode, not its identity', ({ root, child, make, text }) => {
      const sub = child('sub');
      make('file', 'content').chmod(0o640);
      root.copyFile('file', sub, 'copy');
      expect(text('copy', sub)).toBe('content');
      expect(sub.lstat('copy')).toMatchObject({ mode: 0o640, links: 1 });
      expect(sub.lstat('copy')?.ino === root.lstat('file')?.ino).toBe(false);
      refused(() => root.copyFile('file', sub, 'copy'), 'EEXIST');
      refused(() => root.copyFile('nothing', sub, 'other'), 'ENOENT');
    });

    law('removes what it is told to', ({ root, child, make }) => {
      const sub = child('sub');
      make('file', '', sub);
      refused(() => root.removeDirectory('sub'), 'ENOTEMPTY', 'EEXIST');
      refused(() => sub.removeDirectory('file'), 'ENOTDIR');
      refused(() => root.unlink('sub'), 'EISDIR', 'EPERM');
      sub.unlink('file');
      refused(() => sub.unlink('file'), 'ENOENT');
      root.removeDirectory('sub');
      refused(() => root.removeDirectory('sub'), 'ENOENT');
      expect(namesIn(root)).toEqual([]);
    });

    law('makes links and directories where nothing is', ({ root, child, make }) => {
      child('taken');
      refused(() => root.makeDirectory('taken', 0o755), 'EEXIST');
      refused(() => root.symlink('taken', 'x'), 'EEXIST');
      root.symlink('link', '../\u00e9/../ x');
      expect(root.readlink('link')).toBe('../\u00e9/../ x');
      refused(() => root.makeDirectory('link', 0o755), 'EEXIST');
      make('file', '');
      refused(() => root.readlink('file'), 'EINVAL');
      refused(() => root.readlink('nothing'), 'ENOENT');
    });

    law('takes names of children only, and no longer ones than there are', ({ root }) => {
      for (const wrong of ['', '.', '..', 'a/b', '/etc']) expect(errorOf(() => root.lstat(wrong)) instanceof TypeError).toBe(true);
      root.makeDirectory('n'.repeat(255), 0o755);
      refused(() => root.makeDirectory('n'.repeat(256), 0o755), 'ENAMETOOLONG');
      refused(() => root.makeDirectory('\u00e9'.repeat(128), 0o755), 'ENAMETOOLONG');
    });

    law('stamps what is changed', async ({ under, root, child, make }) => {
      const sub = child('sub');
      const file = make('file', 'x');
      const changes: (readonly [DiskDirectory | DiskFile, 'mtimeNs' | 'ctimeNs', () => void])[] = [
        [file, 'mtimeNs', () => file.write(bytesOf('y'), 0)],
        [file, 'mtimeNs', () => file.truncate(0)],
        [file, 'ctimeNs', () => file.chmod(0o640)],
        [file, 'ctimeNs', () => file.setTimes(1_600_000_000_000)],
        [file, 'ctimeNs', () => root.chmod('file', 0o600)],
        [file, 'ctimeNs', () => root.link('file', sub, 'linked')],
        [file, 'ctimeNs', () => sub.unlink('linked')],
        [root, 'mtimeNs', () => root.makeDirectory('new', 0o755)],
        [root, 'mtimeNs', () => root.removeDirectory('new')],
        [sub, 'mtimeNs', () => root.rename('file', sub, 'file')],
        [root, 'mtimeNs', () => sub.rename('file', root, 'file')],
      ];
      for (const [index, [what, time, change]] of changes.entries()) {
        const before = what.stat();
        await under.tick();
        change();
        const after = what.stat();
        expect([index, after[time] > before[time], after.ctimeNs > before.ctimeNs]).toEqual([index, true, true]);
      }
    });

    law('keeps times to the microsecond, and those before 1970', ({ make }) => {
      const file = make('file', '');
      // Eighths of a second are exact in a double.
      for (const mtimeMs of [1_600_000_000_125, 0, -1_000_000, 4_102_444_800_000]) {
        file.setTimes(mtimeMs);
        expect(file.stat().mtimeNs).toBe(BigInt(mtimeMs * 1000) * 1000n);
      }
    });

    law('is never empty when closed', ({ root, child }) => {
      const sub = child('sub');
      sub.close();
      sub.close();
      refused(() => sub.list(), 'EBADF');
      refused(() => sub.lstat('anything'), 'EBADF');
      expect(namesIn(root)).toEqual(['sub']);
    });

    law('fails to list a directory that was removed, and makes nothing in it', ({ root, child }) => {
      const sub = child('sub');
      root.removeDirectory('sub');
      refused(() => sub.list(), 'ENOENT', 'ESTALE');
      refused(() => sub.makeDirectory('new', 0o755), 'ENOENT', 'ESTALE');
      refused(() => sub.openFile('new', 'create'), 'ENOENT', 'ESTALE');
    });

    law('reads and writes a file that has lost its name', ({ root, make }) => {
      const file = make('file', 'content');
      root.unlink('file');
      file.write(bytesOf('C'), 0);
      const buffer = new Uint8Array(7);
      expect(file.read(buffer, 0)).toBe(7);
      expect(new TextDecoder().decode(buffer)).toBe('Content');
      expect(file.stat().links).toBe(0);
    });

    law('follows no link that has taken the place of a directory', ({ under, root, child, make }) => {
      const held = child('held');
      make('mine', '', held);
      const outside = child('outside');
      root.rename('held', root, 'moved');
      root.symlink('held', 'outside');
      if (under.followsMoves) {
        expect(namesIn(held)).toEqual(['mine']);
        make('here', '', held);
        const moved = root.openDirectory('moved');
        expect(namesIn(moved)).toEqual(['here', 'mine']);
        moved.close();
      } else {
        refused(() => held.list(), 'ESTALE');
        refused(() => held.openFile('here', 'create'), 'ESTALE');
      }
      expect(namesIn(outside)).toEqual([]);
    });

    law('refuses what its user may not do', ({ disk, root, child, make }) => {
      if (disk.uid === undefined || disk.uid === 0) return;
      const sub = child('sub');
      make('file', 'x', sub);
      root.chmod('sub', 0o500);
      refused(() => sub.unlink('file'), 'EACCES');
      refused(() => sub.rename('file', root, 'file'), 'EACCES');
      refused(() => sub.link('file', sub, 'second'), 'EACCES');
      refused(() => sub.openFile('new', 'create'), 'EACCES');
      refused(() => sub.makeDirectory('new', 0o755), 'EACCES');
      expect(namesIn(sub)).toEqual(['file']);
      root.chmod('sub', 0o600);
      refused(() => sub.lstat('file'), 'EACCES');
      root.chmod('sub', 0o300);
      refused(() => root.openDirectory('sub'), 'EACCES');
      sub.chmod('file', 0o400);
      refused(() => sub.openFile('file', 'write'), 'EACCES');
      sub.chmod('file', 0o200);
      refused(() => sub.openFile('file', 'read'), 'EACCES');
      refused(() => sub.copyFile('file', root, 'copy'), 'EACCES');
      root.chmod('sub', 0o700);
      sub.chmod('file', 0o600);
      sub.openFile('file', 'write').close();
    });

    law('syncs, and knows its file system', async ({ root, make }) => {
      const file = make('file', 'x');
      await file.sync();
      await root.sync();
      expect(typeof (await root.syncFileSystem())).toBe('boolean');
      const { type, freeBytes } = root.statfs();
      expect([Number.isInteger(type), freeBytes > 0]).toEqual([true, true]);
    });
  });
}

interface Subject {
  readonly under: DiskUnderTest;
  readonly disk: Disk;
  readonly path: string;
  readonly root: DiskDirectory;
  /** All that these open is closed at the end. */
  open(path: string): DiskDirectory;
  child(name: string): DiskDirectory;
  file(name: string, access: 'read' | 'create' | 'write' | 'append', mode?: number): DiskFile;
  /** Makes a file, and leaves it open. */
  make(name: string, content: string, directory?: DiskDirectory): DiskFile;
  text(name: string, directory?: DiskDirectory): string;
  closeAll(): void;
}

function createSubject(under: DiskUnderTest): Subject {
  const { disk, path } = under;
  const opened: { close(): void }[] = [];
  const keep = <Handle extends { close(): void }>(handle: Handle): Handle => {
    opened.push(handle);
    return handle;
  };
  const open = (at: string): DiskDirectory => {
    const found = disk.openRoot(at);
    if (found === undefined) throw new Error(`nothing at ${at}`);
    return keep(found);
  };
  const root = open(path);
  return {
    under,
    disk,
    path,
    root,
    open,
    child(name) {
      root.makeDirectory(name, 0o755);
      return keep(root.openDirectory(name));
    },
    file: (name, access, mode) => keep(root.openFile(name, access, mode)),
    make(name, content, directory = root) {
      const file = keep(directory.openFile(name, 'create'));
      if (content !== '') file.write(bytesOf(content), 0);
      return file;
    },
    text(name, directory = root) {
      const file = keep(directory.openFile(name, 'read'));
      const bytes = new Uint8Array(64);
      return new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0)));
    },
    closeAll() {
      for (const handle of opened) handle.close();
    },
  };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function mustBeThere(directory: DiskDirectory, name: string): NonNullable<ReturnType<DiskDirectory['lstat']>> {
  const stat = directory.lstat(name);
  if (stat === undefined) throw new Error(`no ${name}`);
  return stat;
}

function namesIn(directory: DiskDirectory): readonly string[] {
  return directory
    .list()
    .map(({ name = '' }) => name)
    .sort(compareNames);
}

function errorOf(call: () => unknown): unknown {
  try {
    const made = call() as { close?: () => void } | undefined;
    made?.close?.();
    return undefined;
  } catch (error) {
    return error;
  }
}
