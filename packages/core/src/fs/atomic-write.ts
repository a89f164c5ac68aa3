/** Small files of the state folder, read and replaced as a whole. */
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';

/**
 * Replaces a file so that at every moment, a power cut included, it is either what it was or what it is to be: written beside, synced, renamed over,
 * directory synced. The name beside (`NAME.new`) is fixed, so two writers of one name have to exclude each other; what a crash left there is overwritten.
 */
export async function writeFileAtomically(directory: DiskDirectory, name: string, bytes: Uint8Array): Promise<void> {
  const beside = `${name}.new`;
  try {
    await writeNewFile(directory, beside, bytes);
    directory.rename(beside, directory, name);
  } catch (error) {
    // A full disk is not filled further by what nobody will read.
    throw afterCleaning(error, () => unlinkIfThere(directory, beside));
  }
  await directory.sync();
}

/**
 * Creates a file as a whole, or not at all. `false`: there is one already, also if somebody else made it in this very moment. `beside` is a name
 * of the caller's own. Where the disk has no hard links, two who make it in the same moment can both be told `true`; the file is whole all the same.
 */
export async function createFileAtomically(directory: DiskDirectory, name: string, bytes: Uint8Array, beside: string): Promise<boolean> {
  await writeNewFile(directory, beside, bytes);
  try {
    directory.link(beside, directory, name);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    if (!isWithoutLinks(error)) throw error;
    if (directory.lstat(name) !== undefined) return false;
    directory.rename(beside, directory, name);
  } finally {
    unlinkIfThere(directory, beside);
  }
  await directory.sync();
  return true;
}

/** All bytes of a regular file; `undefined` if there is none. Throws `EFBIG` above `bytesMax`, before anything is read. */
export function readWholeFile(directory: DiskDirectory, name: string, bytesMax: number): Uint8Array | undefined {
  const file = openIfThere(directory, name);
  if (file === undefined) return undefined;
  try {
    const { sizeBytes } = file.stat();
    if (sizeBytes > bytesMax) throw Object.assign(new Error(`${name} has ${sizeBytes} bytes, more than ${bytesMax}`), { code: 'EFBIG' });
    return readAt(file, 0, sizeBytes);
  } finally {
    file.close();
  }
}

/** Up to `lengthBytes` from `position` on; fewer where the file ends before. */
export function readAt(file: DiskFile, position: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let filled = 0;
  while (filled < lengthBytes) {
    const count = file.read(bytes.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

export function openIfThere(directory: DiskDirectory, name: string): DiskFile | undefined {
  try {
    return directory.openFile(name, 'read');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function unlinkIfThere(directory: DiskDirectory, name: string): void {
  try {
    directory.unlink(name);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Whether a failed `link` says that this file system knows no hard links (FAT, some network and FUSE file systems). */
export function isWithoutLinks(error: unknown): boolean {
  return isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK');
}

/** Tries to take back what a failed write left. What counts is why it failed, whatever comes of that. */
export function afterCleaning(error: unknown, clean: () => void): unknown {
  try {
    clean();
  } catch {
    // The next writer of this name finds it and does the same.
  }
  return error;
}

async function writeNewFile(directory: DiskDirectory, name: string, bytes: Uint8Array): Promise<void> {
  unlinkIfThere(directory, name);
  const file = directory.openFile(name, 'create');
  try {
    file.write(bytes, 0);
    await file.sync();
  } finally {
    file.close();
  }
}
