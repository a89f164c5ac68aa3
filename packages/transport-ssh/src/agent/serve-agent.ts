/**
 * What the far side gives away: replicas and logs of its disk. Started by the launcher it serves whatever its user may read, since whoever can start it
 * has that user's shell; bound to a root (`ubos-sync agent --root DIR`, a forced command) it serves that root and the logs it was told.
 */
import { realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { compilePatterns, isSyncError, type LogSource, parseRelativePath, type Replica, SyncError } from '@ubos/sync-core';
import { createFsLogSource, createFsReplica, listFsLogNames } from '@ubos/sync-core/fs';
import type { ByteDuplex } from '../protocol/byte-duplex.ts';
import { serve } from '../protocol/serve.ts';
import type { Service } from '../protocol/serve-options.ts';

export interface ServeAgentOptions {
  /** The only root that is given away. `undefined`: whichever is asked for. */
  readonly root?: string | undefined;
  /** Nothing is changed here, whatever is asked. */
  readonly readOnly?: boolean | undefined;
  /** Patterns of the logs that may be read where there is a root: relative to it, or absolute. `undefined`: those inside the root. */
  readonly logs?: readonly string[] | undefined;
  readonly services?: Readonly<Record<string, Service>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Serves one initiator until it is gone. */
export async function serveAgent(stream: ByteDuplex, { root, readOnly = false, logs, services, signal }: ServeAgentOptions = {}): Promise<void> {
  const bound = root === undefined ? undefined : real(resolve(root));
  const mayRead = bound === undefined ? undefined : readersOf(bound, logs);
  await serve(stream, {
    replica: async (asked) => openReplica(asked.root, bound, readOnly),
    logs: async (path) => openLog(path, bound, mayRead),
    logNames: async (folder, pattern) => listLogs(folder, pattern, bound, mayRead),
    services,
    signal,
  });
}

async function openReplica(asked: string | undefined, bound: string | undefined, readOnly: boolean): Promise<Replica> {
  const path = asked === undefined ? bound : toAbsolute(asked, bound);
  if (path === undefined) throw new SyncError('SYNC_USAGE', 'no root was named');
  if (bound !== undefined && real(path) !== bound) throw new SyncError('SYNC_DENIED', `only ${bound} is given away here`, { path, root: bound });
  return createFsReplica(path, { readOnly });
}

async function openLog(asked: string, bound: string | undefined, mayRead: MayRead | undefined): Promise<LogSource> {
  const path = toAbsolute(asked, bound);
  if (path === undefined) throw new SyncError('SYNC_USAGE', `the log ${asked} has no root to be relative to`, { path: asked });
  if (mayRead === undefined) return createFsLogSource(path);
  const resolved = real(path);
  if (!mayRead(resolved)) throw new SyncError('SYNC_DENIED', `the log ${asked} is not given away here`, { path: asked });
  // Opened by the path that was judged, and through no link that has come since.
  return createFsLogSource(resolved, { root: '/' });
}

/** What may not be read is not listed, and of a folder outside of the root nothing else is said either. */
function listLogs(asked: string, pattern: string, bound: string | undefined, mayRead: MayRead | undefined): readonly string[] {
  const path = toAbsolute(asked, bound);
  if (path === undefined) throw new SyncError('SYNC_USAGE', `the folder ${asked} has no root to be relative to`, { path: asked });
  if (bound === undefined || mayRead === undefined) return listFsLogNames(path, pattern);
  const resolved = real(path);
  try {
    return listFsLogNames(resolved, pattern, { root: '/', accepts: (name) => mayRead(join(resolved, name)) });
  } catch (error) {
    const isInside = resolved === bound || toRelative(bound, resolved) !== undefined;
    if (isInside || !isSyncError(error) || error.code === 'SYNC_USAGE') throw error;
    return [];
  }
}

/** Judged by the resolved path, so that a link leads no further than its target may be read. */
type MayRead = (path: string) => boolean;

function readersOf(bound: string, patterns: readonly string[] | undefined): MayRead {
  if (patterns === undefined) return (path) => toRelative(bound, path) !== undefined;
  const matching = (selected: readonly string[], from: string): MayRead => {
    const compiled = compilePatterns(selected);
    return (path) => {
      const text = toRelative(from, path);
      const parsed = text === undefined ? undefined : parseRelativePath(text);
      return parsed?.ok === true && compiled.lastMatch(parsed.value, 'other') !== -1;
    };
  };
  const inside = matching(
    patterns.filter((pattern) => !isAbsolute(pattern)),
    bound,
  );
  const anywhere = matching(
    patterns.filter((pattern) => isAbsolute(pattern)),
    '/',
  );
  return (path) => inside(path) || anywhere(path);
}

function toRelative(from: string, path: string): string | undefined {
  const text = relative(from, path);
  return text === '' || text === '..' || text.startsWith('../') || isAbsolute(text) ? undefined : text;
}

/** `~` is the home folder; what is relative is so to the root. */
function toAbsolute(path: string, root: string | undefined): string | undefined {
  if (path === '~' || path.startsWith('~/')) return join(homedir(), path.slice(1));
  if (isAbsolute(path)) return resolve(path);
  return root === undefined ? undefined : resolve(root, path);
}

/** With its links resolved as far as it exists. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = resolve(path, '..');
    return parent === path ? path : join(real(parent), path.slice(parent.length));
  }
}
