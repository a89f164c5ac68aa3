/** What one run has open: this root, and the one connection to the node. The one place where parts are put together. */
import { isAbsolute, join } from 'node:path';
import { isSyncError, type LogSource, type Replica, SyncError } from '@ubos/sync-core';
import type { Node, Profile } from './config/resolve.ts';
import type { PeerFlags } from './flags.ts';
import type { Io } from './io.ts';
import { sshPrompts } from './prompts.ts';
import type { Traffic } from './start-output.ts';

export interface Session {
  local(): Promise<Replica>;
  remote(): Promise<Replica>;
  /** Resolves when the far side is on its way and there is nothing to do for it here, at the latest with `remote`. Rejects if it cannot be reached. */
  launched(): Promise<void>;
  /** A log on the node: relative to its root, or absolute. */
  log(from: string): Promise<LogSource>;
  /** Names of the files of a folder there that match a pattern; none of them is believed to be a name yet. */
  logNames(folder: string, pattern: string): Promise<readonly string[]>;
  traffic(): Traffic;
  close(): Promise<void>;
}

/** The far end of a session. */
interface Far {
  replica(): Promise<Replica>;
  log(from: string): Promise<LogSource>;
  logNames(folder: string, pattern: string): Promise<readonly string[]>;
  traffic(): Traffic;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly profile: Profile;
  readonly node: Node;
  /** Called before a connection is made, so that the wait has a name. */
  readonly onConnect: () => void;
  /** Called before a question is asked. */
  readonly beforeAsking: () => void;
}

/** The node is reached for at once: that takes longest, and most of it is waiting. */
export function createSession(io: Io, flags: PeerFlags, options: SessionOptions): Session {
  const { profile } = options;
  let local: Promise<Replica> | undefined;
  let connected: Far | undefined;
  const over = new AbortController();
  let isLaunched = (): void => {};
  const launch = new Promise<void>((resolve) => {
    isLaunched = resolve;
  });
  const far = openFar({ ...io, signal: AbortSignal.any([io.signal, over.signal]) }, flags, { ...options, onLaunch: isLaunched });
  const launched = Promise.race([launch, far.then(() => {})]);
  far.then(
    (opened) => {
      connected = opened;
    },
    // Told to whoever asks for the node.
    () => {},
  );
  launched.catch(() => {});
  return {
    local() {
      local ??= openReplica(io, profile, profile.root);
      return local;
    },
    remote: async () => (await far).replica(),
    launched: () => launched,
    log: async (from) => (await far).log(from),
    logNames: async (folder, pattern) => (await far).logNames(folder, pattern),
    traffic: () => connected?.traffic() ?? noTraffic,
    async close() {
      over.abort();
      await Promise.allSettled([local?.then((replica) => replica.close()), far.then((opened) => opened.close())]);
    },
  };
}

const noTraffic: Traffic = { bytesSent: 0, bytesReceived: 0, roundTrips: 0 };

async function openFar(
  io: Io,
  flags: PeerFlags,
  { profile, node, onConnect, beforeAsking, onLaunch }: SessionOptions & { readonly onLaunch: () => void },
): Promise<Far> {
  if (node.transport === 'openssh')
    throw new SyncError('SYNC_CONFIG_INVALID', `node ${node.name} asks for \`transport: openssh\`, which this version does not have`, {
      node: node.name,
      hint: 'use `auto` or `ssh2`',
    });
  if (node.address.kind === 'path') return openFolder(io, profile, node.address.path);
  onConnect();
  const { connectSsh } = await import('@ubos/sync-transport-ssh');
  const connecting = connectSsh(node.url, {
    signal: io.signal,
    prompts: sshPrompts(io, flags, beforeAsking),
    acceptNewHostKey: flags.acceptNewHostKey,
    configFile: flags.sshConfig ?? (io.env['UBOS_SYNC_SSH_CONFIG'] || undefined),
    node: node.nodeProgram,
    env: io.env,
    profile: profile.name,
    onLaunch,
  });
  const connection = await connecting.catch((error: unknown) => {
    throw withNodeName(error, node.name);
  });
  return {
    replica: () => connection.replica(),
    log: async (from) => connection.log(from),
    logNames: (folder, pattern) => connection.logNames(folder, pattern, { signal: io.signal }),
    traffic() {
      const { bytesSent, bytesReceived, roundTrips } = connection.counters;
      return { bytesSent, bytesReceived, roundTrips };
    },
    close: () => connection.close(),
  };
}

/** The transport knows the alias of ssh_config; the config is written with the node's own name. */
export function withNodeName(error: unknown, name: string): unknown {
  if (!isSyncError(error) || error.code !== 'SYNC_REMOTE_NODE_MISSING') return error;
  const hint = `install Node.js there, or name its program in the config: \`nodes: { ${name}: { node: /path/to/node } }\``;
  return new SyncError(error.code, error.message, { ...error.details, hint }, error);
}

/** A node that is another folder of this machine. */
function openFolder(io: Io, profile: Profile, root: string): Far {
  let replica: Promise<Replica> | undefined;
  return {
    replica() {
      replica ??= openReplica(io, profile, root);
      return replica;
    },
    log: async (from) => (await import('@ubos/sync-core/fs')).createFsLogSource(isAbsolute(from) ? from : join(root, from)),
    logNames: async (folder, pattern) =>
      (await import('@ubos/sync-core/fs')).listFsLogNames(isAbsolute(folder) ? folder : join(root, folder), pattern),
    traffic: () => noTraffic,
    async close() {
      await replica?.then((opened) => opened.close());
    },
  };
}

async function openReplica({ env }: Io, { versions }: Profile, root: string): Promise<Replica> {
  const { createFsReplica, defaultMirrorPath } = await import('@ubos/sync-core/fs');
  return createFsReplica(root, { versions, stateMirror: defaultMirrorPath(env) ?? false });
}
