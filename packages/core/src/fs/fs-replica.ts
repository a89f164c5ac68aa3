/**
 * A folder of this machine as a replica. Here the parts come together: marker, lock, archive, scan and index, staging, supply, transition and versions.
 * Each is a file of its own, and none knows this one.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { isAdmitted } from '../engine/admission.ts';
import type { PairKey } from '../engine/archive-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import type { LockOptions, Replica, ReplicaCapabilities, ReplicaId, ReplicaIdentity, ReplicaLock, TransitionOptions } from '../engine/replica.ts';
import { isExact } from '../reconcile/names-taken.ts';
import type { Mode } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { readAdmission } from './admission-file.ts';
import { learnDiskFacts } from './disk-facts.ts';
import { countArchives, createArchives, restoreArchives } from './fs-replica-archives.ts';
import { createRootHolder, type HeldRoot, isSameDirectory, told } from './fs-replica-root.ts';
import { createScanner, type Scanned } from './fs-replica-scan.ts';
import { createHeldDirectories } from './held-directories.ts';
import { errnoOf, unlessDiskFails } from './io-failure.ts';
import { createRootLock, type HeldLock } from './lock.ts';
import { mustNotOverlap } from './lock-overlap.ts';
import { bootName, createProcessTable, type ProcessTable } from './lock-owner.ts';
import { ownerText } from './lock-record.ts';
import { type Marker, makeMarker, readMarker } from './marker.ts';
import { createMarkerMirror, defaultMirrorPath, isSameRoot, type MirroredRoot } from './marker-mirror.ts';
import { createNodeDisk } from './node-disk.ts';
import { readOwnGuards, writeOwnGuards } from './own-guards.ts';
import { readPeer, writePeer } from './peer-book.ts';
import { recallBits, recallRun } from './run-recall.ts';
import { createStaging, type StagingPlace } from './stage.ts';
import { findHolders, holdsContents } from './stage-holders.ts';
import { type StateFolder, stateError } from './state-folder.ts';
import { supplyContents } from './supply.ts';
import { syncAgreed } from './sync-paths.ts';
import { systemClock } from './system-clock.ts';
import { makeTransitions } from './transition.ts';
import { readBirth } from './transition-birth.ts';
import { defaultRetention, lookContents, openRunVersions, pruneVersions, type Retention } from './versions.ts';

export interface FsReplicaOptions {
  readonly disk?: Disk | undefined;
  readonly clock?: Clock | undefined;
  /** Patterns that this end keeps out of every sync, whoever starts it. */
  readonly guards?: readonly string[] | undefined;
  /** Nothing is written, in the tree or beside it: `SYNC_READ_ONLY`. */
  readonly readOnly?: boolean | undefined;
  /** Decides for this end, whatever a run asks for. */
  readonly durability?: 'full' | 'fast' | undefined;
  /** How long replaced and deleted content is kept; `false`: not at all. Default: 30 days, 1000 runs, 5 GB. */
  readonly versions?: Partial<Retention> | false | undefined;
  /** Absolute path of the folder that mirrors markers and archives outside the root; `false`: none. Default: `ubos-sync` in the user's state folder. */
  readonly stateMirror?: string | false | undefined;
  /** Name of this machine, for people. Default: its host name. */
  readonly host?: string | undefined;
  /** Who we are among the processes that may hold the root. Default: those of this machine. */
  readonly processes?: ProcessTable | undefined;
}

/** A disk that cannot sync more paths than this at a time is not worth going on with. */
const notDurableMax = 16;

/** A replica of the folder at `path`, which need not be there yet. Writes nothing by itself, and keeps nothing open while it is not in use. */
export function createFsReplica(path: string, options: FsReplicaOptions = {}): Promise<Replica> {
  return new Promise((done) => done(openReplica(resolve(path), options)));
}

function openReplica(path: string, options: FsReplicaOptions): Replica {
  const {
    disk = createNodeDisk(),
    clock = systemClock,
    guards = [],
    readOnly = false,
    host = hostname(),
    processes = createProcessTable(),
  } = options;
  const retention = options.versions === false ? undefined : { ...defaultRetention, ...options.versions };
  const mirrorPath = options.stateMirror ?? defaultMirrorPath(process.env);
  const mirror = typeof mirrorPath === 'string' ? createMarkerMirror(disk, mirrorPath) : undefined;

  const mustBeWritable = (): void => {
    if (readOnly) throw new SyncError('SYNC_READ_ONLY', `${path} is given away for reading only`, { path });
  };
  const root = createRootHolder(disk, path, () => archives.closeFiles());
  /** Paths that transitions have made durable since the last commit. */
  const durable = new Set<RelativePath>();
  /** What a dry run goes by as if it were restored. */
  let assumed: Marker | undefined;
  const markerOf = (state: StateFolder | undefined): Marker | undefined => markerIn(state) ?? assumed;
  const archives = createArchives(root, {
    beforeWrite() {
      mustBeWritable();
      locks.mustBeHeld();
    },
    async makeDurable(pair, changes) {
      const held = root.current();
      const state = held?.lookState();
      if (held === undefined || state === undefined || options.durability === 'fast') return;
      const half = halfOf(state, pair);
      const failures = await syncAgreed(
        changes.filter(({ path }) => !durable.has(path)).map(({ path, [half]: entry }) => ({ path, entry })),
        { root: held.directory, nowMs: clock.nowMs() },
      );
      for (const { code, message } of failures.values()) {
        throw new SyncError(code, message, { notDurable: failures.size > notDurableMax ? [] : [...failures.keys()] });
      }
      durable.clear();
    },
    boot: bootName(processes.self),
    halfOf,
    openCopy() {
      const id = markerOf(root.current()?.lookState())?.id;
      return id && mirror?.open(id);
    },
  });
  /** Those that this object was given, and those that an earlier run from this end left. */
  const ownGuardsOf = (state: StateFolder | undefined): readonly string[] => [...guards, ...(state === undefined ? [] : readOwnGuards(state))];
  const scanner = createScanner({ clock, ownGuardsOf, markerOf, readOnly });
  const staging = createStaging(clock);
  const locks = createLocks();
  let scanned: Scanned | undefined;
  let hasVersionsToPrune = false;
  /** Of the run that is being undone. */
  let undoing: { readonly run: string; readonly bits: ReadonlyMap<RelativePath, Mode> } | undefined;

  /** The last scan, and the tree still being the one that was scanned. */
  const mustBeScanned = ({ directory }: HeldRoot): Scanned => {
    if (scanned === undefined) throw new TypeError('scan comes before stage, supply and transition');
    if (!isSameDirectory(directory, scanned))
      throw new SyncError('SYNC_ROOT_MISSING', `${path} is not the folder any more that was scanned`, { path });
    return scanned;
  };
  const mustHaveState = ({ lookState }: HeldRoot): StateFolder => {
    const state = lookState();
    if (state === undefined) throw new SyncError('SYNC_MARKER_MISSING', `the state folder of ${path} is gone`, { path });
    return state;
  };

  /** Read once a run. */
  const bitsBefore = (state: StateFolder, { pair, undoes }: TransitionOptions): ReadonlyMap<RelativePath, Mode> => {
    if (undoes === undefined) return new Map();
    if (undoing?.run !== undoes) {
      const versions = state.look('versions');
      undoing = { run: undoes, bits: versions === undefined ? new Map() : recallBits(versions, pair, undoes) };
    }
    return undoing.bits;
  };

  function createLocks(): Locks {
    let deadOwner: string | undefined;
    const rootLock = createRootLock({
      path,
      clock,
      processes,
      onTakeover: (owner) => {
        deadOwner = ownerText(owner);
      },
    });
    const open = new Map<ReplicaLock, HeldLock>();
    const pending = new Set<Promise<unknown>>();

    const acquire = async (wanted: LockOptions): Promise<ReplicaLock> => {
      const { root: held, release } = root.hold();
      try {
        mustNotOverlap(disk, held.path);
        const state = wanted.dryRun ? held.lookState() : await held.makeState();
        // Nothing there that a lock could keep anybody from: a run that writes makes the folder first.
        if (state === undefined) {
          release();
          return { release: () => Promise.resolve() };
        }
        const taken = await rootLock.acquire({ ...wanted, directory: state.directory, folder: state.path });
        try {
          if (!wanted.dryRun && markerOf(state) !== undefined) archives.recover(state);
        } catch (error) {
          await taken.release();
          throw error;
        }
        const tookOver = deadOwner;
        deadOwner = undefined;
        const lock: ReplicaLock = {
          tookOver,
          async release() {
            if (!open.delete(lock)) return;
            try {
              if (open.size === 0) await tidyUp(held);
            } finally {
              await taken.release();
              release();
            }
          },
        };
        open.set(lock, taken);
        return lock;
      } catch (error) {
        release();
        throw stateError(`lock ${path}`, error);
      }
    };

    return {
      pending,
      take(wanted) {
        // Nothing can be changed through a replica that is read only, and there may be no right to write a lock.
        const taking = readOnly ? Promise.resolve({ release: () => Promise.resolve() }) : acquire(wanted);
        pending.add(taking);
        const settled = (): void => void pending.delete(taking);
        taking.then(settled, settled);
        return taking;
      },
      mustBeHeld() {
        for (const taken of open.values()) {
          if (!taken.isHeld())
            throw new SyncError('SYNC_LOCKED', `this process stood still for so long that another has taken ${path} over`, { path });
        }
      },
      async releaseAll() {
        await Promise.allSettled(pending);
        for (const lock of open.keys()) await lock.release();
      },
    };
  }

  /** What can wait until a run is over, and is not worth failing it. */
  async function tidyUp(held: HeldRoot): Promise<void> {
    const state = held.lookState();
    if (state === undefined) return;
    await unlessDiskFails(() => scanner.save(held.directory, state));
    if (hasVersionsToPrune && retention !== undefined) {
      hasVersionsToPrune = false;
      await unlessDiskFails(async () => {
        const folder = state.look('versions');
        if (folder !== undefined) await pruneVersions(folder, retention, clock);
      });
    }
    if (mirror === undefined) return;
    const marker = markerIn(state);
    await unlessDiskFails(async () => {
      if ((await archives.copyTo(mirror, state)) && marker !== undefined) await mirror.remember(rootOf(held), marker);
    });
  }

  /** Who lived here, if the marker is gone: `copy` is what the mirror has of it, if it was in this very folder; the caller closes it. */
  async function findLost(held: HeldRoot): Promise<{ readonly id: ReplicaId; readonly copy: DiskDirectory | undefined } | undefined> {
    const place = await mirror?.find(held.path);
    if (place === undefined) return undefined;
    const copy = isSameRoot(place, rootOf(held)) ? mirror?.open(place.replica) : undefined;
    return { id: place.replica, copy };
  }

  const close = async (): Promise<void> => {
    await locks.releaseAll();
    archives.close();
  };

  return {
    capabilities: capabilitiesOf(path, disk, { readOnly, versions: retention !== undefined }),

    async identify(): Promise<ReplicaIdentity> {
      const there = rootStateOf(root.look, path);
      if (there !== 'directory') return { id: undefined, root: there, host, path, guards, lostId: (await mirror?.find(path))?.replica };
      return root.use(async (held) => {
        const state = held.lookState();
        const marker = markerOf(state);
        const { folding } = await learnDiskFacts({ root: held.directory, state: state?.directory, mayWrite: false, clock });
        const common = { host, path: held.path, guards: ownGuardsOf(state), ...(isExact(folding) ? {} : { folding }) };
        if (marker === undefined) {
          const lost = await findLost(held);
          const restorable = lost?.copy !== undefined && markerFrom(lost.copy)?.id === lost.id;
          lost?.copy?.close();
          return { id: undefined, root: 'directory', ...common, lostId: lost?.id, restorable };
        }
        const isForeign = held.directory.statfs().type !== marker.fileSystemType;
        return { id: marker.id, root: isForeign ? 'foreign-fs' : 'directory', ...common };
      });
    },

    establish: () =>
      root.use(async (held) => {
        const known = markerOf(held.lookState());
        if (known !== undefined) return known.id;
        mustBeWritable();
        try {
          const state = await held.makeState();
          // What the marker stands for is durable before there is one.
          for (const name of ['archive', 'versions'] as const) state.make(name);
          await state.directory.sync();
          await held.directory.sync();
          const marker = await makeMarker(state.directory, { id: clock.newId() as ReplicaId, fileSystemType: held.directory.statfs().type });
          await mirror?.remember(rootOf(held), marker);
          return marker.id;
        } catch (error) {
          throw stateError(`make a replica of ${held.path}`, error);
        }
      }),

    restore: ({ pair, dryRun }) =>
      root.use(async (held) => {
        const known = markerOf(held.lookState());
        if (pair === undefined && known !== undefined) return undefined;
        const copy = known === undefined ? (await findLost(held))?.copy : mirror?.open(known.id);
        const marker = copy && markerFrom(copy);
        if (copy === undefined || marker === undefined) {
          copy?.close();
          return undefined;
        }
        if (dryRun) {
          assumed ??= known === undefined ? marker : undefined;
          archives.assume(copy);
          return { id: marker.id, archives: pair === undefined ? countArchives(copy) : 1 };
        }
        try {
          mustBeWritable();
          const state = await held.makeState();
          const count = await restoreArchives(copy, state.make('archive'), pair);
          // It comes last: until it is there, nothing counts, and all of this can be done again.
          if (pair === undefined ? (await makeMarker(state.directory, marker)).id !== marker.id : count === 0) return undefined;
          return { id: marker.id, archives: count };
        } catch (error) {
          throw stateError(`restore the state of ${held.path}`, error);
        } finally {
          copy.close();
        }
      }),

    lock: (wanted) => locks.take(wanted),
    archive: (pair) => archives.store(pair),

    async scan(scanOptions) {
      // A lock that was asked for before is waited for; without it there is no scan.
      await Promise.all(locks.pending);
      return root.use(async (held) => {
        const result = await scanner.scan(held, scanOptions);
        scanned = result.scanned;
        return result.snapshot;
      });
    },

    stage: (requests, stageOptions) =>
      root.use((held) => {
        mustBeWritable();
        const { hashing, tree, made } = mustBeScanned(held);
        const folder = mustHaveState(held).make('staging');
        locks.mustBeHeld();
        let holders: ReturnType<typeof findHolders> | undefined;
        const versions = mustHaveState(held).look('versions');
        const kept = versions && lookContents(versions);
        const place: StagingPlace = {
          folder,
          tree: createHeldDirectories(held.directory),
          hashing,
          umask: readBirth(folder).umask,
          holderOf({ digest }) {
            holders ??= findHolders(tree, new Set(requests.map((request) => request.digest)));
            return made.get(digest) ?? holders.get(digest);
          },
          kept,
        };
        return staging.stage(requests, stageOptions, place).finally(() => kept?.close());
      }),

    async *supply(needs, { signal } = {}) {
      const { root: held, release } = root.hold();
      try {
        const { scope, hashing, wasFile } = mustBeScanned(held);
        yield* supplyContents(needs, { tree: createHeldDirectories(held.directory), scope, hashing, clock, wasFile }, signal);
      } finally {
        release();
      }
    },

    transition: (changes, asked) =>
      root.use(async (held) => {
        mustBeWritable();
        const { scope, masks, symlinks, hashing, known, failedDirectories } = mustBeScanned(held);
        const state = mustHaveState(held);
        locks.mustBeHeld();
        mustBeAdmitted(state, clock.nowMs());
        const stagingFolder = state.make('staging');
        hasVersionsToPrune = true;
        for (const { path } of changes) scanner.touch(path);
        const durability = options.durability ?? asked.durability;
        const results = await makeTransitions(
          changes,
          { ...asked, durability },
          {
            root: held.directory,
            staging,
            stagingFolder,
            openVersions:
              retention &&
              (() =>
                openRunVersions(state.make('versions'), {
                  run: asked.run,
                  pair: asked.pair,
                  startedAtMs: clock.nowMs(),
                  changesPeer: asked.changesPeer ?? false,
                })),
            journal: archives.journal(asked.pair),
            half: halfOf(state, asked.pair),
            scope,
            masks,
            symlinks,
            hashing,
            known,
            birth: readBirth(stagingFolder),
            bitsBefore: bitsBefore(state, asked),
            failedDirectories,
            clock,
          },
        );
        if (durability === 'full') for (const [index, { path }] of changes.entries()) if (results[index]?.problem === undefined) durable.add(path);
        return results;
      }),

    recallRun: (pair, run) =>
      root.use((held) => {
        const { scope, masks, tree } = mustBeScanned(held);
        const state = held.lookState();
        const versions = state?.look('versions');
        if (versions === undefined) return undefined;
        const kept = lookContents(versions);
        try {
          const isHeld = holdsContents(tree, [kept, state?.look('staging')]);
          return recallRun(versions, { pair, run }, { scope, masks, isHeld });
        } finally {
          kept?.close();
        }
      }),

    admission: () => root.use((held) => readAdmission(held.lookState()?.look('gate'))),
    ownGuards: {
      set: (from, patterns) =>
        root.use(async (held) => {
          mustBeWritable();
          await writeOwnGuards(await held.makeState(), { from, patterns, clock });
        }),
    },
    peers: {
      get: (address) =>
        root.use((held) => {
          const state = held.lookState();
          return state && readPeer(state.directory, address);
        }),
      set: (address, id) =>
        root.use((held) => {
          mustBeWritable();
          return writePeer(mustHaveState(held).directory, address, id);
        }),
    },
    time() {
      const nowMs = clock.nowMs();
      return Promise.resolve({ nowMs, uncertaintyMs: 0, askedAtMs: nowMs });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Locks {
  take(options: LockOptions): Promise<ReplicaLock>;
  /** Asked for, and neither taken nor refused yet. */
  readonly pending: ReadonlySet<Promise<unknown>>;
  /** A lock that was taken is still ours. */
  mustBeHeld(): void;
  releaseAll(): Promise<void>;
}

function rootStateOf(look: () => DiskDirectory | undefined, path: string): 'directory' | 'missing' | 'not-a-directory' {
  try {
    const there = look();
    there?.close();
    return there === undefined ? 'missing' : 'directory';
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return 'not-a-directory';
    throw told(error, path);
  }
}

function markerIn(state: StateFolder | undefined): Marker | undefined {
  return state && markerFrom(state.directory);
}

function markerFrom(folder: DiskDirectory): Marker | undefined {
  const reading = readMarker(folder);
  return reading.state === 'present' ? reading.marker : undefined;
}

function rootOf({ path, directory }: HeldRoot): MirroredRoot {
  return { path, inode: directory.identity.ino, bornNs: directory.bornNs?.() };
}

/** Which side of a pair's archive this replica is. */
function halfOf(state: StateFolder, { alpha, beta }: PairKey): 'alpha' | 'beta' {
  const id = markerIn(state)?.id;
  if (id === alpha) return 'alpha';
  if (id === beta) return 'beta';
  throw new SyncError('SYNC_REPLICA_CHANGED', 'this replica is not one of the pair whose changes it is asked to make', { id, alpha, beta });
}

function mustBeAdmitted(state: StateFolder, nowMs: number): void {
  const record = readAdmission(state.look('gate'));
  if (isAdmitted(record, false, nowMs)) return;
  throw new SyncError('SYNC_GATE_CLOSED', `the gate is closed: ${record?.reason ?? ''}`, { by: record?.by, untilMs: record?.untilMs });
}

/** File systems, by the magic numbers of `statfs`, that store no permission bits of their own: FAT, exFAT. */
const typesWithoutModes: ReadonlySet<number> = new Set([0x4d44, 0x2011bab0]);

function capabilitiesOf(
  path: string,
  disk: Disk,
  { readOnly, versions }: { readonly readOnly: boolean; readonly versions: boolean },
): ReplicaCapabilities {
  let type: number | undefined;
  try {
    const root = disk.openRoot(path);
    type = root?.statfs().type;
    root?.close();
  } catch (error) {
    // A root that cannot be opened tells so when it is used.
    if (errnoOf(error) === undefined) throw error;
  }
  const isPlain = process.platform === 'win32' || (type !== undefined && typesWithoutModes.has(type));
  return { digests: ['fast', 'strong'], modeBits: isPlain ? 0 : 0o777, symlinks: !isPlain, versions, readOnly, remote: false };
}
