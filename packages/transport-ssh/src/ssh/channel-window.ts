/**
 * How much the other side may send before it has to wait for us. ssh2 grants 2 MiB and renews it when half is gone, which caps a download at less than 2 MiB
 * per round trip, whatever the link could carry. There is no option for it (ssh2 1.17, `MAX_WINDOW` in lib/Channel.js), so the window is kept open by the
 * same private calls that ssh2 renews it with; where they are not as expected, nothing is done.
 *
 * Measured against sshd 9.2 on two shared cores, Node 20, November 2026:
 *
 * | window | round trip 50 ms | loopback |
 * |---|---|---|
 * | ssh2's | 20 MB/s | 400-600 MB/s |
 * | 4 MiB | 40 MB/s | 390-620 MB/s |
 * | 8 MiB | 73 MB/s | 210-330 MB/s |
 * | 16 MiB | 135 MB/s | 175-200 MB/s |
 *
 * A window larger than the link needs costs speed (what is under way waits in sshd's buffers), so it follows the round-trip time.
 */
import type { ClientChannel } from 'ssh2';

const windowBytesMax = 16 * 1024 * 1024;

/** What ssh2 does by itself. */
const windowBytesMin = 2 * 1024 * 1024;

const bytesPerMs = 320 * 1024;

/** The bytes that fill a fast link for one round trip; not more than may wait in memory while nobody reads. */
export function receiveWindowBytes(roundTripMs: number): number {
  return Math.min(windowBytesMax, Math.max(windowBytesMin, Math.round(roundTripMs * bytesPerMs)));
}

/** Call it when the channel is being read already: it listens for data, which starts the flow. */
export function widenReceiveWindow(channel: ClientChannel, windowBytes: number): void {
  const { incoming, outgoing, _client: client } = channel as unknown as Partial<ChannelInside>;
  if (windowBytes <= windowBytesMin) return;
  if (typeof incoming?.window !== 'number' || typeof outgoing?.id !== 'number' || typeof client?._protocol?.channelWindowAdjust !== 'function')
    return;
  const renew = (): void => {
    const missing = windowBytes - incoming.window;
    if (missing < windowBytes / 2 || outgoing.state !== 'open') return;
    incoming.window += missing;
    client._protocol.channelWindowAdjust(outgoing.id, missing);
  };
  renew();
  channel.on('data', renew);
}

interface ChannelInside {
  readonly incoming: { window: number };
  readonly outgoing: { readonly id: number; readonly state: string };
  readonly _client: { readonly _protocol: { channelWindowAdjust(channelId: number, bytes: number): void } };
}
