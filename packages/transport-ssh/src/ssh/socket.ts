/** The TCP connection under an SSH connection. */
import { connect, type Socket } from 'node:net';
import { SyncError } from '@ubos/sync-core';
import type { ResolvedHost } from './resolved-host.ts';

/**
 * Connects with `noDelay`: ssh2 writes a packet in three pieces, and with Nagle's algorithm each request then waits for a delayed
 * acknowledgement (44 ms instead of 0.25 ms for a request and its answer, measured on loopback). `SYNC_UNREACHABLE`.
 */
export async function openSocket(host: ResolvedHost, timeoutMs: number, signal: AbortSignal | undefined): Promise<Socket> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: host.hostName,
      port: host.port,
      family: host.addressFamily,
      ...(host.bindAddress === undefined ? {} : { localAddress: host.bindAddress }),
      noDelay: true,
      // A host with several addresses is tried address by address; the default of 250 ms for each is shorter than a slow round trip.
      autoSelectFamilyAttemptTimeout: 2_500,
    });
    const fail = (reason: unknown): void => {
      settle();
      socket.on('error', () => {}).destroy();
      reject(reason);
    };
    const onError = (error: NodeJS.ErrnoException): void => fail(unreachable(host, error));
    const onAbort = (): void => fail(signal!.reason);
    const timer = setTimeout(() => fail(unreachable(host, undefined, timeoutMs)), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
    };
    signal?.addEventListener('abort', onAbort);
    socket.on('error', onError);
    socket.once('connect', () => {
      settle();
      // What fails before anybody listens shows as a stream that is closed.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function unreachable(host: ResolvedHost, error: NodeJS.ErrnoException | undefined, timeoutMs?: number): SyncError {
  const address = `${host.hostName}:${host.port}`;
  const errno = error?.code ?? (error as AggregateError | undefined)?.errors?.[0]?.code;
  const why = error === undefined ? `no answer within ${timeoutMs! / 1000} s` : (reasons[errno ?? ''] ?? error.message);
  return new SyncError(
    'SYNC_UNREACHABLE',
    `unable to reach ${host.alias} (${address}): ${why}`,
    { host: host.alias, address, errno, hint: hints[errno ?? ''] ?? hint },
    error,
  );
}

const hint = 'check that the host is up and that this network leads to it; `ssh -v` shows the same connection in steps';

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused, nothing listens there',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the name service does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to its network',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'connection reset',
};

const hints: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'check the port, and that the SSH server runs there',
  ENOTFOUND: 'check the spelling; an alias must stand in ssh_config (Host, HostName)',
};
