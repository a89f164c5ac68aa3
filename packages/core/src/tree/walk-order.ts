import { compareNames } from './name.ts';
import { pathNames, type RelativePath } from './path.ts';

/** Paths in the order in which a walk comes to them: a directory before what is in it, siblings by `compareNames`. */
export function inWalkOrder(paths: Iterable<RelativePath>): readonly RelativePath[] {
  const split = [...paths].map((path) => ({ path, names: pathNames(path) }));
  split.sort((a, b) => {
    const length = Math.min(a.names.length, b.names.length);
    for (let depth = 0; depth < length; depth++) {
      const order = compareNames(a.names[depth] ?? '', b.names[depth] ?? '');
      if (order !== 0) return order;
    }
    return a.names.length - b.names.length;
  });
  return split.map(({ path }) => path);
}
