/**
 * Which config is used: `--config PATH`, else `UBOS_SYNC_CONFIG`, else the nearest `ubos-sync.yaml` (or `.yml`) in the working directory or above it, as git does.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SyncError } from '@ubos/sync-core';

export const configNames = ['ubos-sync.yaml', 'ubos-sync.yml'] as const;

export interface ConfigSearch {
  readonly cwd: string;
  /** What `--config` says. */
  readonly option?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Absolute path of a file that may not be there when it was named explicitly. `SYNC_CONFIG_MISSING` if none is named and none is found. */
export function findConfig({ cwd, option, env }: ConfigSearch): string {
  const named = option ?? (env['UBOS_SYNC_CONFIG'] || undefined);
  if (named !== undefined) return resolve(cwd, named);
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    for (const name of configNames) {
      const file = join(folder, name);
      if (existsSync(file)) return file;
    }
    if (dirname(folder) === folder) break;
  }
  throw new SyncError('SYNC_CONFIG_MISSING', `no ${configNames[0]} in ${resolve(cwd)} or above it`, { path: resolve(cwd) });
}
