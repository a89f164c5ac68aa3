/**
 * Real processes on real disks, killed (SIGKILL) right before a system call that writes: the command line, the agent, or both, in a run of more than 40 changes
 * of every kind and both directions. Then, every other time, somebody edits, saves, deletes or puts back a file.
 *
 * A sample is tried; `CALL_KILLS=N` tries N calls spread over all that a run makes, `CALL_KILLS=all` every one (`npm run proofs:calls`). `CALL_KILL_SEED` gives others.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '@ubos/sync-core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEditsAfter, type EditsAfter, treesText } from '../../packages/core/src/fs/test-support/edits-after.ts';
import { conflictPaths, makeAgreed } from '../../packages/core/src/fs/test-support/mixed-plan.ts';
import { lostContent, mixedFile, type Trees } from '../../packages/core/src/fs/test-support/power-cuts.ts';
import { createSimulatedPair } from '../../packages/core/src/fs/test-support/simulated-pair.ts';
import { fine } from '../acceptance/fine.ts';
import { type CliResult, EndedBySignal } from '../acceptance/run-cli.ts';
import { findAgents } from '../support/agent-processes.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { killingBefore, noting, oneThread, parseNoted, runsStrace, type SystemCall } from '../support/strace.ts';
import { editMore, type MixedRoots, openMixedRoots } from './mixed-roots.ts';

const wanted = process.env['CALL_KILLS'] ?? '5';
const seed = Number(process.env['CALL_KILL_SEED'] ?? 20261121);
const timeout = 36_000_000;

type Victim = 'the command line' | 'the agent' | 'both';
const victims: readonly Victim[] = ['the command line', 'the agent', 'both'];

interface Kill extends SystemCall {
  readonly victim: Victim;
}

describe.skipIf(!runsStrace)(`processes that are killed before a system call (seed ${seed})`, () => {
  let server: TestServer;
  let roots: MixedRoots;
  let trees: { readonly before: Trees; readonly after: Trees };
  let contents: readonly string[];
  let edits: EditsAfter;
  let kills: readonly Kill[];
  /** What the agents of the server are put behind. */
  let agentUnder: readonly string[] = [];

  beforeAll(async () => {
    server = await startEmbeddedSshd({
      env: { PATH: process.env['PATH'] ?? '', ...oneThread },
      command: (requested) => (agentUnder.length === 0 ? requested : `exec ${[...agentUnder, 'sh', '-c', requested].map(quote).join(' ')}`),
    });
    roots = await openMixedRoots(server);
    const simulated = createSimulatedPair();
    makeAgreed(simulated);
    await simulated.sync();
    editMore(simulated);
    const expected = simulated.killed();
    expect((await expected.sync()).changes.length).toBeGreaterThanOrEqual(40);
    edits = createEditsAfter({ before: simulated, expected });
    trees = { before: treesOf(), after: { alpha: expected.tree('alpha'), beta: expected.tree('beta') } };
    expect(trees.before).toEqual({ alpha: simulated.tree('alpha'), beta: simulated.tree('beta') });
    contents = [...simulated.user.alpha.contents(), ...simulated.user.beta.contents()];
    kills = choose(await noteCalls());
  }, timeout);
  afterAll(async () => {
    await roots?.close();
    await server?.close();
  });

  const treesOf = (): Trees => ({ alpha: roots.pair.tree('alpha'), beta: roots.pair.tree('beta') });

  const sync = (under: readonly string[] = []): Promise<CliResult> => roots.world.sync(['truth', '--apply', '--json'], { under, env: oneThread });

  /** All writing calls of either process in a run that nothing disturbs. */
  const noteCalls = async (): Promise<readonly Kill[]> => {
    const { folder } = roots.world;
    await roots.reset();
    const [mine, theirs] = [join(folder, 'calls-here'), join(folder, 'calls-there')];
    agentUnder = noting(theirs);
    await fine(sync(noting(mine)));
    agentUnder = [];
    expect(treesOf()).toEqual(trees.after);
    expect(summaryOf((await fine(sync())).stdout)).toMatchObject({ outcome: 'in-sync' });
    const noted = await Promise.all([mine, theirs].map(async (file) => parseNoted(await readFile(file, 'utf8'), folder)));
    return noted.flatMap((calls, index) =>
      calls.flatMap((call) => victims.filter((_, at) => at !== 1 - index).map((victim) => ({ ...call, victim }))),
    );
  };

  /** Whether the run was cut off. */
  const syncKilled = async ({ victim, ...call }: Kill): Promise<boolean> => {
    const under = killingBefore(call);
    agentUnder = victim === 'the command line' ? [] : under;
    try {
      const { exitCode } = await sync(victim === 'the agent' ? [] : under);
      return exitCode !== 0;
    } catch (error) {
      if (error instanceof EndedBySignal) return true;
      throw error;
    } finally {
      agentUnder = [];
      // The agent goes on with what it is about when the one who asked for it is gone.
      while (findAgents(server.home).length > 0) await delay(10);
    }
  };

  it('each file is old or new, and running again ends as if it had run once, whatever somebody edits in between', { timeout }, async () => {
    const random = createRandom(seed);
    const { pair } = roots;
    let cutOff = 0;
    let edited = 0;
    for (const [index, kill] of kills.entries()) {
      const title = `${kill.victim} killed before ${kill.name} ${kill.count}`;
      await roots.reset();
      if (await syncKilled(kill)) cutOff++;
      expect([title, mixedFile(pair, trees.before, trees.after)]).toEqual([title, undefined]);
      expect([title, lostContent(pair, contents)]).toEqual([title, undefined]);
      const edit = index % 2 === 0 ? undefined : edits.any(pair, random);
      const possible = edit === undefined ? [treesText({ tree: (side) => trees.after[side] })] : await edits.outcomesOf(edit, pair);
      // Where a file makes way for a folder there is a moment in which it is neither what it was nor what it is to be.
      if (possible.length === 0 || (edit !== undefined && !edits.make(edit, pair))) continue;
      if (edit !== undefined) edited++;
      const what = edit === undefined ? title : `${title}, then ${edit.side} ${edit.what} ${edit.path}`;
      const { exitCode, stdout, stderr } = await sync();
      // Who saves a file that the other side has made a folder of has a conflict.
      expect(exitCode, `${what}\n${stdout}${stderr}`).toBeLessThanOrEqual(edit === undefined ? 0 : 1);
      const found = treesText(pair);
      if (!possible.includes(found)) expect(found, `${what}\n${stdout}`).toEqual(possible[0]);
      if (edit === undefined) expect([what, conflictsIn(stdout).filter((path) => !conflictPaths.includes(path))]).toEqual([what, []]);
      const again = await sync();
      expect([what, again.exitCode, summaryOf(again.stdout).changes]).toEqual([what, exitCode, 0]);
    }
    process.stdout.write(`${kills.length} calls tried, ${cutOff} runs cut off, ${edited} edited afterwards\n`);
    expect(cutOff).toBeGreaterThan(kills.length / 2);
  });
});

/** As many as are wanted, spread over all. */
function choose(all: readonly Kill[]): readonly Kill[] {
  const count = wanted === 'all' ? all.length : Math.min(Number(wanted), all.length);
  return Array.from({ length: count }, (_, index) => all[Math.floor(((index + (seed % 97) / 97) * all.length) / count)] as Kill);
}

interface Line {
  readonly type: string;
  readonly path?: string;
  readonly outcome?: string;
  readonly changes?: number;
}

/** Of a run with `--json`. */
function linesOf(stdout: string): readonly Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

function conflictsIn(stdout: string): readonly string[] {
  return linesOf(stdout).flatMap(({ type, path = '' }) => (type === 'conflict' ? [path] : []));
}

function summaryOf(stdout: string): Line {
  return linesOf(stdout).find(({ type }) => type === 'summary') ?? { type: 'none' };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
