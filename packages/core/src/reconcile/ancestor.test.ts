import { describe, expect, it } from 'vitest';
import { dir, file, path } from '../testing/trees.ts';
import { entryAt } from '../tree/lookup.ts';
import { agreed } from './ancestor.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import { contentRequests } from './content-requests.ts';
import { heldEntries } from './held.ts';

describe('an ancestor', () => {
  const tree = dir({ d: dir({ a: file('one'), b: file('two') }), e: dir({ c: file('one') }) });

  it('stays one tree as long as both halves are given the same nodes', () => {
    const node = file('three');
    const after = applyAncestorChanges(agreed(tree), [{ path: path('d/a'), alpha: node, beta: node }]);
    expect(after.alpha).toBe(after.beta);
  });

  it('shares what is identical when something is held, and all of it when nothing is any more', () => {
    const held = applyAncestorChanges(agreed(tree), [{ path: path('d/a'), alpha: file('one'), beta: file('three') }]);
    expect(entryAt(held.alpha, path('e'))).toBe(entryAt(held.beta, path('e')));
    expect(entryAt(held.alpha, path('d'))).not.toBe(entryAt(held.beta, path('d')));
    expect(heldEntries(held)).toEqual([{ path: 'd/a', alpha: file('one'), beta: file('three') }]);
    const settled = applyAncestorChanges(held, [{ path: path('d/a'), alpha: file('three'), beta: file('three') }]);
    expect(settled.alpha).toBe(settled.beta);
    expect(heldEntries(settled)).toEqual([]);
  });

  it('lists a directory that one half alone has once, and no times', () => {
    const held = { alpha: dir({ d: dir({ a: file('one') }), x: file('one', { mtimeMs: 1 }) }), beta: dir({ x: file('one', { mtimeMs: 2 }) }) };
    expect(heldEntries(held)).toEqual([{ path: 'd', alpha: dir(), beta: undefined }]);
  });

  it('is not changed by a list that says what it holds, or lies in no directory', () => {
    const before = agreed(tree);
    const after = applyAncestorChanges(before, [
      { path: path('d/a'), alpha: file('one'), beta: file('one') },
      { path: path('x/y'), alpha: file('one'), beta: file('one') },
    ]);
    expect([after.alpha, after.beta]).toEqual([tree, tree]);
    expect(after.alpha).toBe(tree);
  });
});

it('contents are asked for where a file gets a new one', () => {
  const one = file('one');
  const run = file('one', { mode: 0o755 });
  const changes = [
    { path: path('a'), old: undefined, new: one },
    { path: path('b'), old: one, new: run },
    { path: path('c'), old: dir(), new: one },
    { path: path('d'), old: one, new: undefined },
    { path: path('e'), old: undefined, new: dir() },
  ];
  expect(contentRequests(changes)).toEqual([
    { path: 'a', digest: one.digest, sizeBytes: 3, mode: one.mode, mtimeMs: one.mtimeMs },
    { path: 'c', digest: one.digest, sizeBytes: 3, mode: one.mode, mtimeMs: one.mtimeMs },
  ]);
});
