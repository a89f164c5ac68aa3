/**
 * The manifest of a run: what it was about to do in this tree, a line a change, written before the change is made. So a kept file is never without its path,
 * and what was done can be undone. A line says what was intended; whether it came to pass is to be seen in the tree.
 *
 *     {"format":3,"run":"...","pair":["ALPHA","BETA","PROFILE"],"startedAtMs":...,"changesPeer":true}
 *     {"path":"a/b","old":NODE,"new":NODE,"from":"...","to":"...","mode":416}        (NODE: `tree/node-json.ts`, with times)
 *
 * `old` or `new` is missing where nothing is (to be) there, `mode` is that of the file or folder on this disk where the pair's mask hides bits of it,
 * `changesPeer` is there where the run changes the other side, too.
 */
import type { PairKey } from '../engine/archive-store.ts';
import type { Change } from '../reconcile/change.ts';
import { isSyncable, type Mode, type Syncable } from '../tree/entry.ts';
import { maskBits } from '../tree/mode.ts';
import { isMode, nodeToJson, parseNode } from '../tree/node-json.ts';
import { parseRelativePath, type RelativePath } from '../tree/path.ts';
import { listToPair, pairToList } from './pair-file-name.ts';

/** A change that a run was about to make. */
export interface RecordedChange {
  readonly path: RelativePath;
  /** By itself, under the mask that the pair had then. */
  readonly old: Syncable | undefined;
  readonly new: Syncable | undefined;
  /** Where a moved entry came from (of its creation) or went to (of its deletion). */
  readonly from?: RelativePath | undefined;
  readonly to?: RelativePath | undefined;
  /** All permission bits of what was there, where they are not those of `old`. */
  readonly mode?: Mode | undefined;
}

/** A run is one pair's: what another pair has agreed on is not for it to say. */
export interface ManifestHead {
  readonly run: string;
  readonly pair: PairKey;
  readonly startedAtMs: number;
  /** Whether the run was to change the other side, too. */
  readonly changesPeer: boolean;
}

const manifestFormat = 3;

export function encodeHead({ run, pair, startedAtMs, changesPeer }: ManifestHead): Uint8Array {
  return encode({ format: manifestFormat, run, pair: pairToList(pair), startedAtMs, ...(changesPeer && { changesPeer }) });
}

/** `mode`: all permission bits of what is there, where they are known. */
export function encodeChange({ path, old, new: next, from, to }: Change, mode: Mode | undefined): Uint8Array {
  const all = mode === undefined ? undefined : mode & 0o777;
  const hidden = (old?.kind === 'file' || old?.kind === 'directory') && all !== old.mode ? all : undefined;
  return encode({ path, old: old && nodeToJson(old, 'times'), new: next && nodeToJson(next, 'times'), from: from?.path, to, mode: hidden });
}

/** All permission bits of what was there before a change, where they are known: a mask that shows fewer of them shows none but the owner's execute bit. */
export function bitsBefore({ old, mode }: RecordedChange): Mode | undefined {
  if (mode !== undefined || old === undefined || old.kind === 'symlink') return mode;
  return (old.mode & ~maskBits.executable) === 0 ? undefined : old.mode;
}

/** What a manifest holds. A line that cannot be read (it was cut off, or is not ours) is passed over. `undefined`: it is none of ours. */
export function parseManifest(bytes: Uint8Array): { readonly head: ManifestHead; readonly changes: readonly RecordedChange[] } | undefined {
  let head: ManifestHead | undefined;
  const changes: RecordedChange[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(10, start);
    const end = newline === -1 ? bytes.length : newline;
    const line = parseLine(decoder.decode(bytes.subarray(start, end)));
    if (start === 0) head = line && parseHead(line);
    else {
      const change = line && parseChange(line);
      if (change !== undefined) changes.push(change);
    }
    start = end + 1;
  }
  return head && { head, changes };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Line = Readonly<Record<string, unknown>>;

function encode(line: object): Uint8Array {
  return encoder.encode(`${JSON.stringify(line)}\n`);
}

function parseLine(text: string): Line | undefined {
  try {
    return asLine(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function asLine(value: unknown): Line | undefined {
  return typeof value === 'object' && value !== null ? (value as Line) : undefined;
}

function parseHead({ format, run, pair: list, startedAtMs, changesPeer = false }: Line): ManifestHead | undefined {
  const pair = listToPair(list);
  const isKnown = format === manifestFormat && typeof run === 'string' && typeof startedAtMs === 'number' && typeof changesPeer === 'boolean';
  return isKnown && pair !== undefined ? { run, pair, startedAtMs, changesPeer } : undefined;
}

function parseChange(line: Line): RecordedChange | undefined {
  const [path, from, to] = [parsePath(line['path']), parsePath(line['from']), parsePath(line['to'])];
  const [old, next] = [parseEntry(line['old']), parseEntry(line['new'])];
  const mode = line['mode'];
  if (path === undefined || old === 'unreadable' || next === 'unreadable' || (old === undefined && next === undefined)) return undefined;
  return { path, old, new: next, ...(from && { from }), ...(to && { to }), ...(isMode(mode) && { mode }) };
}

function parsePath(value: unknown): RelativePath | undefined {
  const path = typeof value === 'string' ? parseRelativePath(value) : undefined;
  return path?.ok === true ? path.value : undefined;
}

function parseEntry(value: unknown): Syncable | undefined | 'unreadable' {
  if (value === undefined) return undefined;
  const node = parseNode(value, 'times');
  return node.ok && isSyncable(node.value) ? node.value : 'unreadable';
}
