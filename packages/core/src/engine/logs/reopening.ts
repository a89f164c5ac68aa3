/** A source that is opened anew when its connection is lost, with patience that grows. */
import type { Clock } from '../clock.ts';
import { isSyncError, type SyncErrorCode } from '../errors.ts';
import type { LogSource } from './log-source.ts';

export type OpenLogSource = () => Promise<LogSource>;

export interface Reopening {
  /** The source, opened if it has to be. */
  open(): Promise<LogSource>;
  /** It was of use: after the next failure it is tried again soon. */
  worked(): void;
  /** After a failure: waits until it may be opened again. Throws the error if that would not help, or nothing can open it. */
  recover(error: unknown): Promise<void>;
  /** Closes what was opened here. */
  close(): Promise<void>;
}

const firstWaitMs = 1_000;
const longestWaitMs = 60_000;

/** Without a clock nothing is waited for. */
export function createReopening(
  source: LogSource | OpenLogSource,
  { clock, signal }: { readonly clock: Clock | undefined; readonly signal: AbortSignal | undefined },
): Reopening {
  const isOurs = typeof source === 'function';
  let opened = isOurs ? undefined : source;
  let failures = 0;
  const close = async (): Promise<void> => {
    if (!isOurs) return;
    const old = opened;
    opened = undefined;
    await old?.close();
  };
  return {
    async open() {
      opened ??= await (source as OpenLogSource)();
      return opened;
    },
    worked() {
      failures = 0;
    },
    async recover(error) {
      if (!isOurs || clock === undefined || signal?.aborted === true || !isSyncError(error) || !lossCodes.has(error.code)) throw error;
      await close().catch(() => {});
      const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures);
      failures++;
      await clock.delay(waitMs * (0.5 + fractionOf(clock.newId()) / 2), signal);
    },
    close,
  };
}

/** The node may be reached again after these. */
const lossCodes: ReadonlySet<SyncErrorCode> = new Set(['SYNC_PEER_LOST', 'SYNC_PEER_TIMEOUT', 'SYNC_UNREACHABLE']);

/** From 0 to 1, so that not all who lost the same node come back in the same moment. */
function fractionOf(id: string): number {
  return Number.parseInt(id.slice(-6), 16) / 0xff_ff_ff;
}
