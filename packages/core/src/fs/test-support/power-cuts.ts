/** Searches the power cuts of a run for one after which something is not as it is promised. */
import { isSyncError } from '../../engine/errors.ts';
import type { SyncReport } from '../../engine/report.ts';
import type { Side } from '../../reconcile/plan.ts';
import { createRandom } from '../../testing/random.ts';
import type { SimulatedCall } from '../../testing/simulated-machine.ts';
import { conflictPaths, movedEdits, swappedPaths } from './mixed-plan.ts';
import type { PairRunOptions, SimulatedPair } from './simulated-pair.ts';

export interface PowerCutSearch {
  /** Both sides as they are before the run, all of it durable. */
  readonly before: SimulatedPair;
  /** Both sides as an undisturbed run leaves them. */
  readonly expected: SimulatedPair;
  readonly seed: number;
  /** So many of the states that a cut may leave are tried at each call. */
  readonly statesPerCut: number;
  /** Which calls that write to cut before, counted over both sides from 0. A cut after the run is always tried. */
  readonly isTried?: (call: number) => boolean;
  readonly ignoresSync?: PairRunOptions['ignoresSync'];
  /** The search ends with the first violation. */
  readonly stopsAtFirst?: boolean;
}

export interface PowerCutFindings {
  readonly cuts: number;
  readonly states: number;
  readonly violations: readonly string[];
}

/** Copies are kept for so many cuts at a time. */
const cutsAtOnce = 24;
const afterwards = 'after the run';
const whoLosesPower: readonly (readonly Side[])[] = [['alpha', 'beta'], ['alpha', 'beta'], ['alpha'], ['beta']];

export async function searchPowerCuts(search: PowerCutSearch): Promise<PowerCutFindings> {
  const { before, expected, seed, statesPerCut, isTried = () => true, ignoresSync, stopsAtFirst = false } = search;
  const expectedTrees = { alpha: expected.tree('alpha'), beta: expected.tree('beta') };
  const beforeTrees = { alpha: before.tree('alpha'), beta: before.tree('beta') };
  const contents = [...before.user.alpha.contents(), ...before.user.beta.contents()];
  const violations: string[] = [];
  let cuts = 0;
  let states = 0;
  for (let start = 0, total = Number.POSITIVE_INFINITY; start < total; ) {
    const found: { readonly title: string; readonly pair: SimulatedPair; readonly isWhole: boolean }[] = [];
    const running = before.killed();
    let calls = 0;
    let taken = 0;
    let next = start;
    const cut = (title: string): void => {
      if (calls < start || taken >= cutsAtOnce) return;
      next = calls + 1;
      if (title !== afterwards && !isTried(calls)) return;
      taken++;
      for (let state = 0; state < statesPerCut; state++) {
        const stateSeed = (seed * 7919 + calls) * 31 + state;
        const sides = whoLosesPower[state % whoLosesPower.length] ?? [];
        const inOrder = state % 2 === (calls >> 1) % 2;
        found.push({
          title: `${title}, state ${stateSeed} of ${sides.join(' and ')}${inOrder ? ', in order' : ''}`,
          pair: running.afterPowerCut(createRandom(stateSeed), { sides, inOrder }),
          // A file system that does not keep the order of a link and a rename, or of a link and the removal of the old name, may lose what was kept or
          // moved in the moment of the cut.
          isWhole: inOrder || title === afterwards,
        });
      }
    };
    await running.sync({
      ignoresSync,
      onCall(side, call) {
        if (!call.writes) return;
        cut(`before ${nameOf(side, call)} (call ${calls})`);
        calls++;
      },
    });
    cut(afterwards);
    total = calls + 1;
    start = next;
    cuts += taken;
    for (const { title, pair, isWhole } of found) {
      states++;
      const violation =
        (title.startsWith(afterwards) ? notDone(pair, expectedTrees, running) : undefined) ??
        mixedFile(pair, beforeTrees, expectedTrees) ??
        (isWhole ? lostContent(pair, contents) : undefined) ??
        (await notMended(pair, expectedTrees, isWhole ? [] : movedEdits));
      if (violation === undefined) continue;
      violations.push(`${title}: ${violation}`);
      if (stopsAtFirst) return { cuts, states, violations };
    }
  }
  return { cuts, states, violations };
}

function nameOf(side: Side, { call, path, toPath }: SimulatedCall): string {
  return `${side} ${call} ${path}${toPath === undefined ? '' : ` to ${toPath}`}`;
}

/** After a run everything is there at once, and so is what it has kept, by name. */
function notDone(pair: SimulatedPair, expected: Trees, uncut: SimulatedPair): string | undefined {
  for (const side of ['alpha', 'beta'] as const) {
    const now = pair.tree(side);
    const missing = expected[side].find((line) => !now.includes(line));
    if (missing !== undefined) return `${side} has no "${missing}"`;
  }
  const kept = pair.versions();
  const lost = uncut.versions().find((content) => !kept.includes(content));
  return lost === undefined ? undefined : `the version "${lost}" is gone`;
}

export type Trees = Readonly<Record<Side, readonly string[]>>;

/** A path that is neither what it was nor what it is to be. */
export function mixedFile(pair: Pick<SimulatedPair, 'tree'>, before: Trees, after: Trees): string | undefined {
  for (const side of ['alpha', 'beta'] as const) {
    const now = byPath(pair.tree(side));
    const [was, willBe] = [byPath(before[side]), byPath(after[side])];
    for (const path of new Set([...now.keys(), ...was.keys(), ...willBe.keys()])) {
      const found = now.get(path);
      const isFine = found === was.get(path) || found === willBe.get(path) || (found === undefined && swappedPaths.includes(path));
      if (!isFine)
        return `${path} on ${side} is "${found ?? 'missing'}", was "${was.get(path) ?? 'missing'}", is to be "${willBe.get(path) ?? 'missing'}"`;
    }
  }
  return undefined;
}

/** The first name of a line of a tree is its path; what follows is of the entry. A directory's mode is not looked at: it may be on its way. */
function byPath(lines: readonly string[]): ReadonlyMap<string, string> {
  return new Map(lines.map((line) => [line.slice(0, line.search(/\/? /)), line.replace(/\/ [0-7]+$/, '/')]));
}

/** The next run ends as if there had been no cut, and the one after has nothing to do. */
export async function notMended(pair: SimulatedPair, expected: Trees, except: readonly string[]): Promise<string | undefined> {
  const report = await reportOf(pair.sync());
  if (typeof report === 'string') return `the next run failed: ${report}`;
  if (report.halt !== undefined) return `the next run halts: ${report.halt.message}`;
  const falseConflict = report.conflicts.find(({ path }) => !conflictPaths.includes(path));
  if (falseConflict !== undefined) return `a false conflict at ${falseConflict.path}`;
  const [problem] = report.problems;
  if (problem !== undefined) return `a problem at ${problem.path}: ${problem.message}`;
  for (const side of ['alpha', 'beta'] as const) {
    const now = pair.tree(side);
    const wrong = [...expected[side].filter((line) => !now.includes(line)), ...now.filter((line) => !expected[side].includes(line))].find(
      (line) => !except.some((path) => line.startsWith(`${path} `)),
    );
    if (wrong !== undefined) return `after the next run ${side} has ${now.includes(wrong) ? 'also' : 'not'} "${wrong}"`;
  }
  const again = await reportOf(pair.sync());
  if (typeof again === 'string') return `the run after that failed: ${again}`;
  if (again.outcome !== 'in-sync' || again.changes.length > 0) return `the run after that is ${again.outcome}`;
  return undefined;
}

/** Whatever was there is there: in a tree, or kept. */
export function lostContent(pair: Pick<SimulatedPair, 'user' | 'keptContents'>, contents: readonly string[]): string | undefined {
  const everything = new Set([...pair.user.alpha.contents(), ...pair.user.beta.contents(), ...pair.keptContents()]);
  const lost = contents.find((content) => !everything.has(content));
  return lost === undefined ? undefined : `"${lost}" is nowhere any more`;
}

async function reportOf(run: Promise<SyncReport>): Promise<SyncReport | string> {
  try {
    return await run;
  } catch (error) {
    if (isSyncError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
}
