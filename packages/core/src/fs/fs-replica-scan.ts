/** Scans of a replica: with its index, which lives as long as the replica does, and with what stage, supply and transition have to know of the last one. */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import type { ScanCounts, ScanOptions, Snapshot } from '../engine/replica.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { Digest } from '../hash/digest.ts';
import { compileScope } from '../scope/compile-scope.ts';
import { compilePermissionMasks, type PermissionMasks } from '../scope/permission-masks.ts';
import type { Folding } from '../scope/rules.ts';
import type { Scope } from '../scope/scope.ts';
import type { Entry } from '../tree/entry.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { rebase } from '../tree/rebase.ts';
import { isSameAtOnce, walk } from '../tree/walk.ts';
import { type DiskFacts, learnDiskFacts } from './disk-facts.ts';
import type { HeldRoot } from './fs-replica-root.ts';
import { type Hashing, loadHashing } from './hasher.ts';
import { createHeldDirectories } from './held-directories.ts';
import { errnoOf, unlessDiskFails } from './io-failure.ts';
import type { Marker } from './marker.ts';
import { type ScanResult, scanTree, scopeKey, sliceMs } from './scan.ts';
import type { FolderTable } from './scan-folders.ts';
import { glanceTree } from './scan-glance.ts';
import type { ScanIndex } from './scan-index.ts';
import { loadScanIndex, saveScanIndex } from './scan-index-file.ts';
import { settleIndex } from './scan-index-settle.ts';
import { createSlices } from './slices.ts';
import type { StateFolder } from './state-folder.ts';
import type { KnownFiles } from './transition-make.ts';

/** The last scan, as what follows it needs it. */
export interface Scanned {
  readonly identity: DiskDirectory['identity'];
  readonly scope: Scope;
  readonly masks: PermissionMasks;
  readonly symlinks: SymlinkMode;
  readonly hashing: Hashing;
  /** `undefined`: what it was when last agreed, and nobody has asked for it yet. */
  readonly tree: Entry | undefined;
  readonly known: KnownFiles;
  readonly wasFile: (path: RelativePath) => boolean;
  /** Contents that transitions have put into the tree since. */
  readonly made: ReadonlyMap<Digest, RelativePath>;
  readonly failedDirectories: Set<RelativePath>;
}

export interface Scanner {
  scan(held: HeldRoot, options: ScanOptions): Promise<{ readonly snapshot: Snapshot; readonly scanned: Scanned }>;
  /** Something at this path was changed by us since the scan. */
  touch(path: RelativePath): void;
  /** Writes the index, if it holds anything new. */
  save(root: DiskDirectory, state: StateFolder): Promise<void>;
}

export function createScanner({
  clock,
  ownGuardsOf,
  markerOf,
  readOnly,
}: {
  readonly clock: Clock;
  /** Patterns that this end keeps out of every scan, whoever asks for it. */
  readonly ownGuardsOf: (state: StateFolder | undefined) => readonly string[];
  readonly markerOf: (state: StateFolder | undefined) => Marker | undefined;
  readonly readOnly: boolean;
}): Scanner {
  let kept: { readonly index: ScanIndex; readonly identity: DiskDirectory['identity']; readonly hashing: Hashing } | undefined;
  let facts: (DiskFacts & { readonly identity: DiskDirectory['identity'] }) | undefined;
  let last: Pick<Scanned, 'scope' | 'masks' | 'symlinks'> | undefined;
  /** Folders whose records do not hold any more, and those above them. */
  let touched = new Set<RelativePath>();
  /** The index was saved with records that do not hold yet. */
  let unsettled = false;

  const factsOf = async ({ directory }: HeldRoot, state: StateFolder | undefined, mayWrite: boolean): Promise<DiskFacts> => {
    const { identity } = directory;
    if (facts !== undefined && facts.stamping !== undefined && isSame(facts.identity, identity)) return facts;
    facts = { ...(await learnDiskFacts({ root: directory, state: state?.directory, mayWrite, clock })), identity };
    return facts;
  };

  const indexOf = async ({ directory }: HeldRoot, state: StateFolder | undefined, hashing: Hashing, { stamping }: DiskFacts): Promise<ScanIndex> => {
    if (kept === undefined || kept.hashing.kind !== hashing.kind || !isSame(kept.identity, directory.identity)) {
      const index = await loadScanIndex(state?.directory, { kind: hashing.kind, clock, stamping });
      kept = { index, identity: directory.identity, hashing };
    } else if (stamping !== undefined) kept.index.stamping = stamping;
    return kept.index;
  };

  const touch = (path: RelativePath): void => {
    for (let at: RelativePath | undefined = path; at !== undefined && !touched.has(at); at = parentPath(at)) touched.add(at);
  };

  /** So that the next scan finds folders that a glance is enough for. */
  const walkTouched = async (directory: DiskDirectory, index: ScanIndex, hashing: Hashing): Promise<void> => {
    if (last === undefined || touched.size === 0) return;
    const only = touched;
    touched = new Set();
    await scanTree({ ...last, directory, index, hashing, clock, only });
  };

  return {
    touch,

    async scan(held, options) {
      const { settings, peerFolding, baseline, rehash, dryRun = false, signal, onProgress } = options;
      const state = held.lookState();
      const markedBefore = isMarked(held, markerOf(state));
      const hashing = await loadHashing(settings.digest);
      const disk = await factsOf(held, state, !dryRun && !readOnly);
      const index = await indexOf(held, state, hashing, disk);
      const folding = bothFoldings(disk.folding, peerFolding);
      const { include, exclude, guard } = settings.scope;
      const scope = compileScope({ include, exclude, guard: [...new Set([...guard, ...ownGuardsOf(state)])] }, { folding });
      const masks = compilePermissionMasks(settings, folding);
      const { symlinks } = settings;
      const startedAtMs = clock.nowMs();
      touched = new Set();
      const { directory } = held;
      const walked = (before: Entry | undefined, still?: Still): Promise<ScanResult> =>
        scanTree({ directory, scope, masks, symlinks, index, hashing, baseline: before, still, clock, rehash, signal, onProgress });
      const table = rehash === true || baseline === undefined ? undefined : index.folders;
      const isOfScope = table?.scope === scopeKey({ scope, masks, symlinks, hashing });
      const still = isOfScope
        ? await glanceTree({ directory, index, table, hash: hashing.hash, slices: createSlices(clock, signal, sliceMs) })
        : undefined;
      const found = await readAgainst(baseline, {
        table,
        still,
        walked,
        signal,
        hasMissed: (before, now) => hasMissed(directory, scope, before, now),
      });
      last = { scope, masks, symlinks };
      if (index.isDirty && state !== undefined && !readOnly) {
        // At once, so that nothing has to be read again if this run is cut off. It is settled at the end of the run.
        // What cannot be saved is tried again at the end, and then made anew by the next scan.
        await unlessDiskFails(() => saveScanIndex(state.directory, index));
        unsettled = index.racyPaths.size > 0;
      }
      const made = new Map<Digest, RelativePath>();
      const snapshot: Snapshot = {
        root: found.unchanged === undefined ? found.tree : undefined,
        unchanged: found.unchanged,
        folding: disk.folding,
        marked: markedBefore && isMarked(held, markerOf(held.lookState())),
        freeBytes: held.directory.statfs().freeBytes,
        counts: found.counts,
      };
      const scanned: Scanned = {
        identity: held.directory.identity,
        scope,
        masks,
        symlinks,
        hashing,
        get tree() {
          return found.tree;
        },
        known: knownFiles(index, startedAtMs, made),
        wasFile: (path) => index.get(path) !== undefined,
        made,
        failedDirectories: new Set(),
      };
      return { snapshot, scanned };
    },

    async save(root, state) {
      if (kept === undefined || readOnly || (!kept.index.isDirty && !unsettled && touched.size === 0)) return;
      const { index, hashing } = kept;
      for (const path of index.racyPaths) touch(path);
      const settled = index.racyPaths.size > 0 ? await settleIndex({ index, root, hashing }) : 0;
      unsettled = false;
      await walkTouched(root, index, hashing);
      if (settled > 0 || index.isDirty) await saveScanIndex(state.directory, index);
    },
  };
}

type Still = ReadonlyMap<RelativePath, number>;

/** What was found of a tree. */
interface Found {
  /** Not known as long as nobody asks `unchanged`, where that says enough. */
  tree: Entry | undefined;
  readonly counts: ScanCounts;
  /** It is what it was when last agreed. */
  readonly unchanged?: (() => Promise<Entry | undefined>) | undefined;
}

interface Looks {
  readonly table: FolderTable | undefined;
  /** What a glance has found. `undefined`: there was none. */
  readonly still: Still | undefined;
  readonly signal: AbortSignal | undefined;
  readonly walked: (before: Entry | undefined, still?: Still) => Promise<ScanResult>;
  readonly hasMissed: (before: Entry | undefined, now: Entry) => boolean;
}

/** Finds out what became of the tree since it was last agreed, with as little reading as the records allow. */
async function readAgainst(baseline: ScanOptions['baseline'], { table, still, signal, walked, hasMissed: misses }: Looks): Promise<Found> {
  const agreed = await baseline;
  // A scan that was made ahead of its baseline may not be wanted any more; only now it would cost much.
  signal?.throwIfAborted();
  if (agreed?.merkle === undefined) {
    const { root: tree, counts } = await walked(await agreed?.tree(), still);
    return { tree, counts };
  }
  if (table !== undefined && still !== undefined && still.size > 0) {
    const record = still.get(rootPath);
    if (record !== undefined && table.merkle(record) === agreed.merkle) {
      const found: Found = {
        tree: undefined,
        counts: { entries: table.entries(record) + 1, filesHashed: 0, bytesHashed: 0, unnamed: 0 },
        async unchanged() {
          found.tree ??= (await walked(await agreed.tree(), still)).root;
          return found.tree;
        },
      };
      return found;
    }
    const { root: tree, counts } = await walked(await agreed.tree(), still);
    return isOf(tree, agreed) ? { tree, counts, unchanged: () => Promise.resolve(tree) } : { tree, counts };
  }
  // Held against it afterwards, where its digest may say enough.
  const { root: now, counts } = await walked(undefined);
  if (isOf(now, agreed)) return { tree: now, counts, unchanged: async () => rebase(now, await agreed.tree()) };
  const before = await agreed.tree();
  // Without knowing what was there, a name that the listing missed would read as a deletion.
  if (!misses(before, now)) return { tree: rebase(now, before), counts };
  const again = await walked(before);
  return { tree: again.root, counts: again.counts };
}

function isOf(tree: Entry, { merkle }: { readonly merkle?: Digest | undefined } = {}): boolean {
  return merkle !== undefined && tree.kind === 'directory' && tree.merkle === merkle;
}

/** Whether something is not in the tree that was there before, is in scope or leads to it, and is there still. Costs what differs. */
function hasMissed(root: DiskDirectory, scope: Scope, before: Entry | undefined, now: Entry): boolean {
  const directories = createHeldDirectories(root);
  const isThere = (path: RelativePath): boolean => {
    const name = baseName(path);
    try {
      return name !== undefined && directories.open(parentPath(path) ?? rootPath).directory.lstat(name) !== undefined;
    } catch (error) {
      // Whatever became of its folder: another look decides.
      if (errnoOf(error) === undefined) throw error;
      return true;
    }
  };
  let missed = false;
  walk([before, now], (path, [was, is]) => {
    if (missed || isSameAtOnce(was, is)) return false;
    const isFolder = was?.kind === 'directory';
    if (was !== undefined && is === undefined && (scope.includes(path, isFolder ? 'directory' : 'other') || (isFolder && scope.enters(path)))) {
      missed = isThere(path);
    }
    return is?.kind === 'directory';
  });
  directories.release();
  return missed;
}

/** Contents made by transitions that are remembered as sources for others. */
const madeMax = 100_000;

/** A record that was racy when the scan read it proves nothing: it counts as none. */
function knownFiles(index: ScanIndex, scanStartedAtMs: number, made: Map<Digest, RelativePath>): KnownFiles {
  return {
    get(path) {
      const record = index.get(path);
      return record === undefined || index.isRacy(record, scanStartedAtMs) ? undefined : record;
    },
    set(path, record, lookedAtMs) {
      index.set(path, record, lookedAtMs);
      if (made.size < madeMax) made.set(record.digest, path);
    },
    delete: (path) => index.delete(path),
  };
}

/** Whether the root carries its own marker, and on the kind of file system for which it was made. */
function isMarked({ directory }: HeldRoot, marker: Marker | undefined): boolean {
  return marker !== undefined && marker.fileSystemType === directory.statfs().type;
}

function isSame(a: DiskDirectory['identity'], b: DiskDirectory['identity']): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function bothFoldings(own: Folding, peer: Folding | undefined): Folding {
  return {
    ignoresCase: own.ignoresCase || peer?.ignoresCase === true,
    ignoresUnicodeForm: own.ignoresUnicodeForm || peer?.ignoresUnicodeForm === true,
  };
}
