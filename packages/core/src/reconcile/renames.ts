/**
 * Renames: what one side calls by another name than when the two last agreed, and what the other side still has under the old one.
 *
 * Nobody tells us of a rename; a scan finds a name less and a name more. They are taken for one thing where they have one content:
 *
 * - A *folder* with all that is in it: the same names, kinds and contents at every depth (permissions aside), some content among them. Only if neither side has
 *   anything in it that takes part in no sync, and the other side still has all of it, whatever it has changed or added.
 * - A *file* by its digest. Never an empty one: emptiness is no content to be known by.
 *
 * One to one, the larger folders first, then files. Among several of one content: the same name first, then the same folder, then the order of the lists. It
 * does not matter for the outcome which of them is taken, as long as the other side has not touched them; one that was edited there is matched only where
 * there is no choice.
 *
 * The renames of the two sides never meet, at a path or above and below. An old name is gone here, and still there with all that was in it; a new one is there
 * on one side only, and its folder on both, unless that is new, too.
 *
 * What is looked at is a plan that was made path by path. So a rename is found only where both ends of it may be changed, and costs what is planned.
 */
import { foldName } from '../scope/fold.ts';
import { type Entry, type File, isSyncable, sameContent, sameNode } from '../tree/entry.ts';
import { createLookup, type Lookup } from '../tree/lookup.ts';
import { baseName, parentPath, type RelativePath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import { bothSides, otherSide, type Plan, type Side, type Sides } from './plan.ts';
import { rulesAt } from './policy.ts';
import type { ReconcileInput } from './reconcile.ts';
import { createShapes, type Shapes } from './shapes.ts';

export interface Rename {
  readonly from: RelativePath;
  readonly to: RelativePath;
}

/** By the side that renamed; `agreed`: both gave it the same new name, and one of them a new content. */
export interface Renames extends Sides<readonly Rename[]> {
  readonly agreed: readonly AgreedRename[];
}

export interface AgreedRename extends Rename {
  /** The side that still has it under the old name, too. */
  readonly leftOn: Side | undefined;
}

/** `undefined`: there are none. */
export function findRenames(input: ReconcileInput, plan: Plan): Renames | undefined {
  const { ancestor } = input;
  if (ancestor === undefined) return undefined;
  const shapes = createShapes();
  const look: Looks = {
    now: { alpha: createLookup(input.alpha), beta: createLookup(input.beta) },
    before: { alpha: createLookup(ancestor.alpha), beta: createLookup(ancestor.beta) },
  };
  const found = { alpha: renamedBy('alpha', input, look, plan, shapes), beta: renamedBy('beta', input, look, plan, shapes) };
  // What one side moved elsewhere, by itself or with its folder, is not what both have under one new name.
  const taken = new Set([...found.alpha, ...found.beta].map(({ from }) => from));
  const agreed = renamedByBoth(look, plan, input).filter(({ from }) => !taken.has(from) && !isBelow(from, taken));
  const renames = { ...found, agreed };
  return renames.alpha.length + renames.beta.length + renames.agreed.length === 0 ? undefined : renames;
}

// ---- one side renamed

/** One end of what may be a rename. */
interface End {
  readonly path: RelativePath;
  /** What the side that renamed had there, or has. */
  readonly entry: Entry;
}

interface Search {
  readonly by: Side;
  readonly look: Looks;
  readonly input: ReconcileInput;
  readonly shapes: Shapes;
  readonly sources: readonly End[];
  readonly targets: readonly End[];
  readonly found: Rename[];
  /** Ends of renames that were found, with all that is below. */
  readonly taken: Set<RelativePath>;
}

/** What the four trees hold at a path. */
interface Looks {
  readonly now: Sides<Lookup>;
  readonly before: Sides<Lookup>;
}

function renamedBy(by: Side, input: ReconcileInput, look: Looks, plan: Plan, shapes: Shapes): readonly Rename[] {
  const { targets, colliding } = targetsOf(by, look, plan);
  if (targets.length + colliding.length === 0) return [];
  const sources = sourcesOf(by, look, plan);
  if (sources.length === 0) return [];
  const search: Search = { by, look, input, shapes, sources, targets, found: [], taken: new Set() };
  matchCollisions(search, colliding);
  matchFolders(search);
  matchFiles(search);
  return search.found;
}

/** What both had and `by` has no more, where the plan is to delete it on the other side, or to bring back what that one made of it. */
function sourcesOf(by: Side, { now, before }: Looks, plan: Plan): readonly End[] {
  const to = otherSide(by);
  const paths = new Set<RelativePath>();
  const making = roomMakers(plan, to);
  for (const change of changesOf(plan, to)) if (change.new === undefined && !isBelow(change.path, making)) paths.add(change.path);
  for (const change of changesOf(plan, by)) if (change.old === undefined) paths.add(change.path);
  for (const conflict of plan.conflicts) if (conflict.reason === 'names-collide') paths.add(conflict.path);
  return [...paths].flatMap((path) => {
    const [entry, other] = [before[by](path), before[to](path)];
    if (!isSyncable(entry) || now[by](path) !== undefined || now[to](path)?.kind !== entry.kind || other?.kind !== entry.kind) return [];
    // Where it was held, the two sides had never meant the same by it.
    return entry.kind === 'file' && !sameContent(entry, other as File) ? [] : [{ path, entry }];
  });
}

/** Folders that something else takes the place of: what is in them has to go first, and is not there any more when the rest is made. */
function roomMakers(plan: Plan, side: Side): ReadonlySet<RelativePath> {
  const making = new Set<RelativePath>();
  for (const { path, old, new: next } of changesOf(plan, side)) {
    if (old?.kind === 'directory' && next !== undefined && next.kind !== 'directory') making.add(path);
  }
  return making;
}

/** What `by` has and neither had, where the plan is to make it on the other side; apart from these, what only collides there with another name. */
function targetsOf(by: Side, look: Looks, plan: Plan): { readonly targets: readonly End[]; readonly colliding: readonly End[] } {
  const { now, before } = look;
  const to = otherSide(by);
  const made = new Set<RelativePath>();
  const asEnd = (path: RelativePath): readonly End[] => {
    const entry = now[by](path);
    const isNew = before.alpha(path) === undefined && before.beta(path) === undefined;
    const parent = parentPath(path);
    const hasPlace = parent !== undefined && (made.has(parent) || isCommonFolder(look, parent));
    return isSyncable(entry) && isNew && hasPlace ? [{ path, entry }] : [];
  };
  const targets: End[] = [];
  for (const { path, old, new: next } of changesOf(plan, to)) {
    if (old !== undefined || next === undefined) continue;
    const ends = asEnd(path);
    if (ends.length > 0) made.add(path);
    targets.push(...ends);
  }
  const colliding = plan.conflicts.flatMap(({ path, reason, [to]: there }) =>
    reason === 'names-collide' && there === undefined && now[to](path) === undefined ? asEnd(path) : [],
  );
  return { targets, colliding };
}

/** A name that the other side's file system takes for the old one: that very one was renamed, or nothing. */
function matchCollisions(search: Search, targets: readonly End[]): void {
  const folding = search.input.folding?.[otherSide(search.by)];
  if (folding === undefined || targets.length === 0) return;
  const placeOf = ({ path }: End): string => `${parentPath(path)}/${foldName(baseName(path) ?? '', folding)}`;
  const sources = new Map(search.sources.map((source) => [placeOf(source), source]));
  for (const target of targets) {
    const source = sources.get(placeOf(target));
    if (source === undefined || source.entry.kind !== target.entry.kind) continue;
    const isOne =
      target.entry.kind === 'directory'
        ? isWhole(search, source, target)
        : target.entry.kind === 'file' && target.entry.sizeBytes > 0 && isFileOf(search, source, target.entry);
    if (isOne && isFree(search, source) && isFree(search, target) && isAllowed(search, source, target)) take(search, source, target);
  }
}

function matchFolders(search: Search): void {
  const { shapes } = search;
  const classes = new Map<number, { readonly nodes: number; readonly sources: End[]; readonly targets: End[] }>();
  for (const target of search.targets) {
    if (target.entry.kind !== 'directory') continue;
    const shape = shapes.of(target.entry);
    if (shape?.hasContent !== true) continue;
    const known = classes.get(shape.id);
    if (known === undefined) classes.set(shape.id, { nodes: shape.nodes, sources: [], targets: [target] });
    else known.targets.push(target);
  }
  if (classes.size === 0) return;
  for (const source of search.sources) {
    const shape = source.entry.kind === 'directory' ? shapes.of(source.entry) : undefined;
    if (shape !== undefined) classes.get(shape.id)?.sources.push(source);
  }
  for (const { sources, targets } of [...classes.values()].sort((a, b) => b.nodes - a.nodes)) {
    const whole = sources.filter((source) => isFree(search, source) && targets[0] !== undefined && isWhole(search, source, targets[0]));
    for (const [source, target] of pairUp(
      whole,
      targets.filter((target) => isFree(search, target)),
    )) {
      if (isAllowed(search, source, target)) take(search, source, target);
    }
  }
}

function matchFiles(search: Search): void {
  const there = search.look.now[otherSide(search.by)];
  const classes = new Map<string, { readonly kept: End[]; readonly edited: End[]; readonly targets: End[] }>();
  const classOf = (content: File) => {
    const key = contentKey(content);
    const known = classes.get(key) ?? { kept: [], edited: [], targets: [] };
    classes.set(key, known);
    return known;
  };
  for (const target of search.targets) {
    if (target.entry.kind === 'file' && target.entry.sizeBytes > 0 && isFree(search, target)) classOf(target.entry).targets.push(target);
  }
  if (classes.size === 0) return;
  for (const source of search.sources) {
    if (source.entry.kind !== 'file' || source.entry.sizeBytes === 0 || !isFree(search, source)) continue;
    const now = there(source.path) as File;
    if (sameContent(now, source.entry)) classOf(source.entry).kept.push(source);
    else {
      classOf(source.entry).edited.push(source);
      // Renamed and edited here, and the same edit was made there.
      classOf(now).edited.push(source);
    }
  }
  for (const { kept, edited, targets } of classes.values()) {
    const sources = edited.length + kept.length === 1 && targets.length === 1 ? [...kept, ...edited] : kept;
    for (const [source, target] of pairUp(sources, targets)) {
      if (isFree(search, source) && isAllowed(search, source, target)) take(search, source, target);
    }
  }
}

function contentKey({ digest, sizeBytes }: File): string {
  return `${sizeBytes} ${digest}`;
}

function isFileOf({ by, look }: Search, { path, entry }: End, content: File): boolean {
  const now = look.now[otherSide(by)](path);
  return (entry.kind === 'file' && sameContent(entry, content)) || (now?.kind === 'file' && sameContent(now, content));
}

/** Whether the folder is the same under both names, is all ours, and the other side still has all of it. */
function isWhole({ by, look, shapes }: Search, source: End, target: End): boolean {
  const shape = shapes.of(target.entry);
  const other = look.before[otherSide(by)](source.path);
  const there = look.now[otherSide(by)](source.path);
  if (shape === undefined || shapes.of(source.entry)?.id !== shape.id || other === undefined || shapes.of(other)?.id !== shape.id) return false;
  return isOurs(target.entry) && isOurs(there) && hasAllOf(there, source.entry);
}

function isOurs(tree: Entry | undefined): boolean {
  let ours = true;
  walk([tree], (_path, [entry]) => {
    ours &&= isSyncable(entry) && !(entry.kind === 'directory' && entry.hasUntracked === true);
    return ours;
  });
  return ours;
}

function hasAllOf(now: Entry | undefined, before: Entry): boolean {
  let all = true;
  walk([before, now], (_path, [was, is]) => {
    all &&= was === undefined || is?.kind === was.kind;
    return all && was !== undefined;
  });
  return all;
}

/** Pairs equals, one to one: the same name first, then the same folder, then in order. */
function pairUp(sources: readonly End[], targets: readonly End[]): readonly (readonly [End, End])[] {
  const pairs: (readonly [End, End])[] = [];
  let left = sources;
  let open = targets;
  for (const keyOf of [baseName, parentPath, () => '']) {
    const waiting = new Map<string | undefined, End[]>();
    for (const source of [...left].reverse()) {
      const key = keyOf(source.path);
      const known = waiting.get(key);
      if (known === undefined) waiting.set(key, [source]);
      else known.push(source);
    }
    const used = new Set<End>();
    open = open.filter((target) => {
      const source = waiting.get(keyOf(target.path))?.pop();
      if (source === undefined) return true;
      used.add(source);
      pairs.push([source, target]);
      return false;
    });
    left = left.filter((source) => !used.has(source));
  }
  return pairs;
}

/** Nothing above an end of a rename comes after it: it is larger, or was not there before, or is not gone. */
function isFree({ taken }: Search, { path }: End): boolean {
  return !taken.has(path);
}

function take({ found, taken }: Search, source: End, target: End): void {
  found.push({ from: source.path, to: target.path });
  for (const { path, entry } of [source, target]) walk([entry], (at) => taken.add(at).has(at), path);
}

/** Whether the policies let the other side be changed at both ends, for everything that moves. */
function isAllowed({ by, look, input: { policy } }: Search, source: End, target: End): boolean {
  if (policy.paths.length === 0) return true;
  const to = otherSide(by);
  let allowed = true;
  walk(
    [look.now[to](source.path)],
    (below, [entry]) => {
      const kind = entry?.kind === 'directory' ? 'directory' : 'other';
      const ends = [below, movedPath(below, { from: source.path, to: target.path })];
      allowed &&= ends.every((path) => rulesAt(policy, path, kind).fixed !== to);
      return allowed;
    },
    source.path,
  );
  return allowed;
}

/** Where something at or below the one end of a rename is to be. */
export function movedPath(path: RelativePath, { from, to }: Rename): RelativePath {
  return `${to}${path.slice(from.length)}` as RelativePath;
}

function isBelow(path: RelativePath, folders: ReadonlySet<RelativePath>): boolean {
  if (folders.size === 0) return false;
  for (let at = parentPath(path); at !== undefined; at = parentPath(at)) if (folders.has(at)) return true;
  return false;
}

function changesOf(plan: Plan, side: Side): Plan['alphaChanges'] {
  return side === 'alpha' ? plan.alphaChanges : plan.betaChanges;
}

// ---- both renamed

/**
 * Two new files of one name that differ, and one of them is what both had under another name and at least its own side has no more: then the other one is
 * an edit of it, and no conflict. A run that was cut off while it moved a file with an edit leaves this behind, too; perhaps with the edited file under both names.
 */
function renamedByBoth(look: Looks, plan: Plan, { policy }: ReconcileInput): readonly AgreedRename[] {
  const { now, before } = look;
  const isNewOnBoth = (path: RelativePath): boolean =>
    bothSides.every((side) => before[side](path) === undefined && now[side](path)?.kind === 'file') && isCommonFolder(look, parentPath(path));
  const targets = plan.conflicts.filter(({ path, reason }) => (reason === 'content' || reason === 'tie') && isNewOnBoth(path));
  if (targets.length === 0) return [];
  const lost = lostContents(look, plan);
  const wanted = new Map<RelativePath, AgreedRename[]>();
  for (const { path: to } of targets) {
    const sources = bothSides.flatMap((by) => {
      const there = otherSide(by);
      const [own, other] = [now[by](to) as File, now[there](to) as File];
      return [...(lost.get(contentKey(own)) ?? [])].flatMap((from): readonly AgreedRename[] => {
        const left = now[there](from);
        if (now[by](from) !== undefined) return [];
        if (left === undefined) return [{ from, to, leftOn: undefined }];
        const mayGo = left.kind === 'file' && sameContent(left, other) && rulesAt(policy, from, 'other').fixed !== there;
        return mayGo ? [{ from, to, leftOn: there }] : [];
      });
    });
    const named = sources.filter(({ from }) => baseName(from) === baseName(to));
    const source = named.length === 1 ? named[0] : sources.length === 1 ? sources[0] : undefined;
    if (source === undefined) continue;
    const known = wanted.get(source.from);
    if (known === undefined) wanted.set(source.from, [source]);
    else known.push(source);
  }
  return [...wanted.values()].flatMap((renames) => (renames.length === 1 ? renames : []));
}

/** Whether both sides have this folder, and had it when they last agreed; or it is new on both, and alike. */
function isCommonFolder({ now, before }: Looks, path: RelativePath | undefined): boolean {
  for (let at = path; at !== undefined; at = parentPath(at)) {
    if (now.alpha(at)?.kind !== 'directory' || now.beta(at)?.kind !== 'directory') return false;
    if (before.alpha(at)?.kind === 'directory' && before.beta(at)?.kind === 'directory') return true;
    if (!sameNode(now.alpha(at), now.beta(at))) return false;
  }
  return true;
}

/** The files that both had and at least one has no more, by content; empty ones aside. */
function lostContents({ before }: Looks, plan: Plan): ReadonlyMap<string, ReadonlySet<RelativePath>> {
  const lost = new Map<string, Set<RelativePath>>();
  const forgotten = plan.ancestorChanges.filter(({ alpha, beta }) => alpha === undefined && beta === undefined);
  const revived = [...plan.alphaChanges, ...plan.betaChanges].filter(({ old }) => old === undefined);
  for (const { path } of [...forgotten, ...revived]) {
    walk(
      [before.alpha(path), before.beta(path)],
      (at, [left, right]) => {
        if (left?.kind === 'file' && right?.kind === 'file' && left.sizeBytes > 0 && sameContent(left, right)) {
          const key = contentKey(left);
          lost.set(key, (lost.get(key) ?? new Set()).add(at));
        }
        return true;
      },
      path,
    );
  }
  return lost;
}
