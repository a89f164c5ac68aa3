import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCredit, encodeFrame, type Frame, FrameDecoder, type FrameKind } from './frame.ts';

const seed = 20_251_121;

const payload = fc.uint8Array({ minLength: 1, maxLength: 64 });
const stream = fc.integer({ min: 1, max: 0xffff_ffff });
const frame: fc.Arbitrary<{ readonly kind: FrameKind; readonly stream: number; readonly payload: Uint8Array }> = fc.oneof(
  fc.record({ kind: fc.constantFrom<FrameKind>('open', 'message', 'data', 'failure'), stream, payload }),
  fc.record({ kind: fc.constant<FrameKind>('end'), stream, payload: fc.constant(new Uint8Array(0)) }),
  fc.record({ kind: fc.constant<FrameKind>('beat'), stream: fc.constant(0), payload: fc.constant(new Uint8Array(0)) }),
  fc.record({ kind: fc.constant<FrameKind>('goodbye'), stream: fc.constant(0), payload }),
);

function decodeAll(bytes: Buffer, cuts: readonly number[]): { readonly frames: Frame[]; readonly error: unknown } {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder((one) => frames.push({ ...one, payload: Buffer.from(one.payload) }));
  let at = 0;
  try {
    for (const cut of [...cuts, bytes.length]) {
      const end = Math.min(bytes.length, at + cut);
      decoder.push(Buffer.from(bytes.subarray(at, end)));
      at = end;
    }
    return { frames, error: undefined };
  } catch (error) {
    return { frames, error };
  }
}

describe(`frames (seed ${seed})`, () => {
  it('come out as they went in, however they are chunked', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 40 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((one) => encodeFrame(one.kind, one.stream, one.payload)));
        const { frames, error } = decodeAll(bytes, cuts);
        expect(error).toBe(undefined);
        expect(frames.map((one) => ({ ...one, payload: new Uint8Array(one.payload) }))).toEqual(
          sent.map((one) => ({ ...one, payload: new Uint8Array(one.payload) })),
        );
      }),
      { seed, numRuns: 300 },
    );
  });

  it('for any bytes, the decoder yields frames or one error, and the same ones for any chunks', () => {
    const header = fc
      .tuple(fc.constantFrom(0, 1, 4, 5, 1024 * 1024, 1024 * 1024 + 1), fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 3 }))
      .map(([length, kind, id]) => {
        const bytes = Buffer.alloc(9);
        bytes.writeUInt32BE(length, 0);
        bytes[4] = kind;
        bytes.writeUInt32BE(id, 5);
        return bytes;
      });
    const anyBytes = fc
      .array(
        fc.oneof(
          header,
          fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
        ),
        { maxLength: 6 },
      )
      .map((parts) => Buffer.concat(parts));
    fc.assert(
      fc.property(anyBytes, fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 30 }), (bytes, cuts) => {
        const whole = decodeAll(bytes, []);
        const cut = decodeAll(bytes, cuts);
        expect(cut.frames).toEqual(whole.frames);
        expect((cut.error as { code?: string } | undefined)?.code).toBe((whole.error as { code?: string } | undefined)?.code);
        if (whole.error !== undefined) expect(whole.error).toMatchObject({ code: 'SYNC_PROTOCOL' });
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('what was not given back stays as it was, whatever is given back around it', () => {
    const sizes = fc.constantFrom(1, 40, 40, 40, 100);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(sizes, fc.boolean()), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 }),
        (sent, cuts) => {
          const kept: { readonly payload: Buffer; readonly expected: Buffer }[] = [];
          let index = 0;
          const decoder = new FrameDecoder(({ payload }) => {
            const [bytes, isKept] = sent[index] as (typeof sent)[number];
            const expected = Buffer.alloc(bytes, index++);
            expect(payload.equals(expected)).toBe(true);
            if (isKept) return kept.push({ payload, expected });
            decoder.giveBack(payload);
            return decoder.giveBack(payload);
          });
          const bytes = Buffer.concat(sent.map(([size], number) => encodeFrame('data', 1, Buffer.alloc(size, number))));
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const end = Math.min(bytes.length, at + (cuts[turn] ?? 7));
            decoder.push(Buffer.from(bytes.subarray(at, end)));
            at = end;
          }
          expect(index).toBe(sent.length);
          for (const { payload, expected } of kept) expect(payload.equals(expected)).toBe(true);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it('memory that was given back is used again, and what lies in a chunk that arrived is not', () => {
    const payloads: Buffer[] = [];
    const decoder = new FrameDecoder(({ payload }) => payloads.push(payload));
    const bytes = encodeFrame('data', 1, Buffer.alloc(50, 1));
    const inTwo = () => {
      decoder.push(bytes.subarray(0, 30));
      decoder.push(bytes.subarray(30));
      return payloads.at(-1) as Buffer;
    };
    const first = inTwo();
    decoder.giveBack(first);
    expect(inTwo()).toBe(first);
    decoder.push(bytes);
    const view = payloads.at(-1) as Buffer;
    decoder.giveBack(view);
    expect(inTwo().buffer).not.toBe(view.buffer);
  });

  it('takes a payload that lies in one chunk as it is, without copying', () => {
    const bytes = encodeFrame('data', 7, Buffer.from('hello'));
    const frames: Frame[] = [];
    new FrameDecoder((one) => frames.push(one)).push(bytes);
    expect(frames[0]?.payload.buffer).toBe(bytes.buffer);
  });

  it('carries credit as a number of its own size', () => {
    const frames: Frame[] = [];
    new FrameDecoder((one) => frames.push(one)).push(encodeCredit(3, 0xffff_ffff));
    expect(frames).toMatchObject([{ kind: 'credit', stream: 3 }]);
    expect(frames[0]?.payload.readUInt32BE(0)).toBe(0xffff_ffff);
  });
});
