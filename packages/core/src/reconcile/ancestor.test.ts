import { describe, expect, it } from 'vitest';
import { dir, file, link, path, problematic } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { printTree } from '../tree/print.ts';
import { agreed, isUnderway, isUnsettled, underway, unsettled } from './ancestor.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import { contentRequests } from './content-requests.ts';
import { heldEntries } from './held.ts';
import { shareHalves } from './share-halves.ts';

describe('an ancestor', () => {
  const tree = dir({ d: dir({ a: file('one'), b: file('two') }), e: dir({ c: file('one') }) });

  it('stays one tree as long as both halves are given the same nodes', () => {
    const node = file('three');
    const after = applyAncestorChanges(agreed(tree), [{ path: path('d/a'), alpha: node, beta: node }]);
    expect(after.alpha).toBe(after.beta);
  });

  it('holds what it is given on each half, beside what is agreed', () => {
    const [agreedOn, held] = [file('three'), { path: path('e/c'), alpha: file('one'), beta: file('two') }];
    const after = applyAncestorChanges(agreed(tree), [{ path: path('d/a'), alpha: agreedOn, beta: agreedOn }, held]);
    expect([entryAt(after.alpha, path('d/a')), entryAt(after.beta, path('d/a'))]).toEqual([agreedOn, agreedOn]);
    expect(heldEntries(after)).toEqual([held]);
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

  it('shares again, below what stays different, what came to be the same, at any depth', () => {
    const was = (text: string) => dir({ d: dir({ e: dir({ a: file(text), b: file('two') }), f: dir({ c: file(text) }), x: file(text) }) });
    const held = applyAncestorChanges(agreed(undefined), []);
    expect(held).toEqual({ alpha: undefined, beta: undefined });
    const before = { alpha: was('one'), beta: was('three') };
    const after = applyAncestorChanges(before, [
      { path: path('d/e/a'), alpha: file('one'), beta: file('one') },
      { path: path('d/f/c'), alpha: file('one'), beta: file('one', { mtimeMs: 7 }) },
    ]);
    expect(entryAt(after.beta, path('d/e'))).toBe(entryAt(after.alpha, path('d/e')));
    // Times are kept, and so is the difference beside it.
    expect(entryAt(after.beta, path('d/f/c'))).toEqual(file('one', { mtimeMs: 7 }));
    expect(entryAt(after.beta, path('d/x'))).toEqual(file('three'));
    expect(printTree(after.beta)).toBe(
      printTree(dir({ d: dir({ e: dir({ a: file('one'), b: file('two') }), f: dir({ c: file('one') }), x: file('three') }) })),
    );
    // What was not touched is not looked at.
    expect(entryAt(after.alpha, path('d/e/b'))).toBe(entryAt(before.alpha, path('d/e/b')));
  });

  it('shares neither what has other modes, nor what holds other things, nor fewer', () => {
    const one = file('one');
    const pairs: readonly (readonly [Entry, Entry])[] = [
      [dir({ a: one }), dir({ a: one }, { mode: 0o700 })],
      [dir({ a: one }), dir({ a: one }, { hasUntracked: true })],
      [dir({ a: one }), dir({ b: one })],
      [dir({ a: one }), dir({ a: one, b: one })],
      [dir({ a: one, b: one }), dir({ a: one })],
      [dir({ a: one }), one],
      [one, dir({ a: one })],
      [file('one', { mtimeMs: 1 }), one],
    ];
    for (const [alpha, beta] of pairs) {
      // Made from nothing, with `s` beside it, which is the same on both and becomes one object.
      const tree = (entry: Entry): Entry => dir({ p: dir({ q: entry, s: dir({ t: file('same') }) }) });
      const now = shareHalves({ alpha: tree(alpha), beta: tree(beta) }, agreed(undefined));
      expect([entryAt(now.alpha, path('p/q')), entryAt(now.beta, path('p/q'))]).toEqual([alpha, beta]);
      expect(entryAt(now.beta, path('p/q'))).not.toBe(entryAt(now.alpha, path('p/q')));
      expect(entryAt(now.beta, path('p/s'))).toBe(entryAt(now.alpha, path('p/s')));
      expect(now.beta).not.toBe(now.alpha);
    }
  });

  it('shares the root itself, be it a file or nothing', () => {
    const [a, b] = [file('one'), file('one')];
    expect(shareHalves({ alpha: a, beta: b }, agreed(undefined)).beta).toBe(a);
    expect(shareHalves({ alpha: a, beta: file('two') }, agreed(undefined))).toEqual({ alpha: a, beta: file('two') });
    for (const half of [
      { alpha: undefined, beta: a },
      { alpha: a, beta: undefined },
    ])
      expect(shareHalves(half, agreed(undefined))).toEqual(half);
  });

  it('lists what its halves disagree on, where each has a directory also below that', () => {
    const alpha = dir({ d: dir({ a: file('one'), b: file('two') }, { mode: 0o700 }), e: file('one'), f: link('x') });
    const beta = dir({ d: dir({ a: file('three'), b: file('two') }), e: dir({ c: file('one') }), f: link('x', { mtimeMs: 3 }) });
    expect(heldEntries({ alpha, beta })).toEqual([
      { path: 'd', alpha: dir({}, { mode: 0o700 }), beta: dir() },
      { path: 'd/a', alpha: file('one'), beta: file('three') },
      { path: 'e', alpha: file('one'), beta: dir() },
    ]);
    expect(heldEntries({ alpha: undefined, beta: file('one') })).toEqual([{ path: '', alpha: undefined, beta: file('one') }]);
  });

  it('knows what was left open, and what is on its way, from what could not be read', () => {
    const entries = [unsettled, underway, problematic(), undefined, dir(), file('one')];
    expect(entries.map(isUnsettled)).toEqual([true, false, false, false, false, false]);
    expect(entries.map(isUnderway)).toEqual([false, true, false, false, false, false]);
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
    { path: path('f'), old: undefined, new: one, from: { path: path('d'), entry: one, was: one } },
    { path: path('g'), old: link('x'), new: file('two') },
    { path: path('h'), old: one, new: link('x') },
  ];
  expect(contentRequests(changes)).toEqual([
    { path: 'a', digest: one.digest, sizeBytes: 3, mode: one.mode, mtimeMs: one.mtimeMs },
    { path: 'c', digest: one.digest, sizeBytes: 3, mode: one.mode, mtimeMs: one.mtimeMs },
    { path: 'g', digest: file('two').digest, sizeBytes: 3, mode: one.mode, mtimeMs: one.mtimeMs },
  ]);
});
