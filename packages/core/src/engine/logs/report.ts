/** What is asked of a pull, and what it says in the end. */
import type { LogVerify } from '../../log/cursor.ts';
import type { JsonCheck } from '../../log/lines.ts';
import type { LogOutcome, PullPlan } from '../../log/plan-pull.ts';
import type { Clock } from '../clock.ts';
import type { OnEvent } from '../events.ts';
import type { LogSink, OnRotate, OpenLog } from './log-sink.ts';
import type { LogSource } from './log-source.ts';
import type { OpenLogSource } from './reopening.ts';

export interface PullLogOptions {
  /** Or what opens one, which is then closed here. A log that is followed is opened anew when its connection is lost. */
  readonly source: LogSource | OpenLogSource;
  readonly sink: LogSink;
  /** For the report. Default: the sink's. */
  readonly name?: string | undefined;
  /** Default: `tail`. */
  readonly verify?: LogVerify | undefined;
  /** Whether what becomes visible ends at a newline. Default: by the sink's name, yes for `.jsonl`, `.ndjson` and `.log`. */
  readonly lines?: boolean | undefined;
  /** Which lines are checked to be JSON. Default: by the sink's name, `sample` for `.jsonl` and `.ndjson`, else `off`. */
  readonly checkJson?: JsonCheck | undefined;
  /** What becomes of the copy of a generation that is over. Default: `new-file`. */
  readonly onRotate?: OnRotate | undefined;
  /**
   * What is done where the source is no continuation of the copy, and no generation of it that can be read is either. Default: `halt`. `keep-and-restart`
   * renames the copy as a finished generation and begins anew; the outcome is still a bad one.
   */
  readonly onFork?: 'halt' | 'keep-and-restart' | undefined;
  readonly dryRun?: boolean | undefined;
  /**
   * Go on as the source grows, through rotations, until the signal is aborted or the log has to be left alone. Whatever has come by then is kept; the promise
   * rejects with the signal's reason, as that of a pull does. A log that is missing is waited for. Takes a `clock`. Default: no.
   */
  readonly follow?: boolean | undefined;
  readonly clock?: Clock | undefined;
  /**
   * Of a log that is followed: told what each part of it brought. The first when everything that was there is here (or the log is missing), then one at each
   * rotation, when the connection is lost, and at the end.
   */
  readonly onReport?: ((report: LogReport) => void) | undefined;
  /** How long another pull of the same log is waited for. Default: a minute. */
  readonly lockWaitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnEvent | undefined;
}

export interface LogReport {
  readonly name: string;
  readonly outcome: LogOutcome;
  /** What this pull brought of the log as it is now. In a dry run: what it would bring, at most. */
  readonly fromByte: number;
  readonly toByte: number;
  /** Generations that were over, in the order in which they were written; their lines are counted with the others. In a dry run: those that were found. */
  readonly finished: readonly FinishedGeneration[];
  /** Packed generations beside the log, which are not read: where something is missing, it may be in them. */
  readonly unread: readonly string[];
  /**
   * Whether something may be missing where generations meet: `copied`, what was written between copying and truncating is in neither (nobody has it);
   * `unread`, a generation between them cannot be read; `unknown`, the one that was finished last was not found again, or the copy was begun anew.
   */
  readonly gap: 'copied' | 'unread' | 'unknown' | undefined;
  /** Newlines in all that was brought. `undefined` in a dry run that would bring something: nothing was read. */
  readonly lines: number | undefined;
  /** Lines of it that are no JSON, of those that were checked; `undefined` if none was to be. */
  readonly malformed: number | undefined;
  /** Where the first few of them begin in the log as it is now. */
  readonly malformedAtBytes: readonly number[];
  readonly checkedLines: number;
  readonly firstTimestamp: string | undefined;
  /** Time that the last line names, as it is written there, or the last one known before; also when nothing is new. */
  readonly lastTimestamp: string | undefined;
  /** Bytes of the log that the source sent, those included that were not kept. */
  readonly bytesReceived: number;
  /** Size of the source; 0 if it is missing. */
  readonly sourceBytes: number;
  /** Where source and local file part, as far as it is known, if the outcome is a bad one. */
  readonly differsAtByte: number | undefined;
  readonly dryRun: boolean;
}

export interface FinishedGeneration {
  /** The source's name for it. */
  readonly name: string;
  /** The name of its copy; `undefined`: the next generation follows in the same file (or a dry run). */
  readonly keptAs: string | undefined;
  /** What this pull brought of it. */
  readonly fromByte: number;
  readonly toByte: number;
}

/** What is asked, with its defaults where they matter to all. */
export type Pull = Omit<PullLogOptions, 'lockWaitMs' | 'follow' | 'clock'> & { readonly source: LogSource; readonly dryRun: boolean };

export function emptyReport({ name, sink, dryRun }: Pull, { cursor, local }: OpenLog, sourceBytes: number | undefined): LogReport {
  const at = cursor?.chain.offset ?? local.sizeBytes ?? 0;
  return {
    name: name ?? sink.name,
    outcome: 'up-to-date',
    fromByte: at,
    toByte: at,
    finished: [],
    unread: [],
    gap: undefined,
    lines: 0,
    malformed: undefined,
    malformedAtBytes: [],
    checkedLines: 0,
    firstTimestamp: undefined,
    lastTimestamp: cursor?.lastTimestamp,
    bytesReceived: 0,
    sourceBytes: sourceBytes ?? 0,
    differsAtByte: undefined,
    dryRun,
  };
}

export function dryReport(pull: Pull, log: OpenLog, plan: PullPlan & { readonly go: true }, sourceBytes: number): LogReport {
  const fromByte = plan.chain.offset;
  const isGrown = sourceBytes > fromByte;
  const outcome = plan.adopted ? 'adopted' : isGrown ? 'appended' : 'up-to-date';
  return { ...emptyReport(pull, log, sourceBytes), outcome, fromByte, toByte: Math.max(fromByte, sourceBytes), lines: isGrown ? undefined : 0 };
}
