/**
 * The scan: reads a tree from the disk.
 *
 * A walk over held directories, by hand and not by recursion: a tree may be deeper than the call stack and than a process may have open files. Of each
 * directory first everything but its folders is looked at, then one folder after the other is gone into; the way back up is opened again where it is needed.
 *
 * - **Out of scope** is not even looked at: no `lstat`, no listing. It only marks its folder with `hasUntracked`.
 * - **A file** costs one `lstat` as long as the index knows its content; else it is read. It must hold still for that: what the disk says of it has to be the
 *   same before and after.
 * - **Absent** is only what a complete listing has not, nor an `lstat` of what was there before (`scan-listing.ts`), or what was gone when it was to be opened.
 *   Where anything went wrong the entry is `problematic`, a directory as a whole, and nothing is decided there.
 * - **What did not change is the baseline's own object**, directories with all below. So a tree in which nothing happened costs no memory, and to see that
 *   nothing happened is one comparison.
 * - The root, and a folder that only leads to something in scope, carry no mode and are never empty enough to be removed. Such a folder is in the tree
 *   only if something in scope is below it.
 *
 * Warm (the index knows every file) and 100,000 files in 5,400 folders: see `bench/`. It works in slices of 10 ms.
 */
import type { Clock } from '../engine/clock.ts';
import type { ScanCounts } from '../engine/replica.ts';
import type { ScanSettings } from '../engine/settings.ts';
import { merkleOfChildren } from '../hash/merkle.ts';
import type { Scope } from '../scope/scope.ts';
import type { Child, Directory, Entry, File, Problematic, Untracked, UntrackedReason } from '../tree/entry.ts';
import type { Name } from '../tree/name.ts';
import { joinPath, pathLengthMax, type RelativePath, rootPath } from '../tree/path.ts';
import { assert } from '../util/assert.ts';
import type { DiskDirectory, DiskFile, DiskStat } from './disk.ts';
import { isErrno } from './errno.ts';
import type { Hashing } from './hasher.ts';
import { errnoOf } from './io-failure.ts';
import type { ScanIndex } from './scan-index.ts';
import { PathKey } from './scan-index-key.ts';
import { isPortableLink } from './scan-link.ts';
import { type Listing, listNames } from './scan-listing.ts';
import { createSlices, type Slices } from './slices.ts';
import { isSameState, mtimeMsOf } from './transition-look.ts';
import { maskMode } from './transition-mode.ts';

export interface ScanTreeOptions {
  /** The root. Stays the caller's, open. */
  readonly directory: DiskDirectory;
  readonly scope: Scope;
  readonly settings: ScanSettings;
  /** Of the same digest kind. Told of every file that is read; forgets what is gone, once the scan is complete. */
  readonly index: ScanIndex;
  readonly hashing: Hashing;
  /** What the tree was when last agreed, with Merkle digests. */
  readonly baseline?: Entry | undefined;
  readonly clock: Clock;
  /** Reads every file, whatever the index says. */
  readonly rehash?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly doneItems: number; readonly doneBytes: number }) => void) | undefined;
}

export interface ScanResult {
  readonly root: Entry;
  readonly counts: ScanCounts;
  /** Whether the index is worth saving: a file had to be read, and not merely because its record was racy. */
  readonly indexChanged: boolean;
  /** In walk order; for people. */
  readonly notices: readonly ScanNotice[];
}

/** Entries that take part in nothing because of their names. The names themselves cannot be given as text. */
export interface ScanNotice {
  readonly code: 'SYNC_NAME_NOT_UTF8';
  /** The directory that they are in. */
  readonly path: RelativePath;
  readonly count: number;
}

export async function scanTree(options: ScanTreeOptions): Promise<ScanResult> {
  const scan = new Scan(options);
  return scan.run();
}

/** How many directories are held at a time. */
const heldMax = 64;

/** Files up to this size are read at once, larger ones in pieces of it. */
const pieceBytes = 1 << 20;

/** Racy records that a scan had to read again beyond this number are worth saving once they hold. */
const racyMax = 10_000;

/** To be read in slices. */
interface LargeFile {
  readonly large: DiskStat;
}

/** A directory on the way from the root to where the walk is. */
interface Level {
  readonly parent: Level | undefined;
  /** Index in the parent's listing. */
  readonly index: number;
  readonly depth: number;
  readonly path: RelativePath;
  readonly low: number;
  readonly high: number;
  readonly identity: { readonly dev: bigint; readonly ino: bigint };
  readonly mode: number;
  /** In scope itself, and not only on the way to something. */
  readonly isIncluded: boolean;
  readonly baseline: Directory | undefined;
  readonly listing: Listing;
  /** What each name is, as far as is known yet. `undefined`: nothing, or out of scope. */
  readonly entries: (Entry | undefined)[];
  /** Indexes of the folders that are to be gone into. */
  readonly folders: number[];
  /** `undefined`: closed for now. */
  directory: DiskDirectory | undefined;
  nextChild: number;
  nextFolder: number;
  hasUntracked: boolean;
  /** Why nothing can be said of it after all. */
  problem: Problematic | undefined;
}

class Scan {
  readonly #options: ScanTreeOptions;
  readonly #root: DiskDirectory;
  readonly #dev: bigint;
  readonly #slices: Slices;
  readonly #key: PathKey = new PathKey();
  readonly #buffer: Uint8Array = new Uint8Array(pieceBytes);
  readonly #notices: ScanNotice[] = [];
  #entries = 0;
  #filesHashed = 0;
  #bytesHashed = 0;
  #racyRead = 0;
  #looked = 0;
  #indexChanged = false;

  constructor(options: ScanTreeOptions) {
    this.#options = options;
    this.#root = options.directory;
    this.#dev = options.directory.identity.dev;
    this.#slices = createSlices(options.clock, options.signal);
  }

  async run(): Promise<ScanResult> {
    const { index, signal, baseline } = this.#options;
    signal?.throwIfAborted();
    index.beginScan();
    const root = await this.#walk(baseline?.kind === 'directory' ? baseline : undefined);
    index.endScan();
    if (this.#indexChanged || this.#racyRead > racyMax) index.isDirty = true;
    this.#progress();
    return {
      root,
      counts: { entries: this.#entries, filesHashed: this.#filesHashed, bytesHashed: this.#bytesHashed },
      indexChanged: index.isDirty,
      notices: this.#notices,
    };
  }

  async #walk(baseline: Directory | undefined): Promise<Entry> {
    const top = this.#enter(undefined, 0, this.#root, baseline, true);
    if ('kind' in top) return top;
    let level = top;
    try {
      for (;;) {
        const stop = this.#lookAtChildren(level);
        if (stop === 'slice is over') {
          await this.#pause();
          continue;
        }
        if (stop !== undefined) {
          const at = level.nextChild++;
          level.entries[at] = await this.#readLarge(level, at, stop.large);
          continue;
        }
        const folder = level.problem === undefined ? level.folders[level.nextFolder] : undefined;
        if (folder !== undefined) {
          level.nextFolder++;
          const below = this.#goInto(level, folder);
          if (below === undefined || 'kind' in below) level.entries[folder] = below;
          else level = below;
          continue;
        }
        const entry = this.#leave(level);
        if (level.parent === undefined) return entry as Entry;
        level.parent.entries[level.index] = entry;
        level = level.parent;
      }
    } finally {
      for (let open: Level | undefined = level; open !== undefined; open = open.parent) this.#close(open);
    }
  }

  /** Looks at everything but folders, from `nextChild` on. `undefined`: all done. */
  #lookAtChildren(level: Level): 'slice is over' | LargeFile | undefined {
    const { names, kinds } = level.listing;
    while (level.nextChild < names.length) {
      if ((++this.#looked & 31) === 0 && this.#isInterrupted()) return 'slice is over';
      const index = level.nextChild;
      const name = names[index] as Name;
      const kind = kinds[index];
      const path = joinPath(level.path, name);
      if (kind === 'directory') this.#weighFolder(level, index, path);
      else if (!this.#options.scope.includes(path, 'other')) level.hasUntracked = true;
      else {
        const entry = kind === 'file' ? this.#lookAtFile(level, index) : kind === 'symlink' ? this.#readLink(level, index) : untracked.special;
        if (entry !== undefined && 'large' in entry) return entry;
        if (entry?.kind === 'untracked') level.hasUntracked = true;
        level.entries[index] = entry;
      }
      level.nextChild++;
    }
    return undefined;
  }

  #weighFolder(level: Level, index: number, path: RelativePath): void {
    const { scope } = this.#options;
    if (scope.includes(path, 'directory') || scope.enters(path)) level.folders.push(index);
    else level.hasUntracked = true;
  }

  #goInto(level: Level, index: number): Level | Entry | undefined {
    const name = level.listing.names[index] as Name;
    const path = joinPath(level.path, name);
    if (path.length > pathLengthMax) return problematic('ENAMETOOLONG');
    const above = this.#held(level);
    if (above === undefined) return undefined;
    let directory: DiskDirectory;
    try {
      directory = this.#withDescriptors(level, () => above.openDirectory(name));
    } catch (error) {
      // What was listed as a folder and is now gone is absent; what became something else is for the next scan.
      if (isErrno(error, 'ENOENT') && above.lstat(name) === undefined) return undefined;
      return isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') ? changed : problematicOf(error);
    }
    const old = level.listing.olds[index]?.entry;
    const below = this.#enter(level, index, directory, old?.kind === 'directory' ? old : undefined, this.#options.scope.includes(path, 'directory'));
    if (below === undefined || 'kind' in below) {
      directory.close();
      if (below?.kind === 'untracked') level.hasUntracked = true;
      return below;
    }
    // Nothing more is to be opened in it, so that a chain of folders is held two at a time.
    if (level.nextFolder === level.folders.length) this.#close(level);
    for (let upper = level, held = 1; upper.parent !== undefined; upper = upper.parent) if (++held > heldMax) this.#close(upper);
    return below;
  }

  /** Lists an open directory. `undefined`: it is gone. */
  #enter(parent: Level | undefined, index: number, directory: DiskDirectory, baseline: Directory | undefined, isIncluded: true): Level | Entry;
  #enter(
    parent: Level | undefined,
    index: number,
    directory: DiskDirectory,
    baseline: Directory | undefined,
    isIncluded: boolean,
  ): Level | Entry | undefined;
  #enter(
    parent: Level | undefined,
    index: number,
    directory: DiskDirectory,
    baseline: Directory | undefined,
    isIncluded: boolean,
  ): Level | Entry | undefined {
    const name = parent?.listing.names[index];
    let stat: DiskStat;
    let listing: Listing;
    try {
      stat = directory.stat();
      if (stat.dev !== this.#dev) return untracked['mount-point'];
      listing = this.#withDescriptors(parent, () => listNames(directory, baseline));
    } catch (error) {
      if (parent !== undefined && isErrno(error, 'ENOENT')) return undefined;
      return problematicOf(error);
    }
    if (parent === undefined || name === undefined) this.#key.ofPath(rootPath);
    else this.#key.ofChild(parent.low, parent.high, name);
    const path = parent === undefined || name === undefined ? rootPath : joinPath(parent.path, name);
    const hasMode = parent !== undefined && isIncluded;
    if (listing.unnamed > 0) this.#notices.push({ code: 'SYNC_NAME_NOT_UTF8', path, count: listing.unnamed });
    return {
      parent,
      index,
      depth: parent === undefined ? 0 : parent.depth + 1,
      path,
      low: this.#key.low,
      high: this.#key.high,
      identity: { dev: stat.dev, ino: stat.ino },
      mode: hasMode ? maskMode(stat.mode, this.#options.settings.permissions) : 0,
      isIncluded,
      baseline,
      listing,
      entries: new Array<Entry | undefined>(listing.names.length).fill(undefined),
      folders: [],
      directory,
      nextChild: 0,
      nextFolder: 0,
      hasUntracked: !hasMode || listing.unnamed > 0,
      problem: undefined,
    };
  }

  /** The directory as an entry, once everything in it is known. */
  #leave(level: Level): Entry | undefined {
    this.#close(level);
    if (level.problem !== undefined) return level.problem;
    const { baseline, mode, hasUntracked, listing, entries } = level;
    const old = baseline?.children;
    let children: Child[] | undefined = old === undefined ? [] : undefined;
    let count = 0;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      if (entry === undefined) continue;
      const known = listing.olds[index];
      const child = known?.entry === entry ? known : { name: listing.names[index] as Name, entry };
      // As long as all is as it was, the old list of children is as good as a new one.
      if (children === undefined && old?.[count] !== child) children = old?.slice(0, count) ?? [];
      children?.push(child);
      count++;
    }
    this.#entries += count + (level.parent === undefined ? 1 : 0);
    if (children === undefined && old !== undefined && count < old.length) children = old.slice(0, count);
    if (count === 0 && !level.isIncluded && level.parent !== undefined) return undefined;
    const isSame = children === undefined && baseline?.mode === mode && (baseline.hasUntracked === true) === hasUntracked;
    if (isSame && baseline.merkle !== undefined) return baseline;
    const all = children ?? old ?? [];
    const merkle = merkleOfChildren(all, mode, this.#options.hashing.hash);
    if (isSame && merkle === undefined) return baseline;
    return hasUntracked ? { kind: 'directory', mode, children: all, merkle, hasUntracked } : { kind: 'directory', mode, children: all, merkle };
  }

  #lookAtFile(level: Level, at: number): Entry | LargeFile | undefined {
    const { index, settings, rehash } = this.#options;
    const name = level.listing.names[at] as Name;
    const directory = mustBeOpen(level);
    this.#key.ofChild(level.low, level.high, name);
    const slot = index.meet(this.#key.low, this.#key.high);
    const isKnown = slot !== -1 && rehash !== true && !index.wasRacy(slot);
    let stat: DiskStat | undefined;
    try {
      // A glance is enough where it shows the very inode and times of the record; whatever else it shows proves nothing.
      stat = isKnown ? directory.glance?.(name) : undefined;
      if (stat === undefined || !index.isUntouched(slot, stat)) stat = directory.lstat(name);
    } catch (error) {
      return problematicOf(error);
    }
    if (stat === undefined) return undefined;
    if (stat.kind !== 'file') return changed;
    if (stat.dev !== this.#dev) return untracked['mount-point'];
    if (!isKnown || !index.isUntouched(slot, stat)) return stat.sizeBytes > pieceBytes ? { large: stat } : this.#readSmall(level, at, stat);
    const mode = maskMode(stat.mode, settings.permissions);
    const old = level.listing.olds[at]?.entry;
    if (old?.kind === 'file' && old.mode === mode && old.sizeBytes === stat.sizeBytes && index.hasDigest(slot, old.digest)) return old;
    return { kind: 'file', mode, sizeBytes: stat.sizeBytes, digest: index.digestAt(slot), mtimeMs: mtimeMsOf(stat) };
  }

  #readSmall(level: Level, at: number, seen: DiskStat): Entry | undefined {
    const { hashing, clock } = this.#options;
    for (let stat = seen, isRetry = false; ; isRetry = true) {
      const readAtMs = clock.nowMs();
      const file = this.#openFile(level, at);
      if (file === undefined || 'kind' in file) return file;
      try {
        if (stat.sizeBytes <= pieceBytes) {
          const bytes = this.#buffer.subarray(0, stat.sizeBytes);
          const count = stat.sizeBytes === 0 ? 0 : file.read(bytes, 0);
          if (count === stat.sizeBytes && isStill(file, stat)) return this.#took(level, at, stat, hashing.hash(bytes), readAtMs);
        }
        stat = file.stat();
      } catch (error) {
        return problematicOf(error);
      } finally {
        file.close();
      }
      if (isRetry) return changed;
      const again = mustBeOpen(level).lstat(level.listing.names[at] as Name);
      if (again?.kind !== 'file') return again && changed;
      stat = again;
    }
  }

  async #readLarge(level: Level, at: number, seen: DiskStat): Promise<Entry | undefined> {
    for (let stat = seen, isRetry = false; ; isRetry = true) {
      const readAtMs = this.#options.clock.nowMs();
      const file = this.#openFile(level, at);
      if (file === undefined || 'kind' in file) return file;
      const hasher = this.#options.hashing.createHasher();
      try {
        let done = 0;
        while (done < stat.sizeBytes) {
          const piece = this.#buffer.subarray(0, Math.min(pieceBytes, stat.sizeBytes - done));
          const count = file.read(piece, done);
          if (count === 0) break;
          hasher.update(piece.subarray(0, count));
          done += count;
          if (this.#slices.isOver()) await this.#pause(done);
        }
        if (done === stat.sizeBytes && isStill(file, stat)) return this.#took(level, at, stat, hasher.digest(), readAtMs);
      } catch (error) {
        return problematicOf(error);
      } finally {
        file.close();
      }
      if (isRetry) return changed;
      const again = mustBeOpen(level).lstat(level.listing.names[at] as Name);
      if (again?.kind !== 'file') return again && changed;
      stat = again;
    }
  }

  #openFile(level: Level, at: number): DiskFile | Entry | undefined {
    const name = level.listing.names[at] as Name;
    try {
      return this.#withDescriptors(level, () => mustBeOpen(level).openFile(name, 'read'));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      return isErrno(error, 'ELOOP', 'EINVAL') ? changed : problematicOf(error);
    }
  }

  /** A file was read and held still: it goes into the index and the tree. */
  #took(level: Level, at: number, stat: DiskStat, digest: File['digest'], readAtMs: number): Entry {
    const { index, settings } = this.#options;
    const name = level.listing.names[at] as Name;
    this.#filesHashed++;
    this.#bytesHashed += stat.sizeBytes;
    this.#key.ofChild(level.low, level.high, name);
    const slot = index.meet(this.#key.low, this.#key.high);
    if (slot === -1 || !index.isUntouched(slot, stat) || !index.hasDigest(slot, digest)) this.#indexChanged = true;
    else if (index.wasRacy(slot)) this.#racyRead++;
    const racy = index.isRacy(stat, readAtMs);
    index.put(this.#key.low, this.#key.high, stat, digest, racy);
    if (racy || index.racyPaths.size > 0) index.noteRacy(joinPath(level.path, name), racy);
    const mode = maskMode(stat.mode, settings.permissions);
    const old = level.listing.olds[at]?.entry;
    if (old?.kind === 'file' && old.mode === mode && old.sizeBytes === stat.sizeBytes && old.digest === digest) return old;
    return { kind: 'file', mode, sizeBytes: stat.sizeBytes, digest, mtimeMs: mtimeMsOf(stat) };
  }

  #readLink(level: Level, at: number): Entry | undefined {
    const { symlinks } = this.#options.settings;
    if (symlinks === 'ignore') return untracked['links-ignored'];
    const name = level.listing.names[at] as Name;
    const directory = mustBeOpen(level);
    try {
      const target = directory.readlink(name);
      if (symlinks === 'portable' && !isPortableLink(target, level.depth)) return untracked['link-not-portable'];
      const old = level.listing.olds[at]?.entry;
      if (old?.kind === 'symlink' && old.target === target) return old;
      const stat = directory.lstat(name);
      return stat?.kind === 'symlink' ? { kind: 'symlink', target, mtimeMs: mtimeMsOf(stat) } : stat && changed;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      // Its target is no text, so it cannot be carried as text.
      if (isErrno(error, 'EILSEQ')) return untracked['link-not-portable'];
      return isErrno(error, 'EINVAL') ? changed : problematicOf(error);
    }
  }

  /** The directory of a level, opened again if it was closed. `undefined`: it is not there any more, and the level has a problem. */
  #held(level: Level): DiskDirectory | undefined {
    if (level.directory !== undefined) return level.directory;
    const way: Level[] = [];
    let from = level;
    for (; from.directory === undefined && from.parent !== undefined; from = from.parent) way.push(from);
    let above = mustBeOpen(from);
    try {
      for (const step of way.reverse()) {
        const name = step.parent?.listing.names[step.index] as Name;
        const directory = this.#withDescriptors(from, () => above.openDirectory(name));
        const { dev, ino } = directory.identity;
        if (dev !== step.identity.dev || ino !== step.identity.ino) {
          directory.close();
          level.problem = changed;
          return undefined;
        }
        step.directory = above = directory;
        if (step.parent !== undefined && step.depth <= level.depth - heldMax + 1) this.#close(step.parent);
      }
      return above;
    } catch (error) {
      level.problem = isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP') ? changed : problematicOf(error);
      return undefined;
    }
  }

  /** Where the process has no descriptors left, those of the folders above are given up, and it is tried once more. */
  #withDescriptors<T>(level: Level | undefined, open: () => T): T {
    try {
      return open();
    } catch (error) {
      if (!isErrno(error, 'EMFILE', 'ENFILE')) throw error;
      for (let upper = level?.parent; upper !== undefined; upper = upper.parent) this.#close(upper);
      return open();
    }
  }

  #close(level: Level): void {
    if (level.parent === undefined) return;
    level.directory?.close();
    level.directory = undefined;
  }

  #isInterrupted(): boolean {
    return this.#options.signal?.aborted === true || this.#slices.isOver();
  }

  async #pause(bytesOfFile = 0): Promise<void> {
    this.#progress(bytesOfFile);
    await this.#slices.pause();
  }

  #progress(bytesOfFile = 0): void {
    this.#options.onProgress?.({ doneItems: this.#entries, doneBytes: this.#bytesHashed + bytesOfFile });
  }
}

function isStill(file: DiskFile, stat: DiskStat): boolean {
  const after = file.stat();
  return isSameState(after, stat) && after.mode === stat.mode;
}

/** The level that the walk is at is open. */
function mustBeOpen({ directory, path }: Level): DiskDirectory {
  assert(directory !== undefined, () => `${path} is not open`);
  return directory;
}

function problematic(code: string): Problematic {
  return { kind: 'problematic', code };
}

/** What the disk says; anything else is a bug and goes on. */
function problematicOf(error: unknown): Problematic {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return problematic(errno);
}

/** It did not hold still for the time of a look. */
const changed: Problematic = problematic('SYNC_CHANGED_WHILE_READ');

const untracked: Readonly<Record<UntrackedReason, Untracked>> = {
  special: { kind: 'untracked', reason: 'special' },
  'mount-point': { kind: 'untracked', reason: 'mount-point' },
  'link-not-portable': { kind: 'untracked', reason: 'link-not-portable' },
  'links-ignored': { kind: 'untracked', reason: 'links-ignored' },
  placeholder: { kind: 'untracked', reason: 'placeholder' },
};
