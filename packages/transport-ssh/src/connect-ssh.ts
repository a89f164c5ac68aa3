/** From an address to a replica on another machine: ssh_config, connection, host key, credentials, agent, handshake. */
import { type LogSource, type Replica, SyncError } from '@ubos/sync-core';
import { type AgentBundle, readAgentBundle } from './agent/bundle.ts';
import { launchAgent } from './agent/launch.ts';
import { type Connection, connectOver } from './protocol/connect.ts';
import type { ConnectionLimits } from './protocol/limits.ts';
import type { ConnectionCounters } from './protocol/multiplexer.ts';
import type { PeerFacts } from './protocol/peer-facts.ts';
import type { ReplicaAddress } from './protocol/remote-replica.ts';
import type { ServiceClient } from './protocol/remote-service.ts';
import { type ConnectOptions, connectHost } from './ssh/connect.ts';
import { resolveHost } from './ssh/ssh-config.ts';
import { parseRemoteUrl } from './ssh/url.ts';

export interface ConnectSshOptions extends ConnectOptions {
  /** Path of Node on the far side, absolute or below `~/`; looked for in the usual places if it is not given. */
  readonly node?: string | undefined;
  /** The far side's program; the one that was built with this package by default. */
  readonly agent?: AgentBundle | undefined;
  readonly profile?: string | undefined;
  /**
   * Called when we are let in and the program on the far side is being started. What it then takes (a tenth of a second, more where it has to be uploaded)
   * is time in which this process has nothing to do for the connection.
   */
  readonly onLaunch?: (() => void) | undefined;
  readonly limits?: Partial<ConnectionLimits> | undefined;
}

export interface SshConnection {
  /** Where we are connected to. */
  readonly host: SshHostFacts;
  /** What the program on the far side says about itself. */
  readonly peer: PeerFacts;
  /** Why the agent was uploaded (`missing`, `damaged`, ...); `undefined`: it was in place. */
  readonly agentUploaded: string | undefined;
  /** A replica of the far side; without an address the one of the URL, which is opened along with the connection. */
  replica(address?: ReplicaAddress): Promise<Replica>;
  /** A log of the far side: relative to the URL's folder, or absolute. */
  log(path: string): LogSource;
  /** As `Connection.logNames`; the folder is relative to the URL's, or absolute. */
  logNames: Connection['logNames'];
  service(name: string): ServiceClient;
  readonly counters: ConnectionCounters;
  /** The last lines that the far side printed to standard error; if its program broke, they say why. */
  readonly stderr: () => readonly string[];
  /** Resolves when the connection is over: with the reason, or `undefined` after an orderly end. Never rejects. */
  readonly closed: Promise<SyncError | undefined>;
  /** Twice is fine. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface SshHostFacts {
  readonly alias: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** `SHA256:...` */
  readonly hostKeyFingerprint: string;
  /** The file of known hosts that this connection has added the key to. */
  readonly hostKeyAddedTo: string | undefined;
}

/**
 * Connects to `ssh://[user@]host[:port]/path`. `signal` is for the way there; what is under way later has its own.
 * Errors: `SYNC_USAGE` (the address), those of {@link connectHost}, and `SYNC_REMOTE_NODE_MISSING`, `SYNC_REMOTE_NOT_WRITABLE`, `SYNC_REMOTE_SHELL`,
 * `SYNC_AGENT_DAMAGED`, `SYNC_PROTOCOL`, `SYNC_PROTOCOL_VERSION`.
 */
export async function connectSsh(url: string, options: ConnectSshOptions = {}): Promise<SshConnection> {
  const { signal, node, limits, onLaunch, profile = 'default' } = options;
  const parsed = parseRemoteUrl(url);
  if (!parsed.ok) throw new SyncError('SYNC_USAGE', `${url}: ${parsed.error}`);
  if (parsed.value.kind !== 'ssh') throw new SyncError('SYNC_USAGE', `${url} is a path on this machine, not an ssh:// address`);
  const address = parsed.value;
  const [host, bundle] = await Promise.all([resolveHost(address, options), options.agent ?? readAgentBundle()]);
  const ssh = await connectHost(host, options);
  try {
    const root = { root: address.path, profile };
    const connect = (
      stream: Parameters<typeof connectOver>[0],
      launch: { signal: AbortSignal; onPreamble: (chunk: Uint8Array) => void },
    ): Promise<Connection> => connectOver(stream, { ...launch, limits, open: root });
    const { connection, uploaded, stderr } = await launchAgent(ssh, { bundle, node, signal, onLaunch, connect });
    const fromRoot = (path: string): string => (/^(?:\/|~(?:\/|$))/.test(path) ? path : `${address.path}/${path}`);
    const close = async (): Promise<void> => {
      await connection.close();
      await ssh.close();
    };
    void connection.closed.then(() => ssh.close());
    const { alias, hostName, port, user } = host;
    return {
      host: { alias, hostName, port, user, hostKeyFingerprint: ssh.hostKeyFingerprint, hostKeyAddedTo: ssh.hostKeyAddedTo },
      peer: connection.peer,
      agentUploaded: uploaded,
      replica: (asked = root) => connection.replica(asked),
      log: (path) => connection.log(fromRoot(path)),
      logNames: (folder, ...asked) => connection.logNames(fromRoot(folder), ...asked),
      service: (name) => connection.service(name),
      get counters() {
        return connection.counters;
      },
      stderr,
      closed: connection.closed.then(async (error) => (error === undefined ? undefined : ((await endedNow(ssh.ended)) ?? error))),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await ssh.close();
    throw error;
  }
}

/** What ended the SSH connection says more than that its bytes stopped, if it is known already. */
async function endedNow(ended: Promise<SyncError | undefined>): Promise<SyncError | undefined> {
  return Promise.race([ended, new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))]);
}
