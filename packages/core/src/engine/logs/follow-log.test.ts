import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHashing } from '../../fs/hasher.ts';
import type { HashBytes } from '../../hash/digest.ts';
import { type LogCheckpoint, parseLogCheckpoint } from '../../log/checkpoint.ts';
import { createMemoryLogSource } from '../../testing/memory-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { SyncError } from '../errors.ts';
import { type FollowLogOptions, followLog, type LogBatch } from './follow-log.ts';
import type { LogSource } from './log-source.ts';
import { createLogWriter, interrupted } from './test-support/log-writer.ts';

const seed = 20_261_122;
const runs = Number(process.env['PROPERTY_RUNS'] ?? 1_000);
const name = 'mission.jsonl';
let hash: HashBytes;
beforeAll(async () => {
  hash = (await loadHashing('fast')).hash;
});

const stopped = new Error('stopped');
const crash = new Error('the consumer died here');

/** A consumer that stores each batch and its checkpoint in one, and goes on from there. */
function createWorld() {
  const writer = createLogWriter(name);
  const happens: (() => void)[] = [];
  let controller = new AbortController();
  const source = createMemoryLogSource(name, writer.file, {
    hash,
    pieceBytes: 500,
    beside: writer.beside,
    async untilChange() {
      await Promise.resolve();
      const next = happens.shift();
      if (next === undefined) controller.abort(stopped);
      else next();
    },
  });
  const stored: { text: string; checkpoint: string | undefined; batches: LogBatch[] } = { text: '', checkpoint: undefined, batches: [] };
  return {
    writer,
    source,
    stored,
    /** `dies`: with so many batches behind it, before the next is stored. */
    async consume(
      then: readonly (() => void)[],
      { dies, ...options }: Partial<FollowLogOptions> & { dies?: number | undefined } = {},
    ): Promise<unknown> {
      happens.push(...then);
      controller = new AbortController();
      const from = stored.checkpoint === undefined ? undefined : believed(JSON.parse(stored.checkpoint));
      let left = dies ?? Number.POSITIVE_INFINITY;
      try {
        for await (const batch of followLog({ source, from, clock: createTestClock(), signal: controller.signal, ...options })) {
          if (left-- <= 0) throw crash;
          stored.text += Buffer.from(batch.bytes).toString();
          stored.checkpoint = JSON.stringify(batch.checkpoint);
          stored.batches.push(batch);
        }
        return undefined;
      } catch (error) {
        return error;
      }
    },
  };
}

function believed(value: unknown): LogCheckpoint {
  const parsed = parseLogCheckpoint(value);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

describe('followLog', () => {
  it('gives out what is there and then what is written, in whole lines, with where they stand', async () => {
    const { writer, stored, consume } = createWorld();
    const write = (text: string) => (): void => {
      writer.file.bytes = Buffer.concat([writer.file.bytes ?? new Uint8Array(0), Buffer.from(text)]);
    };
    write('one\ntwo\n')();
    expect(await consume([write('thr'), write('ee\r\n\nfive'), write('!\n')])).toBe(stopped);
    expect(stored.batches.map(({ lines, fromByte, toByte, generation, gap }) => ({ lines, fromByte, toByte, generation, gap }))).toEqual([
      { lines: ['one', 'two'], fromByte: 0, toByte: 8, generation: 1, gap: undefined },
      { lines: ['three\r', ''], fromByte: 8, toByte: 16, generation: 1, gap: undefined },
      { lines: ['five!'], fromByte: 16, toByte: 22, generation: 1, gap: undefined },
    ]);
  });

  it('cuts no character, and has the exact bytes of what is no text', async () => {
    const { writer, stored, consume } = createWorld();
    const bytes = Buffer.from([0xc3, 0xa4, 0x0a, 0xff, 0x0a, 0xef, 0xbb, 0xbf, 0x78, 0x0a]);
    writer.file.bytes = new Uint8Array(0);
    await consume(
      [...bytes].map((byte) => () => {
        writer.file.bytes = Buffer.concat([writer.file.bytes as Uint8Array, Buffer.from([byte])]);
      }),
    );
    expect(stored.batches.flatMap(({ lines }) => lines)).toEqual(['ä', '\uFFFD', '\uFEFFx']);
    expect(Buffer.concat(stored.batches.map((batch) => batch.bytes)).equals(bytes)).toBe(true);
  });

  it('begins with what is written from now on, where that is wanted: with the line that is being written', async () => {
    const { writer, stored, consume } = createWorld();
    writer.append(3);
    const before = writer.lines();
    writer.file.bytes = Buffer.concat([writer.file.bytes as Uint8Array, Buffer.from('{"begun"')]);
    await consume(
      [
        () => {
          writer.file.bytes = Buffer.concat([writer.file.bytes as Uint8Array, Buffer.from(':1}\n')]);
        },
      ],
      { from: 'end' },
    );
    expect(stored.text).toBe('{"begun":1}\n');
    expect(stored.batches[0]?.fromByte).toBe(before.length);
    await consume([() => writer.append(1)]);
    expect(stored.text).toBe(`{"begun":1}\n${writer.lines().slice(before.length)}`);
  });

  it('goes on after a rotation, with the unfinished last line as it is, and counts generations', async () => {
    const { writer, stored, consume } = createWorld();
    writer.append(2);
    await consume([
      () => {
        writer.file.bytes = Buffer.concat([writer.file.bytes as Uint8Array, Buffer.from('half')]);
      },
      () => writer.rename(),
      () => writer.append(1),
    ]);
    expect(stored.batches.map(({ lines, generation, fromByte }) => [lines.length, generation, fromByte])).toEqual([
      [2, 1, 0],
      [1, 1, 93],
      [1, 2, 0],
    ]);
    expect(stored.batches[1]?.lines).toEqual(['half']);
    for (let round = 0; round < 5; round++) {
      writer.append(1);
      writer.rename();
    }
    writer.append(1);
    await consume([]);
    expect(stored.text.replace('half', '')).toBe(writer.lines());
  });

  it('says where something may be missing', async () => {
    const { writer, stored, consume } = createWorld();
    writer.append(2);
    await consume([]);
    writer.rename();
    writer.append(1);
    writer.rename();
    writer.pack(`${name}.1`);
    writer.append(1);
    await consume([]);
    expect(stored.batches.map(({ gap }) => gap)).toEqual([undefined, 'unread']);
    writer.copyTruncate();
    writer.append(1);
    await consume([]);
    expect(stored.batches.map(({ gap }) => gap)).toEqual([undefined, 'unread', 'copied']);
  });

  it('after the log was copied, written to and truncated: what was given out stays so, and nothing of it comes again', async () => {
    const { writer, stored, consume } = createWorld();
    writer.append(20);
    const copy = writer.file.bytes?.slice();
    writer.append(2);
    await consume([]);
    writer.copyTruncate();
    Object.assign(writer.beside.get(`${name}.1`) ?? {}, { bytes: copy });
    writer.append(3);
    await consume([() => writer.append(1)]);
    expect(stored.text).toBe(writer.lines());
  });

  it('is SYNC_LOG_FORKED where the log is no continuation: another one, one that was edited or cut, one whose generation was packed', async () => {
    const spoil: readonly ((writer: ReturnType<typeof createLogWriter>) => void)[] = [
      ({ file }) => Object.assign(file, { bytes: Buffer.from('{"other":1}\n'.repeat(90)) }),
      ({ file }) => Object.assign(file, { bytes: file.bytes?.slice(0, 100) }),
      ({ file }) => Object.assign(file, { bytes: Buffer.concat([Buffer.from('x'), file.bytes as Uint8Array]) }),
      (writer) => {
        writer.rename();
        writer.pack(`${name}.1`);
        writer.append(1);
      },
    ];
    for (const each of spoil) {
      const { writer, stored, consume } = createWorld();
      writer.append(5);
      await consume([]);
      const before = stored.text;
      each(writer);
      expect(await consume([])).toMatchObject({ code: 'SYNC_LOG_FORKED' });
      expect(stored.text).toBe(before);
    }
  });

  it('waits for a log that is missing if there is a clock, and else says so', async () => {
    const { writer, stored, consume } = createWorld();
    writer.file.bytes = undefined;
    expect(await consume([], { clock: undefined })).toMatchObject({ code: 'SYNC_LOG_MISSING' });
    const clock = createTestClock();
    const appearing = { ...clock, delay: async () => (writer.file.bytes === undefined ? writer.append(2) : undefined) };
    await consume([], { clock: appearing });
    expect(stored.text).toBe(writer.lines());
  });

  it('reads no more than was asked for', async () => {
    const { writer, source } = createWorld();
    writer.append(1_000);
    const batches = followLog({ source });
    expect((await batches.next()).done).toBe(false);
    expect(source.counts.bytesRead).toBe(500);
    await batches.next();
    expect(source.counts.bytesRead).toBe(1_000);
    await batches.return();
  });

  it('opens the source anew when its connection is lost, and goes on behind the last batch', async () => {
    const { writer, source, stored, consume } = createWorld();
    writer.append(300);
    let pieces = 0;
    const losing: LogSource = {
      ...source,
      async *follow(request) {
        for await (const piece of source.follow(request)) {
          if (++pieces % 12 === 0) throw new SyncError('SYNC_PEER_LOST', 'lost');
          yield piece;
        }
      },
    };
    let opened = 0;
    await consume([() => writer.append(30), () => writer.rename(), () => writer.append(9)], {
      source: async () => {
        opened++;
        return losing;
      },
    });
    expect(stored.text).toBe(writer.lines());
    expect(opened).toBeGreaterThan(5);
  });
});

describe('parseLogCheckpoint', () => {
  it('believes what it is given only if it is one', () => {
    const good: LogCheckpoint = { format: 1, source: { name: 'a', identity: '1.2' }, generation: 1, offset: 5, head: 1, tail: 2 };
    expect(parseLogCheckpoint(JSON.parse(JSON.stringify(good)))).toEqual({ ok: true, value: good });
    const bad = [
      null,
      [],
      {},
      { ...good, format: 2 },
      { ...good, offset: 0 },
      { ...good, offset: 1.5 },
      { ...good, generation: 0 },
      { ...good, head: -1 },
    ];
    const long = { ...good, source: { name: 'x'.repeat(20_000), identity: '' } };
    for (const each of [...bad, long, { ...good, source: 'a' }]) expect(parseLogCheckpoint(each).ok).toBe(false);
  });
});

describe(`however a log is written and rotated while it is consumed (seed ${seed})`, () => {
  for (const kind of ['rename', 'dated', 'copy'] as const) {
    it(`who stores the checkpoint with each effect has every line once and in order, however often it dies (${kind})`, async () => {
      const deed = fc.record({ deed: fc.constantFrom('append', 'append', kind), size: fc.integer({ min: 0, max: 9 }) });
      const stints = fc.array(
        fc.record({ deeds: fc.array(deed, { maxLength: 10 }), at: fc.array(fc.nat(25), { maxLength: 3 }), dies: fc.option(fc.nat(4)) }),
        { minLength: 1, maxLength: 6 },
      );
      await fc.assert(
        fc.asyncProperty(stints, async (all) => {
          const { writer, source, stored, consume } = createWorld();
          const rotate = (): void => {
            if (kind === 'copy') writer.copyTruncate();
            else writer.rename(kind === 'dated');
          };
          writer.append(1);
          await consume([]);
          for (const { deeds, at, dies } of all) {
            const meddled = interrupted(source, at, (nth) => {
              if (nth % 2 === 1) rotate();
              writer.append(nth % 3);
            });
            const then = deeds.map(
              ({ deed: what, size }) =>
                () =>
                  what === 'append' ? writer.append(size) : rotate(),
            );
            expect([stopped, crash]).toContain(await consume(then, { source: meddled, dies: dies ?? undefined }));
            if (!writer.lines().startsWith(stored.text)) throw new Error(`not what was written:\n${stored.text}\n---\n${writer.lines()}`);
          }
          writer.append(1);
          await consume([]);
          expect(stored.text).toBe(writer.lines());
        }),
        { seed, numRuns: Math.max(1, Math.floor(runs / 3)) },
      );
    });
  }
});
