import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getMemoryNode, listMemoryDisk, makeMemoryLink, putMemoryNode } from '../testing/memory-disk.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { createTwoReplicas, type NodeName, type Step, type TwoReplicas } from '../testing/two-replicas.ts';
import type { RelativePath } from '../tree/path.ts';
import { isSyncError, type SyncError } from './errors.ts';
import type { SyncReport } from './report.ts';
import { createMemoryPlans, type MemoryPlans } from './test-support/memory-plans.ts';

interface World extends TwoReplicas {
  readonly plans: MemoryPlans;
}

const first = {
  'edited.md': 'one',
  'edited/too.md': 'one',
  'gone.md': 'one',
  'gone/a.md': 'a',
  'gone/b.md': 'b',
  'mode.sh': '#!/bin/sh',
  'renamed/x.md': 'a file with a name',
  'renamed/y.md': 'another one',
  'mine.md': 'one',
  'both.md': 'one',
};

/** Something of every kind, in both directions, over what was synced. */
function change(world: TwoReplicas): void {
  world.write('balaur', 'edited.md', 'two');
  world.write('laptop', 'edited/too.md', 'two');
  world.remove('balaur', 'gone.md');
  world.remove('laptop', 'gone');
  chmod(world, 'laptop', 'mode.sh', 0o755);
  rename(world, 'balaur', 'renamed', 'other name');
  world.write('laptop', 'renamed/y.md', 'another one, edited');
  world.write('laptop', 'new/deep/n.md', 'new');
  makeMemoryLink(world.disks.balaur, 'link', 'new');
  world.write('laptop', 'mine.md', 'older');
  world.write('balaur', 'mine.md', 'newer');
}

describe('a sealed plan', () => {
  it('does what the same run without it would have done', async () => {
    const [direct, sealed] = [await synced(), await synced()];
    for (const world of [direct, sealed]) change(world);
    const expected = await direct.sync();
    const { id } = await seal(sealed);
    const report = await apply(sealed, id);
    expect(report.changes).toEqual(expected.changes);
    expect(report.conflicts.map(({ path, resolution, rule }) => [path, resolution, rule])).toEqual([['mine.md', 'beta', '6 newer']]);
    expect(report).toMatchObject({ outcome: 'applied', left: 0, problems: [], plan: { id } });
    for (const node of ['laptop', 'balaur'] as const) expect(listMemoryDisk(sealed.disks[node])).toEqual(listMemoryDisk(direct.disks[node]));
    expect((await sealed.sync()).outcome).toBe('in-sync');
  });

  it('is named by what it does: made again, or made at the other end, it has the same name', async () => {
    const world = await synced();
    change(world);
    const { id, hash } = await seal(world);
    expect([id, (await seal(world)).hash]).toEqual([hash.slice(0, 16), hash]);
    const there = await world.sync({ from: 'balaur', plans: world.plans, dryRun: true });
    expect(there.plan).toEqual({ id, hash });
    expect(world.plans.texts.size).toBe(1);
    world.write('laptop', 'one more', '1');
    expect((await seal(world)).hash).not.toBe(hash);
  });

  it('made at one end is applied from the other, too, if it has it', async () => {
    const [direct, sealed] = [await synced(), await synced()];
    for (const world of [direct, sealed]) change(world);
    await direct.sync();
    const { id } = await seal(sealed);
    expect((await apply(sealed, id, { from: 'balaur' })).outcome).toBe('applied');
    for (const node of ['laptop', 'balaur'] as const) expect(listMemoryDisk(sealed.disks[node])).toEqual(listMemoryDisk(direct.disks[node]));
  });

  it('is kept only for changes, only where a place was given, and not before there is a pair', async () => {
    const plans = createMemoryPlans();
    const world = createTwoReplicas();
    world.write('laptop', 'a', '1');
    const before = await world.sync({ plans, dryRun: true });
    expect(before).toMatchObject({
      outcome: 'pending',
      notices: [{ code: 'SYNC_PLAN_UNKNOWN', message: expect.stringContaining('never been synced') as string }],
    });
    expect(before.plan).toBeUndefined();
    await world.sync({ plans });
    expect(await world.sync({ plans, dryRun: true })).toMatchObject({ outcome: 'in-sync', notices: [] });
    world.write('laptop', 'a', '2');
    expect((await world.sync({ dryRun: true })).plan).toBeUndefined();
    expect(plans.texts.size).toBe(0);
    const writes = [world.disks.laptop.writes, world.disks.balaur.writes];
    expect((await world.sync({ plans, dryRun: true })).plan).toBeDefined();
    expect([world.disks.laptop.writes, world.disks.balaur.writes]).toEqual(writes);
  });

  it('of selected paths makes their changes only', async () => {
    const world = await synced();
    change(world);
    const { plan } = await world.sync({ plans: world.plans, dryRun: true, paths: ['edited.md' as RelativePath] });
    const report = await apply(world, plan?.id ?? '');
    expect(report.changes.map(({ path, status }) => [path, status])).toEqual([['edited.md', 'done']]);
    expect(report.left).toBeGreaterThan(5);
    expect((await world.sync()).outcome).toBe('applied');
    expect((await world.sync()).outcome).toBe('in-sync');
  });
});

describe('changes that are left', () => {
  it('leave open what belongs to them: permissions of a new folder are merged by the run that makes them', async () => {
    const [direct, parted] = [await synced(), await synced()];
    for (const world of [direct, parted]) {
      world.write('laptop', 'both/a.md', 'a');
      world.write('balaur', 'both/b.md', 'b');
      chmod(world, 'balaur', 'both', 0o700);
      world.write('laptop', 'edited.md', 'two');
    }
    await direct.sync();
    await parted.sync({ paths: ['edited.md' as RelativePath] });
    await parted.sync();
    for (const node of ['laptop', 'balaur'] as const) expect(listMemoryDisk(parted.disks[node])).toEqual(listMemoryDisk(direct.disks[node]));
    expect((await parted.sync()).held).toEqual((await direct.sync()).held);
  });
});

describe('what has happened since a plan was sealed', () => {
  const drifts: readonly { readonly what: string; readonly path: string; readonly says: string; readonly happens: (world: TwoReplicas) => void }[] = [
    { what: 'the target was edited', path: 'edited.md', says: 'changed on laptop', happens: (world) => world.write('laptop', 'edited.md', 'three') },
    {
      what: 'the source was edited again',
      path: 'edited.md',
      says: 'changed on balaur',
      happens: (world) => world.write('balaur', 'edited.md', 'three'),
    },
    { what: 'the target was deleted', path: 'edited.md', says: 'gone on laptop', happens: (world) => world.remove('laptop', 'edited.md') },
    { what: 'the source was deleted', path: 'edited/too.md', says: 'gone on laptop', happens: (world) => world.remove('laptop', 'edited/too.md') },
    {
      what: 'the target of a new file is taken',
      path: 'new/deep/n.md',
      says: 'new on balaur',
      happens: (world) => world.write('balaur', 'new/deep/n.md', 'another'),
    },
    { what: 'what was deleted there is back', path: 'gone.md', says: 'new on balaur', happens: (world) => world.write('balaur', 'gone.md', 'again') },
    {
      what: 'what is to be deleted was edited',
      path: 'gone/a.md',
      says: 'changed on balaur',
      happens: (world) => world.write('balaur', 'gone/a.md', 'edited'),
    },
    {
      what: 'a folder that is to be deleted holds something new',
      path: 'gone/c.md',
      says: 'new on balaur',
      happens: (world) => world.write('balaur', 'gone/c.md', 'c'),
    },
    {
      what: 'the mode of the target changed',
      path: 'edited.md',
      says: 'other permissions on laptop',
      happens: (world) => chmod(world, 'laptop', 'edited.md', 0o600),
    },
    {
      what: 'the mode of the source changed',
      path: 'mode.sh',
      says: 'other permissions on laptop',
      happens: (world) => chmod(world, 'laptop', 'mode.sh', 0o700),
    },
    {
      what: 'the loser of a conflict was edited',
      path: 'mine.md',
      says: 'changed on laptop',
      happens: (world) => world.write('laptop', 'mine.md', 'newest'),
    },
    {
      what: 'what is to move was edited',
      path: 'renamed/x.md',
      says: 'changed on laptop',
      happens: (world) => world.write('laptop', 'renamed/x.md', 'edited'),
    },
    {
      what: 'it was given another name there',
      path: 'other name',
      says: 'gone on balaur',
      happens: (world) => rename(world, 'balaur', 'other name', 'third name'),
    },
  ];
  it.each(drifts)('$what: it is refused, and nothing is changed', async ({ path, says, happens }) => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    happens(world);
    const before = ['laptop', 'balaur'].map((node) => listMemoryDisk(world.disks[node as NodeName]));
    const error = await refusal(apply(world, id));
    expect(error).toMatchObject({ code: 'SYNC_PLAN_DRIFTED', message: expect.stringContaining(`${path} `) as string });
    expect(error.message).toContain(says);
    expect(error.details['paths']).toContain(path);
    expect(['laptop', 'balaur'].map((node) => listMemoryDisk(world.disks[node as NodeName]))).toEqual(before);
    // Nobody holds a root, and nothing is remembered that was not done: a run without the plan decides as it would have.
    expect((await world.sync()).outcome).toBe('applied');
    expect((await world.sync()).outcome).toBe('in-sync');
  });

  it('elsewhere is left for the next run', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    world.write('laptop', 'later/new.md', 'later');
    world.write('balaur', 'edited/also.md', 'later');
    world.remove('laptop', 'both.md');
    const report = await apply(world, id);
    expect(report).toMatchObject({ outcome: 'applied', left: 4 });
    expect(both(world, 'edited.md')).toEqual(['two', 'two']);
    expect([both(world, 'later/new.md'), both(world, 'edited/also.md'), both(world, 'both.md')]).toEqual([
      ['later', undefined],
      [undefined, 'later'],
      [undefined, 'one'],
    ]);
    const next = await world.sync();
    expect(next.changes.map(({ path }) => path).sort()).toEqual(['both.md', 'edited/also.md', 'later', 'later/new.md']);
    expect([both(world, 'later/new.md'), both(world, 'edited/also.md'), both(world, 'both.md')]).toEqual([
      ['later', 'later'],
      ['later', 'later'],
      [undefined, undefined],
    ]);
  });

  it('may be that another run has done it: then there is nothing to do', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    await world.sync({ from: 'balaur' });
    expect(await apply(world, id)).toMatchObject({ outcome: 'in-sync', changes: [], conflicts: [], left: 0 });
    world.write('balaur', 'edited.md', 'three');
    expect(await apply(world, id)).toMatchObject({ outcome: 'applied', changes: [], left: 1 });
    expect(both(world, 'edited.md')).toEqual(['two', 'three']);
  });

  it('may be that other runs have gone on elsewhere: the paths say whether it holds, not the number of runs', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    world.write('laptop', 'unrelated.md', '1');
    await world.sync({ paths: ['unrelated.md' as RelativePath] });
    expect(await apply(world, id)).toMatchObject({ outcome: 'applied', left: 0 });
    expect((await world.sync()).outcome).toBe('in-sync');
  });

  it('may be that the old state was synced away and came back: that is a new will, and refused', async () => {
    const world = await synced();
    world.write('balaur', 'edited.md', 'two');
    const { id } = await seal(world);
    await world.sync();
    world.write('laptop', 'edited.md', 'one');
    const error = await refusal(apply(world, id));
    expect(error).toMatchObject({ code: 'SYNC_PLAN_DRIFTED', details: { paths: ['edited.md'] } });
    expect(both(world, 'edited.md')).toEqual(['one', 'two']);
  });

  it('may be that the settings are others', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    const error = await refusal(apply(world, id, { settings: { conflicts: 'skip', direction: 'alpha-to-beta' } }));
    expect(error).toMatchObject({ code: 'SYNC_PLAN_DRIFTED', details: { settings: ['conflicts', 'direction'] } });
    expect(both(world, 'edited.md')).toEqual(['one', 'two']);
  });

  it('does not matter for another profile or another pair: it is not their plan', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    await expect(apply(world, id, { profile: 'other' })).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
    const other = await synced();
    other.disks.laptop.id = 'another-replica' as typeof other.disks.laptop.id;
    await expect(apply({ ...other, plans: world.plans }, id)).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
    await expect(apply(world, 'ffffff')).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
  });

  it('may be an accident: the guards look at it again, and have to be told again', async () => {
    const world = await synced();
    world.remove('balaur', 'gone');
    const { id } = await seal(world);
    const emptied = await synced();
    for (const name of Object.keys(first)) if (emptied.read('laptop', name) !== undefined) emptied.remove('laptop', name.split('/')[0] ?? name);
    const dry = await emptied.sync({ plans: emptied.plans, dryRun: true, allow: new Set(['root-emptied'] as const) });
    expect(dry.outcome).toBe('pending');
    expect(await apply(emptied, dry.plan?.id ?? '')).toMatchObject({ outcome: 'halted', halt: { reason: 'root-emptied' } });
    expect(await apply(emptied, dry.plan?.id ?? '', { allow: new Set(['root-emptied'] as const) })).toMatchObject({ outcome: 'applied' });
    // What stops every plan is told before what drifted.
    world.disks.laptop.root = { kind: 'directory', mode: 0o755, children: new Map() };
    expect(await apply(world, id)).toMatchObject({ outcome: 'halted', halt: { reason: 'root-emptied' } });
  });
});

describe('what a sealed plan has decided', () => {
  it('is not decided again: the winner of a conflict stays, whatever the times say now', async () => {
    const world = await synced();
    world.write('laptop', 'mine.md', 'older');
    world.write('balaur', 'mine.md', 'newer');
    const { id } = await seal(world);
    world.write('laptop', 'mine.md', 'older');
    expect((await world.sync({ dryRun: true })).conflicts).toMatchObject([{ resolution: 'alpha' }]);
    expect((await apply(world, id)).conflicts).toMatchObject([{ path: 'mine.md', resolution: 'beta' }]);
    expect(both(world, 'mine.md')).toEqual(['newer', 'newer']);
    expect((await world.sync()).outcome).toBe('in-sync');
  });

  it('has the names of that day', async () => {
    const world = await synced();
    const settings = { conflicts: 'keep-both' } as const;
    world.write('laptop', 'mine.md', 'older');
    world.write('balaur', 'mine.md', 'newer');
    await world.sync({ settings, paths: ['no such path' as RelativePath] });
    const { id } = await seal(world, { settings });
    world.clock.advance(3 * 86_400_000);
    const report = await apply(world, id, { settings });
    expect(report).toMatchObject({ outcome: 'applied', left: 0, conflicts: [{ keptAs: 'mine (conflict laptop 2023-11-14).md' }] });
    expect(both(world, 'mine (conflict laptop 2023-11-14).md')).toEqual(['older', 'older']);
    expect((await world.sync({ settings })).outcome).toBe('in-sync');
  });

  it('at a first sync between two that have met others before', async () => {
    const world = createTwoReplicas();
    for (const node of ['laptop', 'balaur'] as const) world.disks[node].id = `id-of-${node}` as NonNullable<typeof world.disks.laptop.id>;
    world.write('laptop', 'mine.md', 'older');
    world.write('balaur', 'mine.md', 'newer');
    const plans = createMemoryPlans();
    const { plan } = await world.sync({ plans, dryRun: true, first: 'newer' });
    const report = await apply({ ...world, plans }, plan?.id ?? '');
    expect(report).toMatchObject({ outcome: 'applied', first: true, left: 0 });
    expect(both(world, 'mine.md')).toEqual(['newer', 'newer']);
    expect((await world.sync()).outcome).toBe('in-sync');
  });
});

describe('applying a sealed plan', () => {
  it('twice is fine: the second has nothing to do', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    await apply(world, id);
    const writes = [world.disks.laptop.writes, world.disks.balaur.writes];
    expect(await apply(world, id)).toMatchObject({ outcome: 'in-sync', changes: [], left: 0 });
    expect([world.disks.laptop.writes, world.disks.balaur.writes]).toEqual(writes);
  });

  it('as a dry run says what of it is still to be done, and changes nothing', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    await world.sync({ paths: ['edited.md' as RelativePath] });
    const before = [world.disks.laptop.writes, world.disks.balaur.writes];
    const report = await apply(world, id, { dryRun: true });
    expect(report).toMatchObject({ outcome: 'pending', plan: { id } });
    expect(report.changes.map(({ path }) => path)).not.toContain('edited.md');
    expect(report.changes.map(({ path }) => path)).toContain('edited/too.md');
    expect([world.disks.laptop.writes, world.disks.balaur.writes]).toEqual(before);
    expect(world.plans.texts.size).toBe(1);
  });

  it('can be broken off at any step, and the same plan does the rest', { timeout: 120_000 }, async () => {
    const direct = await synced();
    change(direct);
    await direct.sync();
    let steps = 0;
    for (let stopAt = 1; ; stopAt++) {
      const world = await synced();
      change(world);
      const { id } = await seal(world);
      steps = 0;
      const step: Step = () => {
        if (++steps >= stopAt) throw new Error('crash');
      };
      const crashed = await apply(world, id, { step }).then(
        () => false,
        () => true,
      );
      const report = await apply(world, id);
      expect(['applied', 'in-sync'], `stopped at step ${stopAt}`).toContain(report.outcome);
      for (const node of ['laptop', 'balaur'] as const) {
        expect(listMemoryDisk(world.disks[node]), `stopped at step ${stopAt}`).toEqual(listMemoryDisk(direct.disks[node]));
      }
      expect((await world.sync()).outcome, `stopped at step ${stopAt}`).toBe('in-sync');
      if (!crashed) break;
    }
    expect(steps).toBeGreaterThan(20);
  });

  it('leaves alone what changes between the check and the change', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    let happened = false;
    const report = await apply(world, id, {
      step: (node, name) => {
        if (happened || name !== 'transition' || node !== 'laptop') return;
        happened = true;
        world.write('laptop', 'edited.md', 'in this very moment');
      },
    });
    expect(happened).toBe(true);
    expect(report.problems).toMatchObject([{ path: 'edited.md', side: 'alpha', code: 'SYNC_TARGET_CHANGED' }]);
    expect(both(world, 'edited.md')).toEqual(['in this very moment', 'two']);
    expect(both(world, 'edited/too.md')).toEqual(['two', 'two']);
  });

  it('has been selected and decided already, and needs a place where it is kept', async () => {
    const world = await synced();
    change(world);
    const { id } = await seal(world);
    await expect(apply(world, id, { paths: ['edited.md' as RelativePath] })).rejects.toThrow(TypeError);
    await expect(apply(world, id, { first: 'newer' })).rejects.toThrow(TypeError);
    await expect(world.sync({ plan: id })).rejects.toThrow(TypeError);
  });

  it('takes over the settings that it was made under, if nobody has yet', async () => {
    const [direct, sealed] = [await synced(), await synced()];
    const settings = { permissions: 'executable' } as const;
    for (const world of [direct, sealed]) change(world);
    await direct.sync({ settings });
    const { id } = await seal(sealed, { settings });
    sealed.write('laptop', 'later.md', 'later');
    expect(await apply(sealed, id, { settings })).toMatchObject({ outcome: 'applied', left: 1, notices: [{ code: 'SYNC_SETTINGS_DIFFER' }] });
    for (const world of [direct, sealed]) {
      world.write('laptop', 'later.md', 'later');
      await world.sync({ settings });
      expect(await world.sync({ settings })).toMatchObject({ outcome: 'in-sync', held: [] });
    }
    for (const node of ['laptop', 'balaur'] as const) expect(listMemoryDisk(sealed.disks[node])).toEqual(listMemoryDisk(direct.disks[node]));
  });

  it('that is not one is refused', async () => {
    const world = await synced();
    const { id } = await world.plans.put('{"format":2}\n').then((name) => name ?? { id: '' });
    await expect(apply(world, id)).rejects.toMatchObject({ code: 'SYNC_PLAN_DAMAGED', details: { plan: id } });
  });
});

const path = fc.constantFrom('a', 'b.txt', 'd/x', 'd/y', 'e/f/g');
const edit = fc.record({
  node: fc.constantFrom<NodeName[]>('laptop', 'balaur'),
  does: fc.constantFrom('write', 'write', 'remove', 'chmod', 'rename'),
  path,
  to: path,
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

describe('for any edits', () => {
  const numRuns = propertyRuns(500);
  const settings = { conflicts: 'keep-both', maxDelete: { share: 1 } } as const;
  const allow = new Set(['root-emptied', 'path-emptied', 'mass-delete', 'mass-change'] as const);
  const many = fc.array(edit, { minLength: 1, maxLength: 6 });

  const prepared = async (before: readonly Edit[], edits: readonly Edit[]): Promise<World> => {
    const world = { ...createTwoReplicas(), plans: createMemoryPlans() };
    for (const each of before) make(world, each);
    world.write('laptop', 'keep', 'kept');
    await world.sync({ settings, allow });
    for (const each of edits) make(world, each);
    return world;
  };

  it(`seal and apply is apply (seed ${seed})`, { timeout: Math.max(120_000, numRuns * 100) }, async () => {
    await fc.assert(
      fc.asyncProperty(many, many, async (before, edits) => {
        const [direct, sealed] = [await prepared(before, edits), await prepared(before, edits)];
        const expected = await direct.sync({ settings, allow });
        const { plan } = await sealed.sync({ settings, allow, plans: sealed.plans, dryRun: true });
        expect(plan !== undefined).toBe(expected.changes.length > 0);
        if (plan === undefined) return;
        const report = await sealed.sync({ settings, allow, plans: sealed.plans, plan: plan.id });
        expect(report.changes).toEqual(expected.changes);
        expect(report.left).toBe(0);
        for (const node of ['laptop', 'balaur'] as const) expect(listMemoryDisk(sealed.disks[node])).toEqual(listMemoryDisk(direct.disks[node]));
        expect((await sealed.sync({ settings, allow, dryRun: true })).changes).toEqual([]);
      }),
      { seed, numRuns },
    );
  });

  it(`it is refused and nothing is changed, or exactly what was sealed is (seed ${seed})`, {
    timeout: Math.max(120_000, numRuns * 100),
  }, async () => {
    await fc.assert(
      fc.asyncProperty(many, many, many, async (before, edits, later) => {
        const world = await prepared(before, edits);
        const dry = await world.sync({ settings, allow, plans: world.plans, dryRun: true });
        fc.pre(dry.plan !== undefined);
        for (const each of later) make(world, each);
        const listed = (): string => JSON.stringify([world.disks.laptop, world.disks.balaur].map(listMemoryDisk));
        const found = listed();
        const planned = new Set(dry.changes.map(({ side, path: at }) => `${side} ${at}`));
        const result = await apply(world, dry.plan?.id ?? '', { settings, allow }).catch((error: unknown) => error);
        if (isSyncError(result)) {
          expect(result.code).toBe('SYNC_PLAN_DRIFTED');
          expect(listed()).toBe(found);
        } else {
          const { changes, problems } = result as SyncReport;
          expect(problems).toEqual([]);
          for (const { side, path: at } of changes) expect(planned.has(`${side} ${at}`)).toBe(true);
        }
        await world.sync({ settings, allow });
        expect((await world.sync({ settings, allow })).changes).toEqual([]);
        const [laptop, balaur] = [listMemoryDisk(world.disks.laptop), listMemoryDisk(world.disks.balaur)];
        expect(laptop).toEqual(balaur);
      }),
      { seed, numRuns },
    );
  });
});

async function synced(): Promise<World> {
  const world = { ...createTwoReplicas(), plans: createMemoryPlans() };
  for (const [name, text] of Object.entries(first)) world.write('laptop', name, text);
  await world.sync();
  return world;
}

async function seal(world: World, options: Parameters<TwoReplicas['sync']>[0] = {}): Promise<{ readonly id: string; readonly hash: string }> {
  const { plan, outcome } = await world.sync({ plans: world.plans, dryRun: true, ...options });
  expect(outcome).toBe('pending');
  if (plan === undefined) throw new Error('not sealed');
  return plan;
}

async function apply(world: World, plan: string, options: Parameters<TwoReplicas['sync']>[0] = {}): Promise<SyncReport> {
  return world.sync({ plans: world.plans, plan, ...options });
}

async function refusal(run: Promise<SyncReport>): Promise<SyncError> {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSyncError(error)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

function both(world: TwoReplicas, at: string): readonly (string | undefined)[] {
  return [world.read('laptop', at), world.read('balaur', at)];
}

function chmod({ disks }: TwoReplicas, node: NodeName, at: string, mode: number): void {
  const found = getMemoryNode(disks[node], at);
  if (found?.kind === 'file' || found?.kind === 'directory') found.mode = mode;
}

function rename(world: TwoReplicas, node: NodeName, from: string, to: string): void {
  const disk = world.disks[node];
  const found = getMemoryNode(disk, from);
  const parent = getMemoryNode(disk, to.includes('/') ? to.slice(0, to.lastIndexOf('/')) : '');
  if (found === undefined || parent?.kind !== 'directory' || to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)) return;
  world.remove(node, from);
  putMemoryNode(disk, parent, to.slice(to.lastIndexOf('/') + 1), found);
}

function make(world: TwoReplicas, { node, does, path: at, to }: Edit): void {
  switch (does) {
    case 'write':
      world.write(node, at, `${node} ${world.clock.nowMs()}`);
      return;
    case 'remove':
      if (getMemoryNode(world.disks[node], at) !== undefined) world.remove(node, at);
      return;
    case 'chmod':
      chmod(world, node, at, 0o755);
      return;
    case 'rename':
      rename(world, node, at, to);
      return;
  }
}
