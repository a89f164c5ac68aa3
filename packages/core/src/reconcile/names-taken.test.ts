import { describe, expect, it } from 'vitest';
import { dir, file, path } from '../testing/trees.ts';
import type { Name } from '../tree/name.ts';
import { rootPath } from '../tree/path.ts';
import { createNamesTaken, isExact } from './names-taken.ts';

const ignoresCase = { ignoresCase: true, ignoresUnicodeForm: false };
const one = file('one');
const name = (text: string): Name => text as Name;

describe('names in use', () => {
  it('are those that are there, in any of the trees, and found by what folds to the same', () => {
    const names = createNamesTaken(ignoresCase);
    const present = [dir({ Readme: one }), undefined, dir({ 'b.TXT': one })];
    expect(names.find(rootPath, name('README'), present)).toBe('Readme');
    expect(names.find(rootPath, name('B.txt'), present)).toBe('b.TXT');
    expect(names.find(rootPath, name('c'), present)).toBeUndefined();
  });

  it('are those that were added since, too, in that directory alone', () => {
    const names = createNamesTaken(ignoresCase);
    names.add(path('d'), name('New'), [dir({ old: one })]);
    expect(names.find(path('d'), name('new'), [])).toBe('New');
    expect(names.find(path('d'), name('OLD'), [])).toBe('old');
    expect(names.find(path('e'), name('new'), [])).toBeUndefined();
  });

  it('of a directory are read once', () => {
    const names = createNamesTaken(ignoresCase);
    expect(names.find(rootPath, name('a'), [])).toBeUndefined();
    expect(names.find(rootPath, name('a'), [dir({ a: one })])).toBeUndefined();
  });
});

it('a file system is exact where it ignores neither case nor form', () => {
  const of = (text: string): boolean => isExact({ ignoresCase: text.includes('c'), ignoresUnicodeForm: text.includes('f') });
  expect(['', 'c', 'f', 'cf'].map(of)).toEqual([true, false, false, false]);
});
