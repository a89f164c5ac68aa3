/**
 * The wire protocol: a replica, logs and named services over any pair of byte streams.
 *
 * @packageDocumentation
 */
export type { ByteDuplex } from './byte-duplex.ts';
export { type Connection, type ConnectOptions, connectOver } from './connect.ts';
export type { ConnectionLimits } from './limits.ts';
export type { ConnectionCounters } from './multiplexer.ts';
export type { PeerFacts } from './peer-facts.ts';
export type { LogNamesRequest } from './remote-log-names.ts';
export type { ReplicaAddress } from './remote-replica.ts';
export type { ServiceClient } from './remote-service.ts';
export { serve } from './serve.ts';
export type { ReplicaRequest, ServeOptions, Service, ServiceContext } from './serve-options.ts';
export { engineVersion, protocolVersion } from './version.ts';
