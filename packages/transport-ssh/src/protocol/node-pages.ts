/**
 * Lists of nodes, in pages. A page is a node table that fits into one frame whatever its paths hold, and whose paths written out take no more than a bounded
 * multiple of what came over the wire.
 */
import { type NodeAt, type NodeTable, nodesToTable, type Parsed, tableToNodes } from '@ubos/sync-core';
import { listCharactersMax, pageCharactersMax, pageRowsMax } from './limits.ts';

/** Upper bound of a page's bytes: a frame, less what results may add. The bounds per row are upper bounds, too; pages come out at about a third of it. */
const pageBytesMax = 704 * 1024;
const rowBytesMax = 96;

/** Cuts rows into pages. Digests within a page are of one size; where the size changes, so does the page. */
export function* cutPages<Row extends NodeAt>(rows: Iterable<Row>, sizeOf: (row: Row) => number = digestSize): Iterable<readonly Row[]> {
  let page: Row[] = [];
  let pageBytes = 0;
  let size = 0;
  for (const row of rows) {
    const bytes = rowBytesMax + 3 * (row.path.length + (row.entry?.kind === 'symlink' ? row.entry.target.length : 0));
    const rowSize = sizeOf(row);
    if (page.length > 0 && (pageBytes + bytes > pageBytesMax || page.length === pageRowsMax || (size !== 0 && rowSize !== 0 && rowSize !== size))) {
      yield page;
      page = [];
      pageBytes = 0;
      size = 0;
    }
    page.push(row);
    pageBytes += bytes;
    size ||= rowSize;
  }
  if (page.length > 0) yield page;
}

export function* cutTables(rows: Iterable<NodeAt>): Iterable<NodeTable> {
  for (const page of cutPages(rows)) yield nodesToTable(page);
}

function digestSize({ entry }: NodeAt): number {
  return entry?.kind === 'file' ? entry.digest.length : 0;
}

const tableFields = 10;

/** Reads the pages of one list. */
export class NodePagesReader {
  readonly #rowsMax: number;
  #characters = 0;
  rowCount = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  read(table: unknown): Parsed<readonly NodeAt[]> {
    if (typeof table !== 'object' || table === null || Object.keys(table).length !== tableFields) return { ok: false, error: 'not a node table' };
    const nodes = tableToNodes(table, { nodesMax: Math.min(pageRowsMax, this.#rowsMax - this.rowCount), charactersMax: pageCharactersMax });
    if (!nodes.ok) return nodes;
    if (nodes.value.length === 0) return { ok: false, error: 'a page without rows' };
    this.rowCount += nodes.value.length;
    for (const { path } of nodes.value) this.#characters += path.length;
    if (this.#characters > listCharactersMax) return { ok: false, error: 'paths that are too long all together' };
    return nodes;
  }
}
