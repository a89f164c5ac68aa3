import { logNamesMax } from '@ubos/sync-core';
import { openRequest, within } from './call.ts';
import { logNamesMessage } from './messages/answers.ts';
import type { Multiplexer } from './multiplexer.ts';

export interface LogNamesRequest {
  readonly signal?: AbortSignal | undefined;
}

/** Names that the far side lists, each perhaps no name at all: `parseLogName` is for the caller to ask. One round trip. */
export async function askLogNames(mux: Multiplexer, folder: string, pattern: string, { signal }: LogNamesRequest = {}): Promise<readonly string[]> {
  signal?.throwIfAborted();
  const stream = openRequest(mux, { type: 'log-list', folder, pattern });
  return within(stream, signal, async () => {
    const names: string[] = [];
    for (;;) {
      const page = await stream.messageOrEnd(logNamesMessage);
      if (page === undefined) break;
      if (page.names.length === 0 || names.length + page.names.length > logNamesMax) stream.refuse('more names than there may be, or none');
      names.push(...page.names);
    }
    stream.end();
    return names;
  });
}
