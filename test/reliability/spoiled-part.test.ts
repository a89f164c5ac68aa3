/**
 * What an interrupted transfer has left of a large content, and what then became of it before the next run: on simulated and on real disks, side by side and
 * over the wire, either way. That run ends well, and sends no more than it has to.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, defaultSyncSettings, type Replica, runSync, SyncError, type SyncReport } from '@ubos/sync-core';
import { createFsReplica, createNodeDisk, type Disk, systemClock } from '@ubos/sync-core/fs';
import { createRandom, createSimulatedDisk, createTestClock } from '@ubos/sync-core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSimulatedUser, type SimulatedUserFiles } from '../../packages/core/src/fs/test-support/simulated-user.ts';
import { connectOver } from '../../packages/transport-ssh/src/protocol/connect.ts';
import { serve } from '../../packages/transport-ssh/src/protocol/serve.ts';
import { createDuplexPair } from '../../packages/transport-ssh/src/protocol/test-support/duplex-pair.ts';

type Side = 'alpha' | 'beta';

const seed = 20261124;
const sizeBytes = 4_500_000;
const whole = textOf(1);
const arrivedBytes = 3 * 1024 ** 2;

interface Spoiling {
  readonly title: string;
  /** What is to lie there, of what had arrived. */
  readonly spoil: (part: string) => string;
  /** Of the run that finds it so. */
  readonly sentBytes: (partBytes: number) => number;
}

const rest = (partBytes: number): number => sizeBytes - partBytes;
const restAndWhole = (partBytes: number): number => sizeBytes - partBytes + sizeBytes;
const all = (): number => sizeBytes;

const spoilings: readonly Spoiling[] = [
  { title: 'left as it was', spoil: (part) => part, sentBytes: rest },
  { title: 'cut', spoil: (part) => part.slice(0, 1_500_000), sentBytes: rest },
  { title: 'cut to less than is worth it', spoil: (part) => part.slice(0, 1_000_000), sentBytes: all },
  { title: 'emptied', spoil: () => '', sentBytes: all },
  { title: 'extended by something else', spoil: (part) => `${part}something else`, sentBytes: restAndWhole },
  { title: 'extended to the size of the whole', spoil: (part) => part.padEnd(sizeBytes), sentBytes: all },
  { title: 'extended beyond it', spoil: (part) => part.padEnd(sizeBytes + 1), sentBytes: all },
  { title: 'of another content', spoil: (part) => textOf(2).slice(0, part.length), sentBytes: restAndWhole },
  { title: 'spoiled in its first bit', spoil: (part) => withBitFlipped(part, 0), sentBytes: restAndWhole },
  { title: 'spoiled in its last byte', spoil: (part) => withBitFlipped(part, part.length - 1), sentBytes: restAndWhole },
  { title: 'spoiled in any one bit', spoil: (part) => withBitFlipped(part, createRandom(seed).below(part.length)), sentBytes: restAndWhole },
];

const worlds = [
  { where: 'on simulated disks', openWorld: simulatedWorld, reach: sideBySide },
  { where: 'on real disks', openWorld: realWorld, reach: sideBySide },
  { where: 'over the wire', openWorld: realWorld, reach: overWire },
] as const;

for (const { where, openWorld, reach } of worlds) {
  describe.each(['alpha', 'beta'] as const)(`a large content of which the beginning came from %s, ${where} (seed ${seed})`, (source) => {
    it.each(spoilings)('$title: the next run ends well', async ({ spoil, sentBytes }) => {
      const world = await openWorld();
      const receiver = source === 'alpha' ? 'beta' : 'alpha';
      expect((await run(world, reach)).report.outcome).toBe('in-sync');
      world.user[source].write('large.bin', whole);
      // Over a wire it would hang on the moment how much of it had come.
      await expect(run(world, sideBySide, { source, afterBytes: arrivedBytes })).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
      const part = partOf(world, receiver);
      const spoiled = spoil(part.read());
      part.write(spoiled);

      const { report, sent } = await run(world, reach);
      expect(report).toMatchObject({ outcome: 'applied', problems: [], changes: [{ path: 'large.bin', status: 'done' }] });
      expect(sent).toBe(sentBytes(spoiled.length));
      expect(world.user[receiver].read('large.bin') === whole).toBe(true);
      expect(stagedBy(world, receiver)).toEqual([]);
      expect((await run(world, reach)).report.outcome).toBe('in-sync');
    });
  });
}

interface World {
  readonly disks: Readonly<Record<Side, Disk>>;
  readonly roots: Readonly<Record<Side, string>>;
  readonly user: Readonly<Record<Side, SimulatedUserFiles>>;
  readonly clock: Clock;
}

function simulatedWorld(): Promise<World> {
  const clock = createTestClock();
  const make = (side: Side, dev: bigint): Disk => {
    const disk = createSimulatedDisk({ clock, dev });
    const slash = disk.openRoot('/');
    slash?.makeDirectory(side, 0o755);
    slash?.close();
    return disk;
  };
  return Promise.resolve(worldOf({ alpha: make('alpha', 1n), beta: make('beta', 2n) }, { alpha: '/alpha', beta: '/beta' }, clock));
}

async function realWorld(): Promise<World> {
  const roots = { alpha: await mkdtemp(join(tmpdir(), 'ubos-sync-part-')), beta: await mkdtemp(join(tmpdir(), 'ubos-sync-part-')) };
  onTestFinished(async () => {
    for (const root of Object.values(roots)) await rm(root, { recursive: true });
  });
  const disk = createNodeDisk();
  return worldOf({ alpha: disk, beta: disk }, roots, systemClock);
}

function worldOf(disks: World['disks'], roots: World['roots'], clock: Clock): World {
  const userOf = (side: Side): SimulatedUserFiles =>
    createSimulatedUser(disks[side], roots[side], { nowMs: () => clock.nowMs(), advance: () => undefined });
  return { disks, roots, user: { alpha: userOf('alpha'), beta: userOf('beta') }, clock };
}

/** One run from alpha. `cut`: the connection is lost once the source has sent so much. */
async function run(
  { disks, roots, clock }: World,
  reach: (far: Replica) => Promise<Reached>,
  cut?: { readonly source: Side; readonly afterBytes: number },
): Promise<{ readonly report: SyncReport; readonly sent: number }> {
  let sent = 0;
  const open = async (side: Side): Promise<Replica> => {
    const replica = await createFsReplica(roots[side], { disk: disks[side], clock, host: side, stateMirror: false });
    return {
      ...replica,
      async *supply(needs, options) {
        for await (const parts of replica.supply(needs, options)) {
          if (cut?.source === side && sent >= cut.afterBytes) throw new SyncError('SYNC_PEER_LOST', 'the line is dead');
          for (const { bytes } of parts) sent += bytes.length;
          yield parts;
        }
      },
    };
  };
  const alpha = await open('alpha');
  const far = await reach(await open('beta'));
  try {
    const report = await runSync({
      alpha,
      beta: far.replica,
      names: { alpha: 'alpha', beta: 'beta' },
      profile: 'default',
      settings: defaultSyncSettings,
      dryRun: false,
      durability: 'fast',
      clock,
    });
    return { report, sent };
  } finally {
    await far.close();
    await alpha.close();
  }
}

interface Reached {
  readonly replica: Replica;
  close(): Promise<void>;
}

function sideBySide(far: Replica): Promise<Reached> {
  return Promise.resolve({ replica: far, close: () => far.close() });
}

async function overWire(far: Replica): Promise<Reached> {
  const pipe = createDuplexPair();
  const serving = serve(pipe.there, { replica: () => Promise.resolve(far) });
  const connection = await connectOver(pipe.here, { open: {} });
  const close = async (): Promise<void> => {
    await connection.close();
    await serving;
  };
  return { replica: await connection.replica(), close };
}

const staging = '.ubos-sync/staging';

function stagedBy({ disks, roots }: World, side: Side): readonly string[] {
  const folder = disks[side].openRoot(`${roots[side]}/${staging}`);
  const names = folder?.list().map(({ name = '' }) => name);
  folder?.close();
  return names ?? [];
}

/** The one thing that the cut has left: the beginning of the content. */
function partOf(world: World, side: Side): { read(): string; write(text: string): void } {
  const names = stagedBy(world, side);
  expect(names).toEqual([expect.stringMatching(new RegExp(`-${sizeBytes}\\.part$`))]);
  const path = `${staging}/${names[0]}`;
  const user = world.user[side];
  return {
    read() {
      const part = user.read(path) ?? '';
      expect(part === whole.slice(0, arrivedBytes)).toBe(true);
      return part;
    },
    write: (text) => user.write(path, text, { mode: 0o600, inPlace: true }),
  };
}

function withBitFlipped(text: string, at: number): string {
  return `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ 1)}${text.slice(at + 1)}`;
}

/** ASCII, other for each `content`. */
function textOf(content: number): string {
  const random = createRandom(content);
  const pieces: string[] = [];
  for (let bytes = 0; bytes < sizeBytes; bytes += 8) pieces.push(random.next().toString(36).padEnd(10, '0').slice(2, 10));
  return pieces.join('').slice(0, sizeBytes);
}
