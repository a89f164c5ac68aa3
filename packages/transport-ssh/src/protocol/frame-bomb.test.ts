/** Attack: lengths and kinds that no frame has, and then silence or text. */
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from './frame.ts';

function header(length: number, kind: number, stream: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt32BE(length, 0);
  bytes[4] = kind;
  bytes.writeUInt32BE(stream, 5);
  return bytes;
}

const data = 3;
const limit = 1024 * 1024;

describe('a frame that could not be ours is refused at its header', () => {
  const cases: readonly (readonly [string, Buffer])[] = [
    ['one byte beyond the limit', header(limit + 1, data, 1)],
    ['2^31 - 1 bytes', header(2 ** 31 - 1, data, 1)],
    ['2^31 bytes', header(2 ** 31, data, 1)],
    ['2^32 - 1 bytes', header(2 ** 32 - 1, data, 1)],
    ['data without bytes', header(0, data, 1)],
    ['an end that carries something', header(1, 4, 1)],
    ['credit of three bytes', header(3, 6, 1)],
    ['kind 0', header(1, 0, 1)],
    ['kind 9', header(1, 9, 1)],
    ['kind 255', header(1, 255, 1)],
    ['data for the connection', header(1, data, 0)],
    ['a beat for a stream', header(0, 7, 1)],
  ];
  for (const [title, bytes] of cases) {
    it(title, () => {
      const before = process.memoryUsage().arrayBuffers;
      const decoder = new FrameDecoder(() => expect.unreachable('no frame'));
      expect(() => decoder.push(bytes)).toThrow(expect.objectContaining({ code: 'SYNC_PROTOCOL' }));
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    });
  }

  it('and nothing is taken after it', () => {
    const decoder = new FrameDecoder(() => expect.unreachable('no frame'));
    expect(() => decoder.push(header(0, data, 1))).toThrow();
    decoder.push(Buffer.from([0, 0, 0, 1, data, 0, 0, 0, 1, 65]));
  });

  it('a stack trace where frames should be is shown, escaped', () => {
    const decoder = new FrameDecoder(() => expect.unreachable('no frame'));
    const text = '\u001b[31mTypeError: cannot read properties of undefined\n    at main.js:1';
    expect(() => decoder.push(Buffer.from(text))).toThrow(
      expect.objectContaining({
        code: 'SYNC_PROTOCOL',
        details: { seen: expect.stringContaining('\\x1b[31mTypeError: cannot read properties') as string },
      }),
    );
  });
});
