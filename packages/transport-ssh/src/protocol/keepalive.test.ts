import { describe, expect, it } from 'vitest';
import { beatMs, type KeptAlive, keepAlive } from './keepalive.ts';
import { defaultConnectionLimits } from './limits.ts';

/** Plays one entry a beat: what has changed on the link in it. Returns after which beat it failed, and how. */
async function play(
  beats: readonly Partial<{ receivedBytes: number; sentBytes: number; queuedBytes: number; takenCount: number }>[],
): Promise<{ readonly beat: number; readonly failure: string | undefined; readonly beatsSent: number }> {
  const state = { receivedBytes: 0, sentBytes: 0, queuedBytes: 0, takenCount: 0 };
  let at = 0;
  let beatsSent = 0;
  let failure: string | undefined;
  const link: KeptAlive = {
    get receivedBytes() {
      return state.receivedBytes;
    },
    get sentBytes() {
      return state.sentBytes;
    },
    get queuedBytes() {
      return state.queuedBytes;
    },
    get takenCount() {
      return state.takenCount;
    },
    checkStandstill: () => {},
    beat: () => void beatsSent++,
    fail: (error) => {
      failure = `${error.code} ${error.message}`;
    },
  };
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    newId: () => '',
    delay: () => {
      if (at === beats.length) return Promise.reject(new Error('over'));
      Object.assign(state, beats[at++]);
      return Promise.resolve();
    },
  };
  await keepAlive(link, defaultConnectionLimits, clock, new AbortController().signal);
  return { beat: at, failure, beatsSent };
}

describe('keepalive', () => {
  const silent = {};
  it(`fails after 30 s without a byte, which is ${30_000 / beatMs} beats`, async () => {
    expect(await play(Array(10).fill(silent))).toMatchObject({
      beat: 6,
      failure: expect.stringContaining('SYNC_PEER_TIMEOUT nothing was heard') as string,
    });
  });

  it('starts anew with each byte', async () => {
    const almost = [...Array<object>(5).fill(silent), { receivedBytes: 1 }, ...Array<object>(5).fill(silent), { receivedBytes: 2 }];
    expect((await play(almost)).failure).toBe(undefined);
  });

  it('takes a thread that was busy for a while for one beat', async () => {
    // However long a delay took, it is one entry here; and what arrived meanwhile is read before the next.
    expect((await play([silent, silent, silent, { receivedBytes: 100 }])).failure).toBe(undefined);
  });

  it('says something only where nothing else was said', async () => {
    const talking = Array.from({ length: 10 }, (_, index) => ({ receivedBytes: index + 1, sentBytes: index + 1 }));
    expect(await play(talking)).toMatchObject({ beatsSent: 0, failure: undefined });
    const listening = talking.map(({ receivedBytes }) => ({ receivedBytes }));
    expect(await play(listening)).toMatchObject({ beatsSent: 10 });
  });

  it('fails after a minute in which the peer took nothing of what waits, however much it says', async () => {
    const stuck = Array.from({ length: 20 }, (_, index) => ({ receivedBytes: index + 1, queuedBytes: 9 }));
    expect(await play(stuck)).toMatchObject({ beat: 12, failure: expect.stringContaining('has taken nothing for 60 s') as string });
    const slow = stuck.map((beat, index) => ({ ...beat, takenCount: Math.floor(index / 10) }));
    expect((await play(slow)).failure).toBe(undefined);
  });
});
