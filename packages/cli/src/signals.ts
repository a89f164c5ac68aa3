import { SyncError } from '@ubos/sync-core';

/**
 * SIGINT, SIGTERM and SIGHUP stop cleanly: the signal is aborted, the run ends where nothing is half-written, exit code 3.
 * A second one stops at once; what that leaves behind, the next run settles from the journal.
 */
export function stopOnSignals(exit: (code: number) => void): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) exit(3);
      else controller.abort(new SyncError('SYNC_INTERRUPTED', `stopped by ${name}`, { signal: name }));
    });
  }
  return controller.signal;
}
