import { EventEmitter } from 'node:events';
import type { ClientChannel } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { receiveWindowBytes, widenReceiveWindow } from './channel-window.ts';

const mebibyte = 1024 * 1024;

it('grants no more than ssh2 does on a near link, and at most 16 MiB', () => {
  expect([0, 1, 6, 20, 50, 300].map((ms) => receiveWindowBytes(ms) / mebibyte)).toEqual([2, 2, 2, 6.25, 15.625, 16]);
});

describe('widenReceiveWindow', () => {
  const fakeChannel = (
    state = 'open',
  ): { channel: ClientChannel; incoming: { window: number }; granted: number[]; receive: (bytes: number) => void } => {
    const granted: number[] = [];
    const incoming = { window: 2 * mebibyte };
    const inside = {
      incoming,
      outgoing: { id: 7, state },
      _client: { _protocol: { channelWindowAdjust: (_id: number, bytes: number) => granted.push(bytes) } },
    };
    const channel = Object.assign(new EventEmitter(), inside) as unknown as ClientChannel;
    const receive = (bytes: number): void => {
      incoming.window -= bytes;
      channel.emit('data', Buffer.alloc(0));
    };
    return { channel, incoming, granted, receive };
  };

  it('keeps at least half of the window open, and counts what it grants', () => {
    const { channel, incoming, granted, receive } = fakeChannel();
    widenReceiveWindow(channel, 16 * mebibyte);
    receive(7 * mebibyte);
    receive(mebibyte);
    expect(granted).toEqual([14 * mebibyte, 8 * mebibyte]);
    expect(incoming.window).toBe(16 * mebibyte);
  });

  it('grants nothing on a near link, on a closed channel, or to an ssh2 that is built in another way', () => {
    const near = fakeChannel();
    widenReceiveWindow(near.channel, 2 * mebibyte);
    const closed = fakeChannel('closed');
    widenReceiveWindow(closed.channel, 16 * mebibyte);
    expect([near.granted, closed.granted]).toEqual([[], []]);
    expect(() => widenReceiveWindow(new EventEmitter() as ClientChannel, 16 * mebibyte)).not.toThrow();
  });
});
