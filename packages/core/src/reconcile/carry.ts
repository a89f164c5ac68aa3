/**
 * Carrying: one side's state of a path, with all that is below, is to be the other side's. What can be in the way, and the changes that it takes.
 */
import { type Directory, type Entry, nodeOf, type Syncable } from '../tree/entry.ts';
import { baseName, joinPath, type RelativePath } from '../tree/path.ts';
import { childrenOf, joinChildren, reverseFrom, walk } from '../tree/walk.ts';
import { staysHeld, syncable } from './compare.ts';
import { otherSide, type Side, type Sides } from './plan.ts';
import { rulesAt } from './policy.ts';
import { planRemoval, type Removal } from './removal.ts';
import { inTheWay, type Obstacle, oneWay, remember, rememberOneSide, type Spot, type Work } from './work.ts';

/** What keeps one side's state from going to the other. */
export function findObstacle(work: Work, spot: Spot, from: Side): Obstacle | undefined {
  const { path, now, has } = spot;
  const to = otherSide(from);
  // One of the two is untracked here: it can neither be carried nor give way.
  if (now.alpha?.kind === 'untracked' || now.beta?.kind === 'untracked') return inTheWay;
  const [wanted, there] = [has[from], has[to]];
  if (wanted !== undefined && there?.kind === 'directory') {
    switch (removalOf(work, spot, to, there).kept) {
      case undefined:
        return undefined;
      case 'untracked':
        return inTheWay;
      case 'direction':
        return oneWay;
      case 'problem':
        return 'problem';
    }
  }
  if (wanted !== undefined && there === undefined && spot.parent !== undefined && collides(work, to, spot.parent.path, path, [spot.parent.now[to]])) {
    return { reason: 'names-collide', rule: 'names collide' };
  }
  return undefined;
}

/** Whether a new name would be another one's on that side; if not, it is taken from now on. */
function collides(work: Work, side: Side, directory: RelativePath, path: RelativePath, present: readonly (Entry | undefined)[]): boolean {
  const names = work.names[side];
  const name = baseName(path);
  if (names === undefined || name === undefined) return false;
  if (names.find(directory, name, present) !== undefined) return true;
  names.add(directory, name, present);
  return false;
}

/** Makes `to` as `from` is, here and below. Nothing is in the way. */
export function carry(work: Work, spot: Spot, from: Side): void {
  const { path, has } = spot;
  const to = otherSide(from);
  const [wanted, there] = [has[from], has[to]];
  forgetStale(work, spot, from);
  if (wanted === undefined) {
    if (there !== undefined) remove(work, to, removalOf(work, spot, to, there));
    return;
  }
  if (there?.kind === 'directory') {
    // A file or link takes the place of a directory: what is in it goes first.
    for (const step of removalOf(work, spot, to, there).steps)
      if (step.path !== path) work.changes[to].push({ path: step.path, old: nodeOf(step.entry), new: undefined });
  }
  work.changes[to].push({ path, old: there && nodeOf(there), new: madeFrom(wanted) });
  if (wanted.kind === 'directory') create(work, spot, from, wanted);
}

/**
 * Plans all that is in a directory for a side that has none there. What cannot be synced is left out. So is what is held on the other side alone: where one
 * file of an undone folder is edited, that file comes, and no more. But in the place of something else the folder comes whole.
 */
function create(work: Work, spot: Spot, from: Side, directory: Directory): void {
  const to = otherSide(from);
  const inPlaceOfNothing = spot.has[to] === undefined;
  const rest: { readonly path: RelativePath; readonly entry: Syncable; readonly before: Sides<Entry | undefined> }[] = [];
  const pushBelow = (parent: RelativePath, children: Directory, was: Sides<Entry | undefined>): void => {
    const first = rest.length;
    joinChildren([children, was.alpha, was.beta], (name, [entry, alpha, beta]) => {
      const wanted = syncable(entry);
      if (wanted === undefined) return;
      const path = joinPath(parent, name);
      const before = { alpha, beta };
      const only = (present: Entry | undefined): Sides<Entry | undefined> =>
        to === 'alpha' ? { alpha: undefined, beta: present } : { alpha: present, beta: undefined };
      if (inPlaceOfNothing && staysHeld(from, before, only(entry))) rememberOneSide(work, { path, before, now: only(entry) }, from);
      else if (isFixed(work, to, path, wanted)) {
        // Its policy has another direction than that of the directory, so it is not this change that decides about it.
        work.undecided.push({
          path,
          before,
          now: only(entry),
          parent: { path: parent, before: was, now: { alpha: undefined, beta: undefined }, parent: spot, isDecided: true },
        });
      } else if (collides(work, to, parent, path, [])) {
        work.conflicts.push({ path, reason: 'names-collide', ...only(entry), rule: 'names collide', resolution: 'skipped' });
      } else rest.push({ path, entry: wanted, before });
    });
    reverseFrom(rest, first);
  };
  pushBelow(spot.path, directory, spot.before);
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    work.changes[to].push({ path: next.path, old: undefined, new: madeFrom(next.entry) });
    if (next.entry.kind === 'directory') pushBelow(next.path, next.entry, next.before);
  }
}

/** Plans a deletion. A directory that holds what is not ours loses what was synced and stays, and both sides accept that. */
function remove(work: Work, to: Side, { steps }: Removal): void {
  for (const { path, entry, kept } of steps) {
    if (kept === undefined) work.changes[to].push({ path, old: nodeOf(entry), new: undefined });
    else if (kept === 'untracked') {
      const node = nodeOf(entry);
      remember(work, path, to === 'alpha' ? node : undefined, to === 'beta' ? node : undefined);
    }
    // Else it stays in the ancestor on both halves, so that the deletion is tried again when it can be.
  }
}

function removalOf(work: Work, { path }: Spot, side: Side, entry: Syncable): Removal {
  return planRemoval(path, entry, (below, node) => isFixed(work, side, below, node));
}

/** Whether a per-path policy forbids to change something on a side. For the path that is being decided the rules are known; this is for what is below it. */
function isFixed({ policy }: Work, side: Side, path: RelativePath, entry: Entry): boolean {
  return policy.paths.length > 0 && rulesAt(policy, path, entry.kind === 'directory' ? 'directory' : 'other').fixed === side;
}

/** An entry as it is to be made somewhere else: by itself, and without what only its own side has. */
function madeFrom(entry: Syncable): Syncable {
  return entry.kind === 'directory' ? { kind: 'directory', mode: entry.mode, children: [] } : entry;
}

/** Before a whole state is carried: what the ancestor has here and neither side has any more is forgotten, or it would look like two deletions later. */
function forgetStale(work: Work, { path, before, now, has }: Spot, from: Side): void {
  if (childrenOf(before.alpha).length === 0 && childrenOf(before.beta).length === 0) return;
  const inPlaceOfNothing = has[otherSide(from)] === undefined;
  walk(
    [before.alpha, before.beta, now.alpha, now.beta],
    (at, [wasAlpha, wasBeta, alpha, beta]) => {
      if (alpha?.kind === 'problematic' || beta?.kind === 'problematic') return false;
      if (syncable(alpha) === undefined && syncable(beta) === undefined) {
        if (wasAlpha !== undefined || wasBeta !== undefined) remember(work, at, undefined, undefined);
        return false;
      }
      // What stays where it is remembers by itself what is gone from it.
      if (inPlaceOfNothing && staysHeld(from, { alpha: wasAlpha, beta: wasBeta }, { alpha, beta })) return false;
      return wasAlpha !== undefined || wasBeta !== undefined;
    },
    path,
  );
}
