/** One side is gone, or was away, and nobody said so: both find out by themselves, and what the far side held is free. */
import { PassThrough, Transform } from 'node:stream';
import { listMemoryDisk } from '@ubos/sync-core/testing';
import { expect, it } from 'vitest';
import { createDuplexPair } from './test-support/duplex-pair.ts';
import { createManualClock } from './test-support/manual-clock.ts';
import { createFarSide } from './test-support/memory-far-side.ts';

/** A link whose directions can be made to lose everything. */
function createLossyLink(): { readonly between: (direction: 'to-there' | 'to-here') => Transform; readonly lost: Set<string> } {
  const lost = new Set<string>();
  const between = (direction: string): Transform =>
    new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        if (lost.has(direction)) callback();
        else callback(null, chunk);
      },
    });
  return { between, lost };
}

const lockOptions = { waitMs: 0, initiator: 'test', run: 'run', dryRun: false };

it('cut towards the far side: it gives up after 60 s without a word, and gives back its locks', async () => {
  const clock = createManualClock();
  const { between, lost } = createLossyLink();
  const far = await createFarSide({ pair: createDuplexPair(between), clock, serverClock: clock });
  const replica = await far.connection.replica();
  await replica.establish();
  await replica.lock(lockOptions);
  lost.add('to-there');
  await clock.advance(59_000);
  expect(far.disk.lockOwner).not.toBe(undefined);
  const ended = expect(far.serving).rejects.toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
  await clock.advance(10_000);
  await ended;
  expect(far.disk.lockOwner).toBe(undefined);
});

it('cut towards us: we give up after 30 s, and the far side hears the end', async () => {
  const clock = createManualClock();
  const { between, lost } = createLossyLink();
  const far = await createFarSide({ pair: createDuplexPair(between), clock, serverClock: clock });
  const replica = await far.connection.replica();
  await replica.establish();
  await replica.lock(lockOptions);
  lost.add('to-here');
  const asking = expect(replica.admission()).rejects.toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
  await clock.advance(36_000);
  await asking;
  // It was told why.
  await expect(far.serving).rejects.toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
  expect(far.disk.lockOwner).toBe(undefined);
});

it('a far side that was stopped and runs again does nothing of what was asked before', async () => {
  const clock = createManualClock();
  const far = await createFarSide({ pair: createDuplexPair(() => new PassThrough()), serverClock: clock });
  const replica = await far.connection.replica();
  const before = listMemoryDisk(far.disk);
  clock.jump(300_000);
  const asking = expect(replica.establish()).rejects.toMatchObject({
    code: 'SYNC_PEER_TIMEOUT',
    message: expect.stringContaining('stood still for 300 s') as string,
  });
  await asking;
  await expect(far.serving).rejects.toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
  expect(far.disk.id).toBe(undefined);
  expect(listMemoryDisk(far.disk)).toEqual(before);
});
