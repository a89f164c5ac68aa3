/**
 * Node table: a list of nodes in columns, the compact form of a tree for the archive and for the wire.
 *
 * One file costs about 40 bytes and its name. A packer such as MessagePack carries the columns as they are, with no work per node.
 * Paths are front-coded: in walk order a path shares most of its text with the one before it.
 *
 * | column    | for                    | form                                                                        |
 * |-----------|------------------------|-----------------------------------------------------------------------------|
 * | shared    | every node             | varint: UTF-16 units that its path has in common with the path before       |
 * | suffixes  | every node             | the rest of its path, a NUL before each                                     |
 * | kinds     | every node             | 1 byte: 0 absent, 1 directory, 2 file, 3 symlink, 4 untracked, 5 problematic; +0x80: has untracked |
 * | modes     | directory, file        | 2 bytes, little endian                                                      |
 * | sizes     | file                   | 8 bytes, little-endian double, a safe integer                               |
 * | mtimes    | file, symlink          | 8 bytes, little-endian double, milliseconds                                 |
 * | digests   | file                   | `digestBytes` bytes                                                         |
 * | texts     | symlink, untracked, problematic | target, reason or code, a NUL before each                          |
 */
import { digestBytes as bytesByKind, type Digest } from '../hash/digest.ts';
import type { Parsed } from '../util/parsed.ts';
import { type Entry, isTime, isUntrackedReason } from './entry.ts';
import { parseRelativePath, pathLengthMax, type RelativePath } from './path.ts';

/** A path and the node that is there, by itself: children are nodes of their own. `undefined`: nothing is there. */
export interface NodeAt {
  readonly path: RelativePath;
  readonly entry: Entry | undefined;
}

export interface NodeTable {
  readonly count: number;
  readonly shared: Uint8Array;
  readonly suffixes: string;
  readonly kinds: Uint8Array;
  readonly modes: Uint8Array;
  readonly sizes: Uint8Array;
  readonly mtimes: Uint8Array;
  readonly digestBytes: number;
  readonly digests: Uint8Array;
  readonly texts: string;
}

/** `O(nodes)`. The digests of all files are of one kind. */
export function nodesToTable(nodes: readonly NodeAt[]): NodeTable {
  const shared = new Column(nodes.length);
  const kinds = new Column(nodes.length);
  const modes = new Column(nodes.length * 2);
  const sizes = new Column(nodes.length * 8);
  const mtimes = new Column(nodes.length * 8);
  const digests = new Column(nodes.length * bytesByKind.fast);
  const suffixes: string[] = [];
  const texts: string[] = [];
  let digestBytes = 0;
  let previous = '';
  for (const { path, entry } of nodes) {
    const common = commonPrefix(previous, path);
    shared.varint(common);
    suffixes.push(path.slice(common));
    previous = path;
    switch (entry?.kind) {
      case undefined:
        kinds.byte(kindCode.absent);
        break;
      case 'directory':
        kinds.byte(kindCode.directory | (entry.hasUntracked ? untrackedFlag : 0));
        modes.uint16(entry.mode);
        break;
      case 'file':
        kinds.byte(kindCode.file);
        modes.uint16(entry.mode);
        sizes.float64(entry.sizeBytes);
        mtimes.float64(entry.mtimeMs);
        digestBytes = entry.digest.length;
        digests.latin1(entry.digest);
        break;
      case 'symlink':
        kinds.byte(kindCode.symlink);
        mtimes.float64(entry.mtimeMs);
        texts.push(entry.target);
        break;
      case 'untracked':
        kinds.byte(kindCode.untracked);
        texts.push(entry.reason);
        break;
      case 'problematic':
        kinds.byte(kindCode.problematic);
        texts.push(entry.code);
        break;
    }
  }
  return {
    count: nodes.length,
    shared: shared.bytes(),
    suffixes: joinColumn(suffixes),
    kinds: kinds.bytes(),
    modes: modes.bytes(),
    sizes: sizes.bytes(),
    mtimes: mtimes.bytes(),
    digestBytes,
    digests: digests.bytes(),
    texts: joinColumn(texts),
  };
}

export interface NodeTableLimits {
  /** More nodes than this are refused before anything is read. */
  readonly nodesMax: number;
  /** Bounds the paths written out: front-coded, a few bytes can stand for a path of thousands of characters. */
  readonly charactersMax?: number | undefined;
}

/**
 * Reads a table from a wire or a disk. Everything is checked: types, lengths to the byte, paths, modes, sizes, digests. Paths may repeat;
 * what a repeated path means is for the caller to say.
 */
export function tableToNodes(value: unknown, { nodesMax, charactersMax = Number.POSITIVE_INFINITY }: NodeTableLimits): Parsed<NodeAt[]> {
  if (!isNodeTable(value)) return refused('not a node table');
  const table = value;
  if (!Number.isSafeInteger(table.count) || table.count < 0 || table.count > nodesMax) return refused(`more than ${nodesMax} nodes, or no count`);
  if (table.kinds.length !== table.count) return refused('one kind a node');
  if (table.digestBytes !== 0 && table.digestBytes !== bytesByKind.fast && table.digestBytes !== bytesByKind.strong)
    return refused('unknown digest size');
  const suffixes = splitColumn(table.suffixes, table.count);
  if (suffixes === undefined) return refused('one path a node');
  const wanted = countColumns(table.kinds);
  if (wanted === undefined) return refused('unknown kind');
  if (table.modes.length !== wanted.modes * 2) return refused('modes');
  if (table.sizes.length !== wanted.files * 8) return refused('sizes');
  if (table.mtimes.length !== wanted.mtimes * 8) return refused('mtimes');
  if (table.digests.length !== wanted.files * table.digestBytes || (wanted.files > 0 && table.digestBytes === 0)) return refused('digests');
  const texts = splitColumn(table.texts, wanted.texts);
  if (texts === undefined) return refused('texts');
  return readNodes(table, suffixes, texts, charactersMax);
}

function readNodes(table: NodeTable, suffixes: readonly string[], texts: readonly string[], charactersMax: number): Parsed<NodeAt[]> {
  const modes = viewOf(table.modes);
  const sizes = viewOf(table.sizes);
  const mtimes = viewOf(table.mtimes);
  const digests = cutDigests(table.digests, table.digestBytes);
  const nodes: NodeAt[] = [];
  let sharedAt = 0;
  let modeAt = 0;
  let sizeAt = 0;
  let mtimeAt = 0;
  let digestAt = 0;
  let textAt = 0;
  let previous = '';
  let characters = 0;
  for (let index = 0; index < table.count; index++) {
    let common = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = table.shared[sharedAt++];
      if (byte === undefined || shift > 14) return refused('shared prefix');
      common |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (common > previous.length) return refused('shared prefix longer than the path before');
    const suffix = suffixes[index] ?? '';
    characters += common + suffix.length;
    if (characters > charactersMax) return refused(`paths of more than ${charactersMax} characters`);
    const text = previous.slice(0, common) + suffix;
    // What it shares with the path before was looked at there, up to the name in which they part.
    const parsed = parseRelativePath(common === 0 ? text : text.slice(text.lastIndexOf('/', common - 1) + 1));
    if (!parsed.ok) return parsed;
    if (text.length > pathLengthMax || (parsed.value === '' && text !== '')) return refused('path');
    const path = text as RelativePath;
    previous = path;
    const code = table.kinds[index] ?? 0;
    const kind = code & ~untrackedFlag;
    let entry: Entry | undefined;
    if (kind === kindCode.directory || kind === kindCode.file) {
      const mode = modes.getUint16(modeAt, true);
      modeAt += 2;
      if (mode > 0o777) return refused('mode');
      if (kind === kindCode.directory) {
        entry = code === kind ? { kind: 'directory', mode, children: [] } : { kind: 'directory', mode, children: [], hasUntracked: true };
      } else {
        const sizeBytes = sizes.getFloat64(sizeAt, true);
        sizeAt += 8;
        if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return refused('size');
        const mtimeMs = mtimes.getFloat64(mtimeAt, true);
        mtimeAt += 8;
        if (!isTime(mtimeMs)) return refused('mtime');
        const digest = digests[digestAt++] as Digest;
        entry = { kind: 'file', mode, sizeBytes, digest, mtimeMs };
      }
    } else if (kind === kindCode.symlink) {
      const mtimeMs = mtimes.getFloat64(mtimeAt, true);
      mtimeAt += 8;
      const target = texts[textAt++] ?? '';
      if (!isTime(mtimeMs) || target === '' || target.length > targetLengthMax) return refused('symlink');
      entry = { kind: 'symlink', target, mtimeMs };
    } else if (kind === kindCode.untracked) {
      const reason = texts[textAt++] ?? '';
      if (!isUntrackedReason(reason)) return refused('reason');
      entry = { kind: 'untracked', reason };
    } else if (kind === kindCode.problematic) {
      const problem = texts[textAt++] ?? '';
      if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(problem)) return refused('code');
      entry = { kind: 'problematic', code: problem };
    }
    nodes.push({ path, entry });
  }
  if (sharedAt !== table.shared.length) return refused('shared prefixes left over');
  return { ok: true, value: nodes };
}

const kindCode = { absent: 0, directory: 1, file: 2, symlink: 3, untracked: 4, problematic: 5 } as const;
const untrackedFlag = 0x80;
/** `PATH_MAX` in characters; a longer link can be made on no system that we know. */
const targetLengthMax = 4096;

function countColumns(kinds: Uint8Array): { modes: number; files: number; mtimes: number; texts: number } | undefined {
  let directories = 0;
  let files = 0;
  let symlinks = 0;
  let texts = 0;
  for (const code of kinds) {
    if (code === (kindCode.directory | untrackedFlag) || code === kindCode.directory) directories++;
    else if (code === kindCode.file) files++;
    else if (code === kindCode.symlink) symlinks++;
    else if (code === kindCode.untracked || code === kindCode.problematic) texts++;
    else if (code !== kindCode.absent) return undefined;
  }
  return { modes: directories + files, files, mtimes: files + symlinks, texts: texts + symlinks };
}

function isNodeTable(value: unknown): value is NodeTable {
  if (typeof value !== 'object' || value === null) return false;
  const table = value as Partial<Record<keyof NodeTable, unknown>>;
  return (
    typeof table.count === 'number' &&
    typeof table.digestBytes === 'number' &&
    typeof table.suffixes === 'string' &&
    typeof table.texts === 'string' &&
    table.shared instanceof Uint8Array &&
    table.kinds instanceof Uint8Array &&
    table.modes instanceof Uint8Array &&
    table.sizes instanceof Uint8Array &&
    table.mtimes instanceof Uint8Array &&
    table.digests instanceof Uint8Array
  );
}

/** A NUL before each, so that the column never begins with a byte order mark, which decoders like to drop. */
function joinColumn(parts: readonly string[]): string {
  return parts.length === 0 ? '' : `\0${parts.join('\0')}`;
}

function splitColumn(text: string, count: number): readonly string[] | undefined {
  if (count === 0) return text === '' ? [] : undefined;
  const parts = text.split('\0', count + 2);
  return parts.length === count + 1 && parts[0] === '' ? parts.slice(1) : undefined;
}

function commonPrefix(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let index = 0;
  while (index < length && a.charCodeAt(index) === b.charCodeAt(index)) index++;
  // A surrogate pair is not cut: half of one has no form in UTF-8.
  if (index > 0 && (a.charCodeAt(index - 1) & 0xfc00) === 0xd800) index--;
  return index;
}

/** Turned into characters some thousand bytes at a time: a call for each digest costs five times as much. */
function cutDigests(bytes: Uint8Array, digestBytes: number): readonly Digest[] {
  const digests: Digest[] = [];
  for (let start = 0; start < bytes.length; start += digestsPerCall * digestBytes) {
    // `apply` takes typed arrays as they are; only its declaration does not say so. Spreading would iterate.
    const text = String.fromCharCode.apply(undefined, bytes.subarray(start, start + digestsPerCall * digestBytes) as unknown as number[]);
    for (let at = 0; at < text.length; at += digestBytes) digests.push(text.slice(at, at + digestBytes) as Digest);
  }
  return digests;
}

const digestsPerCall = 256;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refused(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

/** A growing column of bytes. */
class Column {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(sizeHint: number) {
    this.#bytes = new Uint8Array(Math.max(16, sizeHint));
    this.#view = viewOf(this.#bytes);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value, true);
    this.#length += 2;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  latin1(text: string): void {
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index++) this.#bytes[this.#length++] = text.charCodeAt(index);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}
