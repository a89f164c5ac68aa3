import { type Entry, isSyncable, type Syncable } from '../tree/entry.ts';
import { joinPath, type RelativePath } from '../tree/path.ts';
import { childrenOf, reverseFrom } from '../tree/walk.ts';

/** What it takes to remove an entry with all below it. */
export interface Removal {
  /** What is in a directory comes before the directory. */
  readonly steps: readonly RemovalStep[];
  /** Why the entry itself cannot go; `undefined`: it can. */
  readonly kept: Kept | undefined;
}

export interface RemovalStep {
  readonly path: RelativePath;
  readonly entry: Syncable;
  readonly kept: Kept | undefined;
}

/**
 * Why something stays: it holds what is out of scope or untracked, it (or something below) is not to be changed, or something below could not be read.
 * The later ones say more: of a directory that holds several of these, the last in this list counts.
 */
export type Kept = 'untracked' | 'direction' | 'problem';

/** Costs the entries below. `isFixed`: what is not to be changed on this side. */
export function planRemoval(path: RelativePath, entry: Syncable, isFixed: (path: RelativePath, entry: Entry) => boolean): Removal {
  const root: Node = { path, entry, parent: undefined, kept: undefined };
  const nodes: Node[] = [];
  const rest: Node[] = [root];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    nodes.push(node);
    if (node.entry.kind === 'directory' && node.entry.hasUntracked) keep(node, 'untracked');
    if (node !== root && isFixed(node.path, node.entry)) {
      keep(node, 'direction');
      continue;
    }
    const first = rest.length;
    for (const { name, entry: child } of childrenOf(node.entry)) {
      if (isSyncable(child)) rest.push({ path: joinPath(node.path, name), entry: child, parent: node, kept: undefined });
      else keep(node, child.kind === 'untracked' ? 'untracked' : 'problem');
    }
    reverseFrom(rest, first);
  }
  // Parents come before their children, so from the end every node is complete when it is reached.
  for (const { parent, kept } of nodes.toReversed()) {
    if (parent !== undefined && kept !== undefined) keep(parent, kept);
  }
  return { steps: childrenFirst(nodes), kept: root.kept };
}

interface Node {
  readonly path: RelativePath;
  readonly entry: Syncable;
  readonly parent: Node | undefined;
  kept: Kept | undefined;
}

function keep(node: Node, why: Kept): void {
  if (node.kept === undefined || weight[node.kept] < weight[why]) node.kept = why;
}

const weight: Readonly<Record<Kept, number>> = { untracked: 1, direction: 2, problem: 3 };

function childrenFirst(nodes: readonly Node[]): readonly RemovalStep[] {
  const steps: RemovalStep[] = [];
  const open: Node[] = [];
  const closeUntil = (parent: Node | undefined): void => {
    for (let last = open.at(-1); last !== undefined && last !== parent; last = open.at(-1)) {
      steps.push(last);
      open.pop();
    }
  };
  for (const node of nodes) {
    closeUntil(node.parent);
    open.push(node);
  }
  closeUntil(undefined);
  return steps;
}
