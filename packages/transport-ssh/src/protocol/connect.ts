/** The initiator's end of a connection. */
import type { Clock, LogSource, Replica, SyncError } from '@ubos/sync-core';
import type { ByteDuplex } from './byte-duplex.ts';
import { awaitResponder, createGreeting } from './handshake.ts';
import { type ConnectionLimits, defaultConnectionLimits } from './limits.ts';
import { type ConnectionCounters, Multiplexer } from './multiplexer.ts';
import { factsOf, type PeerFacts } from './peer-facts.ts';
import { createRemoteLog } from './remote-log.ts';
import { askLogNames, type LogNamesRequest } from './remote-log-names.ts';
import { openRemoteReplica, type ReplicaAddress } from './remote-replica.ts';
import { createServiceClient, type ServiceClient } from './remote-service.ts';
import { systemClock } from './system-clock.ts';
import { violation } from './wire-error.ts';

export interface ConnectOptions {
  /** For time-outs and ids; the system's by default. */
  readonly clock?: Clock | undefined;
  readonly limits?: Partial<ConnectionLimits> | undefined;
  /** Opened with the first bytes, so that `replica()` with the same address costs no round trip of its own. */
  readonly open?: ReplicaAddress | undefined;
  /** For the handshake. */
  readonly signal?: AbortSignal | undefined;
  /** Told what the far side prints before its hello, the chunk that completes it included: a launcher there may have something to say. */
  readonly onPreamble?: ((chunk: Uint8Array) => void) | undefined;
}

export interface Connection {
  readonly peer: PeerFacts;
  /** A replica of the far side; each call opens one. */
  replica(address?: ReplicaAddress): Promise<Replica>;
  /** A log of the far side by its path there, relative to the root or absolute. Costs nothing before it is asked something. */
  log(path: string): LogSource;
  /** Names of files in a folder there that match a pattern (`*.jsonl`), as the far side says: none of them is believed to be a name yet. `SYNC_DENIED`. */
  logNames(folder: string, pattern: string, request?: LogNamesRequest): Promise<readonly string[]>;
  service(name: string): ServiceClient;
  readonly counters: ConnectionCounters;
  /** Resolves when the connection is over: with the reason, or `undefined` after an orderly end. Never rejects. */
  readonly closed: Promise<SyncError | undefined>;
  /** Tells the far side, gives up what is under way, and resolves when the streams below are closed. Twice is fine. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Speaks the protocol over a byte stream at whose other end {@link serve} runs. Costs one round trip.
 * `SYNC_REMOTE_SHELL`: something else was printed. `SYNC_PEER_LOST`, `SYNC_PEER_TIMEOUT`, `SYNC_PROTOCOL`, `SYNC_PROTOCOL_VERSION`.
 */
export async function connectOver(stream: ByteDuplex, options: ConnectOptions = {}): Promise<Connection> {
  const { clock = systemClock, open, signal, onPreamble } = options;
  const limits = { ...defaultConnectionLimits, ...options.limits };
  const mux = new Multiplexer({ stream, role: 'initiator', limits, clock });
  const greeting = createGreeting(clock, limits);
  mux.writeRaw(greeting.preamble);
  let early = open && { address: open, replica: openRemoteReplica(mux, clock, open) };
  // If nobody asks for it, its failure concerns nobody.
  early?.replica.catch(() => {});
  try {
    const greeted = await awaitResponder(greeting, { stream, limits, clock, signal, onPreamble, write: (bytes) => mux.writeRaw(bytes) });
    mux.start(greeted.rest, { preambleBytes: greeted.preambleBytes, peerStreamsMax: greeted.hello.streamsMax });
    const close = (): Promise<void> => mux.close();
    return {
      peer: factsOf(greeted.hello),
      replica(address = open ?? {}) {
        const opened = early;
        early = undefined;
        if (opened !== undefined && opened.address.root === address.root && opened.address.profile === address.profile) return opened.replica;
        void opened?.replica.then((replica) => replica.close());
        return openRemoteReplica(mux, clock, address);
      },
      log: (path) => createRemoteLog(mux, path),
      logNames: (folder, pattern, request) => askLogNames(mux, folder, pattern, request),
      service: (name) => createServiceClient(mux, name),
      get counters() {
        return mux.counters;
      },
      closed: mux.closed,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    mux.drop(violation('no handshake'));
    throw error;
  }
}
