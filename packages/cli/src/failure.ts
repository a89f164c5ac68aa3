import { isSyncError, SyncError } from '@ubos/sync-core';
import type { ExitCode } from './exit-code.ts';
import type { CommonFlags } from './flags.ts';
import type { Io } from './io.ts';
import { startOutput } from './start-output.ts';

export function usageError(message: string): SyncError {
  return new SyncError('SYNC_USAGE', message.replace(/^error: /, '').trimEnd());
}

/** Anything that was thrown, as an error with a code. What is not ours is a mistake of this program. */
export function toSyncError(error: unknown, signal?: AbortSignal): SyncError {
  if (signal?.aborted === true && isSyncError(signal.reason)) return signal.reason;
  if (isSyncError(error)) return error;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return new SyncError('SYNC_INTERNAL', `unexpected: ${message}`, { stack: stack ?? '' }, error);
}

/** Tells of what went wrong before any run began: usage, config. */
export async function reportFailure(io: Io, error: unknown): Promise<ExitCode> {
  const { argv } = io;
  const flags: CommonFlags = {
    json: argv.includes('--json'),
    color: !argv.includes('--no-color'),
    verbose: argv.includes('--verbose') || argv.includes('-v'),
  };
  const { output, finish } = await startOutput(io, flags, {});
  const { code, message, details } = toSyncError(error);
  output.emit({ type: 'error', code, message, details: shownDetails(details, flags) });
  return finish('failed');
}

/** A stack helps only those who asked for more. */
export function shownDetails(details: SyncError['details'], { verbose = false }: CommonFlags): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).filter(([name, value]) => value !== undefined && (verbose || name !== 'stack')));
}
