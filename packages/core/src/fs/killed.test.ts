/**
 * A process that is killed, on simulated disks: before every call that writes, on both ends at once or on one, and somebody edits or deletes a file before
 * the next run. `KILLS=all` tries every call (`npm run proofs:kill`); otherwise a sample is tried. `KILL_SEED` gives other edits.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { isErrno } from '../engine/errno.ts';
import type { Side } from '../reconcile/plan.ts';
import { createRandom, type Random } from '../testing/random.ts';
import { conflictPaths, editBoth, makeAgreed, movedEdits } from './test-support/mixed-plan.ts';
import { lostContent } from './test-support/power-cuts.ts';
import { createSimulatedPair, ended, Gone, type SimulatedPair } from './test-support/simulated-pair.ts';

const triesAll = process.env['KILLS'] === 'all';
const seed = Number(process.env['KILL_SEED'] ?? 20261121);
const timeout = 36_000_000;

let before: SimulatedPair;
let expected: SimulatedPair;
let calls: number;

beforeAll(async () => {
  before = createSimulatedPair();
  makeAgreed(before);
  await before.sync();
  editBoth(before);
  expected = before.killed();
  calls = 0;
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
      for (let n = triesAll ? 0 : seed % 13; n < calls; n += triesAll ? 1 : 13) {
        const pair = await killedAt(n, sides);
        tried++;
        expect([n, lostContent(pair, contents)]).toEqual([n, undefined]);
        await expectMended(n, pair.killed());
        await expectEditKept(n, pair, random);
      }
      expect(tried).toBeGreaterThan(5);
    },
  );
});

async function expectMended(n: number, pair: SimulatedPair): Promise<void> {
  const report = await pair.sync();
  expect([n, report.problems, report.conflicts.filter(({ path }) => !conflictPaths.includes(path))]).toEqual([n, [], []]);
  for (const side of ['alpha', 'beta'] as const) expect([n, side, pair.tree(side)]).toEqual([n, side, expected.tree(side)]);
  expect([n, (await pair.sync()).outcome]).toEqual([n, 'in-sync']);
}

interface Edit {
  readonly side: Side;
  readonly path: string;
  readonly what: 'edits' | 'saves' | 'deletes' | 'puts back';
}

/** Somebody does something at one path, to what he finds there. In the end it is as if he had done it before the run, or after it. */
async function expectEditKept(n: number, pair: SimulatedPair, random: Random): Promise<void> {
  const edit = anyEdit(pair, random);
  if (edit === undefined) return;
  const possible = await outcomesOf(edit, pair);
  // Where a file makes way for a folder there is a moment in which it is neither what it was nor what it is to be.
  if (possible.length === 0 || !makeEdit(edit, pair)) return;
  await pair.sync();
  const title = `killed before call ${n}, then ${edit.side} ${edit.what} ${edit.path}`;
  const found = `${pair.tree('alpha').join('\n')}\n---\n${pair.tree('beta').join('\n')}`;
  if (!possible.includes(found)) expect(found, title).toEqual(possible[0]);
  await pair.sync();
  expect([title, (await pair.sync()).changes]).toEqual([title, []]);
}

function anyEdit(pair: SimulatedPair, random: Random): Edit | undefined {
  const side = random.pick(['alpha', 'beta'] as const);
  const what = random.pick(['edits', 'saves', 'deletes', 'puts back'] as const);
  const old = files(before, side);
  const now = files(pair, side);
  // What has changed at this side already, or is to: elsewhere a run does nothing. A file that is renamed for one and edited by the other may have been
  // renamed and not brought yet: then neither outcome is to be expected.
  const after = files(expected, side);
  const candidates = [...new Set([...old.keys(), ...now.keys()])].filter(
    (path) =>
      old.get(path) !== after.get(path) &&
      !movedEdits.includes(path) &&
      (what === 'puts back' ? old.has(path) && now.get(path) !== old.get(path) : now.has(path)),
  );
  return candidates.length === 0 ? undefined : { side, what, path: random.pick(candidates) };
}

function files(pair: SimulatedPair, side: Side): ReadonlyMap<string, string> {
  return new Map(
    pair.tree(side).flatMap((line) => {
      const [, path, text] = /^(\S+) [0-7]+ (.*)$/s.exec(line) ?? [];
      return path === undefined || text === undefined ? [] : [[path, text]];
    }),
  );
}

/** `false`: a folder above it is none there. */
function makeEdit(edit: Edit, pair: SimulatedPair): boolean {
  try {
    applyEdit(edit, pair);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

function applyEdit({ side, path, what }: Edit, pair: SimulatedPair): void {
  const user = pair.user[side];
  switch (what) {
    case 'edits':
      return user.write(path, 'edited after the crash', { inPlace: true });
    case 'saves':
      return user.write(path, 'edited after the crash');
    case 'deletes':
      return user.remove(path);
    case 'puts back':
      return user.write(path, files(before, side).get(path) ?? '');
  }
}

/** What is at a path and below it, as far as it is a file or folder. */
function statesAt(pair: SimulatedPair, side: Side, path: string): string {
  return pair
    .tree(side)
    .filter((line) => line.startsWith(`${path} `) || line.startsWith(`${path}/`))
    .join('\n');
}

/** What it comes to if the edit is made to what the run left, where that is what he found; or to what was there before, where that is. */
async function outcomesOf(edit: Edit, pair: SimulatedPair): Promise<readonly string[]> {
  const { side, path } = edit;
  const there = statesAt(pair, side, path);
  const worlds = [expected, before].filter((world) => statesAt(world, side, path) === there);
  const outcomes: string[] = [];
  for (const world of worlds) {
    const played = world.killed();
    if (!makeEdit(edit, played)) continue;
    await played.sync();
    outcomes.push(`${played.tree('alpha').join('\n')}\n---\n${played.tree('beta').join('\n')}`);
  }
  return outcomes;
}
