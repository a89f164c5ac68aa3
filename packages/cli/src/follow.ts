/** Logs that are followed: all of them over one connection, which is made anew when it is lost. */
import { join } from 'node:path';
import { followLog, type LogSource, pullLog, SyncError } from '@ubos/sync-core';
import { createFsLogSink, readFsLogCheckpoint, systemClock } from '@ubos/sync-core/fs';
import type { LogRule } from './config/resolve.ts';
import { toSyncError } from './failure.ts';
import type { PeerFlags } from './flags.ts';
import { logLine, prepareTarget } from './pull.ts';
import { endsRun, type Run } from './runs.ts';
import { createSession, type Session } from './session.ts';
import { createProgressLimit } from './sync.ts';

/** Each has a stream of the connection to itself, of which a peer allows 64, and needs another one now and then. */
const logsMax = 48;

/** Until the run is stopped, or all logs had to be left alone. What is told of each, is told as it happens. */
export async function followLogsInRun(
  run: Run,
  flags: PeerFlags,
  rules: readonly LogRule[],
  { verify }: { readonly verify: LogRule['verify'] | undefined },
): Promise<void> {
  if (rules.length > logsMax) throw new SyncError('SYNC_USAGE', `${rules.length} logs are too many to follow at once: name ${logsMax} of them`);
  const { io, output, profile, tally } = run;
  const link = createLink(run, flags);
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const mayTell = createProgressLimit();
  let failure: { readonly error: unknown } | undefined;

  const followOne = async (rule: LogRule): Promise<void> => {
    await prepareTarget(run, rule);
    const sink = await createFsLogSink(join(profile.root, rule.to), { root: profile.root });
    try {
      await pullLog({
        source: link.opener(rule),
        sink,
        name: rule.name,
        verify: verify ?? rule.verify,
        lines: rule.lines,
        onRotate: rule.onRotate,
        onFork: rule.onFork,
        follow: true,
        clock: systemClock,
        signal,
        onReport: (part) => output.emit(logLine(part)),
        onEvent(event) {
          if (event.type === 'progress' && mayTell()) output.emit(event);
        },
      });
    } finally {
      await sink.close();
    }
  };

  output.emit({ type: 'phase', name: 'log' });
  try {
    await Promise.all(
      rules.map((rule) =>
        followOne(rule).catch((error: unknown) => {
          if (failure !== undefined) return;
          const { code, message } = toSyncError(error, io.signal);
          if (endsRun(error, io.signal)) {
            failure = { error };
            over.abort(error);
            return;
          }
          tally.logsFailed++;
          output.emit({ type: 'problem', path: rule.name, side: 'local', code, message, repeated: false });
        }),
      ),
    );
  } finally {
    await link.close();
  }
  if (failure !== undefined) throw failure.error;
}

/** Writes the lines of one log to stdout, for a pipe, and nothing anywhere else. Ends when nobody reads them any more. */
export async function printLogInRun(run: Run, flags: PeerFlags, rule: LogRule, { sinceCursor }: { readonly sinceCursor: boolean }): Promise<void> {
  const { io, profile } = run;
  const { stream } = io.stdout;
  const unread = new AbortController();
  for (const event of ['error', 'close'] as const) stream.once(event, () => unread.abort());
  const link = createLink(run, flags);
  const from = sinceCursor ? (readFsLogCheckpoint(join(profile.root, rule.to), { root: profile.root }) ?? 'start') : 'end';
  const signal = AbortSignal.any([io.signal, unread.signal]);
  try {
    for await (const { bytes } of followLog({ source: link.opener(rule), from, clock: systemClock, signal })) {
      if (!stream.write(bytes)) await drained(stream, signal);
    }
  } catch (error) {
    if (!unread.signal.aborted) throw error;
  } finally {
    await link.close();
  }
}

function drained(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

interface Link {
  /** What opens a log on the node. Called again, because its connection is lost, it makes a new one for all. */
  opener(rule: LogRule): () => Promise<LogSource>;
  close(): Promise<void>;
}

function createLink({ io, profile, node, output, session: first }: Run, flags: PeerFlags): Link {
  let session: Session = first;
  return {
    opener(rule) {
      let used: Session | undefined;
      return async () => {
        if (used === session) {
          output.emit({
            type: 'notice',
            code: 'SYNC_PEER_LOST',
            message: `${node.name} was lost, or cannot be reached; trying again`,
            side: 'remote',
          });
          const lost = used;
          session = createSession(io, flags, {
            profile,
            node,
            onConnect: () => output.emit({ type: 'phase', name: 'connect' }),
            beforeAsking: () => {},
          });
          if (lost !== first) await lost.close();
        }
        used = session;
        return used.log(rule.from);
      };
    },
    async close() {
      if (session !== first) await session.close();
    },
  };
}
