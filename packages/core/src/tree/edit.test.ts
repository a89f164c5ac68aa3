import { describe, expect, it } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, path } from '../testing/trees.ts';
import { parseNodes, setNodes } from './edit.ts';
import type { Entry } from './entry.ts';
import { entryAt } from './lookup.ts';
import type { NodeAt } from './node-table.ts';
import type { RelativePath } from './path.ts';
import { printTree } from './print.ts';

const set = (tree: Entry | undefined, ...nodes: readonly (readonly [string, Entry | undefined])[]): Entry | undefined =>
  setNodes(tree, nodesOf(nodes));
const nodesOf = (nodes: readonly (readonly [string, Entry | undefined])[]): readonly NodeAt[] =>
  nodes.map(([at, entry]) => ({ path: path(at), entry }));

describe('setting a node', () => {
  it('makes what is missing and replaces what is there', () => {
    const tree = dir({ a: file('one') });
    expect(set(tree, ['a', file('two')], ['b', file('one')], ['d', dir()], ['d/c', file('one')])).toEqual(
      dir({ a: file('two'), b: file('one'), d: dir({ c: file('one') }) }),
    );
  });

  it('a directory over a directory keeps the children and takes the rest', () => {
    const tree = dir({ d: dir({ a: file('one') }) });
    expect(set(tree, ['d', dir({ ignored: file('x') }, { mode: 0o700, hasUntracked: true })])).toEqual(
      dir({ d: dir({ a: file('one') }, { mode: 0o700, hasUntracked: true }) }),
    );
  });

  it('a directory over something else comes empty', () => {
    expect(set(dir({ d: file('one') }), ['d', dir({ a: file('one') })])).toEqual(dir({ d: dir() }));
  });

  it('nothing removes what is there with all below', () => {
    expect(set(dir({ d: dir({ a: file('one') }), e: file('one') }), ['d', undefined])).toEqual(dir({ e: file('one') }));
    expect(set(dir(), ['d/a', undefined])).toEqual(dir());
  });

  it('is done in order: made, filled, removed, made again', () => {
    const nodes = [
      ['d', dir()],
      ['d/a', file('one')],
      ['d', undefined],
      ['d', dir()],
      ['d/b', file('two')],
    ] as const;
    expect(set(dir(), ...nodes)).toEqual(dir({ d: dir({ b: file('two') }) }));
  });

  it('a directory that was replaced in between takes no more children from before', () => {
    const nodes = [
      ['d/e/a', file('two')],
      ['d', file('one')],
      ['d/e/b', file('two')],
      ['d', dir()],
      ['d/e/c', file('two')],
    ] as const;
    expect(set(dir({ d: dir({ e: dir() }) }), ...nodes)).toEqual(dir({ d: dir() }));
  });

  it('works on the root', () => {
    expect(set(undefined, ['', dir()], ['a', file('one')])).toEqual(dir({ a: file('one') }));
    expect(set(dir({ a: file('one') }), ['', undefined])).toBeUndefined();
    expect(set(file('one'), ['', dir()])).toEqual(dir());
    expect(set(undefined, ['a', file('one')])).toBeUndefined();
  });

  it('keeps names in order, by code points', () => {
    const names = ['\u{1F600}', '\uFF61', 'b', 'a', '__proto__'];
    expect(set(dir(), ...names.map((name) => [name, file('one')] as const))).toEqual(
      dir(Object.fromEntries([...names].reverse().map((name) => [name, file('one')]))),
    );
  });
});

describe('what is not touched', () => {
  const tree = withMerkle(dir({ d: dir({ a: file('one') }), e: dir({ b: file('two') }) }), toyHash);

  it('is kept by reference, and what is touched loses its digest', () => {
    const edited = set(tree, ['d/a', file('three')]);
    expect(entryAt(edited, path('e'))).toBe(entryAt(tree, path('e')));
    expect(edited).not.toHaveProperty('merkle');
  });

  it('is the whole tree, if all nodes are there already', () => {
    expect(set(tree, ['d', dir()], ['d/a', file('one')], ['x', undefined])).toBe(tree);
  });
});

describe('nodes from outside', () => {
  it('are refused where they lie in no directory', () => {
    expect(parseNodes(dir({ a: file('one') }), nodesOf([['a/b', file('two')]]))).toEqual({ ok: false, error: '"a/b" lies in no directory' });
    expect(parseNodes(undefined, nodesOf([['a', file('two')]])).ok).toBe(false);
    expect(parseNodes(dir(), nodesOf([['a/b', undefined]]))).toEqual({ ok: true, value: dir() });
  });
});

describe('many nodes', () => {
  it('in one directory, and 5,000 levels deep, and away again', () => {
    const wide = Array.from({ length: 20_000 }, (_, index) => [`f${(index * 7919) % 20_000}`, file('one')] as const);
    expect(set(dir(), ...wide)).toHaveProperty('children.length', 20_000);
    const deep: NodeAt[] = [];
    for (let at = 'd', level = 0; level < 5_000; level++, at += '/d') deep.push({ path: at as RelativePath, entry: dir() });
    const made = setNodes(dir(), deep);
    expect(entryAt(made, deep[4_999]?.path as RelativePath)).toEqual(dir());
    expect(
      setNodes(
        made,
        [...deep].reverse().map(({ path: at }) => ({ path: at, entry: undefined })),
      ),
    ).toEqual(dir());
  });
});

it('a tree prints as it is drawn', () => {
  expect(printTree(dir({ 'a b': file('one', { mode: 0o600 }), d: dir({ c: dir() }, { hasUntracked: true }) }))).toBe(
    ['./ 755', '  "a b" 600 3 B 3d6f6d1d', '  d/ 755 +untracked', '    c/ 755', '']
      .join('\n')
      .replace('3d6f6d1d', printTree(file('one')).slice(-9, -1)),
  );
});
