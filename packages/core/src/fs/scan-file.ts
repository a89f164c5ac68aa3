/**
 * Files and links of a scan. A file whose record in the index still holds is only looked at; any other is read, and has to hold still for that: what the
 * disk says of it has to be the same before and after. One that does not is read once more, and then left for the next scan.
 */

import type { DiskFile, DiskStat } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { Digest } from '../hash/digest.ts';
import type { Entry, File, Mode } from '../tree/entry.ts';
import { maskMode } from '../tree/mode.ts';
import type { Name } from '../tree/name.ts';
import type { ScanTreeOptions } from './scan.ts';
import { link, nothing, unknown } from './scan-folders.ts';
import { PathKey } from './scan-index-key.ts';
import { type Level, mustBeOpen, pathOfChild, withDescriptors } from './scan-level.ts';
import { isPortableLink } from './scan-link.ts';
import { changed, problematicOf, untracked } from './scan-outcome.ts';
import { isSameState, mtimeMsOf } from './transition-look.ts';

/** To be read in slices. */
export interface LargeFile {
  readonly large: DiskStat;
}

/** Files up to this size are read at once, larger ones in pieces of it. */
const pieceBytes = 1 << 20;

export class FileReader {
  filesHashed = 0;
  bytesHashed = 0;
  /** Records that were merely racy: read again, and found to be right. */
  racyRead = 0;
  /** Something was read that the index did not know. */
  foundNew = false;
  readonly #options: ScanTreeOptions;
  readonly #dev: bigint;
  readonly #key: PathKey = new PathKey();
  readonly #buffer: Uint8Array = new Uint8Array(pieceBytes);

  constructor(options: ScanTreeOptions) {
    this.#options = options;
    this.#dev = options.directory.identity.dev;
  }

  lookAt(level: Level, at: number): Entry | LargeFile | undefined {
    const { index, rehash } = this.#options;
    const name = level.listing.names[at] as Name;
    const directory = mustBeOpen(level);
    this.#key.ofChild(level.low, level.high, name);
    const slot = index.meet(this.#key.low, this.#key.high);
    const isKnown = slot !== -1 && rehash !== true && !index.wasRacy(slot);
    let stat: DiskStat | undefined;
    let isStill = false;
    level.values[at] = unknown;
    try {
      // A glance is enough where it shows the very inode and times of the record; whatever else it shows proves nothing.
      stat = isKnown ? directory.glance?.(name) : undefined;
      isStill = stat !== undefined && index.isUntouched(slot, stat);
      if (!isStill) {
        stat = directory.lstat(name);
        isStill = isKnown && stat !== undefined && index.isUntouched(slot, stat);
      }
    } catch (error) {
      return problematicOf(error);
    }
    if (stat === undefined) return undefined;
    if (stat.kind !== 'file') return changed;
    if (stat.dev !== this.#dev) return untracked['mount-point'];
    if (!isStill) return stat.sizeBytes > pieceBytes ? { large: stat } : this.#readSmall(level, at, stat);
    level.values[at] = slot;
    const mode = this.#maskAt(level, at, stat);
    const old = level.listing.olds[at]?.entry;
    if (old?.kind === 'file' && old.mode === mode && old.sizeBytes === stat.sizeBytes && index.hasDigest(slot, old.digest)) return old;
    return { kind: 'file', mode, sizeBytes: stat.sizeBytes, digest: index.digestAt(slot), mtimeMs: mtimeMsOf(stat) };
  }

  /** Called for every file: its path is put together only where it decides. */
  #maskAt(level: Level, at: number, { mode }: DiskStat): Mode {
    const { masks } = this.#options;
    return maskMode(mode, masks.everywhere ?? masks.at(pathOfChild(level, at), 'other'));
  }

  /** `rest` is called between two pieces with the bytes done; the slice may be over. */
  async readLarge(
    level: Level,
    at: number,
    { large }: LargeFile,
    rest: (doneBytes: number) => Promise<void> | undefined,
  ): Promise<Entry | undefined> {
    for (let stat = large, isRetry = false; ; isRetry = true) {
      const readAtMs = this.#options.clock.nowMs();
      const file = this.#open(level, at);
      if (file === undefined || 'kind' in file) return file;
      try {
        const digest = await this.#hashPieces(file, stat, rest);
        if (digest !== undefined) return this.#took(level, at, stat, digest, readAtMs);
      } catch (error) {
        return problematicOf(error);
      } finally {
        file.close();
      }
      const again = isRetry ? changed : this.#lookAgain(level, at);
      if (again?.kind !== 'file') return again;
      stat = again;
    }
  }

  #readSmall(level: Level, at: number, seen: DiskStat): Entry | undefined {
    const { hashing, clock } = this.#options;
    for (let stat = seen, isRetry = false; ; isRetry = true) {
      const readAtMs = clock.nowMs();
      const file = this.#open(level, at);
      if (file === undefined || 'kind' in file) return file;
      try {
        const bytes = this.#buffer.subarray(0, stat.sizeBytes);
        const count = stat.sizeBytes === 0 ? 0 : file.read(bytes, 0);
        if (count === stat.sizeBytes && isStill(file, stat)) return this.#took(level, at, stat, hashing.hash(bytes), readAtMs);
      } catch (error) {
        return problematicOf(error);
      } finally {
        file.close();
      }
      const again = isRetry ? changed : this.#lookAgain(level, at);
      if (again?.kind !== 'file') return again;
      // One that grows that fast is for the next scan.
      if (again.sizeBytes > pieceBytes) return changed;
      stat = again;
    }
  }

  /** `undefined`: it did not hold still. */
  async #hashPieces(file: DiskFile, stat: DiskStat, rest: (doneBytes: number) => Promise<void> | undefined): Promise<Digest | undefined> {
    const hasher = this.#options.hashing.createHasher();
    let done = 0;
    while (done < stat.sizeBytes) {
      const piece = this.#buffer.subarray(0, Math.min(pieceBytes, stat.sizeBytes - done));
      const count = file.read(piece, done);
      if (count === 0) return undefined;
      hasher.update(piece.subarray(0, count));
      done += count;
      await rest(done);
    }
    return isStill(file, stat) ? hasher.digest() : undefined;
  }

  #open(level: Level, at: number): DiskFile | Entry | undefined {
    try {
      return withDescriptors(level, () => mustBeOpen(level).openFile(level.listing.names[at] as Name, 'read'));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      return isErrno(error, 'ELOOP', 'EINVAL') ? changed : problematicOf(error);
    }
  }

  /** What is there after a reading that failed: a file to be read once more, or what to say of it. */
  #lookAgain(level: Level, at: number): (DiskStat & { readonly kind: 'file' }) | Exclude<Entry, File> | undefined {
    try {
      const stat = mustBeOpen(level).lstat(level.listing.names[at] as Name);
      return stat === undefined || isFile(stat) ? stat : changed;
    } catch (error) {
      return problematicOf(error);
    }
  }

  /** A file was read and held still: it goes into the index and the tree. */
  #took(level: Level, at: number, stat: DiskStat, digest: Digest, readAtMs: number): Entry {
    const { index } = this.#options;
    this.filesHashed++;
    this.bytesHashed += stat.sizeBytes;
    this.#key.ofChild(level.low, level.high, level.listing.names[at] as Name);
    const slot = index.meet(this.#key.low, this.#key.high);
    if (slot === -1 || !index.isUntouched(slot, stat) || !index.hasDigest(slot, digest)) this.foundNew = true;
    else if (index.wasRacy(slot)) this.racyRead++;
    const racy = index.isRacy(stat, readAtMs);
    const written = index.put(this.#key.low, this.#key.high, stat, digest, racy);
    level.values[at] = racy ? unknown : written;
    if (racy || index.racyPaths.size > 0) index.noteRacy(pathOfChild(level, at), racy);
    const mode = this.#maskAt(level, at, stat);
    const old = level.listing.olds[at]?.entry;
    if (old?.kind === 'file' && old.mode === mode && old.sizeBytes === stat.sizeBytes && old.digest === digest) return old;
    return { kind: 'file', mode, sizeBytes: stat.sizeBytes, digest, mtimeMs: mtimeMsOf(stat) };
  }
}

export function readLink(level: Level, at: number, { symlinks }: ScanTreeOptions): Entry | undefined {
  if (symlinks === 'ignore') {
    level.values[at] = nothing;
    return untracked['links-ignored'];
  }
  const name = level.listing.names[at] as Name;
  const directory = mustBeOpen(level);
  try {
    const target = directory.readlink(name);
    level.values[at] = link;
    level.targets.push(target);
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

function isStill(file: DiskFile, stat: DiskStat): boolean {
  const after = file.stat();
  return isSameState(after, stat) && after.mode === stat.mode;
}

function isFile(stat: DiskStat): stat is DiskStat & { readonly kind: 'file' } {
  return stat.kind === 'file';
}
