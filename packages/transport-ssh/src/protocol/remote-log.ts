/** A log on the far side. */
import { type Digest, digestFromBytes, type Extent, type LogFacts, type LogSource, SyncError } from '@ubos/sync-core';
import { ask, openRequest } from './call.ts';
import { doublesToBytes } from './columns.ts';
import { type LogFactsMessage, logFactsMessage, logGenerationsMessage } from './messages/answers.ts';
import { extentsPerRequest } from './messages/requests.ts';
import type { Multiplexer } from './multiplexer.ts';
import { violation } from './wire-error.ts';
import type { WireStream } from './wire-stream.ts';

/** Asks the far side each time: nothing is held open between calls (but a log that is followed), and closing costs nothing. Facts and bytes that are asked for at once cost one round trip. */
export function createRemoteLog(mux: Multiplexer, path: string): LogSource {
  return {
    name: path,

    async facts({ extents, of, signal }): Promise<LogFacts> {
      const parts: Promise<LogFacts>[] = [];
      for (let at = 0; at === 0 || at < extents.length; at += extentsPerRequest)
        parts.push(askFacts(mux, { path, of, extents: extents.slice(at, at + extentsPerRequest) }, signal));
      const [first, ...more] = await Promise.all(parts);
      return { stat: first?.stat, digests: [...(first?.digests ?? []), ...more.flatMap(({ digests }) => digests)] };
    },

    async *read({ fromByte, toByte, of, identity, signal }) {
      signal?.throwIfAborted();
      const stream = openRequest(mux, { type: 'log-read', path, of, identity, fromByte, toByte }, { content: true });
      yield* receivePieces(stream, { bytesMax: toByte === undefined ? Number.MAX_SAFE_INTEGER : toByte - fromByte, signal });
    },

    // Many logs may be followed for a long time over one connection: none of them takes a share of its bulk credit.
    async *follow({ fromByte, of, identity, signal }) {
      signal?.throwIfAborted();
      const stream = openRequest(mux, { type: 'log-follow', path, of, identity, fromByte });
      yield* receivePieces(stream, { bytesMax: Number.MAX_SAFE_INTEGER, signal });
    },

    async generations({ signal }) {
      const { files } = await ask(mux, { type: 'log-generations', path }, logGenerationsMessage, signal);
      return files;
    },

    close: () => Promise.resolve(),
  };
}

async function* receivePieces(
  stream: WireStream,
  { bytesMax, signal }: { readonly bytesMax: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array, void> {
  const onAbort = (): void => stream.fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    let leftBytes = bytesMax;
    for (;;) {
      const bytes = await stream.dataOrEnd();
      if (bytes === undefined) break;
      leftBytes -= bytes.length;
      if (leftBytes < 0) stream.refuse('more of a log than was asked for');
      yield bytes;
      stream.giveBack(bytes);
    }
    stream.end();
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stream.fail(new SyncError('SYNC_INTERRUPTED', 'no more of it is wanted'));
  }
}

interface FactsAsked {
  readonly path: string;
  readonly of: string | undefined;
  readonly extents: readonly Extent[];
}

async function askFacts(mux: Multiplexer, { path, of, extents }: FactsAsked, signal: AbortSignal | undefined): Promise<LogFacts> {
  const { stat, ...digests } = await ask(
    mux,
    { type: 'log-facts', path, of, extents: doublesToBytes(extents.flatMap(({ start, end }) => [start, end])) },
    logFactsMessage,
    signal,
  );
  const parsed = readDigests(digests, extents.length);
  if (parsed !== undefined) return { stat, digests: parsed };
  const error = violation('one digest an extent');
  mux.fail(error);
  throw error;
}

function readDigests({ digestBytes, digests, present }: Omit<LogFactsMessage, 'stat'>, count: number): readonly (Digest | undefined)[] | undefined {
  const withDigest = present.reduce((sum, flag) => sum + flag, 0);
  if (present.length !== count || present.some((flag) => flag > 1) || digests.length !== withDigest * digestBytes) return undefined;
  if (withDigest > 0 && digestBytes !== 16 && digestBytes !== 32) return undefined;
  let at = 0;
  return [...present].map((flag) => {
    if (flag === 0) return undefined;
    at += digestBytes;
    return digestFromBytes(digests.subarray(at - digestBytes, at));
  });
}
