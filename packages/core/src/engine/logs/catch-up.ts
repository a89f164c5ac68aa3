/**
 * Brings a local file up to what the source holds now: proves that they are the same log so far, then appends.
 *
 * Facts and bytes are asked for at the same time, so that "nothing new" and a tail cost one round trip; if the facts do not match, the bytes are dropped.
 * Because they are two questions about a path that may be renamed between them, the bytes are asked for from a little before the end of the local file on,
 * and what arrives first has to be what is there last. So nothing is ever appended to a log that it does not continue.
 */
import { askBeforePull, planPull } from '../../log/plan-pull.ts';
import { isSyncError, SyncError } from '../errors.ts';
import type { OpenLog } from './log-sink.ts';
import { askFacts, startReading } from './reading.ts';
import { dryReport, type LogReport, type Pull } from './report.ts';
import { followRotation, type Gathered, leftAlone, type Place, reportOf } from './rotation.ts';
import { beforeOverlap, takeIn } from './take-in.ts';

export interface CaughtUp {
  readonly report: LogReport;
  /** Where the log goes on; `undefined`: it was left alone. */
  readonly place: Place | undefined;
}

/** A log that is replaced between two questions is asked about anew; `SYNC_SOURCE_CHANGED` if that happens each time. */
export async function catchUp(log: OpenLog, pull: Pull): Promise<CaughtUp> {
  const gathered: Gathered = { parts: [], finished: [], rotation: undefined, place: undefined };
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    gathered.place = undefined;
    // With nothing proved, the bytes themselves are what tells that it is another file: then it is looked at.
    const verify = attempt > 1 && pull.verify === 'off' ? 'tail' : pull.verify;
    const last = await pullOnce(log, { ...pull, verify }, gathered);
    if (last !== 'moved') return { report: reportOf(gathered, last), place: gathered.place };
  }
  throw new SyncError('SYNC_SOURCE_CHANGED', `${pull.source.name} is replaced faster than it can be read`, {
    path: pull.source.name,
    hint: 'pull again when it is quiet',
  });
}

const attemptsMax = 10;

async function pullOnce(log: OpenLog, pull: Pull, gathered: Gathered): Promise<LogReport | 'moved'> {
  const { source, verify = 'tail', dryRun, signal } = pull;
  const situation = { cursor: log.cursor, local: log.local, verify };
  const questions = askBeforePull(situation);

  // Asked before the facts are awaited. What comes of it is looked at only if the facts allow it.
  const isFinished = log.cursor?.finished !== undefined;
  const ahead = dryRun || isFinished ? undefined : startReading(source, { fromByte: beforeOverlap(questions.resumeAt), signal });
  try {
    const [facts, localDigests] = await Promise.all([askFacts(source, { extents: questions.source, signal }), log.digests(questions.local, signal)]);
    const { stat } = facts;
    const plan = planPull(situation, { localDigests, sourceBytes: stat?.sizeBytes, sourceDigests: facts.digests });
    if (stat === undefined || (!plan.go && (plan.outcome === 'missing' || plan.outcome === 'local-changed')))
      return plan.go ? 'moved' : leftAlone(log, pull, plan, stat);
    if (!plan.go || isFinished) {
      await ahead?.stop();
      return await orMoved(() => followRotation(log, pull, gathered, plan, stat));
    }
    if (ahead === undefined) return dryReport(pull, log, plan, stat.sizeBytes);

    // What a dead pull left may have to be cut, which leads back behind what was asked for. That happens after a crash only, so it may cost a round trip.
    gathered.place = { of: undefined, name: source.name, stat };
    const { offset } = plan.chain;
    const stream = offset === questions.resumeAt ? ahead : startReading(source, { fromByte: beforeOverlap(offset), signal });
    try {
      return await orMoved(() => takeIn(log, pull, { plan, stream, name: source.name, stat }));
    } finally {
      await stream.stop();
    }
  } finally {
    await ahead?.stop();
  }
}

/** A file that goes away while it is being pulled was moved. */
async function orMoved(take: () => Promise<LogReport | 'moved'>): Promise<LogReport | 'moved'> {
  try {
    return await take();
  } catch (error) {
    if (isSyncError(error) && error.code === 'SYNC_LOG_MISSING') return 'moved';
    throw error;
  }
}
