import { describe, expect, it } from 'vitest';
import { dir, file, path, problematic, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { agreed } from './ancestor.ts';
import { findHalts, includedPaths, massChange, massDelete, pathEmptied, rootEmptied } from './guards.ts';
import type { Policy } from './policy.ts';
import { reconcile } from './reconcile.ts';

const policy: Policy = { conflicts: 'newer', onTie: 'skip', direction: 'both', paths: [], naming: { alpha: 'a', beta: 'b', date: 'd' } };
const share = { share: 0.25 };
const files = (count: number, text = 'one'): Record<string, Entry> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, file(text)]));
const planOf = (ancestor: Entry, alpha: Entry, beta: Entry): Parameters<typeof massDelete>[0] =>
  reconcile({ ancestor: agreed(ancestor), alpha, beta, policy, clock: undefined });

describe('an emptied root', () => {
  const full = dir({ a: file('one'), b: file('two') });
  const facts = (ancestor: Entry, alpha: Entry | undefined, beta: Entry | undefined): Parameters<typeof rootEmptied>[0] => ({
    ancestor: agreed(ancestor),
    alpha,
    beta,
  });

  it('stops, with the side and the number', () => {
    expect(rootEmptied(facts(full, full, dir()))).toEqual({
      reason: 'root-emptied',
      side: 'beta',
      message: 'the root is empty; it held 2 entries when it was last synced',
    });
    expect(rootEmptied(facts(full, undefined, full))).toMatchObject({ side: 'alpha' });
  });

  it('counts what is not synced as nothing, and what could not be read as something', () => {
    expect(rootEmptied(facts(full, full, dir({ pipe: untracked() })))).toMatchObject({ side: 'beta' });
    expect(rootEmptied(facts(full, full, dir({ x: problematic() })))).toBeUndefined();
    expect(rootEmptied(facts(full, full, problematic()))).toBeUndefined();
  });

  it('does not stop with one entry, on both sides, on a first sync, or while something is left', () => {
    expect(rootEmptied(facts(dir({ a: file('one') }), full, dir()))).toBeUndefined();
    expect(rootEmptied(facts(full, dir(), dir()))).toBeUndefined();
    expect(rootEmptied({ ancestor: undefined, alpha: full, beta: dir() })).toBeUndefined();
    expect(rootEmptied(facts(full, full, dir({ a: file('one') })))).toBeUndefined();
  });

  it('the same for a folder that the scope names, emptied or gone', () => {
    const tree = dir({ docs: full, b: file('one') });
    expect(pathEmptied(facts(tree, tree, dir({ docs: dir(), b: file('one') })), path('docs'))).toMatchObject({
      reason: 'path-emptied',
      side: 'beta',
    });
    expect(pathEmptied(facts(tree, dir({ b: file('one') }), tree), path('docs'))).toMatchObject({ side: 'alpha' });
    expect(pathEmptied(facts(tree, tree, tree), path('docs'))).toBeUndefined();
    expect(includedPaths(['/docs/', 'a/b', '**/x', 'c*'])).toEqual(['docs', 'a/b']);
  });
});

describe('a mass deletion', () => {
  it('is more than the share, and at least 20 files', () => {
    const tree = dir(files(100));
    const without = (count: number): Entry => dir(Object.fromEntries(Object.entries(files(100)).slice(count)));
    expect(massDelete(planOf(tree, without(26), tree), agreed(tree), share)).toEqual({
      reason: 'mass-delete',
      side: 'beta',
      message: '26 of 100 files would be deleted',
    });
    expect(massDelete(planOf(tree, without(25), tree), agreed(tree), share)).toBeUndefined();
    const few = dir(files(20));
    expect(massDelete(planOf(few, dir(), few), agreed(few), share)).toMatchObject({ side: 'beta' });
    const fewer = dir(files(19));
    expect(massDelete(planOf(fewer, dir(), fewer), agreed(fewer), share)).toBeUndefined();
  });

  it('is more than a plain number', () => {
    const tree = dir(files(3));
    expect(massDelete(planOf(tree, dir(), tree), agreed(tree), { count: 2 })).toMatchObject({ message: '3 of 3 files would be deleted' });
    expect(massDelete(planOf(tree, dir(), tree), agreed(tree), { count: 3 })).toBeUndefined();
  });
});

describe('a mass change', () => {
  it('is more than the share, and at least 100 files; permissions alone do not count', () => {
    const tree = dir(files(150));
    const changed = dir({ ...files(150), ...files(100, 'two') });
    expect(massChange(planOf(tree, changed, tree), agreed(tree), { share: 0.5 })).toEqual({
      reason: 'mass-change',
      side: 'beta',
      message: '100 of 150 files would be replaced',
    });
    expect(massChange(planOf(tree, dir({ ...files(150), ...files(99, 'two') }), tree), agreed(tree), { share: 0.5 })).toBeUndefined();
    const executable = dir(Object.fromEntries(Object.keys(files(150)).map((name) => [name, file('one', { mode: 0o755 })])));
    expect(massChange(planOf(tree, executable, tree), agreed(tree), { share: 0.5 })).toBeUndefined();
  });
});

it('all that is found is told, the worst first', () => {
  const tree = dir({ docs: dir(files(30)), other: dir(files(30)) });
  const facts = { ancestor: agreed(tree), alpha: dir(), beta: tree };
  const halts = findHalts({ ...facts, plan: planOf(tree, dir(), tree), limits: { maxDelete: share, maxChange: share }, include: ['docs'] });
  expect(halts.map(({ reason, side }) => `${reason} ${side}`)).toEqual(['root-emptied alpha', 'path-emptied alpha', 'mass-delete beta']);
});
