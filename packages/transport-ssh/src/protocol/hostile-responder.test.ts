/** Attacks on the initiator, by an agent that is not what it should be. Each ends the connection with SYNC_PROTOCOL, and no result is made up. */
import { type Digest, defaultSyncSettings, nodesToTable, type RelativePath, type Replica } from '@ubos/sync-core';
import { describe, expect, it } from 'vitest';
import { type Connection, connectOver } from './connect.ts';
import { createDuplexPair } from './test-support/duplex-pair.ts';
import { createRawResponder, type RawPeer } from './test-support/raw-peer.ts';

const { scope, digest, permissions, policies, symlinks } = defaultSyncSettings;
const settings = { scope, digest, permissions, policies, symlinks };
const path = (text: string): RelativePath => text as RelativePath;
const opened = {
  type: 'opened',
  identity: { id: 'bbbb', root: 'directory', host: 'far', path: '/srv' },
  capabilities: { digests: ['fast'], modeBits: 0o777, symlinks: true, versions: true, readOnly: false, remote: false },
};
const snapshot = {
  type: 'snapshot',
  folding: { ignoresCase: false, ignoresUnicodeForm: false },
  marked: true,
  freeBytes: 1,
  counts: { entries: 0, filesHashed: 0, bytesHashed: 0, unnamed: 0 },
};

async function withPeer(body: (peer: RawPeer, replica: Replica, connection: Connection) => Promise<void>): Promise<void> {
  const { here, there } = createDuplexPair();
  const [connection, peer] = await Promise.all([connectOver(here), createRawResponder(there)]);
  const opening = connection.replica();
  const request = await peer.message();
  peer.send('message', request.stream, opened);
  await body(peer, await opening, connection);
  there.writable.end();
  await connection.close();
}

/** Asks, answers with these frames, and expects the answer to be refused. */
function lie(
  title: string,
  ask: (replica: Replica, connection: Connection) => Promise<unknown>,
  answer: (peer: RawPeer, stream: number) => Promise<void> | void,
): void {
  it(title, () =>
    withPeer(async (peer, replica, connection) => {
      const asking = expect(ask(replica, connection)).rejects.toMatchObject({ code: 'SYNC_PROTOCOL' });
      await answer(peer, (await peer.message()).stream);
      await asking;
      expect((await peer.next('goodbye')).kind).toBe('goodbye');
    }),
  );
}

const scan = (replica: Replica): Promise<unknown> => replica.scan({ settings });
const tree = (...rows: readonly (readonly [string, Parameters<typeof nodesToTable>[0][number]['entry']])[]): object => ({
  type: 'tree',
  table: nodesToTable(rows.map(([at, entry]) => ({ path: path(at), entry }))),
  merkleBytes: 0,
  merkles: Buffer.alloc(0),
});
const directory = { kind: 'directory' as const, mode: 0o755, children: [] };
const link = { kind: 'symlink' as const, target: '/etc', mtimeMs: 0 };

describe('a tree', () => {
  const scanned =
    (...messages: readonly object[]) =>
    (peer: RawPeer, stream: number): void => {
      for (const message of [{ type: 'scanning', held: false }, ...messages, snapshot]) peer.send('message', stream, message);
      peer.send('end', stream);
    };
  for (const name of ['../x', 'a/../../x', '/abs', '.', 'a//b', 'a/', 'x'.repeat(256)])
    lie(`with the name ${JSON.stringify(name.slice(0, 12))}`, scan, scanned(tree(['', directory], [name, link])));
  lie('with a symlink and a file below it', scan, scanned(tree(['', directory], ['a', link], ['a/b', link])));
  lie('with a name twice', scan, scanned(tree(['', directory], ['a', link], ['a', link])));
  lie('with a name twice, on two pages', scan, scanned(tree(['', directory], ['a', link]), tree(['a', directory])));
  lie('with a child before its parent', scan, scanned(tree(['', directory], ['a/b', link], ['a', directory])));
  lie('out of order', scan, scanned(tree(['', directory], ['b', link], ['a', link])));
  lie('with a page of nothing', scan, scanned(tree()));
  lie('with Merkle digests of another size', scan, scanned({ ...tree(['', directory]), merkleBytes: 7, merkles: Buffer.alloc(7) }));
  lie('with a Merkle digest too many', scan, scanned({ ...tree(['', directory]), merkleBytes: 16, merkles: Buffer.alloc(32) }));
  lie('against a baseline that nobody named', scan, (peer, stream) => peer.send('message', stream, { type: 'scanning', held: true }));
  lie('that ends without its facts', scan, (peer, stream) => {
    peer.send('message', stream, { type: 'scanning', held: false });
    peer.send('end', stream);
  });
  lie('with free space that is no number', scan, (peer, stream) => {
    peer.send('message', stream, { type: 'scanning', held: false });
    peer.send('message', stream, { ...snapshot, freeBytes: Number.POSITIVE_INFINITY });
  });
  lie('and something after it', scan, (peer, stream) => {
    for (const message of [{ type: 'scanning', held: false }, snapshot, snapshot]) peer.send('message', stream, message);
  });
  lie('that is content', scan, (peer, stream) => peer.send('data', stream, Buffer.from('x')));
});

describe('needs', () => {
  const requests = [
    { path: path('a'), digest: 'a'.repeat(16) as Digest, sizeBytes: 4 },
    { path: path('b'), digest: 'b'.repeat(16) as Digest, sizeBytes: 4 },
  ];
  const stage = (replica: Replica): Promise<unknown> =>
    replica.stage(requests, {
      run: 'run',
      supply: () => {
        throw new Error('nothing may be supplied');
      },
    });
  const needs = (indexes: readonly number[], fromBytes: readonly number[] = []): object => {
    const bytes = Buffer.alloc(indexes.length * 4);
    for (const [at, index] of indexes.entries()) bytes.writeUInt32LE(index, at * 4);
    const from = Buffer.alloc(fromBytes.length * 8);
    for (const [at, byte] of fromBytes.entries()) from.writeDoubleLE(byte, at * 8);
    return { type: 'needs', indexes: bytes, fromBytes: from };
  };
  const answered =
    (...messages: readonly object[]) =>
    async (peer: RawPeer, stream: number): Promise<void> => {
      await peer.message();
      for (const message of messages) peer.send('message', stream, message);
    };
  lie('of what was not offered', stage, answered(needs([2])));
  lie('of the same twice', stage, answered(needs([0, 0])));
  lie('of the same twice, on two pages', stage, answered(needs([0]), needs([0])));
  lie('from behind the end', stage, answered(needs([0], [5])));
  lie('from no whole byte', stage, answered(needs([0], [0.5])));
  lie('with a position too few', stage, answered(needs([0, 1], [0])));
  lie('of nothing', stage, answered({ type: 'ready' }));
  const results = (count: number, failures: readonly object[] = []): object => ({
    type: 'results',
    count,
    receivedBytes: Buffer.alloc(count * 8),
    failures,
  });
  lie('with results of more than was asked', stage, answered(results(3)));
  lie(
    'with a result twice',
    stage,
    answered(
      results(2, [
        { index: 0, code: 'A', message: '' },
        { index: 0, code: 'A', message: '' },
      ]),
    ),
  );
  lie('with a failure of nothing', stage, answered(results(2, [{ index: 2, code: 'A', message: '' }])));
  lie('with a failure whose code is a text', stage, answered(results(2, [{ index: 1, code: '\u001b[2J', message: '' }])));
  lie('with results and then needs', stage, answered(results(1), needs([1])));
});

describe('answers', () => {
  lie(
    'to a question that was not asked',
    (replica) => replica.time(),
    (peer) => peer.send('message', 77, { type: 'time', nowMs: 0, uncertaintyMs: 0 }),
  );
  lie(
    'that come twice',
    (replica) => replica.admission().then(() => replica.time()),
    async (peer, stream) => {
      peer.send('message', stream, { type: 'admission', record: null });
      peer.send('end', stream);
      await peer.next('end');
      peer.send('message', stream, { type: 'admission', record: null });
    },
  );
  lie(
    'to another question',
    (replica) => replica.time(),
    (peer, stream) => peer.send('message', stream, { type: 'admission', record: null }),
  );
  lie(
    'with a time beyond all dates',
    (replica) => replica.time(),
    (peer, stream) => peer.send('message', stream, { type: 'time', nowMs: 1e300, uncertaintyMs: 0 }),
  );
  lie(
    'that are requests',
    (replica) => replica.time(),
    (peer) => peer.send('open', 2, { type: 'identify', on: 1 }),
  );
  lie(
    'with a failure that is none',
    (replica) => replica.time(),
    (peer, stream) => peer.send('failure', stream, { code: 'x' }),
  );
  lie(
    'with an archive of a settings key too many',
    (replica) => replica.archive({ alpha: 'a' as never, beta: 'b' as never, profile: 'p' }).status(),
    (peer, stream) =>
      peer.send('message', stream, {
        type: 'archive',
        head: { generation: 1, digest: 'ab', settings: { ...settings, more: 1 }, settingsBy: 'a' },
        damaged: false,
        pending: null,
        count: 0,
      }),
  );
  lie(
    'with more of a log than was asked for',
    async (_replica, { log }) => {
      for await (const _bytes of log('a').read({ fromByte: 0, toByte: 3 })) {
      }
    },
    (peer, stream) => peer.send('data', stream, Buffer.from('four')),
  );
  lie(
    'with more names of logs than there may be',
    (_replica, { logNames }) => logNames('logs', '*'),
    (peer, stream) => {
      for (let page = 0; page < 11; page++) peer.send('message', stream, { type: 'log-names', names: Array(1_000).fill('a') });
    },
  );
  lie(
    'with a page of no names',
    (_replica, { logNames }) => logNames('logs', '*'),
    (peer, stream) => peer.send('message', stream, { type: 'log-names', names: [] }),
  );
  lie(
    'with digests of other extents',
    (_replica, { log }) => log('a').facts({ extents: [{ start: 0, end: 1 }] }),
    (peer, stream) => {
      peer.send('message', stream, { type: 'log-facts', stat: null, digestBytes: 16, digests: Buffer.alloc(32), present: Buffer.from([1, 1]) });
      peer.send('end', stream);
    },
  );

  it('after a question was given up are dropped, and the connection goes on', () =>
    withPeer(async (peer, replica) => {
      const controller = new AbortController();
      const asking = replica.scan({ settings, signal: controller.signal });
      const { stream } = await peer.message();
      controller.abort(new Error('enough'));
      await expect(asking).rejects.toThrow('enough');
      peer.send('message', stream, { type: 'scanning', held: false });
      peer.send('end', stream);
      const again = replica.admission();
      await peer.next('failure');
      const next = await peer.message();
      peer.send('message', next.stream, { type: 'admission', record: null });
      peer.send('end', next.stream);
      expect(await again).toBe(undefined);
    }));
});

describe('words of the peer', () => {
  it('in a failure are escaped and cut, and keep a code of ours', () =>
    withPeer(async (peer, replica) => {
      const asking = replica.time().catch((error: unknown) => error);
      const { stream } = await peer.message();
      peer.send('failure', stream, {
        code: 'SYNC_LOCKED',
        message: `\u001b]52;c;aGk=\u0007${'\u202e'.repeat(100)}`,
        details: { owner: '\u001b[2Jme', pids: ['\n1'] },
      });
      expect(await asking).toMatchObject({ code: 'SYNC_LOCKED', details: { owner: '\\x1b[2Jme', pids: ['\\x0a1'] } });
      expect(((await asking) as Error).message).toMatch(/^\\x1b\]52;c;aGk=\\x07(\\u\{202e\}){58}.*…$/);
    }));

  it('in a failure with a code of their own do not become ours', () =>
    withPeer(async (peer, replica) => {
      const asking = replica.time().catch((error: unknown) => error);
      peer.send('failure', (await peer.message()).stream, { code: 'OWNED', message: 'x', details: {} });
      expect(await asking).toMatchObject({ code: 'SYNC_PROTOCOL' });
    }));

  it('at the end are told as theirs', () =>
    withPeer(async (peer, replica, connection) => {
      const asking = replica.time().catch((error: unknown) => error);
      await peer.message();
      peer.send('goodbye', 0, { code: 'SYNC_INTERRUPTED', message: 'going down', details: {} });
      peer.close();
      expect(await asking).toMatchObject({ code: 'SYNC_INTERRUPTED', message: 'the other side ended the connection: going down' });
      expect(await connection.closed).toMatchObject({ code: 'SYNC_INTERRUPTED' });
    }));
});
