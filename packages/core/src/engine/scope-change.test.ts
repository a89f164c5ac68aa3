/** What a change of the scope does: nothing to any tree. What leaves it leaves the archive, what enters it is new. Whoever starts the run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileScope } from '../scope/compile-scope.ts';
import type { ScopeRules } from '../scope/rules.ts';
import { listMemoryDisk, makeMemoryLink } from '../testing/memory-disk.ts';
import { createTwoReplicas, type NodeName, type TwoReplicas } from '../testing/two-replicas.ts';
import { entryAt } from '../tree/lookup.ts';
import { type RelativePath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';

const scopeOf = (partial: Partial<ScopeRules>): ScopeRules => ({ include: [], exclude: [], guard: [], ...partial });

/** Both ends hold these files, synced under the first scope by the end that starts everything here. */
async function syncedUnder(from: NodeName, scope: ScopeRules, files: readonly string[]): Promise<TwoReplicas> {
  const world = createTwoReplicas();
  for (const path of files) world.write(from, path, path);
  expect((await world.sync({ from, settings: { scope } })).outcome).toBe('applied');
  return world;
}

function archived(world: TwoReplicas, node: NodeName): readonly string[] {
  const paths: string[] = [];
  for (const { ancestor } of world.disks[node].archives.values()) {
    walk([ancestor.alpha, ancestor.beta], (path) => paths.push(path) > 0);
  }
  return paths;
}

const files = ['a/one', 'a/two', 'b/one', 'b/c/deep', 'top.md'];

describe.each(['laptop', 'balaur'] as const)('a scope that changes, from %s', (from) => {
  const other = from === 'laptop' ? 'balaur' : 'laptop';
  const rows: readonly (readonly [string, Partial<ScopeRules>, readonly string[], readonly string[]])[] = [
    ['an exclude of a folder', { exclude: ['b/'] }, ['b', 'b/one', 'b/c', 'b/c/deep'], ['a/one', 'top.md']],
    ['an exclude of a name at any depth', { exclude: ['one'] }, ['a/one', 'b/one'], ['a/two', 'b/c/deep']],
    ['a guard', { guard: ['deep'] }, ['b/c/deep'], ['b/c', 'b/one']],
    ['an include that leaves the rest out', { include: ['a'] }, ['b', 'b/one', 'top.md'], ['a/one', 'a/two']],
    ['an include below a folder that was whole', { include: ['b/c'] }, ['a', 'a/one', 'b/one', 'top.md'], ['b/c/deep']],
    ['a re-include under an excluded folder', { exclude: ['b/', '!b/c/'] }, ['b/one'], ['b/c/deep', 'a/one']],
  ];

  it.each(rows)(
    'narrowed by %s: no tree changes, what left is out of both archives, and what happens to it later is its own affair',
    async (_, rules, left, kept) => {
      const world = await syncedUnder(from, scopeOf({}), files);
      const before = [listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)];
      const scope = scopeOf(rules);
      const report = await world.sync({ from, settings: { scope } });
      expect({ outcome: report.outcome, changes: report.changes }).toEqual({ outcome: 'in-sync', changes: [] });
      expect([listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)]).toEqual(before);
      for (const node of ['laptop', 'balaur'] as const) {
        expect(archived(world, node)).toEqual(expect.not.arrayContaining([...left]));
        expect(archived(world, node)).toEqual(expect.arrayContaining([...kept]));
        for (const path of left) expect(archived(world, node)).not.toContain(path);
      }
      // The other end reads the same settings from its own config now.
      world.remove(from, left.at(-1) ?? '');
      expect((await world.sync({ from: other, settings: { scope } })).outcome).toBe('in-sync');
      expect(world.read(other, left.at(-1) ?? '')).toBe(left.at(-1));
    },
  );

  it('and widened again: what stayed the same is agreed without a transfer, what went away is made again, and nothing is deleted', async () => {
    const world = await syncedUnder(from, scopeOf({}), files);
    const narrow = { scope: scopeOf({ exclude: ['b/'] }) };
    await world.sync({ from, settings: narrow });
    world.remove(from, 'b/one');
    const report = await world.sync({ from, settings: { scope: scopeOf({}) } });
    expect(report.changes.map(({ action, path, side }) => [action, path, side])).toEqual([['create', 'b/one', 'alpha']]);
    expect(world.read(from, 'b/one')).toBe('b/one');
    expect((await world.sync({ from: other })).outcome).toBe('in-sync');
  });

  it('is no emptied root: what is out of scope is not gone', async () => {
    const world = await syncedUnder(from, scopeOf({ include: ['a', 'b'] }), files);
    world.write(other, 'new/x', 'x');
    const settings = { scope: scopeOf({ include: ['new'] }) };
    expect(await world.sync({ from, settings })).toMatchObject({ outcome: 'applied', halt: undefined });
    expect(world.read(from, 'new/x')).toBe('x');
    expect(world.read(from, 'a/one')).toBe('a/one');
  });

  it('but a folder that is emptied in the same run is still noticed', async () => {
    const world = await syncedUnder(from, scopeOf({ include: ['a', 'b'] }), files);
    world.remove(other, 'a');
    const report = await world.sync({ from, settings: { scope: scopeOf({ include: ['a'] }) } });
    expect(report.halt?.reason).toBe('path-emptied');
  });
});

describe('the two ends', () => {
  it('have the same scope also where includes and guards stand in another order, or twice', async () => {
    const world = await syncedUnder('laptop', scopeOf({ include: ['a', 'b'], guard: ['x', 'y'] }), files);
    const same = { scope: scopeOf({ include: ['b', 'a', 'b'], guard: ['y', 'x'] }) };
    expect((await world.sync({ from: 'balaur', settings: same })).outcome).toBe('in-sync');
    const all = await syncedUnder('laptop', scopeOf({}), files);
    expect((await all.sync({ from: 'balaur', settings: { scope: scopeOf({ include: ['.'] }) } })).outcome).toBe('in-sync');
  });

  it('halt where the order of excludes is another one, for it decides', async () => {
    const world = await syncedUnder('laptop', scopeOf({ exclude: ['*.md', '!top.md'] }), files);
    const report = await world.sync({ from: 'balaur', settings: { scope: scopeOf({ exclude: ['!top.md', '*.md'] }) } });
    expect(report.halt?.reason).toBe('settings-differ');
  });
});

const seed = 20_251_122;
it(`for any two scopes, going from one to the other deletes nothing, and both archives hold what is in scope and nothing else (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  const pattern = fc.constantFrom('a', 'b/', 'one', '/b/c', '*.md', 'b/*', 'deep', '*o*');
  const rules = fc.record({
    include: fc.array(fc.constantFrom('a', 'b', 'b/c', 'top.md', '**/one'), { maxLength: 2 }),
    exclude: fc.array(
      fc.tuple(fc.constantFrom('', '', '!'), pattern).map((parts) => parts.join('')),
      { maxLength: 3 },
    ),
    guard: fc.array(pattern, { maxLength: 1 }),
  });
  await fc.assert(
    fc.asyncProperty(rules, rules, fc.constantFrom('laptop' as const, 'balaur' as const), async (first, second, from) => {
      const world = createTwoReplicas();
      for (const path of files) for (const node of ['laptop', 'balaur'] as const) world.write(node, path, path);
      await world.sync({ from, settings: { scope: first } });
      const before = [listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)];
      const report = await world.sync({ from, settings: { scope: second } });
      expect(report.changes).toEqual([]);
      expect([listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)]).toEqual(before);
      const scope = compileScope(second);
      const wanted = files.filter((path) => scope.includes(path as RelativePath, 'other'));
      for (const node of ['laptop', 'balaur'] as const)
        for (const { ancestor } of world.disks[node].archives.values())
          expect(files.filter((path) => entryAt(ancestor.alpha, path as RelativePath)?.kind === 'file')).toEqual(wanted);
    }),
    { seed, numRuns: 300 },
  );
});

describe.each(['laptop', 'balaur'] as const)('a folder that leads to what is in scope, on %s', (there) => {
  const here = there === 'laptop' ? 'balaur' : 'laptop';
  const scope = scopeOf({ include: ['*/conf'] });

  it('that becomes a link deletes nothing on the other side: it may have moved', async () => {
    const world = await syncedUnder(here, scope, ['p/conf/one', 'p/conf/two', 'q/conf/three']);
    world.remove(there, 'p');
    makeMemoryLink(world.disks[there], 'p', '../elsewhere');
    for (const from of [here, there] as const) {
      const report = await world.sync({ from, settings: { scope } });
      expect(report.conflicts).toMatchObject([{ path: 'p', reason: 'untracked', resolution: 'skipped' }]);
      expect(world.read(here, 'p/conf/one')).toBe('p/conf/one');
    }
  });

  it('that is gone is gone', async () => {
    const world = await syncedUnder(here, scope, ['p/conf/one', 'q/conf/three']);
    world.remove(there, 'p');
    await world.sync({ settings: { scope } });
    expect([world.read(here, 'p/conf/one'), world.read(here, 'q/conf/three')]).toEqual([undefined, 'q/conf/three']);
  });
});
