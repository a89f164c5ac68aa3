/** A user's hands on a simulated disk: by path, past the engine. */
import type { Disk, DiskDirectory } from '../../engine/disk.ts';
import { isErrno } from '../../engine/errno.ts';
import type { TestClock } from '../../testing/test-clock.ts';
import { compareNames } from '../../tree/name.ts';

export interface SimulatedUserFiles {
  /** Makes the parents. As an editor does: a new file beside, renamed over; or into the file that is there (`inPlace`). */
  write(path: string, text: string, how?: { readonly mode?: number; readonly inPlace?: boolean }): void;
  /** With all below. Nothing there is fine. */
  remove(path: string): void;
  rename(path: string, to: string): void;
  chmod(path: string, mode: number): void;
  makeDirectory(path: string, mode?: number): void;
  link(path: string, target: string): void;
  /** A second name of a file. */
  hardLink(path: string, to: string): void;
  /** `undefined`: no file there. */
  read(path: string): string | undefined;
  isThere(path: string): boolean;
  /** Names, kinds, modes and contents of all below a folder but the state folder, in order. */
  tree(path?: string): readonly string[];
  /** Of all files below a folder but those of the state folder. */
  contents(path?: string): readonly string[];
}

export function createSimulatedUser(disk: Disk, rootPath: string, clock: Pick<TestClock, 'nowMs' | 'advance'>): SimulatedUserFiles {
  /** In the folder of a path, with the last name of it. */
  const at = <Result>(path: string, make: boolean, use: (folder: DiskDirectory, name: string) => Result): Result => {
    const names = path.split('/');
    const name = names.pop() ?? '';
    const open: DiskDirectory[] = [];
    try {
      let folder = disk.openRoot(rootPath);
      for (const step of names) {
        if (folder === undefined) break;
        open.push(folder);
        if (make && folder.lstat(step) === undefined) folder.makeDirectory(step, 0o755);
        folder = folder.openDirectory(step);
      }
      if (folder === undefined) throw new Error(`nothing at ${rootPath}`);
      open.push(folder);
      return use(folder, name);
    } finally {
      for (const directory of open) directory.close();
    }
  };

  const writeNew = (folder: DiskDirectory, name: string, text: string, mode: number): void => {
    const file = folder.openFile(name, 'create');
    file.write(new TextEncoder().encode(text), 0);
    file.chmod(mode);
    file.close();
  };

  const removeAll = (folder: DiskDirectory, name: string): void => {
    if (folder.lstat(name)?.kind !== 'directory') return folder.unlink(name);
    const below = folder.openDirectory(name);
    for (const { name: child = '' } of below.list()) removeAll(below, child);
    below.close();
    folder.removeDirectory(name);
  };

  const readFile = (folder: DiskDirectory, name: string): string => {
    const file = folder.openFile(name, 'read');
    const bytes = new Uint8Array(file.stat().sizeBytes);
    file.read(bytes, 0);
    file.close();
    return new TextDecoder().decode(bytes);
  };

  const lines = (folder: DiskDirectory, above: string): readonly string[] =>
    [...folder.list()]
      .sort((a, b) => compareNames(a.name ?? '', b.name ?? ''))
      .flatMap(({ name = '' }) => {
        if (above === '' && name === '.ubos-sync') return [];
        const stat = folder.lstat(name);
        const mode = ((stat?.mode ?? 0) & 0o777).toString(8);
        if (stat?.kind === 'symlink') return [`${above}${name} -> ${folder.readlink(name)}`];
        if (stat?.kind === 'file') return [`${above}${name} ${mode} ${readFile(folder, name)}`];
        const below = folder.openDirectory(name);
        const found = lines(below, `${above}${name}/`);
        below.close();
        return [`${above}${name}/ ${mode}`, ...found];
      });

  const texts = (folder: DiskDirectory, isRoot: boolean): readonly string[] =>
    folder.list().flatMap(({ name = '', kind }) => {
      if (kind === 'file') return [readFile(folder, name)];
      if (kind !== 'directory' || (isRoot && name === '.ubos-sync')) return [];
      const below = folder.openDirectory(name);
      const found = texts(below, false);
      below.close();
      return found;
    });

  return {
    write(path, text, { mode = 0o644, inPlace = false } = {}) {
      clock.advance(10_000);
      at(path, true, (folder, name) => {
        const there = folder.lstat(name);
        if (inPlace && there?.kind === 'file' && (there.mode & 0o200) !== 0) {
          const file = folder.openFile(name, 'write');
          file.truncate(0);
          file.write(new TextEncoder().encode(text), 0);
          file.close();
          return;
        }
        if (there !== undefined && there.kind !== 'file') removeAll(folder, name);
        writeNew(folder, `${name}~`, text, mode);
        folder.rename(`${name}~`, folder, name);
      });
    },
    remove: (path) => at(path, false, (folder, name) => folder.lstat(name) && removeAll(folder, name)),
    rename: (path, to) => at(path, false, (folder, name) => at(to, true, (toFolder, toName) => folder.rename(name, toFolder, toName))),
    chmod: (path, mode) => at(path, false, (folder, name) => folder.chmod(name, mode)),
    makeDirectory: (path, mode = 0o755) =>
      at(path, true, (folder, name) => {
        folder.makeDirectory(name, 0o700);
        folder.chmod(name, mode);
      }),
    link: (path, target) => at(path, true, (folder, name) => folder.symlink(name, target)),
    hardLink: (path, to) => at(path, false, (folder, name) => at(to, true, (toFolder, toName) => folder.link(name, toFolder, toName))),
    read: (path) => at(path, false, (folder, name) => (folder.lstat(name)?.kind === 'file' ? readFile(folder, name) : undefined)),
    isThere(path) {
      try {
        return at(path, false, (folder, name) => folder.lstat(name) !== undefined);
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
        throw error;
      }
    },
    contents: (path = '') => at(path === '' ? 'x' : `${path}/x`, false, (folder) => texts(folder, path === '')),
    tree: (path = '') => at(path === '' ? 'x' : `${path}/x`, false, (folder) => lines(folder, '')),
  };
}
