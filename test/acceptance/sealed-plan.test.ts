/** A plan that was looked at on one day is carried out on another, over SSH: exactly it, or nothing. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`a sealed plan over ${title}`, () => {
    let server: TestServer;
    let world: TwoRoots;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.close());
    beforeEach(async () => {
      world = await openTwoRoots({ server });
      for (let index = 0; index < 20; index++) await world.here.write(`docs/${index}.md`, `first ${index}`);
      await world.here.write('names/old.md', 'a file that will be renamed');
      expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
      for (let index = 0; index < 5; index++) await world.here.write(`docs/${index}.md`, `here ${index}`);
      for (let index = 5; index < 10; index++) await world.there.write(`docs/${index}.md`, `there ${index}`, index === 5 ? 0o755 : 0o644);
      for (let index = 10; index < 12; index++) await world.there.remove(`docs/${index}.md`);
      await world.there.write('names/new.md', 'a file that will be renamed');
      await world.there.remove('names/old.md');
    });
    afterEach(() => world.close());

    it('is done as it was shown, and what came later waits for the next run', async () => {
      const id = await seal(world);
      await world.here.write('later.md', 'later');
      await world.there.write('docs/19.md', 'later');
      const { exitCode, stdout, stderr } = await world.sync(['truth', '--apply', '--plan', id]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toContain('2 changes are not in the plan and left for the next run.');
      expect(await world.there.read('docs/0.md')).toBe('here 0');
      expect([await world.here.read('docs/5.md'), await world.here.mode('docs/5.md')]).toEqual(['there 5', 0o755]);
      expect([await world.here.read('docs/10.md'), await world.here.read('names/old.md')]).toEqual([undefined, undefined]);
      expect(await world.here.read('names/new.md')).toBe('a file that will be renamed');
      expect([await world.there.read('later.md'), await world.here.read('docs/19.md')]).toEqual([undefined, 'first 19']);
      expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
      const { here, there } = await world.listing();
      expect(there).toBe(here);
      expect((await world.sync(['truth', '--apply', '--plan', id])).stdout).toBe('Nothing to do: local and balaur are in sync.\n');
    });

    it.each(['here', 'there'] as const)('is refused, and nothing is changed, where one of its files was edited %s', async (side) => {
      const id = await seal(world);
      await world[side].write('docs/3.md', 'edited after the plan was made');
      const before = await world.listing();
      const { exitCode, stderr } = await world.sync(['truth', '--apply', '--plan', id]);
      expect(exitCode).toBe(3);
      expect(stderr).toContain(`docs/3.md was changed on ${side === 'here' ? 'local' : 'balaur'}`);
      expect(stderr).toContain('code: SYNC_PLAN_DRIFTED');
      expect(await world.listing()).toEqual(before);
    });

    it('that the other end has carried out meanwhile leaves nothing to do', async () => {
      const id = await seal(world);
      expect((await world.syncFromThere(['truth', '--apply'])).exitCode).toBe(0);
      const { exitCode, stdout } = await world.sync(['truth', '--apply', '--plan', id]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'Nothing to do: local and balaur are in sync.\n' });
    });
  });
}

async function seal(world: TwoRoots): Promise<string> {
  const { stdout } = await world.sync(['truth']);
  const [, id] = /To do exactly this: ubos-sync truth --apply --plan ([0-9a-f]{16})\n$/.exec(stdout) ?? [];
  if (id === undefined) throw new Error(`no plan: ${stdout}`);
  return id;
}
