import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHashing } from '../../fs/hasher.ts';
import type { HashBytes } from '../../hash/digest.ts';
import { chunkBytes } from '../../log/chunk-chain.ts';
import {
  createMemoryLogFile,
  createMemoryLogSink,
  createMemoryLogSource,
  type MemoryLogFile,
  type MemoryLogSink,
  type MemoryLogSource,
} from '../../testing/memory-log.ts';
import type { LogSource } from './log-source.ts';
import { pullLog } from './pull-log.ts';
import type { PullLogOptions } from './report.ts';

const seed = 20_251_123;
let hash: HashBytes;
beforeAll(async () => {
  hash = (await loadHashing('fast')).hash;
});

interface World {
  readonly file: MemoryLogFile;
  readonly source: MemoryLogSource;
  readonly sink: MemoryLogSink;
  pull(options?: Partial<PullLogOptions>): ReturnType<typeof pullLog>;
}

function world(
  source: string | Uint8Array | undefined,
  { name = 'logs/a.jsonl', local }: { name?: string; local?: string | Uint8Array } = {},
): World {
  const bytes = (content: string | Uint8Array | undefined) => (typeof content === 'string' ? Buffer.from(content) : content);
  const file = createMemoryLogFile(bytes(source));
  const from = createMemoryLogSource(name, file, { hash, pieceBytes: 100_000 });
  const sink = createMemoryLogSink(name, hash, createMemoryLogFile(bytes(local)));
  return { file, source: from, sink, pull: (options = {}) => pullLog({ source: from, sink, ...options }) };
}

const text = (file: MemoryLogFile) => (file.bytes === undefined ? undefined : Buffer.from(file.bytes).toString());
/** The matchers of a test runner take seconds over a few MB. */
const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined) => a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
const grow = (file: MemoryLogFile, more: string | Uint8Array) => {
  file.bytes = Buffer.concat([file.bytes ?? new Uint8Array(0), Buffer.from(more as string)]);
};
const none = new Uint8Array(0);
const line = (number: number) => `{"ts":"2025-10-07T00:00:0${number % 10}Z","n":${number}}\n`;
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => line(from + index)).join('');
/** More than two chunks of lines. */
const long = () => Buffer.from(lines(0, 60_000));

describe('pullLog', () => {
  it('takes all of a new log, then nothing, then what was appended', async () => {
    const { file, sink, pull } = world(lines(0, 3));
    expect(await pull()).toMatchObject({
      outcome: 'appended',
      fromByte: 0,
      toByte: 108,
      lines: 3,
      malformed: 0,
      firstTimestamp: '2025-10-07T00:00:00Z',
      lastTimestamp: '2025-10-07T00:00:02Z',
    });
    const { writes } = sink;
    expect(await pull()).toMatchObject({ outcome: 'up-to-date', lines: 0, lastTimestamp: '2025-10-07T00:00:02Z' });
    expect(sink.writes).toBe(writes);
    grow(file, lines(3, 5));
    expect(await pull()).toMatchObject({ outcome: 'appended', fromByte: 108, lines: 2, lastTimestamp: '2025-10-07T00:00:04Z' });
    expect(text(sink.file)).toBe(lines(0, 5));
  });

  it('asks once for facts and once for bytes, and sends again at most 4 KiB', async () => {
    const { file, source, sink, pull } = world(long());
    await pull();
    Object.assign(source.counts, { facts: 0, reads: 0, bytesRead: 0 });
    await pull();
    expect(source.counts).toEqual({ facts: 1, reads: 1, bytesRead: 4_096 });
    grow(file, line(1));
    expect((await pull()).bytesReceived).toBe(4_096 + line(1).length);
    expect(source.counts).toMatchObject({ facts: 2, reads: 2 });
    expect(isSame(sink.file.bytes, file.bytes)).toBe(true);
  });

  it('leaves the beginning of a line until it is whole, and writes nothing for it', async () => {
    const { file, sink, pull } = world(`${line(1)}{"n":`);
    expect(await pull()).toMatchObject({ outcome: 'appended', lines: 1 });
    expect(text(sink.file)).toBe(line(1));
    const { writes } = sink;
    grow(file, '2');
    expect(await pull()).toMatchObject({ outcome: 'up-to-date' });
    expect(sink.writes).toBe(writes);
    grow(file, '}\n');
    expect(await pull()).toMatchObject({ outcome: 'appended', lines: 1, malformed: 0 });
    expect(text(sink.file)).toBe(text(file));
  });

  it('takes bytes as they are where lines do not matter, and still judges a line that came in two pulls as one', async () => {
    const { file, sink, pull } = world('{"a":');
    expect(await pull({ lines: false })).toMatchObject({ outcome: 'appended', toByte: 5, lines: 0, malformed: 0 });
    grow(file, '1}\nnot json\n');
    expect(await pull({ lines: false })).toMatchObject({ lines: 2, malformed: 1 });
    expect(text(sink.file)).toBe(text(file));
    const other = world('no newline', { name: 'core.bin' });
    expect(await other.pull()).toMatchObject({ outcome: 'appended', malformed: undefined });
  });

  it('adopts a file that something else pulled, completes its cut last line, and sends nothing twice', async () => {
    const whole = long();
    const { source, sink, pull } = world(whole, { local: whole.subarray(0, chunkBytes + 12_345) });
    expect(await pull()).toMatchObject({
      outcome: 'adopted',
      fromByte: chunkBytes + 12_345,
      toByte: whole.length,
      malformed: 0,
      bytesReceived: whole.length - chunkBytes - 12_345 + 4_096,
    });
    expect(source.counts.reads).toBe(1);
    expect(isSame(sink.file.bytes, whole)).toBe(true);
    const complete = world(whole, { local: whole });
    expect(await complete.pull()).toMatchObject({ outcome: 'adopted', lines: 0, bytesReceived: 4_096, lastTimestamp: '2025-10-07T00:00:09Z' });
    expect(await complete.pull()).toMatchObject({ outcome: 'up-to-date' });
  });

  it('a dry run reports the same and changes nothing', async () => {
    const { sink, source, pull } = world(lines(0, 3));
    expect(await pull({ dryRun: true })).toMatchObject({ outcome: 'appended', fromByte: 0, toByte: 108, lines: undefined });
    expect([sink.writes, sink.file.bytes, source.counts.reads]).toEqual([0, undefined, 0]);
    await pull();
    expect(await pull({ dryRun: true })).toMatchObject({ outcome: 'up-to-date', lines: 0 });
  });

  describe('leaves local bytes alone and says why', () => {
    const unchanged = async ({ sink, pull }: World, expected: object, options: Partial<PullLogOptions> = {}) => {
      const before = sink.file.bytes?.slice();
      const { writes } = sink;
      expect(await pull(options)).toMatchObject(expected);
      expect(isSame(sink.file.bytes ?? none, before ?? none)).toBe(true);
      expect(sink.writes).toBe(writes);
    };
    const pulled = async (content: string | Uint8Array) => {
      const made = world(content);
      await made.pull();
      return made;
    };

    it('the source is missing', async () => {
      const made = await pulled(lines(0, 3));
      made.file.bytes = undefined;
      await unchanged(made, { outcome: 'missing', sourceBytes: 0, lastTimestamp: '2025-10-07T00:00:02Z' });
      await unchanged(world(undefined), { outcome: 'missing' });
    });

    it('the source is shorter than what was taken', async () => {
      const made = await pulled(lines(0, 3));
      made.file.bytes = Buffer.from(lines(0, 2));
      await unchanged(made, { outcome: 'truncated', differsAtByte: 72 });
      made.file.bytes = Buffer.from('');
      await unchanged(made, { outcome: 'truncated' });
    });

    it('the source was truncated and has grown beyond the old end again', async () => {
      const made = await pulled(lines(0, 3));
      made.file.bytes = Buffer.from(lines(5, 50));
      await unchanged(made, { outcome: 'forked', differsAtByte: 0 });
    });

    it('a byte of the last MiB was changed', async () => {
      const made = await pulled(long());
      const at = made.file.bytes?.length as number;
      made.file.bytes = made.file.bytes?.slice();
      made.file.bytes?.set([0x20], at - 500_000);
      await unchanged(made, { outcome: 'forked' });
    });

    it('a byte in the middle was changed: verify full finds it', async () => {
      const made = await pulled(Buffer.from(lines(0, 150_000)));
      made.file.bytes = made.file.bytes?.slice();
      made.file.bytes?.set([0x20], chunkBytes + 5);
      await unchanged(made, { outcome: 'up-to-date' }, { verify: 'tail' });
      await unchanged(made, { outcome: 'forked', differsAtByte: chunkBytes }, { verify: 'full' });
    });

    it('the local file was edited, cut or added to', async () => {
      const made = await pulled(lines(0, 3));
      grow(made.file, line(3));
      const good = made.sink.file.bytes;
      for (const bad of [lines(0, 2), `${lines(0, 2)}${line(9)}`, `${lines(0, 3)}mine\n`, '']) {
        made.sink.file.bytes = Buffer.from(bad);
        await unchanged(made, { outcome: 'local-changed' });
      }
      made.sink.file.bytes = good;
      expect(await made.pull()).toMatchObject({ outcome: 'appended', lines: 1 });
    });

    it('a file that nobody pulled is not the source', async () => {
      await unchanged(world(lines(0, 9), { local: 'something else\n' }), { outcome: 'forked', differsAtByte: 0 });
      await unchanged(world(lines(0, 2), { local: lines(0, 4) }), { outcome: 'truncated' });
    });
  });

  it('a local file that was touched or replaced by its like goes on, and is looked at in full once only', async () => {
    const { file, source, sink, pull } = world(long());
    await pull();
    sink.file.inode = 2;
    expect(await pull()).toMatchObject({ outcome: 'up-to-date' });
    const { writes } = sink;
    expect(await pull()).toMatchObject({ outcome: 'up-to-date' });
    expect(sink.writes).toBe(writes);
    sink.file.inode = 3;
    grow(file, line(1));
    expect(await pull()).toMatchObject({ outcome: 'appended', lines: 1 });
    expect(isSame(sink.file.bytes, file.bytes)).toBe(true);
    expect(source.name).toBe('logs/a.jsonl');
  });

  it('pulls all again where the local file was removed', async () => {
    const { sink, pull } = world(lines(0, 3));
    await pull();
    sink.file.bytes = undefined;
    expect(await pull()).toMatchObject({ outcome: 'appended', fromByte: 0, lines: 3 });
    expect(text(sink.file)).toBe(lines(0, 3));
  });

  it('a log that is replaced between the facts and the bytes is asked about again, and nothing foreign is appended', async () => {
    const { file, source, sink, pull } = world(lines(0, 3));
    await pull();
    grow(file, line(3));
    const { bytes } = file;
    let times = 0;
    const racing: LogSource = {
      ...source,
      read(request) {
        times++;
        if (times === 1) file.bytes = Buffer.from(lines(5, 50));
        const pieces = source.read(request);
        return {
          async *[Symbol.asyncIterator]() {
            for await (const piece of pieces) yield piece;
            file.bytes = bytes;
          },
        };
      },
      facts: async (request) => {
        const facts = await source.facts(request);
        return times > 1
          ? facts
          : {
              stat: facts.stat && { ...facts.stat, sizeBytes: bytes?.length ?? 0 },
              digests: request.extents.map(({ start, end }) => hash((bytes as Uint8Array).subarray(start, end))),
            };
      },
    };
    const pulling = pull({ source: racing });
    await Promise.resolve();
    expect(['appended', 'forked']).toContain((await pulling).outcome);
    expect(lines(0, 4).startsWith(text(sink.file) as string)).toBe(true);
    expect(times).toBeGreaterThan(1);
  });

  it('a lost source keeps what had arrived, and the next pull goes on there', async () => {
    const whole = long();
    const { source, sink, pull } = world(whole);
    const lost: LogSource = {
      ...source,
      async *read(request) {
        let sent = 0;
        for await (const piece of source.read(request)) {
          if (sent > 1_500_000) throw new Error('connection lost');
          sent += piece.length;
          yield piece;
        }
      },
    };
    await expect(pull({ source: lost })).rejects.toThrow('connection lost');
    const kept = sink.file.bytes?.length as number;
    expect(kept).toBeGreaterThan(1_400_000);
    expect(text(sink.file)?.endsWith('\n')).toBe(true);
    expect(await pull()).toMatchObject({ outcome: 'appended', fromByte: kept, toByte: whole.length });
    expect(isSame(sink.file.bytes, whole)).toBe(true);
  });

  it('an aborted pull rejects with the reason and keeps what had arrived', async () => {
    const { sink, pull } = world(long());
    const controller = new AbortController();
    const reason = new Error('stop');
    await expect(
      pull({ signal: controller.signal, onEvent: (event) => event.type === 'progress' && event.doneBytes > chunkBytes && controller.abort(reason) }),
    ).rejects.toBe(reason);
    expect(sink.file.bytes?.length).toBeGreaterThan(chunkBytes / 2);
    await expect(pull({ signal: controller.signal })).rejects.toBe(reason);
    expect(await pull()).toMatchObject({ outcome: 'appended' });
  });

  it('a cursor that says less than what is durable is settled by content: ours is kept, a torn end is cut', async () => {
    const whole = long();
    for (const torn of [
      whole.subarray(0, 2_000_000),
      Buffer.concat([whole.subarray(0, 1_500_000), Buffer.alloc(70_000)]),
      Buffer.concat([whole, Buffer.alloc(10)]),
    ]) {
      const { file, sink, pull } = world(whole.subarray(0, 300_000));
      await pull();
      const before = sink.cursor as object;
      file.bytes = whole;
      sink.cursor = { ...before, appending: true };
      sink.file.bytes = torn;
      expect(await pull()).toMatchObject({ outcome: 'appended' });
      expect(sink.file.bytes.length).toBe(whole.length);
      expect(hash(sink.file.bytes)).toBe(hash(whole));
      expect(await pull()).toMatchObject({ outcome: 'up-to-date' });
    }
  });

  it(`for any log and any cuts, pulling in pieces equals pulling once, and below the cursor there is always a prefix of the source (seed ${seed})`, async () => {
    const part = fc.oneof(
      fc.constantFrom('\n', '{"a":1}\n', 'x', '"', 'not json\n', '[1,\n2]\n'),
      fc.nat(2_200_000).map((bytes) => 'y'.repeat(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(part, { maxLength: 5 }), { maxLength: 5 }),
        fc.boolean(),
        fc.constantFrom('tail' as const, 'full' as const, 'off' as const),
        async (growths, wholeLines, verify) => {
          const inPieces = world('');
          const options = { lines: wholeLines, verify };
          let lineCount = 0;
          let malformed = 0;
          for (const parts of growths) {
            grow(inPieces.file, parts.join(''));
            const report = await inPieces.pull(options);
            lineCount += report.lines ?? 0;
            malformed += report.malformed ?? 0;
            expect(
              Buffer.from(inPieces.file.bytes as Uint8Array)
                .subarray(0, report.toByte)
                .equals(inPieces.sink.file.bytes ?? new Uint8Array(0)),
            ).toBe(true);
          }
          const once = world(inPieces.file.bytes);
          const report = await once.pull(options);
          expect(hash(inPieces.sink.file.bytes ?? new Uint8Array(0))).toBe(hash(once.sink.file.bytes ?? new Uint8Array(0)));
          expect([lineCount, malformed]).toEqual([report.lines, report.malformed ?? 0]);
          if (once.sink.cursor !== undefined) expect(once.sink.cursor).toMatchObject({ chunks: (inPieces.sink.cursor as { chunks: string }).chunks });
        },
      ),
      { seed, numRuns: 40 },
    );
  });
});
