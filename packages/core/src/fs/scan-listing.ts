/**
 * The names in a directory, sorted, beside those that were there when last agreed.
 *
 * POSIX lets a listing miss a name that is renamed over while it is read, and a name missed would read as a deletion. So what was there and is not listed is
 * asked for by name before it counts as gone. Where the disk does not answer it counts as listed: it is looked at as all the rest is, and is no deletion unless
 * that finds nothing.
 */

import type { DiskDirectory, DiskKind, DiskListing } from '../engine/disk.ts';
import { foldName } from '../scope/fold.ts';
import type { Child, Directory } from '../tree/entry.ts';
import { compareNames, type Name, parseName } from '../tree/name.ts';
import { errnoOf } from './io-failure.ts';

export interface Listing {
  /** Sorted by `compareNames`, each once. */
  readonly names: readonly Name[];
  readonly kinds: readonly DiskKind[];
  /** The baseline's child of each name. */
  readonly olds: readonly (Child | undefined)[];
  /** Entries whose names are not UTF-8, or else no names: they take part in nothing. */
  readonly unnamed: number;
}

export function listNames(directory: DiskDirectory, baseline: Directory | undefined): Listing {
  const listed = directory.list();
  if (baseline === undefined) return joinListing(listed, [], undefined);
  const missed: Child[] = [];
  const listing = joinListing(listed, missed, baseline);
  return missed.some((child) => kindOf(child, directory) !== undefined) ? listAgain(directory, baseline) : listing;
}

/** Something was missed. A name that the new listing misses as well, and that is still there, is added; but not one that is there in another spelling. */
function listAgain(directory: DiskDirectory, baseline: Directory): Listing {
  const listed = [...directory.list()];
  const missed: Child[] = [];
  const listing = joinListing(listed, missed, baseline);
  const folds = new Set(listing.names.map((name) => foldName(name, foldsAll)));
  for (const child of missed) {
    const kind = folds.has(foldName(child.name, foldsAll)) ? undefined : kindOf(child, directory);
    if (kind !== undefined) listed.push({ name: child.name, kind });
  }
  return joinListing(listed, [], baseline);
}

/** What has the name now; what had it, where the disk does not say. `undefined`: nothing. */
function kindOf({ name, entry: { kind } }: Child, directory: DiskDirectory): DiskKind | undefined {
  try {
    return directory.lstat(name)?.kind;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return kind === 'directory' || kind === 'symlink' ? kind : 'file';
  }
}

const foldsAll = { ignoresCase: true, ignoresUnicodeForm: true };

/** Children of the baseline that are not listed are added to `missed`. */
function joinListing(listed: readonly DiskListing[], missed: Child[], baseline: Directory | undefined): Listing {
  const sorted = sortListing(listed);
  const names: Name[] = [];
  const kinds: DiskKind[] = [];
  const olds: (Child | undefined)[] = [];
  const old = baseline?.children ?? [];
  let head = 0;
  let previous = '';
  for (const { name, kind } of sorted) {
    if (name === previous) continue;
    previous = name;
    let known = old[head];
    while (known !== undefined && known.name !== name && compareNames(known.name, name) < 0) {
      missed.push(known);
      known = old[++head];
    }
    if (known?.name === name) {
      // Its string is kept instead of the new one: a tree that did not change takes no memory.
      names.push(known.name);
      olds.push(known);
      head++;
    } else {
      const parsed = parseName(name);
      if (!parsed.ok) continue;
      names.push(parsed.value);
      olds.push(undefined);
    }
    kinds.push(kind);
  }
  for (; head < old.length; head++) missed.push(old[head] as Child);
  return { names, kinds, olds, unnamed: listed.length - names.length };
}

interface Named extends DiskListing {
  readonly name: string;
}

/** `<` is native and right unless a character above U+FFFF is among them. */
function sortListing(listed: readonly DiskListing[]): readonly Named[] {
  const named = listed.filter(isNamed);
  const order = named.some(({ name }) => hasSurrogate.test(name)) ? compareNames : (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return named.sort((a, b) => order(a.name, b.name));
}

function isNamed(item: DiskListing): item is Named {
  return item.name !== undefined;
}

const hasSurrogate = /[\ud800-\udfff]/;
