/** A disk around a disk that sees every call with its path below the root, and can change what comes of it: for counting, and for faults in one place. */
import type { Disk, DiskDirectory, DiskFile } from '../../engine/disk.ts';

export interface AroundCall {
  /** `list`, `lstat`, `glance`, `openFile`, `file.read`, ... */
  readonly call: string;
  /** Of what is looked at: the child, the file, or the directory itself. The root is empty. */
  readonly path: string;
}

/** `around` makes the call by `next()`, or does not, and says what comes of it. */
export type Around = (call: AroundCall, next: () => unknown) => unknown;

export function aroundDisk(disk: Disk, around: Around): Disk {
  return {
    uid: disk.uid,
    openRoot(path) {
      const opened = disk.openRoot(path);
      return opened && wrapDirectory(opened, '', around);
    },
    resolve: (path) => disk.resolve(path),
  };
}

export function errno(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

function wrapDirectory(directory: DiskDirectory, at: string, around: Around): DiskDirectory {
  return wrap(directory, (property, values, next) => {
    const [name] = values;
    const path = typeof name === 'string' ? (at === '' ? name : `${at}/${name}`) : at;
    const result = around({ call: property, path }, next);
    if (property === 'openDirectory') return wrapDirectory(result as DiskDirectory, path, around);
    return property === 'openFile' ? wrapFile(result as DiskFile, path, around) : result;
  });
}

function wrapFile(file: DiskFile, path: string, around: Around): DiskFile {
  return wrap(file, (property, _, next) => around({ call: `file.${property}`, path }, next));
}

function wrap<T extends object>(inner: T, call: (property: string, values: readonly unknown[], next: () => unknown) => unknown): T {
  return new Proxy(inner, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function' || typeof property !== 'string') return value;
      return (...values: unknown[]) => call(property, values, () => Reflect.apply(value, target, values) as unknown);
    },
  });
}
