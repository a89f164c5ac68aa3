import { describe, expect, it } from 'vitest';
import { dir, file, link, path, problematic, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { agreed } from './ancestor.ts';
import { findHalts, includedPaths, massChange, massDelete, pathEmptied, rootEmptied } from './guards.ts';
import type { Plan } from './plan.ts';
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

describe('an emptied folder', () => {
  const was = dir({ docs: dir({ a: file('one'), b: file('two'), e: dir({ c: file('three') }) }), z: file('z') });
  const now = (docs: Entry | undefined): Entry => dir({ docs, z: file('z') });
  const found = (alpha: Entry | undefined, beta: Entry | undefined, plan?: Plan): string | undefined => {
    const halt = pathEmptied({ ancestor: agreed(was), alpha, beta, plan }, path('docs'));
    return halt && `${halt.side}: ${halt.message}`;
  };
  const told = 'docs is empty or gone; it held 3 entries when it was last synced';

  it.each<[string, Entry | undefined]>([
    ['gone', undefined],
    ['empty', dir()],
    ['of what is not synced alone', dir({ pipe: untracked() })],
    ['itself not synced', untracked()],
    [
      'of folders alone that are there for what is out of scope',
      dir({ logs: dir({}, { hasUntracked: true }), p: dir({ q: dir({ s: untracked() }) }) }),
    ],
  ])('is %s', (_, docs) => {
    expect(found(now(docs), was)).toBe(`alpha: ${told}`);
    expect(found(was, now(docs))).toBe(`beta: ${told}`);
    expect(found(now(docs), now(docs))).toBeUndefined();
  });

  it.each<[string, Entry | undefined]>([
    ['could not be read', problematic()],
    ['holds what could not be read', dir({ x: problematic() })],
    ['holds that in a folder', dir({ x: dir({ y: problematic() }) })],
    ['is a file', file('one')],
    ['is a link', link('x')],
    ['holds one file', dir({ a: file('one') })],
    ['holds one file, deep', dir({ logs: dir({}, { hasUntracked: true }), x: dir({ y: dir({ a: file('one') }) }) })],
    ['holds an empty folder', dir({ x: dir() })],
    ['holds an empty folder in one of what is out of scope', dir({ x: dir({ y: dir() }, { hasUntracked: true }) })],
  ])('is none that %s', (_, docs) => {
    expect(found(now(docs), was)).toBeUndefined();
    expect(found(was, now(docs))).toBeUndefined();
  });

  it('is none below what could not be read, at any height', () => {
    const deep = dir({ a: dir({ b: dir({ c: dir({ x: file('one'), y: file('two') }) }) }) });
    for (const alpha of [problematic(), dir({ a: problematic() }), dir({ a: dir({ b: problematic() }) })])
      expect(pathEmptied({ ancestor: agreed(deep), alpha, beta: deep }, path('a/b/c'))).toBeUndefined();
    expect(pathEmptied({ ancestor: agreed(deep), alpha: dir({ a: dir() }), beta: deep }, path('a/b/c'))).toMatchObject({ side: 'alpha' });
  });

  it('counts no folder that held nothing and still is there, but one that lost something', () => {
    const logs = dir({}, { hasUntracked: true });
    const before = (more: Record<string, Entry>): Entry => dir({ docs: dir({ logs: dir(), ...more }) });
    const halt = (more: Record<string, Entry>) =>
      pathEmptied({ ancestor: agreed(before(more)), alpha: dir({ docs: dir({ logs, e: logs }) }), beta: before(more) }, path('docs'));
    expect(halt({ a: file('one') })).toBeUndefined();
    expect(halt({ a: file('one'), e: dir() })).toBeUndefined();
    expect(halt({ a: file('one'), e: dir({ x: file('x') }) })).toMatchObject({ message: expect.stringContaining('2 entries') });
  });

  it('is by its own half of the ancestor', () => {
    const ancestor = { alpha: dir({ docs: dir() }), beta: was };
    expect(pathEmptied({ ancestor, alpha: now(undefined), beta: was }, path('docs'))).toBeUndefined();
    expect(pathEmptied({ ancestor, alpha: was, beta: now(undefined) }, path('docs'))).toMatchObject({ side: 'beta' });
  });

  it('lost what was moved only to another place', () => {
    const { docs } = { docs: { a: file('one'), b: file('two'), e: dir({ c: file('three') }) } };
    const planned = (alpha: Entry): string | undefined => found(alpha, was, planOf(was, alpha, was));
    // All of it, as a folder or piece by piece.
    expect(planned(dir({ texts: dir(docs), z: file('z') }))).toBeUndefined();
    expect(planned(dir({ a2: docs.a, b2: docs.b, c2: file('three'), docs: dir(), z: file('z') }))).toBeUndefined();
    // Two of three; one of three.
    expect(planned(dir({ a2: docs.a, b2: docs.b, docs: dir(), z: file('z') }))).toBeUndefined();
    expect(planned(dir({ a2: docs.a, docs: dir(), z: file('z') }))).toBe('alpha: docs is empty or gone; it held 2 entries when it was last synced');
    // Told of no plan, it is all gone.
    expect(found(dir({ texts: dir(docs), z: file('z') }), was)).toBe(`alpha: ${told}`);
    // The other way round.
    const beta = dir({ texts: dir(docs), z: file('z') });
    expect(found(was, beta, planOf(was, was, beta))).toBeUndefined();
  });

  it('lost no folders that were moved with it, empty ones too, or emptied file by file', () => {
    const moved = (children: Record<string, Entry>, alpha: Entry): unknown => {
      const before = dir({ docs: dir(children) });
      return pathEmptied({ ancestor: agreed(before), alpha, beta: before, plan: planOf(before, alpha, before) }, path('docs'));
    };
    const children = { a: file('one'), e: dir(), f: dir() };
    expect(moved(children, dir({ texts: dir(children) }))).toBeUndefined();
    expect(moved({ e: dir({ a: file('one') }), f: dir({ b: file('two') }) }, dir({ docs: dir(), c: file('one'), d: file('two') }))).toBeUndefined();
  });

  it('lost a folder that was moved but for one file', () => {
    const full = dir({ docs: dir({ d: dir({ a: file('one'), b: file('two') }), e: dir({ c: file('three') }), f: dir() }) });
    const alpha = dir({ a2: file('one'), c2: file('three'), docs: dir() });
    const plan = planOf(full, alpha, full);
    expect(plan.betaChanges.filter(({ to }) => to !== undefined).map((change) => change.path)).toEqual(['docs/d/a', 'docs/e/c']);
    // `d` lost a file, and the empty `f` moved nowhere; `e` did.
    expect(pathEmptied({ ancestor: agreed(full), alpha, beta: full, plan }, path('docs'))).toMatchObject({
      message: expect.stringContaining('2 entries'),
    });
  });
});

describe('the paths that a scope names', () => {
  it('are those without wildcards, slashes around them aside', () => {
    expect(includedPaths(['a*', 'a?', '[a', 'a]', '{a', 'a}', '!a', 'a\\b', '../x', 'a//b'])).toEqual([]);
    expect(includedPaths(['//a//', 'b/c/d', 'ä', 'x y'])).toEqual(['a', 'b/c/d', 'ä', 'x y']);
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

describe('what counts as deleted', () => {
  const names = Array.from({ length: 30 }, (_, index) => `f${index}`);
  const all = (make: (index: number) => Entry | undefined): Entry =>
    dir({ kept: file('kept'), ...Object.fromEntries(names.map((each, at) => [each, make(at)])) });
  const halt = (before: Entry, alpha: Entry, beta = before) => massDelete(planOf(before, alpha, beta), agreed(before), { count: 0 })?.message;

  it('is a file or link that goes, on the side where it goes', () => {
    const before = all((index) => (index % 2 === 0 ? file(`${index}`) : link(`${index}`)));
    expect(halt(before, dir({ kept: file('kept') }))).toBe('30 of 31 files would be deleted');
    const there = massDelete(planOf(before, before, dir({ kept: file('kept') })), agreed(before), { share: 0.5 });
    expect(there).toMatchObject({ side: 'alpha' });
  });

  it('a folder that takes its place, too; a link, an edit or a chmod does not', () => {
    const before = all(() => file('one'));
    expect(
      halt(
        before,
        all(() => dir()),
      ),
    ).toBe('30 of 31 files would be deleted');
    for (const next of [link('x'), file('two'), file('one', { mode: 0o600 })])
      expect(
        halt(
          before,
          all(() => next),
        ),
      ).toBeUndefined();
  });

  it('no folder, and nothing that moved', () => {
    expect(
      halt(
        all(() => dir()),
        dir({ kept: file('kept') }),
      ),
    ).toBeUndefined();
    const before = dir({ kept: file('kept'), d: dir(Object.fromEntries(names.map((each) => [each, file(each)]))) });
    const after = dir({ kept: file('kept'), e: dir(Object.fromEntries(names.map((each) => [each, file(each)]))) });
    expect(halt(before, after)).toBeUndefined();
  });

  it('of a share counts what that side had when it was last synced', () => {
    const [small, large] = [dir(files(30)), dir({ ...files(30), more: dir(files(200)) })];
    const plan = planOf(small, dir({ kept: file('two') }), small);
    expect(massDelete(plan, { alpha: large, beta: small }, share)).toMatchObject({ message: '30 of 30 files would be deleted' });
    expect(massDelete(plan, { alpha: small, beta: large }, share)).toBeUndefined();
    expect(massDelete(plan, undefined, share)).toMatchObject({ message: '30 of 0 files would be deleted' });
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

  it('is of links, and of files that become links, too; not of what is made, goes, or becomes a folder', () => {
    const of = (before: Entry | undefined, after: Entry | undefined) => {
      const [was, now] = [dir({ a: before, kept: file('kept') }), dir({ a: after, kept: file('kept') })];
      return massChange(planOf(was, now, was), agreed(was), { count: 0 })?.message;
    };
    for (const [before, after] of [
      [link('x'), link('y')],
      [file('one'), link('y')],
      [link('x'), file('one')],
      [file('one'), file('two')],
    ])
      expect(of(before, after)).toBe('1 of 2 files would be replaced');
    for (const [before, after] of [
      [undefined, file('one')],
      [file('one'), undefined],
      [file('one'), dir()],
      [dir(), file('one')],
      [dir(), dir({}, { mode: 0o700 })],
    ])
      expect(of(before, after)).toBeUndefined();
  });
});

it('all that is found is told, the worst first', () => {
  const tree = dir({ docs: dir(files(30)), other: dir(files(30)) });
  const facts = { ancestor: agreed(tree), alpha: dir(), beta: tree };
  const halts = findHalts({ ...facts, plan: planOf(tree, dir(), tree), limits: { maxDelete: share, maxChange: share }, include: ['docs'] });
  expect(halts.map(({ reason, side }) => `${reason} ${side}`)).toEqual(['root-emptied alpha', 'path-emptied alpha', 'mass-delete beta']);
  const rewritten = dir({ docs: dir(files(30, 'two')), other: dir(files(30)) });
  const changed = {
    ...facts,
    alpha: rewritten,
    plan: planOf(tree, rewritten, tree),
    limits: { maxDelete: share, maxChange: { count: 29 } },
    include: [],
  };
  expect(findHalts(changed).map(({ reason, side }) => `${reason} ${side}`)).toEqual(['mass-change beta']);
  expect(findHalts({ ...changed, limits: { maxDelete: share, maxChange: { count: 30 } } })).toEqual([]);
});
