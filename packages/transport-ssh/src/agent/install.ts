/**
 * Keeps the agent in the cache folder of the far side; runs there, as part of the agent itself. The folder is for its owner alone, the file appears under
 * its name only whole (temporary name, then rename), and two that install at once do each other no harm: both names and both contents are the same.
 */
import { chmodSync, closeSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface InstallTarget {
  readonly folder: string;
  readonly file: string;
}

/** Agents of other versions, and leftovers, are removed when they are older than this. One in use needs its file no more. */
const keptMs = 30 * 86_400_000;

/** Throws what the file system says, or that the folder is somebody else's. */
export function installAgent(bytes: Uint8Array, { folder, file }: InstallTarget, nowMs: number, unique: string): void {
  makeFolder(folder);
  const stat = lstatSync(folder);
  if (!stat.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (stat.uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user`);
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700);
  const temporary = join(folder, `.${basename(file)}.${unique}`);
  try {
    // Exclusive: never through a link, never into a file that is there.
    const handle = openSync(temporary, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  removeOld(folder, basename(file), nowMs);
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
    if (name === current || !/^\.?agent-[0-9a-f]{64}\.cjs(?:\.|$)/.test(name)) continue;
    try {
      if (nowMs - lstatSync(join(folder, name)).mtimeMs > keptMs) rmSync(join(folder, name));
    } catch {
      // Another one removes it, too.
    }
  }
}
