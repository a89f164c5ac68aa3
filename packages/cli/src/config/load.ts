import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { distrust } from './owner.ts';
import { type PlaceOf, parseConfig } from './parse.ts';
import type { Config } from './schema.ts';

/** A config is written by hand; more than this is something else. */
const configBytesMax = 1 << 20;

/** Reads and checks the config. `SYNC_CONFIG_MISSING`, `SYNC_CONFIG_UNTRUSTED`, `SYNC_CONFIG_INVALID` (with every mistake in it). */
export function loadConfig(file: string): Config {
  return loadPlacedConfig(file).config;
}

/** The same, with the places of its values in the text. */
export function loadPlacedConfig(file: string): { readonly config: Config; readonly placeOf: PlaceOf } {
  const parsed = parseConfig(readTrusted(file));
  if (parsed.ok) return parsed;
  const name = basename(file);
  const mistakes = parsed.mistakes.map(({ line, column, message }) => `${name}:${line}:${column}: ${message}`);
  const [first] = parsed.mistakes;
  throw new SyncError(
    'SYNC_CONFIG_INVALID',
    mistakes.length === 1 ? mistakes.join('') : `${name} has ${mistakes.length} mistakes:\n${mistakes.join('\n')}`,
    {
      path: file,
      line: first?.line,
      column: first?.column,
      mistakes,
    },
  );
}

/** What is checked is what is read: one open file, so that nobody can swap it in between. */
function readTrusted(file: string): string {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new SyncError('SYNC_CONFIG_MISSING', `there is no config at ${file}`, { path: file }, error);
    throw new SyncError('SYNC_CONFIG_INVALID', `${file} cannot be read: ${(error as Error).message}`, { path: file, errno: code }, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new SyncError('SYNC_CONFIG_INVALID', `${file} is not a file`, { path: file });
    if (stat.size > configBytesMax) throw new SyncError('SYNC_CONFIG_INVALID', `${file} is larger than 1 MiB`, { path: file });
    const reason = distrust(stat);
    if (reason !== undefined) throw new SyncError('SYNC_CONFIG_UNTRUSTED', `${file} is not used, because ${reason}`, { path: file });
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}
