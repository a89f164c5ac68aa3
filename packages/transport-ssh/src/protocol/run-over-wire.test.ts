/** Whole runs of the engine with a replica and a log behind a pipe. */
import { defaultSyncSettings, type LogSource, pullLog, type Replica, runSync, type SyncReport } from '@ubos/sync-core';
import {
  createMemoryDisk,
  createMemoryLogFile,
  createMemoryLogSink,
  createMemoryLogSource,
  createMemoryReplica,
  describeLogSource,
  listMemoryDisk,
  type MemoryDisk,
  type MemoryLogFile,
  readMemoryFile,
  removeMemoryNode,
  toyHash,
  writeMemoryFile,
} from '@ubos/sync-core/testing';
import { describe, expect, it } from 'vitest';
import { connectOver } from './connect.ts';
import type { ConnectionCounters } from './multiplexer.ts';
import { serve } from './serve.ts';
import { systemClock } from './system-clock.ts';
import { createCrumbler, createDuplexPair } from './test-support/duplex-pair.ts';
import { createFarSide } from './test-support/memory-far-side.ts';

const open = (disk: MemoryDisk, host: string): Replica => createMemoryReplica({ disk, clock: systemClock, host });

/** One run from `here`, with `there` behind a pipe. */
async function sync(
  here: MemoryDisk,
  there: MemoryDisk,
  { crumbs = false } = {},
): Promise<{ readonly report: SyncReport; readonly counters: ConnectionCounters }> {
  const pair = createDuplexPair(crumbs ? () => createCrumbler() : undefined);
  const serving = serve(pair.there, { replica: () => Promise.resolve(open(there, 'there')) });
  const connection = await connectOver(pair.here, { open: {} });
  const alpha = open(here, 'here');
  const beta = await connection.replica();
  const report = await runSync({
    alpha,
    beta,
    names: { alpha: 'here', beta: 'there' },
    profile: 'default',
    settings: defaultSyncSettings,
    dryRun: false,
    clock: systemClock,
  });
  const { counters } = connection;
  await connection.close();
  await serving;
  await alpha.close();
  return { report, counters };
}

function fill(disk: MemoryDisk, prefix: string, count: number): void {
  for (let index = 0; index < count; index++)
    writeMemoryFile(disk, `${prefix}/${index % 20}/file ${index}.md`, `${prefix} ${index}`, { mtimeMs: 1_600_000_000_000 + index * 1000 });
}

describe('a run over the wire', () => {
  for (const crumbs of [false, true]) {
    it(`carries a tree both ways${crumbs ? ', in pieces of 1 to 7 bytes' : ''}`, async () => {
      const here = createMemoryDisk();
      const there = createMemoryDisk();
      fill(here, 'mine', 300);
      fill(there, 'yours', 200);
      const { report } = await sync(here, there, { crumbs });
      expect(report).toMatchObject({ outcome: 'applied', problems: [], conflicts: [] });
      expect(listMemoryDisk(here)).toEqual(listMemoryDisk(there));
      expect(listMemoryDisk(here).length).toBe(500 + 42);
    });
  }

  it('that finds nothing to do costs two round trips after the handshake, a few hundred bytes, and writes nothing', async () => {
    const here = createMemoryDisk();
    const there = createMemoryDisk();
    fill(here, 'mine', 2_000);
    await sync(here, there);
    const writes = [here.writes, there.writes];
    const { report, counters } = await sync(here, there);
    expect(report.outcome).toBe('in-sync');
    expect([here.writes, there.writes]).toEqual(writes);
    expect(counters.roundTrips).toBe(2);
    expect(counters.bytesSent).toBeLessThan(2_000);
  });

  it('can be started from either end: what one deletes stays deleted', async () => {
    const here = createMemoryDisk();
    const there = createMemoryDisk();
    fill(here, 'mine', 50);
    writeMemoryFile(here, 'doomed.txt', 'doomed', { mtimeMs: 1 });
    await sync(here, there);
    removeMemoryNode(there, 'doomed.txt');
    writeMemoryFile(there, 'mine/1/file 1.md', 'edited there', { mtimeMs: 1_700_000_000_000 });
    const { report } = await sync(there, here);
    expect(report.outcome).toBe('applied');
    expect(readMemoryFile(here, 'doomed.txt')).toBe(undefined);
    expect(readMemoryFile(here, 'mine/1/file 1.md')).toBe('edited there');
    expect((await sync(here, there)).report.outcome).toBe('in-sync');
    expect((await sync(there, here)).report.outcome).toBe('in-sync');
  });
});

describeLogSource(
  'a log behind a pipe',
  async () => {
    const file = createMemoryLogFile();
    const beside = new Map<string, MemoryLogFile>();
    const far = await createFarSide({ logs: (path) => Promise.resolve(createMemoryLogSource(path, file, { hash: toyHash, beside })) });
    return {
      source: far.connection.log('logs/a.jsonl'),
      fileName: 'a.jsonl',
      rename: (name) => {
        beside.set(name, { ...file });
        Object.assign(file, { bytes: undefined, inode: file.inode + 1 });
        return Promise.resolve();
      },
      write: (bytes) => {
        file.bytes = bytes;
        file.inode++;
        return Promise.resolve();
      },
      append: (bytes, name) => {
        const to = name === undefined ? file : (beside.get(name) ?? file);
        to.bytes = Buffer.concat([to.bytes ?? Buffer.alloc(0), bytes]);
        return Promise.resolve();
      },
      remove: () => {
        file.bytes = undefined;
        return Promise.resolve();
      },
      hash: toyHash,
      close: () => far.close(),
    };
  },
  { describe, it, expect },
);

describe('a log over the wire', () => {
  it('that is followed by somebody who takes nothing is read no further than its window', async () => {
    const file = createMemoryLogFile(Buffer.alloc(20 * 1024 * 1024, 'a line of a log\n'));
    const served = createMemoryLogSource('logs/a.jsonl', file, { hash: toyHash });
    const far = await createFarSide({ logs: () => Promise.resolve(served) });
    const source = far.connection.log('logs/a.jsonl');
    const stream = source.follow({ fromByte: 0 })[Symbol.asyncIterator]();
    await stream.next();
    // Each answer stands behind what was sent before it.
    for (let turn = 0; turn < 30; turn++) await source.facts({ extents: [] });
    expect(served.counts.bytesRead).toBeLessThan(4 * 1024 * 1024);
    await stream.return?.();
    await far.close();
  });

  it('that is followed is let go of when the connection is lost', async () => {
    const file = createMemoryLogFile(Buffer.from('one\n'));
    const served = createMemoryLogSource('logs/a.jsonl', file, { hash: toyHash });
    let followers = 0;
    const counting: LogSource = {
      ...served,
      async *follow(request) {
        followers++;
        try {
          yield* served.follow(request);
        } finally {
          followers--;
        }
      },
    };
    const far = await createFarSide({ logs: () => Promise.resolve(counting) });
    const stream = far.connection.log('logs/a.jsonl').follow({ fromByte: 0 })[Symbol.asyncIterator]();
    await stream.next();
    expect(followers).toBe(1);
    const next = Promise.resolve(stream.next());
    far.pair.here.readable.destroy();
    await expect(next).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
    await far.close();
    expect(followers).toBe(0);
  });

  it('is pulled whole, and then what it lacks', async () => {
    const line = Buffer.from(`${JSON.stringify({ t: '2026-11-21T00:00:00Z', text: 'x'.repeat(80) })}\n`);
    const file = createMemoryLogFile(Buffer.concat(Array<Buffer>(30_000).fill(line)));
    const far = await createFarSide({ logs: (path) => Promise.resolve(createMemoryLogSource(path, file, { hash: toyHash })) });
    const sink = createMemoryLogSink('a', toyHash);
    const source = far.connection.log('logs/a.jsonl');
    await pullLog({ source, sink });
    expect(Buffer.from(sink.file.bytes ?? []).equals(file.bytes as Buffer)).toBe(true);
    file.bytes = Buffer.concat([file.bytes as Buffer, line, line]);
    const before = far.connection.counters;
    await pullLog({ source, sink });
    const after = far.connection.counters;
    expect(Buffer.from(sink.file.bytes ?? []).equals(file.bytes)).toBe(true);
    expect(after.bytesReceived - before.bytesReceived).toBeLessThan(10_000);
    expect(after.roundTrips - before.roundTrips).toBeLessThanOrEqual(2);
    await far.close();
  });
});
