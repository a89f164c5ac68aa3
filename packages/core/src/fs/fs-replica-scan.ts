/** Scans of a replica: with its index, which lives as long as the replica does, and with what stage, supply and transition have to know of the last one. */
import type { Clock } from '../engine/clock.ts';
import type { ScanOptions, Snapshot } from '../engine/replica.ts';
import type { ScanSettings } from '../engine/settings.ts';
import type { Digest } from '../hash/digest.ts';
import { compileScope } from '../scope/compile-scope.ts';
import type { Folding } from '../scope/rules.ts';
import type { Scope } from '../scope/scope.ts';
import type { Entry } from '../tree/entry.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { rebase } from '../tree/rebase.ts';
import { isSameAtOnce, walk } from '../tree/walk.ts';
import type { DiskDirectory } from './disk.ts';
import { type DiskFacts, learnDiskFacts } from './disk-facts.ts';
import type { HeldRoot } from './fs-replica-root.ts';
import { type Hashing, loadHashing } from './hasher.ts';
import { createHeldDirectories } from './held-directories.ts';
import { errnoOf } from './io-failure.ts';
import { readMarker } from './marker.ts';
import { type ScanResult, scanTree } from './scan.ts';
import type { ScanIndex } from './scan-index.ts';
import { loadScanIndex, saveScanIndex } from './scan-index-file.ts';
import { settleIndex } from './scan-index-settle.ts';
import type { StateFolder } from './state-folder.ts';
import type { KnownFiles } from './transition-make.ts';

/** The last scan, as what follows it needs it. */
export interface Scanned {
  readonly identity: DiskDirectory['identity'];
  readonly scope: Scope;
  readonly settings: ScanSettings;
  readonly hashing: Hashing;
  readonly tree: Entry;
  readonly known: KnownFiles;
  readonly wasFile: (path: RelativePath) => boolean;
  /** Contents that transitions have put into the tree since. */
  readonly made: ReadonlyMap<Digest, RelativePath>;
  readonly failedDirectories: Set<RelativePath>;
}

export interface Scanner {
  scan(held: HeldRoot, options: ScanOptions): Promise<{ readonly snapshot: Snapshot; readonly scanned: Scanned }>;
  /** Writes the index, if it holds anything new. */
  save(root: DiskDirectory, state: StateFolder): Promise<void>;
}

export function createScanner({
  clock,
  ownGuardsOf,
  readOnly,
}: {
  readonly clock: Clock;
  /** Patterns that this end keeps out of every scan, whoever asks for it. */
  readonly ownGuardsOf: (state: StateFolder | undefined) => readonly string[];
  readonly readOnly: boolean;
}): Scanner {
  let kept: { readonly index: ScanIndex; readonly identity: DiskDirectory['identity']; readonly hashing: Hashing } | undefined;
  let facts: (DiskFacts & { readonly identity: DiskDirectory['identity'] }) | undefined;
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

  return {
    async scan(held, options) {
      const { settings, peerFolding, baseline, rehash, dryRun = false, signal, onProgress } = options;
      const state = held.lookState();
      const markedBefore = isMarked(held, state);
      const hashing = await loadHashing(settings.digest);
      const found = await factsOf(held, state, !dryRun && !readOnly);
      const index = await indexOf(held, state, hashing, found);
      const folding = bothFoldings(found.folding, peerFolding);
      const { include, exclude, guard } = settings.scope;
      const scope = compileScope({ include, exclude, guard: [...new Set([...guard, ...ownGuardsOf(state)])] }, { folding });
      const startedAtMs = clock.nowMs();
      const readTree = (known: Entry | undefined): Promise<ScanResult> =>
        scanTree({ directory: held.directory, scope, settings, index, hashing, baseline: known, clock, rehash, signal, onProgress });
      // Read along with it, or held against it afterwards: where its digest may say enough, and where it is not known yet.
      const readsAlong = baseline !== undefined && 'tree' in baseline && baseline.merkle === undefined;
      let { root: tree, counts } = await readTree(readsAlong ? await baseline.tree() : undefined);
      const agreed = readsAlong ? undefined : await baseline;
      const isUnchanged = agreed?.merkle !== undefined && tree.kind === 'directory' && tree.merkle === agreed.merkle;
      if (agreed !== undefined && !isUnchanged) {
        const before = await agreed.tree();
        // Without knowing what was there, a name that the listing missed would read as a deletion.
        if (hasMissed(held.directory, scope, before, tree)) ({ root: tree, counts } = await readTree(before));
        else tree = rebase(tree, before);
      }
      if (index.isDirty && state !== undefined && !readOnly) {
        // At once, so that nothing has to be read again if this run is cut off. It is settled at the end of the run.
        await saveScanIndex(state.directory, index);
        unsettled = index.racyPaths.size > 0;
      }
      const made = new Map<Digest, RelativePath>();
      const snapshot: Snapshot = {
        root: isUnchanged ? undefined : tree,
        unchanged: isUnchanged ? async () => rebase(tree, await agreed.tree()) : undefined,
        folding: found.folding,
        marked: markedBefore && isMarked(held, held.lookState()),
        freeBytes: held.directory.statfs().freeBytes,
        counts,
      };
      const scanned: Scanned = {
        identity: held.directory.identity,
        scope,
        settings,
        hashing,
        tree,
        known: knownFiles(index, startedAtMs, made),
        wasFile: (path) => index.get(path) !== undefined,
        made,
        failedDirectories: new Set(),
      };
      return { snapshot, scanned };
    },

    async save(root, state) {
      if (kept === undefined || readOnly || (!kept.index.isDirty && !unsettled)) return;
      const { index, hashing } = kept;
      const settled = index.racyPaths.size > 0 ? await settleIndex({ index, root, hashing }) : 0;
      unsettled = false;
      if (settled > 0 || index.isDirty) await saveScanIndex(state.directory, index);
    },
  };
}

/** Whether something is not in the tree that was there before, is in scope, and is there still. Costs what differs. */
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
    if (was !== undefined && is === undefined && scope.includes(path, was.kind === 'directory' ? 'directory' : 'other')) {
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
function isMarked({ directory }: HeldRoot, state: StateFolder | undefined): boolean {
  const reading = state && readMarker(state.directory);
  return reading?.state === 'present' && reading.marker.fileSystemType === directory.statfs().type;
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
