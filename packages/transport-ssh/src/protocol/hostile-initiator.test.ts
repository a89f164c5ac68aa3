/** Attacks on the agent, by a peer that got through the handshake and then does as it likes. Each ends the connection, and nothing on the far side has changed. */
import { defaultSyncSettings, type NodeAt, nodesToTable, type RelativePath } from '@ubos/sync-core';
import { createMemoryDisk, createMemoryReplica, listMemoryDisk, writeMemoryFile } from '@ubos/sync-core/testing';
import { describe, expect, it } from 'vitest';
import { frameHeaderBytes } from './frame.ts';
import { initialWindowBytes } from './limits.ts';
import { serve } from './serve.ts';
import type { Service } from './serve-options.ts';
import { systemClock } from './system-clock.ts';
import { createDuplexPair } from './test-support/duplex-pair.ts';
import { createRawInitiator, type RawPeer } from './test-support/raw-peer.ts';

const settings = { scope: defaultSyncSettings.scope, digest: 'fast', permissions: 'all', policies: [], symlinks: 'portable' };
const pair = { alpha: 'aaaa', beta: 'bbbb', profile: 'default' };

/** The far side, with a replica opened on stream 1, and what must come of it. */
async function attack(
  body: (peer: RawPeer) => Promise<void> | void,
  expected: { readonly code: string; readonly message?: RegExp } = { code: 'SYNC_PROTOCOL' },
): Promise<void> {
  const disk = createMemoryDisk();
  writeMemoryFile(disk, 'precious.txt', 'precious', { mtimeMs: 1 });
  const before = listMemoryDisk(disk);
  const writes = disk.writes;
  const { here, there } = createDuplexPair();
  const wait: Service = (_request, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)));
  const serving = serve(there, { replica: () => Promise.resolve(createMemoryReplica({ disk, clock: systemClock })), services: { wait } }).then(
    () => ({ code: 'peacefully' }),
    (error: unknown) => error,
  );
  const peer = await createRawInitiator(here);
  peer.send('open', 1, { type: 'open', profile: 'default' });
  expect(await peer.message()).toMatchObject({ type: 'opened' });
  await body(peer);
  const goodbye = peer.next('goodbye');
  await goodbye;
  here.writable.end();
  const error = (await serving) as { readonly code: string; readonly message: string };
  expect(error.code).toBe(expected.code);
  if (expected.message !== undefined) expect(error.message).toMatch(expected.message);
  expect(listMemoryDisk(disk)).toEqual(before);
  expect(disk.writes).toBe(writes);
  expect(({} as { polluted?: unknown }).polluted).toBe(undefined);
}

/** A table as it would be made of nodes that core would never make. */
function table(rows: readonly { readonly path: string; readonly entry?: NodeAt['entry'] }[]): object {
  return nodesToTable(rows.map(({ path, entry }) => ({ path: path as RelativePath, entry })));
}

const link = { kind: 'symlink' as const, target: 'x', mtimeMs: 0 };
const file = { kind: 'file' as const, mode: 0o644, sizeBytes: 1, digest: 'd'.repeat(16) as never, mtimeMs: 0 };

describe('traversal names', () => {
  const names = ['../x', 'a/../../x', '/abs', '.', '..', 'a//b', 'a/./b', 'a/', '/', 'x'.repeat(300), 'a/\ud800', 'a\\..\\..\\x/../y'];
  for (const name of names) {
    it(`${JSON.stringify(name.slice(0, 20))} in a change`, () =>
      attack((peer) => {
        peer.send('open', 3, {
          type: 'transition',
          on: 1,
          run: 'run',
          pair,
          changesPeer: false,
          durability: 'full',
          count: 1,
          moves: 0,
          progress: false,
        });
        peer.send('message', 3, { type: 'nodes', table: table([{ path: name }, { path: name, entry: link }, { path: name }]) });
      }));
    it(`${JSON.stringify(name.slice(0, 20))} as what is to be moved`, () =>
      attack((peer) => {
        peer.send('open', 3, {
          type: 'transition',
          on: 1,
          run: 'run',
          pair,
          changesPeer: false,
          durability: 'full',
          count: 1,
          moves: 1,
          progress: false,
        });
        peer.send('message', 3, { type: 'nodes', table: table([{ path: 'a' }, { path: 'a', entry: file }, { path: 'a' }]) });
        peer.send('message', 3, { type: 'indexes', indexes: Buffer.alloc(4) });
        peer.send('message', 3, { type: 'nodes', table: table([{ path: name, entry: file }, { path: name }]) });
      }));
    it(`${JSON.stringify(name.slice(0, 20))} in a content that is asked for`, () =>
      attack((peer) => {
        peer.send('open', 3, { type: 'supply', on: 1, count: 1 });
        peer.send('message', 3, { type: 'contents', table: table([{ path: name, entry: file }]), fromBytes: Buffer.alloc(0) });
      }));
  }
});

describe('requests that cannot be', () => {
  const requests: readonly (readonly [string, object])[] = [
    ['of an unknown type', { type: 'execute', command: 'id' }],
    ['without a type', { on: 1 }],
    ['that are a list', [1, 2]],
    ['with a field too many', { type: 'identify', on: 1, extra: true }],
    ['with a field of another type', { type: 'identify', on: '1' }],
    ['with NaN', { type: 'lock', on: 1, waitMs: Number.NaN, initiator: 'x', run: 'r', dryRun: false }],
    ['with a negative number', { type: 'lock', on: 1, waitMs: -1, initiator: 'x', run: 'r', dryRun: false }],
    ['with a fraction', { type: 'lock', on: 1, waitMs: 0.5, initiator: 'x', run: 'r', dryRun: false }],
    ['with 2^53', { type: 'log-read', path: 'a', fromByte: 2 ** 53 }],
    ['with a pattern that costs', { type: 'log-list', folder: 'a', pattern: '{a,b}{a,b}' }],
    ['with a number as truth', { type: 'lock', on: 1, waitMs: 0, initiator: 'x', run: 'r', dryRun: 1 }],
    ['with a run that is a path', { type: 'stage', on: 1, run: '../../etc', count: 1 }],
    ['with a profile that is a path', { type: 'archive-status', on: 1, pair: { ...pair, profile: '../x' } }],
    ['with a replica id that is a path', { type: 'archive-status', on: 1, pair: { ...pair, alpha: '../x' } }],
    ['with more contents than a list may have', { type: 'stage', on: 1, run: 'r', count: 2 ** 31 }],
    [
      'with more patterns than a peer may send',
      {
        type: 'scan',
        on: 1,
        settings: { ...settings, scope: { include: [], exclude: Array(1_001).fill('a'), guard: [] } },
        rehash: false,
        dryRun: false,
        progress: false,
      },
    ],
    [
      'with a pattern that a peer may not send',
      {
        type: 'scan',
        on: 1,
        settings: { ...settings, scope: { include: ['+(a|b)'], exclude: [], guard: [] } },
        rehash: false,
        dryRun: false,
        progress: false,
      },
    ],
    ...[
      ['with more policies than a peer may send', Array(1_001).fill({ match: 'a', permissions: 'none' })],
      ['with a policy whose pattern a peer may not send', [{ match: '*.{a,b}', permissions: 'none' }]],
      ['with a policy that nothing may lift', [{ match: '!a', permissions: 'none' }]],
      ['with a mask that is none of ours', [{ match: 'a', permissions: 'setuid' }]],
      ['with a policy that says more than a scan asks', [{ match: 'a', permissions: 'none', conflicts: 'skip' }]],
    ].map(([title, policies]): readonly [string, object] => [
      title as string,
      { type: 'scan', on: 1, settings: { ...settings, policies }, rehash: false, dryRun: false, progress: false },
    ]),
    ['with a root that has a NUL', { type: 'open', root: '/a\0b', profile: 'default' }],
  ];
  for (const [title, message] of requests) it(title, () => attack((peer) => peer.send('open', 3, message)));

  it('about a replica that is not open fail, and nothing else', async () => {
    const { here, there } = createDuplexPair();
    const serving = serve(there, { replica: () => Promise.resolve(createMemoryReplica({ disk: createMemoryDisk(), clock: systemClock })) });
    const peer = await createRawInitiator(here);
    peer.send('open', 1, { type: 'identify', on: 99 });
    expect(await peer.message()).toMatchObject({ kind: 'failure', code: 'SYNC_PROTOCOL' });
    peer.send('end', 1);
    peer.send('open', 3, { type: 'open', profile: 'default' });
    expect(await peer.message()).toMatchObject({ type: 'opened' });
    here.writable.end();
    await serving;
  });
});

describe('lists that cannot be', () => {
  const transition = (count: number, moves = 0): object => ({
    type: 'transition',
    on: 1,
    run: 'run',
    pair,
    durability: 'full',
    count,
    moves,
    progress: false,
  });
  const cases: readonly (readonly [string, number, object])[] = [
    ['rows of one change with two paths', 1, table([{ path: 'a' }, { path: 'b', entry: link }, { path: 'a' }])],
    ['more rows than announced', 1, table([{ path: 'a' }, { path: 'a', entry: link }, { path: 'a' }, { path: 'b' }])],
    ['no rows', 1, table([])],
    ['a change to what cannot be made', 1, table([{ path: 'a' }, { path: 'a', entry: { kind: 'untracked', reason: 'special' } }, { path: 'a' }])],
    ['a table with a column too many', 1, { ...table([{ path: 'a' }, { path: 'a' }, { path: 'a' }]), extra: 1 }],
    ['a table that is none', 1, { count: 3 }],
    ['a column that is too short', 1, { ...table([{ path: 'a' }, { path: 'a', entry: file }, { path: 'a' }]), digests: Buffer.alloc(15) }],
  ];
  for (const [title, count, rows] of cases) {
    it(title, () =>
      attack((peer) => {
        peer.send('open', 3, transition(count));
        peer.send('message', 3, { type: 'nodes', table: rows });
      }),
    );
  }

  const index = (...indexes: readonly number[]): Buffer => Buffer.from(Uint32Array.from(indexes).buffer);
  const creation = [{ path: 'a' }, { path: 'a', entry: file }, { path: 'a' }];
  const deletion = [{ path: 'b', entry: file }, { path: 'b' }, { path: 'b' }];
  const moves: readonly (readonly [string, number, Buffer, Parameters<typeof table>[0]])[] = [
    ['a move of a change that is not there', 1, index(2), [{ path: 'c', entry: file }, { path: 'c' }]],
    ['more moves than announced', 1, index(0, 1), []],
    ['two moves of one change', 2, index(0, 0), [{ path: 'c', entry: file }, { path: 'c' }, { path: 'd', entry: file }, { path: 'd' }]],
    ['a move of the root', 1, index(0), [{ path: '', entry: file }, { path: '' }]],
    ['a move to where it is', 1, index(0), [{ path: 'a', entry: file }, { path: 'a' }]],
    ['a move of another kind', 1, index(0), [{ path: 'c', entry: link }, { path: 'c' }]],
    ['a deletion that moves something', 1, index(1), [{ path: 'c', entry: file }, { path: 'c' }]],
    ['a creation that moves away', 1, index(0), [{ path: 'c' }, { path: 'c' }]],
  ];
  for (const [title, count, indexes, rows] of moves) {
    it(title, () =>
      attack((peer) => {
        peer.send('open', 3, transition(2, count));
        peer.send('message', 3, { type: 'nodes', table: table([...creation, ...deletion]) });
        peer.send('message', 3, { type: 'indexes', indexes });
        if (rows.length > 0) peer.send('message', 3, { type: 'nodes', table: table(rows) });
      }),
    );
  }

  it('a few bytes that stand for gigabytes of paths', () => {
    const long = Array.from({ length: 240 }, () => 'x'.repeat(255)).join('/');
    const rows = 30_000;
    const shared = Buffer.alloc(rows * 3);
    for (let index = 0; index < rows; index++) {
      const common = index === 0 ? 0 : long.length;
      shared[index * 3] = (common & 0x7f) | 0x80;
      shared[index * 3 + 1] = ((common >> 7) & 0x7f) | 0x80;
      shared[index * 3 + 2] = common >> 14;
    }
    const none = Buffer.alloc(0);
    const bomb = {
      count: rows,
      shared,
      suffixes: `\0${long}${'\0'.repeat(rows - 1)}`,
      kinds: Buffer.alloc(rows),
      modes: none,
      sizes: none,
      mtimes: none,
      digestBytes: 0,
      digests: none,
      texts: '',
    };
    return attack((peer) => {
      peer.send('open', 3, transition(rows / 3));
      peer.send('message', 3, { type: 'nodes', table: bomb });
    });
  });

  it('content that begins behind its end', () =>
    attack((peer) => {
      const fromBytes = Buffer.alloc(8);
      fromBytes.writeDoubleLE(2);
      peer.send('open', 3, { type: 'supply', on: 1, count: 1 });
      peer.send('message', 3, { type: 'contents', table: table([{ path: 'a', entry: file }]), fromBytes });
    }));
});

describe('contents that cannot be', () => {
  const part = (need: number, end: number, bytes: Buffer, length = bytes.length): Buffer => {
    const header = Buffer.alloc(9);
    header.writeUInt32BE(need, 0);
    header[4] = end;
    header.writeUInt32BE(length, 5);
    return Buffer.concat([header, bytes]);
  };
  const cases: readonly (readonly [string, Buffer])[] = [
    ['longer than announced', part(0, 0, Buffer.from('ab'))],
    ['of a need that was not asked for', part(1, 1, Buffer.from('a'))],
    ['complete and too short', part(0, 1, Buffer.alloc(0))],
    ['with a part that is cut off', part(0, 1, Buffer.from('a'), 2)],
    ['with a length of 4 GiB', part(0, 0, Buffer.from('a'), 0xffff_ffff)],
    ['with a header that is cut off', Buffer.from([0, 0, 0])],
    ['with parts of nothing', part(0, 0, Buffer.alloc(0))],
    ['with an end of another kind', part(0, 3, Buffer.from('a'))],
    ['that fail without a reason', part(0, 2, Buffer.from('no code here'))],
    ['that go on after all have ended', Buffer.concat([part(0, 1, Buffer.from('a')), part(0, 1, Buffer.from('a'))])],
  ];
  for (const [title, bytes] of cases) {
    it(title, () =>
      attack(async (peer) => {
        peer.send('open', 3, { type: 'scan', on: 1, settings, rehash: false, dryRun: true, progress: false });
        while ((await peer.message()).type !== 'snapshot') {}
        await peer.next('end');
        peer.send('end', 3);
        peer.send('open', 5, { type: 'stage', on: 1, run: 'run', count: 1 });
        peer.send('message', 5, { type: 'contents', table: table([{ path: 'a', entry: file }]), fromBytes: Buffer.alloc(0) });
        while ((await peer.message()).type !== 'ready') {}
        peer.send('data', 5, bytes);
      }),
    );
  }
});

describe('frames that cannot be', () => {
  const identify = { type: 'identify', on: 1 };
  it('a stream of the other side', () => attack((peer) => peer.send('open', 2, identify)));
  it('a stream that was there already', () => attack((peer) => peer.send('open', 1, identify)));
  it('a stream that goes backwards', () =>
    attack((peer) => {
      peer.send('open', 9, { type: 'admission', on: 1 });
      peer.send('open', 7, identify);
    }));
  it('an answer to a request that was never made', () => attack((peer) => peer.send('message', 4, { type: 'done' })));
  it('content where a message belongs', () => attack((peer) => peer.send('data', 1, Buffer.from('x'))));
  it('a message after the end', () =>
    attack((peer) => {
      peer.send('open', 3, { type: 'stage', on: 1, run: 'run', count: 1 });
      peer.send('end', 3);
      peer.send('message', 3, { type: 'contents' });
    }));
  it('two ends', () =>
    attack((peer) => {
      peer.send('open', 3, { type: 'stage', on: 1, run: 'run', count: 1 });
      peer.send('end', 3);
      peer.send('end', 3);
    }));
  it('credit for a stream that never was', () => attack((peer) => peer.send('credit', 99, Buffer.from([0, 0, 0, 1]))));
  it('credit without end', () => attack((peer) => peer.send('credit', 1, Buffer.from([0xff, 0xff, 0xff, 0xff]))));
  it('credit of nothing', () => attack((peer) => peer.send('credit', 1, Buffer.alloc(4))));
  it('a flood of beats', () =>
    attack((peer) => {
      for (let index = 0; index < 1_100; index++) peer.send('beat', 0);
    }));
  it('more streams than may be open', () =>
    attack((peer) => {
      for (let id = 3; id < 3 + 2 * 70; id += 2) peer.send('open', id, { type: 'stage', on: 1, run: 'run', count: 1 });
    }));
  it('more than was granted, to somebody who does not read', () =>
    attack(
      (peer) => {
        peer.send('open', 3, { type: 'service', name: 'wait', json: 'null' });
        const piece = Buffer.alloc(256 * 1024 - frameHeaderBytes);
        for (let sent = 0; sent <= initialWindowBytes; sent += piece.length + frameHeaderBytes) peer.send('data', 3, piece);
      },
      { code: 'SYNC_PROTOCOL', message: /more than was granted/ },
    ));
});
