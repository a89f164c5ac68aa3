import { describe, expect, it } from 'vitest';
import { dir, file, link, path } from '../testing/trees.ts';
import type { Entry, Syncable } from '../tree/entry.ts';
import { halfAfter } from './half-after.ts';

const [one, two, run] = [file('one'), file('two'), file('one', { mode: 0o755 })];

/** After a move from `a` that was to make `next`, where this side's half had `was`. */
function moved(next: Syncable, peer: Entry | undefined, isDone?: boolean): Entry | undefined {
  return halfAfter(
    { path: path('b'), old: undefined, new: next, from: { path: path('a'), entry: one, was: link('was') }, peer },
    link('achieved'),
    isDone,
  );
}

const [achieved, was] = [link('achieved'), link('was')];

describe('a half of the ancestor, once a change was made', () => {
  it('holds what was achieved, where nothing moved', () => {
    expect(halfAfter({ path: path('a'), old: one, new: two, peer: one }, achieved)).toEqual(achieved);
    expect(halfAfter({ path: path('a'), old: one, new: undefined, peer: undefined }, undefined)).toBeUndefined();
  });

  it('and where what moved is now as on the other side', () => {
    expect(moved(one, one)).toEqual(achieved);
    expect(moved(link('x'), link('x'), true)).toEqual(achieved);
  });

  it.each<[string, Syncable, Entry | undefined]>([
    ['edited', one, two],
    ['gone', one, undefined],
    ['a link', one, link('x')],
    ['a folder', one, dir()],
    ['a file, a folder here', dir(), one],
    ['a file, a link here', link('x'), one],
    ['a folder, a link here', link('x'), dir()],
    ['another link', link('x'), link('y')],
  ])('moves along as it was, where the other side’s is %s, whether more is planned or not', (_, next, peer) => {
    expect(moved(next, peer)).toEqual(was);
    expect(moved(next, peer, true)).toEqual(was);
  });

  it('and where permissions differ, unless nothing more is planned: then they are held', () => {
    for (const [next, peer] of [
      [one, run],
      [dir(), dir({}, { mode: 0o700 })],
    ] as const) {
      expect(moved(next, peer)).toEqual(was);
      expect(moved(next, peer, false)).toEqual(was);
      expect(moved(next, peer, true)).toEqual(achieved);
    }
  });
});
