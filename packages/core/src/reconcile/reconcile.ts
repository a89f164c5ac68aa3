/**
 * Reconcile: three trees say what is to be done.
 *
 * The ancestor is what the two sides last agreed on. Where one side is still as it was there, the other side's change is what somebody wanted, and it
 * travels. Where both have changed, either there is a way in which nobody loses anything, or it is a conflict, and that is for a policy or for people.
 * The idea is old (Balasubramaniam and Pierce, "What is a file synchronizer?", 1998); the rules are numbered in DESIGN.md, section 5, and are tried in order:
 *
 * 1. Both sides are the same: agreed.
 * 2. One side is as it was: the other side's change goes there.
 * 3. Both are directories: go on below; permissions are merged.
 * 4. Two files, one content: permissions are merged by themselves.
 * 5. Deletion against change: the change survives. A change of permissions alone does not.
 * 6. Two contents: a content conflict, settled by the policy.
 * 7. A directory against something else: a conflict, unless the policy names a side.
 *
 * The ancestor has a half for each side. Where the halves differ, the difference is *held*: both sides have accepted it, and each side's "as it was"
 * is its own half. So a held entry that nobody touches plans nothing.
 *
 * **Order.** Decisions are made from the root down, at each path by the five things known there: the two halves and the two sides of it, and the policy.
 * Below two directories each child is decided by itself. Everywhere else at most one side has anything below, so the decision is about all of it.
 *
 * **Renames.** A plan by paths knows no renames. They are found in it afterwards (`renames.ts`); where there are any, they are carried out first, on the other side and
 * in the ancestor, and what is left is decided once more by the same rules (`follow-renames.ts`).
 *
 * **Total.** There is no input on which this throws, and the same trees give the same plan. Swapping the sides swaps the plan.
 * Costs what changed on either side and its siblings, as long as unchanged directories can be told by reference or by Merkle digest.
 */

import { mergeFolding } from '../scope/fold.ts';
import { entryMoved } from '../scope/permission-masks.ts';
import { exactNames, type Folding } from '../scope/rules.ts';
import { type Directory, type Entry, type File, nodeOf, type Symlink, sameContent, sameNode } from '../tree/entry.ts';
import { baseName, joinPath, type RelativePath, rootPath } from '../tree/path.ts';
import { isSameAtOnce, joinChildren, reverseFrom } from '../tree/walk.ts';
import { type Ancestor, isUnsettled, unsettled } from './ancestor.ts';
import { carry, findObstacle } from './carry.ts';
import { bringsContent, isUnchanged, staysHeld, syncable } from './compare.ts';
import { conflictName } from './conflict-name.ts';
import { followRenames } from './follow-renames.ts';
import { createNamesTaken, isExact } from './names-taken.ts';
import { mergeModes } from './permissions.ts';
import { bothSides, otherSide, type Plan, type Side, type Sides } from './plan.ts';
import { type ClockRelation, type PathRules, type Policy, rulesAt } from './policy.ts';
import { findRenames } from './renames.ts';
import { namedSide, type SettleContext, settleContent } from './settle.ts';
import {
  leave,
  type Obstacle,
  oneWay,
  type Place,
  remember,
  rememberNow,
  rememberOneSide,
  report,
  reportProblem,
  reportProblemsBelow,
  type Spot,
  type Work,
} from './work.ts';

export interface ReconcileInput {
  /** `undefined`: the pair's first sync. Nothing is deleted then. */
  readonly ancestor: Ancestor | undefined;
  /** Content conflicts are settled as on a first sync, although there is an ancestor: it is what an interrupted first sync achieved. */
  readonly first?: boolean | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
  readonly policy: Policy;
  /** `undefined`: one clock made the times of both sides. */
  readonly clock?: ClockRelation | undefined;
  /** What each side's file system does to names. */
  readonly folding?: Sides<Folding> | undefined;
  /** Whether a file may be made at a path: the copy of a conflict's loser takes a name that is in scope, or none. Missing: everywhere. */
  readonly inScope?: ((path: RelativePath) => boolean) | undefined;
}

export function reconcile(input: ReconcileInput): Plan {
  const plan = reconcileByPath(input);
  const { ancestor } = input;
  const renames = findRenames(input, plan);
  return ancestor === undefined || renames === undefined ? plan : followRenames({ ...input, ancestor }, plan, renames, reconcileByPath);
}

/** The plan in which nothing moves: the rules alone. What was renamed is deleted here and made there. */
export function reconcileByPath({
  ancestor,
  first = ancestor === undefined,
  alpha,
  beta,
  policy,
  clock,
  folding = { alpha: exactNames, beta: exactNames },
  inScope = () => true,
}: ReconcileInput): Plan {
  const work: Work = {
    policy,
    clock,
    first,
    ancestor: ancestor ?? { alpha: undefined, beta: undefined },
    undecided: [],
    ancestorChanges: [],
    changes: { alpha: [], beta: [] },
    conflicts: [],
    problems: [],
    names: {
      alpha: isExact(folding.alpha) ? undefined : createNamesTaken(folding.alpha),
      beta: isExact(folding.beta) ? undefined : createNamesTaken(folding.beta),
    },
    keptNames: createNamesTaken(mergeFolding(folding.alpha, folding.beta)),
    inScope,
  };
  const rest: Place[] = [{ path: rootPath, before: work.ancestor, now: { alpha, beta }, parent: undefined }];
  for (let place = rest.pop(); place !== undefined; place = rest.pop()) {
    if (decide(work, place)) pushChildren(rest, place);
    else if (work.undecided.length > 0) rest.push(...work.undecided.splice(0).reverse());
  }
  return {
    ancestorChanges: work.ancestorChanges,
    alphaChanges: work.changes.alpha,
    betaChanges: work.changes.beta,
    conflicts: work.conflicts,
    problems: work.problems,
  };
}

function pushChildren(rest: Place[], parent: Place): void {
  const { path, before, now } = parent;
  const first = rest.length;
  joinChildren([before.alpha, before.beta, now.alpha, now.beta], (name, [wasAlpha, wasBeta, alpha, beta]) => {
    if (isSameAtOnce(alpha, wasAlpha) && isSameAtOnce(beta, wasBeta)) return;
    rest.push({ path: joinPath(path, name), before: { alpha: wasAlpha, beta: wasBeta }, now: { alpha, beta }, parent });
  });
  reverseFrom(rest, first);
}

/** Decides about one path. Returns whether its children are decided one by one; if not, nothing is left to decide below. */
function decide(work: Work, place: Place): boolean {
  const { path, before, now } = place;
  // Neither side has changed. They agreed, or the difference is held: in both cases there is nothing to do at any depth.
  if (isSameAtOnce(now.alpha, before.alpha) && isSameAtOnce(now.beta, before.beta)) return false;
  if (reportProblem(work, path, now)) return false;

  // By now each side is known. What is untracked is not ours: it counts as absent here, and as an obstacle where something would have to go.
  const spot: Spot = {
    path,
    before,
    now,
    parent: place.parent,
    had: { alpha: syncable(before.alpha), beta: syncable(before.beta) },
    has: { alpha: syncable(now.alpha), beta: syncable(now.beta) },
  };
  const { has } = spot;
  if (has.alpha === undefined && has.beta === undefined) {
    // Both have let go of it, so the ancestor does too. (Rule 1.)
    if (before.alpha !== undefined || before.beta !== undefined) remember(work, path, undefined, undefined);
    return false;
  }
  if (has.alpha?.kind === 'directory' && has.beta?.kind === 'directory') {
    mergeDirectories(work, spot, { alpha: has.alpha, beta: has.beta });
    return true;
  }
  decideWhole(work, spot);
  return false;
}

/** Rule 3. The children are decided after this, each by itself. */
function mergeDirectories(work: Work, spot: Spot, has: Sides<Directory>): void {
  const { path, had } = spot;
  const { fixed } = rulesAt(work.policy, path, 'directory');
  const before = {
    alpha: had.alpha?.kind === 'directory' ? had.alpha.mode : undefined,
    beta: had.beta?.kind === 'directory' ? had.beta.mode : undefined,
  };
  const modes = mergeModes({ alpha: has.alpha.mode, beta: has.beta.mode }, before, fixed);
  let moves = false;
  for (const side of bothSides) {
    if (modes[side] === has[side].mode) continue;
    const node = nodeOf(has[side]);
    work.changes[side].push({ path, old: node, new: { ...node, mode: modes[side] } });
    moves = true;
  }
  // A directory that is to be changed is remembered when that has been done. But what is decided below needs a directory to be remembered in.
  if (!moves || before.alpha === undefined || before.beta === undefined) rememberNow(work, spot);
}

/** At most one side has a directory here, so what is decided holds for everything below. */
function decideWhole(work: Work, spot: Spot): void {
  const { path, before, now, has } = spot;
  for (const side of bothSides) reportProblemsBelow(work, spot, side);
  if (has.alpha !== undefined && has.beta !== undefined) {
    // Rule 1.
    if (sameNode(has.alpha, has.beta)) return rememberNow(work, spot);
    if (has.alpha.kind === 'file' && has.beta.kind === 'file') return mergeFiles(work, spot, { alpha: has.alpha, beta: has.beta });
  }
  const changed = { alpha: !isUnchanged(now.alpha, before.alpha), beta: !isUnchanged(now.beta, before.beta) };
  const rules = rulesAt(work.policy, path, has.alpha?.kind === 'directory' || has.beta?.kind === 'directory' ? 'directory' : 'other');
  if (changed.alpha && changed.beta) return bothChanged(work, spot, rules);
  if (changed.alpha) return oneChanged(work, spot, 'alpha', rules);
  if (changed.beta) return oneChanged(work, spot, 'beta', rules);
}

/** Rule 2: the other side is as it was, so this change is all that was wanted here. */
function oneChanged(work: Work, spot: Spot, from: Side, rules: PathRules): void {
  if (staysHeld(from, spot.before, spot.now)) return rememberOneSide(work, spot, from);
  // One way: what the other end did with its copy is its own affair, as long as nothing has to go there.
  if (rules.fixed === otherSide(from)) return;
  const obstacle = findObstacle(work, spot, from);
  if (obstacle === undefined) carry(work, spot, from);
  else leave(work, spot, obstacle);
}

/** Rules 5 to 7: both sides differ from the ancestor, so it decides nothing by itself, and the two are not the same. */
function bothChanged(work: Work, spot: Spot, rules: PathRules): void {
  const { had, has } = spot;
  const brings = { alpha: bringsContent(has.alpha, had.alpha), beta: bringsContent(has.beta, had.beta) };
  if (brings.alpha && brings.beta) {
    // Both exist, each with something new, and at most one is a directory.
    if (has.alpha === undefined || has.beta === undefined) return;
    if (has.alpha.kind === 'directory' || has.beta.kind === 'directory') return settleKinds(work, spot, rules);
    return settleLeaves(work, spot, { alpha: has.alpha, beta: has.beta }, rules);
  }
  // At least one side only deleted, or changed permissions. Giving that up loses no content, so a classic merge's conflict is spared: the side with something
  // new survives, whole. If neither has anything new, the one that deleted more wins; that is the one with nothing left.
  const from = brings.alpha || (!brings.beta && has.alpha === undefined) ? 'alpha' : brings.beta || has.beta === undefined ? 'beta' : undefined;
  // Two kinds that were held side by side, and each only became less: still no reason to prefer one.
  if (from === undefined) return;
  const obstacle = rules.fixed === otherSide(from) ? oneWay : findObstacle(work, spot, from);
  if (obstacle === undefined) carry(work, spot, from);
  else leave(work, spot, obstacle);
}

/** Rules 2, 4 and 6 for two files that differ in content or mode. The two are decided apart: an edit here and a `chmod` there are both kept. */
function mergeFiles(work: Work, spot: Spot, has: Sides<File>): void {
  const { path, had } = spot;
  const rules = rulesAt(work.policy, path, 'other');
  const same = sameContent(has.alpha, has.beta);
  const edited = { alpha: !isContentOf(had.alpha, has.alpha), beta: !isContentOf(had.beta, has.beta) };
  let source: Side | undefined;
  if (!same && edited.alpha && edited.beta) {
    // A file whose conflict stays open is left alone altogether, its permissions too.
    source = settle(work, spot, has, rules);
    if (source === undefined) return;
  } else if (!same && edited.alpha !== edited.beta) {
    source = edited.alpha ? 'alpha' : 'beta';
    if (rules.fixed === otherSide(source)) return;
  }
  const before = { alpha: had.alpha?.kind === 'file' ? had.alpha.mode : undefined, beta: had.beta?.kind === 'file' ? had.beta.mode : undefined };
  const modes = mergeModes({ alpha: has.alpha.mode, beta: has.beta.mode }, before, rules.fixed);
  let moves = false;
  for (const side of bothSides) {
    const next: File = { ...has[source ?? side], mode: modes[side] };
    if (sameNode(next, has[side])) continue;
    work.changes[side].push({ path, old: has[side], new: next });
    moves = true;
  }
  if (!moves) rememberNow(work, spot);
}

function isContentOf(entry: Entry | undefined, content: File): boolean {
  return entry?.kind === 'file' && sameContent(entry, content);
}

/** Rule 6 where at least one of the two is a link. */
function settleLeaves(work: Work, spot: Spot, has: Sides<File | Symlink>, rules: PathRules): void {
  const winner = settle(work, spot, has, rules);
  if (winner === undefined) return;
  const loser = otherSide(winner);
  work.changes[loser].push({ path: spot.path, old: has[loser], new: has[winner] });
}

/** Reports a content conflict and returns the winner, if there is one. A loser that is to be kept beside it has its changes planned here. */
function settle(work: Work, spot: Spot, has: Sides<File | Symlink>, rules: PathRules): Side | undefined {
  const settlement = settleContent(has, rules, contextOf(work, spot));
  const { winner, resolution } = settlement;
  if (winner !== undefined && resolution !== 'keep-both') {
    report(work, spot, settlement);
    return winner;
  }
  const keptAs = winner && nameForLoser(work, spot, otherSide(winner));
  if (winner === undefined || keptAs === undefined) {
    const rule = winner === undefined ? settlement.rule : `${settlement.rule}, but no name is left`;
    leaveOpen(work, spot, { ...settlement, rule });
    return undefined;
  }
  const kept = entryMoved(work.policy.masks, has[otherSide(winner)], spot.path, keptAs);
  for (const side of bothSides) work.changes[side].push({ path: keptAs, old: undefined, new: kept });
  report(work, spot, settlement, keptAs);
  return winner;
}

/** What was left open on a first sync is still to be settled as on one. */
function contextOf({ policy, clock, first }: Work, { before }: Spot): SettleContext {
  return { policy, clock, first: first || isUnsettled(before.alpha) };
}

function nameForLoser(work: Work, { path, parent }: Spot, loser: Side): RelativePath | undefined {
  const name = baseName(path);
  if (name === undefined || parent === undefined) return undefined;
  const present = [parent.now.alpha, parent.now.beta];
  const kept = conflictName(name, {
    host: work.policy.naming[loser],
    date: work.policy.naming.date,
    isTaken: (candidate) => !work.inScope(joinPath(parent.path, candidate)) || work.keptNames.find(parent.path, candidate, present) !== undefined,
  });
  if (kept === undefined) return undefined;
  work.keptNames.add(parent.path, kept, present);
  return joinPath(parent.path, kept);
}

/** Rule 7. No time says whether a directory or a file is meant. */
function settleKinds(work: Work, spot: Spot, rules: PathRules): void {
  const winner = namedSide(rules, contextOf(work, spot));
  if (winner === undefined) return leaveOpen(work, spot, { reason: 'kinds', rule: '7 kinds differ' });
  const loser = otherSide(winner);
  if (rules.fixed === loser) return leaveOpen(work, spot, oneWay);
  // A directory is not replaced without deleting what is in it, and a first sync deletes nothing; nor does a later run, until it is asked to by `first`.
  const isOpen = isUnsettled(spot.before.alpha) && work.policy.first === undefined;
  if ((work.first || isOpen) && spot.has[loser]?.kind === 'directory') return leaveOpen(work, spot, { reason: 'first-sync', rule: '7 first sync' });
  const obstacle = findObstacle(work, spot, winner);
  if (obstacle !== undefined) return leaveOpen(work, spot, obstacle);
  report(work, spot, { reason: 'kinds', rule: `7 ${winner}`, resolution: winner, winner });
  carry(work, spot, winner);
}

/** Two wills that met without ever having agreed: that is remembered for as long as nobody settles it. */
function leaveOpen(work: Work, spot: Spot, obstacle: Obstacle): void {
  if (work.first) remember(work, spot.path, unsettled, unsettled);
  leave(work, spot, obstacle);
}
