/** A disk around a disk: tells each call before it is made, and may make it fail. For counting system calls and for full disks. */
import type { Disk, DiskDirectory, DiskFile } from '../../engine/disk.ts';

export interface DiskCall {
  /** `lstat`, `openFile`, `file.write`, ... */
  readonly call: string;
  /** The child's name, or that of the file. */
  readonly name: string;
  /** Of `rename`, `link` and `copyFile`: what it is to be called. */
  readonly toName?: string | undefined;
  /** Bytes to be written. */
  readonly bytes: number;
  /** Of `file.write`: writes the first half, as a call does that is cut off. */
  readonly writeHalf?: (() => void) | undefined;
}

/** `before` is called before each call that changes or looks at the disk, and may throw instead of it. */
export function wrapDisk(disk: Disk, before: (call: DiskCall) => void): Disk {
  const inner = new WeakMap<DiskDirectory, DiskDirectory>();

  const wrapFile = (file: DiskFile, name: string): DiskFile =>
    new Proxy(file, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          const [written, position] = property === 'write' ? (values as [Uint8Array, number]) : ([undefined, 0] as const);
          const writeHalf = written === undefined ? undefined : () => file.write(written.subarray(0, written.length >> 1), position);
          before({ call: `file.${String(property)}`, name, bytes: written?.length ?? 0, writeHalf });
          return Reflect.apply(value, target, values) as unknown;
        };
      },
    });

  const wrapDirectory = (directory: DiskDirectory): DiskDirectory => {
    const wrapped = new Proxy(directory, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          const name = typeof values[0] === 'string' ? values[0] : '';
          before({ call: String(property), name, toName: typeof values[2] === 'string' ? values[2] : undefined, bytes: 0 });
          const passed = values.map((argument) =>
            typeof argument === 'object' && argument !== null ? (inner.get(argument as DiskDirectory) ?? argument) : argument,
          );
          const result: unknown = Reflect.apply(value, target, passed);
          if (property === 'openDirectory') return wrapDirectory(result as DiskDirectory);
          if (property === 'openFile') return wrapFile(result as DiskFile, name);
          return result;
        };
      },
    });
    inner.set(wrapped, directory);
    return wrapped;
  };

  return {
    uid: disk.uid,
    openRoot(path) {
      const opened = disk.openRoot(path);
      return opened && wrapDirectory(opened);
    },
    resolve: (path) => disk.resolve(path),
  };
}
