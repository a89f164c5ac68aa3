/** Renames as whole runs over two replicas in memory: what is moved, what is told, and what is left after a crash at any step. */
import { describe, expect, it } from 'vitest';
import { getMemoryNode, listMemoryDisk, type MemoryNames, putMemoryNode, removeMemoryNode } from '../testing/memory-disk.ts';
import { createTwoReplicas, type NodeName, type TwoReplicas } from '../testing/two-replicas.ts';
import type { RelativePath } from '../tree/path.ts';
import type { SyncReport } from './report.ts';

describe('a rename', () => {
  it('is told as one change with both its names, moves no content and keeps no version', async () => {
    const world = await synced({ 'docs/a.md': 'a', 'docs/b.md': 'b' });
    rename(world, 'laptop', 'docs/a.md', 'notes/c.md');
    const dry = await world.sync({ dryRun: true });
    expect(dry.changes).toMatchObject([
      { action: 'mkdir', path: 'notes', status: 'pending' },
      { action: 'rename', path: 'notes/c.md', from: 'docs/a.md', side: 'beta', status: 'pending' },
    ]);
    const report = await world.sync();
    expect(report.changes.map(({ action, from, path, status }) => [action, from, path, status])).toEqual([
      ['mkdir', undefined, 'notes', 'done'],
      ['rename', 'docs/a.md', 'notes/c.md', 'done'],
    ]);
    expect(report.counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 0 });
    expect(world.disks.balaur.versions).toEqual([]);
    expect(listMemoryDisk(world.disks.balaur)).toEqual(listMemoryDisk(world.disks.laptop));
    expect((await world.sync({ from: 'balaur' })).outcome).toBe('in-sync');
  });

  it('of most files is no mass deletion', async () => {
    const world = await synced(Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`old/${index}`, `content ${index}`])));
    rename(world, 'laptop', 'old', 'new');
    expect(await world.sync()).toMatchObject({ outcome: 'applied', halt: undefined });
    expect(listMemoryDisk(world.disks.balaur)).toEqual(listMemoryDisk(world.disks.laptop));
  });

  it('is made whole by either of its names on the command line', async () => {
    for (const path of ['docs/old.md', 'notes']) {
      const world = await synced({ 'docs/old.md': 'moved', other: '1' });
      rename(world, 'laptop', 'docs/old.md', 'notes/new.md');
      world.write('laptop', 'other', '2');
      const report = await world.sync({ paths: [path as RelativePath] });
      expect(report).toMatchObject({ outcome: 'applied', problems: [] });
      expect([world.read('balaur', 'docs/old.md'), world.read('balaur', 'notes/new.md'), world.read('balaur', 'other')]).toEqual([
        undefined,
        'moved',
        '1',
      ]);
      expect((await world.sync()).changes).toMatchObject([{ path: 'other', action: 'update' }]);
    }
  });

  it('with a chmod, of what is held: both bits that changed travel, the others stay held, and the next run has nothing to do', async () => {
    for (const node of ['laptop', 'balaur'] as const) {
      const world = createTwoReplicas();
      world.write('laptop', 'a', 'one', 0o640);
      world.write('balaur', 'a', 'one', 0o600);
      await world.sync();
      rename(world, node, 'a', 'b');
      const file = getMemoryNode(world.disks[node], 'b' as RelativePath);
      if (file?.kind !== 'file') throw new TypeError('it was renamed');
      file.mode |= 0o004;
      expect((await world.sync()).changes).toMatchObject([{ action: 'rename', path: 'b', from: 'a', status: 'done' }]);
      expect(modesOf(world, 'b')).toEqual([0o644, 0o604]);
      const writes = [world.disks.laptop.writes, world.disks.balaur.writes];
      const next = await world.sync();
      expect({ outcome: next.outcome, held: next.held.map(({ path }) => path) }).toEqual({ outcome: 'in-sync', held: ['b'] });
      expect([world.disks.laptop.writes, world.disks.balaur.writes]).toEqual(writes);
    }
  });

  it('that meets a file edited after the scan is left, and the next run brings both', async () => {
    const world = await synced({ a: 'one', keep: '1' });
    rename(world, 'laptop', 'a', 'b');
    const report = await world.sync({
      onEvent: (event) => {
        if (event.type === 'phase' && event.name === 'transition') world.write('balaur', 'a', 'edited in the run');
      },
    });
    expect(report.problems).toMatchObject([
      { path: 'b', code: 'SYNC_TARGET_CHANGED' },
      { path: 'a', code: 'SYNC_TARGET_CHANGED' },
    ]);
    expect(report.changes).toMatchObject([{ action: 'rename', path: 'b', status: 'failed' }]);
    await world.sync();
    expect([both(world, 'a'), both(world, 'b')]).toEqual([
      [undefined, undefined],
      ['edited in the run', 'edited in the run'],
    ]);
    expect((await world.sync()).outcome).toBe('in-sync');
  });
});

describe('an edit on the other side', () => {
  const begin = async (): Promise<TwoReplicas> => {
    const world = await synced({ a: 'one', 'd/x': 'x', 'd/y': 'y', keep: '1' });
    rename(world, 'laptop', 'a', 'b');
    rename(world, 'laptop', 'd', 'e');
    world.write('balaur', 'a', 'edited');
    world.write('balaur', 'd/x', 'edited, too', 0o600);
    world.write('balaur', 'd/new', 'made there');
    return world;
  };
  const wanted = ['b 644 edited', 'e/ 755', 'e/new 644 made there', 'e/x 600 edited, too', 'e/y 644 y', 'keep 644 1'];

  it('follows the file to its new name', async () => {
    const world = await begin();
    const report = await world.sync();
    expect(report).toMatchObject({ outcome: 'applied', conflicts: [], problems: [] });
    expect([listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)]).toEqual([wanted, wanted]);
    expect((await world.sync({ from: 'balaur' })).outcome).toBe('in-sync');
  });

  for (const from of ['laptop', 'balaur'] as const) {
    it(`follows it whenever a run that ${from} started was killed`, async () => {
      for (let stop = 1; ; stop++) {
        const world = await begin();
        let steps = 0;
        const ended = await world
          .sync({
            from,
            step: () => {
              if (++steps >= stop) throw new Error('killed');
            },
          })
          .then(
            () => true,
            () => false,
          );
        if (ended) break;
        const report: SyncReport = await world.sync({ from: stop % 2 === 0 ? 'laptop' : 'balaur' });
        expect([stop, report.conflicts, report.problems]).toEqual([stop, [], []]);
        expect([stop, listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)]).toEqual([stop, wanted, wanted]);
        expect([stop, (await world.sync()).outcome]).toEqual([stop, 'in-sync']);
      }
    });
  }

  it('waits for the next run if the file could not be moved', async () => {
    const world = await begin();
    let isOccupied = false;
    const report = await world.sync({
      onEvent: (event) => {
        if (event.type !== 'phase' || event.name !== 'transition' || isOccupied) return;
        isOccupied = true;
        world.write('balaur', 'b', 'made in the run');
      },
    });
    expect(report.problems.map(({ path, side, code }) => [path, side, code])).toEqual([
      ['b', 'beta', 'SYNC_TARGET_OCCUPIED'],
      ['a', 'beta', 'SYNC_TARGET_CHANGED'],
      ['b', 'alpha', 'SYNC_SOURCE_CHANGED'],
    ]);
    expect([world.read('laptop', 'b'), world.read('balaur', 'a'), world.read('balaur', 'b')]).toEqual(['one', 'edited', 'made in the run']);
    await world.sync();
    expect(both(world, 'a')).toEqual(['edited', 'edited']);
    expect(both(world, 'b')).toEqual(['made in the run', 'made in the run']);
  });
});

describe('a name in another case', () => {
  const folds: Partial<MemoryNames> = { folding: { ignoresCase: true, ignoresUnicodeForm: true } };

  for (const by of ['laptop', 'balaur'] as const) {
    it(`given by ${by}, where the laptop takes the two for one: it is renamed, and nothing is deleted`, async () => {
      const world = createTwoReplicas({ laptop: folds });
      world.write('laptop', 'readme', 'text');
      world.write('laptop', 'docs/a', 'a');
      await world.sync();
      rename(world, by, 'readme', 'README');
      rename(world, by, 'docs', 'Docs');
      const report = await world.sync();
      expect(report).toMatchObject({ outcome: 'applied', conflicts: [], problems: [], counts: { contentBytes: { toAlpha: 0, toBeta: 0 } } });
      expect(report.changes.every(({ action }) => action === 'rename')).toBe(true);
      const names = ['Docs/ 755', 'Docs/a 644 a', 'README 644 text'];
      expect([listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)]).toEqual([names, names]);
      expect((await world.sync()).outcome).toBe('in-sync');
    });
  }
});

/** What a user does with `mv`; folders are made as needed, and one that is emptied stays. */
function rename(world: TwoReplicas, node: NodeName, from: string, to: string): void {
  const disk = world.disks[node];
  const moved = getMemoryNode(disk, from);
  if (moved === undefined) throw new Error(`nothing at ${from}`);
  removeMemoryNode(disk, from);
  const slash = to.lastIndexOf('/');
  if (slash > 0 && getMemoryNode(disk, to.slice(0, slash)) === undefined) {
    world.write(node, to, '');
    removeMemoryNode(disk, to);
  }
  const parent = getMemoryNode(disk, to.slice(0, Math.max(0, slash)));
  if (parent?.kind !== 'directory') throw new Error(`no folder for ${to}`);
  putMemoryNode(disk, parent, to.slice(slash + 1), moved);
}

async function synced(files: Readonly<Record<string, string>>): Promise<TwoReplicas> {
  const world = createTwoReplicas();
  for (const [path, text] of Object.entries(files)) world.write('laptop', path, text);
  await world.sync();
  return world;
}

function both(world: TwoReplicas, path: string): readonly (string | undefined)[] {
  return [world.read('laptop', path), world.read('balaur', path)];
}

function modesOf(world: TwoReplicas, path: string): readonly (number | undefined)[] {
  return (['laptop', 'balaur'] as const).map((node) => {
    const found = getMemoryNode(world.disks[node], path as RelativePath);
    return found?.kind === 'file' ? found.mode : undefined;
  });
}
