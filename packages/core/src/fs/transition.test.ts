import { linkSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { errnoError } from '../engine/errno.ts';
import type { Transition, TransitionResult } from '../engine/replica.ts';
import type { Directory, Entry, File, Symlink } from '../tree/entry.ts';
import { contentName } from './content-name.ts';
import { createNodeDisk } from './node-disk.ts';
import { asNobody } from './test-support/as-nobody.ts';
import { at, change, sendTexts, useWorkplaces, type Workplace } from './test-support/workplace.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const workplace = useWorkplaces();

const directory = (mode = 0o755): Directory => ({ kind: 'directory', mode, children: [] });
const symlink = (target: string): Symlink => ({ kind: 'symlink', target, mtimeMs: 0 });

type Kind = 'nothing' | 'file' | 'directory' | 'symlink';
const kinds: readonly Kind[] = ['nothing', 'file', 'directory', 'symlink'];

function put(place: Workplace, kind: Kind, text = 'old'): void {
  if (kind === 'file') place.write('x', text);
  if (kind === 'directory') place.makeDirectory('x', text === 'old' ? 0o755 : 0o700);
  if (kind === 'symlink') place.link('x', text);
}

function wish(place: Workplace, kind: Kind): Entry | undefined {
  return { nothing: undefined, file: place.file('new'), directory: directory(0o711), symlink: symlink('new') }[kind];
}

/** What a user would call the state of a path. */
function state(place: Workplace, name = 'x'): string {
  const stat = lstatSync(join(place.path, name), { throwIfNoEntry: false });
  if (stat === undefined) return 'nothing';
  if (stat.isDirectory()) return `directory ${(stat.mode & 0o777).toString(8)} [${readdirSync(join(place.path, name)).join()}]`;
  const entry = place.scan(name);
  return entry?.kind === 'symlink' ? `symlink ${entry.target}` : `file ${place.read(name)}`;
}

describe('every kind becomes every other kind', () => {
  for (const from of kinds) {
    for (const to of kinds) {
      if (from === 'nothing' && to === 'nothing') continue;
      it(`${from} -> ${to}, untouched since the scan`, async () => {
        const place = await workplace();
        put(place, from);
        const old = place.scan('x');
        const next = wish(place, to);
        if (to === 'file') await place.stage({ x: 'new' });
        const [result] = await place.transition([change('x', old, next)]);
        expect(result).toEqual({ achieved: next });
        expect(state(place)).toBe({ nothing: 'nothing', file: 'file new', directory: 'directory 711 []', symlink: 'symlink new' }[to]);
        expect(place.journal.map((record) => record.change)).toEqual([{ path: 'x', alpha: next, beta: next }]);
        expect(place.staged()).toEqual([]);
        const kept = place.versions();
        const leaves = from === 'file' || from === 'symlink' ? [from] : [];
        expect(kept.map(({ path, entry }) => [path, entry.kind])).toEqual(leaves.map((kind) => ['x', kind]));
        if (from === 'file') expect(kept[0]).toMatchObject({ text: 'old', entry: { mode: 0o644, sizeBytes: 3 } });
        expect(place.known.has(at('x'))).toBe(to === 'file');
      });

      if (from !== 'nothing') {
        it(`${from} -> ${to}, but it vanished`, async () => {
          const place = await workplace();
          put(place, from);
          const old = place.scan('x');
          place.remove('x');
          if (to === 'file') await place.stage({ x: 'new' });
          const [result] = await place.transition([change('x', old, wish(place, to))]);
          expect(result).toMatchObject({ achieved: undefined, problem: { code: 'SYNC_TARGET_CHANGED' } });
          expect(state(place)).toBe('nothing');
          expect(place.journal).toEqual([]);
        });

        it(`${from} -> ${to}, but it changed`, async () => {
          const place = await workplace();
          put(place, from);
          const old = place.scan('x');
          place.remove('x');
          put(place, from, 'odd');
          const before = state(place);
          if (to === 'file') await place.stage({ x: 'new' });
          const [result] = await place.transition([change('x', old, wish(place, to))]);
          expect(result?.problem?.code).toBe('SYNC_TARGET_CHANGED');
          expect(state(place)).toBe(before);
          expect(place.journal).toEqual([]);
        });
      }

      for (const occupant of ['file', 'directory', 'symlink'] as const) {
        if (occupant === from) continue;
        it(`${from} -> ${to}, but a ${occupant} is there`, async () => {
          const place = await workplace();
          put(place, from);
          const old = place.scan('x');
          place.remove('x');
          put(place, occupant, 'mine');
          const before = state(place);
          if (to === 'file') await place.stage({ x: 'new' });
          const [result] = await place.transition([change('x', old, wish(place, to))]);
          expect(result?.problem?.code).toBe(from === 'nothing' ? 'SYNC_TARGET_OCCUPIED' : 'SYNC_TARGET_CHANGED');
          expect(result?.achieved === undefined).toBe(false);
          expect(state(place)).toBe(before);
          expect(place.journal).toEqual([]);
        });
      }
    }
  }

  it('a file that was only touched is changed all the same, one with other content of the same size is not', async () => {
    const place = await workplace();
    for (const name of ['touched', 'edited', 'gone']) place.write(name, 'old');
    const old = new Map(['touched', 'edited', 'gone'].map((name) => [name, place.scan(name)]));
    utimesSync(join(place.path, 'touched'), 1, 1);
    utimesSync(join(place.path, 'gone'), 1, 1);
    place.write('edited', 'odd');
    await place.stage({ touched: 'new' });
    const results = await place.transition([
      change('touched', old.get('touched'), place.file('new')),
      change('edited', old.get('edited'), place.file('new')),
      change('gone', old.get('gone'), undefined),
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual([undefined, 'SYNC_TARGET_CHANGED', undefined]);
    expect([place.read('touched'), place.read('edited'), place.read('gone')]).toEqual(['new', 'odd', undefined]);
  });
});

describe('permissions', () => {
  const cases: readonly { permissions: 'all' | 'executable' | 'none'; before: number | undefined; wanted: number; after: number }[] = [
    { permissions: 'all', before: undefined, wanted: 0o666, after: 0o666 },
    { permissions: 'all', before: undefined, wanted: 0o600, after: 0o600 },
    { permissions: 'all', before: undefined, wanted: 0o444, after: 0o444 },
    { permissions: 'all', before: undefined, wanted: 0o000, after: 0o000 },
    { permissions: 'all', before: 0o4755, wanted: 0o750, after: 0o750 },
    { permissions: 'executable', before: undefined, wanted: 0o000, after: 0o644 },
    { permissions: 'executable', before: undefined, wanted: 0o100, after: 0o755 },
    { permissions: 'executable', before: 0o640, wanted: 0o100, after: 0o750 },
    { permissions: 'executable', before: 0o755, wanted: 0o000, after: 0o644 },
    { permissions: 'none', before: undefined, wanted: 0o000, after: 0o644 },
    { permissions: 'none', before: 0o751, wanted: 0o000, after: 0o751 },
  ];
  for (const { permissions, before, wanted, after } of cases) {
    it(`a new content under "${permissions}": ${before?.toString(8) ?? 'nothing'} -> ${wanted.toString(8)} gives ${after.toString(8)} with umask 022`, async () => {
      const umask = process.umask(0o022);
      onTestFinished(() => void process.umask(umask));
      const place = await workplace({ settings: { permissions } });
      if (before !== undefined) place.write('x', 'old', before);
      const old = place.scan('x');
      const next = place.file('new', wanted);
      // Told how the file is to be, or not: the outcome is the same.
      const { digest, sizeBytes, mode, mtimeMs } = next;
      const hint = before === undefined ? { mode, mtimeMs } : {};
      await place.stageFrom([{ path: at('x'), digest, sizeBytes, ...hint }], async function* () {
        yield [{ need: 0, bytes: new TextEncoder().encode('new'), end: 'ok' }];
      });
      expect(await place.transition([change('x', old, next)])).toEqual([{ achieved: next }]);
      expect(place.mode('x').toString(8)).toBe(after.toString(8));
      expect(lstatSync(join(place.path, 'x')).mtimeMs).toBe(1_600_000_000_000);
    });
  }

  for (const mtimeMs of [-86_400_000, 0, 1_600_000_000_123, 1_600_000_000_123.456]) {
    it(`a file has the time of its other side: ${mtimeMs} ms`, async () => {
      const place = await workplace();
      const next = { ...place.file('new'), mtimeMs };
      for (const [name, hint] of [
        ['told', { mode: next.mode, mtimeMs }],
        ['untold', {}],
      ] as const) {
        const { digest, sizeBytes } = next;
        await place.stageFrom([{ path: at(name), digest, sizeBytes, ...hint }], (needs) => sendTexts(needs, { [name]: 'new' }));
        await place.transition([change(name, undefined, next)]);
        expect(lstatSync(join(place.path, name)).mtimeMs).toBe(mtimeMs);
      }
    });
  }

  it('permissions alone leave content, time and inode as they are', async () => {
    const place = await workplace();
    place.write('x', 'old', 0o600);
    const old = place.scan('x');
    const before = lstatSync(join(place.path, 'x'));
    const [result] = await place.transition([change('x', old, { ...place.file('old'), mode: 0o640 })]);
    expect(result?.problem).toBe(undefined);
    expect(result?.achieved).toMatchObject({ mode: 0o640 });
    // Node's own milliseconds are rounded a little differently from ours.
    expect(result?.achieved?.kind === 'file' && Math.abs(result.achieved.mtimeMs - before.mtimeMs)).toBeLessThan(0.001);
    const after = lstatSync(join(place.path, 'x'));
    expect([after.ino, after.mtimeMs, after.mode & 0o777]).toEqual([before.ino, before.mtimeMs, 0o640]);
    expect(place.versions()).toEqual([]);
  });

  it('a folder keeps the set-group bit that it inherits, and files in it get its group', async () => {
    const place = await workplace();
    place.makeDirectory('shared', 0o2775);
    await place.stage({ 'shared/sub/x': 'new' });
    await place.transition([change('shared/sub', undefined, directory(0o770)), change('shared/sub/x', undefined, place.file('new'))]);
    expect(place.mode('shared/sub').toString(8)).toBe('2770');
    expect(lstatSync(join(place.path, 'shared/sub/x')).gid).toBe(lstatSync(join(place.path, 'shared')).gid);
  });

  it.each([
    ['put there', undefined, 'link'],
    ['replaced', 'old', 'rename'],
  ])('what somebody writes in the very moment in which it was %s is for the next scan to read', async (_, before, last) => {
    let path = '';
    let isMade = false;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === last) isMade = true;
        else if (call === 'lstat' && name === 'x' && isMade) writeFileSync(path, 'USR');
      }),
    });
    path = join(place.path, 'x');
    if (before !== undefined) place.write('x', before);
    await place.stage({ x: 'new' });
    isMade = false;
    const [result] = await place.transition([change('x', before === undefined ? undefined : place.scan('x'), place.file('new'))]);
    expect(result?.problem).toBeUndefined();
    expect(place.read('x')).toBe('USR');
    expect(place.known.has(at('x'))).toBe(false);
  });

  it('what the disk cannot store is told', async () => {
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'file.chmod' || call === 'chmod') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      }),
    });
    await place.stage({ x: 'new' });
    const [result] = await place.transition([change('x', undefined, place.file('new', 0o640))]);
    expect(result).toMatchObject({ achieved: { kind: 'file', mode: 0o600 } });
    expect(result?.problem).toBe(undefined);
    expect(place.journal[0]?.change.alpha).toMatchObject({ mode: 0o600 });
    expect(place.journal[0]?.change.beta).toMatchObject({ mode: 0o640 });
  });

  it('a folder that is not writable is filled and then closed, also by an ordinary user', async () => {
    await asNobody(async () => {
      const place = await workplace();
      await place.stage({ 'closed/deep/x': 'new', 'closed/y': 'why' });
      const results = await place.transition([
        change('closed', undefined, directory(0o555)),
        change('closed/deep', undefined, directory(0o111)),
        change('closed/deep/x', undefined, place.file('new')),
        change('closed/y', undefined, place.file('why')),
      ]);
      expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined, undefined]);
      expect([place.mode('closed'), place.mode('closed/deep')]).toEqual([0o555, 0o111]);
      const old = place.scan('closed/y');
      const gone = await place.transition([change('closed/y', old, undefined), change('closed', directory(0o555), directory(0o755))]);
      expect(gone.map(({ problem }) => problem)).toEqual([undefined, undefined]);
      expect([place.mode('closed'), place.read('closed/y')]).toEqual([0o755, undefined]);
    });
  });
});

describe('directories', () => {
  it('one that holds what is out of scope loses what was synced and stays', async () => {
    const place = await workplace({ settings: { scope: { include: [], exclude: ['cache/'], guard: [] } } });
    place.write('hub/deep/letter.md', 'hello');
    place.write('hub/deep/x_state.json', '{}');
    place.write('hub/cache/big', 'big');
    const letter = place.scan('hub/deep/letter.md');
    const results = await place.transition([
      change('hub/deep/letter.md', letter, undefined),
      change('hub/deep', directory(), undefined),
      change('hub', directory(), undefined),
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual([undefined, 'SYNC_DIRECTORY_KEPT', 'SYNC_DIRECTORY_KEPT']);
    expect(results[2]?.achieved).toEqual({ ...directory(), hasUntracked: true });
    expect(place.journal.map(({ change: { path, alpha } }) => [path, alpha?.kind])).toEqual([
      ['hub/deep/letter.md', undefined],
      ['hub/deep', 'directory'],
      ['hub', 'directory'],
    ]);
    expect(place.read('hub/deep/x_state.json')).toBe('{}');
  });

  it('one in which something new has appeared stays, and that is not remembered', async () => {
    const place = await workplace();
    place.makeDirectory('d');
    place.write('d/new', 'new');
    const [result] = await place.transition([change('d', directory(), undefined)]);
    expect(result?.problem?.code).toBe('SYNC_TARGET_CHANGED');
    expect(place.journal).toEqual([]);
    expect(place.read('d/new')).toBe('new');
  });

  it('nothing is made below a folder that could not be made, in this call or a later one', async () => {
    const place = await workplace();
    place.write('d', 'in the way');
    await place.stage({ 'd/x': 'new' });
    expect((await place.transition([change('d', undefined, directory())]))[0]?.problem?.code).toBe('SYNC_TARGET_OCCUPIED');
    place.remove('d');
    place.makeDirectory('d');
    expect((await place.transition([change('d/x', undefined, place.file('new'))]))[0]?.problem?.code).toBe('SYNC_TARGET_OCCUPIED');
    expect(place.exists('d/x')).toBe(false);
  });

  it('a folder above an include path is made with the mode of the house, and is not removed', async () => {
    const umask = process.umask(0o027);
    onTestFinished(() => void process.umask(umask));
    const place = await workplace({ settings: { scope: { include: ['a/b'], exclude: [], guard: [] } } });
    const above: Directory = { kind: 'directory', mode: 0, children: [], hasUntracked: true };
    const results = await place.transition([change('a', undefined, above), change('a/b', undefined, directory(0o777))]);
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined]);
    expect([place.mode('a'), place.mode('a/b')]).toEqual([0o750, 0o777]);
    const refused = await place.transition([change('a/b', directory(0o777), undefined), change('a', above, undefined)]);
    expect(refused.map(({ problem }) => problem?.code)).toEqual([undefined, 'SYNC_OUT_OF_SCOPE']);
    expect(place.exists('a')).toBe(true);
  });

  it('a missing parent is a problem of the path', async () => {
    const place = await workplace();
    await place.stage({ 'no/x': 'new' });
    expect((await place.transition([change('no/x', undefined, place.file('new'))]))[0]?.problem?.code).toBe('SYNC_TARGET_CHANGED');
  });

  it('a tree that is deeper than a process may have open files', async () => {
    let held = 0;
    let most = 0;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'openDirectory') most = Math.max(most, ++held);
        if (call === 'close') held--;
      }),
    });
    const paths = Array.from({ length: 400 }, (_, index) => 'd/'.repeat(index + 1).slice(0, -1));
    const made = await place.transition(paths.map((path) => change(path, undefined, directory())));
    expect(made.filter(({ problem }) => problem !== undefined)).toEqual([]);
    const removed = await place.transition(paths.reverse().map((path) => change(path, directory(), undefined)));
    expect(removed.filter(({ problem }) => problem !== undefined)).toEqual([]);
    expect(place.exists('d')).toBe(false);
    expect(most).toBeLessThan(80);
  });
});

describe('what is not ours to touch', () => {
  it('a guarded or excluded path, the root, or a kind that cannot be made is refused, whoever asks', async () => {
    const place = await workplace({ settings: { scope: { include: [], exclude: ['models/'], guard: ['*.vessel'] } } });
    place.write('a/x_state.json', '{}');
    place.write('models/m', 'm');
    place.write('v.vessel', 'v');
    const old = (name: string): Entry | undefined => place.scan(name);
    const results = await place.transition([
      change('a/x_state.json', old('a/x_state.json'), undefined),
      change('models/m', old('models/m'), undefined),
      change('models', directory(), undefined),
      change('v.vessel', old('v.vessel'), undefined),
      change('.ubos-sync/replica.json', undefined, place.file('x')),
      change('', directory(), undefined),
      change('pipe', { kind: 'untracked', reason: 'special' }, undefined),
    ]);
    expect(new Set(results.map(({ problem }) => problem?.code))).toEqual(new Set(['SYNC_OUT_OF_SCOPE']));
    expect([place.read('a/x_state.json'), place.read('models/m'), place.read('v.vessel')]).toEqual(['{}', 'm', 'v']);
    expect(place.versions()).toEqual([]);
  });

  it('a parent that was swapped for a link is not followed: nothing outside is made, changed or removed', async () => {
    const place = await workplace();
    const outside = await workplace();
    outside.write('sub/victim', 'safe');
    place.write('sub/victim', 'safe');
    const old = place.scan('sub/victim');
    await place.stage({ 'sub/new': 'new', 'sub/victim': 'evil' });
    renameSync(join(place.path, 'sub'), join(place.path, 'was'));
    symlinkSync(join(outside.path, 'sub'), join(place.path, 'sub'));
    const results = await place.transition([
      change('sub/new', undefined, place.file('new')),
      change('sub/dir', undefined, directory()),
      change('sub/link', undefined, symlink('x')),
      change('sub/victim', old, place.file('evil')),
      change('sub/victim', old, undefined),
      change('sub/victim', old, { ...place.file('safe'), mode: 0o777 }),
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual(Array.from({ length: 6 }, () => 'SYNC_TARGET_CHANGED'));
    expect(readdirSync(join(outside.path, 'sub'))).toEqual(['victim']);
    expect([outside.read('sub/victim'), outside.mode('sub/victim')]).toEqual(['safe', 0o644]);
  });

  it('something that appears between the look and the change is not overwritten', async () => {
    let sneak = (): void => {};
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'link') sneak();
      }),
    });
    await place.stage({ x: 'new' });
    sneak = () => place.write('x', 'mine');
    const [result] = await place.transition([change('x', undefined, place.file('new'))]);
    expect(result?.problem?.code).toBe('SYNC_TARGET_OCCUPIED');
    expect(place.read('x')).toBe('mine');
  });

  it('a file that changes between the look and its removal is put back', async () => {
    let sneak = (): void => {};
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'rename' && name === 'x') sneak();
      }),
    });
    place.write('x', 'old');
    const old = place.scan('x');
    sneak = () => place.write('x', 'edited');
    const [result] = await place.transition([change('x', old, undefined)]);
    expect(result?.problem?.code).toBe('SYNC_TARGET_CHANGED');
    expect(place.read('x')).toBe('edited');
    expect(place.journal).toEqual([]);
  });
});

describe('an editor that saves in the moment of a replacement', () => {
  /** A save, at one call of ours: right before it, so after all that came earlier. */
  const moments = [
    { title: 'after the look', call: 'link', nth: 1 },
    { title: 'after the link into versions', call: 'lstat', nth: 2 },
  ] as const;
  const saves = {
    atomically: (place: Workplace) => {
      place.write('x~', 'mine');
      renameSync(join(place.path, 'x~'), join(place.path, 'x'));
    },
    'atomically and with the old time': (place: Workplace) => {
      const { mtimeMs } = lstatSync(join(place.path, 'x'));
      place.write('x~', 'own');
      utimesSync(join(place.path, 'x~'), mtimeMs / 1000, mtimeMs / 1000);
      renameSync(join(place.path, 'x~'), join(place.path, 'x'));
    },
    'in place': (place: Workplace) => place.write('x', 'mine'),
    'as a folder': (place: Workplace) => {
      place.remove('x');
      place.makeDirectory('x');
    },
    'as a link': (place: Workplace) => {
      place.remove('x');
      place.link('x', 'mine');
    },
    'by removing it': (place: Workplace) => place.remove('x'),
  } as const;
  type Layout = 'links' | 'no links' | 'a second link' | 'no versions';

  async function race(layout: Layout, save: (place: Workplace) => void, { call: at, nth }: { call: string; nth: number }, to: Kind) {
    let isArmed = false;
    let seen = 0;
    const place = await workplace({
      keepVersions: layout !== 'no versions',
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (isArmed && call === at && name === 'x' && ++seen === nth) save(place);
        if (isArmed && call === 'link' && name === 'x' && layout === 'no links') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      }),
    });
    place.write('x', 'old');
    if (layout === 'a second link') linkSync(join(place.path, 'x'), join(place.path, 'twin'));
    const old = place.scan('x');
    if (to === 'file') await place.stage({ x: 'new' });
    const staged = place.staged();
    isArmed = true;
    const [result] = await place.transition([change('x', old, wish(place, to))]);
    isArmed = false;
    expect(seen, 'the moment came').toBeGreaterThanOrEqual(nth);
    expect(result?.problem?.code).toBe('SYNC_TARGET_CHANGED');
    expect(place.journal).toEqual([]);
    expect(
      place.versions().flatMap(({ text }) => text ?? []),
      'no version of what stayed',
    ).toEqual([]);
    expect(place.staged(), 'what was staged still is').toEqual(staged);
    return place;
  }

  for (const [how, save] of Object.entries(saves)) {
    for (const to of ['file', 'symlink'] as const) {
      for (const moment of moments) {
        it(`${how}, ${moment.title}: it stays in the tree and is told (file -> ${to})`, async () => {
          const expected = await workplace();
          expected.write('x', 'old');
          save(expected);
          expect(state(await race('links', save, moment, to))).toBe(state(expected));
        });
      }
      for (const [layout, call] of [
        ['no links', 'link'],
        ['no links', 'copyFile'],
        ['a second link', 'copyFile'],
      ] as const) {
        if (call === 'copyFile' && !how.startsWith('atomically') && how !== 'in place') continue;
        it(`${how}, with ${layout}, before ${call}: the same (file -> ${to})`, async () => {
          const expected = await workplace();
          expected.write('x', 'old');
          save(expected);
          expect(state(await race(layout, save, { call, nth: 1 }, to))).toBe(state(expected));
        });
      }
      it(`${how}, with no versions kept, before the last look: the same (file -> ${to})`, async () => {
        const expected = await workplace();
        expected.write('x', 'old');
        save(expected);
        expect(state(await race('no versions', save, { call: 'lstat', nth: 2 }, to))).toBe(state(expected));
      });
    }
  }

  it('a removal of a file with a second link leaves it, too', async () => {
    const place = await race('a second link', saves.atomically, { call: 'copyFile', nth: 1 }, 'nothing');
    expect([place.read('x'), place.read('twin')]).toEqual(['mine', 'old']);
  });

  it('what is written in place after the last look is in the version', async () => {
    let sneak = (): void => {};
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'rename') sneak();
      }),
    });
    place.write('x', 'old');
    const old = place.scan('x');
    await place.stage({ x: 'new' });
    sneak = () => writeFileSync(join(place.path, 'x'), 'mine');
    await place.transition([change('x', old, place.file('new'))]);
    expect([place.read('x'), place.versions()[0]?.text]).toEqual(['new', 'mine']);
  });
});

describe('pre-images', () => {
  it('are independent of the tree: a second link to the replaced file stays apart', async () => {
    const place = await workplace();
    place.write('x', 'old');
    linkSync(join(place.path, 'x'), join(place.path, 'twin'));
    const old = place.scan('x');
    await place.stage({ x: 'new' });
    expect((await place.transition([change('x', old, place.file('new'))]))[0]?.problem).toBe(undefined);
    writeFileSync(join(place.path, 'twin'), 'edited in place');
    expect(place.versions()[0]?.text).toBe('old');
    expect(place.read('x')).toBe('new');
  });

  it('are kept where the disk knows no hard links', async () => {
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'link') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      }),
    });
    place.write('x', 'old');
    const old = place.scan('x');
    await place.stage({ x: 'new', y: 'other' });
    const results = await place.transition([change('y', undefined, place.file('other')), change('x', old, place.file('new'))]);
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined]);
    expect([place.read('x'), place.read('y'), place.versions()[0]?.text]).toEqual(['new', 'other', 'old']);
    expect(place.staged()).toEqual([]);
  });

  /** The kept files: their names as far as the digest's first letters, and what is in them. */
  const contents = (place: Workplace): readonly string[] =>
    readdirSync(join(place.path, '.ubos-sync/versions/content')).map((name) => place.read(`.ubos-sync/versions/content/${name}`) ?? '');
  const nameOf = (place: Workplace, text: string): string => {
    const { digest, sizeBytes } = place.file(text);
    return join(place.path, '.ubos-sync/versions/content', contentName(digest, sizeBytes));
  };

  it('of one content are one file, from whatever number of paths, by whatever way they leave', async () => {
    const place = await workplace();
    for (const name of ['a', 'b', 'c', 'd', 'e']) place.write(name, 'the same');
    linkSync(join(place.path, 'd'), join(place.path, 'twin'));
    place.write('f', 'another');
    await place.stage({ a: 'new' });
    const to = (name: string, next: Entry | undefined): Transition => change(name, place.scan(name), next);
    const results = await place.transition([
      to('a', place.file('new')),
      to('b', undefined),
      to('c', symlink('a')),
      to('d', undefined),
      to('e', undefined),
      to('f', undefined),
    ]);
    expect(results.map(({ problem }) => problem)).toEqual(results.map(() => undefined));
    expect(place.versions().map(({ path, text }) => `${path} ${text}`)).toEqual(
      ['a', 'b', 'c', 'd', 'e'].map((name) => `${name} the same`).concat('f another'),
    );
    expect([...contents(place)].sort()).toEqual(['another', 'the same']);
    expect(lstatSync(nameOf(place, 'the same'))).toMatchObject({ nlink: 1, size: 8 });
    expect([place.read('twin'), place.read('a')]).toEqual(['the same', 'new']);
    expect(place.staged()).toEqual([]);
  });

  for (const next of ['deleted', 'replaced'] as const) {
    const leave = async (place: Workplace): Promise<TransitionResult | undefined> => {
      place.write('x', 'old');
      const old = place.scan('x');
      if (next === 'replaced') await place.stage({ x: 'new' });
      return (await place.transition([change('x', old, next === 'replaced' ? place.file('new') : undefined)]))[0];
    };

    it(`are kept again where what is kept under their name is not what it says: ${next}`, async () => {
      for (const spoil of [
        (name: string) => writeFileSync(name, 'rot'),
        (name: string) => writeFileSync(name, 'longer than it was'),
        (name: string) => writeFileSync(name, ''),
      ]) {
        const place = await workplace();
        await leave(place);
        spoil(nameOf(place, 'old'));
        const spoilt = readFileSync(nameOf(place, 'old'), 'utf8');
        place.remove('x');
        expect((await leave(place))?.problem).toBe(undefined);
        expect(readFileSync(nameOf(place, 'old'), 'utf8')).toBe('old');
        // What was there instead has the name of what it is.
        expect(readFileSync(nameOf(place, spoilt), 'utf8')).toBe(spoilt);
      }
    });

    it(`that are kept already leave just as carefully: a save in that moment stays (${next})`, async () => {
      let sneak: ((call: string) => void) | undefined;
      const place = await workplace({
        disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
          if (name === 'x') sneak?.(call);
        }),
      });
      await leave(place);
      place.remove('x');
      let looks = 0;
      sneak = (call) => {
        if (call !== (next === 'replaced' ? 'lstat' : 'rename') || (next === 'replaced' && ++looks < 2)) return;
        sneak = undefined;
        place.write('x~', 'mine');
        renameSync(join(place.path, 'x~'), join(place.path, 'x'));
      };
      expect((await leave(place))?.problem?.code).toBe('SYNC_TARGET_CHANGED');
      expect(place.read('x')).toBe('mine');
      expect(contents(place)).toContain('old');
    });

    it(`are not mixed up with what a crash left linked to the tree (${next})`, async () => {
      const place = await workplace();
      await leave(place);
      place.write('x', 'edited');
      rmSync(nameOf(place, 'old'));
      linkSync(join(place.path, 'x'), nameOf(place, 'old'));
      const old = place.scan('x');
      await place.stage({ x: 'new' });
      await place.transition([change('x', old, next === 'replaced' ? place.file('new') : undefined)]);
      expect([readFileSync(nameOf(place, 'edited'), 'utf8'), lstatSync(nameOf(place, 'edited')).nlink]).toEqual(['edited', 1]);
    });
  }

  it('are read once where many of one content leave', async () => {
    let reads = 0;
    const place = await workplace({ disk: wrapDisk(createNodeDisk(), ({ call }) => void (call === 'file.read' && reads++)) });
    const names = Array.from({ length: 20 }, (_, index) => `f${index}`);
    for (const name of names) place.write(name, 'the same');
    const changes = names.map((name) => change(name, place.scan(name), undefined));
    await place.transition(changes);
    expect(reads).toBe(1);
  });

  it('are durable once the batch is: copies, and what its user has written a moment ago', async () => {
    const synced: string[] = [];
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'file.sync') synced.push(name);
      }),
    });
    place.write('copied', 'copied');
    linkSync(join(place.path, 'copied'), join(place.path, 'twin'));
    place.write('linked', 'linked');
    const changes = [change('copied', place.scan('copied'), undefined), change('linked', place.scan('linked'), undefined)];
    synced.length = 0;
    await place.transition(changes, { durability: 'full' });
    expect(synced.sort()).toEqual([basename(nameOf(place, 'copied')), basename(nameOf(place, 'linked')), 'manifest.jsonl'].sort());
  });

  it('are not kept if that is not wanted', async () => {
    const place = await workplace({ keepVersions: false });
    place.write('x', 'old');
    place.write('y', 'old');
    const changes = [change('x', place.scan('x'), place.file('new')), change('y', place.scan('y'), undefined)];
    await place.stage({ x: 'new' });
    await place.transition(changes);
    expect([place.read('x'), place.read('y'), place.exists('.ubos-sync/versions')]).toEqual(['new', undefined, false]);
  });
});

describe('a batch', () => {
  it('uses one staged content for several paths, each a file of its own', async () => {
    const place = await workplace();
    await place.stage({ a: 'same' });
    const names = ['a', 'b', 'c'];
    const results = await place.transition(names.map((name) => change(name, undefined, place.file('same'))));
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined]);
    expect(new Set(names.map((name) => lstatSync(join(place.path, name)).ino)).size).toBe(3);
    expect(names.map((name) => place.read(name))).toEqual(['same', 'same', 'same']);
    expect(place.staged()).toEqual([]);
  });

  it('tells of a content that is not staged, and goes on', async () => {
    const place = await workplace();
    await place.stage({ b: 'b' });
    const results = await place.transition([change('a', undefined, place.file('a')), change('b', undefined, place.file('b'))]);
    expect(results.map(({ problem }) => problem?.code)).toEqual(['SYNC_CONTENT_MISMATCH', undefined]);
  });

  it('an abort in the middle leaves whole files, and what was done is in the journal', async () => {
    const controller = new AbortController();
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'makeDirectory' && name === 'd5') controller.abort(new Error('stop'));
      }),
    });
    const changes = Array.from({ length: 10 }, (_, index) => change(`d${index}`, undefined, directory()));
    await expect(place.transition(changes, { signal: controller.signal, durability: 'full' })).rejects.toThrow('stop');
    expect(place.journal.map((record) => record.change.path)).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5']);
    expect(place.exists('d6')).toBe(false);
  });

  it('a full disk fails single paths and leaves what was there', async () => {
    let full = false;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (full && (call === 'link' || call === 'makeDirectory') && name !== 'run' && name !== 'versions')
          throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      }),
    });
    place.write('x', 'old');
    const old = place.scan('x');
    await place.stage({ x: 'new', y: 'why' });
    full = true;
    const results = await place.transition([
      change('x', old, place.file('new')),
      change('y', undefined, place.file('why')),
      change('d', undefined, directory()),
      change('l', undefined, symlink('x')),
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual(['SYNC_NO_SPACE', 'SYNC_NO_SPACE', 'SYNC_NO_SPACE', undefined]);
    expect([place.read('x'), place.exists('y'), place.exists('d')]).toEqual(['old', false, false]);
    expect(place.journal.map((record) => record.change.path)).toEqual(['l']);
  });

  it('with full durability contents are synced before they are visible, folders and what was written down after', async () => {
    const calls: string[] = [];
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (['file.sync', 'sync', 'syncFileSystem', 'link', 'rename'].includes(call)) calls.push(`${call} ${name}`.trim());
      }),
    });
    place.makeDirectory('d');
    await place.stage({ 'd/x': 'new' });
    calls.length = 0;
    await place.transition([change('d/x', undefined, place.file('new'))], { durability: 'full' });
    expect(calls.map((call) => call.replace(/ .*-3$/, ' CONTENT'))).toEqual([
      'file.sync CONTENT',
      'link CONTENT',
      // What was done is written down, in a folder of the run, in that of all runs; and the folder that it was done in.
      'file.sync manifest.jsonl',
      'sync',
      'sync',
      'sync',
    ]);
    calls.length = 0;
    const many = Array.from({ length: 200 }, (_, index) => `d/f${index}`);
    await place.stage(Object.fromEntries(many.map((name) => [name, name])));
    await place.transition(
      many.map((name) => change(name, undefined, place.file(name))),
      { durability: 'full' },
    );
    expect(calls.filter((call) => call === 'syncFileSystem').length).toBe(1);
  });

  it('with full durability what could not be made durable is a problem of its path', async () => {
    const place: Workplace = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'openDirectory' && name === 'bad' && place.exists('bad/x')) throw errnoError('EIO', 'injected');
      }),
    });
    for (const folder of ['good', 'bad']) place.makeDirectory(folder);
    await place.stage({ 'good/x': 'new' });
    const results = await place.transition(
      ['bad/x', 'good/x'].map((path) => change(path, undefined, place.file('new'))),
      { durability: 'full' },
    );
    expect(results.map(({ problem }) => problem?.code)).toEqual(['SYNC_IO', undefined]);
    expect(results[0]?.problem?.message).toContain('bad durable');
    expect([place.read('bad/x'), place.read('good/x')]).toEqual(['new', 'new']);
  });

  it('costs four system calls to stage a small file and three to make it visible', async () => {
    const counts = new Map<string, number>();
    const place = await workplace({ disk: wrapDisk(createNodeDisk(), ({ call }) => void counts.set(call, (counts.get(call) ?? 0) + 1)) });
    const texts = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, `text ${index}`]));
    counts.clear();
    await place.stageFrom(
      Object.entries(texts).map(([path, text]) => ({ path: at(path), ...place.file(text) })),
      (needs) => sendTexts(needs, texts),
    );
    expect(Object.fromEntries(counts)).toMatchObject({ openFile: 101, 'file.write': 100, 'file.setTimes': 100, 'file.close': 101 });
    counts.clear();
    await place.transition(Object.entries(texts).map(([path, text]) => change(path, undefined, place.file(text))));
    // And a file that tells what new files are given here: created, removed. And one in which all of it is written down, at once.
    expect(Object.fromEntries(counts)).toMatchObject({ link: 100, unlink: 102, lstat: 100, openFile: 2, 'file.write': 2 });
    const next = Object.fromEntries(Object.keys(texts).map((name) => [name, `next ${name}`]));
    const replaced = Object.entries(next).map(([name, text]) => change(name, place.scan(name), place.file(text)));
    await place.stageFrom(
      replaced.map(({ path, new: file }) => ({ ...(file as File), path })),
      (needs) => sendTexts(needs, next),
    );
    counts.clear();
    await place.transition(replaced);
    // Looked at, kept by a link, looked at again, replaced, read back. The run's manifest is there already.
    expect(Object.fromEntries(counts)).toMatchObject({ link: 100, rename: 100, lstat: 300, openFile: 3, 'file.write': 1 });
    const deleted = Object.keys(next).map((name) => change(name, place.scan(name), undefined));
    counts.clear();
    await place.transition(deleted);
    // Looked at, its name among what is kept, taken, looked at again.
    expect(Object.fromEntries(counts)).toMatchObject({ rename: 100, lstat: 300, openFile: 3, 'file.write': 1 });
    expect(counts.get('link')).toBe(undefined);
  });
});
