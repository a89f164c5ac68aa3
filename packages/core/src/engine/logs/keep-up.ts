/**
 * Following a log into a local file: a pull, and then what is appended as it comes, until the log goes on elsewhere; then the next pull finds out where.
 *
 * The file that is followed stays open at the source, so its end is seen by us and needs no proof afterwards: once the log's name leads to another file that
 * holds something, the generation is complete here, whatever becomes of the old file (it may be packed the same minute).
 */
import { emptyChain } from '../../log/chunk-chain.ts';
import type { Clock } from '../clock.ts';
import { isSyncError } from '../errors.ts';
import { catchUp } from './catch-up.ts';
import type { OpenLog } from './log-sink.ts';
import { startReading } from './reading.ts';
import type { LogReport, Pull } from './report.ts';
import type { Place } from './rotation.ts';
import { beforeOverlap, takeIn } from './take-in.ts';

export interface KeepUpOptions {
  readonly clock: Clock;
  readonly onCaughtUp: () => void;
}

/** How often a log that is missing is looked for. */
const missingMs = 1_000;

/** Resolves only with a log that is left alone; otherwise it goes on until the signal is aborted or the source is lost. */
export async function keepUp(log: OpenLog, pull: Pull, { clock, onCaughtUp }: KeepUpOptions): Promise<LogReport> {
  /** Which outcome is no news: at first none. */
  let known: LogReport['outcome'] | undefined;
  for (;;) {
    const { report, place } = await catchUp(log, pull);
    onCaughtUp();
    if (report.outcome !== known) pull.onReport?.(report);
    known = report.outcome === 'missing' ? 'missing' : 'up-to-date';
    if (place !== undefined) await follow(log, pull, { place, clock });
    else if (report.outcome === 'missing') await clock.delay(missingMs, pull.signal);
    else return report;
  }
}

async function follow(log: OpenLog, pull: Pull, { place, clock }: { readonly place: Place; readonly clock: Clock }): Promise<void> {
  const { source, signal, onReport, onRotate = 'new-file' } = pull;
  const { of, name, stat, holdsNext = false } = place;
  const chain = holdsNext ? emptyChain : (log.cursor?.chain ?? emptyChain);
  const stream = startReading(source, { fromByte: beforeOverlap(chain.offset), of, identity: stat.identity, follow: true, signal });
  try {
    if (holdsNext) return await stream.opened();
    let isOver = false;
    const part = await takeIn(log, pull, {
      plan: { go: true, chain, adopted: false, cutLocal: false },
      stream,
      name,
      stat,
      following: {
        clock,
        async isOver() {
          const { stat: current } = await source.facts({ extents: [], signal });
          isOver = current !== undefined && current.identity !== stat.identity && current.sizeBytes > 0;
          return isOver;
        },
        onBrokenOff: (report) => onReport?.(report),
      },
    });
    if (part === 'moved') return;
    const toByte = log.cursor?.chain.offset ?? 0;
    if (!isOver || toByte === 0) {
      if (part.outcome !== 'up-to-date') onReport?.(part);
      return;
    }
    const keptAs = await log.retire(onRotate, true);
    onReport?.({ ...part, outcome: 'rotated', fromByte: 0, toByte: 0, finished: [{ name, keptAs, fromByte: part.fromByte, toByte }] });
  } catch (error) {
    // It was moved between two questions.
    if (!isSyncError(error) || error.code !== 'SYNC_LOG_MISSING') throw error;
  } finally {
    await stream.stop();
  }
}
