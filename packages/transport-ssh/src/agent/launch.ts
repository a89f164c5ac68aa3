/**
 * Starts the agent on the far side of an SSH connection and meets it there.
 *
 * The protocol's first bytes leave right behind the command, without waiting for any answer: if the agent is in place (the normal case), the next thing
 * heard is its hello, and so it is where a forced command answers instead of our launcher. Only if the launcher asks for the agent is it sent, between
 * what the protocol has written so far and what it writes next; the launcher puts the two together again.
 */
import { randomBytes } from 'node:crypto';
import { isSyncError, SyncError } from '@ubos/sync-core';
import type { ByteDuplex } from '../protocol/byte-duplex.ts';
import { escapeLines, escapeText } from '../protocol/text.ts';
import type { SshClient } from '../ssh/connect.ts';
import { execCommand, type RemoteCommand } from '../ssh/exec.ts';
import { type AnswerReader, createAnswerReader, type LaunchAnswer } from './answers.ts';
import type { AgentBundle } from './bundle.ts';
import { launchCommand, launchLine, nodeMajorMin, nodePlaces } from './launcher.ts';

export interface LaunchOptions<C> {
  readonly bundle: AgentBundle;
  /** Path of Node on the far side; looked for if it is not given. */
  readonly node?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when the far side was told to start, and has all that it needs to answer. */
  readonly onLaunch?: (() => void) | undefined;
  /** Runs the protocol's handshake over the channel and tells what comes before the hello. */
  readonly connect: (stream: ByteDuplex, options: { readonly signal: AbortSignal; readonly onPreamble: (chunk: Uint8Array) => void }) => Promise<C>;
}

export interface Launched<C> {
  readonly connection: C;
  /** Why the agent had to be uploaded; `undefined`: it was there. */
  readonly uploaded: string | undefined;
  /** The last that the far side printed to standard error. */
  readonly stderr: () => readonly string[];
}

/** `SYNC_REMOTE_NODE_MISSING`, `SYNC_REMOTE_NOT_WRITABLE`, `SYNC_REMOTE_SHELL`, `SYNC_AGENT_DAMAGED`, and what the handshake throws. */
export async function launchAgent<C>(ssh: SshClient, { bundle, node, signal, onLaunch, connect }: LaunchOptions<C>): Promise<Launched<C>> {
  const nonce = randomBytes(16).toString('hex');
  const line = launchCommand({ nonce, sha256: bundle.sha256, sizeBytes: bundle.bytes.length, node });
  signal?.throwIfAborted();
  const command = await execCommand(ssh, line);
  const { stream } = command;
  const failed = new AbortController();
  const oldNodes: string[] = [];
  let uploaded: string | undefined;
  const answers = createAnswerReader(nonce, onAnswer);
  try {
    const connecting = connect(
      { readable: stream, writable: stream },
      { signal: signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]), onPreamble: answers.read },
    );
    onLaunch?.();
    const connection = await connecting;
    command.widen();
    return { connection, uploaded, stderr: () => escapeLines(command.stderr()) };
  } catch (error) {
    command.close();
    if (failed.signal.aborted || signal?.aborted === true) throw error;
    throw await explain(ssh, error, command, answers);
  }

  function onAnswer(answer: LaunchAnswer): void {
    switch (answer.kind) {
      case 'old-node':
        oldNodes.push(escapeText(answer.text, 300));
        return;
      case 'need':
        if (uploaded !== undefined) return;
        uploaded = escapeText(answer.text, 100);
        stream.write(Buffer.concat([Buffer.from(`${launchLine(nonce, 'agent')}\n`), bundle.bytes]));
        return;
      case 'no-node':
        failed.abort(nodeMissing(ssh, node, oldNodes));
        return;
      case 'not-writable':
        failed.abort(notWritable(ssh, escapeText(answer.text, 1_000)));
        return;
      case 'corrupt':
        failed.abort(
          new SyncError('SYNC_AGENT_DAMAGED', `the agent arrived damaged at ${ssh.host.alias}`, {
            host: ssh.host.alias,
            hint: 'run again; if it stays so, something between the two machines changes what is sent',
          }),
        );
        return;
    }
  }
}

/** The handshake failed: was it the connection, the shell, or something that answered in the agent's place? */
async function explain(ssh: SshClient, error: unknown, command: RemoteCommand, answers: AnswerReader): Promise<unknown> {
  if (!isSyncError(error) || !['SYNC_REMOTE_SHELL', 'SYNC_PEER_LOST', 'SYNC_PEER_TIMEOUT'].includes(error.code)) return error;
  const exit = await Promise.race([command.exit, delay(exitWaitMs)]);
  const lost = await Promise.race([ssh.ended, delay(0)]);
  if (lost !== undefined) return lost;
  const said = [...escapeLines(answers.said), ...escapeLines(command.stderr())];
  if (exit === undefined && said.length === 0) return error;
  const { alias, user } = ssh.host;
  const how = exit === undefined ? 'did not start the agent' : `ended (${exit}) before the agent had started`;
  return new SyncError(
    'SYNC_REMOTE_SHELL',
    `the shell of ${user}@${alias} ${how}; ${said.length === 0 ? 'it said nothing' : `it said: ${said.slice(0, 3).join(' | ')}`}`,
    { host: alias, output: said, exit, hint: `try: ssh ${alias} echo hello; it must print hello and nothing else` },
    error,
  );
}

/** A command that goes on has no exit status, and is not waited for. */
const exitWaitMs = 1_000;

async function delay(ms: number): Promise<undefined> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function nodeMissing(ssh: SshClient, node: string | undefined, oldNodes: readonly string[]): SyncError {
  const { alias } = ssh.host;
  const looked = node === undefined ? nodePlaces : [node];
  const found = oldNodes.length === 0 ? '' : `; found only ${oldNodes.join(', ')}`;
  return new SyncError('SYNC_REMOTE_NODE_MISSING', `no Node ${nodeMajorMin} or later on ${alias}; looked in ${looked.join(', ')}${found}`, {
    host: alias,
    looked,
    found: oldNodes,
    hint: `install Node ${nodeMajorMin} or later for ${ssh.host.user} there, or give the path of its program as \`node\``,
  });
}

function notWritable(ssh: SshClient, why: string): SyncError {
  return new SyncError('SYNC_REMOTE_NOT_WRITABLE', `the agent cannot be stored on ${ssh.host.alias}: ${why}`, {
    host: ssh.host.alias,
    hint: 'the folder must belong to the user and be writable; XDG_CACHE_HOME there names another place for it',
  });
}
