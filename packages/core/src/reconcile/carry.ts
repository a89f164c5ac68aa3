/**
 * Carrying: one side's state of a path, with all that is below, is to be the other side's. What can be in the way, and the changes that it takes.
 */
import { type Directory, type Entry, nodeOf, type Syncable } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { baseName, joinPath, type RelativePath } from '../tree/path.ts';
import { childrenOf, reverseFrom, walk } from '../tree/walk.ts';
import { syncable } from './compare.ts';
import { otherSide, type Side, type Sides } from './plan.ts';
import { rulesAt } from './policy.ts';
import { planRemoval, type Removal } from './removal.ts';
import { inTheWay, type Obstacle, oneWay, remember, type Spot, type Work } from './work.ts';

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
  forgetStale(work, spot);
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
  if (wanted.kind === 'directory') create(work, spot, to, wanted);
}

/** Plans all that is in a directory for a side that has nothing there. What cannot be synced is left out. */
function create(work: Work, spot: Spot, to: Side, directory: Directory): void {
  const rest: { readonly path: RelativePath; readonly entry: Syncable }[] = [];
  const pushBelow = (parent: RelativePath, { children }: Directory): void => {
    const first = rest.length;
    for (const { name, entry } of children) {
      const path = joinPath(parent, name);
      const wanted = syncable(entry);
      if (wanted === undefined) continue;
      const only = (present: Entry | undefined): Sides<Entry | undefined> =>
        to === 'alpha' ? { alpha: undefined, beta: present } : { alpha: present, beta: undefined };
      if (isFixed(work, to, path, wanted)) {
        // Its policy has another direction than that of the directory, so it is not this change that decides about it.
        work.undecided.push({
          path,
          before: { alpha: entryAt(work.ancestor.alpha, path), beta: entryAt(work.ancestor.beta, path) },
          now: only(entry),
          parent: { path: parent, before: spot.before, now: { alpha: undefined, beta: undefined }, parent: spot, isDecided: true },
        });
      } else if (collides(work, to, parent, path, [])) {
        work.conflicts.push({ path, reason: 'names-collide', ...only(entry), rule: 'names collide', resolution: 'skipped' });
      } else rest.push({ path, entry: wanted });
    }
    reverseFrom(rest, first);
  };
  pushBelow(spot.path, directory);
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    work.changes[to].push({ path: next.path, old: undefined, new: madeFrom(next.entry) });
    if (next.entry.kind === 'directory') pushBelow(next.path, next.entry);
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
function forgetStale(work: Work, { path, before, now }: Spot): void {
  if (childrenOf(before.alpha).length === 0 && childrenOf(before.beta).length === 0) return;
  walk(
    [before.alpha, before.beta, now.alpha, now.beta],
    (at, [wasAlpha, wasBeta, alpha, beta]) => {
      if (alpha?.kind === 'problematic' || beta?.kind === 'problematic') return false;
      if (syncable(alpha) !== undefined || syncable(beta) !== undefined) return wasAlpha !== undefined || wasBeta !== undefined;
      if (wasAlpha !== undefined || wasBeta !== undefined) remember(work, at, undefined, undefined);
      return false;
    },
    path,
  );
}
