import { PassThrough, type Transform, Writable } from 'node:stream';
import type { Clock } from '@ubos/sync-core';
import { describe, expect, it } from 'vitest';
import type { ByteDuplex } from './byte-duplex.ts';
import { allocateFrame, frameHeaderBytes } from './frame.ts';
import {
  bulkWindowBytes,
  type ConnectionLimits,
  dataFrameBytes,
  defaultConnectionLimits,
  initialWindowBytes,
  outputHighWaterBytes,
} from './limits.ts';
import { done } from './messages/pages.ts';
import type { Request } from './messages/requests.ts';
import { Multiplexer } from './multiplexer.ts';
import { systemClock } from './system-clock.ts';
import { createDuplexPair } from './test-support/duplex-pair.ts';
import { createManualClock } from './test-support/manual-clock.ts';
import type { WireStream } from './wire-stream.ts';

const request: Request = { type: 'service', name: 'x', json: 'null' };

interface Ends {
  readonly here: Multiplexer;
  readonly there: Multiplexer;
  /** The streams that were opened, on the far side. */
  readonly accepted: WireStream[];
  close(): Promise<void>;
}

function connect({
  clock = systemClock,
  limits = {},
  between,
}: {
  clock?: Clock;
  limits?: Partial<ConnectionLimits>;
  between?: (direction: string) => Transform;
} = {}): Ends {
  const pair = createDuplexPair(between);
  const all = { ...defaultConnectionLimits, ...limits };
  const accepted: WireStream[] = [];
  const here = new Multiplexer({ stream: pair.here, role: 'initiator', limits: all, clock });
  const there = new Multiplexer({ stream: pair.there, role: 'responder', limits: all, clock, onOpen: (stream) => void accepted.push(stream) });
  const facts = { preambleBytes: 0, peerStreamsMax: all.streamsMax };
  here.start(Buffer.alloc(0), facts);
  there.start(Buffer.alloc(0), facts);
  return {
    here,
    there,
    accepted,
    async close() {
      await Promise.all([here.close(), there.close()]);
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

async function acceptOne(ends: Ends): Promise<WireStream> {
  await until(() => ends.accepted.length > 0);
  return ends.accepted.shift() as WireStream;
}

function dataFrame(): Buffer {
  return allocateFrame(dataFrameBytes).fill(1);
}

describe('credit', () => {
  it('bounds what waits for a receiver that takes nothing, and goes on when it takes', async () => {
    const ends = connect();
    const sending = ends.here.open(request);
    const receiving = await acceptOne(ends);
    let sentBytes = 0;
    const total = 64 * dataFrameBytes;
    const all = (async () => {
      while (sentBytes < total) {
        await sending.sendData(dataFrame());
        sentBytes += dataFrameBytes;
      }
      sending.end();
    })();
    await until(() => ends.there.counters.bytesReceived >= initialWindowBytes - dataFrameBytes - 1024);
    for (let count = 0; count < 20; count++) await turn();
    expect(sentBytes).toBeLessThanOrEqual(initialWindowBytes);
    receiving.widen();
    await until(() => ends.there.counters.bytesReceived > bulkWindowBytes);
    for (let count = 0; count < 20; count++) await turn();
    expect(sentBytes).toBeLessThanOrEqual(initialWindowBytes + bulkWindowBytes);
    let receivedBytes = 0;
    for (let bytes = await receiving.dataOrEnd(); bytes !== undefined; bytes = await receiving.dataOrEnd()) receivedBytes += bytes.length;
    await all;
    expect(receivedBytes).toBe(total);
    await ends.close();
  });

  it('above the first windows is shared by all streams, and given back', async () => {
    const ends = connect({ limits: { bulkBytes: bulkWindowBytes + 1000 } });
    const streams = [
      ends.here.open(request, { content: true }),
      ends.here.open(request, { content: true }),
      ends.here.open(request, { content: true }),
    ];
    expect(streams.map(({ bulkBytes }) => bulkBytes)).toEqual([bulkWindowBytes, 1000, 0]);
    await until(() => ends.accepted.length === 3);
    for (const stream of ends.accepted) stream.end();
    for (const stream of streams) {
      await stream.ended();
      stream.end();
    }
    expect(ends.here.open(request, { content: true }).bulkBytes).toBe(bulkWindowBytes);
    await ends.close();
  });

  it('of one stream does not hold up another', async () => {
    const ends = connect();
    const stuck = ends.here.open(request);
    await acceptOne(ends);
    const flooding = (async () => {
      for (;;) await stuck.sendData(dataFrame());
    })().catch((error: unknown) => error);
    await until(() => ends.there.counters.bytesReceived >= initialWindowBytes - dataFrameBytes - 1024);
    const other = ends.here.open(request);
    const receiving = await acceptOne(ends);
    await receiving.send({ type: 'done' });
    expect(await other.message(done)).toEqual({ type: 'done' });
    await ends.close();
    expect(await flooding).toMatchObject({ code: 'SYNC_PEER_LOST' });
  });
});

describe('slow loris: a peer that does not read', () => {
  /** A link that takes nothing after a while. */
  function createDeadEnd(takesBytes: number): { readonly stream: ByteDuplex; readonly inbound: PassThrough } {
    const inbound = new PassThrough();
    let taken = 0;
    const writable = new Writable({
      highWaterMark: 16 * 1024,
      write(chunk: Buffer, _encoding, callback) {
        taken += chunk.length;
        if (taken <= takesBytes) callback();
      },
    });
    return { stream: { readable: inbound, writable }, inbound };
  }

  it('makes us keep no more than the high-water mark and a frame a stream', async () => {
    const { stream } = createDeadEnd(100_000);
    const mux = new Multiplexer({ stream, role: 'initiator', limits: defaultConnectionLimits, clock: createManualClock() });
    mux.start(Buffer.alloc(0), { preambleBytes: 0, peerStreamsMax: 64 });
    const streams = Array.from({ length: 8 }, () => mux.open(request));
    for (const one of streams) {
      one.onCredit(8 * 1024 * 1024);
      void (async () => {
        for (;;) await one.sendData(dataFrame());
      })().catch(() => {});
    }
    for (let count = 0; count < 50; count++) await turn();
    expect(mux.queuedBytes).toBeLessThanOrEqual(outputHighWaterBytes + dataFrameBytes + frameHeaderBytes);
    mux.drop(Object.assign(new Error('done'), { code: 'SYNC_PEER_LOST' }) as never);
  });

  it('is given up after a minute, even if it keeps talking', async () => {
    const clock = createManualClock();
    const { stream, inbound } = createDeadEnd(0);
    const mux = new Multiplexer({ stream, role: 'initiator', limits: defaultConnectionLimits, clock });
    mux.start(Buffer.alloc(0), { preambleBytes: 0, peerStreamsMax: 64 });
    const waiting = mux
      .open(request)
      .message(done)
      .catch((error: unknown) => error);
    const beat = Buffer.from([0, 0, 0, 0, 7, 0, 0, 0, 0]);
    for (let second = 0; second < 70; second += 5) {
      inbound.write(beat);
      await clock.advance(5_000);
    }
    expect(await waiting).toMatchObject({ code: 'SYNC_PEER_TIMEOUT', message: expect.stringContaining('taken nothing for 60 s') as string });
  });

  it('but asks is cut off before its answers fill our memory', async () => {
    const { stream, inbound } = createDeadEnd(0);
    const mux = new Multiplexer({
      stream,
      role: 'responder',
      limits: defaultConnectionLimits,
      clock: createManualClock(),
      onOpen: (opened) => opened.fail(new Error('no'.repeat(200))),
    });
    mux.start(Buffer.alloc(0), { preambleBytes: 0, peerStreamsMax: 64 });
    let id = 1;
    const frames = (): Buffer => {
      const bytes = Buffer.from([0, 0, 0, 1, 1, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
      bytes.writeUInt32BE(id, 5);
      bytes.writeUInt32BE(id, 15);
      id += 2;
      return bytes;
    };
    let largest = 0;
    while (id < 1_000_000 && !mux.isOver) {
      inbound.write(Buffer.concat(Array.from({ length: 500 }, frames)));
      await turn();
      largest = Math.max(largest, mux.queuedBytes);
    }
    expect(mux.isOver).toBe(true);
    expect(largest).toBeLessThan(40 * 1024 * 1024);
  });
});

describe('keepalive', () => {
  it('leaves a connection alone that has nothing to say for an hour', async () => {
    const clock = createManualClock();
    const ends = connect({ clock });
    await clock.advance(3_600_000);
    expect(ends.here.isOver || ends.there.isOver).toBe(false);
    expect(ends.here.counters.bytesSent).toBeLessThan(9 * 721);
    await ends.close();
  });

  it('finds a far side that is silent after 30 s, and lets those wait who ask it', async () => {
    const clock = createManualClock();
    const deaf = (direction: string): Transform =>
      direction === 'to-here' ? new PassThrough({ transform: (_chunk, _encoding, callback) => callback() }) : new PassThrough();
    const ends = connect({ clock, between: deaf });
    const asking = ends.here
      .open(request)
      .message(done)
      .catch((error: unknown) => error);
    await clock.advance(29_000);
    expect(ends.here.isOver).toBe(false);
    await clock.advance(6_000);
    expect(await asking).toMatchObject({ code: 'SYNC_PEER_TIMEOUT', message: expect.stringContaining('30 s') as string });
  });
});

describe('ends', () => {
  it('an orderly one is undefined on both sides, and rejects what was under way', async () => {
    const ends = connect();
    const waiting = ends.here
      .open(request)
      .message(done)
      .catch((error: unknown) => error);
    await acceptOne(ends);
    await ends.here.close();
    expect(await waiting).toMatchObject({ code: 'SYNC_PEER_LOST' });
    expect(await ends.here.closed).toBe(undefined);
    expect(await ends.there.closed).toBe(undefined);
    await expect(ends.here.open(request).message(done)).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
    await ends.here.close();
  });

  it('a stream that fails takes its signal along, and no other stream', async () => {
    const ends = connect();
    const one = ends.here.open(request);
    const two = ends.here.open(request);
    await until(() => ends.accepted.length === 2);
    const [first, second] = ends.accepted as [WireStream, WireStream];
    const { signal } = first;
    one.fail(new Error('not any more'));
    await until(() => signal.aborted);
    expect(signal.reason).toMatchObject({ code: 'SYNC_IO', message: 'not any more' });
    await second.send({ type: 'done' });
    expect(await two.message(done)).toEqual({ type: 'done' });
    await ends.close();
  });

  it('streams that are over make room for those that wait to be opened', async () => {
    const ends = connect({ limits: { streamsMax: 8 } });
    const streams = Array.from({ length: 20 }, () => ends.here.open(request));
    expect(streams.map(({ id }) => id > 0)).toEqual([...Array<boolean>(8).fill(true), ...Array<boolean>(12).fill(false)]);
    const answers = streams.map(async (stream) => {
      const answer = await stream.message(done);
      await stream.ended();
      stream.end();
      return answer.type;
    });
    for (let count = 0; count < 20; count++) {
      const accepted = await acceptOne(ends);
      await accepted.send({ type: 'done' });
      accepted.end();
    }
    expect(await Promise.all(answers)).toEqual(Array<string>(20).fill('done'));
    await ends.close();
  });
});

describe('round trips', () => {
  it('are chains of question and answer, not numbers of either', async () => {
    const ends = connect();
    const answerAll = async (): Promise<void> => {
      for (const stream of ends.accepted.splice(0)) {
        await stream.send({ type: 'done' });
        stream.end();
      }
    };
    const ask = async (): Promise<void> => {
      const stream = ends.here.open(request);
      await stream.message(done);
      await stream.ended();
      stream.end();
    };
    expect(ends.here.counters.roundTrips).toBe(0);
    const together = Promise.all([ask(), ask(), ask()]);
    await until(() => ends.accepted.length === 3);
    await answerAll();
    await together;
    expect(ends.here.counters).toMatchObject({ requests: 3, roundTrips: 1 });
    for (let count = 0; count < 2; count++) {
      const asking = ask();
      await until(() => ends.accepted.length === 1);
      await answerAll();
      await asking;
    }
    expect(ends.here.counters).toMatchObject({ requests: 5, roundTrips: 3 });
    await ends.close();
  });
});
