/**
 * This end's own guards, `.ubos-sync/guards/own.json`: `{ "CONFIG": ["PATTERN", ...], ... }`. They follow from configs that only runs started here read
 * (log targets, audit folder), and they have to hold as well when the other end starts a run. Each config has a list of its own, and all hold together.
 *
 * A list that is damaged is not taken for an empty one, because then the other end would sync what is to stay here: every run ends with
 * `SYNC_STATE_UNSAFE` until somebody has looked. Those who write exclude each other by a lock beside it: a pull of logs does not hold that of the root.
 */
import type { Clock } from '../engine/clock.ts';
import { isErrno } from '../engine/errno.ts';
import { SyncError } from '../engine/errors.ts';
import { parseScopeRules } from '../scope/peer-rules.ts';
import { readWholeFile, writeFileAtomically } from './atomic-write.ts';
import { createRootLock } from './lock.ts';
import type { StateFolder } from './state-folder.ts';

const folderName = 'guards';
const fileName = 'own.json';
const bytesMax = 1024 * 1024;

const lockWaitMs = 30_000;

type Lists = ReadonlyMap<string, readonly string[]>;

/** What all configs keep back. `SYNC_STATE_UNSAFE`. */
export function readOwnGuards(state: StateFolder): readonly string[] {
  return union(readLists(state));
}

/** Durable before it resolves. Writes nothing if it is known. `SYNC_STATE_UNSAFE`, `SYNC_CONFIG_INVALID`. */
export async function writeOwnGuards(
  state: StateFolder,
  { from, patterns, clock }: { readonly from: string; readonly patterns: readonly string[]; readonly clock: Clock },
): Promise<void> {
  const wanted = [...new Set(patterns)].sort();
  if (isKnown(readLists(state), from, wanted)) return;
  const directory = state.make(folderName);
  const path = `${state.path}/${folderName}`;
  const lock = await createRootLock({ path, clock }).acquire({ directory, folder: path, waitMs: lockWaitMs, initiator: 'guards', run: from });
  try {
    const lists = new Map(readLists(state));
    if (wanted.length === 0) lists.delete(from);
    else lists.set(from, wanted);
    const entries = Object.fromEntries([...lists].sort(([a], [b]) => (a < b ? -1 : 1)));
    const bytes = new TextEncoder().encode(`${JSON.stringify(entries, undefined, 2)}\n`);
    const reason = bytes.length > bytesMax ? `more than ${bytesMax} bytes` : whyUnusable(lists);
    if (reason !== undefined) throw unusable(`${path}/${fileName}`, reason);
    await writeFileAtomically(directory, fileName, bytes);
  } finally {
    await lock.release();
  }
}

function isKnown(lists: Lists, from: string, wanted: readonly string[]): boolean {
  const known = lists.get(from) ?? [];
  return known.length === wanted.length && known.every((pattern, index) => pattern === wanted[index]);
}

function union(lists: Lists): readonly string[] {
  return [...new Set([...lists.values()].flat())].sort();
}

function readLists(state: StateFolder): Lists {
  const path = `${state.path}/${folderName}/${fileName}`;
  const bytes = readBytes(state, path);
  if (bytes === undefined) return new Map();
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw damaged(path, 'it is not JSON', error);
  }
  if (!isLists(value)) throw damaged(path, 'it is not an object with a list of patterns for each config');
  const lists: Lists = new Map(Object.entries(value));
  const reason = whyUnusable(lists);
  if (reason !== undefined) throw damaged(path, reason);
  return lists;
}

function readBytes(state: StateFolder, path: string): Uint8Array | undefined {
  const directory = state.look(folderName);
  try {
    return directory && readWholeFile(directory, fileName, bytesMax);
  } catch (error) {
    if (isErrno(error, 'EFBIG')) throw damaged(path, `it is larger than ${bytesMax} bytes`, error);
    throw error;
  }
}

function isLists(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((list) => Array.isArray(list) && list.every((pattern) => typeof pattern === 'string'));
}

/** The same bounds for what is read and for what is written. */
function whyUnusable(lists: Lists): string | undefined {
  const parsed = parseScopeRules({ include: [], exclude: [], guard: union(lists) });
  return parsed.ok ? undefined : parsed.error;
}

function damaged(path: string, reason: string, cause?: unknown): SyncError {
  return new SyncError(
    'SYNC_STATE_UNSAFE',
    `${path}, the list of what this end keeps out of every sync, is damaged: ${reason}`,
    { path, reason, hint: 'remove it, and start the next run with each config of this end: that writes it anew' },
    cause,
  );
}

function unusable(path: string, reason: string): SyncError {
  return new SyncError('SYNC_CONFIG_INVALID', `what the configs in use at this root keep out of every sync cannot be kept in ${path}: ${reason}`, {
    path,
    reason,
    hint: 'lists of configs that are gone can be removed from it',
  });
}
