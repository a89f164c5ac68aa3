/**
 * The rules once more, slowly: written from DESIGN section 5, over maps from path to node, each question answered by looking at every path there is.
 * Shares with `reconcile` the types of its input and nothing else. Makes no plan: it changes the two maps, which are then what the two sides should be.
 * It knows no renames and no file systems that fold names.
 */
import type { Entry } from '../../tree/entry.ts';
import type { RelativePath } from '../../tree/path.ts';
import type { Side, Sides } from '../plan.ts';
import type { Policy } from '../policy.ts';
import type { ReconcileInput } from '../reconcile.ts';

export interface NaiveOutcome {
  /** Both sides afterwards, a line for each path, in the order of the lines. */
  readonly alpha: readonly string[];
  readonly beta: readonly string[];
  /** `path reason resolution`, likewise. */
  readonly conflicts: readonly string[];
  /** `path side code`, likewise. */
  readonly problems: readonly string[];
}

/** What is at a path by itself: its children are other paths. */
type Node = Entry;
type Tree = Map<string, Node>;

export function naiveReconcile(input: ReconcileInput): NaiveOutcome {
  const had: Sides<Tree> = { alpha: flatten(input.ancestor?.alpha), beta: flatten(input.ancestor?.beta) };
  const now: Sides<Tree> = { alpha: flatten(input.alpha), beta: flatten(input.beta) };
  const after: Sides<Tree> = { alpha: new Map(now.alpha), beta: new Map(now.beta) };
  const conflicts: string[] = [];
  const problems = new Set<string>();
  const namesGiven = new Set<string>();
  const noAncestor = input.first ?? input.ancestor === undefined;

  decide('');
  return { alpha: linesOf(after.alpha), beta: linesOf(after.beta), conflicts: conflicts.sort(), problems: [...problems].sort() };

  function decide(path: string): void {
    const [a, b] = [now.alpha.get(path), now.beta.get(path)];
    if (a?.kind === 'problematic' || b?.kind === 'problematic') {
      if (a?.kind === 'problematic') problems.add(`${path} alpha ${a.code}`);
      if (b?.kind === 'problematic') problems.add(`${path} beta ${b.code}`);
      return;
    }
    if (!isOurs(a) && !isOurs(b)) return;
    if (a?.kind === 'directory' && b?.kind === 'directory') {
      mergePermissions(path, { alpha: a, beta: b });
      for (const name of namesIn(path)) decide(join(path, name));
      return;
    }
    for (const side of sides)
      for (const [at, node] of within(now[side], path)) if (node.kind === 'problematic') problems.add(`${at} ${side} ${node.code}`);
    if (isOurs(a) && isOurs(b) && isSame(a, b)) return;
    if (a?.kind === 'file' && b?.kind === 'file') return decideFiles(path, { alpha: a, beta: b });
    const changed = sides.filter((side) => hasChanged(side, path));
    if (changed.length === 1) return oneChanged(path, changed[0] as Side);
    if (changed.length === 2) return bothChanged(path);
  }

  function decideFiles(path: string, files: Sides<Node & { kind: 'file' }>): void {
    const isMine = (side: Side): boolean => {
      const was = had[side].get(path);
      return !(was?.kind === 'file' && content(was) === content(files[side]));
    };
    if (content(files.alpha) === content(files.beta)) return mergePermissions(path, files);
    const edited = sides.filter(isMine);
    if (edited.length === 0) return mergePermissions(path, files);
    if (edited.length === 1) {
      const [from] = edited as [Side];
      if (mayChange(opposite(from), path)) mergePermissions(path, files, from);
      return;
    }
    const winner = settle(path);
    if (winner !== undefined) mergePermissions(path, files, winner);
  }

  /** Rule 2. */
  function oneChanged(path: string, from: Side): void {
    const to = opposite(from);
    const isHeldThere = isOurs(had[from].get(path)) && !isOurs(had[to].get(path)) && !isOurs(now[to].get(path));
    // Kept on one side: less of it is no news for the other.
    if (isHeldThere && !bringsNew(from, path)) return;
    if (!mayChange(to, path)) return;
    take(path, from);
  }

  function bothChanged(path: string): void {
    const fresh = sides.filter((side) => bringsNew(side, path));
    if (fresh.length === 2) {
      const folder = sides.find((side) => now[side].get(path)?.kind === 'directory');
      if (folder !== undefined) return settleKinds(path, folder);
      const winner = settle(path);
      if (winner !== undefined) after[opposite(winner)].set(path, now[winner].get(path) as Node);
      return;
    }
    // Rule 5.
    const survivor = fresh[0] ?? sides.find((side) => !isOurs(now[side].get(path)));
    if (survivor === undefined) return;
    if (!mayChange(opposite(survivor), path)) return void conflicts.push(`${path} direction skipped`);
    take(path, survivor);
  }

  /** One side's state of a path and all below becomes the other's. */
  function take(path: string, from: Side): void {
    const to = opposite(from);
    if (now.alpha.get(path)?.kind === 'untracked' || now.beta.get(path)?.kind === 'untracked')
      return void conflicts.push(`${path} untracked skipped`);
    const [wanted, there] = [now[from].get(path), now[to].get(path)];
    if (wanted === undefined) return void remove(to, path, true);
    if (there?.kind === 'directory') {
      const why = whyItStays(to, path, true);
      if (why !== undefined) {
        if (why !== 'problem') conflicts.push(`${path} ${why} skipped`);
        return;
      }
      for (const [at] of within(now[to], path)) after[to].delete(at);
    }
    copy(path, from, !isOurs(there));
  }

  /** `leaveHeld`: what was accepted to be on one side alone, and is not more than it was, stays there alone. */
  function copy(path: string, from: Side, leaveHeld: boolean): void {
    const to = opposite(from);
    const node = now[from].get(path) as Node;
    after[to].set(path, node.kind === 'directory' ? { kind: 'directory', mode: node.mode, children: [] } : node);
    if (node.kind !== 'directory') return;
    for (const name of namesIn(path)) {
      const below = join(path, name);
      if (!isOurs(now[from].get(below))) continue;
      if (leaveHeld && isOurs(had[from].get(below)) && !isOurs(had[to].get(below)) && !bringsNew(from, below)) continue;
      if (mayChange(to, below, now[from].get(below)?.kind)) copy(below, from, leaveHeld);
      else decide(below);
    }
  }

  /** Removes what can be; returns whether all could. */
  function remove(side: Side, path: string, isTop: boolean): boolean {
    const node = now[side].get(path);
    if (!isOurs(node)) return false;
    if (!isTop && !mayChange(side, path, node.kind)) return false;
    let isEmpty = !(node.kind === 'directory' && node.hasUntracked);
    if (node.kind === 'directory')
      for (const name of namesIn(path)) if (now[side].has(join(path, name))) isEmpty = remove(side, join(path, name), false) && isEmpty;
    if (isEmpty) after[side].delete(path);
    return isEmpty;
  }

  /** Of all that keeps a folder from being removed, what counts most. */
  function whyItStays(side: Side, path: string, isTop: boolean): 'problem' | 'direction' | 'untracked' | undefined {
    const node = now[side].get(path);
    if (node === undefined) return undefined;
    if (node.kind === 'problematic') return 'problem';
    if (node.kind === 'untracked') return 'untracked';
    const own = node.kind === 'directory' && node.hasUntracked ? 'untracked' : undefined;
    if (!isTop && !mayChange(side, path, node.kind)) return 'direction';
    const all = node.kind === 'directory' ? namesIn(path).map((name) => whyItStays(side, join(path, name), false)) : [];
    return (['problem', 'direction', 'untracked'] as const).find((why) => [...all, own].includes(why));
  }

  /** Rule 6: who keeps the name, if anybody. */
  function settle(path: string): Side | undefined {
    const { policy, clock } = input;
    const fixed = sides.find((side) => !mayChange(side, path));
    const wanted = wantedAt(path);
    const open = (reason: string): undefined => void conflicts.push(`${path} ${reason} skipped`);
    if (wanted === 'unasked') return open('first-sync');
    if (wanted === 'skip') return open('content');
    if (wanted === 'alpha' || wanted === 'beta') {
      if (fixed === opposite(wanted)) return open('direction');
      conflicts.push(`${path} content ${wanted}`);
      return wanted;
    }
    const time = (side: Side): number => {
      const node = now[side].get(path);
      return node?.kind === 'file' || node?.kind === 'symlink' ? node.mtimeMs : 0;
    };
    const onBetasClock = time('alpha') + (clock?.offsetMs ?? 0);
    const band = clock === undefined ? 0 : Math.max(1000, clock.uncertaintyMs);
    const later: Side | undefined = Math.abs(time('beta') - onBetasClock) <= band ? undefined : time('beta') > onBetasClock ? 'beta' : 'alpha';
    if (wanted === 'newer' && later === undefined && policy.onTie === 'skip') return open('tie');
    if (fixed !== undefined) return open('direction');
    if (wanted === 'newer' && later !== undefined) {
      conflicts.push(`${path} content ${later}`);
      return later;
    }
    // Both are kept.
    const reason = wanted === 'newer' ? 'tie' : 'content';
    const winner = later ?? lesser(path);
    const loser = opposite(winner);
    const keptAs = nameBeside(path, policy.naming[loser], policy.naming.date);
    if (keptAs === undefined) return open(reason);
    for (const side of sides) after[side].set(keptAs, now[loser].get(path) as Node);
    conflicts.push(`${path} ${reason} keep-both`);
    return winner;
  }

  function lesser(path: string): Side {
    const [a, b] = [now.alpha.get(path) as Node, now.beta.get(path) as Node];
    if (a.kind !== b.kind) return a.kind === 'file' ? 'alpha' : 'beta';
    return content(a) < content(b) ? 'alpha' : 'beta';
  }

  function nameBeside(path: string, host: string, date: string): string | undefined {
    const slash = path.lastIndexOf('/') + 1;
    const name = path.slice(slash).replace(/ \(conflict [^()]*\)(?=\.[^.]*$|$)/, '');
    const dot = name.lastIndexOf('.') > 0 ? name.lastIndexOf('.') : name.length;
    for (let number = 1; number < 100; number++) {
      const tried = `${path.slice(0, slash)}${name.slice(0, dot)} (conflict ${host} ${date}${number > 1 ? ` ${number}` : ''})${name.slice(dot)}`;
      if (now.alpha.has(tried) || now.beta.has(tried) || namesGiven.has(tried)) continue;
      namesGiven.add(tried);
      return tried;
    }
    return undefined;
  }

  /** Rule 7. */
  function settleKinds(path: string, folder: Side): void {
    const wanted = wantedAt(path);
    const open = (reason: string): void => void conflicts.push(`${path} ${reason} skipped`);
    if (wanted !== 'alpha' && wanted !== 'beta') return open('kinds');
    if (!mayChange(opposite(wanted), path)) return open('direction');
    if (wanted !== folder) {
      if (noAncestor || (wasLeftOpen(path) && input.policy.first === undefined)) return open('first-sync');
      const why = whyItStays(folder, path, true);
      if (why === 'problem') return;
      if (why !== undefined) return open(why);
    }
    conflicts.push(`${path} kinds ${wanted}`);
    take(path, wanted);
  }

  function wantedAt(path: string): Policy['conflicts'] | 'unasked' {
    const usual = exceptionAt(path, (each) => each.conflicts) ?? input.policy.conflicts;
    if (!noAncestor && !wasLeftOpen(path)) return usual;
    return input.policy.first ?? (usual === 'newer' ? 'unasked' : usual);
  }

  function wasLeftOpen(path: string): boolean {
    const was = had.alpha.get(path);
    return was?.kind === 'problematic' && was.code === 'SYNC_UNSETTLED';
  }

  function exceptionAt<T>(path: string, field: (each: Policy['paths'][number]) => T | undefined, kind?: string): T | undefined {
    const isFolder = kind === undefined ? sides.some((side) => now[side].get(path)?.kind === 'directory') : kind === 'directory';
    const found = input.policy.paths.filter(
      (each) => field(each) !== undefined && each.match.lastMatch(path as RelativePath, isFolder ? 'directory' : 'other') >= 0,
    );
    const last = found.at(-1);
    return last && field(last);
  }

  function mayChange(side: Side, path: string, kind?: string): boolean {
    const direction = exceptionAt(path, (each) => each.direction, kind) ?? input.policy.direction;
    return direction === 'both' || direction === (side === 'beta' ? 'alpha-to-beta' : 'beta-to-alpha');
  }

  /** Three fields of permissions, each by itself; with them, for two files, the content of one of the two. */
  function mergePermissions(path: string, nodes: Sides<Extract<Node, { readonly mode: number }>>, source?: Side): void {
    const before = sides.map((side) => {
      const was = had[side].get(path);
      return was?.kind === nodes[side].kind && 'mode' in was ? was.mode : undefined;
    });
    const merged = { alpha: 0, beta: 0 };
    for (const field of [0o700, 0o070, 0o007]) {
      const [a, b] = [nodes.alpha.mode & field, nodes.beta.mode & field];
      let next: Sides<number> = { alpha: a, beta: b };
      if (before[0] === undefined || before[1] === undefined) {
        const execute = (a | b) & 0o111;
        next = { alpha: a | execute, beta: b | execute };
      } else {
        const [byAlpha, byBeta] = [a !== (before[0] & field), b !== (before[1] & field)];
        const isOneWay = sides.some((side) => !mayChange(side, path));
        if (byAlpha && byBeta && !isOneWay) next = { alpha: a & b, beta: a & b };
        else if (byAlpha && !byBeta) next = { alpha: a, beta: a };
        else if (byBeta && !byAlpha) next = { alpha: b, beta: b };
      }
      for (const side of sides) merged[side] |= mayChange(side, path) ? next[side] : nodes[side].mode & field;
    }
    for (const side of sides) {
      const base = nodes[source ?? side];
      if (merged[side] === nodes[side].mode && (source === undefined || source === side)) continue;
      after[side].set(path, { ...base, mode: merged[side] });
    }
  }

  function namesIn(path: string): readonly string[] {
    const names = new Set<string>();
    for (const side of sides)
      for (const at of now[side].keys()) {
        if (at === '' || (path !== '' && !at.startsWith(`${path}/`))) continue;
        names.add((path === '' ? at : at.slice(path.length + 1)).split('/')[0] as string);
      }
    return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** Whether a side is not as it was, in anything that is ours, here or below. What could not be read is taken to be as it was. */
  function hasChanged(side: Side, path: string): boolean {
    const paths = new Set([...within(now[side], path), ...within(had[side], path)].map(([at]) => at));
    return [...paths].some((at) => {
      if (isBelowUnreadable(side, at)) return false;
      const [node, was] = [now[side].get(at), had[side].get(at)];
      return isOurs(node) !== isOurs(was) || (isOurs(node) && isOurs(was) && !isSame(node, was));
    });
  }

  function isBelowUnreadable(side: Side, path: string): boolean {
    return [...now[side]].some(([at, node]) => node.kind === 'problematic' && (path === at || path.startsWith(`${at}/`)));
  }

  /** Whether there is something, here or below, that the ancestor did not have: permissions are nothing new. */
  function bringsNew(side: Side, path: string): boolean {
    return within(now[side], path).some(([at, node]) => {
      const was = had[side].get(at);
      return isOurs(node) && !(was?.kind === node.kind && content(was) === content(node));
    });
  }
}

const sides = ['alpha', 'beta'] as const;

function opposite(side: Side): Side {
  return side === 'alpha' ? 'beta' : 'alpha';
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

function isOurs(node: Node | undefined): node is Node & { kind: 'directory' | 'file' | 'symlink' } {
  return node?.kind === 'directory' || node?.kind === 'file' || node?.kind === 'symlink';
}

function within(tree: Tree, path: string): readonly [string, Node][] {
  return [...tree].filter(([at]) => path === '' || at === path || at.startsWith(`${path}/`));
}

function content(node: Node): string {
  return node.kind === 'file' ? `${node.digest}${node.sizeBytes}` : node.kind === 'symlink' ? node.target : node.kind;
}

function isSame(a: Node, b: Node): boolean {
  return a.kind === b.kind && content(a) === content(b) && ('mode' in a ? a.mode : 0) === ('mode' in b ? b.mode : 0);
}

/** A map of a tree, for the oracle and for what it is compared with. */
export function flatten(entry: Entry | undefined, path = '', tree: Tree = new Map<string, Node>()): Tree {
  if (entry === undefined) return tree;
  if (entry.kind !== 'directory') return tree.set(path, entry);
  const { mode, hasUntracked, children } = entry;
  tree.set(path, hasUntracked ? { kind: 'directory', mode, children: [], hasUntracked } : { kind: 'directory', mode, children: [] });
  for (const { name, entry: child } of children) flatten(child, join(path, name), tree);
  return tree;
}

export function linesOf(tree: Tree): readonly string[] {
  return [...tree].map(([path, node]) => `${path} ${JSON.stringify(node)}`).sort();
}
