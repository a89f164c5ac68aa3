/**
 * A sealed plan: changes that somebody has looked at, to be made later as they are or not at all. Sealing takes from a plan what it does; opening asks
 * whether that can still be done, path by path, and gives the changes in the form in which they are carried out.
 *
 * **What is sealed**: of each change what was there and what is to be there, what the other side had at that path, and what the two had agreed on for the
 * side that is changed. And of each conflict that the policy settled, how: who was newer, and the name of a kept loser, are not found out a second time.
 * Times are not part of it (they are no difference), nor is what the ancestor remembers without anything being moved: that is found anew, for it is about
 * what is there. So the trees, and not the number of runs since, say whether a plan still holds.
 *
 * **What a change needs** to be opened: both sides hold at its path what they held then (or what the plan makes there); its folder is there; a folder that
 * is to go holds nothing that stays; the content is where it was; and the two have not agreed on something else there since, which the side that is to be
 * changed has left again: that would be a new will, even if it looks like the old state. A change that is made already needs nothing and is left out. So a
 * plan can be applied again: what is left of it is done, and then nothing.
 *
 * What else has changed in the trees is no business of the plan.
 */
import { type Entry, type File, isSyncable, nodeOf, type Symlink, type Syncable, sameContent, sameNode } from '../tree/entry.ts';
import { createLookup, type Lookup } from '../tree/lookup.ts';
import { joinPath, parentPath, type RelativePath } from '../tree/path.ts';
import { childrenOf } from '../tree/walk.ts';
import type { Ancestor } from './ancestor.ts';
import type { Change } from './change.ts';
import { differsInModeAlone, syncable } from './compare.ts';
import { bothSides, type Conflict, otherSide, type Plan, type Side, type Sides } from './plan.ts';

/** Its entries are nodes without times (0) and children. */
export interface SealedPlan {
  readonly changes: Sides<readonly SealedChange[]>;
  /** In the order of the plan; those that stay open change nothing and are no part of it. */
  readonly settled: readonly SettledConflict[];
}

export interface SealedChange {
  readonly path: RelativePath;
  readonly old: Syncable | undefined;
  readonly new: Syncable | undefined;
  /** What the other side had at this path. */
  readonly peer: Entry | undefined;
  /** What the ancestor had at this path, on the half of the side that is changed. */
  readonly was: Entry | undefined;
  readonly from?: { readonly path: RelativePath; readonly entry: Syncable } | undefined;
  readonly to?: RelativePath | undefined;
}

/** `rule` may end in the name of a side (`6 alpha`). */
export type SettledConflict = Pick<Conflict, 'path' | 'reason' | 'rule' | 'resolution' | 'keptAs'>;

/** The trees that a plan is made from, or opened on. */
export interface SealedTrees {
  readonly ancestor: Ancestor | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

/** A sealed plan as it can be carried out now; its changes mean nothing where something has drifted. It remembers nothing by itself and knows no problems. */
export interface OpenedPlan extends Plan {
  /** For the name of a kept loser: the path whose content it is, while that is there. */
  readonly copiesOf: ReadonlyMap<RelativePath, RelativePath>;
  /** Why the plan cannot be carried out, in the order of its changes, alpha first; each place once. Empty: it can. */
  readonly drifted: readonly Drift[];
}

/**
 * `created`, `deleted`, `changed`: what is there now, against what was then; `permissions`: only the mode differs; `agreed`: the two have agreed on something
 * else there since; `content`: part of the plan was carried out, and the content that is to be copied for the rest is not there any more.
 */
export interface Drift {
  readonly path: RelativePath;
  readonly side: Side;
  readonly found: 'created' | 'deleted' | 'changed' | 'permissions' | 'agreed' | 'content';
}

/** `trees` are those that the plan was made from. Costs what the plan does. */
export function sealPlan(plan: Plan, trees: SealedTrees): SealedPlan {
  const now = lookupsOf(trees);
  const before = lookupsOf({ alpha: trees.ancestor?.alpha, beta: trees.ancestor?.beta });
  const seal = (side: Side, { path, old, new: next, from, to }: Change): SealedChange => ({
    path,
    old: bare(syncable(old)),
    new: bare(syncable(next)),
    peer: bare(now[otherSide(side)](path)),
    was: bare(before[side](path)),
    from: from && { path: from.path, entry: bare(from.entry) },
    to,
  });
  return {
    changes: { alpha: plan.alphaChanges.map((change) => seal('alpha', change)), beta: plan.betaChanges.map((change) => seal('beta', change)) },
    settled: plan.conflicts
      .filter(({ resolution }) => resolution !== 'skipped')
      .map(({ path, reason, rule, resolution, keptAs }) => ({ path, reason, rule, resolution, keptAs })),
  };
}

/** The same plan, seen from the other end. */
export function turnSealed({ changes, settled }: SealedPlan): SealedPlan {
  return {
    changes: { alpha: changes.beta, beta: changes.alpha },
    settled: settled.map((conflict) => ({
      ...conflict,
      rule: conflict.rule.replace(/\b(?:alpha|beta)\b/, (side) => otherSide(side as Side)),
      resolution: conflict.resolution === 'alpha' || conflict.resolution === 'beta' ? otherSide(conflict.resolution) : conflict.resolution,
    })),
  };
}

/** A sealed plan on the trees of now. If nothing drifted, its changes can be made in their order. Costs what the plan does, and the siblings of what goes. */
export function openSealed({ changes, settled }: SealedPlan, trees: SealedTrees): OpenedPlan {
  const opening: Opening = {
    now: lookupsOf(trees),
    before: lookupsOf({ alpha: trees.ancestor?.alpha, beta: trees.ancestor?.beta }),
    planned: { alpha: byPath(changes.alpha), beta: byPath(changes.beta) },
    drifted: new Map(),
  };
  const pending = { alpha: pendingOf(opening, 'alpha', changes.alpha), beta: pendingOf(opening, 'beta', changes.beta) };
  const pendingPaths = new Set<RelativePath | undefined>([...pending.alpha, ...pending.beta].map(({ path }) => path));
  const isPending = ({ path, keptAs }: SettledConflict): boolean => pendingPaths.has(path) || pendingPaths.has(keptAs);
  const originals = new Map(settled.map(({ path, keptAs }) => [keptAs, path]));
  const copiesOf = new Map<RelativePath, RelativePath>();
  for (const side of bothSides) {
    for (const { path, new: next } of changes[side]) {
      const original = originals.get(path);
      if (original !== undefined && bothSides.some((where) => isOf(opening.now[where](original), next))) copiesOf.set(path, original);
    }
  }
  // What has drifted is not opened: where something is missing, what should have been made of it is no news.
  const holds = opening.drifted.size === 0;
  const open = (side: Side): readonly Change[] => (holds ? pending[side].map((change) => openChange(opening, side, change, copiesOf)) : []);
  const [alphaChanges, betaChanges] = [open('alpha'), open('beta')];
  return {
    ancestorChanges: [],
    alphaChanges,
    betaChanges,
    conflicts: settled.filter(isPending).map((conflict) => ({ ...conflict, ...nodesAt(opening, conflict.path) })),
    problems: [],
    copiesOf,
    drifted: [...opening.drifted.values()],
  };
}

interface Opening {
  readonly now: Sides<Lookup>;
  readonly before: Sides<Lookup>;
  readonly planned: Sides<ReadonlyMap<RelativePath, SealedChange>>;
  /** By side and path. */
  readonly drifted: Map<string, Drift>;
}

/** The changes that are not made yet. What keeps them from being made is noted. */
function pendingOf(opening: Opening, side: Side, changes: readonly SealedChange[]): readonly SealedChange[] {
  const pending = changes.filter((change) => !isMade(opening, side, change));
  for (const change of pending) check(opening, side, change);
  return pending;
}

/** What moves is there, and no more where it was. (A folder may have been made anew, and wait for what is in it.) */
function isMade({ now }: Opening, side: Side, { path, new: next, from }: SealedChange): boolean {
  return sameNode(now[side](path), next) && (from === undefined || next?.kind === 'directory' || now[side](from.path) === undefined);
}

function check(opening: Opening, side: Side, change: SealedChange): void {
  const { now, before, planned } = opening;
  const { path, old, new: next, peer, was, from } = change;
  const there = otherSide(side);
  const found = now[side](path);
  expectAt(opening, side, path, old);
  // Where the plan changes the other side, too, that change says what is to be there.
  if (!planned[there].has(path)) expectAt(opening, there, path, peer);
  if (from !== undefined) expectAt(opening, side, from.path, from.entry);
  const half = syncable(before[side](path));
  if (!sameNode(half, syncable(was)) && !sameNode(half, syncable(found))) drift(opening, { path, side, found: 'agreed' });
  const parent = parentPath(path);
  if (parent !== undefined && planned[side].get(parent)?.new?.kind !== 'directory' && now[side](parent)?.kind !== 'directory') {
    drift(opening, { path: parent, side, found: now[side](parent) === undefined ? 'deleted' : 'changed' });
  }
  if (old?.kind !== 'directory' || next?.kind === 'directory') return;
  // Whoever let this folder go did not know what came into it later.
  for (const { name } of childrenOf(found)) {
    const below = joinPath(path, name);
    if (!planned[side].has(below)) drift(opening, { path: below, side, found: 'created' });
  }
}

function expectAt(opening: Opening, side: Side, path: RelativePath, expected: Entry | undefined): void {
  const found = opening.now[side](path);
  if (sameNode(found, expected)) return;
  const how = differsInModeAlone(found, expected) ? 'permissions' : 'changed';
  drift(opening, { path, side, found: found === undefined ? 'deleted' : expected === undefined ? 'created' : how });
}

function drift({ drifted }: Opening, found: Drift): void {
  const key = `${found.side} ${found.path}`;
  if (!drifted.has(key)) drifted.set(key, found);
}

/** With the times that what is there has now, and with what else only the trees know. */
function openChange(opening: Opening, side: Side, change: SealedChange, copiesOf: ReadonlyMap<RelativePath, RelativePath>): Change {
  const { path, new: next, from, to } = change;
  const { now, before } = opening;
  const old = nodeAt(now[side], path);
  const moved = from && nodeAt(now[side], from.path);
  return {
    path,
    old,
    new: next && dated(opening, { side, path, next, own: moved ?? old, original: copiesOf.get(path) }),
    from: from && { path: from.path, entry: isSyncable(moved) ? moved : from.entry, was: nodeAt(before[side], from.path) },
    to,
  };
}

interface Wanted {
  readonly side: Side;
  readonly path: RelativePath;
  readonly next: Syncable;
  /** What becomes `next`: what is at the path, or moves there. */
  readonly own: Entry | undefined;
  /** Whose copy it is. */
  readonly original: RelativePath | undefined;
}

/** The node, with the times of the content that it is made of: the side's own if that stays, else the other side's, or that of the loser whose copy it is. */
function dated(opening: Opening, { side, path, next, own, original }: Wanted): Syncable {
  const { now, planned } = opening;
  if (next.kind === 'directory') return own?.kind === 'directory' ? { ...own, mode: next.mode } : { ...next, children: [] };
  const there = otherSide(side);
  const places = [own, now[there](path), now[there](planned[there].get(path)?.from?.path ?? path)];
  if (original !== undefined) places.push(now[there](original), now[side](original));
  const source = places.find((entry) => isOf(entry, next));
  if (source !== undefined) return { ...next, mtimeMs: source.mtimeMs };
  drift(opening, { path: original ?? path, side: there, found: 'content' });
  return next;
}

/** Whether a file or a link has the content of another. */
function isOf(entry: Entry | undefined, content: Entry | undefined): entry is File | Symlink {
  if (entry?.kind === 'file') return content?.kind === 'file' && sameContent(entry, content);
  return entry?.kind === 'symlink' && sameNode(entry, content);
}

function lookupsOf({ alpha, beta }: Sides<Entry | undefined>): Sides<Lookup> {
  return { alpha: createLookup(alpha), beta: createLookup(beta) };
}

function byPath(changes: readonly SealedChange[]): ReadonlyMap<RelativePath, SealedChange> {
  return new Map(changes.map((change) => [change.path, change]));
}

function nodesAt({ now }: Opening, path: RelativePath): Sides<Entry | undefined> {
  return { alpha: nodeAt(now.alpha, path), beta: nodeAt(now.beta, path) };
}

function nodeAt(lookup: Lookup, path: RelativePath): Entry | undefined {
  const entry = lookup(path);
  return entry && nodeOf(entry);
}

/** The node by itself, without times: what is the same for all who hold it. */
function bare<E extends Entry | undefined>(entry: E): E {
  if (entry?.kind === 'directory') return { kind: 'directory', mode: entry.mode, children: [] } as unknown as E;
  return entry?.kind === 'file' || entry?.kind === 'symlink' ? { ...entry, mtimeMs: 0 } : entry;
}
