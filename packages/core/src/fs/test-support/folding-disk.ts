/** A disk that takes names in another case for the same and keeps what was written, as APFS does, or ext4 with case folding. */

import type { Disk, DiskDirectory } from '../../engine/disk.ts';
import { foldName } from '../../scope/fold.ts';

const folding = { ignoresCase: true, ignoresUnicodeForm: false };

/** `renames`: a new case is taken at once (APFS); else a rename to what is the same name does nothing (Linux). */
export function foldingDisk(disk: Disk, { renames }: { readonly renames: boolean }): Disk {
  const inner = new WeakMap<object, DiskDirectory>();

  const stored = (directory: DiskDirectory, name: string): string => {
    const folded = foldName(name, folding);
    return directory.list().find((listed) => listed.name !== undefined && foldName(listed.name, folding) === folded)?.name ?? name;
  };

  const wrap = (directory: DiskDirectory): DiskDirectory => {
    const wrapped: DiskDirectory = new Proxy(directory, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          const [name, to, toName] = values;
          if (typeof name !== 'string') return Reflect.apply(value, target, values) as unknown;
          const source = stored(target, name);
          if (typeof toName !== 'string') {
            const result: unknown = Reflect.apply(value, target, [source, ...values.slice(1)]);
            return property === 'openDirectory' ? wrap(result as DiskDirectory) : result;
          }
          const other = inner.get(to as object) ?? (to as DiskDirectory);
          const there = stored(other, toName);
          const isSame = there === source && other.identity.ino === target.identity.ino;
          if (property === 'rename' && isSame) {
            if (renames) target.rename(source, other, toName);
            return undefined;
          }
          return Reflect.apply(value, target, [source, other, there]) as unknown;
        };
      },
    });
    inner.set(wrapped, directory);
    return wrapped;
  };

  return {
    uid: disk.uid,
    openRoot(path) {
      const root = disk.openRoot(path);
      return root && wrap(root);
    },
    resolve: (path) => disk.resolve(path),
  };
}
