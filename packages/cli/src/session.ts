/** What one run has open: this root, and the one connection to the node, made when it is first needed. The one place where parts are put together. */
import { isAbsolute, join } from 'node:path';
import { isSyncError, type LogSource, type Replica, SyncError } from '@ubos/sync-core';
import { createFsLogSource, createFsReplica, defaultMirrorPath } from '@ubos/sync-core/fs';
import type { Node, Profile } from './config/resolve.ts';
import type { PeerFlags } from './flags.ts';
import type { Io } from './io.ts';
import { sshPrompts } from './prompts.ts';
import type { Traffic } from './start-output.ts';

export interface Session {
  local(): Promise<Replica>;
  remote(): Promise<Replica>;
  /** A log on the node: relative to its root, or absolute. */
  log(from: string): Promise<LogSource>;
  traffic(): Traffic;
  close(): Promise<void>;
}

/** The far end of a session. */
interface Far {
  replica(): Promise<Replica>;
  log(from: string): Promise<LogSource>;
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

/** Nothing is opened yet. */
export function createSession(io: Io, flags: PeerFlags, { profile, node, onConnect, beforeAsking }: SessionOptions): Session {
  let local: Promise<Replica> | undefined;
  let far: Promise<Far> | undefined;
  let connected: Far | undefined;
  const reach = (): Promise<Far> => {
    far ??= openFar(io, flags, { profile, node, onConnect, beforeAsking }).then((opened) => {
      connected = opened;
      return opened;
    });
    return far;
  };
  return {
    local() {
      local ??= openReplica(io, profile, profile.root);
      return local;
    },
    remote: async () => (await reach()).replica(),
    log: async (from) => (await reach()).log(from),
    traffic: () => connected?.traffic() ?? noTraffic,
    async close() {
      await Promise.allSettled([local?.then((replica) => replica.close()), connected?.close()]);
    },
  };
}

const noTraffic: Traffic = { bytesSent: 0, bytesReceived: 0, roundTrips: 0 };

async function openFar(io: Io, flags: PeerFlags, { profile, node, onConnect, beforeAsking }: SessionOptions): Promise<Far> {
  if (node.transport === 'openssh')
    throw new SyncError('SYNC_CONFIG_INVALID', `node ${node.name} asks for \`transport: openssh\`, which this version does not have`, {
      node: node.name,
      hint: 'use `auto` or `ssh2`',
    });
  if (node.address.kind === 'path') return openFolder(io, profile, node.address.path);
  onConnect();
  // Loaded here: ssh2 is half of the program.
  const { connectSsh } = await import('@ubos/sync-transport-ssh');
  const connecting = connectSsh(node.url, {
    signal: io.signal,
    prompts: sshPrompts(io, flags, beforeAsking),
    acceptNewHostKey: flags.acceptNewHostKey,
    configFile: flags.sshConfig ?? (io.env['UBOS_SYNC_SSH_CONFIG'] || undefined),
    node: node.nodeProgram,
    env: io.env,
    profile: profile.name,
  });
  const connection = await connecting.catch((error: unknown) => {
    throw withNodeName(error, node.name);
  });
  return {
    replica: () => connection.replica(),
    log: async (from) => connection.log(from),
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
    log: async (from) => createFsLogSource(isAbsolute(from) ? from : join(root, from)),
    traffic: () => noTraffic,
    async close() {
      await replica?.then((opened) => opened.close());
    },
  };
}

function openReplica({ env }: Io, { versions }: Profile, root: string): Promise<Replica> {
  return createFsReplica(root, { versions, stateMirror: defaultMirrorPath(env) ?? false });
}
