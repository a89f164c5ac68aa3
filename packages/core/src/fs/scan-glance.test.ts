import * as fs from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { type RelativePath, rootPath } from '../tree/path.ts';
import { decodeFolders, type FolderTable } from './scan-folders.ts';
import { glanceTree } from './scan-glance.ts';
import { createScanIndex, type ScanIndex } from './scan-index.ts';
import { decodeScanIndex, encodeScanIndex } from './scan-index-file.ts';
import { createSlices } from './slices.ts';
import { systemClock } from './system-clock.ts';
import { edit, makeEdit, withoutTimes } from './test-support/scan-edits.ts';
import { createScanGround, type ScanGround } from './test-support/scan-ground.ts';

const seed = 20_261_122;

let ground: ScanGround;
beforeEach(async () => {
  ground = await createScanGround();
});
afterEach(() => ground.remove());

type Still = ReadonlyMap<RelativePath, number>;

async function glance(index: ScanIndex = ground.index, on: ScanGround = ground): Promise<Still> {
  on.calls.length = 0;
  const { folders: table } = index;
  if (table === undefined) return new Map();
  return glanceTree({ directory: on.root, index, table, hash: on.hashing.hash, slices: createSlices(systemClock) });
}

function reloaded(index: ScanIndex, on: ScanGround): ScanIndex {
  const bytes = Buffer.concat(encodeScanIndex(index, on.hashing));
  const again = decodeScanIndex(bytes, { kind: 'fast', clock: index.clock }, on.hashing);
  if (again === undefined) throw new TypeError('what was encoded can be decoded');
  return again;
}

const paths = (still: Still): readonly string[] => [...still.keys()].sort();

describe('a tree that was walked', () => {
  beforeEach(async () => {
    ground.write('a/one', '1');
    ground.write('a/deep/two', '2');
    ground.write('b/three', '3');
    ground.write('b/x_state.json', 'out of scope');
    ground.write('top', '4');
    ground.link('a/link', 'one');
    ground.link('a/out', '/etc');
    await ground.scan();
  });

  it('is known to be the same by one look at each file, link and folder, with nothing opened', async () => {
    expect(paths(await glance())).toEqual(['', 'a', 'a/deep', 'b']);
    expect([...ground.seen('glance')].sort()).toEqual(['a', 'a/deep', 'a/deep/two', 'a/one', 'b', 'b/three', 'top']);
    expect([...ground.seen('glanceList')].sort()).toEqual(['', 'a', 'a/deep', 'b']);
    expect([...ground.seen('glanceLink')].sort()).toEqual(['a/link', 'a/out']);
    expect(ground.calls.filter((call) => !/^(?:glance|stat|identity)/.test(call))).toEqual([]);
  });

  const changes: readonly (readonly [string, () => void, readonly string[]])[] = [
    ['a file is written', () => ground.write('a/one', 'other'), ['a/deep', 'b']],
    ['a file is written with the old time', () => writeWithTimes('a/deep/two', 'x'), ['b']],
    ['a file is replaced by a copy', () => replaceByCopy('b/three'), ['a', 'a/deep']],
    ['the mode of a file changes', () => fs.chmodSync(ground.at('top'), 0o600), ['a', 'a/deep', 'b']],
    ['the mode of a folder changes', () => fs.chmodSync(ground.at('a/deep'), 0o700), ['b']],
    ['a file appears', () => ground.write('b/new', ''), ['a', 'a/deep']],
    ['a file goes', () => fs.rmSync(ground.at('b/three')), ['a', 'a/deep']],
    ['something out of scope appears', () => ground.write('b/y_state.json', ''), ['a', 'a/deep']],
    ['a folder appears', () => ground.folder('a/deep/er'), ['b']],
    ['a folder goes', () => fs.rmSync(ground.at('a/deep'), { recursive: true }), ['b']],
    ['a folder is renamed', () => fs.renameSync(ground.at('b'), ground.at('c')), ['a', 'a/deep']],
    ['two folders change places', () => swap('a/deep', 'b'), []],
    ['a link leads elsewhere', () => relink('a/link', 'two'), ['a/deep', 'b']],
    ['a link that does not travel leads elsewhere', () => relink('a/out', '/usr'), ['a/deep', 'b']],
    ['a file becomes a link', () => relink('b/three', 'x'), ['a', 'a/deep']],
    ['a folder becomes a link to it', () => linkInPlace('b'), ['a', 'a/deep']],
  ];

  it.each(changes)('when %s, the folders that are not above it are still known', async (_what, change, expected) => {
    change();
    const still = await glance();
    expect(paths(still)).toEqual(expected);
    expectSound(still, ground.index.folders, (await coldScan(ground)).root);
  });

  it('is walked only where something happened', async () => {
    const before = (await ground.scan()).root;
    ground.write('b/three', 'other');
    const still = await glance();
    const { root } = await ground.scan({ baseline: before, still });
    expect(entryAt(root, 'a' as RelativePath)).toBe(entryAt(before, 'a' as RelativePath));
    expect(ground.seen('openDirectory')).toEqual(['b']);
    expect([...new Set(ground.seen('glance', 'lstat'))].sort()).toEqual(['b/three', 'top']);
    expect(paths(await glance())).toEqual(['', 'a', 'a/deep', 'b']);
    expect(ground.index.get('a/one' as RelativePath)).toBeDefined();
  });

  it('is not taken from the baseline where that is another one', async () => {
    const before = (await ground.scan()).root;
    ground.write('b/three', 'other');
    const now = (await ground.scan()).root;
    const { root } = await ground.scan({ baseline: before, still: await glance() });
    expect(root).toEqual(now);
  });

  it('is walked where the baseline does not know of something untracked, however deep: that is in no digest', async () => {
    const before = (await ground.scan()).root;
    ground.write('a/deep/y_state.json', 'out of scope');
    const now = (await ground.scan()).root;
    expect(merkleOf(now)).toBe(merkleOf(before));
    const still = await glance();
    expect(paths(still)).toEqual(['', 'a', 'a/deep', 'b']);
    const { root } = await ground.scan({ baseline: before, still });
    expect(root).toEqual(now);
    expect(entryAt(root, 'b' as RelativePath)).toBe(entryAt(before, 'b' as RelativePath));
    expect(ground.seen('openDirectory')).toEqual(['a', 'a/deep']);
  });

  it('is known after the index was saved and loaded, forgotten records left out', async () => {
    ground.write('0', 'first');
    await ground.scan();
    fs.rmSync(ground.at('0'));
    await ground.scan();
    expect(paths(await glance(reloaded(ground.index, ground)))).toEqual(['', 'a', 'a/deep', 'b']);
  });

  it('is looked at anew where a record was written since, whatever the disk says', async () => {
    const path = 'a/deep/two' as RelativePath;
    const record = ground.index.get(path);
    if (record === undefined) throw new TypeError('it was read');
    ground.index.set(path, { ...record, digest: ground.hashing.hash(Buffer.from('another content')) });
    expect(paths(await glance())).toEqual(['b']);
    expect(paths(await glance(reloaded(ground.index, ground)))).toEqual(['b']);
    await ground.scan();
    expect(paths(await glance())).toEqual(['', 'a', 'a/deep', 'b']);
  });

  it('with a walk of nothing but what was touched is known again', async () => {
    ground.write('b/three', 'other');
    ground.write('b/new/file', '5');
    fs.rmSync(ground.at('top'));
    await ground.scan({ only: new Set(['', 'b', 'b/new'] as RelativePath[]) });
    expect(ground.seen('openDirectory')).toEqual(['b', 'b/new']);
    const still = await glance();
    expect(paths(still)).toEqual(['', 'a', 'a/deep', 'b', 'b/new']);
    expectSound(still, ground.index.folders, (await coldScan(ground)).root);
  });

  it('with a walk of what was touched takes no record over whose files were written since, whoever wrote them', async () => {
    const path = 'a/deep/two' as RelativePath;
    fs.writeFileSync(ground.at(path), 'another');
    const stat = ground.root.glance?.(path);
    if (stat === undefined) throw new TypeError('it is there');
    ground.index.set(path, { ...stat, digest: ground.hashing.hash(Buffer.from('another')) });
    await ground.scan({ only: new Set([''] as RelativePath[]) });
    expect(ground.seen('openDirectory')).toEqual(['a', 'a/deep']);
    expectSound(await glance(), ground.index.folders, (await coldScan(ground)).root);
  });

  it('has nothing that is known by a glance where the walk found something unreadable or unstable', async () => {
    ground.around = ({ call, path }, next) => {
      if (call === 'readlink' && path === 'a/link') throw Object.assign(new Error('no'), { code: 'EACCES' });
      return next();
    };
    await ground.scan();
    ground.around = (_, next) => next();
    expect(paths(await glance())).toEqual(['a/deep', 'b']);
  });

  it('is not known where all that was in a folder is gone, and was no text', async () => {
    ground.folder('d');
    fs.writeFileSync(Buffer.concat([Buffer.from(`${ground.at('d')}/`), Buffer.from([0xff])]), '');
    await ground.scan();
    fs.rmSync(Buffer.concat([Buffer.from(`${ground.at('d')}/`), Buffer.from([0xff])]));
    expect(paths(await glance())).toEqual(['a', 'a/deep', 'b']);
    const { root } = await ground.scan();
    expect(entryAt(root, 'd' as RelativePath)).not.toHaveProperty('hasUntracked');
  });

  it('takes over no records of a walk with another scope', async () => {
    ground.write('a/hidden.tmp', 'x');
    await ground.scan({ rules: { exclude: ['*.tmp'] } });
    const { root } = await ground.scan({ only: new Set([''] as RelativePath[]) });
    expect(entryAt(root, 'a/hidden.tmp' as RelativePath)).toMatchObject({ kind: 'file' });
    expect(ground.seen('openDirectory')).toEqual(['a', 'a/deep', 'b']);
  });

  it('is nothing to be written for another scope: two would write in turn', async () => {
    await ground.scan();
    ground.index.isDirty = false;
    await ground.scan({ rules: { exclude: ['*.tmp'] } });
    await ground.scan({ rules: { exclude: ['*.bak'] } });
    expect(ground.index.isDirty).toBe(false);
    ground.write('a/one', 'other');
    await ground.scan({ rules: { exclude: ['*.bak'] } });
    expect(ground.index.isDirty).toBe(true);
  });

  it('is not known where the disk refuses to tell', async () => {
    ground.around = ({ call, path }, next) => {
      if (call === 'glanceList' && path === 'b') throw Object.assign(new Error('no'), { code: 'EACCES' });
      return next();
    };
    expect(paths(await glance())).toEqual(['a', 'a/deep']);
  });
});

it(`for any edits, what is still there by a glance is what a walk without any records finds (seed ${seed})`, { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(edit, { maxLength: 6 }), { minLength: 1, maxLength: 4 }), fc.boolean(), async (rounds, reload) => {
      const place = await createScanGround();
      try {
        let index = createScanIndex({ kind: 'fast', clock: systemClock });
        let baseline: Entry | undefined;
        for (const edits of rounds) {
          for (const next of edits) makeEdit(next, place);
          if (reload) index = reloaded(index, place);
          const still = await glance(index, place);
          const cold = (await coldScan(place)).root;
          expectSound(still, index.folders, cold);
          const { root } = await place.scan({ index, baseline, still, clock: systemClock });
          expect(withoutTimes(root)).toEqual(withoutTimes(cold));
          baseline = root;
        }
      } finally {
        place.remove();
      }
    }),
    { seed, numRuns: 80 },
  );
});

it(`for any edits, a walk of nothing but what they touched leaves the records that a whole walk leaves (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(editInPlace, { maxLength: 8 }), fc.array(editInPlace, { maxLength: 4 }), async (before, after) => {
      const place = await createScanGround();
      try {
        for (const next of before) makeEdit(next, place);
        const index = createScanIndex({ kind: 'fast', clock: systemClock });
        await place.scan({ index, clock: systemClock });
        const only = new Set<RelativePath>([rootPath]);
        for (const next of after) {
          makeEdit(next, place);
          for (const path of 'to' in next ? [next.path, next.to] : [next.path]) {
            // What a rename brings along is new below its new name.
            for (const touched of [path, ...below(place, path)]) for (let at = touched; at !== '.'; at = dirname(at)) only.add(at as RelativePath);
          }
        }
        const { root } = await place.scan({ index, clock: systemClock, only });
        const whole = createScanIndex({ kind: 'fast', clock: systemClock });
        const { root: cold } = await place.scan({ index: whole, clock: systemClock });
        expect(merkleOf(root)).toBe(merkleOf(cold));
        expectSound(await glance(index, place), index.folders, cold);
      } finally {
        place.remove();
      }
    }),
    { seed, numRuns: 80 },
  );
});

it(`damaged records are refused or harmless, never more (seed ${seed})`, async () => {
  ground.write('a/one', '1');
  ground.write('a/deep/two', '2');
  await ground.scan();
  const { folders, size } = ground.index;
  if (folders === undefined) throw new TypeError('a walk leaves records');
  const damage = fc.array(fc.tuple(fc.nat(folders.numbers.length - 1), fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(folders.numbers.length), async (spots, cut) => {
      const numbers = folders.numbers.slice(0, cut);
      for (const [at, value] of spots) if (at < cut) numbers[at] = value;
      const table = decodeFolders('fast', folders.scope, numbers, size);
      if (table === undefined) return;
      await glanceTree({ directory: ground.root, index: ground.index, table, hash: ground.hashing.hash, slices: createSlices(systemClock) });
    }),
    { seed, numRuns: 500 },
  );
});

/** What a glance calls still is in the tree, with the very digest of its record. */
function expectSound(still: Still, table: FolderTable | undefined, cold: Entry): void {
  for (const [path, record] of still) {
    const found = entryAt(cold, path);
    const merkle = table?.merkle(record);
    if (merkle === undefined) continue;
    expect(merkleOf(found), path).toBe(merkle);
    expect(found?.kind === 'directory' && found.hasUntracked === true, path).toBe(table?.hasUntracked(record));
  }
}

function coldScan(on: ScanGround): ReturnType<ScanGround['scan']> {
  return on.scan({ index: createScanIndex({ kind: 'fast', clock: systemClock }), clock: systemClock });
}

function merkleOf(entry: Entry | undefined): string | undefined {
  return entry?.kind === 'directory' ? entry.merkle : undefined;
}

/** What lies below a path, where it is a folder. */
function below(on: ScanGround, path: string): readonly string[] {
  try {
    return fs.readdirSync(on.at(path), { recursive: true, encoding: 'utf8' }).map((name) => `${path}/${name}`);
  } catch {
    return [];
  }
}

function writeWithTimes(path: string, text: string): void {
  const { atime, mtime } = fs.statSync(ground.at(path));
  fs.writeFileSync(ground.at(path), text);
  fs.utimesSync(ground.at(path), atime, mtime);
}

function replaceByCopy(path: string): void {
  fs.cpSync(ground.at(path), ground.at('copy'), { preserveTimestamps: true });
  fs.renameSync(ground.at('copy'), ground.at(path));
}

function swap(a: string, b: string): void {
  fs.renameSync(ground.at(a), ground.at('between'));
  fs.renameSync(ground.at(b), ground.at(a));
  fs.renameSync(ground.at('between'), ground.at(b));
}

function relink(path: string, target: string): void {
  fs.rmSync(ground.at(path));
  fs.symlinkSync(target, ground.at(path));
}

function linkInPlace(path: string): void {
  const elsewhere = fs.mkdtempSync('/tmp/ubos-scan-');
  fs.cpSync(ground.at(path), elsewhere, { recursive: true, preserveTimestamps: true });
  fs.rmSync(ground.at(path), { recursive: true });
  fs.symlinkSync(elsewhere, ground.at(path));
}

/** Of what lies where its path says: not through a link. */
const editInPlace = edit.filter((next) => next.do !== 'link');
