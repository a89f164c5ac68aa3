/**
 * Two runs started within 10 ms, one from each end, again and again. `STARTS=200` (`npm run proofs:starts`) tries so many, otherwise a sample is tried.
 * `STARTS_SEED` gives other distances. Every other time neither waits for the other.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createRandom } from '@ubos/sync-core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fine } from '../acceptance/fine.ts';
import type { CliResult } from '../acceptance/run-cli.ts';
import { openTwoRoots, type TwoRoots } from '../acceptance/two-roots.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { runsOpenSsh } from '../support/servers.ts';
import { startSshd } from '../support/sshd.ts';
import type { TestServer } from '../support/sshd-files.ts';

const starts = Number(process.env['STARTS'] ?? 10);
const seed = Number(process.env['STARTS_SEED'] ?? 20261121);
const timeout = 36_000_000;

interface Summary {
  readonly outcome: string;
  readonly exitCode: number;
}

describe(`two runs started within 10 ms, from both ends (seed ${seed})`, () => {
  let server: TestServer;
  let world: TwoRoots;
  beforeAll(async () => {
    // OpenSSH where it is.
    server = await (runsOpenSsh ? startSshd() : startEmbeddedSshd());
    world = await openTwoRoots({ server });
    await world.here.write('keep.md', 'stays');
    await fine(world.sync(['truth', '--apply']));
  });
  afterAll(async () => {
    await world?.close();
    await server?.close();
  });

  it('each completes or ends skipped-locked, none fails, no lock stays, and nothing is lost', { timeout }, async () => {
    const random = createRandom(seed);
    const outcomes = new Map<string, number>();
    for (let round = 0; round < starts; round++) {
      await world.here.write(`here/${round}.md`, `here ${round}`);
      await world.there.write(`there/${round}.md`, `there ${round}`);
      const waits = round % 2 === 0;
      const args = ['truth', '--apply', '--json', ...(waits ? [] : ['--lock-wait', '0s'])];
      const ends = [() => world.sync(args), () => world.syncFromThere(args)] as const;
      const [first, second] = random.below(2) === 0 ? ends : ([ends[1], ends[0]] as const);
      const distanceMs = random.below(11);
      const runs = [first(), delay(distanceMs).then(second)];
      const allowed = waits ? ['applied', 'in-sync'] : ['applied', 'in-sync', 'skipped-locked'];
      for (const result of await Promise.all(runs)) {
        const { outcome, exitCode } = summaryOf(result);
        expect(allowed, `round ${round}, ${distanceMs} ms:\n${result.stdout}${result.stderr}`).toContain(outcome);
        expect(exitCode).toBe(outcome === 'skipped-locked' ? 3 : 0);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      for (const { read } of [world.here, world.there]) expect([round, await read('.ubos-sync/lock')]).toEqual([round, undefined]);
    }
    await fine(world.sync(['truth', '--apply']));
    const { here, there } = await world.listing();
    expect(there).toBe(here);
    for (let round = 0; round < starts; round++)
      expect([await world.there.read(`here/${round}.md`), await world.here.read(`there/${round}.md`)]).toEqual([`here ${round}`, `there ${round}`]);
    expect((await fine(world.syncFromThere(['truth', '--apply']))).stdout).toMatch(/^Nothing to do: /);
    process.stdout.write(`${starts} starts over ${server.alias}: ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}\n`);
  });
});

function summaryOf({ stdout, stderr }: CliResult): Summary {
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  expect(last, stderr).toMatch(/^\{.*"type":"summary"/);
  return JSON.parse(last) as Summary;
}
