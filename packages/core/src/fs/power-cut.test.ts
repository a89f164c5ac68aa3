/**
 * Power cuts, on simulated disks: at every call of a run that writes, each time with some of the states that a disk may be found in then. `POWER_CUTS=all`
 * tries every call with `POWER_STATES` states (`npm run proofs:power`); otherwise a sample is tried. `POWER_SEED` gives other states.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Side } from '../reconcile/plan.ts';
import { createRandom } from '../testing/random.ts';
import type { SimulatedCall } from '../testing/simulated-machine.ts';
import { editBoth, makeAgreed } from './test-support/mixed-plan.ts';
import { type PowerCutSearch, searchPowerCuts } from './test-support/power-cuts.ts';
import { createSimulatedPair, type SimulatedPair } from './test-support/simulated-pair.ts';

const triesAll = process.env['POWER_CUTS'] === 'all';
const seed = Number(process.env['POWER_SEED'] ?? 20261121);
const statesPerCut = triesAll ? Number(process.env['POWER_STATES'] ?? 4) : 2;
const timeout = 36_000_000;

interface Scenario {
  readonly title: string;
  readonly before: SimulatedPair;
  readonly expected: SimulatedPair;
}

const scenarios: Scenario[] = [];
beforeAll(async () => {
  const first = createSimulatedPair({ random: createRandom(seed) });
  makeAgreed(first);
  await first.settle();
  scenarios.push({ title: 'a first run', before: first, expected: await afterRun(first) });
  const second = await afterRun(first);
  editBoth(second);
  await second.settle();
  scenarios.push({ title: 'a run of many changes', before: second, expected: await afterRun(second) });
}, timeout);

async function afterRun(pair: SimulatedPair): Promise<SimulatedPair> {
  const run = pair.killed();
  await run.sync();
  await run.settle();
  return run;
}

/** The second run, with edits of which nobody has made anything durable. */
async function justEdited(): Promise<SimulatedPair> {
  const pair = await afterRun((scenarios[0] as Scenario).before);
  editBoth(pair);
  return pair;
}

function search(index: number, more: Partial<PowerCutSearch> = {}): ReturnType<typeof searchPowerCuts> {
  const { before, expected } = scenarios[index] as Scenario;
  return searchPowerCuts({ before, expected, seed, statesPerCut, ...more });
}

describe(`a power cut (seed ${seed})`, () => {
  it.each([0, 1])(
    'in run %i: each file is old or new, the next run ends as if nothing had been, and the one after has nothing to do',
    { timeout },
    async (index) => {
      const { cuts, states, violations } = await search(index, triesAll ? {} : { isTried: (call) => call % 9 === seed % 9 });
      expect(violations).toEqual([]);
      expect(cuts).toBeGreaterThan(20);
      if (triesAll) process.stdout.write(`run ${index}: ${cuts} power cuts, ${states} states of disks\n`);
    },
  );

  it('after a run: what its users had only just written is there, too, and no file is empty', { timeout }, async () => {
    const { violations } = await search(1, { before: await justEdited(), isTried: () => false, statesPerCut: triesAll ? 400 : 20 });
    expect(violations).toEqual([]);
  });
});

/** What each sync is for, by where it is made. */
const kinds: readonly {
  readonly kind: string;
  readonly run: 0 | 1;
  readonly isQuick?: false;
  readonly is: (call: SimulatedCall, side: Side) => boolean;
}[] = [
  { kind: 'staged content', run: 1, is: ({ call, path }) => call === 'file.sync' && path.includes('/staging/') },
  { kind: 'a folder made beside', run: 1, isQuick: false, is: ({ call, path }) => call === 'sync' && path.endsWith('.folder') },
  { kind: 'the folders of the tree', run: 1, is: ({ call, path }) => call === 'sync' && !path.includes('.ubos-sync') && !path.includes('/mirror') },
  {
    kind: 'files of the tree whose mode was changed',
    run: 1,
    is: ({ call, path }) => call === 'file.sync' && !path.includes('.ubos-sync') && !path.includes('/mirror'),
  },
  { kind: 'manifests of versions', run: 1, is: ({ call, path }) => call === 'file.sync' && path.endsWith('/manifest.jsonl') },
  { kind: 'kept contents', run: 1, is: ({ call, path }) => call === 'file.sync' && path.includes('/versions/content/') },
  { kind: 'the folder of a run in the versions', run: 1, is: ({ call, path }) => call === 'sync' && /\/versions\/(?!content$)[^/]+$/.test(path) },
  { kind: 'the folder of kept contents', run: 1, is: ({ call, path }) => call === 'sync' && path.endsWith('/versions/content') },
  { kind: 'the versions folder', run: 1, is: ({ call, path }) => call === 'sync' && path.endsWith('/versions') },
  { kind: 'a pending generation', run: 1, is: ({ call, path }) => call === 'file.sync' && path.endsWith('.archive') },
  { kind: 'a first generation, pending', run: 0, isQuick: false, is: ({ call, path }) => call === 'file.sync' && path.endsWith('.first.new') },
  { kind: 'the archive folder', run: 0, is: ({ call, path }) => call === 'sync' && path.endsWith('/archive') },
  { kind: 'the state folder', run: 0, is: ({ call, path }) => call === 'sync' && path.endsWith('.ubos-sync') },
  { kind: 'the marker', run: 0, is: ({ call, path }) => call === 'file.sync' && path.includes('/replica.json') && !path.includes('/mirror') },
  { kind: 'the root', run: 0, is: ({ call, path }) => call === 'sync' && /^\/home\/(alpha|beta)$/.test(path) },
];

describe('without one kind of sync', () => {
  it('the kinds are all that there are, but for those of the mirror and of what is known of the disk', { timeout }, async () => {
    const unknown = new Set<string>();
    for (const { before } of scenarios) {
      await before.killed().sync({
        onCall(side, call) {
          if (call.call !== 'sync' && call.call !== 'file.sync') return;
          if (kinds.some(({ is }) => is(call, side)) || call.path.includes('/mirror') || /\/(disk\.json|peers\.json|\.gitignore)/.test(call.path))
            return;
          unknown.add(`${call.call} ${call.path}`);
        },
      });
    }
    expect([...unknown]).toEqual([]);
  });

  it.each(kinds.filter(({ isQuick }) => triesAll || isQuick !== false))('$kind: a power cut does harm', { timeout }, async ({ run, is }) => {
    const without = { ignoresSync: (side: Side, call: SimulatedCall) => is(call, side), stopsAtFirst: true };
    const before = run === 0 ? (scenarios[0] as Scenario).before : await justEdited();
    const after = await search(run, { ...without, before, statesPerCut: 100, isTried: () => false });
    const { violations } = after.violations.length > 0 ? after : await search(run, { ...without, statesPerCut: 8 });
    expect(violations).toHaveLength(1);
  });
});
