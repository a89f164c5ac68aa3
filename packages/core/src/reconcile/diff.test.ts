import { describe, expect, it } from 'vitest';
import { dir, file, link, path, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { rootPath } from '../tree/path.ts';
import { diff } from './diff.ts';

const [one, two] = [file('one'), file('two')];

/** In order: `+` made, `-` removed, `*` changed or replaced. */
function steps(a: Entry | undefined, b: Entry | undefined): readonly string[] {
  return diff(a, b).map(({ path: at, old, new: next }) => `${old === undefined ? '+' : next === undefined ? '-' : '*'}${at}`);
}

describe('the changes from one tree to another', () => {
  it.each<[string, Entry | undefined, Entry | undefined, readonly string[]]>([
    ['none, but times', dir({ a: file('one', { mtimeMs: 1 }) }), dir({ a: one }, { hasUntracked: true }), []],
    ['a folder before what is in it', dir(), dir({ d: dir({ a: one, e: dir({ b: two }) }) }), ['+d', '+d/a', '+d/e', '+d/e/b']],
    ['and removed after it', dir({ d: dir({ a: one, e: dir({ b: two }) }) }), dir(), ['-d/a', '-d/e/b', '-d/e', '-d']],
    ['siblings in order, also of both kinds', dir({ b: dir({ x: one }), d: one }), dir({ a: one, c: two }), ['+a', '-b/x', '-b', '+c', '-d']],
    ['a folder becomes a file: what is in it goes first', dir({ a: dir({ b: one, c: two }) }), dir({ a: one }), ['-a/b', '-a/c', '*a']],
    ['a file becomes a folder: what is in it comes later', dir({ a: one }), dir({ a: dir({ b: one }) }), ['*a', '+a/b']],
    ['a chmod of a folder before what changes in it', dir({ d: dir({ a: one }) }), dir({ d: dir({ a: two }, { mode: 0o700 }) }), ['*d', '*d/a']],
    ['an empty folder becomes a link, beside others', dir({ a: dir(), b: one }), dir({ a: link('b'), b: two }), ['*a', '*b']],
    ['what is not synced becomes a file', dir({ a: untracked() }), dir({ a: one }), ['*a']],
    ['all', undefined, dir({ a: one }), ['+', '+a']],
    ['nothing any more', dir({ a: one }), undefined, ['-a', '-']],
    ['what is not synced, on both', dir({ a: untracked(), b: one }), dir({ a: untracked(), b: two }), ['*b']],
    ['nothing of nothing', undefined, undefined, []],
  ])('%s', (_, a, b, expected) => {
    expect(steps(a, b)).toEqual(expected);
  });

  it('are of nodes by themselves', () => {
    expect(diff(dir({ d: dir({ a: one }) }), dir({ d: dir({ a: one }, { mode: 0o700 }) }))).toEqual([
      { path: path('d'), old: dir(), new: dir({}, { mode: 0o700 }) },
    ]);
    expect(diff(undefined, dir({ a: one }))[0]).toEqual({ path: rootPath, old: undefined, new: dir() });
  });
});
