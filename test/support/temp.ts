/** Temporary folders. No test framework here: the demo uses this, too. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempFolder {
  readonly path: string;
  readonly remove: () => Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A new empty folder that only we can enter. `await using folder = await makeTempFolder()` removes it at the end of the block. */
export async function makeTempFolder(label = 'test'): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), `ubos-sync-${label}-`));
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 3 });
  return { path, remove, [Symbol.asyncDispose]: remove };
}
