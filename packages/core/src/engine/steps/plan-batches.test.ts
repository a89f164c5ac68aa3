import { describe, expect, it } from 'vitest';
import type { Change } from '../../reconcile/change.ts';
import { dir, file } from '../../testing/trees.ts';
import type { Entry, File } from '../../tree/entry.ts';
import type { RelativePath } from '../../tree/path.ts';
import { planBatches } from './plan-batches.ts';

const small = file('small');
const large: File = { ...file('large'), sizeBytes: 100 * 1024 ** 2 };
const larger: File = { ...file('larger'), sizeBytes: 200 * 1024 ** 2 };

function change(path: string, old: Entry | undefined, next: Entry | undefined): Change {
  return { path: path as RelativePath, old, new: next };
}

function pathsOf(changes: readonly Change[], options?: Parameters<typeof planBatches>[2]): readonly (readonly string[])[] {
  return planBatches(changes, [], options).map(({ alpha }) => alpha.map(({ path }) => path));
}

describe('batches', () => {
  it('put large files behind small ones, the smallest first, and deletions last', () => {
    const changes = [change('a', undefined, larger), change('b', small, undefined), change('c', undefined, large), change('d', undefined, small)];
    expect(pathsOf(changes)).toEqual([['d', 'c', 'a', 'b']]);
  });

  it('make a directory before what is in it, large or not', () => {
    expect(pathsOf([change('d', undefined, dir({})), change('d/x', undefined, large), change('d/y', undefined, small)])).toEqual([
      ['d', 'd/y', 'd/x'],
    ]);
  });

  it('empty a directory before something else takes its place', () => {
    const changes = [change('d/x', small, undefined), change('d', dir({}), large), change('e', undefined, small), change('f', small, undefined)];
    expect(pathsOf(changes)).toEqual([['d/x', 'd', 'e', 'f']]);
  });

  it('copy the loser of a conflict before the winner takes its name, however large the loser is', () => {
    const changes = [change('x (conflict)', undefined, larger), change('x', larger, small)];
    expect(pathsOf(changes, { isCopy: (path) => path === 'x (conflict)' })).toEqual([['x (conflict)', 'x']]);
  });

  it('are cut by items and by content, both sides beside each other', () => {
    const limits = { items: 2, contentBytes: 150 * 1024 ** 2 };
    expect(pathsOf([change('a', undefined, small), change('b', undefined, small), change('c', undefined, small)], { limits })).toEqual([
      ['a', 'b'],
      ['c'],
    ]);
    expect(pathsOf([change('a', undefined, large), change('b', undefined, larger)], { limits })).toEqual([['a'], ['b']]);
    const batches = planBatches(
      [change('a', undefined, small)],
      [change('b', undefined, small), change('c', undefined, small), change('d', undefined, small)],
      { limits },
    );
    expect(batches.map(({ alpha, beta }) => [alpha.length, beta.length])).toEqual([
      [1, 2],
      [0, 1],
    ]);
  });

  it('put behind everything else what follows a move on the other side', () => {
    const moved: Change = { ...change('new', undefined, small), from: { path: 'old' as RelativePath, entry: small, was: small } };
    const left: Change = { ...change('old', small, undefined), to: 'new' as RelativePath };
    const batches = planBatches([change('new', small, large), change('a', undefined, small)], [moved, left], {});
    expect(batches.map(({ alpha, beta }) => [alpha, beta].map((changes) => changes.map(({ path }) => path)))).toEqual([
      [['a'], ['new', 'old']],
      [['new'], []],
    ]);
  });

  it('count no content for what moves, however large it is, and leave it in its order', () => {
    const moved: Change = { ...change('d/new', undefined, larger), from: { path: 'old' as RelativePath, entry: larger, was: larger } };
    const limits = { items: 10, contentBytes: 1024 };
    expect(pathsOf([change('d', undefined, dir({})), moved, change('e', undefined, small)], { limits })).toEqual([['d', 'd/new', 'e']]);
  });

  it('need no content for permissions alone', () => {
    expect(pathsOf([change('a', large, { ...large, mode: 0o600 }), change('b', undefined, small)])).toEqual([['a', 'b']]);
  });
});
