import type { Scope } from '../scope/scope.ts';
import { setNodes } from '../tree/edit.ts';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import type { NodeAt } from '../tree/node-table.ts';
import { type RelativePath, rootPath } from '../tree/path.ts';
import { childrenOf, walk } from '../tree/walk.ts';
import type { Ancestor } from './ancestor.ts';

/**
 * The part of an ancestor that a scope still covers, as a scan with that scope would have it. For whoever asks what went away: what only left the scope did not.
 * Costs the entries.
 */
export function withinScope({ alpha, beta }: Ancestor, scope: Scope): Ancestor {
  const left = partWithin(alpha, scope);
  return { alpha: left, beta: beta === alpha ? left : partWithin(beta, scope) };
}

function partWithin(tree: Entry | undefined, scope: Scope): Entry | undefined {
  const out: NodeAt[] = [];
  const onTheWay: RelativePath[] = [];
  walk([tree], (path, [entry]) => {
    const kind = entry?.kind === 'directory' ? 'directory' : 'other';
    if (path === rootPath || scope.includes(path, kind)) return true;
    const isEntered = kind === 'directory' && scope.enters(path);
    if (isEntered) onTheWay.push(path);
    else out.push({ path, entry: undefined });
    return isEntered;
  });
  let part = setNodes(tree, out);
  // A folder that only leads to something in scope is there as long as that is.
  for (const path of onTheWay.reverse()) {
    if (childrenOf(entryAt(part, path)).length === 0) part = setNodes(part, [{ path, entry: undefined }]);
  }
  return part;
}
