import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskListing, DiskStat } from '../engine/disk.ts';
import { withMerkle } from '../hash/merkle.ts';
import type { Directory, Entry } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { createNodeDisk } from './node-disk.ts';
import type { ScanResult } from './scan.ts';
import { createScanIndex } from './scan-index.ts';
import { errno } from './test-support/around-disk.ts';
import { createScanGround, entryOf, namesIn, openDescriptors, type ScanGround } from './test-support/scan-ground.ts';

let openBefore: number;
let ground: ScanGround;

beforeEach(async () => {
  openBefore = openDescriptors();
  ground = await createScanGround();
});

afterEach(() => {
  ground.remove();
  expect(openDescriptors(), 'descriptors left open').toBe(openBefore);
});

describe('what a scan returns', () => {
  it('is the tree: kinds, modes, sizes, digests, times, sorted by UTF-8', async () => {
    ground.write('b/file', 'content', 0o640);
    ground.write('empty', '');
    ground.write('\uff5e', 'below the astral one in UTF-8');
    ground.write('\u{1F600}', 'above it');
    ground.folder('b/sub', 0o700);
    ground.link('link', 'b/file');
    fs.utimesSync(ground.at('b/file'), 1_700_000_000.5, 1_700_000_000.5);
    const result = await ground.scan();
    expect(namesIn(result.root)).toEqual(['b', 'empty', 'link', '\uff5e', '\u{1F600}']);
    expect(entryOf(result, 'b/file')).toEqual({
      kind: 'file',
      mode: 0o640,
      sizeBytes: 7,
      digest: ground.hashing.hash(Buffer.from('content')),
      mtimeMs: 1_700_000_000_500,
    });
    expect(entryOf(result, 'empty')).toMatchObject({ sizeBytes: 0, digest: ground.hashing.hash(new Uint8Array(0)) });
    expect(entryOf(result, 'b/sub')).toMatchObject({ kind: 'directory', mode: 0o700, children: [] });
    expect(entryOf(result, 'link')).toMatchObject({ kind: 'symlink', target: 'b/file' });
    expect(result.counts).toEqual({
      entries: 8,
      filesHashed: 4,
      bytesHashed: 7 + Buffer.byteLength('below the astral one in UTF-8') + 8,
      unnamed: 0,
    });
  });

  it('has a Merkle digest on every directory', async () => {
    ground.write('a/b/c', '1');
    ground.write('a/d', '2');
    const { root } = await ground.scan();
    expect(withMerkle(withoutMerkle(root), ground.hashing.hash)).toEqual(root);
    expect((root as Directory).merkle).toHaveLength(16);
  });

  it('carries no mode for the root, which is never removed', async () => {
    fs.chmodSync(ground.path, 0o750);
    expect((await ground.scan()).root).toMatchObject({ kind: 'directory', mode: 0, hasUntracked: true });
  });

  it.each([
    { permissions: 'all', run: 0o751, read: 0o640, folder: 0o750 },
    { permissions: 'executable', run: 0o100, read: 0, folder: 0o100 },
    { permissions: 'none', run: 0, read: 0, folder: 0 },
  ] as const)('keeps of the modes what the mask $permissions lets through', async ({ permissions, run, read, folder }) => {
    ground.write('d/run', '', 0o4751);
    ground.write('d/read', '', 0o640);
    ground.folder('d', 0o2750);
    const result = await ground.scan({ settings: { permissions } });
    expect([entryOf(result, 'd/run'), entryOf(result, 'd/read'), entryOf(result, 'd')]).toMatchObject([
      { mode: run },
      { mode: read },
      { mode: folder },
    ]);
  });

  it('hashes a file of many pieces like one of one piece', async () => {
    const bytes = Buffer.alloc(3 * (1 << 20) + 17, 'not a multiple of anything ');
    ground.write('large', bytes);
    ground.write('exactly', bytes.subarray(0, 1 << 20));
    const progress: number[] = [];
    const result = await ground.scan({ onProgress: ({ doneBytes }) => progress.push(doneBytes) });
    expect(entryOf(result, 'large')).toMatchObject({ sizeBytes: bytes.length, digest: ground.hashing.hash(bytes) });
    expect(entryOf(result, 'exactly')).toMatchObject({ digest: ground.hashing.hash(bytes.subarray(0, 1 << 20)) });
    expect(progress.at(-1)).toBe(bytes.length + (1 << 20));
  });
});

describe('a second scan', () => {
  it('opens no file, looks at each once, and returns the very same tree', async () => {
    ground.write('a/one', '1');
    ground.write('a/two', '2');
    ground.write('b/three', '3');
    ground.link('b/link', '../a/one');
    const first = await ground.scan();
    expect(first.indexChanged).toBe(true);
    ground.index.isDirty = false;
    const second = await ground.scan({ baseline: first.root });
    expect(second.root).toBe(first.root);
    expect(second.indexChanged).toBe(false);
    expect(second.counts).toEqual({ entries: 7, filesHashed: 0, bytesHashed: 0, unnamed: 0 });
    expect(ground.seen('openFile')).toEqual([]);
    expect(ground.seen('lstat', 'glance')).toEqual(['a/one', 'a/two', 'b/three']);
    expect(ground.seen('list')).toEqual(['', 'a', 'b']);
  });

  it('returns an equal tree where there is no baseline', async () => {
    ground.write('a/one', '1');
    const first = await ground.scan();
    const second = await ground.scan();
    expect(second.root).toEqual(first.root);
    expect(ground.seen('openFile')).toEqual([]);
  });

  it('reads what was edited, and shares all that was not', async () => {
    ground.write('a/one', '1');
    ground.write('a/two', '2');
    ground.write('b/three', '3');
    const first = await ground.scan();
    ground.write('a/one', 'other');
    const second = await ground.scan({ baseline: first.root });
    expect(ground.seen('openFile')).toEqual(['a/one']);
    expect(entryOf(second, 'a/one')).toMatchObject({ sizeBytes: 5 });
    expect(entryOf(second, 'a/two')).toBe(entryOf(first, 'a/two'));
    expect(entryOf(second, 'b')).toBe(entryOf(first, 'b'));
    expect((second.root as Directory).merkle).not.toBe((first.root as Directory).merkle);
  });

  it('reads a touched file, and finds it unchanged', async () => {
    ground.write('a/one', '1');
    const first = await ground.scan();
    ground.index.isDirty = false;
    fs.utimesSync(ground.at('a/one'), 1_600_000_000, 1_600_000_000);
    const second = await ground.scan({ baseline: first.root });
    expect(second.root).toBe(first.root);
    expect(second).toMatchObject({ indexChanged: true, counts: { filesHashed: 1 } });
  });

  it('sees an edit that left size and mtime as they were, by the ctime', async () => {
    ground.write('file', 'one');
    fs.utimesSync(ground.at('file'), 1_600_000_000, 1_600_000_000);
    const first = await ground.scan();
    const before = fs.lstatSync(ground.at('file'), { bigint: true }).ctimeNs;
    do {
      ground.write('file', 'two');
      fs.utimesSync(ground.at('file'), 1_600_000_000, 1_600_000_000);
    } while (fs.lstatSync(ground.at('file'), { bigint: true }).ctimeNs === before);
    expect(entryOf(await ground.scan({ baseline: first.root }), 'file')).toMatchObject({ digest: ground.hashing.hash(Buffer.from('two')) });
  });

  it('reads everything when it is to rehash, and has nothing to save if all is as it was', async () => {
    ground.write('a/one', '1');
    const first = await ground.scan();
    ground.index.isDirty = false;
    const second = await ground.scan({ baseline: first.root, rehash: true });
    expect(ground.seen('openFile')).toEqual(['a/one']);
    expect(second.root).toBe(first.root);
    expect(second.indexChanged).toBe(false);
  });

  it('notices what was added, removed and replaced', async () => {
    ground.write('d/keep', '1');
    ground.write('d/remove', '2');
    ground.write('d/turn', '3');
    const first = await ground.scan();
    fs.unlinkSync(ground.at('d/remove'));
    fs.unlinkSync(ground.at('d/turn'));
    ground.write('d/turn/inside', '4');
    ground.write('d/add', '5');
    const second = await ground.scan({ baseline: first.root });
    expect(namesIn(entryOf(second, 'd'))).toEqual(['add', 'keep', 'turn']);
    expect(namesIn(entryOf(second, 'd/turn'))).toEqual(['inside']);
    expect(entryOf(second, 'd/keep')).toBe(entryOf(first, 'd/keep'));
    expect(ground.index.get('d/remove' as RelativePath)).toBeUndefined();
    fs.unlinkSync(ground.at('d/add'));
    fs.rmSync(ground.at('d/turn'), { recursive: true });
    fs.rmSync(ground.at('d/keep'));
    expect(entryOf(await ground.scan({ baseline: second.root }), 'd')).toMatchObject({ kind: 'directory', children: [] });
  });

  it('returns a mode that changed, the content by reference of nothing', async () => {
    ground.write('file', '1', 0o644);
    const first = await ground.scan();
    fs.chmodSync(ground.at('file'), 0o600);
    expect(entryOf(await ground.scan({ baseline: first.root }), 'file')).toMatchObject({ mode: 0o600 });
  });
});

describe('scope', () => {
  it('never looks at what is out of it, and marks the folder', async () => {
    ground.write('in/file', '1');
    ground.write('in/robot_state.json', 'secret');
    ground.write('models/huge/weights', 'x');
    ground.write('.ubos-sync/index', 'x');
    ground.write('clean/file', '1');
    const result = await ground.scan({ rules: { exclude: ['models/', '/other'] } });
    expect(namesIn(result.root)).toEqual(['clean', 'in']);
    expect(namesIn(entryOf(result, 'in'))).toEqual(['file']);
    expect(entryOf(result, 'in')).toMatchObject({ hasUntracked: true });
    expect(entryOf(result, 'clean')).not.toHaveProperty('hasUntracked');
    const touched = ground.calls.filter((call) => /state|models|\.ubos-sync/.test(call));
    expect(touched).toEqual([]);
  });

  it('enters folders that only lead to something in scope, and gives them no mode', async () => {
    ground.write('a/b/in/file', '1');
    ground.write('a/b/out/file', '1');
    ground.write('a/file', '1');
    ground.write('c/file', '1');
    fs.chmodSync(ground.at('a'), 0o700);
    const result = await ground.scan({ rules: { include: ['a/b/in'] } });
    expect(namesIn(result.root)).toEqual(['a']);
    expect(namesIn(entryOf(result, 'a'))).toEqual(['b']);
    expect(namesIn(entryOf(result, 'a/b'))).toEqual(['in']);
    expect(entryOf(result, 'a')).toMatchObject({ mode: 0, hasUntracked: true });
    expect(ground.seen('list')).toEqual(['', 'a', 'a/b', 'a/b/in']);
    expect(ground.seen('lstat', 'glance', 'openFile')).toEqual(['a/b/in/file', 'a/b/in/file']);
  });

  it('leaves out a folder that leads to nothing', async () => {
    ground.write('a/b/out', '1');
    ground.write('x/docs/in', '1');
    const result = await ground.scan({ rules: { include: ['a/b/in', '**/docs'] } });
    expect(namesIn(result.root)).toEqual(['x']);
  });
});

describe('what is left alone', () => {
  it('FIFOs and sockets are never opened', async () => {
    execFileSync('mkfifo', [ground.at('fifo')]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(ground.at('socket'), resolve));
    try {
      const result = await ground.scan();
      expect([entryOf(result, 'fifo'), entryOf(result, 'socket')]).toEqual([
        { kind: 'untracked', reason: 'special' },
        { kind: 'untracked', reason: 'special' },
      ]);
      expect(ground.calls).toEqual(expect.not.arrayContaining([expect.stringMatching(/fifo|socket/)]));
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('mount points: folders and files of another device', async () => {
    ground.write('mounted/inside', '1');
    ground.write('bound', '1');
    ground.write('file', '1');
    ground.around = ({ call, path }, next) => {
      const result = next();
      const isOther = (call === 'stat' && path === 'mounted') || (call === 'lstat' && path === 'bound');
      return isOther ? { ...(result as DiskStat), dev: -1n } : result;
    };
    const result = await ground.scan();
    const mountPoint = { kind: 'untracked', reason: 'mount-point' };
    expect([entryOf(result, 'mounted'), entryOf(result, 'bound')]).toEqual([mountPoint, mountPoint]);
    expect(ground.seen('list')).toEqual(['']);
    expect(ground.seen('openFile')).toEqual(['file']);
  });

  const links: readonly { readonly path: string; readonly target: string; readonly portable: boolean }[] = [
    { path: 'plain', target: 'file', portable: true },
    { path: 'dangling', target: 'nowhere/at/all', portable: true },
    { path: 'dot', target: './a/./file', portable: true },
    { path: 'up', target: '../file', portable: false },
    { path: 'absolute', target: '/etc/passwd', portable: false },
    { path: 'a/up', target: '../file', portable: true },
    { path: 'a/up-twice', target: '../../file', portable: false },
    { path: 'a/b/up-twice', target: '../../file', portable: true },
    { path: 'a/b/back', target: '../b/../file', portable: false },
    { path: 'a/hidden-up', target: 'b/../../../file', portable: false },
  ];

  it.each(links)('a link $path -> $target is portable: $portable', async ({ path, target, portable }) => {
    ground.link(path, target);
    const carried = { kind: 'symlink', target };
    expect(entryOf(await ground.scan(), path)).toMatchObject(portable ? carried : { kind: 'untracked', reason: 'link-not-portable' });
    expect(entryOf(await ground.scan({ settings: { symlinks: 'raw' } }), path)).toMatchObject(carried);
    expect(entryOf(await ground.scan({ settings: { symlinks: 'ignore' } }), path)).toEqual({ kind: 'untracked', reason: 'links-ignored' });
    expect(ground.seen('readlink', 'lstat')).toEqual([]);
  });

  it.runIf(process.platform === 'linux')('names and link targets that are not UTF-8', async () => {
    const bytes = (...parts: (string | number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    fs.mkdirSync(ground.at('d'));
    fs.writeFileSync(bytes(ground.at('d/'), [0xfe]), '');
    fs.writeFileSync(bytes(ground.at('d/'), [0xff]), '');
    fs.symlinkSync(bytes('to-', [0xfe]), ground.at('d/link'));
    ground.write('d/\uFFFD', 'a name like any other');
    ground.write('d/file', '');
    const result = await ground.scan();
    expect(namesIn(entryOf(result, 'd'))).toEqual(['file', 'link', '\uFFFD']);
    expect(entryOf(result, 'd')).toMatchObject({ hasUntracked: true });
    expect(entryOf(result, 'd/link')).toEqual({ kind: 'untracked', reason: 'link-not-portable' });
    expect(result.notices).toEqual([{ code: 'SYNC_NAME_NOT_UTF8', path: 'd', count: 2 }]);
    expect(result.counts).toMatchObject({ unnamed: 2, unnamedIn: ['d'] });
  });
});

describe('what goes wrong is problematic, and nothing but that', () => {
  const cases: readonly {
    readonly title: string;
    readonly fault: readonly [call: string, path: string, code: string];
    readonly expected: Partial<Record<string, Entry>>;
  }[] = [
    { title: 'a listing that fails', fault: ['list', 'd', 'EIO'], expected: { d: { kind: 'problematic', code: 'EIO' } } },
    { title: 'a folder that may not be read', fault: ['openDirectory', 'd', 'EACCES'], expected: { d: { kind: 'problematic', code: 'EACCES' } } },
    {
      title: 'a file that may not be read',
      fault: ['openFile', 'd/file', 'EACCES'],
      expected: { 'd/file': { kind: 'problematic', code: 'EACCES' } },
    },
    { title: 'a file that cannot be read', fault: ['file.read', 'd/file', 'EIO'], expected: { 'd/file': { kind: 'problematic', code: 'EIO' } } },
    { title: 'a file that cannot be looked at', fault: ['lstat', 'd/file', 'EIO'], expected: { 'd/file': { kind: 'problematic', code: 'EIO' } } },
    { title: 'a link that cannot be read', fault: ['readlink', 'd/link', 'EIO'], expected: { 'd/link': { kind: 'problematic', code: 'EIO' } } },
    { title: 'a root that cannot be listed', fault: ['list', '', 'EIO'], expected: { '': { kind: 'problematic', code: 'EIO' } } },
    {
      title: 'a link in place of the folder',
      fault: ['openDirectory', 'd', 'ELOOP'],
      expected: { d: { kind: 'problematic', code: 'SYNC_CHANGED_WHILE_READ' } },
    },
    {
      title: 'a link in place of the file',
      fault: ['openFile', 'd/file', 'ELOOP'],
      expected: { 'd/file': { kind: 'problematic', code: 'SYNC_CHANGED_WHILE_READ' } },
    },
    { title: 'a file that vanished before the look', fault: ['lstat', 'd/file', ''], expected: { 'd/file': undefined } as never },
    { title: 'a file that vanished after the look', fault: ['openFile', 'd/file', 'ENOENT'], expected: { 'd/file': undefined } as never },
    { title: 'a link that vanished', fault: ['readlink', 'd/link', 'ENOENT'], expected: { 'd/link': undefined } as never },
    { title: 'a folder that vanished while it was listed', fault: ['list', 'd', 'ENOENT'], expected: { d: undefined } as never },
  ];

  it.each(cases)('$title', async ({ fault: [call, path, code], expected }) => {
    ground.write('d/file', '1');
    ground.link('d/link', 'file');
    ground.write('e/file', '2');
    ground.around = (made, next) => {
      if (made.call !== call || made.path !== path) return next();
      if (code === '') return undefined;
      throw errno(code);
    };
    const result = await ground.scan();
    for (const [at, entry] of Object.entries(expected)) expect(entryOf(result, at)).toEqual(entry);
    if (path !== '') expect(entryOf(result, 'e/file')).toMatchObject({ kind: 'file' });
  });

  it('has no Merkle digest above a problem, so that nothing is taken for equal', async () => {
    ground.write('d/file', '1');
    ground.around = ({ call }, next) => {
      if (call === 'openFile') throw errno('EACCES');
      return next();
    };
    const { root } = await ground.scan();
    expect((root as Directory).merkle).toBeUndefined();
  });

  it('throws what is no failure of the disk', async () => {
    ground.write('d/file', '1');
    ground.around = ({ call }, next) => {
      if (call === 'openFile') throw new TypeError('a bug');
      return next();
    };
    await expect(ground.scan()).rejects.toThrow('a bug');
  });

  it('a folder that is gone when it is opened is absent; one that is there all the same is not', async () => {
    ground.write('d/file', '1');
    ground.around = ({ call }, next) => {
      if (call === 'openDirectory') throw errno('ENOENT');
      return next();
    };
    expect(entryOf(await ground.scan(), 'd')).toEqual({ kind: 'problematic', code: 'SYNC_CHANGED_WHILE_READ' });
    ground.around = ({ call, path }, next) => {
      if (call === 'openDirectory') fs.rmSync(ground.at(path), { recursive: true });
      return next();
    };
    expect(entryOf(await ground.scan(), 'd')).toBeUndefined();
  });

  it.each([{ large: false }, { large: true }])('a file that changes once while it is read is read again (large: $large)', async ({ large }) => {
    const text = large ? 'x'.repeat(2 << 20) : 'x';
    ground.write('file', text);
    let edits = 0;
    ground.around = ({ call }, next) => {
      if (call === 'file.read' && edits++ === 0) fs.appendFileSync(ground.at('file'), '!');
      return next();
    };
    expect(entryOf(await ground.scan(), 'file')).toMatchObject({ digest: ground.hashing.hash(Buffer.from(`${text}!`)) });
  });

  it.each([{ large: false }, { large: true }])('a file that never holds still is problematic (large: $large)', async ({ large }) => {
    ground.write('file', large ? 'x'.repeat(2 << 20) : 'x');
    ground.around = ({ call }, next) => {
      if (call === 'file.read') fs.appendFileSync(ground.at('file'), '!');
      return next();
    };
    expect(entryOf(await ground.scan(), 'file')).toEqual({ kind: 'problematic', code: 'SYNC_CHANGED_WHILE_READ' });
    expect(ground.index.get('file' as RelativePath)).toBeUndefined();
  });

  it('a file that is replaced while it is read is read anew', async () => {
    ground.write('file', 'old');
    let edits = 0;
    ground.around = ({ call }, next) => {
      if (call === 'file.read' && edits++ === 0) {
        ground.write('beside', 'new one');
        fs.renameSync(ground.at('beside'), ground.at('file'));
      }
      return next();
    };
    expect(entryOf(await ground.scan(), 'file')).toMatchObject({ digest: ground.hashing.hash(Buffer.from('new one')) });
  });

  it('a name that the listing missed is no deletion', async () => {
    ground.write('d/file', '1');
    ground.write('d/other', '2');
    const first = await ground.scan();
    for (const misses of [1, 2]) {
      let left = misses;
      ground.around = ({ call, path }, next) => {
        const result = next();
        if (call !== 'list' || path !== 'd' || left-- <= 0) return result;
        return (result as readonly DiskListing[]).filter(({ name }) => name !== 'file');
      };
      expect((await ground.scan({ baseline: first.root })).root).toBe(first.root);
    }
  });

  it.each([
    ['for good', Number.POSITIVE_INFINITY, { kind: 'problematic', code: 'EIO' }],
    ['once', 1, undefined],
  ])(
    'a name that was there, is not listed, and cannot be asked for (%s) is no deletion by that, and no matter of its neighbours',
    async (_, fails, expected) => {
      ground.write('d/file', '1');
      ground.write('d/other', '2');
      const first = await ground.scan();
      fs.rmSync(ground.at('d/file'));
      let left = fails;
      ground.around = ({ call, path }, next) => {
        if (call === 'list' && path === 'd') return [...(next() as readonly DiskListing[])].filter(({ name }) => name !== 'file');
        if ((call === 'lstat' || call === 'glance') && path === 'd/file' && left-- > 0) throw errno('EIO');
        return next();
      };
      const result = await ground.scan({ baseline: first.root });
      expect(entryOf(result, 'd/file')).toEqual(expected);
      expect(entryOf(result, 'd/other')).toEqual(entryOf(first, 'd/other'));
    },
  );

  it('a link or a file where a folder led to what is in scope is there, and nothing below it was seen to go', async () => {
    const rules = { include: ['*/conf'] };
    for (const folder of ['p', 'q']) ground.write(`${folder}/conf/file`, folder);
    ground.write('beside', 'of nobody');
    const first = await ground.scan({ rules });
    fs.renameSync(ground.at('p'), ground.at('elsewhere'));
    ground.link('p', 'elsewhere');
    fs.rmSync(ground.at('q'), { recursive: true });
    ground.write('q', 'a file');
    const second = await ground.scan({ rules, baseline: first.root });
    expect(namesIn(second.root)).toEqual(['elsewhere', 'p', 'q']);
    for (const name of ['p', 'q']) expect(entryOf(second, name)).toEqual({ kind: 'untracked', reason: 'special' });
  });

  it('a name that is there in another spelling only is gone', async () => {
    ground.write('d/file', '1');
    const first = await ground.scan();
    fs.renameSync(ground.at('d/file'), ground.at('d/FILE'));
    // As a disk that ignores case would answer.
    ground.around = ({ call, path }, next) => (call === 'lstat' && path === 'd/file' ? { kind: 'file' } : next());
    expect(namesIn(entryOf(await ground.scan({ baseline: first.root }), 'd'))).toEqual(['FILE']);
  });

  it('a glance that shows another file is not believed, nor one that shows none', async () => {
    ground.write('d/file', '1');
    const first = await ground.scan();
    for (const shown of [undefined, { kind: 'symlink' }, { kind: 'file', ino: 0n, dev: -1n }]) {
      ground.around = ({ call }, next) => (call === 'glance' ? shown : next());
      expect((await ground.scan({ baseline: first.root })).root).toBe(first.root);
      expect(ground.seen('openFile')).toEqual([]);
    }
  });

  it('gives up the folders above where there are no descriptors left', async () => {
    ground.write('a/b/c/file', '1');
    ground.write('a/b/z/file', '1');
    ground.write('a/z/file', '1');
    let denied = 0;
    ground.around = ({ call, path }, next) => {
      if (call === 'openFile' && path === 'a/b/c/file' && denied++ === 0) throw errno('EMFILE');
      return next();
    };
    const result = await ground.scan();
    for (const path of ['a/b/c/file', 'a/b/z/file', 'a/z/file']) expect(entryOf(result, path)).toMatchObject({ kind: 'file' });
  });
});

describe.runIf(process.platform === 'linux')('depth', () => {
  it('5,000 levels, two folders held at a time', async () => {
    makeDeep(ground, 5_000, false);
    let held = 0;
    let most = 0;
    ground.around = ({ call }, next) => {
      const result = next();
      if (call === 'openDirectory') most = Math.max(most, ++held);
      if (call === 'close') held--;
      return result;
    };
    expect(depthOf(await ground.scan())).toBe(5_000);
    expect(most).toBeLessThanOrEqual(3);
  }, 30_000);

  it('no more than 64 folders held where there is more to do on the way back', async () => {
    makeDeep(ground, 300, true);
    const open = new Set<string>();
    let most = 0;
    ground.around = ({ call, path }, next) => {
      const result = next();
      if (call === 'openDirectory') open.add(path);
      if (call === 'close') open.delete(path);
      most = Math.max(most, open.size);
      return result;
    };
    const result = await ground.scan();
    expect(depthOf(result)).toBe(300);
    expect(most).toBeLessThanOrEqual(66);
    expect(result.counts.entries).toBe(1 + 2 * 300);
  });

  it('a folder that was replaced before the way back is problematic', async () => {
    makeDeep(ground, 100, true);
    ground.around = ({ call, path }, next) => {
      if (call === 'list' && path === deepPath(100)) {
        fs.renameSync(ground.at('d/d'), ground.at('d/moved'));
        fs.mkdirSync(ground.at('d/d/z'), { recursive: true });
      }
      return next();
    };
    expect(entryOf(await ground.scan(), 'd/d')).toEqual({ kind: 'problematic', code: 'SYNC_CHANGED_WHILE_READ' });
  });
});

describe('abort', () => {
  it('rejects with its reason between two entries, and leaves the index as it was', async () => {
    for (let index = 0; index < 200; index++) ground.write(`d/${index}`, '');
    await ground.scan();
    const { size } = ground.index;
    const controller = new AbortController();
    const reason = new Error('enough');
    ground.around = ({ call, path }, next) => {
      if (call === 'glance' && path === 'd/150') controller.abort(reason);
      return next();
    };
    await expect(ground.scan({ signal: controller.signal })).rejects.toBe(reason);
    expect(ground.index.size).toBe(size);
    await expect(ground.scan({ signal: controller.signal })).rejects.toBe(reason);
    expect(ground.calls).toEqual([]);
  });
});

describe('racy records', () => {
  /** The disk's clock, from which everything is stamped. */
  const nowMs = 1_700_000_000_000;

  function stampAll(ms: number): void {
    ground.around = ({ call }, next) => {
      const result = next();
      const isStat = call === 'lstat' || call === 'glance' || call === 'file.stat';
      const time = BigInt(ms) * 1_000_000n + 1n;
      return isStat && result !== undefined ? { ...(result as DiskStat), mtimeNs: time, ctimeNs: time } : result;
    };
  }

  const indexAt = (ms: number): typeof ground.index => createScanIndex({ kind: 'fast', clock: { ...ground.clock, nowMs: () => ms } });

  it.each([
    { ageMs: 21, readAgain: false },
    { ageMs: 20, readAgain: true },
    { ageMs: 0, readAgain: true },
    { ageMs: -5, readAgain: true },
  ])('a file changed $ageMs ms before it was read is read again: $readAgain', async ({ ageMs, readAgain }) => {
    ground.write('file', '1');
    stampAll(nowMs - ageMs);
    const index = indexAt(nowMs);
    const clock = index.clock;
    await ground.scan({ index, clock });
    index.isDirty = false;
    const second = await ground.scan({ index, clock });
    expect(ground.seen('openFile')).toEqual(readAgain ? ['file'] : []);
    // It was merely racy: to write that down would not be nothing.
    expect(second.indexChanged).toBe(false);
  });

  it('an edit within the tick, size and times as they were, is found by the next scan', async () => {
    ground.write('file', 'one');
    stampAll(nowMs);
    const index = indexAt(nowMs);
    const first = await ground.scan({ index, clock: index.clock });
    fs.writeFileSync(ground.at('file'), 'two');
    const second = await ground.scan({ index, clock: index.clock, baseline: first.root });
    expect(entryOf(second, 'file')).toMatchObject({ digest: ground.hashing.hash(Buffer.from('two')) });
    expect(second.indexChanged).toBe(true);
  });
});

function withoutMerkle(entry: Entry): Entry {
  if (entry.kind !== 'directory') return entry;
  const { merkle: _, ...rest } = entry;
  return { ...rest, children: entry.children.map((child) => ({ name: child.name, entry: withoutMerkle(child.entry) })) };
}

/** `d/d/d/...`, with a second folder `z` in each if `branching`. By held folders: the whole path would be longer than a path may be. */
function makeDeep({ path }: ScanGround, levels: number, branching: boolean): void {
  let at = createNodeDisk().openRoot(path);
  for (let level = 0; level < levels; level++) {
    at?.makeDirectory('d', 0o755);
    if (branching) at?.makeDirectory('z', 0o755);
    const below = at?.openDirectory('d');
    at?.close();
    at = below;
  }
  at?.close();
}

function deepPath(levels: number): string {
  return Array.from({ length: levels }, () => 'd').join('/');
}

function depthOf({ root }: ScanResult): number {
  let depth = 0;
  for (let at: Entry | undefined = root; at?.kind === 'directory'; depth++) {
    const below: Entry | undefined = at.children.find(({ name }) => name === 'd')?.entry;
    if (below === undefined) break;
    at = below;
  }
  return depth;
}
