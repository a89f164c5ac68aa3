import { describe, expect, it } from 'vitest';
import { compileScope } from '../scope/compile-scope.ts';
import type { Scope } from '../scope/scope.ts';
import { dir, file } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { printTree } from '../tree/print.ts';
import { agreed } from './ancestor.ts';
import { withinScope } from './within-scope.ts';

const [one, two] = [file('one'), file('two')];
const tree = dir({ a: one, d: dir({ a: one, e: dir({ b: two }) }), x: dir({ y: dir({ z: dir() }) }) });
const scopeOf = (include: readonly string[], exclude: readonly string[] = []): Scope => compileScope({ include, exclude, guard: [] });

describe('the part of an ancestor that a scope covers', () => {
  it.each<[string, Scope, Entry]>([
    ['all of it', scopeOf([]), tree],
    ['but what is excluded, a folder with all below', scopeOf([], ['e', '/a']), dir({ d: dir({ a: one }), x: dir({ y: dir({ z: dir() }) }) })],
    ['by kind: a folder of that name goes, a file does not', scopeOf([], ['d/', 'a/']), dir({ a: one, x: dir({ y: dir({ z: dir() }) }) })],
    ['an included folder, and those that lead to it', scopeOf(['d/e']), dir({ d: dir({ e: dir({ b: two }) }) })],
    [
      'an empty folder that is included stays; those that lead nowhere go, the inner one first',
      scopeOf(['**/b', '/x/y/z/w']),
      dir({ d: dir({ e: dir({ b: two }) }) }),
    ],
    ['an included empty folder', scopeOf(['x/y/z']), dir({ x: dir({ y: dir({ z: dir() }) }) })],
    ['nothing: the root stays', scopeOf(['q']), dir()],
  ])('%s', (_, scope, expected) => {
    expect(printTree(withinScope(agreed(tree), scope).alpha)).toBe(printTree(expected));
  });

  it('is one tree where the halves are, and of each half its own where they are not', () => {
    const scope = scopeOf([], ['e']);
    const same = withinScope(agreed(tree), scope);
    expect(same.beta).toBe(same.alpha);
    const held = withinScope({ alpha: tree, beta: dir({ e: one, f: two }) }, scope);
    expect(printTree(held.alpha)).toBe(printTree(same.alpha));
    expect(printTree(held.beta)).toBe(printTree(dir({ f: two })));
  });

  it('is nothing of nothing', () => {
    expect(withinScope(agreed(undefined), scopeOf([]))).toEqual({ alpha: undefined, beta: undefined });
  });

  it('is the same tree, untouched, where all is in scope', () => {
    expect(withinScope(agreed(tree), scopeOf([])).alpha).toBe(tree);
  });
});
