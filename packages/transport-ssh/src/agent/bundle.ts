/** The agent as it is built (`scripts/bundle-agent.mjs`): one file, for any Node from 18 on, known by the hash of its bytes. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { SyncError } from '@ubos/sync-core';

export interface AgentBundle {
  readonly bytes: Uint8Array;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** The same from the sources and from what is built: both are two folders below the package. */
const builtAgent = new URL('../../dist/agent/agent.cjs', import.meta.url);

/** Reads the agent that belongs to this version. `SYNC_AGENT_DAMAGED`: it is not there. */
export async function readAgentBundle(file: URL | string = builtAgent): Promise<AgentBundle> {
  try {
    const bytes = await readFile(file);
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  } catch (error) {
    const path = file instanceof URL ? fileURLToPath(file) : file;
    throw new SyncError(
      'SYNC_AGENT_DAMAGED',
      `the agent for the far side is missing from this installation: ${path}`,
      { path, hint: 'install ubos-sync again, or run `npm run build` in a checkout' },
      error,
    );
  }
}
