/**
 * Whether the other side is still there. Each side says something in every beat, so a peer of which nothing was heard for `silenceMs` is gone; also one that
 * has taken nothing of what waits for it for `stallMs`. A link that is full in one direction is no silence in the other.
 *
 * Silence is counted in beats that this process lived through, not in time that went by: a laptop that slept, or a thread that was busy for a while, has heard nothing either.
 */
import { type Clock, SyncError } from '@ubos/sync-core';
import type { ConnectionLimits } from './limits.ts';

export const beatMs = 5_000;

export interface KeptAlive {
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Bytes that the peer has not taken yet, and pieces that it has. */
  readonly queuedBytes: number;
  readonly takenCount: number;
  /** Ends the link if this process has not run for too long. */
  checkStandstill(): void;
  beat(): void;
  fail(error: SyncError): void;
}

/** Returns when `signal` is aborted or the link has failed. */
export async function keepAlive(link: KeptAlive, limits: ConnectionLimits, clock: Clock, signal: AbortSignal): Promise<void> {
  let { receivedBytes, sentBytes, takenCount } = link;
  let silentMs = 0;
  let stalledMs = 0;
  for (;;) {
    try {
      await clock.delay(beatMs, signal);
    } catch {
      return;
    }
    link.checkStandstill();
    silentMs = link.receivedBytes === receivedBytes ? silentMs + beatMs : 0;
    stalledMs = link.queuedBytes > 0 && link.takenCount === takenCount ? stalledMs + beatMs : 0;
    if (silentMs >= limits.silenceMs)
      return link.fail(new SyncError('SYNC_PEER_TIMEOUT', `nothing was heard of the other side for ${silentMs / 1000} s`));
    if (stalledMs >= limits.stallMs)
      return link.fail(new SyncError('SYNC_PEER_TIMEOUT', `the other side has taken nothing for ${stalledMs / 1000} s`));
    if (link.sentBytes === sentBytes) link.beat();
    ({ receivedBytes, sentBytes, takenCount } = link);
  }
}
