/** One run with each chosen node: its id, its output, its audit, its session, its end. Commands only say what is done in between. */
import { isSyncError, SyncError, type SyncErrorCode } from '@ubos/sync-core';
import { systemClock } from '@ubos/sync-core/fs';
import { createAuditSink } from './audit/audit-sink.ts';
import { findAuditFolder, makeAuditFolder } from './audit/folder.ts';
import { lastProblems } from './audit/history.ts';
import { createRunLog, pruneRunLogs } from './audit/run-log.ts';
import { findConfig } from './config/find.ts';
import { loadConfig } from './config/load.ts';
import { choosePeers, type Node, type Profile, resolveConfig } from './config/resolve.ts';
import { type ExitCode, type Outcome, worstExitCode } from './exit-code.ts';
import { shownDetails, toSyncError } from './failure.ts';
import type { CommonFlags, PeerFlags } from './flags.ts';
import type { Io } from './io.ts';
import type { Output, Sink } from './render/output.ts';
import { createSession, type Session } from './session.ts';
import { type EndedPlan, newRunId, startOutput } from './start-output.ts';
import type { Tally } from './tally.ts';
import { version } from './version.ts';

export interface RunRequest {
  readonly command: string;
  /** Nothing is changed in the tree. */
  readonly dryRun: boolean;
  /** `status`: not even a line of audit. */
  readonly readsOnly?: boolean | undefined;
  readonly tellPending?: boolean | undefined;
  readonly follows?: boolean | undefined;
  readonly toStderr?: boolean | undefined;
  /** Called once the profile is known, before anything is opened; throws what makes the run impossible. */
  readonly check?: ((profile: Profile) => void) | undefined;
}

export interface Run {
  readonly io: Io;
  readonly profile: Profile;
  readonly node: Node;
  readonly session: Session;
  readonly output: Output;
  readonly tally: Tally;
  /** Problems of the last run of the same kind (`problemKey`). */
  readonly knownProblems: ReadonlySet<string>;
  readonly auditFolder: string | undefined;
}

export interface RunEnd {
  readonly outcome: Outcome;
  /** A finding that is worth this code, whatever else was found. */
  readonly atLeast?: ExitCode | undefined;
  readonly plan?: EndedPlan | undefined;
}

/** `SYNC_NOT_LIVE` unless both keys are turned: `--apply` on the command line and `live: true` in the config. */
export function checkLive({ live, configFile }: Profile, apply: boolean): void {
  if (apply && !live)
    throw new SyncError('SYNC_NOT_LIVE', `--apply is refused, because ${configFile} does not say \`live: true\``, { path: configFile });
}

export function loadProfile(io: Io, flags: CommonFlags): Profile {
  const file = findConfig({ cwd: io.cwd, option: flags.config, env: io.env });
  return resolveConfig(loadConfig(file), file);
}

/** With every chosen node in turn; the worst exit code counts. */
export async function runWithPeers(io: Io, flags: PeerFlags, request: RunRequest, work: (run: Run) => Promise<RunEnd>): Promise<ExitCode> {
  const profile = loadProfile(io, flags);
  const nodes = choosePeers(profile, { names: flags.node, all: flags.all });
  if (request.follows === true && nodes.length > 1)
    throw new SyncError('SYNC_USAGE', 'logs are followed on one node at a time: name one with --node');
  request.check?.(profile);
  const codes: ExitCode[] = [];
  for (const node of nodes) {
    if (io.signal.aborted && codes.length > 0) break;
    codes.push(await runWithPeer(io, flags, { ...request, profile, node }, work));
  }
  return worstExitCode(codes);
}

async function runWithPeer(
  io: Io,
  flags: PeerFlags,
  {
    profile,
    node,
    command,
    dryRun,
    readsOnly = false,
    tellPending,
    follows,
    toStderr,
  }: RunRequest & { readonly profile: Profile; readonly node: Node },
  work: (run: Run) => Promise<RunEnd>,
): Promise<ExitCode> {
  const key = { node: node.name, profile: profile.name, dryRun };
  let auditFolder: string | undefined;
  const folder = (): string | undefined => auditFolder;
  const sinks: readonly Sink[] = readsOnly ? [] : [createRunLog(folder), createAuditSink(key, folder)];
  const { output, tally, pause, finish } = await startOutput(io, flags, { run: newRunId(), sinks, tellPending, follows, toStderr });
  output.emit({
    type: 'start',
    command,
    version,
    local: 'local',
    remote: node.name,
    dryRun,
    localRoot: profile.root,
    remoteUrl: node.url,
    profile: profile.name,
    live: profile.live,
  });
  const session = createSession(io, flags, { profile, node, onConnect: () => output.emit({ type: 'phase', name: 'connect' }), beforeAsking: pause });
  let end: RunEnd;
  try {
    // Made before anything is looked at, so that its parents are part of this run and no news for the next one. A dry run makes nothing.
    auditFolder = dryRun || readsOnly ? findAuditFolder(profile.root, profile.audit) : makeAuditFolder(profile.root, profile.audit);
    if (auditFolder !== undefined && !readsOnly) pruneRunLogs(auditFolder, systemClock.nowMs());
    io.signal.throwIfAborted();
    end = await work({ io, profile, node, session, output, tally, knownProblems: lastProblems(auditFolder, key), auditFolder });
  } catch (error) {
    const { code, message, details } = toSyncError(error, io.signal);
    output.emit({ type: 'error', code, message, details: shownDetails(details, flags) });
    end = { outcome: outcomeOfError(code, node) };
  }
  const traffic = session.traffic();
  await session.close();
  return finish(end.outcome, { traffic, atLeast: end.atLeast, plan: end.plan });
}

function outcomeOfError(code: SyncErrorCode, node: Node): Outcome {
  if (code === 'SYNC_LOCKED') return 'skipped-locked';
  if (code === 'SYNC_GATE_CLOSED') return 'skipped-gated';
  if (node.intermittent && (code === 'SYNC_UNREACHABLE' || code === 'SYNC_PEER_TIMEOUT')) return 'peer-away';
  return 'failed';
}

/** Whether the rest of a command can go on after this: one log that failed says nothing about the next. */
export function endsRun(error: unknown, signal: AbortSignal): boolean {
  if (signal.aborted || !isSyncError(error)) return true;
  return connectionCodes.has(error.code);
}

const connectionCodes: ReadonlySet<SyncErrorCode> = new Set([
  'SYNC_HOST_KEY_UNKNOWN',
  'SYNC_HOST_KEY_CHANGED',
  'SYNC_HOST_KEY_REVOKED',
  'SYNC_KNOWN_HOSTS_UNREADABLE',
  'SYNC_AUTH_FAILED',
  'SYNC_KEY_UNUSABLE',
  'SYNC_SSH_CONFIG_UNSUPPORTED',
  'SYNC_UNREACHABLE',
  'SYNC_PEER_LOST',
  'SYNC_PEER_TIMEOUT',
  'SYNC_PROTOCOL',
  'SYNC_PROTOCOL_VERSION',
  'SYNC_REMOTE_NODE_MISSING',
  'SYNC_REMOTE_SHELL',
  'SYNC_AGENT_DAMAGED',
  'SYNC_INTERRUPTED',
]);
