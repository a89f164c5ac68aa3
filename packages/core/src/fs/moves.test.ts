/** Moves on the disk where it has a mind of its own: names that it takes for one, folders that are closed, files that are saved in that very moment. */
import { existsSync, linkSync, lstatSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Transition } from '../engine/replica.ts';
import type { Entry, Syncable } from '../tree/entry.ts';
import { createNodeDisk } from './node-disk.ts';
import { asNobody } from './test-support/as-nobody.ts';
import { foldingDisk } from './test-support/folding-disk.ts';
import { at, change, useWorkplaces, type Workplace } from './test-support/workplace.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const workplace = useWorkplaces();

/** All that moves, in walk order, as it is there now. */
function moves(place: Workplace, ...pairs: readonly (readonly [string, string])[]): readonly Transition[] {
  const nodes = pairs.map(([from, to]) => ({ from, to, entry: place.scan(from) as Syncable }));
  return [
    ...nodes.map(({ from, to, entry }) => ({ ...change(to, undefined, entry), from: { path: at(from), entry, was: entry } })),
    ...nodes.reverse().map(({ from, to, entry }) => ({ ...change(from, entry, undefined), to: at(to) })),
  ];
}

const problems = (results: readonly { readonly problem?: { readonly code: string } | undefined }[]): readonly (string | undefined)[] =>
  results.map(({ problem }) => problem?.code);

function names(place: Workplace, folder = '.'): readonly string[] {
  return readdirSync(join(place.path, folder))
    .filter((name) => name !== '.ubos-sync')
    .sort();
}

describe.each([
  ['takes it at once', true],
  ['does nothing for a name that it takes for the same', false],
])('another case, on a disk that %s', (_, renames) => {
  it('of a file', async () => {
    const place = await workplace({ disk: foldingDisk(createNodeDisk(), { renames }) });
    place.write('readme', 'text');
    expect(problems(await place.transition(moves(place, ['readme', 'README'])))).toEqual([undefined, undefined]);
    expect(names(place)).toEqual(['README']);
    expect([place.known.has(at('README')), place.known.has(at('readme'))]).toEqual([true, false]);
  });

  it('of a folder with what is in it', async () => {
    const place = await workplace({ disk: foldingDisk(createNodeDisk(), { renames }) });
    place.write('docs/a.md', 'a');
    place.write('docs/deep/b.md', 'b');
    const changes = moves(place, ['docs', 'Docs'], ['docs/a.md', 'Docs/a.md'], ['docs/deep', 'Docs/deep'], ['docs/deep/b.md', 'Docs/deep/b.md']);
    expect(problems(await place.transition(changes))).toEqual(changes.map(() => undefined));
    expect(names(place)).toEqual(['Docs']);
    expect([place.read('Docs/a.md'), place.read('Docs/deep/b.md')]).toEqual(['a', 'b']);
  });

  it('is not taken from another file of that name', async () => {
    const place = await workplace({ disk: foldingDisk(createNodeDisk(), { renames }) });
    place.write('a', 'one');
    place.write('B', 'two');
    expect(problems(await place.transition(moves(place, ['a', 'b'])))).toEqual(['SYNC_TARGET_OCCUPIED', 'SYNC_TARGET_CHANGED']);
    expect([names(place), place.read('a'), place.read('B')]).toEqual([['B', 'a'], 'one', 'two']);
  });
});

describe('a file', () => {
  it('keeps its inode, and its time', async () => {
    const place = await workplace();
    place.write('old', 'text');
    const before = lstatSync(join(place.path, 'old'));
    const results = await place.transition(moves(place, ['old', 'new']));
    const after = lstatSync(join(place.path, 'new'));
    expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
    expect(results[0]?.achieved).toEqual(place.scan('new'));
    expect([place.versions(), place.staged()]).toEqual([[], []]);
  });

  it('is known as it is when its old name has left the staging folder, too, so that the next scan need not read it', async () => {
    const ctimeNs = (path: string): bigint => lstatSync(path, { bigint: true }).ctimeNs;
    const disk = wrapDisk(createNodeDisk(), ({ call, name }) => {
      if (call !== 'unlink' || !name.startsWith('temp-') || !existsSync(join(place.path, 'new'))) return;
      // Until the file system's clock has gone on by a tick.
      const tick = join(place.path, '.ubos-sync/tick');
      do writeFileSync(tick, '');
      while (ctimeNs(tick) <= ctimeNs(join(place.path, 'new')));
    });
    const place: Workplace = await workplace({ disk });
    place.write('old', 'text');
    expect(problems(await place.transition(moves(place, ['old', 'new'])))).toEqual([undefined, undefined]);
    expect(place.known.get(at('new'))?.ctimeNs).toBe(ctimeNs(join(place.path, 'new')));
  });

  it('that has a second link stays one of two', async () => {
    const place = await workplace();
    place.write('old', 'text');
    linkSync(join(place.path, 'old'), join(place.path, 'other'));
    expect(problems(await place.transition(moves(place, ['old', 'new'])))).toEqual([undefined, undefined]);
    expect([names(place), lstatSync(join(place.path, 'new')).nlink]).toEqual([['new', 'other'], 2]);
  });

  it('that is not another name of the same file is no name in another case', async () => {
    const place = await workplace();
    place.write('a', 'text');
    linkSync(join(place.path, 'a'), join(place.path, 'A'));
    expect(problems(await place.transition(moves(place, ['a', 'A'])))).toEqual(['SYNC_TARGET_OCCUPIED', 'SYNC_TARGET_CHANGED']);
    expect(names(place)).toEqual(['A', 'a']);
  });

  it.each(['link', 'unlink'])('that is saved anew right before the %s is left as it was saved', async (step) => {
    const saved: string[] = [];
    const disk = wrapDisk(createNodeDisk(), ({ call, name }) => {
      if (saved.length > 0 || call !== (step === 'link' ? 'link' : 'lstat') || name !== 'old') return;
      if (step === 'unlink' && !existsSync(join(saved.at(-1) ?? place.path, 'new'))) return;
      saved.push(place.path);
      writeFileSync(join(place.path, 'temp'), 'saved by an editor');
      renameSync(join(place.path, 'temp'), join(place.path, 'old'));
    });
    const place: Workplace = await workplace({ disk });
    place.write('old', 'text');
    expect(problems(await place.transition(moves(place, ['old', 'new'])))).toEqual(['SYNC_TARGET_CHANGED', 'SYNC_TARGET_CHANGED']);
    expect(saved).toHaveLength(1);
    expect([names(place), place.read('old')]).toEqual([['old'], 'saved by an editor']);
  });

  it('gets the mode that it is to have', async () => {
    const place = await workplace();
    place.write('old', 'text', 0o644);
    const [creation, deletion] = moves(place, ['old', 'new']);
    const next: Entry = { ...(creation?.new as Syncable & { readonly kind: 'file' }), mode: 0o755 };
    const results = await place.transition([{ ...(creation as Transition), new: next }, deletion as Transition]);
    expect(results[0]?.achieved).toMatchObject({ mode: 0o755 });
    expect(place.mode('new')).toBe(0o755);
  });
});

describe('a folder', () => {
  it('that is closed, or in a closed one, is moved all the same, and is closed again, also by an ordinary user', () =>
    asNobody(async () => {
      const place = await workplace();
      place.write('closed/docs/a.md', 'a');
      place.makeDirectory('closed/docs', 0o555);
      place.makeDirectory('closed', 0o555);
      place.makeDirectory('target');
      const changes = moves(place, ['closed/docs', 'target/docs'], ['closed/docs/a.md', 'target/docs/a.md']);
      expect(problems(await place.transition(changes))).toEqual(changes.map(() => undefined));
      expect([place.read('target/docs/a.md'), place.mode('target/docs'), place.mode('closed')]).toEqual(['a', 0o555, 0o555]);
      expect(names(place, 'closed')).toEqual([]);
      place.makeDirectory('closed', 0o755);
      place.makeDirectory('target/docs', 0o755);
    }));

  it('in which a file was edited since the scan: that stays, the rest moves', async () => {
    const place = await workplace();
    place.write('old/a', 'a');
    place.write('old/b', 'b');
    const changes = moves(place, ['old', 'new'], ['old/a', 'new/a'], ['old/b', 'new/b']);
    place.write('old/b', 'edited');
    expect(problems(await place.transition(changes))).toEqual([
      undefined,
      undefined,
      'SYNC_TARGET_CHANGED',
      'SYNC_TARGET_CHANGED',
      undefined,
      'SYNC_TARGET_CHANGED',
    ]);
    expect([names(place, 'new'), names(place, 'old'), readFileSync(join(place.path, 'old/b'), 'utf8')]).toEqual([['a'], ['b'], 'edited']);
  });
});
