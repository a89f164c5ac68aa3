/**
 * The cache folder: files that can be made anew at any time, such as the agent on the far side and compiled code. For its owner alone, since what lies in it
 * is run. A file appears under its name only whole (temporary name, then rename), and two that store at once do each other no harm: both names and both
 * contents are the same.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { userFolder } from './user-folder.ts';

/** Names in the folder: a family, then what tells one file from another. */
export type CacheFamily = 'agent' | 'code';

/** `$XDG_CACHE_HOME/ubos-sync`, or `~/.cache/ubos-sync`; `undefined` for a user without a home. */
export function defaultCacheFolder({ XDG_CACHE_HOME, HOME }: Readonly<Record<string, string | undefined>>): string | undefined {
  return userFolder(XDG_CACHE_HOME, HOME, '.cache');
}

/** Files of other versions, and leftovers, are removed when they are older than this. One in use needs its file no more, or is made anew. */
const keptMs = 30 * 86_400_000;

/** Makes the folder if it has to. Throws what the file system says, or that the folder is somebody else's. */
export function storeInCache(folder: string, name: `${CacheFamily}-${string}`, bytes: Uint8Array, nowMs: number, unique: string): void {
  mustBeOfTheUser(folder);
  makeFolder(folder);
  const stat = lstatSync(folder);
  if (!stat.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (stat.uid !== process.geteuid?.()) throw new Error(`${folder} belongs to another user`);
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  const temporary = join(folder, `.${name}.${unique}`);
  try {
    // Exclusive: never through a link, never into a file that is there.
    const handle = openSync(temporary, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, join(folder, name));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  removeOld(folder, name, nowMs);
}

/** With `sudo` and the home of another, what is made here would shut that user out of it. */
function mustBeOfTheUser(folder: string): void {
  let there = folder;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  const { uid } = lstatSync(there);
  if (uid !== 0 && uid !== process.geteuid?.()) throw new Error(`${there} belongs to another user`);
}

/** With its parents. Not by `recursive`, which never returns where a file system answers ENOENT in a folder that is there (/proc does). */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    makeFolder(path);
  }
}

function removeOld(folder: string, current: string, nowMs: number): void {
  for (const name of readdirSync(folder)) {
    if (name === current || !/^\.?(?:agent|code)-[0-9A-Za-z]/.test(name)) continue;
    try {
      if (nowMs - lstatSync(join(folder, name)).mtimeMs > keptMs) rmSync(join(folder, name));
    } catch {
      // Another one removes it, too.
    }
  }
}

/**
 * What V8 has compiled of a script, kept so that the next process need not compile it again: its SHA-256, then V8's own data. V8 refuses what another
 * version or other flags have made, but believes bytes that are damaged; the hash is against those. The launcher of the agent reads this, too.
 */
export function sealCode(code: Uint8Array): Uint8Array {
  return Buffer.concat([createHash('sha256').update(code).digest(), code]);
}

/** Compiled code for this very Node. */
export function codeName(script: string): `code-${string}` {
  return `code-${script}.${process.version}-${process.arch}`;
}

/** `undefined`: not there, damaged, or in a place that others can write to. */
export function readCode(folder: string, name: string): Buffer | undefined {
  try {
    const place = lstatSync(folder);
    if (!place.isDirectory() || !isMine(place)) return undefined;
    const handle = openSync(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(handle);
      if (!stat.isFile() || !isMine(stat)) return undefined;
      const sealed = readFileSync(handle);
      const code = sealed.subarray(32);
      return createHash('sha256').update(code).digest().equals(sealed.subarray(0, 32)) ? code : undefined;
    } finally {
      closeSync(handle);
    }
  } catch {
    return undefined;
  }
}

function isMine({ uid, mode }: { readonly uid: number; readonly mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & 0o022) === 0;
}
