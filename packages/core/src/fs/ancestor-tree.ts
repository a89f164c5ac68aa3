/**
 * The two trees of an ancestor, from a flat list in walk order and back: how a snapshot of the archive is read and written.
 *
 * The trees share what is agreed, by reference: a directory of which both halves are the same in everything below is one object in both trees,
 * so that comparing the halves costs nothing but where they differ.
 */

import type { Digest } from '../hash/digest.ts';
import type { Ancestor, AncestorChange } from '../reconcile/ancestor.ts';
import { type Child, type Entry, isIdenticalNode } from '../tree/entry.ts';
import { compareNames, type Name } from '../tree/name.ts';
import { baseName, parentPath, type RelativePath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import type { Parsed } from '../util/parsed.ts';

export interface FlatAncestor {
  /** Every path that is there on one half at least, each once, a directory before what is in it, siblings by `compareNames`. */
  readonly changes: readonly AncestorChange[];
  /** Merkle digests of alpha's directories, in the same order, empty for one that is not known; `undefined`: none is known. */
  readonly merkles: readonly (Digest | '')[] | undefined;
}

/** `O(entries)`. */
export function flattenAncestor({ alpha, beta }: Ancestor): FlatAncestor & { readonly merkles: readonly (Digest | '')[] } {
  const changes: AncestorChange[] = [];
  const merkles: (Digest | '')[] = [];
  const add = (path: RelativePath, left: Entry | undefined, right: Entry | undefined): true => {
    changes.push({ path, alpha: left, beta: right });
    if (left?.kind === 'directory') merkles.push(left.merkle ?? '');
    return true;
  };
  if (alpha === beta) walk([alpha], (path, [both]) => add(path, both, both));
  else walk([alpha, beta], (path, [left, right]) => add(path, left, right));
  return { changes, merkles };
}

/** The reverse. Refuses what is not in walk order, or lies below something that is no directory on its half. */
export function buildAncestor({ changes, merkles }: FlatAncestor): Parsed<Ancestor> {
  let nextMerkle = 0;
  let root: Ancestor = { alpha: undefined, beta: undefined };
  const stack: Level[] = [];

  const close = (level: Level): void => {
    const built = finishLevel(level);
    const above = stack.at(-1);
    if (above === undefined) root = built;
    else addChild(above, level.name, built);
  };

  for (const [index, change] of changes.entries()) {
    const { path, alpha, beta } = change;
    const parent = parentPath(path);
    while (stack.length > 0 && stack.at(-1)?.change.path !== parent) close(stack.pop() as Level);
    const above = stack.at(-1);
    if ((above === undefined) !== (index === 0) || (index === 0) !== (path === '')) return { ok: false, error: `${path} has no parent before it` };
    const name = baseName(path) ?? ('' as Name);
    if (above !== undefined) {
      if (above.lastName !== undefined && compareNames(above.lastName, name) >= 0) return { ok: false, error: `${path} is out of order` };
      above.lastName = name;
      if ((alpha !== undefined && above.change.alpha?.kind !== 'directory') || (beta !== undefined && above.change.beta?.kind !== 'directory')) {
        return { ok: false, error: `${path} lies in no directory` };
      }
    }
    const merkle = alpha?.kind === 'directory' ? merkles?.[nextMerkle++] : undefined;
    if (alpha?.kind === 'directory' || beta?.kind === 'directory') {
      stack.push({
        change,
        name,
        merkle: merkle === '' ? undefined : merkle,
        alpha: [],
        beta: [],
        differs: !isIdenticalNode(alpha, beta),
        lastName: undefined,
      });
    } else if (above === undefined) root = { alpha, beta };
    else addChild(above, name, { alpha, beta });
  }
  while (stack.length > 0) close(stack.pop() as Level);
  if (merkles !== undefined && nextMerkle !== merkles.length) return { ok: false, error: 'one Merkle digest for each directory' };
  return { ok: true, value: root };
}

/** A directory (on one half at least) whose children are still coming. */
interface Level {
  readonly change: AncestorChange;
  readonly name: Name;
  readonly merkle: Digest | undefined;
  readonly alpha: Child[];
  readonly beta: Child[];
  /** Whether the halves differ in the node itself or anywhere below. */
  differs: boolean;
  lastName: Name | undefined;
}

function addChild(level: Level, name: Name, { alpha, beta }: Ancestor): void {
  if (alpha !== beta) level.differs = true;
  const child = alpha && { name, entry: alpha };
  if (child !== undefined) level.alpha.push(child);
  if (beta !== undefined) level.beta.push(child !== undefined && alpha === beta ? child : { name, entry: beta });
}

function finishLevel({ change, merkle, alpha, beta, differs }: Level): Ancestor {
  const left = change.alpha?.kind === 'directory' ? withChildren(change.alpha, alpha, merkle) : change.alpha;
  if (!differs) return { alpha: left, beta: left };
  return { alpha: left, beta: change.beta?.kind === 'directory' ? withChildren(change.beta, beta, undefined) : change.beta };
}

function withChildren({ mode, hasUntracked }: Extract<Entry, { kind: 'directory' }>, children: readonly Child[], merkle: Digest | undefined): Entry {
  return { kind: 'directory', mode, children, merkle, ...(hasUntracked ? { hasUntracked } : {}) };
}
