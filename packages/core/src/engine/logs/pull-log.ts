import { catchUp } from './catch-up.ts';
import { keepUp } from './keep-up.ts';
import { createReopening } from './reopening.ts';
import type { LogReport, PullLogOptions } from './report.ts';

/**
 * One pull of one log, or with `follow` one that goes on. Data is reported, not thrown: a fork, a truncated or missing source and a local file that was changed
 * are outcomes, and leave local bytes alone. When it is aborted, or the source is lost, what had arrived by then is kept and counted, and then the promise rejects.
 */
export async function pullLog({
  source,
  sink,
  lockWaitMs = 60_000,
  dryRun = false,
  follow = false,
  clock,
  ...options
}: PullLogOptions): Promise<LogReport> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (follow && (clock === undefined || dryRun)) throw new TypeError('to follow a log takes a clock, and is no dry run');
  const reopening = createReopening(source, { clock: follow ? clock : undefined, signal });
  try {
    for (;;) {
      try {
        const opened = await reopening.open();
        const log = await sink.open({ dryRun, waitMs: lockWaitMs, signal });
        try {
          const pull = { ...options, source: opened, sink, dryRun };
          if (!follow || clock === undefined) return (await catchUp(log, pull)).report;
          return await keepUp(log, pull, { clock, onCaughtUp: reopening.worked });
        } finally {
          await log.release();
        }
      } catch (error) {
        await reopening.recover(error);
      }
    }
  } finally {
    await reopening.close();
  }
}
