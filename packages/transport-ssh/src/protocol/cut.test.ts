/**
 * The connection is cut after every so many bytes of a run, around every end of a frame, in each direction. The law: every call ends, with its result or with
 * SYNC_PEER_LOST; the lock is free afterwards; a change is there whole or not at all.
 */

import { PassThrough, Transform } from 'node:stream';
import { type ContentPart, defaultSyncSettings, type Entry, pairKey, type RelativePath, type ReplicaId } from '@ubos/sync-core';
import { listMemoryDisk, toyHash, writeMemoryFile } from '@ubos/sync-core/testing';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, frameHeaderBytes } from './frame.ts';
import { createCutter, createDuplexPair, type DuplexPair } from './test-support/duplex-pair.ts';
import { createManualClock } from './test-support/manual-clock.ts';
import { createFarSide } from './test-support/memory-far-side.ts';

type Direction = 'to-there' | 'to-here';
const path = (text: string): RelativePath => text as RelativePath;
const { scope, digest, permissions, policies, symlinks } = defaultSyncSettings;
const other = 'ffffffff-ffff-4fff-bfff-ffffffffffff' as ReplicaId;
const content = Buffer.from('the new content');
const finished = ['new.txt 644 the new content', 'old.txt 644 old'];

interface Outcome {
  readonly files: readonly string[];
  readonly lockOwner: string | undefined;
  readonly error: unknown;
}

async function run(pair: DuplexPair): Promise<Outcome> {
  // One clock for ids, so that every run sends the same bytes; time itself is not waited for.
  const far = await createFarSide({ pair, clock: createManualClock(), open: {} }).catch((error: unknown) => ({ error }));
  if ('error' in far) return { files: ['old.txt 644 old'], lockOwner: undefined, error: far.error };
  writeMemoryFile(far.disk, 'old.txt', 'old', { mtimeMs: 1_000 });
  let error: unknown;
  try {
    const replica = await far.connection.replica();
    const key = pairKey(await replica.establish(), other, 'default');
    const [lock] = await Promise.all([
      replica.lock({ waitMs: 0, initiator: 'test', run: 'run', dryRun: false }),
      replica.archive(key).status(),
      replica.scan({ settings: { scope, digest, permissions, policies, symlinks } }),
    ]);
    const file: Entry = { kind: 'file', mode: 0o644, sizeBytes: content.length, digest: toyHash(content), mtimeMs: 2_000 };
    await replica.stage([{ path: path('new.txt'), digest: file.digest, sizeBytes: file.sizeBytes }], {
      run: 'run',
      async *supply(): AsyncIterable<readonly ContentPart[]> {
        yield [{ need: 0, bytes: content, end: 'ok' }];
      },
    });
    await replica.transition([{ path: path('new.txt'), old: undefined, new: file, peer: file }], { run: 'run', pair: key, durability: 'full' });
    await lock.release();
  } catch (caught) {
    error = caught;
  }
  await far.close();
  return { files: listMemoryDisk(far.disk), lockOwner: far.disk.lockOwner, error };
}

/** Passes everything on and remembers where frames end. */
async function measure(): Promise<Readonly<Record<Direction, readonly number[]>>> {
  const ends: Record<Direction, number[]> = { 'to-there': [], 'to-here': [] };
  const watch = (direction: Direction): Transform => {
    let bytes = 0;
    let preambleBytes: number | undefined;
    const decoder = new FrameDecoder(({ payload }) => {
      bytes += frameHeaderBytes + payload.length;
      ends[direction].push(bytes);
    });
    return new Transform({
      transform(chunk: Buffer, _encoding, callback) {
        let rest = chunk;
        if (preambleBytes === undefined) {
          preambleBytes = 28 + chunk.readUInt32BE(24);
          bytes = preambleBytes;
          ends[direction].push(bytes);
          rest = chunk.subarray(preambleBytes);
        }
        decoder.push(rest);
        callback(null, chunk);
      },
    });
  };
  const outcome = await run(createDuplexPair(watch));
  expect(outcome).toEqual({ files: finished, lockOwner: undefined, error: undefined });
  return ends;
}

describe('a connection that is cut', () => {
  for (const direction of ['to-there', 'to-here'] as const) {
    it(`${direction}, before, at and after every end of a frame, leaves nothing half-done and nobody waiting`, async () => {
      const ends = (await measure())[direction];
      expect(ends.length).toBeGreaterThan(8);
      for (const end of ends) {
        for (const bytes of [end - 1, end, end + 1]) {
          const outcome = await run(createDuplexPair((way) => (way === direction ? createCutter(bytes) : new PassThrough())));
          const at = `after ${bytes} bytes ${direction}`;
          expect(outcome.lockOwner, at).toBe(undefined);
          expect(outcome.files.length === 1 ? [...outcome.files, ''] : outcome.files, at).toEqual(
            outcome.files.length === 1 ? ['old.txt 644 old', ''] : finished,
          );
          if (outcome.error !== undefined) expect(outcome.error, at).toMatchObject({ code: 'SYNC_PEER_LOST' });
        }
      }
    });
  }
});
