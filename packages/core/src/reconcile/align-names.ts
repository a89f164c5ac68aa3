/**
 * Aligning: one spelling for what is one name.
 *
 * Unicode writes some characters in more than one way: é is one character, or an e and an accent (NFC and NFD). Most file systems take the two for different
 * names. APFS takes them for one and keeps what was written; HFS+ takes them for one and stores the second form, whatever was written. So a name that was
 * carried to a Mac may be spelled differently in the next scan there, which compared byte by byte is a deletion and a new file, for ever.
 *
 * Therefore, on a side that ignores the form, a name is read in the spelling that the other side has, else in the one that was agreed. That side finds its
 * file by either. Where both sides ignore the form, it is the agreed spelling, else the composed one. No name is changed on any disk for this, and a side that
 * tells the forms apart is read as it is: two names there that are one on the other side are left for `reconcile` to report (`names-collide`).
 *
 * Costs the entries that differ from the ancestor and their siblings; nothing where both sides tell the forms apart.
 */
import type { Folding } from '../scope/rules.ts';
import type { Child, Directory, Entry } from '../tree/entry.ts';
import { childNamed } from '../tree/lookup.ts';
import { compareNames, type Name } from '../tree/name.ts';
import { childrenOf, isSameAtOnce } from '../tree/walk.ts';
import type { Ancestor } from './ancestor.ts';
import { bothSides, otherSide, type Side, type Sides } from './plan.ts';

export interface AlignInput {
  readonly ancestor: Ancestor | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
  readonly folding: Sides<Folding>;
}

/** The two trees, with aligned names. What needed none is returned by reference; a directory with one that did has no Merkle digest any more. */
export function alignNames({ ancestor, alpha, beta, folding }: AlignInput): Sides<Entry | undefined> {
  const now = { alpha, beta };
  const ignores = { alpha: folding.alpha.ignoresUnicodeForm, beta: folding.beta.ignoresUnicodeForm };
  if (!ignores.alpha && !ignores.beta) return now;
  const root: Spot = { now, was: ancestor ?? { alpha: undefined, beta: undefined }, below: [] };
  const spots = [root];
  for (let index = 0; index < spots.length; index++) {
    const spot = spots[index] as Spot;
    for (const found of groupNames(spot)) {
      const names = spellingsOf(found, ignores);
      const below = spotBelow(spot, names);
      if (names.alpha.is !== names.alpha.becomes || names.beta.is !== names.beta.becomes || below !== undefined)
        spot.below.push({ names, spot: below });
      if (below !== undefined) spots.push(below);
    }
  }
  for (const spot of spots.reverse()) spot.now = { alpha: alignedAt(spot, 'alpha'), beta: alignedAt(spot, 'beta') };
  return root.now;
}

/** One place in the trees. */
interface Spot {
  /** Replaced by the aligned ones at the end. */
  now: Sides<Entry | undefined>;
  readonly was: Sides<Entry | undefined>;
  readonly below: { readonly names: Sides<Spelling>; readonly spot: Spot | undefined }[];
}

/** The name that a side has, and the one that it is to be read as. */
interface Spelling {
  readonly is: Name | undefined;
  readonly becomes: Name | undefined;
}

/** What is the same name but for its form: in each tree that has it. */
interface Group {
  readonly now: Sides<Name[]>;
  readonly was: Sides<Name[]>;
}

/** Groups that one of the two sides has. What is plain ASCII has one form only, and stands for itself. */
function groupNames({ now, was }: Spot): Iterable<Group> {
  if (now.alpha?.kind !== 'directory' && now.beta?.kind !== 'directory') return [];
  const groups = new Map<string, Group>();
  const gather = (entry: Entry | undefined, listOf: (group: Group) => Name[]): void => {
    for (const { name } of childrenOf(entry)) {
      const key = ascii.test(name) ? name : name.normalize('NFC');
      let group = groups.get(key);
      if (group === undefined) groups.set(key, (group = { now: { alpha: [], beta: [] }, was: { alpha: [], beta: [] } }));
      listOf(group).push(name);
    }
  };
  for (const side of bothSides) {
    gather(now[side], (group) => group.now[side]);
    gather(was[side], (group) => group.was[side]);
  }
  return groups.values();
}

const ascii = /^[\u0000-\u007f]*$/;

function spellingsOf(group: Group, ignores: Sides<boolean>): Sides<Spelling> {
  const both = ignores.alpha && ignores.beta;
  const spell = (side: Side): Spelling => {
    const [is, second] = group.now[side];
    // Two forms side by side, or none: there is nothing to be told from one another.
    if (is === undefined || second !== undefined || !ignores[side]) return { is, becomes: is };
    const others = group.now[otherSide(side)];
    return { is, becomes: both ? sharedSpelling(group) : (chosen(others, [is], group.was[side]) ?? chosen(group.was[side], [is], []) ?? is) };
  };
  return { alpha: spell('alpha'), beta: spell('beta') };
}

/** Of several names that are one: the first that is preferred, else the composed one, else the least. */
function chosen(names: readonly Name[], ...preferred: readonly (readonly Name[])[]): Name | undefined {
  for (const list of preferred) {
    const found = list.find((name) => names.includes(name));
    if (found !== undefined) return found;
  }
  return names.find((name) => name === name.normalize('NFC')) ?? names.toSorted(compareNames)[0];
}

/** Seen from both sides alike. */
function sharedSpelling({ now, was }: Group): Name | undefined {
  const agreed = was.alpha.filter((name) => was.beta.includes(name));
  return chosen(agreed) ?? chosen([...now.alpha, ...now.beta]);
}

/** What is below a name, if it may hold something to align: a directory on one side at least that is not what it was. */
function spotBelow({ now, was }: Spot, names: Sides<Spelling>): Spot | undefined {
  const childOf = (entry: Entry | undefined, name: Name | undefined): Entry | undefined =>
    entry?.kind === 'directory' && name !== undefined ? childNamed(entry, name) : undefined;
  const inNow = { alpha: childOf(now.alpha, names.alpha.is), beta: childOf(now.beta, names.beta.is) };
  if (inNow.alpha?.kind !== 'directory' && inNow.beta?.kind !== 'directory') return undefined;
  const inWas = { alpha: childOf(was.alpha, names.alpha.becomes), beta: childOf(was.beta, names.beta.becomes) };
  if (isSameAtOnce(inNow.alpha, inWas.alpha) && isSameAtOnce(inNow.beta, inWas.beta)) return undefined;
  return { now: inNow, was: inWas, below: [] };
}

function alignedAt({ now, below }: Spot, side: Side): Entry | undefined {
  const directory = now[side];
  if (directory?.kind !== 'directory') return directory;
  const aligned = new Map(below.flatMap(({ names, spot }) => (names[side].is === undefined ? [] : [[names[side].is, { names, spot }]])));
  let isSame = true;
  const children = directory.children.map((child): Child => {
    const found = aligned.get(child.name);
    const name = found?.names[side].becomes ?? child.name;
    const entry = found?.spot?.now[side] ?? child.entry;
    if (name === child.name && entry === child.entry) return child;
    isSame = false;
    return { name, entry };
  });
  return isSame ? directory : withChildren(directory, children);
}

function withChildren({ mode, hasUntracked }: Directory, children: Child[]): Directory {
  children.sort((a, b) => compareNames(a.name, b.name));
  return hasUntracked ? { kind: 'directory', mode, children, hasUntracked } : { kind: 'directory', mode, children };
}
