/**
 * Entry of the one file that runs on the far side (`dist/agent/agent.cjs`, built for Node 18). The launcher has found, hashed and compiled it and calls
 * `main`; if it came over the wire, it first keeps itself for the next time. Lives as long as its standard input.
 */
import { isSyncError } from '@ubos/sync-core';
import { installAgent } from './install.ts';
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
}

export async function main({ bytes, folder, file, need, say }: Launch): Promise<void> {
  if (need !== '') {
    try {
      installAgent(bytes, { folder, file }, Date.now(), String(process.pid));
    } catch (error) {
      say(`not-writable ${(error as Error).message.replaceAll('\n', ' ')}`);
      process.exit(1);
    }
  }
  const streams = takeStandardStreams();
  try {
    await serveAgent(streams);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`ubos-sync agent: ${isSyncError(error) ? `${error.code}: ${error.message}` : String((error as Error).stack)}\n`);
    process.exit(1);
  }
}
