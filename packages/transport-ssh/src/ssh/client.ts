/**
 * One SSH connection over a stream: key exchange, the host's key judged, then our credentials, then ready.
 *
 * ssh2 believes any host key unless it is given a verifier, and never notices a silent peer unless it is told to send keepalives.
 */
import type { Duplex } from 'node:stream';
import { SyncError } from '@ubos/sync-core';
import ssh2, { type NextAuthHandler } from 'ssh2';
import { preferKnownKeyTypes } from './algorithms.ts';
import type { ConnectOptions, SshClient } from './connect.ts';
import { type Credentials, createCredentials } from './credentials.ts';
import { createHostTrust, type HostTrust } from './host-trust.ts';
import { createPatience } from './patience.ts';
import type { SshPrompts } from './prompts.ts';
import type { ResolvedHost } from './resolved-host.ts';

/** A server that does not close its side after our goodbye is left alone after this. */
const closeGraceMs = 1_000;

/** Errors as of `connectHost`. The stream is ours from here on, and destroyed if this fails. */
export async function openClient(host: ResolvedHost, socket: Duplex, timeoutMs: number, options: ConnectOptions): Promise<SshClient> {
  const { signal, configFile, prompts = {}, acceptNewHostKey = false } = options;
  const client = new ssh2.Client();
  const patience = createPatience(timeoutMs, () => stop(timedOut(host, step, timeoutMs)));
  let step: Step = 'key exchange';
  let cause: unknown;
  let closing = false;
  const stop = (reason: unknown): void => {
    cause ??= reason;
    socket.destroy();
  };
  const onAbort = (): void => stop(signal!.reason);
  // From here on, not from ssh2's connect: the socket may fail while known hosts are read, or has failed while this was loaded.
  const closed = socket.closed ? Promise.resolve() : new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  // Kept for as long as the connection lives: an 'error' without a listener would end the process.
  client.on('error', (error: Error & { level?: string }) => {
    // Signing failed: ssh2 goes on with the next attempt by itself.
    if (error.level === 'agent' || (error.level === 'client-authentication' && step === 'authentication')) return;
    stop(explain(host, step, error, credentials));
  });
  let credentials: Credentials | undefined;
  let addedTo: string | undefined;
  let trust: HostTrust;
  try {
    signal?.addEventListener('abort', onAbort);
    signal?.throwIfAborted();
    const pausing = pausePrompts(prompts, patience.paused);
    // Known keys are read before the first byte, credentials while keys are exchanged.
    trust = await createHostTrust(host, { prompts: pausing, acceptNew: acceptNewHostKey, configFile });
    const gettingCredentials = createCredentials(host, pausing);

    const ready = new Promise<void>((resolve) => client.once('ready', () => resolve()));
    client.once('handshake', () => {
      step = 'authentication';
      patience.renew();
    });
    client.connect({
      sock: socket,
      username: host.user,
      readyTimeout: 0,
      keepaliveInterval: host.keepalive.intervalMs,
      keepaliveCountMax: host.keepalive.countMax,
      algorithms: {
        kex: [...host.algorithms.kex],
        serverHostKey: preferKnownKeyTypes(host.algorithms.hostKeys, trust.keyTypes),
        cipher: [...host.algorithms.ciphers],
        hmac: [...host.algorithms.macs],
        compress: ['none'],
      },
      hostVerifier(key: Buffer, verify: (accepted: boolean) => void): void {
        if (step === 'ready') return verify(trust.isSame(key));
        trust.check(key).then(
          () => verify(true),
          (reason: unknown) => {
            cause ??= reason;
            verify(false);
          },
        );
      },
      authHandler(offered: readonly string[] | null, _partial: boolean, next: NextAuthHandler) {
        const attempt = async (): Promise<void> => {
          credentials ??= await gettingCredentials;
          // The key exchange is over here, so the server has proved its key; nothing of ours has been sent.
          addedTo ??= await trust.remember();
          const method = await credentials.next(offered ?? undefined);
          if (cause !== undefined) return;
          if (method === undefined) stop(refused(host, credentials, offered ?? []));
          else next(method);
        };
        attempt().catch(stop);
      },
    });
    await Promise.race([ready, closed]);
    if (cause !== undefined) throw cause;
    if (socket.destroyed || socket.writableEnded || !socket.readable) throw explain(host, step, new Error('the connection was closed'), credentials);
    step = 'ready';
  } catch (error) {
    stop(error);
    throw error;
  } finally {
    patience.stop();
    signal?.removeEventListener('abort', onAbort);
  }
  return {
    client,
    host,
    hostKeyFingerprint: trust.fingerprint,
    hostKeyAddedTo: addedTo,
    ended: closed.then(() => (closing ? undefined : ((cause as SyncError | undefined) ?? lost(host, undefined)))),
    async close() {
      closing = true;
      client.end();
      const hangUp = setTimeout(() => socket.destroy(), closeGraceMs);
      await closed;
      clearTimeout(hangUp);
    },
  };
}

type Step = 'key exchange' | 'authentication' | 'ready';

function pausePrompts({ confirmHostKey, passphrase, answer }: SshPrompts, paused: <T>(ask: () => Promise<T>) => Promise<T>): SshPrompts {
  return {
    confirmHostKey: confirmHostKey && ((question) => paused(() => confirmHostKey(question))),
    passphrase: passphrase && ((question) => paused(() => passphrase(question))),
    answer: answer && ((question) => paused(() => answer(question))),
  };
}

function explain(host: ResolvedHost, step: Step, error: Error & { level?: string }, credentials: Credentials | undefined): SyncError {
  const details = { host: host.alias, address: `${host.hostName}:${host.port}` };
  switch (step) {
    case 'ready':
      return lost(host, error);
    case 'authentication':
      return refused(host, credentials, [], error);
    case 'key exchange':
      if (error.level === 'handshake') {
        const hint =
          'the server and ubos-sync have no strong algorithm in common, or something between them changes bytes; `ssh -v` shows what it offers';
        return new SyncError(
          'SYNC_PROTOCOL',
          `no secure connection to ${host.alias} could be agreed on: ${error.message}`,
          { ...details, hint },
          error,
        );
      }
      return new SyncError(
        'SYNC_UNREACHABLE',
        `${host.alias} closed the connection before it was set up: ${error.message}`,
        { ...details, hint: 'an SSH server must listen on this port; it may also limit who connects, or how many at once (MaxStartups)' },
        error,
      );
  }
}

function refused(host: ResolvedHost, credentials: Credentials | undefined, offered: readonly string[], error?: Error): SyncError {
  const { tried = [], unusable = [] } = credentials ?? {};
  const who = `${host.user}@${host.alias}`;
  const details = { host: host.alias, user: host.user, tried, unusable, offered, notUsed: host.unusedCredentials };
  const because = error === undefined ? '' : ` (${error.message})`;
  const looseKey = unusable.find((line) => line.startsWith('key file '));
  if (tried.length === 0 && looseKey !== undefined) {
    return new SyncError('SYNC_KEY_UNUSABLE', `no key can be shown to ${who}: ${looseKey}`, { ...details, hint: 'then run this again' }, error);
  }
  const shown = tried.length === 0 ? 'there is no key to show' : `refused: ${tried.join(', ')}`;
  return new SyncError(
    'SYNC_AUTH_FAILED',
    `${who} does not let us in${because}; ${shown}${unusable.length === 0 ? '' : `; not usable: ${unusable.join(', ')}`}`,
    { ...details, hint: authHint(host, offered) },
    error,
  );
}

function authHint(host: ResolvedHost, offered: readonly string[]): string {
  const takes = offered.length === 0 ? '' : `the server takes ${offered.join(', ')}; `;
  const unused = host.unusedCredentials.length === 0 ? '' : ` (${host.unusedCredentials.join(', ')} of ssh_config is not used here)`;
  return `${takes}put your public key into ~/.ssh/authorized_keys of ${host.user} there (ssh-copy-id), or name the right key with IdentityFile in ssh_config${unused}`;
}

function timedOut(host: ResolvedHost, step: Step, timeoutMs: number): SyncError {
  const details = {
    host: host.alias,
    address: `${host.hostName}:${host.port}`,
    step,
    hint: 'the host is reachable, but its SSH server is stuck or very slow; try again, or raise ConnectTimeout',
  };
  return new SyncError('SYNC_PEER_TIMEOUT', `${host.alias} fell silent during ${step}: nothing within ${timeoutMs / 1000} s`, details);
}

function lost(host: ResolvedHost, error: Error | undefined): SyncError {
  const why = error === undefined ? 'it was closed from the other side' : error.message;
  return new SyncError(
    'SYNC_PEER_LOST',
    `the connection to ${host.alias} was lost: ${why}`,
    { host: host.alias, hint: 'run again: what was done is kept, the rest follows' },
    error,
  );
}
