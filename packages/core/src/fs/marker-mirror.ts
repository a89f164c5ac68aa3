/**
 * The mirror: a copy of markers and archives outside the roots, in the user's own state folder.
 *
 * `git clean -fdx` removes a root's state folder with everything in it. The mirror is how a root that lost its marker is told from one that was never
 * synced, and what `--restore-state` takes it from. It is a safety net and no more: nothing waits for it, nothing fails because of it, it may lag
 * behind by a run, and nothing but a missing marker or archive makes anybody look into it.
 *
 *     roots/HASH.json             { path, inode, born, replica }: which replica lives at a path, and in which folder; HASH is of the path
 *     replicas/UUID/replica.json  the marker
 *     replicas/UUID/*             its archives, under their own names
 */
import { createHash } from 'node:crypto';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { ReplicaId } from '../engine/replica.ts';
import { readWholeFile, unlinkIfThere, writeFileAtomically } from './atomic-write.ts';
import { errnoOf } from './io-failure.ts';
import { encodeMarker, isReplicaId, type Marker, markerName } from './marker.ts';
import { whyUnsafe } from './state-folder.ts';
import { userFolder } from './user-folder.ts';

export interface MarkerMirror {
  /** The replica that was at this path when it was last synced. `undefined`: none that is known. */
  find(rootPath: string): Promise<MirroredPlace | undefined>;
  /** The marker and the archives of a replica; the caller closes it. `undefined`: none, or others could have written them. */
  open(id: ReplicaId): DiskDirectory | undefined;
  /** Notes marker and place; writes nothing if they are known. `false`: it could not be written. */
  remember(root: MirroredRoot, marker: Marker): Promise<boolean>;
  /** Copies one archive file of a replica; removes the copy if the file is not there. `false`: it could not be written. */
  keep(id: ReplicaId, directory: DiskDirectory, name: string): Promise<boolean>;
}

/** A folder at a path. Another one may be put there later, with other files in it: a cleaned folder keeps its inode and its time of birth. */
export interface MirroredRoot {
  readonly path: string;
  readonly inode: bigint;
  readonly bornNs: bigint | undefined;
}

export interface MirroredPlace extends MirroredRoot {
  readonly replica: ReplicaId;
}

export function isSameRoot(one: MirroredRoot, other: MirroredRoot): boolean {
  return one.path === other.path && one.inode === other.inode && one.bornNs === other.bornNs;
}

/** `$XDG_STATE_HOME/ubos-sync`, or `~/.local/state/ubos-sync`; `undefined` for a user without a home. */
export function defaultMirrorPath({ XDG_STATE_HOME, HOME }: Readonly<Record<string, string | undefined>>): string | undefined {
  return userFolder(XDG_STATE_HOME, HOME, '.local/state');
}

/** The mirror at an absolute path. The folder is made when something is first written. */
export function createMarkerMirror(disk: Disk, path: string): MarkerMirror {
  const find = async (rootPath: string): Promise<MirroredPlace | undefined> => {
    try {
      const place = await withFolder(disk.openRoot(path), ['roots'], 'look', (roots) => readPlace(roots, rootPath));
      return place?.path === rootPath ? place : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    find,
    open: (id) => openPrivate(disk, `${path}/replicas/${id}`),
    remember: (root, marker) =>
      tried(async () => {
        const bytes = encodeMarker(marker);
        const known = await withFolder(disk.openRoot(path), ['replicas', marker.id], 'look', (folder) => readWholeFile(folder, markerName, bytesMax));
        if (known === undefined || Buffer.compare(known, bytes) !== 0) {
          await withFolder(makePath(disk, path), ['replicas', marker.id], 'make', (folder) => writeFileAtomically(folder, markerName, bytes));
        }
        const place = await find(root.path);
        if (place?.replica === marker.id && isSameRoot(place, root)) return;
        const fields = { path: root.path, inode: String(root.inode), born: root.bornNs?.toString(), replica: marker.id };
        const text = JSON.stringify(fields, undefined, 2);
        const noted = new TextEncoder().encode(`${text}\n`);
        await withFolder(makePath(disk, path), ['roots'], 'make', (roots) => writeFileAtomically(roots, placeName(root.path), noted));
      }),
    keep: (id, directory, name) =>
      tried(async () => {
        await withFolder(makePath(disk, path), ['replicas', id], 'make', (folder) => {
          const beside = `${name}.new`;
          unlinkIfThere(folder, beside);
          if (directory.lstat(name) === undefined) return unlinkIfThere(folder, name);
          directory.copyFile(name, folder, beside);
          folder.rename(beside, folder, name);
        });
      }),
  };
}

const bytesMax = 65_536;

function placeName(rootPath: string): string {
  return `${createHash('sha256').update(rootPath).digest('hex').slice(0, 32)}.json`;
}

function readPlace(roots: DiskDirectory, rootPath: string): MirroredPlace | undefined {
  const bytes = readWholeFile(roots, placeName(rootPath), bytesMax);
  if (bytes === undefined) return undefined;
  const { path, inode, born, replica } = (JSON.parse(new TextDecoder().decode(bytes)) ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof path !== 'string' || !isNumber(inode) || (born !== undefined && !isNumber(born)) || !isReplicaId(replica)) return undefined;
  return { path, inode: BigInt(inode), bornNs: born === undefined ? undefined : BigInt(born), replica };
}

function isNumber(value: unknown): value is string {
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value);
}

/** What is taken from here decides what is deleted, so nobody else may have put it here. */
function openPrivate(disk: Disk, path: string): DiskDirectory | undefined {
  let directory: DiskDirectory | undefined;
  try {
    directory = disk.openRoot(path);
    if (directory === undefined || whyUnsafe(directory.stat(), disk.uid) === undefined) return directory;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  directory?.close();
  return undefined;
}

/** Runs `use` on a folder below `root` and closes everything again. `undefined` if there is no such folder to look at. */
async function withFolder<T>(
  root: DiskDirectory | undefined,
  names: readonly string[],
  how: 'look' | 'make',
  use: (folder: DiskDirectory) => T | Promise<T>,
): Promise<T | undefined> {
  const held = root === undefined ? [] : [root];
  try {
    let folder = root;
    for (const name of names) {
      folder = folder && openChild(folder, name, how);
      if (folder !== undefined) held.push(folder);
    }
    return folder && (await use(folder));
  } finally {
    for (const directory of held) directory.close();
  }
}

function openChild(parent: DiskDirectory, name: string, how: 'look' | 'make'): DiskDirectory | undefined {
  try {
    return parent.openDirectory(name);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    if (how === 'look') return undefined;
  }
  try {
    parent.makeDirectory(name, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return parent.openDirectory(name);
}

/** Opens an absolute path, making what is missing of it. */
function makePath(disk: Disk, path: string): DiskDirectory {
  const there = disk.openRoot(path);
  if (there !== undefined) return there;
  const end = path.lastIndexOf('/');
  const parent = end > 0 ? makePath(disk, path.slice(0, end)) : mustOpen(disk, '/');
  try {
    const made = openChild(parent, path.slice(end + 1), 'make');
    if (made === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    return made;
  } finally {
    parent.close();
  }
}

function mustOpen(disk: Disk, path: string): DiskDirectory {
  const directory = disk.openRoot(path);
  if (directory === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
  return directory;
}

/** Whatever a disk says, a sync goes on without its mirror. Only mistakes of the program come through. */
async function tried(write: () => Promise<void>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
