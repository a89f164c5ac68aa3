/** A path deeper than the call stack: nothing here recurses, so nothing overflows, and the answers are those of a shallow tree. */
import { describe, expect, it } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { compileScope } from '../scope/compile-scope.ts';
import { exactNames } from '../scope/rules.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, path } from '../testing/trees.ts';
import { countTree } from '../tree/count.ts';
import { parseNodes, setNodes } from '../tree/edit.ts';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { nodesToTable, tableToNodes } from '../tree/node-table.ts';
import type { RelativePath } from '../tree/path.ts';
import { printTree } from '../tree/print.ts';
import { rebase } from '../tree/rebase.ts';
import { walk } from '../tree/walk.ts';
import { alignNames } from './align-names.ts';
import { agreed } from './ancestor.ts';
import { applyChanges } from './apply.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import { applyPlan } from './apply-plan.ts';
import { contentRequests } from './content-requests.ts';
import { diff } from './diff.ts';
import { findHalts } from './guards.ts';
import { heldEntries } from './held.ts';
import type { Policy } from './policy.ts';
import { reconcile } from './reconcile.ts';
import { withinScope } from './within-scope.ts';

const levels = 5_000;
const policy: Policy = {
  conflicts: 'newer',
  onTie: 'skip',
  direction: 'both',
  paths: [],
  naming: { alpha: 'laptop', beta: 'balaur', date: '2026-11-21' },
};
const limits = { maxDelete: { share: 0.25 }, maxChange: { share: 0.5 } };

function deep(leaf: Entry | undefined): Entry {
  let at: Entry = dir(leaf === undefined ? {} : { leaf });
  for (let level = 0; level < levels; level++) at = dir({ d: at });
  return at;
}

const leafPath = path(`${'d/'.repeat(levels)}leaf`);
const [one, two, three] = [file('one'), file('two', { mtimeMs: 20_000 }), file('three', { mtimeMs: 10_000 })];

describe.each([
  ['with digests', (tree: Entry): Entry => withMerkle(tree, toyHash)],
  ['without digests', (tree: Entry): Entry => tree],
])(`${levels} levels deep, %s`, { timeout: 300_000 }, (_, make) => {
  const was = make(deep(one));
  const ask = (alpha: Entry, beta: Entry) => reconcile({ ancestor: agreed(was), alpha, beta, policy });
  const meet = (alpha: Entry, beta: Entry) => reconcile({ ancestor: undefined, alpha, beta, policy });

  it('one side changed: the change travels', () => {
    const plan = ask(make(deep(two)), make(deep(one)));
    expect(plan.betaChanges).toEqual([{ path: leafPath, old: one, new: two }]);
    expect(contentRequests(plan.betaChanges)).toHaveLength(1);
    expect(findHalts({ plan, limits, include: [], ancestor: agreed(was), alpha: was, beta: was })).toEqual([]);
  });

  it('both sides changed: the newer wins', () => {
    const { conflicts, betaChanges } = ask(make(deep(two)), make(deep(three)));
    expect(conflicts).toMatchObject([{ path: leafPath, resolution: 'alpha' }]);
    expect(betaChanges.map((change) => change.path)).toEqual([leafPath]);
  });

  it('one side deleted all: so does the other, the deepest first', () => {
    const { betaChanges } = ask(make(dir()), make(deep(one)));
    expect(betaChanges).toHaveLength(levels + 1);
    expect(betaChanges[0]?.path).toBe(leafPath);
  });

  it('a first sync: one side gets it all, and applied it is there', () => {
    const alpha = make(deep(one));
    const plan = meet(alpha, make(dir()));
    expect(plan.betaChanges).toHaveLength(levels + 1);
    const after = applyPlan({ ancestor: undefined, alpha, beta: dir() }, plan);
    expect(entryAt(after.beta, leafPath)).toEqual(one);
    expect(heldEntries(after.ancestor ?? agreed(undefined))).toEqual([]);
  });

  it('both made it: agreed without a transfer', () => {
    const { ancestorChanges, alphaChanges, betaChanges } = meet(make(deep(one)), make(deep(one)));
    expect([alphaChanges, betaChanges]).toEqual([[], []]);
    expect(entryAt(applyAncestorChanges(agreed(undefined), ancestorChanges).beta, leafPath)).toEqual(one);
  });

  it('trees are compared, changed, counted, narrowed, written as tables and printed', () => {
    const next = make(deep(two));
    const changes = diff(was, next);
    expect(changes.map((change) => change.path)).toEqual([leafPath]);
    expect(entryAt(applyChanges(was, changes), leafPath)).toEqual(two);
    expect(diff(was, dir())).toHaveLength(levels + 1);
    expect(entryAt(rebase(make(deep(one)), was), leafPath)).toBe(entryAt(was, leafPath));
    expect(countTree(was)).toMatchObject({ directories: levels + 1, files: 1 });
    const nodes: { path: RelativePath; entry: Entry | undefined }[] = [];
    walk([was], (at, [entry]) => nodes.push({ path: at, entry }) > 0);
    const read = tableToNodes(nodesToTable(nodes), { nodesMax: 10_000 });
    if (!read.ok) throw new Error(read.error);
    const parsed = parseNodes(undefined, read.value);
    if (!parsed.ok) throw new Error(parsed.error);
    expect(entryAt(parsed.value, leafPath)).toEqual(one);
    expect(entryAt(setNodes(was, [{ path: leafPath, entry: undefined }]), leafPath)).toBeUndefined();
    const scope = compileScope({ include: [], exclude: ['leaf'], guard: [] });
    expect(entryAt(withinScope(agreed(was), scope).alpha, leafPath)).toBeUndefined();
    expect(printTree(was)).toMatch(/ leaf 644 3 B /);
  });
});

it('a folder as deep is moved, and 10,000 files alike are', { timeout: 300_000 }, () => {
  const moves = (before: Entry, after: Entry) => {
    const { betaChanges } = reconcile({ ancestor: agreed(before), alpha: after, beta: before, policy });
    return betaChanges.filter(({ from }) => from !== undefined);
  };
  expect(moves(dir({ a: deep(one) }), dir({ b: deep(one) }))).toHaveLength(levels + 2);
  const alike = (prefix: string) => Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`${prefix}${index}`, one]));
  expect(moves(dir({ a: dir(alike('')) }), dir({ a: dir({ ...alike('n'), two }) }))).toHaveLength(10_000);
});

it('names as deep are aligned', () => {
  const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];
  const named = (name: string): Entry => {
    let at: Entry = one;
    for (let level = 0; level < levels; level++) at = dir({ [name]: at });
    return at;
  };
  const folding = { alpha: { ignoresCase: true, ignoresUnicodeForm: true }, beta: exactNames };
  const { alpha } = alignNames({ ancestor: undefined, alpha: named(decomposed), beta: named(composed), folding });
  expect(entryAt(alpha, path(`${composed}/`.repeat(levels).slice(0, -1)))).toBe(one);
});
