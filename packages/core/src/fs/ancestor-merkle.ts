import type { DigestKind } from '../hash/digest.ts';
import { withMerkle } from '../hash/merkle.ts';
import type { Ancestor } from '../reconcile/ancestor.ts';
import { shareHalves } from '../reconcile/share-halves.ts';
import { buildAncestor, flattenAncestor } from './ancestor-tree.ts';
import { loadHashing } from './hasher.ts';

/** Both trees with a Merkle digest on every directory, shared as before. Costs the directories that have none. */
export async function withAncestorMerkle(ancestor: Ancestor, kind: DigestKind): Promise<Ancestor> {
  const { alpha, beta } = ancestor;
  const { hash } = await loadHashing(kind);
  const left = alpha && withMerkle(alpha, hash);
  if (alpha === beta) return { alpha: left, beta: left };
  return shareHalves({ alpha: left, beta: beta && withMerkle(beta, hash) }, ancestor);
}

/** Both trees without any: after a change of the kind of digest, the old ones mean nothing. */
export function withoutAncestorMerkle(ancestor: Ancestor): Ancestor {
  const built = buildAncestor({ changes: flattenAncestor(ancestor).changes, merkles: undefined });
  return built.ok ? built.value : ancestor;
}
