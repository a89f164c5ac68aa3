import { foldName } from '../scope/fold.ts';
import type { Folding } from '../scope/rules.ts';
import type { Entry } from '../tree/entry.ts';
import type { Name } from '../tree/name.ts';
import type { RelativePath } from '../tree/path.ts';
import { childrenOf } from '../tree/walk.ts';

/**
 * The names in use in directories, as a file system finds them: what is there, what a plan has put there so far. Names that fold to the same are the same.
 * A directory's names are read once, when first asked for.
 */
export interface NamesTaken {
  /** The name that is in the way, if there is one. `present`: what is in the directory now. */
  find(directory: RelativePath, name: Name, present: readonly (Entry | undefined)[]): Name | undefined;
  add(directory: RelativePath, name: Name, present: readonly (Entry | undefined)[]): void;
}

export function createNamesTaken(folding: Folding): NamesTaken {
  const directories = new Map<RelativePath, Map<string, Name>>();
  const namesIn = (directory: RelativePath, present: readonly (Entry | undefined)[]): Map<string, Name> => {
    let names = directories.get(directory);
    if (names === undefined) {
      names = new Map();
      for (const entry of present) for (const { name } of childrenOf(entry)) names.set(foldName(name, folding), name);
      directories.set(directory, names);
    }
    return names;
  };
  return {
    find: (directory, name, present) => namesIn(directory, present).get(foldName(name, folding)),
    add: (directory, name, present) => void namesIn(directory, present).set(foldName(name, folding), name),
  };
}

export function isExact({ ignoresCase, ignoresUnicodeForm }: Folding): boolean {
  return !ignoresCase && !ignoresUnicodeForm;
}
