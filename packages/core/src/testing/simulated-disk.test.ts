/** The simulated disk by itself: as a disk, and what a power cut makes of it. */
import { describe, expect, it } from 'vitest';
import type { DiskDirectory } from '../engine/disk.ts';
import { errnoError } from '../engine/errno.ts';
import { describeDisk } from './describe-disk.ts';
import { createRandom } from './random.ts';
import { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';
import { createTestClock } from './test-clock.ts';

for (const user of ['an ordinary user', 'root'] as const) {
  describeDisk(
    `simulated disk of ${user}`,
    () => {
      const clock = createTestClock();
      const disk = createSimulatedDisk({ clock, user: { uid: user === 'root' ? 0 : 1000, gid: 1000, umask: 0o027 } });
      const slash = openRoot(disk);
      slash.makeDirectory('home', 0o755);
      slash.close();
      return {
        disk,
        path: '/home',
        followsMoves: true,
        tick: () => Promise.resolve(clock.advance(10)),
        makeOther: (name, kind) => disk.makeOther('/home', name, kind),
        close: () => disk.openHandles,
      };
    },
    { describe, it, expect },
  );
}

/** A disk with durable content: `old` in `file`, an empty `folder`. */
async function madeDisk(): Promise<{ readonly disk: SimulatedDisk; readonly root: DiskDirectory }> {
  const disk = createSimulatedDisk({ clock: createTestClock() });
  const root = openRoot(disk);
  write(root, 'file', 'old');
  root.makeDirectory('folder', 0o755);
  await root.syncFileSystem();
  return { disk, root };
}

/** All that may be found after a power cut now, as far as so many cuts show. */
function foundAfterCuts(disk: SimulatedDisk, cuts = 400): ReadonlySet<string> {
  const random = createRandom(1);
  const found = new Set<string>();
  for (let cut = 0; cut < cuts; cut++) found.add(print(openRoot(disk.afterPowerCut(random))).join(' '));
  return found;
}

describe('a power cut', () => {
  it('leaves what was synced', async () => {
    const { disk } = await madeDisk();
    expect([...foundAfterCuts(disk)]).toEqual(['file=old folder/']);
  });

  it('leaves the old content, the new one, a size without content, or a part', async () => {
    const { disk, root } = await madeDisk();
    const file = root.openFile('file', 'write');
    file.write(new TextEncoder().encode('new and longer than a page'), 0);
    const found = foundAfterCuts(disk);
    for (const state of ['old', 'new and longer than a page', `old${'\0'.repeat(23)}`, 'new and longer t', `new and longer t${'\0'.repeat(10)}`])
      expect([...found]).toContain(`file=${state} folder/`);
    await file.sync();
    expect([...foundAfterCuts(disk)]).toEqual(['file=new and longer than a page folder/']);
  });

  it('leaves a new file, nothing of it, or an empty one', async () => {
    const { disk, root } = await madeDisk();
    write(root, 'new', 'x');
    expect([...foundAfterCuts(disk)].sort()).toEqual([
      'file=old folder/',
      'file=old folder/ new=',
      'file=old folder/ new=\0',
      'file=old folder/ new=x',
    ]);
    await root.openFile('new', 'write').sync();
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=old folder/', 'file=old folder/ new=x']);
    await root.sync();
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=old folder/ new=x']);
  });

  it('leaves a rename done or not, on both ends alike, whatever is in the file', async () => {
    const { disk, root } = await madeDisk();
    const folder = root.openDirectory('folder');
    write(folder, 'new', 'x');
    await folder.sync();
    folder.rename('new', root, 'file');
    expect([...foundAfterCuts(disk)].sort()).toEqual([
      'file=\0 folder/',
      'file= folder/',
      'file=old folder/ folder/new=',
      'file=old folder/ folder/new=\0',
      'file=old folder/ folder/new=x',
      'file=x folder/',
    ]);
    await root.sync();
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=\0 folder/', 'file= folder/', 'file=x folder/']);
  });

  it('keeps the order of what concerns one name, and of nothing else', async () => {
    const { disk, root } = await madeDisk();
    write(root, 'a', '');
    root.unlink('a');
    root.makeDirectory('b', 0o755);
    expect([...foundAfterCuts(disk)].sort()).toEqual(['a= b/ file=old folder/', 'a= file=old folder/', 'b/ file=old folder/', 'file=old folder/']);
  });

  it('loses nothing with a directory that it leaves there or not', async () => {
    const { disk, root } = await madeDisk();
    root.makeDirectory('made', 0o755);
    const made = root.openDirectory('made');
    root.rename('file', made, 'moved');
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=old folder/', 'file=old folder/ made/', 'folder/ made/ made/moved=old']);
    // Its entries are durable; its own entry is not, and so neither are they.
    await made.sync();
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=old folder/', 'folder/ made/ made/moved=old']);
    await root.sync();
    made.rename('moved', root, 'file');
    root.removeDirectory('made');
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=old folder/', 'file=old folder/ made/', 'folder/ made/ made/moved=old']);
  });

  it('keeps the order of everything on a journaling file system', async () => {
    const { disk, root } = await madeDisk();
    for (const name of ['a', 'b', 'c', 'd']) root.makeDirectory(name, 0o755);
    const random = createRandom(4);
    const found = new Set<string>();
    const cut = (): string =>
      print(openRoot(disk.afterPowerCut(random, { inOrder: true })))
        .join('')
        .replace('file=oldfolder/', '');
    for (let turn = 0; turn < 100; turn++) found.add(cut());
    expect([...found].sort()).toEqual(['', 'a/', 'a/b/', 'a/b/c/', 'a/b/c/d/']);
    const folder = root.openDirectory('folder');
    folder.makeDirectory('synced', 0o755);
    root.makeDirectory('e', 0o755);
    await folder.sync();
    found.clear();
    for (let turn = 0; turn < 100; turn++) found.add(cut());
    expect([...found].sort()).toEqual(['a/b/c/d/e/folder/synced/', 'a/b/c/d/folder/synced/']);
  });

  it('leaves modes and times old or new, each by itself', async () => {
    const { disk, root } = await madeDisk();
    const file = root.openFile('file', 'write');
    file.setTimes(1000);
    file.chmod(0o755);
    const states = new Set<string>();
    const random = createRandom(2);
    for (let cut = 0; cut < 200; cut++) {
      const stat = openRoot(disk.afterPowerCut(random)).lstat('file');
      states.add(`${stat?.mode.toString(8)} ${stat?.mtimeNs === 1_000_000_000n}`);
    }
    expect([...states].sort()).toEqual(['600 false', '600 true', '755 false', '755 true']);
  });

  it('after a sync that does nothing, leaves what it left before', async () => {
    const { disk, root } = await madeDisk();
    write(root, 'new', 'x');
    disk.ignoresSync = ({ call, path }) => call === 'sync' && path === '';
    await root.sync();
    expect(foundAfterCuts(disk).has('file=old folder/')).toBe(true);
  });

  it('makes durable what was there when a sync was asked for, not what came since', async () => {
    const { disk, root } = await madeDisk();
    write(root, 'new', '');
    const syncing = root.sync();
    write(root, 'late', '');
    await syncing;
    expect([...foundAfterCuts(disk)].sort()).toEqual(['file=old folder/ late= new=', 'file=old folder/ new=']);
  });
});

describe('a simulated disk', () => {
  it('is the same for the same seed', async () => {
    const play = async (): Promise<readonly string[]> => {
      const disk = createSimulatedDisk({ clock: createTestClock(), random: createRandom(7) });
      const root = openRoot(disk);
      const ended: string[] = [];
      const files = ['a', 'b', 'c', 'd'].map((name) => ({ name, file: root.openFile(name, 'create') }));
      await Promise.all(files.map(({ name, file }) => file.sync().then(() => ended.push(name))));
      root.unlink('b');
      write(root, 'e', 'x');
      const random = createRandom(3);
      return [ended.join(''), ...[1, 2, 3].flatMap(() => print(openRoot(disk.afterPowerCut(random)))), String(root.lstat('e')?.ino)];
    };
    const [order, ...rest] = await play();
    expect(order).not.toBe('abcd');
    expect(await play()).toEqual([order, ...rest]);
  });

  it('gives numbers of inodes away again, but not while they are open', () => {
    const disk = createSimulatedDisk({ clock: createTestClock() });
    const root = openRoot(disk);
    const file = root.openFile('file', 'create');
    const { ino } = file.stat();
    root.unlink('file');
    write(root, 'second', '');
    expect(root.lstat('second')?.ino).not.toBe(ino);
    file.close();
    write(root, 'third', '');
    expect(root.lstat('third')?.ino).toBe(ino);
  });

  it('fails a call as it is told, and does nothing then', () => {
    const disk = createSimulatedDisk({ clock: createTestClock() });
    const root = openRoot(disk);
    disk.onCall = ({ call, path }) => {
      if (call === 'makeDirectory' && path === '/a') throw errnoError('EIO', 'injected');
    };
    expect(() => root.makeDirectory('a', 0o755)).toThrow(expect.objectContaining({ code: 'EIO' }));
    root.makeDirectory('b', 0o755);
    expect(print(root)).toEqual(['b/']);
  });

  it('is full when it is full: what fits is written, the rest fails', () => {
    const disk = createSimulatedDisk({ clock: createTestClock(), capacityBytes: 4 * 4096 });
    const root = openRoot(disk);
    const file = root.openFile('file', 'create');
    expect(() => file.write(new Uint8Array(3 * 4096), 0)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    expect(file.stat().sizeBytes).toBe(2 * 4096);
    expect(root.statfs().freeBytes).toBe(0);
    expect(() => root.makeDirectory('folder', 0o755)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
    file.write(new Uint8Array(2 * 4096), 0);
    root.unlink('file');
    file.close();
    expect(root.statfs().freeBytes).toBe(3 * 4096);
  });

  it('copies share nothing', () => {
    const disk = createSimulatedDisk({ clock: createTestClock() });
    const root = openRoot(disk);
    write(root, 'file', 'one');
    const copy = openRoot(disk.copy());
    write(root, 'second', '');
    root.openFile('file', 'write').write(new TextEncoder().encode('two'), 0);
    expect(print(copy)).toEqual(['file=one']);
    expect(print(root)).toEqual(['file=two', 'second=']);
  });
});

function openRoot(disk: SimulatedDisk): DiskDirectory {
  const root = disk.openRoot('/');
  if (root === undefined) throw new Error('there is always a root');
  return root;
}

function write(directory: DiskDirectory, name: string, text: string): void {
  const file = directory.openFile(name, 'create');
  if (text !== '') file.write(new TextEncoder().encode(text), 0);
  file.close();
}

function print(directory: DiskDirectory, above = ''): readonly string[] {
  return directory
    .list()
    .flatMap(({ name = '', kind }) => {
      if (kind === 'directory') return [`${above}${name}/`, ...print(directory.openDirectory(name), `${above}${name}/`)];
      const bytes = new Uint8Array(64);
      const text = new TextDecoder().decode(bytes.subarray(0, directory.openFile(name, 'read').read(bytes, 0)));
      return [`${above}${name}=${text}`];
    })
    .sort();
}
