import { describe, expect, it } from 'vitest';
import { dir, file, link, problematic, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { createShapes } from './shapes.ts';

const [one, two] = [file('one'), file('two')];

describe('a shape', () => {
  it.each<[string, Entry, Entry]>([
    ['permissions', file('one', { mode: 0o755 }), one],
    ['times', file('one', { mtimeMs: 9 }), one],
    ['permissions of a folder, and of what is in it', dir({ a: file('one', { mode: 0 }) }, { mode: 0o700 }), dir({ a: one })],
    ['what is not ours', dir({ a: one }, { hasUntracked: true }), dir({ a: one })],
    ['times of a link', link('a', { mtimeMs: 9 }), link('a')],
  ])('is the same whatever the %s', (_, a, b) => {
    const shapes = createShapes();
    expect(shapes.of(a)).toEqual(shapes.of(b));
  });

  it.each<[string, Entry, Entry]>([
    ['contents', one, two],
    ['contents below', dir({ a: one }), dir({ a: two })],
    ['names', dir({ a: one }), dir({ b: one })],
    ['kinds', dir({ a: file('') }), dir({ a: dir() })],
    ['a file and a link', file('a'), link('a')],
    ['targets', link('a'), link('b')],
    ['depths', dir({ a: dir({ b: one }) }), dir({ a: dir(), b: one })],
    ['one more', dir({ a: one }), dir({ a: one, b: one })],
    ['an empty folder and an empty file', dir(), file('')],
    ['sizes of one digest', one, { ...one, sizeBytes: 4 }],
  ])('tells %s', (_, a, b) => {
    const shapes = createShapes();
    expect(shapes.of(a)?.id).not.toBe(shapes.of(b)?.id);
  });

  it('counts what it is made of, and knows whether there is any content', () => {
    const shapes = createShapes();
    const facts = (entry: Entry) => {
      const { nodes, hasContent } = shapes.of(entry) ?? {};
      return [nodes, hasContent];
    };
    expect(facts(one)).toEqual([1, true]);
    expect(facts(file(''))).toEqual([1, false]);
    expect(facts(link('a'))).toEqual([1, false]);
    expect(facts(dir())).toEqual([1, false]);
    expect(facts(dir({ a: file(''), d: dir({ e: dir({ b: link('x') }) }) }))).toEqual([5, false]);
    expect(facts(dir({ a: one, z: file('') }))).toEqual([3, true]);
    expect(facts(dir({ a: file(''), d: dir({ b: two }) }))).toEqual([4, true]);
  });

  it('is none where something cannot be synced, at any depth', () => {
    const shapes = createShapes();
    for (const what of [untracked(), problematic()])
      for (const tree of [what, dir({ a: what }), dir({ a: one, d: dir({ e: dir({ b: what }) }), z: one })]) expect(shapes.of(tree)).toBeUndefined();
  });

  it('looks at each object once, shared or asked for again', () => {
    let looks = 0;
    const counted = Object.defineProperty({ ...dir() }, 'children', {
      get: () => {
        looks++;
        return [];
      },
    });
    const shapes = createShapes();
    const once = (ask: () => unknown): number => {
      looks = 0;
      ask();
      return looks;
    };
    const first = once(() => shapes.of(counted));
    expect(once(() => shapes.of(dir({ a: counted, b: counted })))).toBe(0);
    expect(once(() => shapes.of(counted))).toBe(0);
    expect(first).toBeGreaterThan(0);
  });
});
