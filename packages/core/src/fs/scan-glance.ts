/**
 * The glance over a tree: finds the folders in which nothing has happened since they were walked last, by the records of that walk (`scan-folders.ts`).
 *
 * A folder is still what it was if its mode and the names and kinds in it are the same, each file has the inode, size, mode and times of its index record,
 * each link its target, and each folder in it is still what it was. All that is asked by path, which is cheap and can be led astray: but then it is another
 * folder that is looked at, and no other folder has these very inodes. Nothing is read, nothing is opened but listings, and nothing follows from what is
 * *not* still: the walk goes there and looks for itself.
 */

import type { DiskDirectory, DiskKind } from '../engine/disk.ts';
import type { Digest, HashBytes } from '../hash/digest.ts';
import type { RelativePath } from '../tree/path.ts';
import { rootPath } from '../tree/path.ts';
import { errnoOf } from './io-failure.ts';
import { type FolderTable, link, nothing, unknown } from './scan-folders.ts';
import type { ScanIndex } from './scan-index.ts';
import { PathKey } from './scan-index-key.ts';
import type { Slices } from './slices.ts';

export interface GlanceOptions {
  /** The root. Stays the caller's, open. */
  readonly directory: DiskDirectory;
  /** With the records of a walk of the same scope and settings. */
  readonly index: ScanIndex;
  readonly table: FolderTable;
  readonly hash: HashBytes;
  readonly slices: Slices;
}

/** Records of the folders that are still what they were, by path; the root among them if the whole tree is. */
export async function glanceTree(options: GlanceOptions): Promise<ReadonlyMap<RelativePath, number>> {
  const glance = new Glance(options);
  return glance.run();
}

/** A name with its kind, as listings are sorted and hashed; no name has a NUL. */
export function listed(name: string, kind: DiskKind | undefined): string {
  return `${name}\0${kind === undefined ? '' : letterOf[kind]}`;
}

export function hashListing(sorted: readonly string[], hash: HashBytes): Digest {
  return hash(Buffer.from(sorted.join('\0')));
}

const letterOf: Readonly<Record<DiskKind, string>> = { directory: 'd', file: 'f', symlink: 'l', other: 'o' };
/** A NUL and a letter. */
const suffixLength = 2;

interface Folder {
  readonly parent: Folder | undefined;
  readonly record: number;
  readonly path: RelativePath;
  /** What comes before a name in the path of a child. */
  readonly prefix: string;
  readonly low: number;
  readonly high: number;
  readonly names: readonly string[];
  /** Names and kinds are those of the record, so that its values are theirs. */
  readonly isSameListing: boolean;
  readonly targets: string[];
  next: number;
  isStill: boolean;
}

class Glance {
  readonly #options: GlanceOptions;
  readonly #still: Map<RelativePath, number> = new Map();
  readonly #key: PathKey = new PathKey();

  constructor(options: GlanceOptions) {
    this.#options = options;
  }

  async run(): Promise<ReadonlyMap<RelativePath, number>> {
    const { table, slices } = this.#options;
    this.#key.ofPath(rootPath);
    let folder = this.#enter(undefined, table.root, rootPath, this.#key.low, this.#key.high);
    let looked = 0;
    while (folder !== undefined) {
      if (folder.next < folder.names.length) {
        if ((++looked & 31) === 0 && slices.isOver()) await slices.pause();
        folder = this.#lookAtNext(folder) ?? folder;
        continue;
      }
      this.#leave(folder);
      folder = folder.parent;
    }
    return this.#still;
  }

  /** Returns the folder that is to be gone into. */
  #lookAtNext(folder: Folder): Folder | undefined {
    const { table, directory, index } = this.#options;
    const at = folder.next++;
    const entry = folder.names[at] as string;
    const name = entry.slice(0, -suffixLength);
    if (!folder.isSameListing) {
      if (!entry.endsWith(letterOf.directory)) return undefined;
      this.#key.ofChild(folder.low, folder.high, name);
      const { low, high } = this.#key;
      const record = table.find(low, high);
      return record === undefined ? undefined : this.#enter(folder, record, `${folder.prefix}${name}` as RelativePath, low, high);
    }
    const value = table.value(folder.record, at);
    if (value === nothing) return undefined;
    if (value >= 0) {
      if (folder.isStill && !(index.isSettled(value) && this.#isUntouched(value, `${folder.prefix}${name}`))) folder.isStill = false;
      return undefined;
    }
    if (value === unknown) folder.isStill = false;
    else if (value === link) {
      try {
        if (folder.isStill) folder.targets.push(directory.glanceLink?.(`${folder.prefix}${name}`) ?? '');
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        folder.isStill = false;
      }
    } else {
      this.#key.ofChild(folder.low, folder.high, name);
      const record = table.folder(value) as number;
      const below = this.#enter(folder, record, `${folder.prefix}${name}` as RelativePath, this.#key.low, this.#key.high);
      if (below === undefined) folder.isStill = false;
      return below;
    }
    return undefined;
  }

  #isUntouched(slot: number, path: string): boolean {
    const { directory, index } = this.#options;
    try {
      const stat = directory.glance?.(path);
      return stat !== undefined && stat.kind === 'file' && stat.dev === directory.identity.dev && index.isUntouched(slot, stat);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
  }

  /** `undefined`: it is not there, or cannot be listed, and nothing below it is still what it was. */
  #enter(parent: Folder | undefined, record: number, path: RelativePath, low: number, high: number): Folder | undefined {
    const { table, directory, hash } = this.#options;
    try {
      const stat = path === rootPath ? directory.stat() : directory.glance?.(path);
      if (stat?.kind !== 'directory' || stat.dev !== directory.identity.dev) return undefined;
      const listing = directory.glanceList?.(path);
      if (listing === undefined) return undefined;
      const names: string[] = [];
      for (const { name, kind } of listing) if (name !== undefined) names.push(listed(name, kind));
      names.sort();
      const isSameListing =
        names.length === listing.length && names.length === table.count(record) && table.hasListing(record, hashListing(names, hash));
      const prefix = path === rootPath ? '' : `${path}/`;
      const isStill = isSameListing && stat.mode === table.mode(record);
      return { parent, record, path, prefix, low, high, names, isSameListing, targets: [], next: 0, isStill };
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return undefined;
    }
  }

  #leave({ parent, record, path, targets, isStill }: Folder): void {
    const { table, hash } = this.#options;
    if (isStill && table.hasLinks(record, hashListing(targets, hash))) this.#still.set(path, record);
    else if (parent !== undefined) parent.isStill = false;
  }
}
