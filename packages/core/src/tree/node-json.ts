/**
 * A node as JSON, in what is kept on a disk and people may read: sealed plans and the manifests of runs. Keys are in their order, so that equal nodes are
 * equal texts.
 *
 *     {"kind":"directory","mode":493}   {"kind":"symlink","target":".."}   {"kind":"untracked","reason":".."}   {"code":"..","kind":"problematic"}
 *     {"digest":"..","kind":"file","mode":420,"sizeBytes":3}
 *
 * Children are not part of it. With times, a file and a symlink have `mtimeMs`, too; without, it is 0 when it is read.
 */
import { digestFromHex, digestHex } from '../hash/digest.ts';
import type { Parsed } from '../util/parsed.ts';
import { type Entry, isTime, isUntrackedReason, type Mode } from './entry.ts';

export type NodeTimes = 'times' | 'no-times';

export function nodeToJson(entry: Entry, times: NodeTimes): object {
  const mtimeMs = times === 'times' && (entry.kind === 'file' || entry.kind === 'symlink') ? entry.mtimeMs : undefined;
  switch (entry.kind) {
    case 'directory':
      return { kind: 'directory', mode: entry.mode };
    case 'file':
      return { digest: digestHex(entry.digest), kind: 'file', mode: entry.mode, mtimeMs, sizeBytes: entry.sizeBytes };
    case 'symlink':
      return { kind: 'symlink', mtimeMs, target: entry.target };
    case 'untracked':
      return { kind: 'untracked', reason: entry.reason };
    case 'problematic':
      return { code: entry.code, kind: 'problematic' };
  }
}

/** What else the object says is passed over. */
export function parseNode(value: unknown, times: NodeTimes): Parsed<Entry> {
  const {
    kind,
    mode,
    sizeBytes,
    digest,
    target,
    reason,
    code,
    mtimeMs = times === 'no-times' ? 0 : undefined,
  } = (value ?? {}) as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'directory':
      return isMode(mode) ? { ok: true, value: { kind, mode, children: [] } } : wrong('a directory has a mode of nine bits');
    case 'file': {
      const bytes = typeof digest === 'string' ? digestFromHex(digest) : undefined;
      return bytes !== undefined && isMode(mode) && isSize(sizeBytes) && isTime(mtimeMs)
        ? { ok: true, value: { kind, mode, sizeBytes, digest: bytes, mtimeMs } }
        : wrong('a file has a digest in hexadecimal, a size and a mode of nine bits');
    }
    case 'symlink':
      return typeof target === 'string' && isTime(mtimeMs) ? { ok: true, value: { kind, target, mtimeMs } } : wrong('a symlink has a target');
    case 'untracked':
      return isUntrackedReason(reason) ? { ok: true, value: { kind, reason } } : wrong('an entry that is left alone has a reason');
    case 'problematic':
      return typeof code === 'string' ? { ok: true, value: { kind, code } } : wrong('what could not be read has a code');
    default:
      // What it says instead may be anything, even what cannot be made a text.
      return wrong('an entry has another kind');
  }
}

export function isMode(value: unknown): value is Mode {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0o777;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function wrong(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}
