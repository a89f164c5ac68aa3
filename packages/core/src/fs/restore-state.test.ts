/** Roots that lost their state folder, wholly or in part, and take it back from the mirror: whole runs over two folders, each with a mirror of its own. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SyncReport } from '../engine/report.ts';
import { runSync, type SyncOptions } from '../engine/run-sync.ts';
import { defaultSyncSettings } from '../engine/sync-settings.ts';
import { createFsReplica } from './fs-replica.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { stoppingDisk } from './test-support/faulty-disk.ts';

type Side = 'alpha' | 'beta';
const sides = ['alpha', 'beta'] as const;

let place: string;
const root = (side: Side): string => join(place, side);
const mirror = (side: Side): string => join(place, `${side}-home`, 'state');
const stateOf = (side: Side): string => join(root(side), '.ubos-sync');

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'ubos-sync-restore-'));
  for (const side of sides) mkdirSync(root(side));
  for (const name of ['a', 'b', 'c', 'd/e', 'd/f']) write('alpha', name, `${name} 1`);
  expect((await sync()).outcome).toBe('applied');
  write('beta', 'a', 'a 2');
  expect((await sync()).outcome).toBe('applied');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

function write(side: Side, name: string, text: string): void {
  mkdirSync(dirname(join(root(side), name)), { recursive: true });
  writeFileSync(join(root(side), name), text);
}

function read(side: Side, name: string): string | undefined {
  return existsSync(join(root(side), name)) ? readFileSync(join(root(side), name), 'utf8') : undefined;
}

function remove(side: Side, name: string): void {
  rmSync(join(root(side), name), { recursive: true });
}

/** Names and contents of everything below a folder. */
function everything(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => `${join(entry.parentPath, entry.name)} ${entry.isFile() ? readFileSync(join(entry.parentPath, entry.name), 'latin1') : ''}`)
    .sort();
}

const tree = (side: Side): readonly string[] =>
  everything(root(side))
    .filter((line) => !line.includes('/.ubos-sync') && !line.includes('/.git'))
    .map((line) => line.slice(root(side).length));

async function sync(options: Partial<SyncOptions> = {}): Promise<SyncReport> {
  const [alpha, beta] = [
    await createFsReplica(root('alpha'), { stateMirror: mirror('alpha') }),
    await createFsReplica(root('beta'), { stateMirror: mirror('beta') }),
  ];
  try {
    return await runSync({
      alpha,
      beta,
      names: { alpha: 'left', beta: 'right' },
      profile: 'default',
      settings: defaultSyncSettings,
      dryRun: false,
      durability: 'fast',
      clock: systemClock,
      ...options,
    });
  } finally {
    await Promise.allSettled([alpha.close(), beta.close()]);
  }
}

const clean = (side: Side): void => rmSync(stateOf(side), { recursive: true });
const halted = (report: SyncReport) => ({ reason: report.halt?.reason, side: report.halt?.side, restorable: report.halt?.restorable ?? false });
const idOf = (side: Side): string => readFileSync(join(stateOf(side), 'replica.json'), 'utf8');
const archiveOf = (side: Side): string => {
  const [name] = readdirSync(join(stateOf(side), 'archive'));
  return join(stateOf(side), 'archive', name ?? '');
};

describe.each(sides)('a root that was cleaned (%s)', (side) => {
  const other: Side = side === 'alpha' ? 'beta' : 'alpha';

  it('by git says so, and goes on with what it was once it is told to', async () => {
    const git = (...args: string[]): Buffer =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: root(side), stdio: 'pipe' });
    git('init', '-q');
    writeFileSync(join(root(side), '.git/info/exclude'), 'cache\n');
    git('add', 'a', 'b', 'c', 'd');
    git('commit', '-q', '-m', 'all');
    const settings = { ...defaultSyncSettings, scope: { include: [], exclude: ['.git/'], guard: [] } };
    write(side, 'cache', 'ignored by git');
    await sync({ settings, allow: new Set(['settings-differ']) });
    const id = idOf(side);
    git('clean', '-fdxq');
    expect([existsSync(stateOf(side)), read(side, 'cache')]).toEqual([false, undefined]);
    expect(halted(await sync({ settings }))).toEqual({ reason: 'marker-missing', side, restorable: true });
    const report = await sync({ settings, restoreState: true });
    expect(report.notices).toEqual([
      { code: 'SYNC_STATE_RESTORED', side, message: expect.stringMatching(/^the marker and 1 archive of (left|right) were taken from the mirror/) },
    ]);
    // What git removed besides is deleted, as if a user had done it: it was agreed, and the record says so.
    expect(report.changes.map(({ side: changed, action, path }) => `${changed} ${action} ${path}`)).toEqual([`${other} delete cache`]);
    expect([idOf(side), report.outcome]).toEqual([id, 'applied']);
    expect(await sync({ settings })).toMatchObject({ outcome: 'in-sync', notices: [] });
  });

  it('carries what was edited and deleted meanwhile, on either side', async () => {
    clean(side);
    write(side, 'a', 'a 3');
    remove(side, 'b');
    write(other, 'c', 'c 3');
    remove(other, 'd/e');
    write(other, 'd/new', 'new');
    const report = await sync({ restoreState: true });
    expect(report).toMatchObject({ outcome: 'applied', first: false, conflicts: [] });
    expect(tree('alpha')).toEqual(tree('beta'));
    expect(['a', 'b', 'c', 'd/e', 'd/f', 'd/new'].map((name) => read(side, name))).toEqual(['a 3', undefined, 'c 3', undefined, 'd/f 1', 'new']);
    expect(await sync()).toMatchObject({ outcome: 'in-sync' });
  });

  it('a dry run says what would be done, just that, and writes nothing', async () => {
    clean(side);
    write(side, 'a', 'a 3');
    remove(other, 'd/e');
    const before = everything(place);
    const dry = await sync({ restoreState: true, dryRun: true });
    // A scan keeps its index where there is a state folder.
    const isIndex = (line: string): boolean => line.includes(join(stateOf(other), 'index'));
    expect(everything(place).filter((line) => !isIndex(line))).toEqual(before.filter((line) => !isIndex(line)));
    expect(dry).toMatchObject({ outcome: 'pending', notices: [{ code: 'SYNC_STATE_RESTORED', message: expect.stringContaining('would be taken') }] });
    const real = await sync({ restoreState: true });
    expect(real.changes.map((change) => ({ ...change, status: 'pending' }))).toEqual(dry.changes);
  });

  it('is still held by the guards: what lost all its files deletes none on the other side', async () => {
    for (const name of readdirSync(root(side))) remove(side, name);
    expect(halted(await sync({ restoreState: true, dryRun: true }))).toMatchObject({ reason: 'root-emptied', side });
    expect(halted(await sync({ restoreState: true }))).toMatchObject({ reason: 'root-emptied', side });
    expect(tree(other)).toHaveLength(6);
  });

  it('gets nothing of it back by itself, and nothing that is of another folder', async () => {
    renameSync(root(side), join(place, 'moved away'));
    mkdirSync(root(side));
    write(side, 'z', 'another tree');
    const there = everything(root(side));
    const expected = { reason: 'marker-missing', side, restorable: false };
    expect(halted(await sync())).toEqual(expected);
    expect(halted(await sync({ restoreState: true }))).toEqual(expected);
    expect([everything(root(side)), tree(other)]).toEqual([there, tree(other)]);
    // The folder itself, wherever it was, knows itself.
    rmSync(root(side), { recursive: true });
    renameSync(join(place, 'moved away'), root(side));
    expect((await sync()).outcome).toBe('in-sync');
  });

  it('gets nothing that is of an earlier folder with the same inode', async () => {
    const places = join(mirror(side), 'roots');
    for (const name of readdirSync(places)) {
      const noted = JSON.parse(readFileSync(join(places, name), 'utf8')) as object;
      writeFileSync(join(places, name), JSON.stringify({ ...noted, born: '1700000000000000000' }));
    }
    clean(side);
    expect(halted(await sync({ restoreState: true }))).toEqual({ reason: 'marker-missing', side, restorable: false });
    expect(existsSync(stateOf(side))).toBe(false);
  });

  it('is known by its folder after that was moved, and a run has ended there', async () => {
    const from = place;
    place = mkdtempSync(join(tmpdir(), 'ubos-sync-restore-'));
    for (const name of readdirSync(from)) renameSync(join(from, name), join(place, name));
    rmSync(from, { recursive: true });
    write(side, 'a', 'a 3');
    expect((await sync()).outcome).toBe('applied');
    clean(side);
    expect((await sync({ restoreState: true })).outcome).toBe('in-sync');
  });

  it('whose mirror lags behind halts, deletes nothing, and can rejoin', async () => {
    cpSync(mirror(side), join(place, 'last week'), { recursive: true });
    remove(other, 'b');
    write(side, 'd/new', 'new');
    expect((await sync()).outcome).toBe('applied');
    clean(side);
    rmSync(mirror(side), { recursive: true });
    renameSync(join(place, 'last week'), mirror(side));
    const before = [tree('alpha'), tree('beta')];
    for (const dryRun of [true, false]) {
      const report = await sync({ restoreState: true, dryRun });
      expect(halted(report)).toEqual({ reason: 'archive-lost', side, restorable: false });
      expect(report.halt?.message).toMatch(/at generation \d+, the other side's at \d+/);
    }
    expect([tree('alpha'), tree('beta')]).toEqual(before);
    expect(await sync({ rejoin: true })).toMatchObject({ outcome: 'in-sync', first: true });
    expect([tree('alpha'), tree('beta')]).toEqual(before);
    expect((await sync()).outcome).toBe('in-sync');
  });

  it('wherever the taking back was stopped, it can be done again', async () => {
    for (let stop = 1; ; stop++) {
      rmSync(stateOf(side), { recursive: true, force: true });
      const stopped = await createFsReplica(root(side), { stateMirror: mirror(side), disk: stoppingDisk(createNodeDisk(), stop, true) });
      const restored = await stopped.restore?.({ dryRun: false }).catch(() => 'stopped');
      const report = await sync({ restoreState: true });
      expect([report.outcome, report.first]).toEqual(['in-sync', false]);
      if (restored !== 'stopped') {
        expect(stop).toBeGreaterThan(8);
        return;
      }
    }
  });

  for (const [what, spoil] of [
    ['is missing', () => rmSync(archiveOf(side))],
    ['is damaged', () => writeFileSync(archiveOf(side), 'x'.repeat(readFileSync(archiveOf(side)).length))],
  ] as const) {
    it(`in part: the archive of this pair ${what}`, async () => {
      write(other, 'c', 'c 3');
      remove(side, 'b');
      spoil();
      expect(halted(await sync())).toEqual({ reason: 'archive-lost', side, restorable: true });
      const spoilt = everything(stateOf(side));
      const dry = await sync({ restoreState: true, dryRun: true });
      expect(dry).toMatchObject({ outcome: 'pending', notices: [{ code: 'SYNC_STATE_RESTORED', side }] });
      expect(everything(join(stateOf(side), 'archive'))).toEqual(spoilt.filter((line) => line.startsWith(join(stateOf(side), 'archive/'))));
      expect(await sync({ restoreState: true })).toMatchObject({ outcome: 'applied', first: false });
      expect([read('alpha', 'b'), read('beta', 'b'), read(side, 'c')]).toEqual([undefined, undefined, 'c 3']);
    });
  }

  it('gets back its marker alone, where the archive is still there', async () => {
    const archive = readFileSync(archiveOf(side));
    rmSync(join(stateOf(side), 'replica.json'));
    expect(await sync({ restoreState: true })).toMatchObject({
      outcome: 'in-sync',
      notices: [{ message: expect.stringMatching(/^the marker and 0 archives/) }],
    });
    expect(readFileSync(archiveOf(side))).toEqual(archive);
  });

  it('halts where the mirror of the archive is damaged, too', async () => {
    clean(side);
    for (const name of readdirSync(mirror(side), { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.archive')) writeFileSync(join(mirror(side), name), 'x');
    }
    const before = [tree('alpha'), tree('beta')];
    expect(halted(await sync({ restoreState: true }))).toMatchObject({ reason: 'archive-lost', side });
    expect([tree('alpha'), tree('beta')]).toEqual(before);
  });
});

describe('both roots cleaned', () => {
  it('prove nothing to each other: a halt, and a union by --rejoin, in which nothing is deleted', async () => {
    for (const side of sides) clean(side);
    remove('alpha', 'b');
    for (const dryRun of [true, false]) {
      const report = await sync({ restoreState: true, dryRun });
      expect(halted(report)).toMatchObject({ reason: 'archive-lost', side: undefined });
      expect(report.halt?.message).toMatch(/^both archives come from mirrors, at generation (\d+) and \1/);
    }
    expect((await sync({ rejoin: true })).outcome).toBe('applied');
    expect([read('alpha', 'b'), read('beta', 'b')]).toEqual(['b 1', 'b 1']);
    expect((await sync()).outcome).toBe('in-sync');
  });

  it('with mirrors that are equal and both old: what was deleted since and made again, the same, is not deleted', async () => {
    for (const side of sides) cpSync(mirror(side), join(place, `${side} last week`), { recursive: true });
    remove('beta', 'b');
    expect((await sync()).outcome).toBe('applied');
    write('alpha', 'b', 'b 1');
    for (const side of sides) {
      clean(side);
      rmSync(mirror(side), { recursive: true });
      renameSync(join(place, `${side} last week`), mirror(side));
    }
    expect(halted(await sync({ restoreState: true }))).toMatchObject({ reason: 'archive-lost', side: undefined });
    expect(read('alpha', 'b')).toBe('b 1');
    expect((await sync({ restoreState: true, rejoin: true })).outcome).toBe('applied');
    expect([read('alpha', 'b'), read('beta', 'b')]).toEqual(['b 1', 'b 1']);
  });

  it('one after the other: the first counts by itself again once something was committed', async () => {
    clean('alpha');
    expect((await sync({ restoreState: true })).outcome).toBe('in-sync');
    clean('beta');
    expect(halted(await sync({ restoreState: true }))).toMatchObject({ reason: 'archive-lost', side: undefined });
    expect((await sync({ rejoin: true })).outcome).toBe('in-sync');
    clean('alpha');
    write('beta', 'a', 'a 3');
    expect((await sync({ restoreState: true })).outcome).toBe('applied');
    clean('beta');
    expect((await sync({ restoreState: true })).outcome).toBe('in-sync');
  });
});

describe('the archives of both roots removed, but not their markers', () => {
  beforeEach(() => {
    for (const side of sides) rmSync(join(stateOf(side), 'archive'), { recursive: true });
    remove('alpha', 'b');
  });

  for (const [whose, forgets] of [
    ['of both sides', []],
    ['of alpha', ['beta']],
    ['of beta', ['alpha']],
  ] as const) {
    it(`the mirror ${whose} knows that they were there: a halt, and a union by --rejoin, in which nothing is deleted`, async () => {
      for (const side of forgets) rmSync(mirror(side), { recursive: true });
      const before = [tree('alpha'), tree('beta')];
      for (const options of [{}, { dryRun: true }, { restoreState: true, dryRun: true }, { restoreState: true }])
        expect(halted(await sync(options))).toMatchObject({ reason: 'archive-lost', restorable: false });
      expect([tree('alpha'), tree('beta')]).toEqual(before);
      expect(await sync({ rejoin: true })).toMatchObject({ outcome: 'applied', first: true });
      expect([read('alpha', 'b'), read('beta', 'b')]).toEqual(['b 1', 'b 1']);
      remove('beta', 'b');
      expect(await sync()).toMatchObject({ outcome: 'applied', changes: [{ side: 'alpha', path: 'b', action: 'delete' }] });
    });
  }

  it('and nobody has a mirror: a first sync, as nobody knows of another', async () => {
    for (const side of sides) rmSync(mirror(side), { recursive: true });
    expect(await sync()).toMatchObject({ outcome: 'applied', first: true });
    expect(read('alpha', 'b')).toBe('b 1');
  });

  it('is no matter of another pair: a new profile of the two is a first sync', async () => {
    expect(await sync({ profile: 'another' })).toMatchObject({ outcome: 'applied', first: true });
  });

  it('nor of a root that is new: what is made anew in place of one of them, with another marker, is a first sync', async () => {
    clean('beta');
    rmSync(mirror('beta'), { recursive: true });
    expect(await sync({ allow: new Set(['marker-missing']) })).toMatchObject({ outcome: 'applied', first: true });
  });
});
