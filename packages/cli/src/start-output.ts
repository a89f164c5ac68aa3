/** Puts the output of one run together: where its lines go, and how it ends. */
import { systemClock } from '@ubos/sync-core/fs';
import pc from 'picocolors';
import { createRunId } from './audit/run-log.ts';
import { type ExitCode, exitCodeOf, type Outcome } from './exit-code.ts';
import type { CommonFlags, NodeFlags } from './flags.ts';
import type { Io, TextOutput } from './io.ts';
import { createHumanSink } from './render/human.ts';
import { createJsonSink } from './render/json.ts';
import { createOutput, type Output, type Sink } from './render/output.ts';
import { createTally, factsOf, type Tally } from './tally.ts';

export interface RunOutput {
  readonly output: Output;
  readonly tally: Tally;
  /** Takes the live display away, because a question comes now. */
  readonly pause: () => void;
  /** Emits the summary, the last line, and returns the exit code. */
  readonly finish: (outcome: Outcome, more?: Ending) => ExitCode;
}

export interface Ending {
  readonly traffic?: Traffic | undefined;
  /** A code that something was worth that was found out besides. */
  readonly atLeast?: ExitCode | undefined;
  readonly plan?: EndedPlan | undefined;
}

/** The plan that a run sealed or applied, and how many changes it would have made without it. */
export interface EndedPlan {
  readonly id: string;
  readonly hash: string;
  readonly left: number;
}

/** What went over the wire; nothing where both sides are here. */
export interface Traffic {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly roundTrips: number;
}

export interface StartOptions {
  /** More sinks, such as the audit; made for this run. They come before the person is told that all is done. */
  readonly sinks?: readonly Sink[] | undefined;
  readonly run?: string | undefined;
  readonly follows?: boolean | undefined;
  /** stdout is for something else: what is told to people goes to stderr. */
  readonly toStderr?: boolean | undefined;
  /** `--exit-code` */
  readonly tellPending?: boolean | undefined;
}

export function newRunId(): string {
  return createRunId(systemClock.nowMs(), () => systemClock.newId());
}

export async function startOutput(
  io: Io,
  flags: NodeFlags,
  { sinks = [], run = newRunId(), tellPending = false, follows = false, toStderr = false }: StartOptions,
): Promise<RunOutput> {
  const tally = createTally();
  const { sinks: live, clear } = await createLive(io, flags);
  const shown =
    flags.json === true ? createJsonSink((text) => io.stdout.write(text)) : humanSink(toStderr ? { ...io, stdout: io.stderr } : io, flags, follows);
  const output = createOutput({ run, nowMs: () => systemClock.nowMs(), sinks: [tally, ...sinks, ...live, shown] });
  const startedMs = systemClock.monotonicMs();
  return {
    output,
    tally,
    pause: clear,
    finish(outcome, { traffic = { bytesSent: 0, bytesReceived: 0, roundTrips: 0 }, atLeast = 0, plan } = {}) {
      const code = exitCodeOf(factsOf(tally, outcome, tellPending));
      const exitCode = code > atLeast ? code : atLeast;
      const { changes, deletions, openConflicts, newProblems, repeatedProblems, logsMoved } = tally;
      output.emit({
        type: 'summary',
        outcome,
        changes: changes + logsMoved,
        conflicts: openConflicts,
        problems: newProblems + repeatedProblems,
        deletions,
        ...traffic,
        durationMs: Math.round(systemClock.monotonicMs() - startedMs),
        ...(plan && { planId: plan.id, planHash: plan.hash }),
        ...(plan && plan.left > 0 && { left: plan.left }),
        exitCode,
      });
      return exitCode;
    },
  };
}

function humanSink(io: Io, flags: NodeFlags, follows: boolean): Sink {
  return createHumanSink({
    out: (text) => io.stdout.write(text),
    err: (text) => io.stderr.write(text),
    columns: io.stderr.isTTY ? Math.min(io.stderr.columns, 120) : Number.POSITIVE_INFINITY,
    colors: { out: pc.createColors(hasColors(io, flags, io.stdout)), err: pc.createColors(hasColors(io, flags, io.stderr)) },
    quiet: flags.quiet === true,
    verbose: flags.verbose === true,
    follows,
    namesNode: flags.node !== undefined || flags.all === true,
  });
}

/** Each stream by itself: one may be a file. */
function hasColors({ env }: Io, { color }: CommonFlags, { isTTY }: TextOutput): boolean {
  return color && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && isTTY;
}

async function createLive(
  { env, stderr }: Io,
  { json, quiet }: CommonFlags,
): Promise<{ readonly sinks: readonly Sink[]; readonly clear: () => void }> {
  if (!stderr.isTTY || env['TERM'] === 'dumb' || json === true || quiet === true) return { sinks: [], clear: () => {} };
  const [{ createLogUpdate }, { createProgressSink }] = await Promise.all([import('log-update'), import('./render/progress.ts')]);
  const region = createLogUpdate(stderr.stream);
  const sink = createProgressSink({ region, columns: stderr.columns, monotonicMs: () => systemClock.monotonicMs() });
  return { sinks: [sink], clear: () => region.clear() };
}
