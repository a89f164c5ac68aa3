/**
 * An SSH connection to a host, through the machines of its ProxyJump if it has any: each is a connection of its own with its own host key and credentials,
 * and carries the next one's bytes; nothing but the last of them sees what we send to it.
 */
import type { Duplex } from 'node:stream';
import { SyncError } from '@ubos/sync-core';
import type { Client } from 'ssh2';
import type { SshPrompts } from './prompts.ts';
import type { ResolvedHost } from './resolved-host.ts';
import { openSocket } from './socket.ts';
import { type ResolveOptions, resolveHost } from './ssh-config.ts';
import { parseAuthority } from './url.ts';

export interface ConnectOptions extends ResolveOptions {
  readonly prompts?: SshPrompts | undefined;
  /** Believe a host that is not in known_hosts, and put it there. A changed key is refused all the same. */
  readonly acceptNewHostKey?: boolean | undefined;
  /** For each step (TCP, key exchange, authentication) while nobody is being asked. Default: ConnectTimeout, else 15 s. */
  readonly timeoutMs?: number | undefined;
}

export interface SshClient {
  readonly client: Client;
  readonly host: ResolvedHost;
  readonly hostKeyFingerprint: string;
  /** The file of known hosts that was added to. */
  readonly hostKeyAddedTo: string | undefined;
  /** Resolves when the connection is over, with what ended it; `undefined`: we did. */
  readonly ended: Promise<SyncError | undefined>;
  close(): Promise<void>;
}

const jumpsMax = 8;

/**
 * `SYNC_UNREACHABLE`, `SYNC_HOST_KEY_UNKNOWN` / `_CHANGED` / `_REVOKED`, `SYNC_KNOWN_HOSTS_UNREADABLE`, `SYNC_AUTH_FAILED`, `SYNC_KEY_UNUSABLE`,
 * `SYNC_PEER_TIMEOUT`, `SYNC_PEER_LOST`, `SYNC_PROTOCOL`, `SYNC_SSH_CONFIG_UNSUPPORTED`.
 */
export async function connectHost(host: ResolvedHost, options: ConnectOptions = {}, depth = 0): Promise<SshClient> {
  if (depth > jumpsMax)
    throw new SyncError('SYNC_CONFIG_INVALID', `${host.alias} is reached through more than ${jumpsMax} machines; ProxyJump may run in a circle`);
  const timeoutMs = options.timeoutMs ?? host.connectTimeoutMs ?? 15_000;
  // ssh2 is half of the program. It is loaded while the server gets ready for us.
  const loading = import('./client.ts');
  if (host.proxyJump.length === 0) {
    const socket = await openSocket(host, timeoutMs, options.signal);
    return (await loading).openClient(host, socket, timeoutMs, options);
  }
  const jump = await connectJumps(host, options, depth);
  try {
    const connection = await (await loading).openClient(host, await forwardOut(jump, host), timeoutMs, options);
    void connection.ended.then(() => jump.close());
    return connection;
  } catch (error) {
    await jump.close();
    throw error;
  }
}

/** The last machine of ProxyJump, reached through those before it. The first may have a ProxyJump of its own, as with `ssh -J`. */
async function connectJumps(host: ResolvedHost, options: ConnectOptions, depth: number): Promise<SshClient> {
  const before = host.proxyJump.slice(0, -1);
  const last = parseAuthority(
    host.proxyJump
      .at(-1)!
      .replace(/^ssh:\/\//i, '')
      .replace(/\/$/, ''),
  );
  if (!last.ok) throw new SyncError('SYNC_CONFIG_INVALID', `ProxyJump ${host.proxyJump.join(',')} of ${host.alias}: ${last.error}`);
  const jumpHost = await resolveHost(last.value, options);
  return connectHost(before.length === 0 ? jumpHost : { ...jumpHost, proxyJump: before }, options, depth + 1);
}

async function forwardOut(jump: SshClient, host: ResolvedHost): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    jump.client.forwardOut('127.0.0.1', 0, host.hostName, host.port, (error, channel) => {
      if (error === undefined) return resolve(channel);
      const address = `${host.hostName}:${host.port}`;
      const details = {
        host: host.alias,
        address,
        hint: `check that ${jump.host.alias} can reach ${address} and allows forwarding (AllowTcpForwarding)`,
      };
      return reject(
        new SyncError('SYNC_UNREACHABLE', `unable to reach ${host.alias} (${address}) through ${jump.host.alias}: ${error.message}`, details, error),
      );
    });
  });
}
