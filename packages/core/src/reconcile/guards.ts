/**
 * Guards over the whole plan: predicates that ask, before the first byte changes, whether this looks like an accident. A root that is not mounted, a
 * folder that was emptied by mistake, a script that rewrote everything: each gives trees that are perfectly valid, and a plan that destroys something.
 *
 * A guard knows only trees and plans. Those that need a disk (a marker, free space, the kind of a root) belong to the engine.
 */
import { countTree } from '../tree/count.ts';
import { type Entry, isSyncable, sameContent } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { joinPath, parseRelativePath, type RelativePath, rootPath } from '../tree/path.ts';
import { childrenOf, walk } from '../tree/walk.ts';
import type { Ancestor } from './ancestor.ts';
import type { Change } from './change.ts';
import { bothSides, otherSide, type Plan, type Side } from './plan.ts';

/** Going on could destroy something. */
export interface GuardHalt {
  readonly reason: 'root-emptied' | 'path-emptied' | 'mass-delete' | 'mass-change';
  /** Where it was found (`root-emptied`, `path-emptied`), or where it would happen. */
  readonly side: Side;
  /** What was found, with its numbers, the side not named. */
  readonly message: string;
}

/** A share of the files that were agreed on (0 to 1), or a plain number of files. */
export type GuardLimit = { readonly share: number } | { readonly count: number };

export interface GuardFacts {
  /** `undefined`: first sync. Nothing was there that could have gone. */
  readonly ancestor: Ancestor | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
  /** Knows what was moved elsewhere; without it everything that is not there any more is gone. */
  readonly plan?: Plan | undefined;
}

/** All that the guards find, the worst first. */
export function findHalts({
  limits,
  include,
  ...facts
}: GuardFacts & {
  readonly plan: Plan;
  readonly limits: { readonly maxDelete: GuardLimit; readonly maxChange: GuardLimit };
  /** Of the scope, as configured. */
  readonly include: readonly string[];
}): readonly GuardHalt[] {
  const found = [
    rootEmptied(facts),
    ...includedPaths(include).map((path) => pathEmptied(facts, path)),
    massDelete(facts.plan, facts.ancestor, limits.maxDelete),
    massChange(facts.plan, facts.ancestor, limits.maxChange),
  ];
  return found.filter((halt) => halt !== undefined);
}

/** Two or more children in the ancestor, none now, and the other side still has some: more likely a missing mount than a wish. */
export function rootEmptied(facts: GuardFacts): GuardHalt | undefined {
  const found = emptiedAt(facts, rootPath);
  return (
    found && { reason: 'root-emptied', side: found.side, message: `the root is empty; it held ${found.children} entries when it was last synced` }
  );
}

/** The same for a folder that the scope names: it is as likely to be a mount of its own. */
export function pathEmptied(facts: GuardFacts, path: RelativePath): GuardHalt | undefined {
  const found = emptiedAt(facts, path);
  return (
    found && {
      reason: 'path-emptied',
      side: found.side,
      message: `${path} is empty or gone; it held ${found.children} entries when it was last synced`,
    }
  );
}

/** The plain paths among `include` entries; those with wildcards name no one folder. */
export function includedPaths(include: readonly string[]): readonly RelativePath[] {
  const paths: RelativePath[] = [];
  for (const entry of include) {
    if (/[*?[\]{}!\\]/.test(entry)) continue;
    const parsed = parseRelativePath(entry.replace(/^\/+|\/+$/g, ''));
    if (parsed.ok) paths.push(parsed.value);
  }
  return paths;
}

/** More files would be deleted on one side than `limit`; as a share, only from 20 files on. */
export function massDelete(plan: Plan, ancestor: Ancestor | undefined, limit: GuardLimit): GuardHalt | undefined {
  return overLimit('mass-delete', plan, ancestor, limit, isDeletion, deletionsLeast);
}

/** More files would get a new content on one side than `limit`; as a share, only from 100 files on. */
export function massChange(plan: Plan, ancestor: Ancestor | undefined, limit: GuardLimit): GuardHalt | undefined {
  return overLimit('mass-change', plan, ancestor, limit, isReplacement, replacementsLeast);
}

/** A share of a few files is soon reached. Below these numbers it does not count. */
const deletionsLeast = 20;
const replacementsLeast = 100;

function emptiedAt({ ancestor, plan, ...now }: GuardFacts, path: RelativePath): { readonly side: Side; readonly children: number } | undefined {
  if (ancestor === undefined) return undefined;
  for (const side of bothSides) {
    // A folder that held nothing then, and is still there for its out-of-scope content, is no loss.
    const stays = new Set(childrenOf(entryAt(now[side], path)).map(({ name }) => name));
    const moved = movedAway(plan, side);
    const children = childrenOf(entryAt(ancestor[side], path)).filter(
      ({ name, entry }) => (!stays.has(name) || childrenOf(entry).length > 0) && !isAllIn(moved, joinPath(path, name), entry),
    ).length;
    if (children >= 2 && isEmpty(now[side], path) && !isEmpty(now[otherSide(side)], path)) return { side, children };
  }
  return undefined;
}

/** What a side has moved to other places: there the other side is to follow. */
function movedAway(plan: Plan | undefined, side: Side): ReadonlySet<RelativePath> {
  const changes = side === 'alpha' ? plan?.betaChanges : plan?.alphaChanges;
  return new Set(changes?.flatMap(({ path, to }) => (to === undefined ? [] : [path])));
}

/** Whether an entry is among these paths, or all files are that are in it. */
function isAllIn(paths: ReadonlySet<RelativePath>, path: RelativePath, entry: Entry): boolean {
  if (paths.size === 0 || paths.has(path)) return paths.size > 0;
  let files = 0;
  let missing = false;
  walk(
    [entry],
    (at, [node]) => {
      if (node?.kind === 'directory') return !missing;
      files++;
      missing ||= !paths.has(at);
      return false;
    },
    path,
  );
  return files > 0 && !missing;
}

/** Nothing there that is synced. What could not be read may be anything, so it is not nothing; and neither is what a parent hides that could not be read. */
function isEmpty(tree: Entry | undefined, path: RelativePath): boolean {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/'))) as RelativePath) {
    if (entryAt(tree, at)?.kind === 'problematic') return false;
    if (at === rootPath) break;
  }
  const entry = entryAt(tree, path);
  if (entry?.kind !== 'directory') return !isSyncable(entry);
  return entry.children.every((child) => isHollow(child.entry));
}

/** Untracked, or a folder that is there for out-of-scope content alone: the parent of a pulled log or of the audit is made again before anybody looks. */
function isHollow(entry: Entry): boolean {
  const left: Entry[] = [entry];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next.kind === 'untracked') continue;
    if (next.kind !== 'directory' || (next.children.length === 0 && next.hasUntracked !== true)) return false;
    for (const child of next.children) left.push(child.entry);
  }
  return true;
}

function overLimit(
  reason: 'mass-delete' | 'mass-change',
  plan: Plan,
  ancestor: Ancestor | undefined,
  limit: GuardLimit,
  counts: (change: Change) => boolean,
  least: number,
): GuardHalt | undefined {
  for (const side of bothSides) {
    const changes = side === 'alpha' ? plan.alphaChanges : plan.betaChanges;
    let files = 0;
    for (const change of changes) if (counts(change)) files++;
    if (files === 0 || ('count' in limit ? files <= limit.count : files < least)) continue;
    const agreedOn = countTree(ancestor?.[side]);
    const ofFiles = agreedOn.files + agreedOn.symlinks;
    if ('count' in limit || files > limit.share * ofFiles) {
      return { reason, side, message: `${files} of ${ofFiles} files would be ${reason === 'mass-delete' ? 'deleted' : 'replaced'}` };
    }
  }
  return undefined;
}

function isFileLike(entry: Entry | undefined): boolean {
  return entry?.kind === 'file' || entry?.kind === 'symlink';
}

/** What moved is not gone. */
function isDeletion({ old, new: next, to }: Change): boolean {
  return isFileLike(old) && !isFileLike(next) && to === undefined;
}

/** Permissions alone replace nothing. */
function isReplacement({ old, new: next }: Change): boolean {
  if (!isFileLike(old) || !isFileLike(next)) return false;
  return !(old?.kind === 'file' && next?.kind === 'file' && sameContent(old, next));
}
