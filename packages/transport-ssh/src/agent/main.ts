/**
 * Entry of the one file that runs on the far side (`dist/agent/agent.cjs`, built for Node 18). The launcher has found, hashed and compiled it and calls
 * `main`; if it came over the wire, it first keeps itself for the next time. Lives as long as its standard input.
 */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { Script } from 'node:vm';
import { isSyncError } from '@ubos/sync-core';
import { type CacheFamily, sealCode, storeInCache } from '@ubos/sync-core/fs';
import { serveAgent } from './serve-agent.ts';
import { takeStandardStreams } from './stdio.ts';

/** What the launcher hands over. Its text is `launcher.ts`. */
export interface Launch {
  readonly bytes: Uint8Array;
  readonly folder: string;
  readonly file: string;
  /** Why the agent was sent; empty: it was in the cache. */
  readonly need: string;
  /** A line for the client, before the protocol begins. */
  readonly say: (text: string) => void;
  /** This program, as V8 has it. */
  readonly script: Script;
  /** Where its compiled code is kept; empty: it came from there. */
  readonly code: string;
}

export async function main({ bytes, folder, file, need, say, script, code }: Launch): Promise<void> {
  const store = (path: string, content: Uint8Array): void =>
    storeInCache(folder, basename(path) as `${CacheFamily}-${string}`, content, Date.now(), randomUUID());
  if (need !== '') {
    try {
      store(file, bytes);
    } catch (error) {
      say(`not-writable ${(error as Error).message.replaceAll('\n', ' ')}`);
      process.exit(1);
    }
  }
  const streams = takeStandardStreams();
  try {
    await serveAgent(streams);
    if (code !== '') keepCode(() => store(code, sealCode(script.createCachedData())));
    process.exit(0);
  } catch (error) {
    process.stderr.write(`ubos-sync agent: ${isSyncError(error) ? `${error.code}: ${error.message}` : String((error as Error).stack)}\n`);
    process.exit(1);
  }
}

/** At the end, when all that a session needs has been compiled. What cannot be kept is compiled again. */
function keepCode(keep: () => void): void {
  try {
    keep();
  } catch {
    // A folder that is read-only, or full.
  }
}
