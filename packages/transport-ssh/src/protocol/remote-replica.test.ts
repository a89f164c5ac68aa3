import {
  type ContentPart,
  type ContentRequest,
  type Digest,
  defaultSyncSettings,
  type Entry,
  type PairKey,
  pairKey,
  type RelativePath,
  type Replica,
  type ReplicaId,
  type RestoreOptions,
  type Transition,
} from '@ubos/sync-core';
import {
  createMemoryDisk,
  createMemoryReplica,
  describeReplica,
  makeMemoryDirectory,
  readMemoryFile,
  removeMemoryNode,
  toyHash,
  writeMemoryFile,
} from '@ubos/sync-core/testing';
import { describe, expect, it } from 'vitest';
import { systemClock } from './system-clock.ts';
import { createCrumbler, createDuplexPair } from './test-support/duplex-pair.ts';
import { createFarSide, type FarSide } from './test-support/memory-far-side.ts';

const path = (text: string): RelativePath => text as RelativePath;
const settings = {
  scope: defaultSyncSettings.scope,
  digest: defaultSyncSettings.digest,
  permissions: defaultSyncSettings.permissions,
  policies: defaultSyncSettings.policies,
  symlinks: defaultSyncSettings.symlinks,
};
const here = '00000000-0000-4000-8000-00000000aaaa' as ReplicaId;

for (const [name, between] of [
  ['a replica behind a pipe', undefined],
  ['a replica behind a pipe that re-segments to 1..7 bytes', () => createCrumbler()],
] as const) {
  describeReplica(
    name,
    async () => {
      const far = await createFarSide({ pair: createDuplexPair(between) });
      let mtimeMs = 1_600_000_000_000;
      return {
        replica: await far.connection.replica(),
        write: (at, text, mode = 0o644) => Promise.resolve(writeMemoryFile(far.disk, at, text, { mode, mtimeMs: (mtimeMs += 1_000) })),
        makeDirectory: (at) => Promise.resolve(makeMemoryDirectory(far.disk, at)),
        remove: (at) => Promise.resolve(removeMemoryNode(far.disk, at)),
        read: (at) => Promise.resolve(readMemoryFile(far.disk, at)),
        reopen: () => far.connection.replica(),
        close: () => far.close(),
      };
    },
    { describe, it, expect },
  );
}

async function withFarSide(body: (far: FarSide, replica: Replica) => Promise<void>, options?: Parameters<typeof createFarSide>[0]): Promise<void> {
  const far = await createFarSide(options);
  try {
    await body(far, await far.connection.replica());
  } finally {
    await far.close();
  }
}

function fill(far: FarSide, count: number): void {
  for (let index = 0; index < count; index++)
    writeMemoryFile(far.disk, `d${index % 100}/file ${index}.txt`, `content ${index}`, { mtimeMs: 1_600_000_000_000 + index });
}

/** Makes the far side's archive say that its tree is what was agreed. */
async function agree(replica: Replica, pair: PairKey, root: Entry | undefined): Promise<{ readonly generation: number; readonly digest: string }> {
  const archive = replica.archive(pair);
  const changes: { path: RelativePath; alpha: Entry | undefined; beta: Entry | undefined }[] = [];
  const visit = (at: RelativePath, entry: Entry): void => {
    const node = entry.kind === 'directory' ? { ...entry, children: [] } : entry;
    changes.push({ path: at, alpha: node, beta: node });
    if (entry.kind === 'directory') for (const child of entry.children) visit(path(at === '' ? child.name : `${at}/${child.name}`), child.entry);
  };
  if (root !== undefined) visit(path(''), root);
  const ids = { alpha: here, beta: here };
  await archive.prepare({
    generation: 1,
    changes,
    settings: { value: { ...defaultSyncSettings, ...settings, conflicts: 'newer', direction: 'both', policies: [] }, by: ids.alpha },
    durability: 'full',
  });
  await archive.commit(1);
  const { head } = await archive.status();
  if (head === undefined) throw new Error('no head');
  return head;
}

describe('restoring', () => {
  it('asks the far side for what it was asked for, and who it is then is asked anew', async () => {
    const pair = pairKey(here, '00000000-0000-4000-8000-00000000bbbb' as ReplicaId, 'default');
    const asked: RestoreOptions[] = [];
    const replica = (): Promise<Replica> => {
      let id: ReplicaId | undefined;
      const there = createMemoryReplica({ disk: createMemoryDisk(), clock: systemClock });
      return Promise.resolve({
        ...there,
        identify: async () => ({ ...(await there.identify()), id, ...(id === undefined && { lostId: here, restorable: true }) }),
        restore(options) {
          asked.push(options);
          id = options.dryRun ? id : here;
          return Promise.resolve(id && { id, archives: 7 });
        },
      });
    };
    const far = await createFarSide({ serve: { replica } });
    const remote = await far.connection.replica();
    const lost = await remote.identify();
    expect([lost.id, lost.lostId, lost.restorable]).toEqual([undefined, here, true]);
    expect(await remote.restore?.({ dryRun: true })).toBe(undefined);
    expect(await remote.restore?.({ pair, dryRun: false })).toEqual({ id: here, archives: 7 });
    expect(await remote.identify()).toMatchObject({ id: here });
    expect(asked).toEqual([{ dryRun: true }, { pair, dryRun: false }]);
    await far.close();
  });

  it('of a replica that keeps no mirror gives nothing', async () => {
    await withFarSide(async (_far, replica) => {
      expect(await replica.restore?.({ dryRun: false })).toBe(undefined);
    });
  });
});

describe('round trips', () => {
  it('opening costs none beyond the handshake when it leaves with it, and identify none at all', async () => {
    await withFarSide(
      async ({ connection }, replica) => {
        expect((await replica.identify()).root).toBe('directory');
        expect(connection.counters.roundTrips).toBe(0);
        expect(connection.counters.requests).toBe(1);
      },
      { open: {} },
    );
  });

  it('lock, archive status and scan that are asked for at once cost one together', async () => {
    await withFarSide(async (far, replica) => {
      fill(far, 10_000);
      const pair = pairKey(await replica.establish(), here, 'default');
      const before = far.connection.counters.roundTrips;
      const [lock] = await Promise.all([
        replica.lock({ waitMs: 0, initiator: 'test', run: 'run', dryRun: false }),
        replica.archive(pair).status(),
        replica.scan({ settings }),
      ]);
      expect(far.connection.counters.roundTrips - before).toBe(1);
      await lock.release();
      expect(far.connection.counters.roundTrips - before).toBe(2);
    });
  });

  it('staging 2,000 contents costs two, and a few dozen frames', async () => {
    await withFarSide(async (far, replica) => {
      await replica.scan({ settings });
      const contents = Array.from({ length: 2_000 }, (_, index) => Buffer.from(`content number ${index}`));
      const requests = contents.map((bytes, index) => ({ path: path(`in/${index}`), digest: toyHash(bytes), sizeBytes: bytes.length }));
      const before = far.connection.counters;
      const results = await replica.stage(requests, {
        run: 'run',
        async *supply(needs): AsyncIterable<readonly ContentPart[]> {
          for (const [need, { path: at }] of needs.entries()) yield [{ need, bytes: contents[Number(at.slice(3))] ?? Buffer.alloc(0), end: 'ok' }];
        },
      });
      const after = far.connection.counters;
      expect(results.filter(({ staged }) => staged).length).toBe(2_000);
      expect(after.roundTrips - before.roundTrips).toBe(2);
      expect(after.messagesSent - before.messagesSent).toBeLessThan(20);
    });
  });

  it('two facts and the bytes of a log that are asked for at once cost one', async () => {
    const log = createTextLog('line one\nline two\n');
    await withFarSide(
      async ({ connection }) => {
        const before = connection.counters.roundTrips;
        const source = connection.log('logs/a.jsonl');
        const [facts, bytes] = await Promise.all([
          source.facts({
            extents: [
              { start: 0, end: 4 },
              { start: 0, end: 400 },
            ],
          }),
          readAll(source.read({ fromByte: 5 })),
        ]);
        expect(facts).toEqual(
          await log.facts({
            extents: [
              { start: 0, end: 4 },
              { start: 0, end: 400 },
            ],
          }),
        );
        expect(bytes).toBe('one\nline two\n');
        expect(connection.counters.roundTrips - before).toBe(1);
      },
      { logs: () => Promise.resolve(log) },
    );
  });
});

describe('a scan over the wire', () => {
  it('is a few bytes when nothing changed since the archive that both hold, and gives back the very tree', async () => {
    await withFarSide(async (far, replica) => {
      fill(far, 10_000);
      const pair = pairKey(await replica.establish(), here, 'default');
      const first = await replica.scan({ settings });
      const head = await agree(replica, pair, first.root);
      const local = createMemoryReplica({ disk: far.disk, clock: systemClock });
      const { alpha: tree } = await local.archive(pair).load();
      const baseline = { pair, generation: head.generation, digest: head.digest, tree: () => Promise.resolve(tree) };
      const before = far.connection.counters.bytesReceived;
      const again = await replica.scan({ settings, baseline });
      // The memory replica shares nothing with its archive, so that times and the like are compared one by one; on the wire only Merkle digests may follow.
      expect(again.root).toEqual(first.root);
      expect(far.connection.counters.bytesReceived - before).toBeLessThan(8_000);
    });
  });

  it('says no more than that nothing has changed, where the digest of the tree is known; the tree can be had all the same', async () => {
    await withFarSide(async (far, replica) => {
      fill(far, 1_000);
      const pair = pairKey(await replica.establish(), here, 'default');
      const first = await replica.scan({ settings });
      const head = await agree(replica, pair, first.root);
      const { alpha } = await far.openThere().archive(pair).load();
      const merkle = first.root?.kind === 'directory' ? first.root.merkle : undefined;
      let loads = 0;
      const tree = (): Promise<Entry | undefined> => {
        loads++;
        return Promise.resolve(alpha);
      };
      const baseline = { pair, generation: head.generation, digest: head.digest, merkle, tree };
      const before = far.connection.counters.bytesReceived;
      const same = await replica.scan({ settings, baseline });
      expect(same).toMatchObject({ root: undefined, counts: first.counts });
      expect(far.connection.counters.bytesReceived - before).toBeLessThan(500);
      expect(loads).toBe(0);
      expect(await same.unchanged?.()).toEqual(first.root);
      expect(loads).toBe(1);

      writeMemoryFile(far.disk, 'd7/file 7.txt', 'changed', { mtimeMs: 1_700_000_000_000 });
      const changed = await replica.scan({ settings, baseline });
      expect(changed.unchanged).toBeUndefined();
      expect(changed.root).toEqual((await far.openThere().scan({ settings })).root);
    });
  });

  it('costs in proportion to the change, and not to the tree', async () => {
    await withFarSide(async (far, replica) => {
      fill(far, 10_000);
      const pair = pairKey(await replica.establish(), here, 'default');
      const first = await replica.scan({ settings });
      const head = await agree(replica, pair, first.root);
      const tree = (await far.openThere().archive(pair).load()).alpha;
      writeMemoryFile(far.disk, 'd7/file 7.txt', 'changed', { mtimeMs: 1_700_000_000_000 });
      removeMemoryNode(far.disk, 'd8/file 8.txt');
      writeMemoryFile(far.disk, 'new/deep/file', 'new', { mtimeMs: 1_700_000_000_000 });
      const before = far.connection.counters.bytesReceived;
      const again = await replica.scan({
        settings,
        baseline: { pair, generation: head.generation, digest: head.digest, tree: () => Promise.resolve(tree) },
      });
      expect(again.root).toEqual((await far.openThere().scan({ settings })).root);
      expect(far.connection.counters.bytesReceived - before).toBeLessThan(8_000);
    });
  });

  it('is the whole tree when the archives differ', async () => {
    await withFarSide(async (far, replica) => {
      fill(far, 100);
      const pair = pairKey(await replica.establish(), here, 'default');
      const first = await replica.scan({ settings });
      const head = await agree(replica, pair, first.root);
      const nonsense: Entry = { kind: 'symlink', target: 'nonsense', mtimeMs: 0 };
      for (const wrong of [
        { generation: head.generation + 1, digest: head.digest },
        { generation: head.generation, digest: 'abcd' },
      ]) {
        const again = await replica.scan({ settings, baseline: { pair, ...wrong, tree: () => Promise.resolve(nonsense) } });
        expect(again.root).toEqual(first.root);
      }
    });
  });

  it('refuses a pattern that does not cross the wire before it is sent', async () => {
    await withFarSide(async (far, replica) => {
      await expect(replica.scan({ settings: { ...settings, scope: { include: [], exclude: ['{a,b}'], guard: [] } } })).rejects.toMatchObject({
        code: 'SYNC_CONFIG_INVALID',
      });
      expect((await replica.identify()).root).toBe('directory');
      expect(await Promise.race([far.connection.closed, Promise.resolve('open')])).toBe('open');
    });
  });
});

describe('locks over the wire', () => {
  const lockOptions = { waitMs: 0, initiator: 'test', run: 'run', dryRun: false };

  it('are given back when the connection ends', async () => {
    const far = await createFarSide();
    const replica = await far.connection.replica();
    await replica.establish();
    await replica.lock(lockOptions);
    expect(far.disk.lockOwner).not.toBe(undefined);
    await far.close();
    expect(far.disk.lockOwner).toBe(undefined);
  });

  it('are given back when the connection is cut', async () => {
    const far = await createFarSide();
    const replica = await far.connection.replica();
    await replica.establish();
    await replica.lock(lockOptions);
    far.pair.here.writable.destroy();
    far.pair.here.readable.destroy();
    await far.serving;
    expect(far.disk.lockOwner).toBe(undefined);
  });

  it('a scan asked for after a lock begins when the lock is taken, and fails with it', async () => {
    await withFarSide(async (far, replica) => {
      await replica.establish();
      const other = far.openThere();
      const held = await other.lock(lockOptions);
      const refused = await Promise.allSettled([replica.lock(lockOptions), replica.scan({ settings })]);
      expect(refused.map((result) => result.status === 'rejected' && (result.reason as { code?: string }).code)).toEqual([
        'SYNC_LOCKED',
        'SYNC_LOCKED',
      ]);
      // What is asked for later is not concerned.
      expect((await replica.scan({ settings })).root?.kind).toBe('directory');
      const waiting = replica.lock({ ...lockOptions, waitMs: 10_000 });
      const scanning = replica.scan({ settings });
      writeMemoryFile(far.disk, 'late.txt', 'written under the lock of the other', { mtimeMs: 1 });
      await held.release();
      const snapshot = await scanning;
      expect(snapshot.root?.kind === 'directory' && snapshot.root.children.map(({ name }) => name)).toEqual(['late.txt']);
      await (await waiting).release();
    });
  });
});

describe('calls end', () => {
  it('with the reason of the abort, on both sides', async () => {
    await withFarSide(async (far, replica) => {
      await replica.establish();
      const held = await far.openThere().lock({ waitMs: 0, initiator: 'test', run: 'other', dryRun: false });
      const controller = new AbortController();
      const waiting = replica.lock({ waitMs: 60_000, initiator: 'test', run: 'run', dryRun: false, signal: controller.signal });
      controller.abort(new Error('changed my mind'));
      await expect(waiting).rejects.toThrow('changed my mind');
      await held.release();
      // The far side gave up waiting, so the lock is free.
      const lock = await replica.lock({ waitMs: 10_000, initiator: 'test', run: 'run', dryRun: false });
      await lock.release();
    });
  });

  it('with the failure of the far side, escaped and without what is not ours to know', async () => {
    await withFarSide(
      async (_far, replica) => {
        const error = await replica.establish().catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: 'SYNC_IO', details: { errno: 'EIO' } });
        expect((error as Error).message.length).toBeLessThanOrEqual(500);
        expect((error as Error).message).toMatch(/^disk \\x1b\[31mon fire/);
        expect(JSON.stringify(error)).not.toContain('at ');
      },
      {
        serve: {
          replica: () => {
            const replica = createMemoryReplica({ disk: createMemoryDisk(), clock: systemClock });
            const failing = () => Promise.reject(Object.assign(new Error(`disk \u001b[31mon fire ${'!'.repeat(2_000)}`), { code: 'EIO' }));
            return Promise.resolve({ ...replica, establish: failing });
          },
        },
      },
    );
  });

  it('with a mistake of ours called by its name', async () => {
    await withFarSide(async (_far, replica) => {
      await expect(
        replica.stage([{ path: path('a'), digest: 'd'.repeat(16) as Digest, sizeBytes: 1 }], { run: 'run', supply: noSupply }),
      ).rejects.toMatchObject({
        code: 'SYNC_INTERNAL',
        message: 'scan comes before stage, supply and transition',
      });
    });
  });

  it('when the replica cannot be opened, for what was asked of it too', async () => {
    const far = await createFarSide({ serve: { replica: () => Promise.reject(new Error('no such root')) } });
    await expect(far.connection.replica({ root: '/nowhere' })).rejects.toMatchObject({ code: 'SYNC_IO', message: 'no such root' });
    await far.close();
  });

  it('with SYNC_PEER_LOST when the far side is gone', async () => {
    const far = await createFarSide();
    const replica = await far.connection.replica();
    const waiting = replica.scan({ settings });
    far.pair.there.writable.destroy();
    await expect(waiting).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
    await expect(replica.scan({ settings })).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
    await far.close();
  });
});

describe('contents over the wire', () => {
  it('end early when the receiver has had enough, and the supply is told', async () => {
    await withFarSide(
      async (_far, replica) => {
        let supplied = 0;
        let ended = false;
        const results = await replica.stage([{ path: path('big'), digest: 'd'.repeat(16) as Digest, sizeBytes: 1024 ** 3 }], {
          run: 'run',
          async *supply(): AsyncIterable<readonly ContentPart[]> {
            try {
              const bytes = new Uint8Array(1024 * 1024);
              for (;;) {
                supplied += bytes.length;
                yield [{ need: 0, bytes, end: undefined }];
              }
            } finally {
              ended = true;
            }
          },
        });
        expect(results).toEqual([{ staged: false, code: 'SYNC_NO_SPACE', message: 'full' }]);
        expect(ended).toBe(true);
        expect(supplied).toBeLessThan(32 * 1024 * 1024);
      },
      {
        serve: {
          replica: () => {
            const replica = createMemoryReplica({ disk: createMemoryDisk(), clock: systemClock });
            return Promise.resolve({
              ...replica,
              stage: async (
                requests: readonly { readonly path: RelativePath; readonly digest: Digest; readonly sizeBytes: number }[],
                { supply }: Parameters<Replica['stage']>[1],
              ) => {
                for await (const _parts of supply(requests.map((request) => ({ ...request, fromByte: 0 })))) break;
                return [{ staged: false as const, code: 'SYNC_NO_SPACE', message: 'full' }];
              },
            });
          },
        },
      },
    );
  });

  it('are asked for in any order', async () => {
    const texts = ['a', 'bb', 'ccc'];
    const asked: string[] = [];
    await withFarSide(
      async (_far, replica) => {
        const requests = texts.map((text, index) => ({ path: path(`in/${index}`), digest: toyHash(Buffer.from(text)), sizeBytes: text.length }));
        const results = await replica.stage(requests, {
          run: 'run',
          async *supply(needs): AsyncIterable<readonly ContentPart[]> {
            asked.push(...needs.map((need) => `${need.path} from ${need.fromByte}`));
            yield needs.map((need, index) => ({
              need: index,
              bytes: Buffer.from(texts[Number(need.path.slice(3))] ?? '').subarray(need.fromByte),
              end: 'ok',
            }));
          },
        });
        expect(results).toEqual([3, 0, 2].map((receivedBytes) => ({ staged: true, receivedBytes })));
      },
      {
        serve: {
          replica: () => {
            const replica = createMemoryReplica({ disk: createMemoryDisk(), clock: systemClock });
            const stage: Replica['stage'] = async (requests, { supply }) => {
              const [first, second, third] = requests as [ContentRequest, ContentRequest, ContentRequest];
              const received: number[] = [];
              for await (const parts of supply(
                [third, { ...first, fromByte: 0 }, second].map((request, index) => ({ ...request, fromByte: index === 1 ? 1 : 0 })),
              )) {
                received.push(...parts.map(({ bytes }) => bytes.length));
              }
              return received.map((receivedBytes) => ({ staged: true, receivedBytes }));
            };
            return Promise.resolve({ ...replica, stage });
          },
        },
      },
    );
    expect(asked).toEqual(['in/2 from 0', 'in/0 from 1', 'in/1 from 0']);
  });

  it('a source that has more, fewer or other bytes than announced fails that content alone', async () => {
    await withFarSide(async (_far, replica) => {
      await replica.scan({ settings });
      const honest = Buffer.from('honest');
      const request = (at: string, sizeBytes: number) => ({ path: path(at), digest: toyHash(Buffer.from(at)), sizeBytes });
      const results = await replica.stage(
        [
          request('longer', 3),
          request('shorter', 300),
          { ...request('left-out', 5) },
          { path: path('ok'), digest: toyHash(honest), sizeBytes: honest.length },
        ],
        {
          run: 'run',
          async *supply(): AsyncIterable<readonly ContentPart[]> {
            yield [{ need: 0, bytes: Buffer.from('ab'), end: undefined }];
            yield [{ need: 0, bytes: Buffer.from('cdef'), end: undefined }];
            yield [
              { need: 0, bytes: Buffer.from('gh'), end: 'ok' },
              { need: 1, bytes: Buffer.from('short'), end: 'ok' },
            ];
            yield [{ need: 3, bytes: honest, end: 'ok' }];
          },
        },
      );
      expect(results.map((result) => (result.staged ? 'staged' : result.code))).toEqual([
        'SYNC_SOURCE_CHANGED',
        'SYNC_SOURCE_CHANGED',
        'SYNC_SOURCE_CHANGED',
        'staged',
      ]);
    });
  });
});

describe('lists over the wire', () => {
  it('10,000 changes are made, each with its result, in their order', async () => {
    await withFarSide(async (far, replica) => {
      const pair = pairKey(await replica.establish(), here, 'default');
      await replica.scan({ settings });
      const directory: Entry = { kind: 'directory', mode: 0o755, children: [] };
      const changes: Transition[] = Array.from({ length: 10_000 }, (_, index) => ({
        path: path(`folder ${index}`),
        old: undefined,
        new: directory,
        peer: directory,
      }));
      changes.push({ path: path('folder 17'), old: undefined, new: directory, peer: undefined });
      const before = far.connection.counters;
      const results = await replica.transition(changes, { run: 'run', pair, durability: 'full' });
      expect(far.connection.counters.roundTrips - before.roundTrips).toBe(1);
      expect(results.slice(0, 10_000).every(({ problem, achieved }) => problem === undefined && achieved?.kind === 'directory')).toBe(true);
      expect(results[10_000]?.problem?.code).toBe('SYNC_TARGET_OCCUPIED');
      const { journal } = await replica.archive(pair).status();
      expect(journal.length).toBe(10_000);
      expect(journal).toEqual((await far.openThere().archive(pair).status()).journal);
    });
  });

  it('an archive is loaded with what its halves share still shared', async () => {
    await withFarSide(async (far, replica) => {
      fill(far, 300);
      const pair = pairKey(await replica.establish(), here, 'default');
      const head = await agree(replica, pair, (await replica.scan({ settings })).root);
      expect(head.generation).toBe(1);
      const loaded = await replica.archive(pair).load();
      expect(loaded).toEqual(await far.openThere().archive(pair).load());
      expect(loaded.alpha).toBe(loaded.beta);
    });
  });
});

describe('services', () => {
  it('answer with a value, with none, with many, or with why not', async () => {
    await withFarSide(
      async ({ connection }) => {
        expect(await connection.service('double').call({ n: 21 })).toEqual({ n: 42 });
        expect(await connection.service('nothing').call(null)).toBe(undefined);
        const counted: unknown[] = [];
        for await (const value of connection.service('count').stream(3)) counted.push(value);
        expect(counted).toEqual([0, 1, 2]);
        await expect(connection.service('missing').call(1)).rejects.toMatchObject({ code: 'SYNC_USAGE' });
        await expect(connection.service('toString').call(1)).rejects.toMatchObject({ code: 'SYNC_USAGE' });
        await expect(connection.service('huge').call(1)).rejects.toMatchObject({ code: 'SYNC_USAGE' });
      },
      {
        serve: {
          services: {
            double: (request) => Promise.resolve({ n: (request as { n: number }).n * 2 }),
            nothing: () => Promise.resolve(undefined),
            count: async function* (to) {
              for (let index = 0; index < (to as number); index++) yield index;
            },
            huge: () => Promise.resolve('x'.repeat(1024 * 1024)),
          },
        },
      },
    );
  });

  it('end their work when nobody listens any more', async () => {
    let stopped: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      stopped = resolve;
    });
    await withFarSide(
      async ({ connection }) => {
        for await (const value of connection.service('forever').stream(null)) if (value === 3) break;
        await ended;
      },
      {
        serve: {
          services: {
            forever: async function* () {
              try {
                for (let index = 0; ; index++) yield index;
              } finally {
                stopped();
              }
            },
          },
        },
      },
    );
  });
});

function noSupply(): never {
  throw new Error('nothing may be supplied');
}

function createTextLog(text: string) {
  const bytes = Buffer.from(text);
  return {
    name: 'a log',
    facts: ({ extents }: { readonly extents: readonly { readonly start: number; readonly end: number }[] }) =>
      Promise.resolve({
        stat: { sizeBytes: bytes.length, mtimeMs: 1.5, identity: '1:2' },
        digests: extents.map(({ start, end }) => (end <= bytes.length ? toyHash(bytes.subarray(start, end)) : undefined)),
      }),
    async *read({ fromByte, toByte }: { readonly fromByte: number; readonly toByte?: number | undefined }) {
      yield bytes.subarray(fromByte, toByte);
    },
    async *follow({ fromByte }: { readonly fromByte: number }) {
      yield bytes.subarray(fromByte);
    },
    generations: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += Buffer.from(piece).toString();
  return text;
}
