/** Permission masks by path, over whole runs: what they carry, what they leave alone, and what a change of them does (nothing). Whoever starts the run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePermissionMasks, type PermissionRules } from '../scope/permission-masks.ts';
import { getMemoryNode, type MemoryNode, putMemoryNode, removeMemoryNode } from '../testing/memory-disk.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { createTwoReplicas, type NodeName, type TwoReplicas } from '../testing/two-replicas.ts';
import { maskBits, type PermissionMask } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import { parentPath, rootPath } from '../tree/path.ts';

const at = (path: string): RelativePath => path as RelativePath;

function modeOf(world: TwoReplicas, node: NodeName, path: string): number | undefined {
  const found = getMemoryNode(world.disks[node], at(path));
  return found !== undefined && 'mode' in found ? found.mode : undefined;
}

function chmod(world: TwoReplicas, node: NodeName, path: string, mode: number): void {
  const found = getMemoryNode(world.disks[node], at(path));
  if (found !== undefined && 'mode' in found) found.mode = mode;
}

function rename(world: TwoReplicas, node: NodeName, from: string, to: string): void {
  const disk = world.disks[node];
  const found = getMemoryNode(disk, at(from));
  const parent = getMemoryNode(disk, parentPath(at(to)) ?? rootPath);
  if (found === undefined || getMemoryNode(disk, at(to)) !== undefined || parent?.kind !== 'directory' || `${to}/`.startsWith(`${from}/`)) return;
  removeMemoryNode(disk, from);
  putMemoryNode(disk, parent, to.slice(to.lastIndexOf('/') + 1), found);
}

/** All bits of everything, by path. */
function modes(world: TwoReplicas, node: NodeName): ReadonlyMap<RelativePath, { readonly kind: MemoryNode['kind']; readonly mode: number }> {
  const found = new Map<RelativePath, { readonly kind: MemoryNode['kind']; readonly mode: number }>();
  const look = (path: RelativePath, each: MemoryNode | undefined): void => {
    if (each === undefined || !('mode' in each)) return;
    found.set(path, { kind: each.kind, mode: each.mode });
    if (each.kind === 'directory') for (const [name, child] of each.children) look(at(path === '' ? name : `${path}/${name}`), child);
  };
  look(rootPath, world.disks[node].root);
  return found;
}

const nodes = ['laptop', 'balaur'] as const;

describe.each(nodes)('permission policies, from %s', (from) => {
  const other = from === 'laptop' ? 'balaur' : 'laptop';
  const settings = {
    policies: [
      { match: 'docs/**', permissions: 'none' },
      { match: 'bin/**', permissions: 'executable' },
    ],
  } as const;

  it('carry the bits of their mask and leave the others as they are', async () => {
    const world = createTwoReplicas();
    for (const path of ['docs/a', 'bin/a', 'src/a']) world.write(from, path, path, 0o640);
    expect((await world.sync({ from, settings })).outcome).toBe('applied');
    // What is new gets what its own side gives to what is new.
    expect(['docs/a', 'bin/a', 'src/a'].map((path) => modeOf(world, other, path))).toEqual([0o644, 0o644, 0o640]);
    for (const path of ['docs/a', 'bin/a', 'src/a']) chmod(world, from, path, 0o750);
    const report = await world.sync({ from, settings });
    expect(report.changes.map(({ action, path, side }) => [action, path, side])).toEqual([
      ['chmod', 'bin/a', 'beta'],
      ['chmod', 'src/a', 'beta'],
    ]);
    expect(['docs/a', 'bin/a', 'src/a'].map((path) => modeOf(world, other, path))).toEqual([0o644, 0o755, 0o750]);
    world.write(from, 'docs/a', 'edited', 0o700);
    await world.sync({ from: other, settings, allow: new Set(['settings-differ']) });
    expect([world.read(other, 'docs/a'), modeOf(world, other, 'docs/a')]).toEqual(['edited', 0o644]);
  });

  it('are settings of the pair: the other end halts until it has them, too', async () => {
    const world = createTwoReplicas();
    world.write(from, 'docs/a', 'a');
    await world.sync({ from, settings });
    expect((await world.sync({ from: other })).halt?.reason).toBe('settings-differ');
    expect((await world.sync({ from: other, settings })).outcome).toBe('in-sync');
  });

  it('go by the new path where something is renamed, and by both for an edit that follows it', async () => {
    const world = createTwoReplicas();
    world.write(from, 'src/a', 'a', 0o644);
    world.write(other, 'src/a', 'a', 0o600);
    world.write(from, 'docs/b', 'b', 0o640);
    await world.sync({ from, settings });
    // Now `src/a` is held, and of `docs/b` the other side has its own mode.
    rename(world, from, 'src/a', 'docs/a');
    rename(world, from, 'docs/b', 'src/b');
    world.write(other, 'src/a', 'edited', 0o660);
    const report = await world.sync({ from, settings });
    expect(report.changes.filter(({ side }) => side === 'beta')).toMatchObject([
      { action: 'rename', path: 'docs/a', new: { mode: 0 } },
      { action: 'rename', path: 'src/b', new: { mode: 0o640 } },
    ]);
    expect([world.read(from, 'docs/a'), modeOf(world, from, 'docs/a'), modeOf(world, other, 'docs/a')]).toEqual(['edited', 0o644, 0o660]);
    expect([modeOf(world, from, 'src/b'), modeOf(world, other, 'src/b')]).toEqual([0o640, 0o640]);
    expect((await world.sync({ from, settings })).outcome).toBe('in-sync');
  });

  it.each(['none', 'executable'] as const)(
    'a loser that is kept beside has the bits that %s does not show from the file there, on each side',
    async (permissions) => {
      const world = createTwoReplicas();
      const settings = { permissions, conflicts: 'keep-both' } as const;
      world.write(from, 'secret.md', 'both');
      await world.sync({ from, settings });
      world.write(from, 'secret.md', 'older', 0o600);
      world.write(other, 'secret.md', 'newer', 0o640);
      const report = await world.sync({ from, settings });
      const copy = report.conflicts[0]?.keptAs ?? '';
      expect([world.read(from, copy), world.read(other, copy)]).toEqual(['older', 'older']);
      for (const path of ['secret.md', copy]) expect([modeOf(world, from, path), modeOf(world, other, path)]).toEqual([0o600, 0o640]);
    },
  );

  it('a loser that is kept beside goes by its own name, and what nobody looked at is open to its owner alone', async () => {
    const world = createTwoReplicas();
    const rules = { conflicts: 'keep-both', policies: [{ match: '/a.md', permissions: 'none' }] } as const;
    world.write(from, 'a.md', 'one', 0o640);
    await world.sync({ from, settings: rules });
    world.write(from, 'a.md', 'two', 0o640);
    world.write(other, 'a.md', 'three', 0o644);
    const { conflicts } = await world.sync({ from, settings: rules });
    const kept = conflicts[0]?.keptAs ?? '';
    expect(nodes.map((node) => modeOf(world, node, kept))).toEqual([0o600, 0o600]);
    expect((await world.sync({ from, settings: rules })).outcome).toBe('in-sync');
  });
});

describe.each(nodes)('a change of what is looked at, from %s', (from) => {
  const other = from === 'laptop' ? 'balaur' : 'laptop';
  const masks: readonly PermissionMask[] = ['all', 'executable', 'none'];
  const asked: readonly (readonly [string, (mask: PermissionMask) => Partial<PermissionRules>])[] = [
    ['of the whole tree', (permissions) => ({ permissions })],
    ['of a subtree', (permissions) => ({ policies: [{ match: 'd/', permissions }] })],
  ];
  const ways = asked.flatMap(([title, rules]) => masks.flatMap((was) => masks.map((is) => ({ title, rules, was, is }))));

  it.each(ways)('$title from $was to $is changes no mode; a chmod that follows travels as far as it counts', async ({ rules, was, is }) => {
    const world = createTwoReplicas();
    for (const [path, mode] of Object.entries({ 'd/a': 0o644, 'd/b': 0o755, 'd/c': 0o600 })) {
      world.write(from, path, path, mode);
      world.write(other, path, path, mode & 0o700);
    }
    await world.sync({ from, settings: rules(was) });
    // Held from now on, or not seen.
    chmod(world, other, 'd/b', 0o600);
    chmod(world, from, 'd/c', 0o666);
    await world.sync({ from, settings: { ...rules(was), direction: 'alpha-to-beta' } });
    const before = nodes.map((node) => modes(world, node));

    const report = await world.sync({ from, settings: rules(is) });
    expect(report.changes).toEqual([]);
    expect(nodes.map((node) => modes(world, node))).toEqual(before);
    expect((await world.sync({ from: other, settings: rules(is) })).outcome).toBe('in-sync');

    chmod(world, from, 'd/a', 0o750);
    await world.sync({ from, settings: rules(is) });
    expect(modeOf(world, other, 'd/a')).toBe({ all: 0o750, executable: 0o700, none: 0o600 }[is]);
  });

  it('is taken over whole also by a run that goes on after one that was cut off', async () => {
    const world = createTwoReplicas();
    for (const path of ['a', 'b']) {
      world.write(from, path, path, 0o644);
      world.write(other, path, path, 0o600);
    }
    await world.sync({ from, settings: { permissions: 'none' } });
    world.write(from, 'a', 'edited', 0o644);
    const step = (_: NodeName, name: string): void => {
      if (name === 'prepare') throw new Error('cut off');
    };
    await expect(world.sync({ from, settings: { permissions: 'all' }, step })).rejects.toThrow('cut off');
    await world.sync({ from, settings: { permissions: 'all' } });
    expect(['a', 'b'].map((path) => modeOf(world, other, path))).toEqual([0o600, 0o600]);
    expect((await world.sync({ from, settings: { permissions: 'all' } })).outcome).toBe('in-sync');
  });

  it('of the scope, which brings a folder in that only led to something, changes no mode either', async () => {
    const world = createTwoReplicas();
    world.write(from, 'd/sub/a', 'a');
    await world.sync({ from, settings: { scope: { include: ['d/sub'], exclude: [], guard: [] } } });
    chmod(world, other, 'd', 0o700);
    expect((await world.sync({ from, settings: { scope: { include: ['d'], exclude: [], guard: [] } } })).changes).toEqual([]);
    expect([modeOf(world, from, 'd'), modeOf(world, other, 'd')]).toEqual([0o755, 0o700]);
  });
});

it(`for any edits under any masks, nothing outside of a path's mask is in a plan, or changes on a disk (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  const path = fc.constantFrom('a', 'd', 'd/a', 'd/x.sh', 'd/e', 'd/e/x.sh', 'b', 'b/a', 'b/e');
  const mask = fc.constantFrom<PermissionMask[]>('all', 'executable', 'none');
  const rules: fc.Arbitrary<PermissionRules> = fc.record({
    permissions: mask,
    policies: fc.array(fc.record({ match: fc.constantFrom('d/**', 'd/', '*.sh', '/a', 'e', 'b'), permissions: mask }), { maxLength: 3 }),
  });
  const mode = fc.constantFrom(0o644, 0o600, 0o755, 0o700, 0o660, 0o711);
  const edit = fc.record({
    node: fc.constantFrom(...nodes),
    what: fc.constantFrom('write' as const, 'write' as const, 'chmod' as const, 'chmod' as const, 'rename' as const, 'remove' as const),
    path,
    to: path,
    mode,
    text: fc.constantFrom('one', 'two', 'three'),
  });
  const round = fc.record({ edits: fc.array(edit, { maxLength: 5 }), rules: fc.option(rules, { nil: undefined }) });
  const conflicts = fc.constantFrom('newer' as const, 'keep-both' as const, 'alpha' as const);
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4 }), rules, conflicts, async (rounds, firstRules, policy) => {
      const world = createTwoReplicas();
      // Modes that differ from the start are held.
      for (const [index, where] of ['a', 'd/a', 'd/x.sh', 'b/e'].entries())
        for (const node of nodes) world.write(node, where, `content ${index}`, node === 'laptop' ? 0o644 : 0o600);
      await world.sync({ settings: { ...firstRules, conflicts: policy } });
      let inForce = firstRules;
      for (const { edits, rules: next } of rounds) {
        for (const { node, what, path: at1, to, mode: bits, text } of edits) {
          if (what === 'write' && getMemoryNode(world.disks[node], at(at1))?.kind !== 'directory' && isFolderAbove(world, node, at1))
            world.write(node, at1, text, bits);
          else if (what === 'chmod') chmod(world, node, at1, bits);
          else if (what === 'rename') rename(world, node, at1, to);
          else if (what === 'remove' && getMemoryNode(world.disks[node], at(at1)) !== undefined) world.remove(node, at1);
        }
        inForce = next ?? inForce;
        const masks = compilePermissionMasks(inForce);
        const before = { laptop: modes(world, 'laptop'), balaur: modes(world, 'balaur') };
        const allow = new Set(['mass-delete', 'mass-change', 'root-emptied', 'path-emptied'] as const);
        const report = await world.sync({ settings: { ...inForce, conflicts: policy }, first: 'newer', allow });
        for (const { path: changed, new: made } of report.changes) {
          if (made?.kind !== 'file' && made?.kind !== 'directory') continue;
          expect(made.mode & ~maskBits[masks.at(changed, made.kind === 'directory' ? 'directory' : 'other')]).toBe(0);
        }
        for (const node of nodes) {
          const moved = new Set(report.changes.filter(({ from: source }) => source !== undefined).map(({ path: to }) => to));
          for (const [where, { kind, mode: now }] of modes(world, node)) {
            const was = before[node].get(where);
            if (was?.kind !== kind || moved.has(where)) continue;
            const counts = masks.at(where, kind === 'directory' ? 'directory' : 'other');
            // Whoever may read a program may run it.
            const mayChange = counts === 'executable' && kind === 'file' ? 0o111 : counts === 'all' ? 0o777 : 0;
            expect((now ^ was.mode) & ~mayChange, `${where} on ${node}`).toBe(0);
          }
        }
      }
    }),
    { seed, numRuns: propertyRuns(400) },
  );
});

function isFolderAbove(world: TwoReplicas, node: NodeName, path: string): boolean {
  const above = parentPath(at(path)) ?? rootPath;
  const found = getMemoryNode(world.disks[node], above);
  return found === undefined ? above !== rootPath && isFolderAbove(world, node, above) : found.kind === 'directory';
}
