/**
 * A slow link on one machine: a TCP proxy on loopback that delays each direction by half the round-trip time and, if asked, caps its rate.
 *
 * Bytes are put in a queue with the time at which they may leave; order is kept. The cap is a pacing of departures, not a bucket, so that a burst
 * takes as long as it would on the wire. Back-pressure is real: a queue holds at most what the link holds in flight plus a megabyte.
 */
import { connect, createServer, type Socket } from 'node:net';

export interface SlowLink {
  readonly port: number;
  close(): Promise<void>;
}

export interface SlowLinkOptions {
  readonly toPort: number;
  readonly roundTripMs: number;
  /** Bits a second and direction; `undefined`: no cap. */
  readonly bitsPerSecond?: number | undefined;
}

export async function openSlowLink({ toPort, roundTripMs, bitsPerSecond }: SlowLinkOptions): Promise<SlowLink> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect({ port: toPort, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {
        near.destroy();
        far.destroy();
      });
    }
    delayLine(near, far, roundTripMs / 2, bitsPerSecond);
    delayLine(far, near, roundTripMs / 2, bitsPerSecond);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

function delayLine(from: Socket, to: Socket, delayMs: number, bitsPerSecond: number | undefined): void {
  const bytesPerMs = bitsPerSecond === undefined ? Number.POSITIVE_INFINITY : bitsPerSecond / 8000;
  const queueBytesMax = (bitsPerSecond === undefined ? 64 * 1024 ** 2 : bytesPerMs * delayMs) + 1024 ** 2;
  const queue: { readonly bytes: Buffer; readonly leavesAtMs: number }[] = [];
  let queued = 0;
  let lineFreeAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;

  const flush = (): void => {
    timer = undefined;
    const now = performance.now();
    for (let head = queue[0]; head !== undefined && head.leavesAtMs <= now; head = queue[0]) {
      queue.shift();
      queued -= head.bytes.length;
      to.write(head.bytes);
    }
    if (queued <= queueBytesMax) from.resume();
    const next = queue[0];
    if (next !== undefined) timer = setTimeout(flush, Math.max(0, next.leavesAtMs - performance.now()));
    else if (ended) to.end();
  };

  from.on('data', (bytes: Buffer) => {
    const now = performance.now();
    lineFreeAtMs = Math.max(lineFreeAtMs, now) + bytes.length / bytesPerMs;
    queue.push({ bytes, leavesAtMs: lineFreeAtMs + delayMs });
    queued += bytes.length;
    if (queued > queueBytesMax) from.pause();
    timer ??= setTimeout(flush, Math.max(0, (queue[0]?.leavesAtMs ?? 0) - now));
  });
  from.on('end', () => {
    ended = true;
    timer ??= setTimeout(flush, delayMs);
  });
  to.on('close', () => clearTimeout(timer));
}
