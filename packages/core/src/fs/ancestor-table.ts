/**
 * Ancestor changes in the form that is stored: node tables of alpha's half, and of beta's half where it differs.
 * Equal lists have equal tables, byte for byte, whatever objects they are made of; what is written on both ends is the same on both.
 */
import type { AncestorChange } from '../reconcile/ancestor.ts';
import { isIdenticalNode } from '../tree/entry.ts';
import { type NodeAt, type NodeTable, nodesToTable, tableToNodes } from '../tree/node-table.ts';
import type { Parsed } from '../util/parsed.ts';

export interface AncestorTable {
  /** Alpha's half of every change. */
  readonly nodes: readonly NodeTable[];
  /** Which changes have another half for beta: ascending indexes. */
  readonly heldAt: readonly number[];
  /** Beta's half of those. */
  readonly held: readonly NodeTable[];
}

/** `O(changes)`. */
export function changesToTable(changes: readonly AncestorChange[]): AncestorTable {
  const nodes: NodeAt[] = [];
  const heldAt: number[] = [];
  const held: NodeAt[] = [];
  for (const [index, { path, alpha, beta }] of changes.entries()) {
    nodes.push({ path, entry: alpha });
    if (isIdenticalNode(alpha, beta)) continue;
    heldAt.push(index);
    held.push({ path, entry: beta });
  }
  return { nodes: toTables(nodes), heldAt, held: toTables(held) };
}

/** Agreed changes come with one node for both halves. */
export function tableToChanges(value: unknown, { nodesMax }: { readonly nodesMax: number }): Parsed<AncestorChange[]> {
  const { nodes, heldAt, held } = (value ?? {}) as Partial<Record<keyof AncestorTable, unknown>>;
  const alpha = fromTables(nodes, nodesMax);
  if (!alpha.ok) return alpha;
  const beta = fromTables(held, nodesMax);
  if (!beta.ok) return beta;
  if (!Array.isArray(heldAt) || heldAt.length !== beta.value.length) return { ok: false, error: 'one index for each held node' };
  const changes: AncestorChange[] = [];
  let next = 0;
  for (const [index, { path, entry }] of alpha.value.entries()) {
    const other = heldAt[next] === index ? beta.value[next++] : undefined;
    if (other !== undefined && other.path !== path) return { ok: false, error: 'a held node at another path' };
    changes.push({ path, alpha: entry, beta: other === undefined ? entry : other.entry });
  }
  if (next !== heldAt.length) return { ok: false, error: 'held nodes of no change' };
  return { ok: true, value: changes };
}

/** A table has digests of one kind; while a pair changes from one kind to the other, its archive has both. */
function toTables(nodes: readonly NodeAt[]): NodeTable[] {
  const tables: NodeTable[] = [];
  let start = 0;
  let digestLength = 0;
  for (const [index, { entry }] of nodes.entries()) {
    if (entry?.kind !== 'file' || entry.digest.length === digestLength) continue;
    if (digestLength !== 0) {
      tables.push(nodesToTable(nodes.slice(start, index)));
      start = index;
    }
    digestLength = entry.digest.length;
  }
  if (start < nodes.length) tables.push(nodesToTable(nodes.slice(start)));
  return tables;
}

function fromTables(value: unknown, nodesMax: number): Parsed<NodeAt[]> {
  if (!Array.isArray(value)) return { ok: false, error: 'not a list of node tables' };
  const nodes: NodeAt[] = [];
  for (const table of value as readonly unknown[]) {
    const parsed = tableToNodes(table, { nodesMax: nodesMax - nodes.length });
    if (!parsed.ok) return parsed;
    for (const node of parsed.value) nodes.push(node);
  }
  return { ok: true, value: nodes };
}
