import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHashing } from '../../fs/hasher.ts';
import type { HashBytes } from '../../hash/digest.ts';
import { createMemoryLogSink, createMemoryLogSource } from '../../testing/memory-log.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { Clock } from '../clock.ts';
import { SyncError } from '../errors.ts';
import type { LogSink } from './log-sink.ts';
import type { LogSource } from './log-source.ts';
import { pullLog } from './pull-log.ts';
import type { LogReport, PullLogOptions } from './report.ts';
import { collected, createLogWriter, death, dyingSink, interrupted } from './test-support/log-writer.ts';

const seed = 20_261_122;
const runs = Number(process.env['PROPERTY_RUNS'] ?? 1_000);
const name = 'mission.jsonl';
let hash: HashBytes;
beforeAll(async () => {
  hash = (await loadHashing('fast')).hash;
});

const stopped = new Error('stopped');

/** A log that is followed. Whenever all of it was taken, the next thing happens; after the last the follow is stopped. */
function createWorld() {
  const writer = createLogWriter(name);
  const sink = createMemoryLogSink(name, hash);
  const happens: (() => void)[] = [];
  let controller = new AbortController();
  const source = createMemoryLogSource(name, writer.file, {
    hash,
    pieceBytes: 500,
    beside: writer.beside,
    async untilChange() {
      // A turn for commits and timers.
      await new Promise((resolve) => setImmediate(resolve));
      const next = happens.shift();
      if (next === undefined) controller.abort(stopped);
      else next();
    },
  });
  return {
    writer,
    sink,
    source,
    async follow(then: readonly (() => void)[], options: Partial<PullLogOptions> = {}): Promise<{ reports: LogReport[]; end: unknown }> {
      happens.push(...then);
      controller = new AbortController();
      const reports: LogReport[] = [];
      const onReport = (report: LogReport) => void reports.push(report);
      const { signal } = controller;
      const end = await pullLog({ source, sink, follow: true, clock: createTestClock(), signal, onReport, ...options }).catch(
        (error: unknown) => error,
      );
      return { reports, end };
    },
    left: () => happens.length,
  };
}

describe('pullLog that follows', () => {
  it('takes what is there and then what is appended, and ends with the reason of the signal', async () => {
    const { writer, sink, follow } = createWorld();
    writer.append(3);
    const { reports, end } = await follow([() => writer.append(2), () => writer.append(1)]);
    expect(end).toBe(stopped);
    expect(reports).toMatchObject([
      { outcome: 'appended', lines: 3 },
      { outcome: 'appended', lines: 3, toByte: writer.file.bytes?.length },
    ]);
    expect(collected(sink)).toBe(writer.lines());
    expect((await pullLog({ source: createMemoryLogSource(name, writer.file, { hash }), sink })).outcome).toBe('up-to-date');
  });

  it('shows whole lines only, where they are wanted', async () => {
    for (const lines of [true, false]) {
      const { writer, sink, follow } = createWorld();
      const half = (text: string) => (): void => {
        writer.file.bytes = Buffer.concat([writer.file.bytes ?? new Uint8Array(0), Buffer.from(text)]);
      };
      const seen: string[] = [];
      await follow([half('{"n":'), () => seen.push(collected(sink)), half('1}\n{'), () => seen.push(collected(sink))], { lines });
      expect(seen).toEqual(lines ? ['', '{"n":1}\n'] : ['{"n":', '{"n":1}\n{']);
    }
  });

  it('goes on in the next generation; the old one is complete, also where it was packed at once', async () => {
    for (const packed of [false, true]) {
      const { writer, sink, follow } = createWorld();
      writer.append(3);
      const { reports } = await follow([
        () => writer.append(1),
        () => writer.rename(),
        () => writer.append(2),
        () => {
          if (packed) writer.pack(`${name}.1`);
        },
        () => writer.append(1),
      ]);
      expect(collected(sink)).toBe(writer.lines());
      expect([...sink.kept.keys()]).toEqual([`${name}.20260101T000001Z.g1`]);
      expect(reports.map(({ outcome, lines }) => [outcome, lines])).toEqual([
        ['appended', 3],
        ['rotated', 1],
        ['rotated', 2],
        ['appended', 1],
      ]);
    }
  });

  it('takes the unfinished last line of a generation that is over', async () => {
    const { writer, sink, follow } = createWorld();
    writer.append(1);
    const half = '{"half":';
    await follow([
      () => {
        writer.file.bytes = Buffer.concat([writer.file.bytes as Uint8Array, Buffer.from(half)]);
      },
      () => writer.rename(),
      () => writer.pack(`${name}.1`),
      () => writer.append(1),
    ]);
    const [first, second] = writer.lines().split('\n');
    expect(collected(sink)).toBe(`${first}\n${half}${second}\n`);
  });

  it('waits for a log that is missing, and says so once', async () => {
    const { writer, sink, follow } = createWorld();
    writer.file.bytes = undefined;
    const clock: Clock = {
      ...createTestClock(),
      delay(ms) {
        waits.push(ms);
        if (waits.length === 3) writer.append(2);
        return Promise.resolve();
      },
    };
    const waits: number[] = [];
    const { reports } = await follow([], { clock });
    expect(reports.map(({ outcome }) => outcome)).toEqual(['missing', 'appended', 'up-to-date']);
    expect(collected(sink)).toBe(writer.lines());
  });

  it('ends with its report where the log has to be left alone', async () => {
    const { writer, sink, follow } = createWorld();
    writer.append(5);
    const { end } = await follow([
      () => {
        writer.file.bytes = Buffer.from('{"another":"log"}\n'.repeat(50));
      },
    ]);
    expect(end).toMatchObject({ outcome: 'forked' });
    expect(collected(sink)).toBe(writer.lines());
  });

  it('makes every byte durable and moves the cursor once a second, not with each piece', async () => {
    const { writer, sink, follow } = createWorld();
    writer.append(1);
    const counts = { syncs: 0, cursors: 0 };
    let now = 0;
    const due: (() => void)[] = [];
    const clock: Clock = {
      ...createTestClock(),
      monotonicMs: () => now,
      delay: (_, signal) =>
        new Promise((resolve, reject) => {
          due.push(resolve);
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    };
    const counting: LogSink = {
      ...sink,
      hash: sink.hash,
      async open(options) {
        const log = await sink.open(options);
        const { sync } = log;
        return Object.assign(log, {
          sync(progress: Parameters<typeof sync>[0]) {
            counts.syncs++;
            if (progress !== undefined) counts.cursors++;
            return sync(progress);
          },
        });
      },
    };
    const steps = Array.from({ length: 20 }, () => () => writer.append(1));
    await follow(
      [
        ...steps,
        () => {
          now += 1_000;
          for (const each of due.splice(0)) each();
        },
        () => writer.append(1),
      ],
      { sink: counting, clock },
    );
    expect(counts.syncs).toBeGreaterThanOrEqual(21);
    expect(counts.cursors).toBe(1);
  });

  it('gives up with the failure of the disk, and keeps what was durable', async () => {
    const { writer, sink, follow } = createWorld();
    writer.append(1);
    const full = new SyncError('SYNC_NO_SPACE', 'the disk is full');
    const failing: LogSink = {
      ...sink,
      hash: sink.hash,
      open: async (options) => Object.assign(await sink.open(options), { sync: () => Promise.reject(full) }),
    };
    expect((await follow([() => writer.append(1), () => writer.append(1)], { sink: failing })).end).toBe(full);
    expect(writer.lines().startsWith(collected(sink))).toBe(true);
  });

  it('opens the source anew when its connection is lost, with patience that grows, and nothing is lost or doubled', async () => {
    const { writer, sink, source, follow } = createWorld();
    writer.append(3);
    let isLost = false;
    let opened = 0;
    const losing: LogSource = {
      ...source,
      async *follow(request) {
        for await (const piece of source.follow(request)) {
          if (isLost) throw new SyncError('SYNC_PEER_LOST', 'lost');
          yield piece;
        }
      },
    };
    const waits: number[] = [];
    const clock: Clock = {
      ...createTestClock(),
      delay(ms, signal) {
        if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
        if (opened > 0 && isLost) waits.push(ms);
        return Promise.resolve();
      },
    };
    const open = async (): Promise<LogSource> => {
      opened++;
      if (isLost && opened < 9) throw new SyncError('SYNC_UNREACHABLE', 'not yet');
      isLost = false;
      return losing;
    };
    const lose = () => {
      isLost = true;
      writer.append(1);
    };
    await follow([() => writer.append(1), lose, () => writer.append(2)], { source: open, clock });
    expect(collected(sink)).toBe(writer.lines());
    const patience = waits.filter((ms) => ms !== 1_000);
    expect(patience.length).toBe(8);
    for (const [nth, ms] of patience.entries()) {
      const longest = Math.min(60_000, 1_000 * 2 ** nth);
      expect(ms).toBeGreaterThanOrEqual(longest / 2);
      expect(ms).toBeLessThanOrEqual(longest);
    }
    const refused = async (): Promise<LogSource> => Promise.reject(new SyncError('SYNC_AUTH_FAILED', 'no'));
    await expect(pullLog({ source: refused, sink, follow: true, clock })).rejects.toMatchObject({ code: 'SYNC_AUTH_FAILED' });
  });
});

type Deed = 'append' | 'rename' | 'dated' | 'copy' | 'stop';

describe(`however a log is written and rotated while it is followed (seed ${seed})`, () => {
  const laws: readonly (readonly [string, Deed])[] = [
    ['by number', 'rename'],
    ['by date', 'dated'],
    ['by copying', 'copy'],
  ];
  for (const [how, kind] of laws) {
    for (const onRotate of ['new-file', 'concatenate'] as const) {
      it(`every line is there once and in order, also where it is rotated between two questions and follows die (${how}, ${onRotate})`, async () => {
        const deed = fc.record({ deed: fc.constantFrom<Deed>('append', 'append', kind, 'stop'), size: fc.integer({ min: 0, max: 9 }) });
        const stints = fc.array(
          fc.record({ deeds: fc.array(deed, { maxLength: 10 }), at: fc.array(fc.nat(25), { maxLength: 3 }), dies: fc.option(fc.nat(15)) }),
          { minLength: 1, maxLength: 6 },
        );
        await fc.assert(
          fc.asyncProperty(stints, async (all) => {
            const world = createWorld();
            const { writer, sink } = world;
            const rotate = (): void => {
              if (kind === 'copy') writer.copyTruncate();
              else writer.rename(kind === 'dated');
            };
            const mustBePrefix = (): void => {
              const have = collected(sink);
              if (!writer.lines().startsWith(have)) throw new Error(`not what was written:\n${have}\n---\n${writer.lines()}`);
            };
            // What was over before the first pull is not asked for.
            writer.append(1);
            await pullLog({ source: world.source, sink, onRotate });
            for (const { deeds, at, dies } of all) {
              const source = interrupted(world.source, at, (nth) => {
                if (nth % 2 === 1) rotate();
                writer.append(nth % 3);
              });
              const then = deeds.map(({ deed: what, size }) => () => {
                mustBePrefix();
                if (what === 'append') writer.append(size);
                else if (what !== 'stop') rotate();
              });
              const { end } = await world.follow(then, { source, sink: dyingSink(sink, dies ?? undefined), onRotate });
              expect([stopped, death]).toContain(end);
              mustBePrefix();
            }
            writer.append(1);
            await world.follow([], { onRotate });
            expect(collected(sink)).toBe(writer.lines());
          }),
          { seed, numRuns: Math.max(1, Math.floor(runs / 6)) },
        );
      });
    }
  }
});
