/**
 * What has become of a tree, as rows in walk order: how a scan crosses the wire. `applyTreeRows(base, treeDelta(base, tree))` is `tree` to the last field, times and
 * Merkle digests included, which no plan would call a difference but which the other end must have to decide as this one would.
 *
 * (`diff` of the core leaves out what is no difference to a plan, and its editing takes nodes in any order from a source that is trusted; hence this pair.)
 *
 * A row gives a node by itself, or says that nothing is there any more (then nothing is below either). A subtree that both trees share by reference costs nothing to
 * compare, to send and to rebuild. Rows are strictly in walk order, a path at most once: the reader checks it as it goes, and never holds the list.
 */
import {
  type Child,
  compareNames,
  type Digest,
  type Directory,
  digestFromBytes,
  type Entry,
  isWithin,
  joinPath,
  type Name,
  type NodeAt,
  nodesToTable,
  type Parsed,
  type RelativePath,
  rootPath,
} from '@ubos/sync-core';
import { listRowsMax } from './limits.ts';
import { loadAnswer, type TreePage } from './messages/pages.ts';
import { cutPages, NodePagesReader } from './node-pages.ts';
import type { WireStream } from './wire-stream.ts';

/** The rows that lead from `base` to `tree`. `O(entries that are not shared)`; no recursion, since a path may be thousands of names deep. */
export function* treeDelta(base: Entry | undefined, tree: Entry | undefined): Iterable<NodeAt> {
  if (base === tree) return;
  if (!sameRow(base, tree)) yield { path: rootPath, entry: tree };
  const stack: Pair[] = [];
  if (tree?.kind === 'directory') stack.push(pairOf(rootPath, base, tree));
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const left = top.base[top.baseAt];
    const right = top.tree[top.treeAt];
    if (left === undefined && right === undefined) {
      stack.pop();
      continue;
    }
    const order = left === undefined ? 1 : right === undefined ? -1 : compareNames(left.name, right.name);
    if (order <= 0) top.baseAt++;
    if (order >= 0) top.treeAt++;
    const before = order <= 0 ? left?.entry : undefined;
    const after = order >= 0 ? right?.entry : undefined;
    if (before === after) continue;
    const path = joinPath(top.path, (order <= 0 ? left : right)?.name as Name);
    if (!sameRow(before, after)) yield { path, entry: after };
    if (after?.kind === 'directory') stack.push(pairOf(path, before, after));
  }
}

interface Pair {
  readonly path: RelativePath;
  readonly base: readonly Child[];
  readonly tree: readonly Child[];
  baseAt: number;
  treeAt: number;
}

function pairOf(path: RelativePath, base: Entry | undefined, tree: Directory): Pair {
  return { path, base: base?.kind === 'directory' ? base.children : [], tree: tree.children, baseAt: 0, treeAt: 0 };
}

/** Same in every field but the children. */
function sameRow(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  switch (a.kind) {
    case 'directory':
      return b.kind === 'directory' && a.mode === b.mode && a.merkle === b.merkle && (a.hasUntracked ?? false) === (b.hasUntracked ?? false);
    case 'file':
      return b.kind === 'file' && a.mode === b.mode && a.digest === b.digest && a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs;
    case 'symlink':
      return b.kind === 'symlink' && a.target === b.target && a.mtimeMs === b.mtimeMs;
    case 'untracked':
      return b.kind === 'untracked' && a.reason === b.reason;
    case 'problematic':
      return b.kind === 'problematic' && a.code === b.code;
  }
}

// ---- pages

/** The rows as messages. The digests of a page are of one size, Merkle digests likewise or missing for all. */
export function* treePages(rows: Iterable<NodeAt>): Iterable<TreePage> {
  for (const page of cutPages(rows, ({ entry }) => (entry?.kind === 'file' ? entry.digest.length : 0))) {
    for (const part of cutByMerkle(page)) {
      const merkles = part.flatMap(({ entry }) => (entry?.kind === 'directory' && entry.merkle !== undefined ? [entry.merkle] : []));
      yield { type: 'tree', table: nodesToTable(part), merkleBytes: merkles[0]?.length ?? 0, merkles: Buffer.from(merkles.join(''), 'latin1') };
    }
  }
}

function* cutByMerkle(page: readonly NodeAt[]): Iterable<readonly NodeAt[]> {
  let start = 0;
  let size: number | undefined;
  for (const [index, { entry }] of page.entries()) {
    if (entry?.kind !== 'directory') continue;
    const own = entry.merkle?.length ?? 0;
    if (size !== undefined && own !== size) {
      yield page.slice(start, index);
      start = index;
    }
    size = own;
  }
  yield page.slice(start);
}

/** Reads pages of a tree and rebuilds it as they come. */
export class TreeReader {
  readonly #pages: NodePagesReader;
  readonly #builder: TreeBuilder;

  constructor(base: Entry | undefined, rowsMax: number) {
    this.#pages = new NodePagesReader(rowsMax);
    this.#builder = new TreeBuilder(base);
  }

  /** What is wrong with the page, if anything is. */
  read({ table, merkleBytes, merkles }: TreePage): string | undefined {
    const rows = this.#pages.read(table);
    if (!rows.ok) return rows.error;
    if (merkleBytes !== 0 && merkleBytes !== 16 && merkleBytes !== 32) return 'unknown digest size';
    const directories = rows.value.reduce((count, { entry }) => count + (entry?.kind === 'directory' ? 1 : 0), 0);
    if (merkles.length !== directories * merkleBytes) return 'one Merkle digest a directory, or none';
    let merkleAt = 0;
    for (const row of rows.value) {
      let merkle: Digest | undefined;
      if (row.entry?.kind === 'directory' && merkleBytes > 0) {
        merkle = digestFromBytes(merkles.subarray(merkleAt, merkleAt + merkleBytes));
        merkleAt += merkleBytes;
      }
      const wrong = this.#builder.add(row, merkle);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  finish(): Entry | undefined {
    return this.#builder.finish();
  }
}

/** A tree that is sent against `base`: its pages, and `done`. */
export async function receiveTree(stream: WireStream, base: Entry | undefined): Promise<Entry | undefined> {
  const tree = new TreeReader(base, listRowsMax);
  for (;;) {
    const answer = await stream.message(loadAnswer);
    if (answer.type === 'done') return tree.finish();
    const wrong = tree.read(answer);
    if (wrong !== undefined) stream.refuse(wrong);
  }
}

/** Applies rows to a tree. For tests and for whoever has all rows at hand. */
export function applyTreeRows(base: Entry | undefined, rows: Iterable<NodeAt>): Parsed<Entry | undefined> {
  const builder = new TreeBuilder(base);
  for (const row of rows) {
    const wrong = builder.add(row, row.entry?.kind === 'directory' ? row.entry.merkle : undefined);
    if (wrong !== undefined) return { ok: false, error: wrong };
  }
  return { ok: true, value: builder.finish() };
}

/** A directory that is being rebuilt: the children of before are copied up to where the next row stands. */
interface OpenDirectory {
  readonly path: RelativePath;
  readonly node: Directory;
  readonly base: readonly Child[];
  baseAt: number;
  readonly children: Child[];
  lastName: string | undefined;
}

class TreeBuilder {
  readonly #base: Entry | undefined;
  readonly #open: OpenDirectory[] = [];
  #root: Entry | undefined;
  #rowCount = 0;

  constructor(base: Entry | undefined) {
    this.#base = base;
  }

  add({ path, entry }: NodeAt, merkle: Digest | undefined): string | undefined {
    const isFirst = this.#rowCount++ === 0;
    if (path === rootPath) {
      if (!isFirst) return 'the root is the first row';
      this.#root = entry;
      if (entry?.kind === 'directory') this.#enter(rootPath, bare(entry, merkle), this.#base);
      return undefined;
    }
    if (isFirst && this.#base?.kind === 'directory') this.#enter(rootPath, this.#base, this.#base);
    return this.#place(path, entry, merkle);
  }

  finish(): Entry | undefined {
    if (this.#rowCount === 0) return this.#base;
    while (this.#open.length > 0) this.#leave();
    return this.#root;
  }

  #place(path: RelativePath, entry: Entry | undefined, merkle: Digest | undefined): string | undefined {
    let top = this.#open.at(-1);
    while (top !== undefined && !isWithin(path, top.path)) {
      this.#leave();
      top = this.#open.at(-1);
    }
    if (top === undefined || path === top.path) return 'rows out of order, or below nothing';
    for (;;) {
      const from = top.path === '' ? 0 : top.path.length + 1;
      const slash = path.indexOf('/', from);
      const name = (slash === -1 ? path.slice(from) : path.slice(from, slash)) as Name;
      const before = copyUpTo(top, name);
      if (before === 'out of order') return 'rows out of order, or a path twice';
      if (slash === -1) {
        if (entry === undefined && before === undefined) return 'nothing is there that could be gone';
        if (entry?.kind === 'directory') this.#enter(path, bare(entry, merkle), before);
        else if (entry !== undefined) top.children.push({ name, entry });
        return undefined;
      }
      if (before?.kind !== 'directory') return 'a row below nothing';
      top = this.#enter(path.slice(0, slash) as RelativePath, before, before);
    }
  }

  #enter(path: RelativePath, node: Directory, base: Entry | undefined): OpenDirectory {
    const opened: OpenDirectory = { path, node, base: base?.kind === 'directory' ? base.children : [], baseAt: 0, children: [], lastName: undefined };
    this.#open.push(opened);
    return opened;
  }

  #leave(): void {
    const { path, node, base, baseAt, children } = this.#open.pop() as OpenDirectory;
    for (let index = baseAt; index < base.length; index++) children.push(base[index] as Child);
    const entry: Directory = { ...node, children };
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#root = entry;
    else parent.children.push({ name: path.slice(parent.path === '' ? 0 : parent.path.length + 1) as Name, entry });
  }
}

/** Copies the children before `name`, and takes out the one of that name. */
function copyUpTo(directory: OpenDirectory, name: Name): Entry | undefined | 'out of order' {
  if (directory.lastName !== undefined && compareNames(directory.lastName, name) >= 0) return 'out of order';
  directory.lastName = name;
  for (;;) {
    const child = directory.base[directory.baseAt];
    const order = child === undefined ? 1 : compareNames(child.name, name);
    if (child === undefined || order > 0) return undefined;
    directory.baseAt++;
    if (order === 0) return child.entry;
    directory.children.push(child);
  }
}

/** A directory of the wire: without children, which have rows of their own. */
function bare(entry: Directory, merkle: Digest | undefined): Directory {
  const { kind, mode, hasUntracked } = entry;
  return { kind, mode, children: [], ...(merkle === undefined ? {} : { merkle }), ...(hasUntracked === undefined ? {} : { hasUntracked }) };
}
