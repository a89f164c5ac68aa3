/**
 * Trees, drawn: `dir({ 'a.txt': file('one'), bin: dir({ run: file('#!', { mode: 0o755 }) }) })`. They need no hash from outside and no disk, and are
 * the same in every run.
 */
import {
  type Child,
  type Directory,
  type Entry,
  type File,
  type Mode,
  type Problematic,
  type Symlink,
  type Untracked,
  type UntrackedReason,
} from '../tree/entry.ts';
import { compareNames, type Name, parseName } from '../tree/name.ts';
import { parseRelativePath, type RelativePath } from '../tree/path.ts';
import { assert } from '../util/assert.ts';
import { toyHash } from './toy-hash.ts';

/** A directory with these children, in whatever order they are written. One that holds an untracked entry says so, as a scan would. */
export function dir(children: Readonly<Record<string, Entry | undefined>> = {}, { mode = 0o755, hasUntracked = false }: DirOptions = {}): Directory {
  const list: Child[] = [];
  let holdsUntracked = hasUntracked;
  for (const [name, entry] of Object.entries(children)) {
    if (entry === undefined) continue;
    list.push({ name: nameOf(name), entry });
    if (entry.kind === 'untracked') holdsUntracked = true;
  }
  list.sort((a, b) => compareNames(a.name, b.name));
  return holdsUntracked ? { kind: 'directory', mode, children: list, hasUntracked: true } : { kind: 'directory', mode, children: list };
}

export interface DirOptions {
  readonly mode?: Mode | undefined;
  readonly hasUntracked?: boolean | undefined;
}

/** A file with this text. */
export function file(
  text: string,
  { mode = 0o644, mtimeMs = 0 }: { readonly mode?: Mode | undefined; readonly mtimeMs?: number | undefined } = {},
): File {
  const bytes = new TextEncoder().encode(text);
  return { kind: 'file', mode, sizeBytes: bytes.length, digest: toyHash(bytes), mtimeMs };
}

export function link(target: string, { mtimeMs = 0 }: { readonly mtimeMs?: number | undefined } = {}): Symlink {
  return { kind: 'symlink', target, mtimeMs };
}

export function untracked(reason: UntrackedReason = 'special'): Untracked {
  return { kind: 'untracked', reason };
}

export function problematic(code = 'EACCES'): Problematic {
  return { kind: 'problematic', code };
}

/** A path that is known to be one. */
export function path(text: string): RelativePath {
  const parsed = parseRelativePath(text);
  assert(parsed.ok, () => `${JSON.stringify(text)} is no path`);
  return parsed.value;
}

function nameOf(text: string): Name {
  const parsed = parseName(text);
  assert(parsed.ok, () => `${JSON.stringify(text)} is no name`);
  return parsed.value;
}
