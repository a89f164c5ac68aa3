/** One command on the other side: its streams, what it says on standard error, how it ends. */
import type { Duplex } from 'node:stream';
import { SyncError } from '@ubos/sync-core';
import type { ClientChannel } from 'ssh2';
import { receiveWindowBytes, widenReceiveWindow } from './channel-window.ts';
import type { SshClient } from './connect.ts';

export interface RemoteCommand {
  /** Standard input and output. */
  readonly stream: Duplex;
  /** The last 4 KiB of standard error so far. */
  readonly stderr: () => Buffer;
  /** How the command ended, once it is said ("exit status 1", "SIGKILL"); `undefined` if the channel closes without a word about it. */
  readonly exit: Promise<string | undefined>;
  /** Lets the other side send as much at once as the link takes. Call it when the stream is being read. */
  readonly widen: () => void;
  /** Gives the command up; what is unread is thrown away. */
  readonly close: () => void;
}

const stderrBytesKept = 4_096;

/** `command` goes to the user's login shell there. `SYNC_REMOTE_SHELL`: no command may be run. `SYNC_PEER_LOST`. */
export async function execCommand(ssh: SshClient, command: string): Promise<RemoteCommand> {
  const { alias, user } = ssh.host;
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => {
      const details = { host: alias, hint: 'the account must be allowed to run commands; one for SFTP alone, or MaxSessions 0, is not enough' };
      reject(new SyncError('SYNC_REMOTE_SHELL', `${alias} does not run commands for ${user}: ${error.message}`, details, error));
    };
    void ssh.ended.then((error) => reject(error ?? new SyncError('SYNC_PEER_LOST', `the connection to ${alias} is closed`)));
    try {
      ssh.client.exec(command, (error, channel) => {
        if (error !== undefined) return refuse(error);
        // At once: what a short command has said may all be in the chunk of bytes that ssh2 is reading right now, its exit status included.
        // Two questions and answers (channel, command) lie behind us, so half of it is a little more than a round trip.
        return resolve(listenTo(channel, (performance.now() - startedMs) / 2));
      });
    } catch (error) {
      refuse(error as Error);
    }
  });
}

function listenTo(channel: ClientChannel, roundTripMs: number): RemoteCommand {
  let stderr = Buffer.alloc(0);
  // Read to its end: what nobody takes would fill the window and stop the other side.
  channel.stderr.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrBytesKept);
  });
  const exit = new Promise<string | undefined>((resolve) => {
    channel.once('exit', (code: number | null, signal?: string) => resolve(code === null ? String(signal) : `exit status ${code}`));
    channel.once('close', () => resolve(undefined));
  });
  return {
    stream: channel,
    stderr: () => stderr,
    exit,
    widen: () => widenReceiveWindow(channel, receiveWindowBytes(roundTripMs)),
    close() {
      channel.close();
      // What is still unread would hold back the end of the channel, and with it the exit status.
      channel.resume();
    },
  };
}
