import type { Clock, LogSource, Replica } from '@ubos/sync-core';
import type { ConnectionLimits } from './limits.ts';
import type { PeerFacts } from './peer-facts.ts';

export interface ServeOptions {
  /** The one replica that is served, which stays the caller's; or what opens the one asked for, and is closed when the peer is done with it. */
  readonly replica: Replica | ((open: ReplicaRequest) => Promise<Replica>);
  /** Opens a log by the path that the peer names: what may be read is decided here. Without it there are no logs. */
  readonly logs?: ((path: string) => Promise<LogSource>) | undefined;
  /** Lists logs: names of the files of a folder there that match a pattern, at most `logNamesMax`. Which are told is decided here. Without it there are none. */
  readonly logNames?: ((folder: string, pattern: string) => Promise<readonly string[]>) | undefined;
  /** Named services, for what other packages say over the same connection. */
  readonly services?: Readonly<Record<string, Service>> | undefined;
  readonly limits?: Partial<ConnectionLimits> | undefined;
  readonly clock?: Clock | undefined;
  /** Ends the service; the peer is told `SYNC_INTERRUPTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** Text of the peer, bounded but not believed: a root that may be served is for the opener to decide. */
export interface ReplicaRequest {
  readonly root: string | undefined;
  readonly profile: string;
}

/** Answers a JSON value with one, with none (`undefined`), or with many. */
export type Service = (request: unknown, context: ServiceContext) => Promise<unknown> | AsyncIterable<unknown>;

export interface ServiceContext {
  readonly peer: PeerFacts;
  /** Aborted when the peer no longer wants the answer. */
  readonly signal: AbortSignal;
}
