import { describe, expect, it } from 'vitest';
import { dir, file, link, problematic, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { bringsContent, isUnchanged } from './compare.ts';

const one = file('one');
const two = file('two');
const run = file('one', { mode: 0o755 });
const full = dir({ a: one, e: dir({ b: two }) });

describe('what a side has, and what it had', () => {
  it.each<[string, Entry | undefined, Entry | undefined, boolean, boolean]>([
    // now, before, unchanged, brings content
    ['nothing, as before', undefined, undefined, true, false],
    ['the same file, of another time', file('one', { mtimeMs: 9 }), one, true, false],
    ['a new file', one, undefined, false, true],
    ['a new folder', dir(), undefined, false, true],
    ['another content', two, one, false, true],
    ['a chmod', run, one, false, false],
    ['a chmod and another content', file('two', { mode: 0o755 }), one, false, true],
    ['the same link', link('x', { mtimeMs: 9 }), link('x'), true, false],
    ['another link', link('y'), link('x'), false, true],
    ['a link for a file', link('one'), one, false, true],
    ['a file for a link', one, link('one'), false, true],
    ['a file for a folder', one, full, false, true],
    ['a folder for a file', full, one, false, true],
    ['a deleted file', undefined, one, false, false],
    ['a deleted folder', undefined, full, false, false],
    ['a deletion below', dir({ a: one, e: dir() }), full, false, false],
    ['a chmod of a folder', dir({ a: one, e: dir({ b: two }) }, { mode: 0o700 }), full, false, false],
    ['an edit below', dir({ a: one, e: dir({ b: one }) }), full, false, true],
    ['an edit, then a chmod', dir({ a: two, z: run }), dir({ a: one, z: one }), false, true],
    ['a chmod, then an edit', dir({ a: run, z: two }), dir({ a: one, z: one }), false, true],
    ['an edit, then what is as it was', dir({ a: two, z: one }), dir({ a: one, z: one }), false, true],
    ['a new folder below', dir({ a: one, e: dir({ b: two }), f: dir() }), full, false, true],
    ['untracked, where nothing was', untracked(), undefined, true, false],
    ['untracked, where a file was', untracked(), one, false, false],
    ['unreadable', problematic(), one, true, false],
    ['unreadable, where nothing was', problematic(), undefined, true, false],
    ['unreadable, where a full folder was', problematic(), full, true, false],
    ['an unreadable folder in what is as it was', dir({ a: one, e: problematic() }), full, true, false],
    ['an unreadable folder, and an edit', dir({ a: one, e: problematic(), z: one }), full, false, true],
  ])('%s', (_, now, before, unchanged, brings) => {
    expect(isUnchanged(now, before)).toBe(unchanged);
    expect(bringsContent(now, before)).toBe(brings);
  });
});
