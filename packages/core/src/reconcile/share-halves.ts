import { type Child, type Directory, type Entry, isIdenticalNode } from '../tree/entry.ts';
import { childNamed } from '../tree/lookup.ts';
import { childrenOf } from '../tree/walk.ts';
import type { Ancestor } from './ancestor.ts';

/**
 * Makes the halves of an ancestor share what they have in common: a directory of beta that is identical to alpha's, times and all below included,
 * becomes alpha's object. Looks only at what is not as it was in `before`, so it costs what changed and its siblings.
 */
export function shareHalves(now: Ancestor, before: Ancestor): Ancestor {
  if (now.alpha === now.beta || now.alpha === undefined || now.beta === undefined) return now;
  const pairs: Pair[] = [{ alpha: now.alpha, beta: now.beta, parent: undefined, index: 0, children: undefined }];
  const befores: Ancestor[] = [before];
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at] as Pair;
    const was = befores[at] as Ancestor;
    if (pair.alpha.kind !== 'directory' || pair.beta.kind !== 'directory') continue;
    // What neither half changed is shared, or not, as it was.
    if (pair.alpha === was.alpha && pair.beta === was.beta) continue;
    for (const [index, { name, entry }] of pair.beta.children.entries()) {
      const other = childNamed(pair.alpha, name);
      if (other === undefined || other === entry) continue;
      pairs.push({ alpha: other, beta: entry, parent: pair, index, children: undefined });
      befores.push({ alpha: belowOf(was.alpha, name), beta: belowOf(was.beta, name) });
    }
  }
  let root: Entry = now.beta;
  for (let at = pairs.length - 1; at >= 0; at--) {
    const pair = pairs[at] as Pair;
    const shared = closePair(pair);
    if (pair.parent === undefined) root = shared;
    else if (shared !== pair.beta) {
      const directory = pair.parent.beta as Directory;
      pair.parent.children ??= [...directory.children];
      pair.parent.children[pair.index] = { name: (directory.children[pair.index] as Child).name, entry: shared };
    }
  }
  return { alpha: now.alpha, beta: root };
}

/** Two entries of one name. */
interface Pair {
  readonly alpha: Entry;
  readonly beta: Entry;
  readonly parent: Pair | undefined;
  /** Among the children of the parent's beta. */
  readonly index: number;
  /** Beta's children, where one of them was exchanged. */
  children: Child[] | undefined;
}

function closePair({ alpha, beta, children }: Pair): Entry {
  if (beta.kind !== 'directory') return isIdenticalNode(alpha, beta) ? alpha : beta;
  const list = children ?? beta.children;
  if (isIdenticalNode(alpha, beta) && isSameList(childrenOf(alpha), list)) return alpha;
  return children === undefined ? beta : { ...beta, children };
}

function isSameList(a: readonly Child[], b: readonly Child[]): boolean {
  return a.length === b.length && a.every(({ name, entry }, index) => b[index]?.entry === entry && b[index].name === name);
}

function belowOf(entry: Entry | undefined, name: Child['name']): Entry | undefined {
  return entry?.kind === 'directory' ? childNamed(entry, name) : undefined;
}
