/**
 * A replica in memory: the smallest complete one, and the one that tests use. Faults come through `step`, which is called before everything that
 * changes the disk and may throw.
 */
import { isAdmitted } from '../engine/admission.ts';
import type { PairKey } from '../engine/archive-store.ts';
import type { Clock } from '../engine/clock.ts';
import { SyncError } from '../engine/errors.ts';
import type {
  ContentFailure,
  ContentNeed,
  ContentPart,
  ContentRequest,
  LockOptions,
  Replica,
  ReplicaCapabilities,
  ReplicaId,
  ReplicaLock,
  ScanOptions,
  Snapshot,
  StageOptions,
  StageResult,
  Transition,
  TransitionOptions,
  TransitionResult,
} from '../engine/replica.ts';
import type { SymlinkMode } from '../engine/settings.ts';
import type { Digest } from '../hash/digest.ts';
import { withMerkle } from '../hash/merkle.ts';
import type { Change, MoveSource } from '../reconcile/change.ts';
import { halfAfter } from '../reconcile/half-after.ts';
import { compileScope } from '../scope/compile-scope.ts';
import { mergeFolding } from '../scope/fold.ts';
import { compilePermissionMasks, type PermissionMasks } from '../scope/permission-masks.ts';
import { exactNames } from '../scope/rules.ts';
import type { Scope } from '../scope/scope.ts';
import { type Child, type Directory, type Entry, type File, sameNode } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { maskMode, modeToStore, type PermissionMask } from '../tree/mode.ts';
import { compareNames, type Name } from '../tree/name.ts';
import { joinPath, type RelativePath, rootPath } from '../tree/path.ts';
import { openMemoryArchive } from './memory-archive.ts';
import { getMemoryNode, type MemoryDirectory, type MemoryDisk, type MemoryNode, putMemoryNode, removeMemoryNode } from './memory-disk.ts';
import { toyHash } from './toy-hash.ts';

export interface MemoryReplicaOptions {
  readonly disk: MemoryDisk;
  readonly clock: Clock;
  /** Called before each change to the disk with its name (`mark`, `lock`, `stage`, `transition`, `prepare`, `commit`, ...); may throw, as a crash or a fault would. */
  readonly step?: ((name: string, path?: RelativePath) => void) | undefined;
  readonly capabilities?: Partial<ReplicaCapabilities> | undefined;
  readonly host?: string | undefined;
}

export function createMemoryReplica({ disk, clock, step = () => {}, capabilities, host = 'memory' }: MemoryReplicaOptions): Replica {
  let view: View | undefined;
  let locks = 0;
  const self = clock.newId();

  const mustGetView = (): View => {
    if (view === undefined) throw new TypeError('scan comes before stage, supply and transition');
    return view;
  };
  const close = (): Promise<void> => {
    if (disk.lockOwner === self) disk.lockOwner = undefined;
    locks = 0;
    return Promise.resolve();
  };

  return {
    capabilities: { digests: ['fast'], modeBits: 0o777, symlinks: true, versions: true, readOnly: false, remote: false, ...capabilities },

    identify() {
      const root = disk.root === undefined ? 'missing' : disk.root.kind === 'directory' ? 'directory' : 'not-a-directory';
      return Promise.resolve({ id: disk.id, root, host, path: `memory:${host}`, folding: disk.names.folding });
    },

    establish(): Promise<ReplicaId> {
      if (disk.id === undefined) {
        step('mark');
        disk.writes++;
        disk.id = clock.newId() as ReplicaId;
      }
      return Promise.resolve(disk.id);
    },

    async lock({ waitMs, dryRun, initiator, signal }: LockOptions): Promise<ReplicaLock> {
      if (dryRun && disk.id === undefined) return { release: () => Promise.resolve() };
      const end = clock.monotonicMs() + waitMs;
      while (disk.lockOwner !== undefined && disk.lockOwner !== self) {
        if (clock.monotonicMs() >= end) throw new SyncError('SYNC_LOCKED', `the root is in use by another run`, { owner: disk.lockOwner, initiator });
        await clock.delay(Math.min(100, waitMs), signal);
      }
      step('lock');
      disk.lockOwner = self;
      locks++;
      let released = false;
      return {
        release() {
          if (!released && --locks === 0 && disk.lockOwner === self) disk.lockOwner = undefined;
          released = true;
          return Promise.resolve();
        },
      };
    },

    archive: (pair: PairKey) => openMemoryArchive(disk, `${pair.alpha}|${pair.beta}|${pair.profile}`, step),

    async scan(options: ScanOptions): Promise<Snapshot> {
      const { settings, peerFolding = exactNames } = options;
      const { folding } = disk.names;
      const both = mergeFolding(folding, peerFolding);
      view = {
        scope: compileScope(settings.scope, { folding: both }),
        masks: compilePermissionMasks(settings, both),
        symlinks: settings.symlinks,
      };
      const counts = { entries: 0, filesHashed: 0, bytesHashed: 0, unnamed: 0 };
      const read = disk.root === undefined ? undefined : readTree(disk.root, rootPath, { ...view, counts }, await (await options.baseline)?.tree());
      const root = read && withMerkle(read, toyHash);
      const isUnchanged = root?.kind === 'directory' && root.merkle !== undefined && root.merkle === (await options.baseline)?.merkle;
      return {
        root: isUnchanged ? undefined : root,
        unchanged: isUnchanged ? () => Promise.resolve(root) : undefined,
        folding,
        marked: disk.id !== undefined,
        freeBytes: Number.MAX_SAFE_INTEGER,
        counts,
      };
    },

    async stage(requests: readonly ContentRequest[], { supply, signal, onProgress }: StageOptions): Promise<readonly StageResult[]> {
      mustGetView();
      const results = new Map<Digest, StageResult>();
      for (const request of requests) {
        const { digest } = request;
        const held = findHeld(disk, request);
        if (held === undefined) continue;
        disk.staging.set(digest, held);
        results.set(digest, { staged: true, receivedBytes: 0 });
      }
      const needs: ContentNeed[] = [];
      const asked = new Set<Digest>();
      for (const request of requests) {
        if (results.has(request.digest) || asked.has(request.digest)) continue;
        asked.add(request.digest);
        needs.push({ ...request, fromByte: 0 });
      }
      if (needs.length > 0) {
        const pieces = needs.map(() => [] as Uint8Array[]);
        let doneBytes = 0;
        for await (const parts of supply(needs)) {
          signal?.throwIfAborted();
          for (const { need, bytes, end } of parts) {
            const wanted = needs[need];
            const received = pieces[need];
            if (wanted === undefined || received === undefined) throw new SyncError('SYNC_PROTOCOL', `content ${need} was not asked for`);
            received.push(bytes.slice());
            doneBytes += bytes.length;
            onProgress?.(doneBytes);
            if (end === undefined) continue;
            if (end !== 'ok') {
              results.set(wanted.digest, { staged: false, ...end });
              continue;
            }
            const whole = concat(received);
            if (toyHash(whole) !== wanted.digest || whole.length !== wanted.sizeBytes) {
              results.set(wanted.digest, {
                staged: false,
                code: 'SYNC_CONTENT_MISMATCH',
                message: `what came for ${wanted.path} is not what was announced`,
              });
              continue;
            }
            step('stage', wanted.path);
            disk.writes++;
            disk.staging.set(wanted.digest, whole);
            results.set(wanted.digest, { staged: true, receivedBytes: whole.length });
          }
        }
      }
      const missing: ContentFailure = { code: 'SYNC_PEER_LOST', message: 'it did not come' };
      return requests.map(({ digest }) => results.get(digest) ?? { staged: false, ...missing });
    },

    async *supply(needs: readonly ContentNeed[]): AsyncIterable<readonly ContentPart[]> {
      const { scope } = mustGetView();
      for (const [index, { path, digest, fromByte }] of needs.entries()) {
        const node = scope.includes(path, 'other') ? getMemoryNode(disk, path) : undefined;
        const end: ContentPart['end'] =
          node?.kind === 'file' && toyHash(node.bytes) === digest
            ? 'ok'
            : { code: 'SYNC_SOURCE_CHANGED', message: `${path} is not what was scanned` };
        yield [{ need: index, bytes: node?.kind === 'file' && end === 'ok' ? node.bytes.subarray(fromByte) : new Uint8Array(0), end }];
      }
    },

    transition(changes: readonly Transition[], options: TransitionOptions): Promise<readonly TransitionResult[]> {
      const { run, pair, changesPeer = false, undoes, signal, onProgress } = options;
      const seen = mustGetView();
      if (!isAdmitted(disk.admission, false, clock.nowMs())) return Promise.reject(new SyncError('SYNC_GATE_CLOSED', disk.admission?.reason ?? ''));
      const archive = disk.archives.get(`${pair.alpha}|${pair.beta}|${pair.profile}`);
      const journal = archive?.journal ?? [];
      if (archive === undefined) {
        const made = { head: undefined, ancestor: { alpha: undefined, beta: undefined }, pending: undefined, journal, damaged: false };
        disk.archives.set(`${pair.alpha}|${pair.beta}|${pair.profile}`, made);
      }
      const results: TransitionResult[] = [];
      const along = new Set<RelativePath>();
      const undone = undoes === undefined ? undefined : disk.runs.get(runKey(pair, undoes));
      const record = disk.runs.get(runKey(pair, run)) ?? { changes: [], changesPeer };
      disk.runs.set(runKey(pair, run), record);
      for (const [index, change] of changes.entries()) {
        signal?.throwIfAborted();
        const { path, old, new: next, to, copyOf } = change;
        record.changes.push({ path, old, new: next, bits: bitsAt(disk, path) ?? (to && bitsAt(disk, to)) });
        const bits = undone?.changes.find((each) => each.path === path)?.bits ?? (copyOf && bitsAt(disk, copyOf));
        const result = makeTransition(disk, change, { ...seen, bits }, run, step, () => movingWith(changes, index), along);
        if (result.problem === undefined) {
          const isAlpha = disk.id === pair.alpha;
          const own = halfAfter(change, result.achieved);
          journal.push({ path: change.path, alpha: isAlpha ? own : change.peer, beta: isAlpha ? change.peer : own });
        }
        results.push(result);
        onProgress?.(results.length);
      }
      return Promise.resolve(results);
    },

    peers: {
      get: (address) => Promise.resolve(disk.peers.get(address)),
      set(address, id) {
        if (disk.peers.get(address) === id) return Promise.resolve();
        step('remember peer');
        disk.writes++;
        disk.peers.set(address, id);
        return Promise.resolve();
      },
    },

    recallRun(pair, run) {
      const view = mustGetView();
      const { scope } = view;
      const known = disk.runs.get(runKey(pair, run));
      if (known === undefined) return Promise.resolve(undefined);
      const { changes, changesPeer } = known;
      const isIn = ({ path, old, new: next }: Change): boolean => scope.includes(path, kindOf(next ?? old));
      const isOnTheWay = ({ path, old, new: next }: Change): boolean => kindOf(next ?? old) === 'directory' && scope.enters(path);
      const outOfScope = new Set(changes.filter((change) => !isIn(change) && !isOnTheWay(change)).map(({ path }) => path));
      const recalled = changes.filter(isIn).map(({ path, old, new: next, bits }) => ({
        path,
        old: underMask(old, path, view, bits),
        new: underMask(next, path, view),
        ...(old?.kind === 'file' && findHeld(disk, old) === undefined && { isLost: true }),
      }));
      return Promise.resolve({ changes: recalled, outOfScope: outOfScope.size, changesPeer });
    },

    admission: () => Promise.resolve(disk.admission),
    time: () => Promise.resolve({ nowMs: clock.nowMs(), uncertaintyMs: 0, askedAtMs: clock.nowMs() }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What the last scan was told. */
interface View {
  readonly scope: Scope;
  readonly masks: PermissionMasks;
  readonly symlinks: SymlinkMode;
}

/** What a usual user takes away from what is new. */
const umask = 0o022;

function runKey({ alpha, beta, profile }: PairKey, run: string): string {
  return JSON.stringify([alpha, beta, profile, run]);
}

function kindOf(entry: Entry | undefined): 'directory' | 'other' {
  return entry?.kind === 'directory' ? 'directory' : 'other';
}

function underMask(entry: Entry | undefined, path: RelativePath, { masks }: View, bits?: number): Entry | undefined {
  if (entry?.kind !== 'file' && entry?.kind !== 'directory') return entry;
  return { ...entry, mode: maskMode(bits ?? entry.mode, masks.at(path, kindOf(entry))) };
}

function bitsAt(disk: MemoryDisk, path: RelativePath): number | undefined {
  const node = getMemoryNode(disk, path);
  return node?.kind === 'file' || node?.kind === 'directory' ? node.mode & 0o777 : undefined;
}

function makeTransition(
  disk: MemoryDisk,
  change: Transition,
  view: View & { readonly bits: number | undefined },
  run: string,
  step: (name: string, path?: RelativePath) => void,
  moving: () => readonly Transition[],
  along: Set<RelativePath>,
): TransitionResult {
  const { path } = change;
  const { scope, masks, bits } = view;
  const failed = (code: string, message: string, achieved: Entry | undefined): TransitionResult => ({ achieved, problem: { code, message } });
  const kind = (change.new ?? change.old)?.kind === 'directory' ? 'directory' : 'other';
  const onTheWay = kind === 'directory' && change.old === undefined && scope.enters(path);
  if (!scope.includes(path, kind) && !onTheWay) return failed('SYNC_OUT_OF_SCOPE', `${path} is out of scope`, undefined);
  if (change.from !== undefined) {
    if (!scope.includes(change.from.path, kind)) return failed('SYNC_OUT_OF_SCOPE', `${change.from.path} is out of scope`, undefined);
    const moved = moveNode(disk, change, change.from, view, step, moving, along);
    if (moved !== undefined) return moved;
  }
  if (change.to !== undefined && (getMemoryNode(disk, path) === undefined || getMemoryNode(disk, path) === getMemoryNode(disk, change.to)))
    return { achieved: undefined };
  if (change.to !== undefined && kind !== 'directory')
    return failed('SYNC_TARGET_CHANGED', `${path} was not moved`, readNode(mustGetNode(disk, path), path, view));
  const node = getMemoryNode(disk, path);
  const found = node && readNode(node, path, view);
  if (!sameNode(found, change.old)) {
    return failed(change.old === undefined ? 'SYNC_TARGET_OCCUPIED' : 'SYNC_TARGET_CHANGED', `${path} changed since it was scanned`, found);
  }
  const replaced = node !== undefined && change.new?.kind !== node.kind;
  if (replaced && node.kind === 'directory' && node.children.size > 0) {
    return failed('SYNC_DIRECTORY_KEPT', `${path} holds what is out of scope`, found);
  }
  const parent = path === '' ? undefined : getMemoryNode(disk, path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '');
  if (path !== '' && parent?.kind !== 'directory') return failed('SYNC_IO', `there is no directory to hold ${path}`, found);
  const refused = change.new === undefined || node !== undefined ? undefined : disk.names.refuse(path.slice(path.lastIndexOf('/') + 1));
  if (refused !== undefined) return failed('SYNC_NAME_REFUSED', `unable to make ${path}: its name is refused (${refused})`, found);
  step('transition', path);
  disk.writes++;
  const next = change.new;
  if (node?.kind === 'file' && !(next?.kind === 'file' && next.digest === toyHash(node.bytes))) disk.versions.push({ run, path, bytes: node.bytes });
  if (next === undefined) {
    removeMemoryNode(disk, path);
    return { achieved: undefined };
  }
  const mask = onTheWay ? 'none' : masks.at(path, kind);
  const mode = next.kind === 'file' || next.kind === 'directory' ? storedMode(mask, next, node, bits) : 0;
  let made: MemoryNode;
  switch (next.kind) {
    case 'directory':
      made = { kind: 'directory', mode, children: node?.kind === 'directory' ? node.children : new Map() };
      break;
    case 'file': {
      const bytes = node?.kind === 'file' && toyHash(node.bytes) === next.digest ? node.bytes : disk.staging.get(next.digest);
      if (bytes === undefined) return failed('SYNC_CONTENT_MISMATCH', `the content of ${path} is not staged`, found);
      made = { kind: 'file', mode, bytes, mtimeMs: next.mtimeMs };
      break;
    }
    case 'symlink':
      made = { kind: 'symlink', target: next.target, mtimeMs: next.mtimeMs };
      break;
    case 'untracked':
    case 'problematic':
      throw new TypeError(`a ${next.kind} entry cannot be made`);
  }
  if (parent?.kind === 'directory') putMemoryNode(disk, parent, path.slice(path.lastIndexOf('/') + 1), made);
  else disk.root = made;
  return { achieved: next.kind === 'symlink' || onTheWay ? next : { ...next, mode: maskMode(mode, mask) } };
}

function storedMode(mask: PermissionMask, next: Directory | File, replaced: MemoryNode | undefined, bits?: number): number {
  return modeToStore(next.kind, next.mode, replaced?.kind === next.kind ? replaced.mode : bits, { mask, umask });
}

/** The changes that move a folder with what is in it. */
function movingWith(changes: readonly Transition[], index: number): readonly Transition[] {
  const first = changes[index];
  const end = changes.findIndex(({ path, from }, at) => at > index && (from === undefined || !path.startsWith(`${first?.path}/`)));
  return changes.slice(index, end === -1 ? changes.length : end);
}

/** Whether a folder holds what is to move with it, and nothing else. */
function holdsJust(node: MemoryNode, path: string, paths: ReadonlySet<string>): boolean {
  let found = 0;
  const isExpected = (at: MemoryNode, here: string): boolean => {
    found++;
    return paths.has(here) && (at.kind !== 'directory' || [...at.children].every(([name, child]) => isExpected(child, `${here}/${name}`)));
  };
  return isExpected(node, path) && found === paths.size;
}

/** Moves a file or link, or a folder with all that is in it. `undefined`: a folder that holds something else, which is made anew and filled. */
function moveNode(
  disk: MemoryDisk,
  { path, new: next }: Transition,
  from: MoveSource,
  view: View,
  step: (name: string, path?: RelativePath) => void,
  moving: () => readonly Transition[],
  along: Set<RelativePath>,
): TransitionResult | undefined {
  const came = along.delete(path) ? getMemoryNode(disk, path) : undefined;
  if (came !== undefined) {
    // Compared under the mask of where it was: that is what it was seen with.
    const isSame = sameNode(readNode(came, from.path, view), from.entry);
    if (isSame) giveMode(came, next, path, view);
    const problem = { code: 'SYNC_TARGET_CHANGED', message: `${from.path} changed since it was scanned` };
    return { achieved: readNode(came, path, view), ...(isSame ? {} : { problem }) };
  }
  const source = getMemoryNode(disk, from.path);
  const found = source && readNode(source, from.path, view);
  if (source === undefined || !sameNode(found, from.entry)) {
    return { achieved: undefined, problem: { code: 'SYNC_TARGET_CHANGED', message: `${from.path} changed since it was scanned` } };
  }
  const there = getMemoryNode(disk, path);
  if (there !== undefined && there !== source) {
    return { achieved: readNode(there, path, view), problem: { code: 'SYNC_TARGET_OCCUPIED', message: `${path} is there already` } };
  }
  if (source.kind === 'directory' && there === undefined) {
    const together = moving();
    if (!holdsJust(source, from.path, new Set(together.map((change) => change.from?.path ?? '')))) return undefined;
    for (const change of together) if (change.path !== path) along.add(change.path);
  }
  const parent = getMemoryNode(disk, path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '');
  if (parent?.kind !== 'directory') return { achieved: undefined, problem: { code: 'SYNC_IO', message: `there is no directory to hold ${path}` } };
  step('transition', path);
  disk.writes++;
  removeMemoryNode(disk, from.path);
  giveMode(source, next, path, view);
  putMemoryNode(disk, parent, path.slice(path.lastIndexOf('/') + 1), source);
  return { achieved: readNode(source, path, view) };
}

function giveMode(node: MemoryNode, next: Entry | undefined, path: RelativePath, { masks }: View): void {
  if ((node.kind !== 'file' && node.kind !== 'directory') || next?.kind !== node.kind) return;
  node.mode = storedMode(masks.at(path, node.kind === 'directory' ? 'directory' : 'other'), next, node);
}

function mustGetNode(disk: MemoryDisk, path: RelativePath): MemoryNode {
  const node = getMemoryNode(disk, path);
  if (node === undefined) throw new TypeError(`nothing at ${path}`);
  return node;
}

interface Counting extends View {
  readonly counts: { entries: number; filesHashed: number; bytesHashed: number };
}

/** `before`: what was there when it was last agreed. */
function readTree(node: MemoryNode, path: RelativePath, view: Counting, before: Entry | undefined): Entry {
  const { scope, counts } = view;
  counts.entries++;
  if (node.kind !== 'directory') {
    if (node.kind === 'file') {
      counts.filesHashed++;
      counts.bytesHashed += node.bytes.length;
    }
    return readNode(node, path, view);
  }
  if (node.unreadable !== undefined) return { kind: 'problematic', code: node.unreadable };
  const children: Child[] = [];
  let hasUntracked = false;
  for (const [text, child] of [...node.children].sort(([a], [b]) => compareNames(a, b))) {
    const name = text as Name;
    const childPath = joinPath(path, name);
    const kind = child.kind === 'directory' ? 'directory' : 'other';
    const was = before && entryAt(before, name as string as RelativePath);
    if (!scope.includes(childPath, kind) && !(kind === 'directory' && scope.enters(childPath))) {
      hasUntracked = true;
      // What was below has perhaps moved, and nobody has seen it go.
      if (kind === 'other' && was?.kind === 'directory') children.push({ name, entry: { kind: 'untracked', reason: 'special' } });
      continue;
    }
    const entry = readTree(child, childPath, view, was);
    if (entry.kind === 'directory' && entry.children.length === 0 && !scope.includes(childPath, kind)) {
      // On the way to something that is not there.
      hasUntracked = true;
      continue;
    }
    if (entry.kind === 'untracked') hasUntracked = true;
    children.push({ name, entry });
  }
  // The root, and a directory that is only on the way to something in scope, carry no mode and are never removed.
  if (path === rootPath || !scope.includes(path, 'directory')) return { kind: 'directory', mode: 0, children, hasUntracked: true };
  const directory = readDirectory(node, path, view, children);
  return hasUntracked ? { ...directory, hasUntracked } : directory;
}

function readNode(node: MemoryNode, path: RelativePath, view: View): Entry {
  switch (node.kind) {
    case 'directory':
      return readDirectory(node, path, view, []);
    case 'file':
      return {
        kind: 'file',
        mode: maskMode(node.mode, view.masks.at(path, 'other')),
        sizeBytes: node.bytes.length,
        digest: toyHash(node.bytes),
        mtimeMs: node.mtimeMs,
      };
    case 'symlink':
      return view.symlinks === 'ignore'
        ? { kind: 'untracked', reason: 'links-ignored' }
        : { kind: 'symlink', target: node.target, mtimeMs: node.mtimeMs };
    case 'special':
      return { kind: 'untracked', reason: 'special' };
  }
}

function readDirectory(node: MemoryDirectory, path: RelativePath, { masks }: View, children: readonly Child[]): Directory {
  return { kind: 'directory', mode: maskMode(node.mode, masks.at(path, 'directory')), children };
}

function findContent(node: MemoryNode | undefined, digest: Digest): Uint8Array | undefined {
  if (node?.kind === 'file') return toyHash(node.bytes) === digest ? node.bytes : undefined;
  if (node?.kind !== 'directory') return undefined;
  for (const child of node.children.values()) {
    const found = findContent(child, digest);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where staging takes a content from that is here already. */
function findHeld(disk: MemoryDisk, { digest, sizeBytes }: Pick<File, 'digest' | 'sizeBytes'>): Uint8Array | undefined {
  if (sizeBytes === 0) return new Uint8Array(0);
  return disk.staging.get(digest) ?? findContent(disk.root, digest) ?? findVersion(disk, digest);
}

function findVersion({ versions }: MemoryDisk, digest: Digest): Uint8Array | undefined {
  return versions.find(({ bytes }) => toyHash(bytes) === digest)?.bytes;
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
