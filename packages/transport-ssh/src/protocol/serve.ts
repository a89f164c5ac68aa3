/** The responder's end of a connection: the agent, and whoever else gives a replica away over a byte stream. */
import { isSyncError, SyncError } from '@ubos/sync-core';
import type { ByteDuplex } from './byte-duplex.ts';
import { answerInitiator, type Greeted } from './handshake.ts';
import { defaultServeLimits } from './limits.ts';
import { Multiplexer } from './multiplexer.ts';
import { factsOf } from './peer-facts.ts';
import type { ServeOptions } from './serve-options.ts';
import { ServeSession } from './serve-session.ts';
import { systemClock } from './system-clock.ts';

/**
 * Serves one peer. Resolves when it has gone, whatever it left behind: its requests are aborted, its locks released, its replicas closed.
 * Rejects if it never was one (`SYNC_PROTOCOL`, `SYNC_PROTOCOL_VERSION`), broke the protocol, or was silent for too long (`SYNC_PEER_TIMEOUT`).
 */
export async function serve(stream: ByteDuplex, options: ServeOptions): Promise<void> {
  const { clock = systemClock, signal } = options;
  const limits = { ...defaultServeLimits, ...options.limits };
  let session: ServeSession | undefined;
  const mux = new Multiplexer({ stream, role: 'responder', limits, clock, onOpen: (opened, request) => session?.onRequest(opened, request) });
  let greeted: Greeted;
  try {
    greeted = await answerInitiator({ stream, limits, clock, signal, write: (bytes) => mux.writeRaw(bytes) });
  } catch (error) {
    mux.drop(isSyncError(error) ? error : new SyncError('SYNC_INTERRUPTED', 'interrupted'));
    await mux.closed;
    if (isSyncError(error) && error.code === 'SYNC_PEER_LOST') return;
    throw error;
  }
  session = new ServeSession({ options, peer: factsOf(greeted.hello), clock });
  const onAbort = (): void => mux.fail(new SyncError('SYNC_INTERRUPTED', 'the far side was told to stop'));
  signal?.addEventListener('abort', onAbort, { once: true });
  mux.start(greeted.rest, { preambleBytes: greeted.preambleBytes, peerStreamsMax: greeted.hello.streamsMax });
  const error = await mux.closed;
  signal?.removeEventListener('abort', onAbort);
  await session.ended();
  signal?.throwIfAborted();
  if (error !== undefined && error.code !== 'SYNC_PEER_LOST') throw error;
}
