import { describe, expect, it } from 'vitest';
import { dir, file, link, path, problematic, untracked } from '../testing/trees.ts';
import type { Syncable } from '../tree/entry.ts';
import { planRemoval } from './removal.ts';

const [one, two] = [file('one'), file('two')];

/** `a/b: why` where something stays. What has `fixed` in its path is not to be changed. */
function removal(entry: Syncable): readonly string[] {
  const { steps, kept } = planRemoval(path('d'), entry, (at) => at.includes('fixed'));
  expect(kept).toBe(steps.at(-1)?.kept);
  return steps.map((step) => (step.kept === undefined ? step.path : `${step.path}: ${step.kept}`));
}

describe('what it takes to remove an entry', () => {
  it.each<[string, Syncable, readonly string[]]>([
    ['a file, or a link: itself', one, ['d']],
    ['an empty folder: itself', dir(), ['d']],
    [
      'a folder: what is in it first, in order',
      dir({ a: one, e: dir({ b: two, f: dir({ c: one }) }), z: link('x') }),
      ['d/a', 'd/e/b', 'd/e/f/c', 'd/e/f', 'd/e', 'd/z', 'd'],
    ],
    ['one that says of itself that it holds more', dir({ a: one }, { hasUntracked: true }), ['d/a', 'd: untracked']],
    ['one that holds what is not ours', dir({ a: one, pipe: untracked() }), ['d/a', 'd: untracked']],
    [
      'so does all above it, and nothing beside it',
      dir({ e: dir({ f: dir({ pipe: untracked() }) }), g: dir({ a: one }) }),
      ['d/e/f: untracked', 'd/e: untracked', 'd/g/a', 'd/g', 'd: untracked'],
    ],
    ['what could not be read', dir({ a: one, b: problematic() }), ['d/a', 'd: problem']],
    [
      'what is not to be changed is not looked into',
      dir({ a: one, fixed: dir({ b: two, c: problematic() }) }),
      ['d/a', 'd/fixed: direction', 'd: direction'],
    ],
    [
      'of several reasons the one that says most: a policy before what is not ours',
      dir({ a: untracked(), fixed: one }),
      ['d/fixed: direction', 'd: direction'],
    ],
    ['in either order', dir({ fixed: one, z: dir({ a: untracked() }) }), ['d/fixed: direction', 'd/z: untracked', 'd: direction']],
    [
      'what could not be read before all',
      dir({ a: problematic(), fixed: one, z: dir({ p: untracked() }) }),
      ['d/fixed: direction', 'd/z: untracked', 'd: problem'],
    ],
    ['and in the other order', dir({ a: untracked(), fixed: one, z: problematic() }), ['d/fixed: direction', 'd: problem']],
  ])('%s', (_, entry, expected) => {
    expect(removal(entry)).toEqual(expected);
  });

  it('of the entry itself nobody asks whether it is fixed: that was decided', () => {
    expect(planRemoval(path('fixed'), dir({ a: one }), (at) => at === 'fixed').kept).toBeUndefined();
  });
});
