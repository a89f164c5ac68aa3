import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listMemoryDisk } from '../../testing/memory-disk.ts';
import { createMemoryReplica } from '../../testing/memory-replica.ts';
import { createTwoReplicas, type NodeName, type TwoReplicas } from '../../testing/two-replicas.ts';
import { SyncError } from '../errors.ts';
import type { Replica } from '../replica.ts';

/** Calls to a replica, in their order. */
function watched(replica: Replica, calls: string[], name: string): Replica {
  return {
    ...replica,
    identify: () => told('identify', replica.identify()),
    lock: (options) => told('lock', replica.lock(options)),
    scan: (options) => told('scan', replica.scan(options)),
  };
  function told<T>(what: string, result: T): T {
    calls.push(`${name} ${what}`);
    return result;
  }
}

interface Scene {
  readonly world: TwoReplicas;
  readonly calls: string[];
  readonly alpha: Replica;
  readonly beta: Replica;
}

async function meeting(guards: readonly string[] = []): Promise<Scene> {
  const world = createTwoReplicas();
  world.write('laptop', 'a', '1');
  await world.sync();
  const calls: string[] = [];
  const open = (node: NodeName): Replica => createMemoryReplica({ disk: world.disks[node], clock: world.clock, host: node });
  const beta = open('balaur');
  const guarded: Replica = { ...beta, identify: async () => ({ ...(await beta.identify()), guards }) };
  return { world, calls, alpha: watched(open('laptop'), calls, 'alpha'), beta: watched(guarded, calls, 'beta') };
}

describe('beta is still on its way', () => {
  it('alpha is locked and scanned meanwhile, once', async () => {
    const { world, calls, alpha, beta } = await meeting();
    world.write('laptop', 'b', '2');
    let arrive: (replica: Replica) => void = () => {};
    const onItsWay = new Promise<Replica>((resolve) => {
      arrive = resolve;
    });
    const run = world.sync({ alpha, beta: onItsWay });
    while (!calls.includes('alpha scan')) await Promise.resolve();
    expect(calls).toEqual(['alpha identify', 'alpha lock', 'alpha scan']);
    expect(world.disks.laptop.lockOwner).toBeDefined();
    arrive(beta);
    expect((await run).outcome).toBe('applied');
    expect(world.read('balaur', 'b')).toBe('2');
    expect(calls.filter((call) => call === 'alpha scan')).toHaveLength(1);
    expect([world.disks.laptop.lockOwner, world.disks.balaur.lockOwner]).toEqual([undefined, undefined]);
  });

  it('is scanned again where beta knows of guards that were not minded', async () => {
    const { world, calls, alpha, beta } = await meeting(['secret']);
    world.write('laptop', 'secret', 'of balaur');
    world.write('laptop', 'b', '2');
    await world.sync({ alpha, beta: Promise.resolve(beta) });
    expect(calls.filter((call) => call === 'alpha scan')).toHaveLength(2);
    expect([world.read('balaur', 'secret'), world.read('balaur', 'b')]).toEqual([undefined, '2']);
  });

  it('one that never comes leaves nothing behind', async () => {
    const { world, alpha } = await meeting();
    const lost = new SyncError('SYNC_UNREACHABLE', 'nobody there');
    await expect(world.sync({ alpha, beta: Promise.reject(lost) })).rejects.toBe(lost);
    expect(world.disks.laptop.lockOwner).toBeUndefined();
  });

  it('one that fails while alpha is slow, or after alpha has failed, fails the run and nothing else', async () => {
    const { world, alpha } = await meeting();
    const lost = new SyncError('SYNC_UNREACHABLE', 'nobody there');
    const slow = { ...alpha, identify: async () => (await turns(20), alpha.identify()) };
    await expect(world.sync({ alpha: slow, beta: rejectAfter(5, lost) })).rejects.toBe(lost);
    const broken = new Error('no disk');
    const failing = { ...alpha, identify: () => Promise.reject(broken) };
    await expect(world.sync({ alpha: failing, beta: rejectAfter(5, lost) })).rejects.toBe(broken);
    // A rejection that nobody attends to fails the run of all tests.
    await turns(20);
    expect(world.disks.laptop.lockOwner).toBeUndefined();
  });

  it('waits for nobody: alpha is busy, or never was synced, or is far away', async () => {
    const { world, calls, alpha, beta } = await meeting();
    world.disks.laptop.lockOwner = 'another run';
    await expect(world.sync({ alpha, beta: Promise.resolve(beta) })).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
    expect(calls.indexOf('beta identify')).toBeLessThan(calls.indexOf('alpha scan'));
    expect([world.disks.laptop.lockOwner, world.disks.balaur.lockOwner]).toEqual(['another run', undefined]);
    world.disks.laptop.lockOwner = undefined;

    const far = { ...alpha, capabilities: { ...alpha.capabilities, remote: true } };
    calls.length = 0;
    await world.sync({ alpha: far, beta: Promise.resolve(beta) });
    expect(calls.indexOf('beta identify')).toBeLessThan(calls.indexOf('alpha scan'));

    const fresh = createTwoReplicas();
    fresh.write('laptop', 'a', '1');
    await fresh.sync({ beta: Promise.resolve(createMemoryReplica({ disk: fresh.disks.balaur, clock: fresh.clock, host: 'balaur' })) });
    expect(fresh.read('balaur', 'a')).toBe('1');
  });

  it('one that is busy is waited for in the order of the ids, and alpha is looked at anew', async () => {
    const { world } = await meeting();
    const idOf = (node: NodeName): string => world.disks[node].id ?? '';
    // The one whose lock comes last starts the run, so that its root is free while the other is waited for.
    const [from, to]: readonly NodeName[] = idOf('laptop') > idOf('balaur') ? ['laptop', 'balaur'] : ['balaur', 'laptop'];
    if (from === undefined || to === undefined) throw new TypeError('two nodes');
    world.disks[to].lockOwner = 'another run';
    const ownersOfAlpha: (string | undefined)[] = [];
    const clock = {
      ...world.clock,
      async delay() {
        ownersOfAlpha.push(world.disks[from].lockOwner);
        world.write(from, 'late', 'written while both were free');
        world.disks[to].lockOwner = undefined;
      },
    };
    const open = (node: NodeName): Replica => createMemoryReplica({ disk: world.disks[node], clock, host: node });
    const report = await world.sync({ from, alpha: open(from), beta: Promise.resolve(open(to)), lockWaitMs: 1_000 });
    expect(ownersOfAlpha).toEqual([undefined]);
    expect(report.outcome).toBe('applied');
    expect(world.read(to, 'late')).toBe('written while both were free');
  });

  it('for any edits, it ends as if beta had been there (seed 20261121)', async () => {
    const edit = fc.record({
      node: fc.constantFrom<NodeName>('laptop', 'balaur'),
      path: fc.constantFrom('a', 'b', 'd/a', 'd/b', 'd/e/a'),
      text: fc.option(fc.constantFrom('1', '2', '3')),
      sync: fc.option(fc.constantFrom<NodeName>('laptop', 'balaur'), { freq: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 12 }), async (edits) => {
        const worlds = [createTwoReplicas(), createTwoReplicas()] as const;
        for (const [index, world] of worlds.entries()) {
          for (const { node, path, text, sync } of [...edits, { node: 'laptop', path: 'a', text: '1', sync: 'laptop' } as const]) {
            if (text !== null) world.write(node, path, text);
            else if (world.read(node, path) !== undefined) world.remove(node, path);
            if (sync === null) continue;
            const to = sync === 'laptop' ? 'balaur' : 'laptop';
            const beta = createMemoryReplica({ disk: world.disks[to], clock: world.clock, host: to });
            await world.sync({ from: sync, beta: index === 0 ? beta : Promise.resolve(beta), allow: new Set(['mass-delete', 'root-emptied']) });
          }
        }
        const [there, later] = worlds.map(({ disks }) => [listMemoryDisk(disks.laptop), listMemoryDisk(disks.balaur)]);
        expect(later).toEqual(there);
      }),
      { seed: 20_261_121, numRuns: 200 },
    );
  });
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function rejectAfter(count: number, error: Error): Promise<never> {
  await turns(count);
  throw error;
}
