/** `git clean -fdx` on either machine: it is said, nothing is deleted, and `--restore-state` takes back what was lost from the mirror on that machine. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`a removed .ubos-sync over ${title}`, () => {
    let server: TestServer;
    let world: TwoRoots;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.close());
    beforeEach(async () => {
      world = await openTwoRoots({ server });
      for (const name of ['docs/a.md', 'docs/b.md', 'c.md']) await world.here.write(name, `${name}, first`);
      expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
    });
    afterEach(() => world.close());

    for (const [side, folder] of [
      ['here', 'laptop'],
      ['there', 'balaur'],
    ] as const) {
      it(`on ${folder}`, async () => {
        await rm(join(world.folder, folder, '.ubos-sync'), { recursive: true });
        await world[side].remove('c.md');
        const before = await world.listing();
        expect(await world.sync(['truth', '--apply'])).toMatchObject({
          exitCode: 3,
          stderr: expect.stringMatching(/mirror outside the root still has it:\s+--restore-state\.[^]*code: SYNC_MARKER_MISSING\n$/),
        });
        const dry = await world.sync(['truth', '--restore-state']);
        expect(dry).toMatchObject({
          exitCode: 0,
          stderr: expect.stringMatching(/^note: the marker and 1 archive of \w+ would be taken from the mirror/),
        });
        expect(dry.stdout).toMatch(/ deleted +c\.md /);
        expect(await world.listing()).toEqual(before);
        // The end that keeps its state can seal the plan.
        const [, plan] = / --plan (\S+)/.exec(dry.stdout) ?? [];
        expect(plan === undefined).toBe(side === 'here');
        const done = await world.sync(['truth', '--restore-state', '--apply', '--json', ...(plan === undefined ? [] : ['--plan', plan])]);
        expect(done.exitCode).toBe(0);
        expect(done.stdout).toMatch(/"type":"notice","run":"[^"]*","at":"[^"]*","code":"SYNC_STATE_RESTORED"/);
        const { here, there } = await world.listing();
        expect(there).toBe(here);
        expect(await world.here.read('c.md')).toBe(undefined);
        expect((await world.syncFromThere(['truth', '--apply'])).stdout).toMatch(/^Nothing to do: /);
      });
    }
  });
}
