/**
 * A process that is killed, on simulated disks: before every call that writes, on both ends at once or on one, and somebody edits or deletes a file before
 * the next run. `KILLS=all` tries every call (`npm run proofs:kill`); otherwise a sample is tried. `KILL_SEED` gives other edits.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Side } from '../reconcile/plan.ts';
import { createRandom, type Random } from '../testing/random.ts';
import { createEditsAfter, type EditsAfter, treesText } from './test-support/edits-after.ts';
import { conflictPaths, editBoth, makeAgreed } from './test-support/mixed-plan.ts';
import { lostContent } from './test-support/power-cuts.ts';
import { createSimulatedPair, ended, Gone, type SimulatedPair } from './test-support/simulated-pair.ts';

const triesAll = process.env['KILLS'] === 'all';
const seed = Number(process.env['KILL_SEED'] ?? 20261121);
const timeout = 36_000_000;

let before: SimulatedPair;
let expected: SimulatedPair;
let calls: number;
let edits: EditsAfter;

beforeAll(async () => {
  before = createSimulatedPair();
  makeAgreed(before);
  await before.sync();
  editBoth(before);
  expected = before.killed();
  calls = 0;
  edits = createEditsAfter({ before, expected });
  await expected.sync({ onCall: (_, { writes }) => void (calls += Number(writes)) });
}, timeout);

/** Both as they are found after the processes of these sides were killed before their n-th call that writes, or in the middle of it if it is a write. */
async function killedAt(n: number, sides: readonly Side[]): Promise<SimulatedPair> {
  const run = before.killed();
  let count = 0;
  let isGone = false;
  await ended(
    run.sync({
      onCall(side, call) {
        if (!sides.includes(side)) return;
        if (isGone) throw new Gone();
        if (!call.writes || count++ < n) return;
        isGone = true;
        if (n % 2 === 0) call.doHalf?.();
        throw new Gone();
      },
    }),
  );
  return run.killed();
}

const whoIsKilled: readonly (readonly Side[])[] = [['alpha', 'beta'], ['alpha'], ['beta']];

describe(`a process that is killed (seed ${seed})`, () => {
  it.each(whoIsKilled.map((sides) => ({ sides, names: sides.join(' and ') })))(
    'on $names: each file is old or new, and running again ends as if it had run once, whatever somebody edits in between',
    { timeout },
    async ({ sides }) => {
      const contents = [...before.user.alpha.contents(), ...before.user.beta.contents()];
      const random = createRandom(seed);
      let tried = 0;
      let edited = 0;
      for (let n = triesAll ? 0 : seed % 13; n < calls; n += triesAll ? 1 : 13) {
        const pair = await killedAt(n, sides);
        tried++;
        expect([n, lostContent(pair, contents)]).toEqual([n, undefined]);
        await expectMended(n, pair.killed());
        if (await expectEditKept(n, pair, random)) edited++;
      }
      expect(tried).toBeGreaterThan(5);
      if (triesAll) process.stdout.write(`${sides.join(' and ')}: ${tried} kills, each without an edit, ${edited} also with one\n`);
    },
  );
});

async function expectMended(n: number, pair: SimulatedPair): Promise<void> {
  const report = await pair.sync();
  expect([n, report.problems, report.conflicts.filter(({ path }) => !conflictPaths.includes(path))]).toEqual([n, [], []]);
  for (const side of ['alpha', 'beta'] as const) expect([n, side, pair.tree(side)]).toEqual([n, side, expected.tree(side)]);
  expect([n, (await pair.sync()).outcome]).toEqual([n, 'in-sync']);
}

/**
 * Somebody does something at one path, to what he finds there. In the end it is as if he had done it before the run, or after it; for a file that was renamed on
 * one side and edited on the other also: between these two steps of the run. `false`: nothing was
 * done, because it is not known what it should come to.
 */
async function expectEditKept(n: number, pair: SimulatedPair, random: Random): Promise<boolean> {
  const edit = edits.any(pair, random);
  if (edit === undefined) return false;
  const possible = await edits.outcomesOf(edit, pair);
  // Where a file makes way for a folder there is a moment in which it is neither what it was nor what it is to be. And between its link and the removal of its
  // old name a file that is renamed has both: whoever changes it under one of them then has two files.
  if (possible.length === 0 || !edits.make(edit, pair)) return false;
  await pair.sync();
  const title = `killed before call ${n}, then ${edit.side} ${edit.what} ${edit.path}`;
  const found = treesText(pair);
  if (!possible.includes(found)) expect(found, title).toEqual(possible[0]);
  await pair.sync();
  expect([title, (await pair.sync()).changes]).toEqual([title, []]);
  return true;
}
