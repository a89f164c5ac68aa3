/** Two simulated disks kept the same by the engine, and all that can happen to them in between: the world of the proofs of reliability. */
import { SyncError } from '../../engine/errors.ts';
import type { Replica } from '../../engine/replica.ts';
import type { SyncReport } from '../../engine/report.ts';
import { runSync, type SyncOptions } from '../../engine/run-sync.ts';
import { defaultSyncSettings, type SyncSettings } from '../../engine/sync-settings.ts';
import type { Side } from '../../reconcile/plan.ts';
import type { Random } from '../../testing/random.ts';
import { createSimulatedDisk, type SimulatedDisk } from '../../testing/simulated-disk.ts';
import type { SimulatedCall } from '../../testing/simulated-machine.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import { contentName } from '../content-name.ts';
import { createFsReplica } from '../fs-replica.ts';
import type { Fate, ProcessIdentity } from '../lock-owner.ts';
import { contentFolderName, listRuns } from '../versions.ts';
import { createSimulatedUser, type SimulatedUserFiles } from './simulated-user.ts';

/** The process or the machine is gone: nothing that it tries from here on is done. */
export class Gone extends Error {
  override readonly name = 'Gone';
}

export interface SimulatedPair {
  readonly clock: TestClock;
  readonly disks: Readonly<Record<Side, SimulatedDisk>>;
  /** The user's way to the files of a side. Each write is 10 s later than the one before. */
  readonly user: Readonly<Record<Side, SimulatedUserFiles>>;
  sync(options?: PairRunOptions): Promise<SyncReport>;
  /** The same pair as it is now, as if all processes had been killed. From here on it has a time of its own: whatever happens to one copy, the next is the same. */
  killed(): SimulatedPair;
  /** The same pair after both machines, or one and the processes of the other, have lost power. */
  afterPowerCut(random: Random, options?: { readonly sides?: readonly Side[]; readonly inOrder?: boolean }): SimulatedPair;
  /** Everything as it is now is durable. */
  settle(): Promise<void>;
  /** Names, kinds, modes and contents of all but the state folder, in order. */
  tree(side: Side): readonly string[];
  /** Contents among the versions of both sides that their manifests know of. */
  versions(): readonly string[];
  /** All contents there, known or not. */
  keptContents(): readonly string[];
}

export interface PairRunOptions extends Partial<Pick<SyncOptions, 'allow' | 'durability' | 'dryRun' | 'first'>> {
  readonly settings?: Partial<SyncSettings> | undefined;
  /** Called before each call of either side; see `SimulatedDisk.onCall`. */
  readonly onCall?: ((side: Side, call: SimulatedCall) => void) | undefined;
  readonly ignoresSync?: ((side: Side, call: SimulatedCall) => boolean) | undefined;
  /** The side that starts the run. */
  readonly from?: Side | undefined;
  /** What lies between the side that starts the run and the other. */
  readonly link?: PairLink | undefined;
}

export interface PairLink {
  /** The far replica as the near side reaches it. */
  reach(far: Replica): Promise<Replica>;
  /** Called when the run is over, however it ended. */
  close(): Promise<void>;
}

const home = '/home';
const bothSides = ['alpha', 'beta'] as const;

function rootOf(side: Side): string {
  return `${home}/${side}`;
}

export function createSimulatedPair({ random }: { readonly random?: Random | undefined } = {}): SimulatedPair {
  const clock = createTestClock();
  const make = (side: Side, dev: bigint): SimulatedDisk => {
    const disk = createSimulatedDisk({ clock, dev, random });
    const slash = disk.openRoot('/');
    slash?.makeDirectory('home', 0o755);
    const folder = slash?.openDirectory('home');
    folder?.makeDirectory(side, 0o755);
    folder?.close();
    slash?.close();
    return disk;
  };
  return pairOf({ alpha: make('alpha', 1n), beta: make('beta', 2n) }, { clock, boots: { alpha: 1, beta: 1 }, processes: { next: 100 } });
}

interface World {
  readonly clock: TestClock;
  /** How often each machine was started. */
  readonly boots: Readonly<Record<Side, number>>;
  readonly processes: { next: number };
}

function pairOf(disks: Readonly<Record<Side, SimulatedDisk>>, world: World): SimulatedPair {
  const { clock } = world;
  const user = { alpha: createSimulatedUser(disks.alpha, rootOf('alpha'), clock), beta: createSimulatedUser(disks.beta, rootOf('beta'), clock) };
  return {
    clock,
    disks,
    user,
    async sync({ settings, onCall, ignoresSync, from = 'alpha', link, ...options } = {}) {
      const pid = world.processes.next++;
      const open = (side: Side): ReturnType<typeof createFsReplica> => {
        const disk = disks[side];
        disk.onCall = onCall && ((call) => onCall(side, call));
        disk.ignoresSync = ignoresSync && ((call) => ignoresSync(side, call));
        return createFsReplica(rootOf(side), {
          disk,
          clock: steppingClock(clock),
          host: side,
          stateMirror: `${home}/mirror`,
          processes: processesOf(side, pid, world.boots[side]),
        });
      };
      const [near, far] = from === 'alpha' ? (['alpha', 'beta'] as const) : (['beta', 'alpha'] as const);
      const replicas = { [near]: await open(near), [far]: await open(far) } as Readonly<Record<Side, Awaited<ReturnType<typeof open>>>>;
      try {
        return await runSync({
          alpha: replicas[near],
          beta: link?.reach(replicas[far]) ?? replicas[far],
          names: { alpha: near, beta: far },
          hosts: { alpha: near, beta: far },
          profile: 'default',
          settings: { ...defaultSyncSettings, maxDelete: { count: 1000 }, maxChange: { count: 1000 }, ...settings },
          dryRun: false,
          durability: 'full',
          lockWaitMs: 0,
          clock: steppingClock(clock),
          ...options,
        });
      } finally {
        await link?.close();
        // Of one that is gone, this closes handles and timers, and no more.
        await Promise.allSettled([replicas.alpha.close(), replicas.beta.close()]);
        for (const side of bothSides) disks[side].onCall = disks[side].ignoresSync = undefined;
      }
    },
    killed() {
      // Ids are not given twice.
      const own: TestClock = { ...createTestClock(clock.nowMs()), newId: clock.newId };
      return pairOf({ alpha: disks.alpha.copy(own), beta: disks.beta.copy(own) }, { ...world, clock: own });
    },
    afterPowerCut(random, { sides = bothSides, inOrder } = {}) {
      const after = (side: Side): SimulatedDisk => (sides.includes(side) ? disks[side].afterPowerCut(random, { inOrder }) : disks[side].copy());
      const bootOf = (side: Side): number => world.boots[side] + (sides.includes(side) ? 1 : 0);
      return pairOf({ alpha: after('alpha'), beta: after('beta') }, { ...world, boots: { alpha: bootOf('alpha'), beta: bootOf('beta') } });
    },
    async settle() {
      for (const side of bothSides) {
        const root = disks[side].openRoot('/');
        await root?.syncFileSystem();
        root?.close();
      }
    },
    tree: (side) => user[side].tree(),
    keptContents: () => bothSides.flatMap((side) => (user[side].isThere('.ubos-sync/versions') ? user[side].contents('.ubos-sync/versions') : [])),
    versions: () => bothSides.flatMap((side) => versionsOf(disks[side], `${rootOf(side)}/.ubos-sync/versions`)),
  };
}

/** Each look at it takes a while, so that a run has slices. */
function steppingClock(clock: TestClock): TestClock {
  let steps = 0;
  return { ...clock, monotonicMs: () => clock.monotonicMs() + ++steps / 2 };
}

/** A process of this number; all before it are dead. */
function processesOf(host: Side, pid: number, boot: number): { readonly self: ProcessIdentity; fateOf(owner: ProcessIdentity): Fate } {
  const self: ProcessIdentity = { pid, startTime: String(pid), bootId: `${host} ${boot}`, pidNamespace: 'simulated', host };
  return { self, fateOf: (owner) => (owner.pid === pid && owner.bootId === self.bootId ? 'alive' : 'dead') };
}

function versionsOf(disk: SimulatedDisk, path: string): readonly string[] {
  const folder = disk.openRoot(path);
  if (folder === undefined) return [];
  const files = createSimulatedUser(disk, path, { nowMs: () => 0, advance: () => undefined });
  const contents = listRuns(folder).flatMap(({ versions }) =>
    versions.flatMap(({ entry }) =>
      entry.kind === 'file' ? (files.read(`${contentFolderName}/${contentName(entry.digest, entry.sizeBytes)}`) ?? []) : [],
    ),
  );
  folder.close();
  return contents;
}

/** How a run ended that may have been cut off. */
export async function ended(run: Promise<SyncReport>): Promise<SyncReport | 'gone' | SyncError> {
  try {
    return await run;
  } catch (error) {
    if (error instanceof Gone) return 'gone';
    if (error instanceof SyncError) return error;
    throw error;
  }
}
