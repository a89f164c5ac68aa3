import { describe, expect, it } from 'vitest';
import { listMemoryDisk } from '../testing/memory-disk.ts';
import { createMemoryReplica } from '../testing/memory-replica.ts';
import { createTwoReplicas, type RunOptions, type Step, type TwoReplicas } from '../testing/two-replicas.ts';
import type { RelativePath } from '../tree/path.ts';
import { SyncError } from './errors.ts';
import type { Replica } from './replica.ts';
import type { SyncReport } from './report.ts';

describe('the five tests that the system was asked for with', () => {
  it('conflict: the newer side wins, and the loser is kept', async () => {
    const world = await synced({ 'TEST_CONFLICT.md': 'initial' });
    world.write('balaur', 'TEST_CONFLICT.md', 'balaur OLD');
    world.write('laptop', 'TEST_CONFLICT.md', 'laptop NEWER');
    const report = await world.sync();
    expect(report.conflicts).toMatchObject([{ path: 'TEST_CONFLICT.md', resolution: 'alpha' }]);
    expect(both(world, 'TEST_CONFLICT.md')).toEqual(['laptop NEWER', 'laptop NEWER']);
    expect(world.disks.balaur.versions.map(({ bytes }) => new TextDecoder().decode(bytes))).toContain('balaur OLD');
  });

  it('permissions: an executable stays one', async () => {
    const world = await synced({ keep: '1' });
    world.write('laptop', 'scripts/test_perms.sh', '#!/bin/bash\n', 0o755);
    await world.sync();
    expect(listMemoryDisk(world.disks.balaur)).toContain('scripts/test_perms.sh 755 #!/bin/bash\n');
  });

  it('exclusion: a state file never travels, its sibling does, and its folder survives a deletion', async () => {
    const world = await synced({ 'COMMS_HUB/letter.md': 'hello' });
    world.write('laptop', 'COMMS_HUB/claude_strategic_state.json', '{"on":"laptop"}');
    world.write('balaur', 'COMMS_HUB/codex_state.json', '{"on":"balaur"}');
    world.write('laptop', 'COMMS_HUB/sibling.md', 'travels');
    await world.sync();
    expect(world.read('balaur', 'COMMS_HUB/claude_strategic_state.json')).toBeUndefined();
    expect(world.read('laptop', 'COMMS_HUB/codex_state.json')).toBeUndefined();
    expect(world.read('balaur', 'COMMS_HUB/sibling.md')).toBe('travels');
    world.remove('laptop', 'COMMS_HUB');
    await world.sync({ allow: new Set(['mass-delete', 'root-emptied']) });
    expect(world.read('balaur', 'COMMS_HUB/sibling.md')).toBeUndefined();
    expect(world.read('balaur', 'COMMS_HUB/codex_state.json')).toBe('{"on":"balaur"}');
    expect((await world.sync()).outcome).toBe('in-sync');
  });

  it('idempotency: a second run finds nothing to do and writes nothing', async () => {
    const world = await synced({ a: '1', 'b/c': '2' });
    const writes = [world.disks.laptop.writes, world.disks.balaur.writes];
    const report = await world.sync();
    expect(report).toMatchObject({ outcome: 'in-sync', changes: [], conflicts: [], problems: [] });
    expect(report.counts.commits).toBe(0);
    expect([world.disks.laptop.writes, world.disks.balaur.writes]).toEqual(writes);
  });
});

describe('both ends start runs', () => {
  it('a file made by one, synced, deleted by the other and synced from there stays deleted', async () => {
    const world = await synced({ keep: '1' });
    world.write('laptop', 'new.md', 'made here');
    await world.sync({ from: 'laptop' });
    world.remove('balaur', 'new.md');
    await world.sync({ from: 'balaur' });
    expect(both(world, 'new.md')).toEqual([undefined, undefined]);
    expect((await world.sync({ from: 'laptop' })).outcome).toBe('in-sync');
    expect((await world.sync({ from: 'balaur' })).outcome).toBe('in-sync');
  });

  it('halts where the other end has other settings, and takes over a change by the end that set them', async () => {
    const world = await synced({ keep: '1', other: '2' });
    const settings = { scope: { include: [], exclude: ['other'], guard: [] } };
    const halted = await world.sync({ from: 'balaur', settings });
    expect(halted).toMatchObject({ outcome: 'halted', halt: { reason: 'settings-differ', overridable: true } });
    const taken = await world.sync({ from: 'laptop', settings });
    expect(taken.outcome).toBe('in-sync');
    expect(taken.notices.map(({ code }) => code)).toContain('SYNC_SETTINGS_DIFFER');
    expect(both(world, 'other')).toEqual(['2', '2']);
    world.remove('laptop', 'other');
    expect((await world.sync({ from: 'balaur', settings })).outcome).toBe('in-sync');
    expect(world.read('balaur', 'other')).toBe('2');
  });
});

describe('another run that ends just while this one begins', () => {
  it('is taken into account', async () => {
    const world = await synced({ a: '1', b: '2', c: '3' });
    world.write('laptop', 'a', 'edited');
    const inner = createMemoryReplica({ disk: world.disks.balaur, clock: world.clock, host: 'balaur' });
    let others = 0;
    // The first look at the archive is already old when it is seen: a run from the other end came to its end in between.
    const alpha: Replica = {
      ...inner,
      archive(pair) {
        const store = inner.archive(pair);
        const status = async (): ReturnType<typeof store.status> => {
          const seen = await store.status();
          if (others++ === 0) await world.sync({ from: 'laptop' });
          return seen;
        };
        return { ...store, status };
      },
    };
    const report = await world.sync({ from: 'balaur', alpha });
    expect(others).toBeGreaterThan(1);
    expect(['in-sync', 'applied']).toContain(report.outcome);
    expect(both(world, 'a')).toEqual(['edited', 'edited']);
    expect((await world.sync()).outcome).toBe('in-sync');
  });
});

describe('a first sync', () => {
  it('deletes nothing, and lists what differs until it is told how to decide', async () => {
    const world = createTwoReplicas();
    world.write('laptop', 'same', 'equal');
    world.write('balaur', 'same', 'equal');
    world.write('laptop', 'mine', 'laptop');
    world.write('balaur', 'yours', 'balaur');
    world.write('laptop', 'differs', 'laptop');
    world.write('balaur', 'differs', 'balaur');
    const report = await world.sync();
    expect(report.first).toBe(true);
    expect(report.conflicts).toMatchObject([{ path: 'differs', reason: 'first-sync', resolution: 'skipped' }]);
    expect([both(world, 'mine'), both(world, 'yours'), both(world, 'differs')]).toEqual([
      ['laptop', 'laptop'],
      ['balaur', 'balaur'],
      ['laptop', 'balaur'],
    ]);
  });

  it('settles them once with `first`', async () => {
    const world = createTwoReplicas();
    world.write('laptop', 'differs', 'laptop');
    world.write('balaur', 'differs', 'balaur');
    await world.sync({ first: 'beta' });
    expect(both(world, 'differs')).toEqual(['balaur', 'balaur']);
  });
});

describe('a dry run', () => {
  it('reports what would be done and leaves no trace on sides that have none', async () => {
    const world = createTwoReplicas();
    world.write('laptop', 'a', '1');
    const report = await world.sync({ dryRun: true });
    expect(report).toMatchObject({ outcome: 'pending', changes: [{ path: 'a', side: 'beta', action: 'create', status: 'pending' }] });
    expect([world.disks.laptop.writes, world.disks.balaur.writes]).toEqual([0, 0]);
  });
});

describe('what fails', () => {
  it('is planned again, also a deletion in a directory that has to stay', async () => {
    const world = await synced({ 'hub/letter': '1', 'hub/other': '2', k1: '1', k2: '2', k3: '3' });
    world.write('balaur', 'hub/x_state.json', '{}');
    world.remove('laptop', 'hub');
    let edited = false;
    const first = await world.sync({
      step: (node, name, path) => {
        // Somebody edits one of the files after it was scanned and before it is its turn.
        if (edited || node !== 'balaur' || name !== 'transition' || path !== 'hub/letter') return;
        edited = true;
        world.write('balaur', 'hub/other', 'edited meanwhile');
      },
    });
    expect(first.problems).toMatchObject([{ path: 'hub/other', code: 'SYNC_TARGET_CHANGED', during: 'transfer' }]);
    await world.sync();
    // The edit is newer than what was deleted: it survives, and comes back.
    expect(both(world, 'hub/other')).toEqual(['edited meanwhile', 'edited meanwhile']);
    expect(both(world, 'hub/letter')).toEqual([undefined, undefined]);
    expect((await world.sync()).outcome).toBe('in-sync');
  });

  it('keep-both keeps both on both sides', async () => {
    const world = await synced({ 'a.md': 'one', k1: '1' });
    world.write('laptop', 'a.md', 'from the laptop');
    world.write('balaur', 'a.md', 'from the server');
    await world.sync({ settings: { conflicts: 'keep-both' } });
    expect(listMemoryDisk(world.disks.laptop)).toEqual(listMemoryDisk(world.disks.balaur));
    expect(both(world, 'a.md')).toEqual(['from the server', 'from the server']);
    expect(listMemoryDisk(world.disks.laptop).filter((line) => line.includes('from the laptop'))).toHaveLength(1);
    expect((await world.sync({ settings: { conflicts: 'keep-both' } })).outcome).toBe('in-sync');
  });
});

describe('a side that may only be read', () => {
  it.each(['both', 'beta-to-alpha'] as const)(
    'keeps the other one as it is, too (%s); a dry run, and one with nothing to do, are none the worse',
    async (direction) => {
      const world = await synced({ 'a.md': 'one' });
      const readOnly = (): Partial<RunOptions> => ({
        beta: createMemoryReplica({ disk: world.disks.balaur, clock: world.clock, host: 'balaur', capabilities: { readOnly: true } }),
        settings: { direction },
      });
      if (direction !== 'both') await world.sync({ settings: { direction } });
      expect((await world.sync(readOnly())).outcome).toBe('in-sync');
      world.write('balaur', 'b.md', 'two');
      const before = listMemoryDisk(world.disks.laptop);
      expect((await world.sync({ ...readOnly(), dryRun: true })).changes.length).toBe(1);
      await expect(world.sync(readOnly())).rejects.toMatchObject({ code: 'SYNC_READ_ONLY' });
      expect(listMemoryDisk(world.disks.laptop)).toEqual(before);
      expect((await world.sync({ settings: { direction } })).outcome).toBe('applied');
    },
  );
});

describe('a content that does not come as it was announced', () => {
  /** Runs with a laptop that sends something else in place of one content, so many times; which contents it was asked for, and what came of it. */
  async function lying(times: number): Promise<{ readonly report: SyncReport; readonly asked: readonly string[][]; readonly world: TwoReplicas }> {
    const world = await synced({ keep: '1' });
    for (const path of ['a.md', 'lie.md', 'same.md']) world.write('laptop', path, path === 'same.md' ? 'of lie.md' : `of ${path}`);
    const laptop = createMemoryReplica({ disk: world.disks.laptop, clock: world.clock, host: 'laptop' });
    const asked: string[][] = [];
    const alpha: Replica = {
      ...laptop,
      async *supply(needs) {
        asked.push(needs.map(({ path }) => path));
        const isLie = asked.length <= times;
        for await (const parts of laptop.supply(needs))
          yield parts.map((part) =>
            isLie && needs[part.need]?.path === 'lie.md' ? { ...part, bytes: new TextEncoder().encode('A LIE!!!!') } : part,
          );
      },
    };
    return { report: await world.sync({ alpha }), asked, world };
  }

  it('is asked for once more, and it alone', async () => {
    const { report, asked, world } = await lying(1);
    expect(asked).toEqual([['a.md', 'lie.md'], ['lie.md']]);
    expect(report).toMatchObject({ outcome: 'applied', problems: [] });
    expect(['a.md', 'lie.md', 'same.md'].map((path) => world.read('balaur', path))).toEqual(['of a.md', 'of lie.md', 'of lie.md']);
    const bytes = world.events.flatMap((event) =>
      event.type === 'progress' && event.phase === 'transition' ? [event.doneBytes / event.totalBytes] : [],
    );
    expect(Math.max(...bytes)).toBeLessThanOrEqual(1);
  });

  it('and no more: whoever lies each time fails what he lies about, and nothing else', async () => {
    const { report, asked, world } = await lying(Infinity);
    expect(asked).toEqual([['a.md', 'lie.md'], ['lie.md']]);
    expect(report.outcome).toBe('partial');
    expect(report.problems.map(({ path, side, code }) => [path, side, code])).toEqual([
      ['lie.md', 'beta', 'SYNC_CONTENT_MISMATCH'],
      ['same.md', 'beta', 'SYNC_CONTENT_MISMATCH'],
    ]);
    expect(['a.md', 'lie.md', 'same.md'].map((path) => world.read('balaur', path))).toEqual(['of a.md', undefined, undefined]);
  });
});

describe('what a side cannot make durable', () => {
  const failsOnce = (path: string): Step => {
    let isOver = false;
    return (node, name) => {
      if (isOver || node !== 'balaur' || name !== 'prepare') return;
      isOver = true;
      throw new SyncError('SYNC_IO', `unable to make ${path} durable`, { notDurable: [path] });
    };
  };

  it.each(['docs', 'docs/a.md'])('(%s) is a problem of its own: it is there and not remembered, and the next run agrees on it', async (path) => {
    const world = await synced({ k1: '1' });
    world.write('balaur', 'docs/a.md', 'a');
    world.write('laptop', 'k2', '2');
    const report = await world.sync({ step: failsOnce(path) });
    expect([report.outcome, report.problems]).toMatchObject(['partial', [{ path, side: 'beta', code: 'SYNC_IO', during: 'transfer' }]]);
    expect([both(world, 'docs/a.md'), both(world, 'k2')]).toEqual([
      ['a', 'a'],
      ['2', '2'],
    ]);
    world.remove('laptop', 'k2');
    const next = await world.sync();
    // Of k2 it is remembered that both had it, so it was deleted.
    expect([next.changes.map((change) => [change.path, change.action]), next.problems, next.counts.commits]).toEqual([[['k2', 'delete']], [], 1]);
    expect((await world.sync()).counts.commits).toBe(0);
    world.remove('laptop', 'docs');
    expect((await world.sync()).changes.map(({ action }) => action)).toEqual(['delete', 'delete']);
  });

  it('ends the run if it is nothing that this run is about', async () => {
    const world = await synced({ k1: '1' });
    world.write('balaur', 'docs/a.md', 'a');
    await expect(world.sync({ step: failsOnce('elsewhere/x') })).rejects.toMatchObject({ code: 'SYNC_IO' });
    expect((await world.sync()).outcome).toBe('in-sync');
  });
});

describe('paths select changes', () => {
  it('and nothing that is not selected is forgotten', async () => {
    const world = await synced({ 'hub/conf': '1', k1: '1', k2: '2' });
    world.write('balaur', 'hub/bot_state.json', '{}');
    world.remove('laptop', 'hub');
    world.write('laptop', 'other', 'new');
    await world.sync({ paths: ['other' as RelativePath] });
    expect([both(world, 'other'), both(world, 'hub/conf')]).toEqual([
      ['new', 'new'],
      [undefined, '1'],
    ]);
    await world.sync();
    expect(both(world, 'hub/conf')).toEqual([undefined, undefined]);
  });

  it('and a conflict that is selected brings the copy of its loser', async () => {
    const world = await synced({ 'a.md': 'one', k1: '1' });
    world.write('laptop', 'a.md', 'from the laptop');
    world.write('balaur', 'a.md', 'from the server');
    await world.sync({ settings: { conflicts: 'keep-both' }, paths: ['a.md' as RelativePath] });
    expect(listMemoryDisk(world.disks.laptop)).toEqual(listMemoryDisk(world.disks.balaur));
    expect(listMemoryDisk(world.disks.laptop).filter((line) => line.includes('from the laptop'))).toHaveLength(1);
  });
});

describe('a first sync that breaks off', () => {
  it('still lists what differs, and does not settle it by time', async () => {
    for (let stopAt = 1; ; stopAt++) {
      const world = createTwoReplicas();
      for (const name of ['a', 'b', 'c']) world.write('laptop', name, name);
      world.write('laptop', 'differs', 'laptop');
      world.write('balaur', 'differs', 'balaur, later');
      let steps = 0;
      const crash = await world
        .sync({
          step: () => {
            if (++steps >= stopAt) throw new Error('crash');
          },
        })
        .then(
          () => false,
          () => true,
        );
      const report = await world.sync();
      expect(report.conflicts, `stopped at step ${stopAt}`).toMatchObject([{ path: 'differs', resolution: 'skipped' }]);
      expect(both(world, 'differs'), `stopped at step ${stopAt}`).toEqual(['laptop', 'balaur, later']);
      if (!crash) break;
    }
  });
});

describe('halts', () => {
  it('takes a lost marker as a new beginning if told to rejoin', async () => {
    const world = await synced({ a: '1', b: '2' });
    world.disks.balaur.id = undefined;
    world.disks.balaur.archives.clear();
    world.remove('balaur', 'a');
    expect((await world.sync({ rejoin: true })).outcome).toBe('applied');
    expect(both(world, 'a')).toEqual(['1', '1']);
  });

  it('does not take an emptied root for a wish', async () => {
    const world = await synced({ a: '1', b: '2', c: '3' });
    for (const name of ['a', 'b', 'c']) world.remove('laptop', name);
    const report = await world.sync();
    expect(report).toMatchObject({ outcome: 'halted', halt: { reason: 'root-emptied', side: 'alpha' } });
    expect(world.read('balaur', 'a')).toBe('1');
  });

  it('does not take another tree at the same address for the one it knew', async () => {
    const world = await synced({ a: '1', b: '2' });
    world.disks.balaur.id = undefined;
    const report = await world.sync();
    expect(report).toMatchObject({ outcome: 'halted', halt: { reason: 'marker-missing', side: 'beta' } });
  });

  it('stops at a missing root', async () => {
    const world = await synced({ a: '1' });
    world.disks.balaur.root = undefined;
    expect(await world.sync()).toMatchObject({ outcome: 'halted', halt: { reason: 'root-missing', side: 'beta', overridable: false } });
  });
});

describe('a crash at any step, then another run, is as if it had been run once', () => {
  const before = { 'a.txt': 'one', 'b.txt': 'two', 'dir/c.txt': 'three', 'dir/d.txt': 'four', gone: 'five', k1: '1', k2: '2', k3: '3', k4: '4' };
  const edit = (world: TwoReplicas): void => {
    world.write('laptop', 'a.txt', 'one, edited');
    world.write('balaur', 'new/file', 'made there');
    world.remove('balaur', 'gone');
    world.write('laptop', 'dir/c.txt', 'both, here');
    world.write('balaur', 'dir/c.txt', 'both, there and later');
    // Its content goes one way and its permissions the other: both sides are changed at one path.
    world.write('laptop', 'dir/d.txt', 'both, here', 0o755);
    world.write('balaur', 'dir/d.txt', 'both, there and later');
  };

  it('whoever starts it', async () => {
    const calm = await synced(before);
    edit(calm);
    await calm.sync();
    const expected = listMemoryDisk(calm.disks.laptop);
    expect(listMemoryDisk(calm.disks.balaur)).toEqual(expected);

    let steps = 0;
    for (let stopAt = 1; ; stopAt++) {
      const world = await synced(before);
      edit(world);
      steps = 0;
      const crash = await world
        .sync({
          step: () => {
            if (++steps >= stopAt) throw new Error('crash');
          },
        })
        .then(
          () => false,
          () => true,
        );
      const from = stopAt % 2 === 0 ? 'laptop' : 'balaur';
      const after = await world.sync({ from });
      expect(
        after.conflicts.filter(({ resolution }) => resolution === 'skipped'),
        `stopped at step ${stopAt}`,
      ).toEqual([]);
      expect(listMemoryDisk(world.disks.laptop), `stopped at step ${stopAt}`).toEqual(expected);
      expect(listMemoryDisk(world.disks.balaur), `stopped at step ${stopAt}`).toEqual(expected);
      expect((await world.sync()).outcome, `stopped at step ${stopAt}`).toBe('in-sync');
      if (!crash) break;
    }
    expect(steps).toBeGreaterThan(10);
  });

  it('between two batches that change one path, each on its own side', async () => {
    const world = await synced({ z: 'before' });
    // More than fits into one batch, so that the content of `z` comes to balaur after its permissions came to the laptop.
    for (let count = 0; count < 10_000; count++) world.write('laptop', `many/${count}`, '');
    world.write('balaur', 'z', 'there', 0o755);
    world.write('laptop', 'z', 'here and later');
    const step: Step = (node, name, path) => {
      if (node === 'balaur' && name === 'transition' && path === 'z') throw new Error('crash');
    };
    await expect(world.sync({ step })).rejects.toThrow('crash');
    await world.sync();
    for (const node of ['laptop', 'balaur'] as const) expect(listMemoryDisk(world.disks[node])).toContain('z 755 here and later');
  });

  it('an edit or a deletion made after the crash is neither a conflict nor undone', async () => {
    for (let stopAt = 1; ; stopAt++) {
      const world = await synced(before);
      world.write('laptop', 'a.txt', 'edited here');
      world.write('laptop', 'new.txt', 'made here');
      let steps = 0;
      const crash = await world
        .sync({
          step: () => {
            if (++steps >= stopAt) throw new Error('crash');
          },
        })
        .then(
          () => false,
          () => true,
        );
      const arrived = world.read('balaur', 'a.txt') === 'edited here';
      const created = world.read('balaur', 'new.txt') !== undefined;
      if (arrived) world.write('balaur', 'a.txt', 'edited there, after');
      if (created) world.remove('laptop', 'new.txt');
      const report = await world.sync();
      expect(report.conflicts, `stopped at step ${stopAt}`).toEqual([]);
      expect(both(world, 'a.txt')).toEqual(arrived ? ['edited there, after', 'edited there, after'] : ['edited here', 'edited here']);
      expect(both(world, 'new.txt')).toEqual(created ? [undefined, undefined] : ['made here', 'made here']);
      if (!crash) break;
    }
  });
});

async function synced(files: Readonly<Record<string, string>>): Promise<TwoReplicas> {
  const world = createTwoReplicas();
  for (const [path, text] of Object.entries(files)) world.write('laptop', path, text);
  await world.sync();
  return world;
}

function both(world: TwoReplicas, path: string): readonly (string | undefined)[] {
  return [world.read('laptop', path), world.read('balaur', path)];
}
