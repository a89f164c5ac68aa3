/** A named service of the far side: the seam through which other packages talk over the same connection. Requests and answers are JSON values. */
import { SyncError } from '@ubos/sync-core';
import { openRequest } from './call.ts';
import { parseJson, stringifyJson } from './json-value.ts';
import { valueMessage } from './messages/answers.ts';
import type { Multiplexer } from './multiplexer.ts';
import type { WireStream } from './wire-stream.ts';

export interface ServiceClient {
  /** One answer; `undefined` if the service has none. */
  call(request: unknown, options?: { readonly signal?: AbortSignal | undefined }): Promise<unknown>;
  /** Answers as they come. Leaving the loop ends the service's work. */
  stream(request: unknown, options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<unknown>;
}

export function createServiceClient(mux: Multiplexer, name: string): ServiceClient {
  async function* stream(request: unknown, signal: AbortSignal | undefined): AsyncGenerator<unknown> {
    signal?.throwIfAborted();
    const wire: WireStream = openRequest(mux, { type: 'service', name, json: stringifyJson(request) });
    const onAbort = (): void => wire.fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        const answer = await wire.messageOrEnd(valueMessage);
        if (answer === undefined) break;
        const value = parseJson(answer.json);
        if (!value.ok) wire.refuse(value.error);
        yield value.value;
      }
      wire.end();
    } finally {
      signal?.removeEventListener('abort', onAbort);
      wire.fail(new SyncError('SYNC_INTERRUPTED', 'no more of it is wanted'));
    }
  }

  return {
    async call(request, { signal } = {}) {
      const answers = stream(request, signal);
      const { value, done } = await answers.next();
      if (done) return undefined;
      if (!(await answers.next()).done) throw new TypeError(`${name} answers with a stream`);
      return value;
    },
    stream: (request, { signal } = {}) => stream(request, signal),
  };
}
