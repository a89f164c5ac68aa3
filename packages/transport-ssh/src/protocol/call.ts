/** The requester's side of a stream: one question and one answer, and the way in which an abort reaches the far side. */

import { type Request, request as requestShape } from './messages/requests.ts';
import type { Multiplexer } from './multiplexer.ts';
import { parseShape, type Shape } from './shape.ts';
import type { WireStream } from './wire-stream.ts';

/** Makes a request, at once. What the far side would refuse is a mistake of the caller and thrown here, before a connection is lost over it. */
export function openRequest(mux: Multiplexer, request: Request, options?: { readonly content?: boolean }): WireStream {
  const parsed = parseShape(requestShape, request);
  if (!parsed.ok) throw new TypeError(parsed.error);
  return mux.open(request, options);
}

/** Lets the signal end the stream, and whatever ends `body` too: nothing is left open on the far side. */
export async function within<T>(stream: WireStream, signal: AbortSignal | undefined, body: () => Promise<T>): Promise<T> {
  const onAbort = (): void => stream.fail(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await body();
  } catch (error) {
    stream.fail(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The answer is complete when the far side has ended; then this side ends, too. */
export async function finish(stream: WireStream): Promise<void> {
  await stream.ended();
  stream.end();
}

/** One question, one answer. */
export async function ask<T>(mux: Multiplexer, request: Request, shape: Shape<T>, signal?: AbortSignal): Promise<T> {
  const stream = openRequest(mux, request);
  return within(stream, signal, async () => {
    const answer = await stream.message(shape);
    await finish(stream);
    return answer;
  });
}
