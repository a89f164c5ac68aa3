/** Where in the text of a YAML document a key or a value stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';

export interface Position {
  /** From 1. */
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;
}

export type KeyPath = readonly (string | number)[];

/** Of the value at this path; of what is nearest above it, if the value is not there. */
export function positionOfValue(document: Document, lines: LineCounter, path: KeyPath): Position {
  let node: unknown = document.contents;
  let offset = offsetOf(node) ?? 0;
  for (const segment of path) {
    const found = childOf(document, node, segment);
    if (found === undefined) break;
    node = found.value;
    offset = offsetOf(node) ?? offsetOf(found.key) ?? offset;
  }
  return positionAt(lines, offset);
}

/** Of the value at this path; `undefined` if it is not written there. */
export function findValue(document: Document, lines: LineCounter, path: KeyPath): Position | undefined {
  let node: unknown = document.contents;
  for (const segment of path) {
    node = childOf(document, node, segment)?.value;
    if (node === undefined) return undefined;
  }
  const offset = offsetOf(node);
  return offset === undefined ? undefined : positionAt(lines, offset);
}

/** Of the key `key` in the map at `path`. */
export function positionOfKey(document: Document, lines: LineCounter, path: KeyPath, key: string): Position {
  let node: unknown = document.contents;
  for (const segment of path) node = childOf(document, node, segment)?.value;
  const offset = offsetOf(childOf(document, node, key)?.key);
  return offset === undefined ? positionOfValue(document, lines, path) : positionAt(lines, offset);
}

export function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function childOf(document: Document, parent: unknown, segment: string | number): { readonly key: unknown; readonly value: unknown } | undefined {
  const node = isAlias(parent) ? parent.resolve(document) : parent;
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(segment));
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (isSeq(node) && typeof segment === 'number' && segment < node.items.length) return { key: undefined, value: node.items[segment] };
  return undefined;
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
