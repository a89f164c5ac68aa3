/**
 * Runs while people edit on both sides. On simulated disks they act between any two calls of a run, as the seed wants it; on real ones 50 times a second, while
 * one run of the command line follows the other. `EDITORS=1000` (`npm run proofs:editors`): so many days on simulated disks, and ten minutes on real ones;
 * otherwise a sample. `EDITORS_SEED` gives others.
 */
import { createNodeDisk } from '@ubos/sync-core/fs';
import { createRandom } from '@ubos/sync-core/testing';
import { describe, expect, it } from 'vitest';
import { createSimulatedPair } from '../../packages/core/src/fs/test-support/simulated-pair.ts';
import { createSimulatedUser } from '../../packages/core/src/fs/test-support/simulated-user.ts';
import { fine } from '../acceptance/fine.ts';
import { openTwoRoots } from '../acceptance/two-roots.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { createEditors, ownFolder } from './editors.ts';

const days = Number(process.env['EDITORS'] ?? 8);
const seed = Number(process.env['EDITORS_SEED'] ?? 20261121);
const timeout = 36_000_000;

const settings = { onTie: 'keep-both' } as const;

/** Of a run for people. */
const ownConflict = /conflict.* (?:mine|yours)\//;

describe(`runs while people edit on both sides (seed ${seed})`, () => {
  it('between any two calls: what was closed before a run began is not lost, what one side alone edits is no conflict, and both are equal when it is quiet', {
    timeout,
  }, async () => {
    let closed = 0;
    let overtaken = 0;
    let runs = 0;
    for (let day = 0; day < days; day++) {
      const title = `seed ${seed}, day ${day}`;
      const random = createRandom(seed + day);
      const pair = createSimulatedPair();
      const editors = createEditors(pair.user, random);
      for (let step = 0; step < 100 || editors.isBusy; step++) editors.step();
      await pair.sync({ settings, first: 'newer' });
      // A fifth of the calls to a hundredth of them.
      const pace = 5 + random.below(95);
      for (let run = 0; run < 8; run++) {
        editors.runBegins();
        let isActing = false;
        const report = await pair.sync({
          from: random.pick(['alpha', 'beta'] as const),
          settings,
          onCall() {
            // What people do are calls, too.
            if (isActing || random.below(pace) > 0) return;
            isActing = true;
            editors.step();
            isActing = false;
          },
        });
        runs++;
        expect([title, run, report.halt]).toEqual([title, run, undefined]);
        const own = report.conflicts.filter(({ path }) => Object.values(ownFolder).some((folder) => path.startsWith(`${folder}/`)));
        expect([title, run, own]).toEqual([title, run, []]);
      }
      while (editors.isBusy) editors.step();
      editors.runBegins();
      for (let run = 0; run < 2; run++) await pair.sync({ settings });
      const { outcome, problems, conflicts } = await pair.sync({ settings });
      expect([title, { outcome, problems, conflicts }]).toEqual([title, { outcome: 'in-sync', problems: [], conflicts: [] }]);
      expect([title, pair.tree('alpha')]).toEqual([title, pair.tree('beta')]);
      const places = [...pair.user.alpha.contents(), ...pair.user.beta.contents(), ...pair.keptContents()];
      expect([title, editors.lost(places)]).toEqual([title, []]);
      editors.look();
      expect([title, editors.disturbed]).toEqual([title, []]);
      overtaken += editors.overtaken(places).length;
      closed += editors.closedCount;
    }
    process.stdout.write(`${runs} runs, ${closed} contents closed, none lost, ${overtaken} overtaken in the moment of a rename\n`);
  });

  it('50 times a second on real disks, while the command line syncs again and again: the same', { timeout }, async () => {
    await using server = await startEmbeddedSshd();
    const world = await openTwoRoots({ server, config: 'truth: { onTie: keep-both, maxDelete: 10000, maxChange: 10000 }\n' });
    try {
      const disk = createNodeDisk();
      const clock = { nowMs: () => Date.now(), advance: () => undefined };
      const user = { alpha: createSimulatedUser(disk, world.here.root, clock), beta: createSimulatedUser(disk, world.there.root, clock) };
      const editors = createEditors(user, createRandom(seed));
      for (let step = 0; step < 100 || editors.isBusy; step++) editors.step();
      await fine(world.sync(['truth', '--apply', '--first', 'newer']));
      let left = days * 60;
      // Each side makes 50 steps in a second, and as many as are left to make.
      const acting = setInterval(() => {
        for (let side = 0; side < 2 && left > 0; side++, left--) editors.step();
      }, 20);
      let runs = 0;
      try {
        while (left > 0) {
          editors.runBegins();
          const { exitCode, stdout, stderr } = await (runs++ % 2 === 0
            ? world.sync(['truth', '--apply'])
            : world.syncFromThere(['truth', '--apply']));
          // What has moved meanwhile is left for the next run, and said.
          expect([0, 1, 2], stdout + stderr).toContain(exitCode);
          expect(stdout).not.toMatch(ownConflict);
        }
      } finally {
        clearInterval(acting);
      }
      while (editors.isBusy) editors.step();
      editors.runBegins();
      for (let run = 0; run < 2; run++) await world.sync(['truth', '--apply']);
      expect((await fine(world.sync(['truth', '--apply', '--rehash']))).stdout).toMatch(/^Nothing to do: /);
      const { here, there } = await world.listing();
      expect(there).toBe(here);
      const places = [user.alpha, user.beta].flatMap((files) => [...files.contents(), ...files.contents('.ubos-sync/versions')]);
      expect(editors.lost(places)).toEqual([]);
      editors.look();
      expect(editors.disturbed).toEqual([]);
      process.stdout.write(`${runs} runs, ${editors.closedCount} contents closed, none lost, ${editors.overtaken(places).length} overtaken\n`);
    } finally {
      await world.close();
    }
  });
});
