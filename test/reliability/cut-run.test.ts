/**
 * The connection fails in the middle of a whole run over the real protocol, between two simulated disks: after every frame, a byte earlier and a byte later, and
 * after any number of bytes; broken or silent; both ways or one. `CUTS=all` (`npm run proofs:cuts`) tries every frame and 1,000 numbers of bytes, otherwise a
 * sample is tried. `CUT_SEED` gives other ones.
 */
import { isSyncError, type Replica, SyncError, type SyncReport } from '@ubos/sync-core';
import { createRandom, type Random } from '@ubos/sync-core/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { editBoth, makeAgreed } from '../../packages/core/src/fs/test-support/mixed-plan.ts';
import { lostContent, mixedFile, notMended, type Trees } from '../../packages/core/src/fs/test-support/power-cuts.ts';
import { createSimulatedPair, type PairLink, type SimulatedPair } from '../../packages/core/src/fs/test-support/simulated-pair.ts';
import { type Connection, connectOver } from '../../packages/transport-ssh/src/protocol/connect.ts';
import { dataFrameBytes } from '../../packages/transport-ssh/src/protocol/limits.ts';
import { serve } from '../../packages/transport-ssh/src/protocol/serve.ts';
import { createManualClock, type ManualClock } from '../../packages/transport-ssh/src/protocol/test-support/manual-clock.ts';
import { createFaultyLink, type FaultKind, type FaultyLink, type LinkFault, type Way, ways } from './faulty-link.ts';

const triesAll = process.env['CUTS'] === 'all';
const seed = Number(process.env['CUT_SEED'] ?? 20261121);
const timeout = 36_000_000;

let before: SimulatedPair;
let trees: { readonly before: Trees; readonly after: Trees };
let contents: readonly string[];
/** Of a run that nothing disturbs. */
let whole: FaultyLink;

beforeAll(async () => {
  before = createSimulatedPair();
  makeAgreed(before);
  before.user.beta.write('large/grown.bin', textOf(3, 300_000));
  await before.sync();
  editBoth(before);
  before.user.alpha.write('large/from-alpha.bin', textOf(1, 2_500_000));
  before.user.beta.write('large/from-beta.bin', textOf(2, 2_000_000));
  before.user.beta.write('large/grown.bin', textOf(4, 300_000));
  for (let index = 0; index < 100; index++) before.user[index % 2 === 0 ? 'alpha' : 'beta'].write(`many/${index}.md`, textOf(100 + index, 2_000));
  contents = [...before.user.alpha.contents(), ...before.user.beta.contents()];
  const expected = before.killed();
  const run = await play(expected);
  expect(run.report).toMatchObject({ outcome: 'applied', problems: [] });
  whole = run.link;
  trees = { before: treesOf(before), after: treesOf(expected) };
}, timeout);

describe(`a connection that fails in the middle of a run (seed ${seed})`, () => {
  it('sends the same bytes in each run, so that every cut can be had again', async () => {
    const { link } = await play(before.killed());
    expect([link.bytes, link.frameEnds]).toEqual([whole.bytes, whole.frameEnds]);
  });

  it.each(ways)(
    '%s, before, at and after every end of a frame: nothing is half-done, nobody waits, the next run ends as if there had been no cut',
    { timeout },
    async (way) => {
      const ends = whole.frameEnds[way].filter((_, index) => triesAll || index % 8 === seed % 8);
      const tried = [];
      for (const [index, end] of ends.entries())
        for (const offset of triesAll ? [-1, 0, 1] : [(index % 3) - 1]) tried.push(await tryFault(anyFault(index + offset, way, end + offset)));
      expect(tried.length).toBeGreaterThan(3);
      tell(`cut ${way} at ends of frames`, tried);
    },
  );

  it('after any number of bytes, both ways or one: the same, and little is sent twice', { timeout }, async () => {
    const random = createRandom(seed);
    const tried = [];
    for (let index = 0; index < (triesAll ? 1000 : 6); index++) {
      const counted = random.pick(waysInTurn);
      tried.push(await tryFault({ kind: random.pick(['breaks', 'loses']), fails: counted, counted, afterBytes: anyNumber(random, counted) }));
    }
    tell('cut after any number of bytes', tried);
  });

  it('a peer that reads no more, either or both: given up after its time, and the same', { timeout }, async () => {
    const random = createRandom(seed + 1);
    for (let index = 0; index < (triesAll ? 200 : 3); index++) {
      const fails = waysInTurn[index % 3] ?? ways;
      const afterBytes = anyNumber(random, ways);
      await tryFault({ kind: 'holds', fails, counted: ways, afterBytes });
    }
  });

  it('a peer that reads nothing for 20 s and then goes on: the run ends well', { timeout }, async () => {
    const random = createRandom(seed + 2);
    for (let index = 0; index < (triesAll ? 200 : 3); index++) {
      const fails = waysInTurn[index % 3] ?? ways;
      const afterBytes = anyNumber(random, ways);
      const pair = before.killed();
      const { report } = await play(pair, { kind: 'holds', fails, counted: ways, afterBytes }, { mendsAfterMs: 20_000 });
      expect([afterBytes, fails, report]).toMatchObject([afterBytes, fails, { outcome: 'applied', problems: [] }]);
      expect(treesOf(pair)).toEqual(trees.after);
    }
  });
});

function textOf(content: number, sizeBytes: number): string {
  const random = createRandom(content);
  let text = `content ${content}\n`;
  while (text.length < sizeBytes) text += random.next().toString(36).slice(2);
  return text.slice(0, sizeBytes);
}

function treesOf(pair: SimulatedPair): Trees {
  return { alpha: pair.tree('alpha'), beta: pair.tree('beta') };
}

const waysInTurn: readonly (readonly Way[])[] = [['to-there'], ['to-here'], ways];

/** At least one byte, and not all. */
function anyNumber(random: Random, counted: readonly Way[]): number {
  return 1 + random.below(counted.reduce((sum, way) => sum + whole.bytes[way], 0) - 1);
}

/** In turn broken and silent; that way alone and both. */
function anyFault(turn: number, way: Way, afterBytes: number): LinkFault {
  const kind: FaultKind = turn % 2 === 0 ? 'breaks' : 'loses';
  return { kind, fails: turn % 4 < 2 ? [way] : ways, counted: [way], afterBytes };
}

interface Played {
  /** The run's report, or what it failed with. */
  readonly report: SyncReport | SyncError;
  readonly link: FaultyLink;
}

/** One run from alpha, with beta behind the link. Time goes on only where a fault leaves nothing else to happen. */
async function play(pair: SimulatedPair, fault?: LinkFault, { mendsAfterMs }: { readonly mendsAfterMs?: number } = {}): Promise<Played> {
  const clock = createManualClock();
  const link = createFaultyLink(fault);
  let isOver = false;
  const run = pair.sync({ link: overWire(pair, link, clock) }).then(
    (report) => report,
    (error: unknown) => {
      if (!isSyncError(error)) throw error;
      return error;
    },
  );
  const over = run.finally(() => (isOver = true));
  await Promise.race([over, link.failed]);
  if (mendsAfterMs !== undefined) {
    await clock.advance(mendsAfterMs);
    link.mend();
  } else {
    for (let seconds = 0; !isOver; seconds++) {
      expect(seconds, 'seconds after which somebody still waits').toBeLessThan(600);
      await clock.advance(1_000);
    }
  }
  return { report: await run, link };
}

/** As the command line and the agent do it: the far side serves until its peer is gone, whoever started the run closes the connection at its end. */
function overWire(pair: SimulatedPair, { pair: pipe }: FaultyLink, clock: ManualClock): PairLink {
  let serving: Promise<void> | undefined;
  let connection: Connection | undefined;
  return {
    async reach(far: Replica) {
      // What it ends with is the far side's own affair; that it ends is looked at below.
      serving = serve(pipe.there, { replica: () => Promise.resolve(far), clock }).catch(() => undefined);
      connection = await connectOver(pipe.here, { open: {}, clock });
      return connection.replica();
    },
    async close() {
      await connection?.close();
      await serving;
      expect(pair.user.beta.isThere('.ubos-sync/lock'), 'the lock of the far side').toBe(false);
    },
  };
}

/** A content of which less than 1 MiB had come is begun anew, and the frame that was under way is lost. Contents travel one way at a time. */
const resentBytesMax = 1024 ** 2 + 2 * dataFrameBytes;

interface Tried {
  /** Of content, before the cut. */
  readonly arrivedBytes: number;
  readonly resentBytes: number;
}

async function tryFault(fault: LinkFault): Promise<Tried> {
  const title = `${fault.fails.join(' and ')} ${fault.kind} after ${fault.afterBytes} bytes ${fault.counted.join(' and ')}`;
  const pair = before.killed();
  const { report, link } = await play(pair, fault);
  if (report instanceof SyncError) expect([title, report.code]).toEqual([title, expect.stringMatching(/^SYNC_PEER_(LOST|TIMEOUT)$/)]);
  expect([title, pair.user.alpha.isThere('.ubos-sync/lock')]).toEqual([title, false]);
  expect([title, mixedFile(pair, trees.before, trees.after)]).toEqual([title, undefined]);
  expect([title, lostContent(pair, contents)]).toEqual([title, undefined]);
  let resumed: FaultyLink | undefined;
  const next: SimulatedPair = {
    ...pair,
    async sync() {
      const again = await play(pair);
      resumed ??= again.link;
      if (again.report instanceof SyncError) throw again.report;
      return again.report;
    },
  };
  expect([title, await notMended(next, trees.after, [])]).toEqual([title, undefined]);
  const resentBytes = Math.max(0, link.contentBytes + (resumed?.contentBytes ?? 0) - whole.contentBytes);
  expect(resentBytes, `${title}: bytes sent again`).toBeLessThanOrEqual(resentBytesMax);
  return { arrivedBytes: link.contentBytes, resentBytes };
}

function sum(tried: readonly Tried[]): Tried {
  return tried.reduce((one, other) => ({ arrivedBytes: one.arrivedBytes + other.arrivedBytes, resentBytes: one.resentBytes + other.resentBytes }));
}

/** The figures of docs/reliability.md. */
function tell(what: string, tried: readonly Tried[]): void {
  if (!triesAll) return;
  const { arrivedBytes, resentBytes } = sum(tried);
  process.stdout.write(`${what}: ${tried.length} tried, of ${arrivedBytes} bytes of content that had arrived ${resentBytes} were sent again\n`);
}
