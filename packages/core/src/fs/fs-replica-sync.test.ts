/** Two folders of this machine kept the same by the engine: the parts of this folder together. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Disk } from '../engine/disk.ts';
import type { SyncReport } from '../engine/report.ts';
import { runSync } from '../engine/run-sync.ts';
import { defaultSyncSettings } from '../engine/sync-settings.ts';
import { createFsReplica } from './fs-replica.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { stoppingDisk } from './test-support/faulty-disk.ts';
import { type DiskCall, wrapDisk } from './test-support/wrapped-disk.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

interface Pair {
  readonly alpha: string;
  readonly beta: string;
}

function pair(): Pair {
  const base = mkdtempSync(join(tmpdir(), 'ubos-sync-pair-'));
  open.push(() => rmSync(base, { recursive: true, force: true }));
  const roots = { alpha: join(base, 'alpha'), beta: join(base, 'beta') };
  mkdirSync(roots.alpha);
  mkdirSync(roots.beta);
  return roots;
}

let stamp = 1_700_000_000;

/** Later than every write before, by more than any tie. */
function write(root: string, name: string, text: string, mode = 0o644): void {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  stamp += 10;
  utimesSync(file, stamp, stamp);
}

async function sync({ alpha, beta }: Pair, disks: { readonly alpha?: Disk; readonly beta?: Disk } = {}): Promise<SyncReport> {
  const left = await createFsReplica(alpha, { stateMirror: false, disk: disks.alpha });
  const right = await createFsReplica(beta, { stateMirror: false, disk: disks.beta });
  try {
    return await runSync({
      alpha: left,
      beta: right,
      names: { alpha: 'left', beta: 'right' },
      profile: 'default',
      settings: {
        ...defaultSyncSettings,
        scope: { include: [], exclude: ['cache/'], guard: [] },
        maxDelete: { count: 1000 },
        maxChange: { count: 1000 },
      },
      dryRun: false,
      durability: 'fast',
      clock: systemClock,
    });
  } finally {
    await Promise.allSettled([left.close(), right.close()]);
  }
}

/** Names, kinds, modes and contents of all but the state folder. */
function tree(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== '.ubos-sync' && !name.startsWith('.ubos-sync/'))
    .sort()
    .map((name) => {
      const stat = lstatSync(join(root, name));
      const mode = (stat.mode & 0o777).toString(8);
      if (stat.isDirectory()) return `${name}/ ${mode}`;
      return stat.isSymbolicLink() ? `${name} -> ${readlinkSync(join(root, name))}` : `${name} ${mode} ${readFileSync(join(root, name), 'utf8')}`;
    });
}

function versions(root: string): readonly string[] {
  const folder = join(root, '.ubos-sync/versions');
  if (!lstatSync(folder, { throwIfNoEntry: false })) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.startsWith('content/'))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

function first({ alpha, beta }: Pair): void {
  write(alpha, 'docs/a.md', 'a');
  write(alpha, 'docs/b.md', 'b');
  write(alpha, 'scripts/run.sh', '#!/bin/sh\n', 0o755);
  write(alpha, 'old/gone.txt', 'gone');
  write(alpha, 'cache/big', 'never');
  write(alpha, 'was.txt', 'to be moved');
  write(alpha, 'shared.txt', 'to be moved, and edited');
  write(alpha, 'folder/one.txt', 'first of a folder');
  write(alpha, 'folder/deep/two.txt', 'second of a folder');
  write(beta, 'hub/letter.md', 'hello');
  write(beta, 'hub/x_state.json', '{}');
  symlinkSync('docs/a.md', join(beta, 'link'));
}

/** Changes on both sides of every kind. */
function second({ alpha, beta }: Pair): void {
  write(alpha, 'docs/a.md', 'a changed');
  write(alpha, 'new/deep/copy.md', 'b');
  write(alpha, 'new/deep/twin.md', 'b');
  rmSync(join(alpha, 'old'), { recursive: true });
  chmodSync(join(alpha, 'scripts/run.sh'), 0o700);
  rmSync(join(beta, 'hub/letter.md'));
  write(beta, 'docs/c.md', 'c');
  rmSync(join(beta, 'link'));
  write(beta, 'link', 'a file now');
  renameSync(join(alpha, 'was.txt'), join(alpha, 'new/is.txt'));
  renameSync(join(alpha, 'shared.txt'), join(alpha, 'renamed.txt'));
  write(beta, 'shared.txt', 'edited meanwhile');
  renameSync(join(beta, 'folder'), join(beta, 'directory'));
  write(alpha, 'folder/deep/two.txt', 'edited in the old folder');
}

describe('two folders', () => {
  it('become the same, both ways, and then there is nothing to do', async () => {
    const roots = pair();
    first(roots);
    expect((await sync(roots)).outcome).toBe('applied');
    const inScope = (root: string): readonly string[] => tree(root).filter((line) => !line.startsWith('cache') && !line.includes('_state.json'));
    expect(inScope(roots.alpha)).toEqual(inScope(roots.beta));
    second(roots);
    const report = await sync(roots);
    expect(report).toMatchObject({ outcome: 'applied', problems: [], conflicts: [] });
    expect(inScope(roots.alpha)).toEqual(inScope(roots.beta));
    expect(inScope(roots.beta)).toEqual(
      [
        'directory/ 755',
        'directory/deep/ 755',
        'directory/deep/two.txt 644 edited in the old folder',
        'directory/one.txt 644 first of a folder',
        'docs/ 755',
        'docs/a.md 644 a changed',
        'docs/b.md 644 b',
        'docs/c.md 644 c',
        'hub/ 755',
        'link 644 a file now',
        'new/ 755',
        'new/deep/ 755',
        'new/deep/copy.md 644 b',
        'new/deep/twin.md 644 b',
        'new/is.txt 644 to be moved',
        'renamed.txt 644 edited meanwhile',
        'scripts/ 755',
        'scripts/run.sh 700 #!/bin/sh\n',
      ].sort(),
    );
    expect(readFileSync(join(roots.beta, 'hub/x_state.json'), 'utf8')).toBe('{}');
    // What moved is not kept, for nothing was replaced; what an edit replaced is.
    expect([...versions(roots.beta)].sort()).toEqual(['a', 'gone', 'second of a folder']);
    expect([...versions(roots.alpha)].sort()).toEqual(['hello', 'to be moved, and edited']);
    expect(report.changes.flatMap(({ side, action, path, from }) => (action === 'rename' ? [`${side} ${from} ${path}`] : [])).sort()).toEqual([
      'alpha folder directory',
      'alpha folder/deep directory/deep',
      'alpha folder/deep/two.txt directory/deep/two.txt',
      'alpha folder/one.txt directory/one.txt',
      'beta shared.txt renamed.txt',
      'beta was.txt new/is.txt',
    ]);
    const again = await sync(roots);
    expect(again).toMatchObject({ outcome: 'in-sync', changes: [], problems: [] });
    expect(again.counts).toMatchObject({ filesHashed: { alpha: 0, beta: 0 }, contentBytes: { toAlpha: 0, toBeta: 0 } });
  });

  it('a content that is there already does not travel', async () => {
    const roots = pair();
    write(roots.alpha, 'a', 'the same');
    await sync(roots);
    write(roots.alpha, 'b/copy', 'the same');
    expect((await sync(roots)).counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 0 });
    expect(readFileSync(join(roots.beta, 'b/copy'), 'utf8')).toBe('the same');
  });

  it('a content that left the tree and comes back does not travel, unless what was kept of it is not what it was', async () => {
    const roots = pair();
    const texts = ['first', 'second'];
    const put = (): void => texts.forEach((text) => write(roots.alpha, `${text}/file`, text));
    write(roots.alpha, 'stays', 'always');
    put();
    await sync(roots);
    for (const text of texts) rmSync(join(roots.alpha, text), { recursive: true });
    await sync(roots);
    expect([...versions(roots.beta)].sort()).toEqual(texts);
    put();
    expect((await sync(roots)).counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 0 });
    for (const text of texts) rmSync(join(roots.alpha, text), { recursive: true });
    await sync(roots);
    const kept = join(roots.beta, '.ubos-sync/versions/content');
    for (const name of readdirSync(kept)) if (readFileSync(join(kept, name), 'utf8') === 'first') writeFileSync(join(kept, name), 'wrong');
    put();
    expect((await sync(roots)).counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 'first'.length });
    expect(tree(roots.beta)).toEqual(tree(roots.alpha));
    expect(texts.map((text) => readFileSync(join(roots.beta, text, 'file'), 'utf8'))).toEqual(texts);
  });

  it('a folder that was renamed is renamed at once: no content is sent, read or written', async () => {
    const roots = pair();
    for (let index = 0; index < 50; index++) write(roots.alpha, `old/${index % 5}/${index}.txt`, `content ${index}`);
    await sync(roots);
    // By now what is known of the files is older than the clock's tick.
    expect((await sync(roots)).outcome).toBe('in-sync');
    renameSync(join(roots.alpha, 'old'), join(roots.alpha, 'new'));
    const calls: DiskCall[] = [];
    const report = await sync(roots, { beta: wrapDisk(createNodeDisk(), (call) => void calls.push(call)) });
    expect(report).toMatchObject({ outcome: 'applied', problems: [] });
    expect(report.counts).toMatchObject({ contentBytes: { toAlpha: 0, toBeta: 0 }, filesHashed: { beta: 0 } });
    expect(report.changes.every(({ action, status }) => action === 'rename' && status === 'done')).toBe(true);
    const moving = calls.filter(({ call }) => call === 'rename' || call === 'link' || call === 'copyFile' || call === 'removeDirectory');
    expect(moving.filter(({ name }) => name === 'old' || name.endsWith('.txt'))).toMatchObject([{ call: 'rename', name: 'old', toName: 'new' }]);
    expect(tree(roots.beta)).toEqual(tree(roots.alpha));
    expect(versions(roots.beta)).toEqual([]);
    expect(await sync(roots)).toMatchObject({ outcome: 'in-sync', counts: { filesHashed: { alpha: 0, beta: 0 } } });
  });

  it('a folder in which something new lies is moved file by file, and stays for that', async () => {
    const roots = pair();
    write(roots.alpha, 'old/a.txt', 'a');
    write(roots.alpha, 'old/sub/b.txt', 'b');
    await sync(roots);
    renameSync(join(roots.alpha, 'old'), join(roots.alpha, 'new'));
    // Out of scope, and made after the scan: right before the folder would be renamed.
    let isScanned = false;
    const late = wrapDisk(createNodeDisk(), ({ call, name }) => {
      if (call === 'makeDirectory' && name === 'staging') isScanned = true;
      if (isScanned && !existsSync(join(roots.beta, 'old/x_state.json'))) writeFileSync(join(roots.beta, 'old/x_state.json'), '{}');
    });
    rmSync(join(roots.beta, '.ubos-sync/staging'), { recursive: true, force: true });
    const report = await sync(roots, { beta: late });
    expect(isScanned).toBe(true);
    expect(report.counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 0 });
    expect(tree(roots.beta)).toEqual(['new/ 755', 'new/a.txt 644 a', 'new/sub/ 755', 'new/sub/b.txt 644 b', 'old/ 755', 'old/x_state.json 644 {}']);
    expect(report.problems).toMatchObject([{ path: 'old', code: 'SYNC_DIRECTORY_KEPT' }]);
    expect((await sync(roots)).outcome).toBe('in-sync');
  });

  it('where the disk knows no links, or another mount lies in between, a file is moved all the same', async () => {
    for (const errno of ['ENOTSUP', 'EXDEV']) {
      const roots = pair();
      write(roots.alpha, 'old.txt', 'content', 0o640);
      await sync(roots);
      renameSync(join(roots.alpha, 'old.txt'), join(roots.alpha, 'new.txt'));
      const disk = wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'link' && name === 'old.txt') throw Object.assign(new Error(errno), { code: errno });
      });
      expect(await sync(roots, { beta: disk })).toMatchObject({ outcome: 'applied', problems: [], counts: { contentBytes: { toBeta: 0 } } });
      expect(tree(roots.beta)).toEqual(['new.txt 640 content']);
      expect(await sync(roots)).toMatchObject({ outcome: 'in-sync', counts: { filesHashed: { beta: 0 } } });
    }
  });
});

/** What was there before the run, or was written since. */
const allTexts = [
  'a changed',
  'gone',
  'hello',
  'a file now',
  '{}',
  'never',
  'to be moved',
  'edited meanwhile',
  'first of a folder',
  'edited in the old folder',
];

describe('a process that is killed', () => {
  for (const side of ['alpha', 'beta'] as const) {
    it(`on ${side}, at any call that writes: running again ends as if it had run once`, async () => {
      const whole = pair();
      first(whole);
      await sync(whole);
      second(whole);
      const expected = await (async () => {
        await sync(whole);
        return { alpha: tree(whole.alpha), beta: tree(whole.beta) };
      })();

      for (let stop = 1, step = 1; ; stop += step) {
        // Every call at the beginning, then every seventh: the middle of a run is much the same everywhere.
        if (stop > 10) step = 7;
        const roots = pair();
        first(roots);
        await sync(roots);
        second(roots);
        const disk = stoppingDisk(createNodeDisk(), stop, stop % 2 === 0);
        const ended = await sync(roots, { [side]: disk }).then(
          () => 'done',
          () => 'stopped',
        );
        if (ended === 'done' && disk.writes() < stop) break;
        const contents = [...tree(roots.alpha), ...tree(roots.beta), ...versions(roots.alpha), ...versions(roots.beta)].join('\n');
        for (const text of allTexts) expect([stop, contents.includes(text)]).toEqual([stop, true]);
        for (const root of [roots.alpha, roots.beta]) rmSync(join(root, '.ubos-sync/lock'), { force: true });
        const report = await sync(roots);
        expect([stop, report.problems, report.conflicts]).toEqual([stop, [], []]);
        expect([stop, tree(roots.alpha), tree(roots.beta)]).toEqual([stop, expected.alpha, expected.beta]);
        expect([stop, (await sync(roots)).outcome]).toEqual([stop, 'in-sync']);
        for (const close of open.splice(1)) close();
      }
    }, 120_000);
  }
});
