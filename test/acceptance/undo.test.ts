/** A run is taken back over the wire, from either end, and no timer on either machine brings its result back. */
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { fine } from './fine.ts';
import type { CliResult } from './run-cli.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`undo over ${title}`, () => {
    let server: TestServer;
    let world: TwoRoots;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.close());
    beforeEach(async () => {
      world = await openTwoRoots({ server });
      for (const name of ['docs/a.md', 'docs/b.md', 'gone.md', 'run.sh']) await world.here.write(name, `${name}, first`);
      await fine(world.sync(['truth', '--apply']));
      await world.here.write('docs/a.md', 'edited on the laptop');
      await world.here.remove('gone.md');
      await world.there.write('docs/deep/new.md', 'made on the server');
      await world.there.write('docs/b.md', 'edited on the server');
    });
    afterEach(() => world.close());

    for (const from of ['sync', 'syncFromThere'] as const) {
      it(`both sides get back what they had when ${from === 'sync' ? 'the end that ran it' : 'the other end'} says so, and keep it`, async () => {
        const before = await world.listing();
        const run = runOf(await fine(world.sync(['truth', '--apply'])));
        expect(await world.listing()).not.toEqual(before);
        const dry = await fine(world[from](['undo', run]));
        expect(dry.stdout).toMatch(/\nNothing was changed\. --apply would make /);
        const undone = runOf(await fine(world[from](['undo', run, '--apply'])));
        expect(await world.listing()).toEqual(before);
        for (const again of ['syncFromThere', 'sync', 'syncFromThere'] as const) {
          expect((await fine(world[again](['truth', '--apply']))).stdout).toMatch(/^Nothing to do: /);
          expect(await world.listing()).toEqual(before);
        }
        await fine(world[from](['undo', undone, '--apply']));
        const { here, there } = await world.listing();
        expect(there).toBe(here);
        expect((await fine(world.sync(['truth', '--apply']))).stdout).toMatch(/^Nothing to do: [^\n]*\n$/);
      });
    }

    it('what was edited since stays, is listed, and travels', async () => {
      const run = runOf(await fine(world.sync(['truth', '--apply'])));
      await world.there.write('docs/a.md', 'edited again');
      const undone = await world.sync(['undo', run, '--apply']);
      expect(undone).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/docs\/a\.md on balaur: .*\[SYNC_NOT_UNDONE\]\n/) });
      expect(await world.there.read('docs/a.md')).toBe('edited again');
      expect(await world.there.read('gone.md')).toBe('gone.md, first');
      await fine(world.syncFromThere(['truth', '--apply']));
      expect(await world.here.read('docs/a.md')).toBe('edited again');
    });

    it('what one side knows no more, and what is kept no more, is said by the dry run, too', async () => {
      const run = runOf(await fine(world.sync(['truth', '--apply'])));
      await world.there.remove('.ubos-sync/versions/content');
      const dry = await world.sync(['undo', run]);
      expect(dry).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/gone\.md on balaur: .* kept no more \[SYNC_NOT_UNDONE\]\n/) });
      await world.there.remove(`.ubos-sync/versions/${run}`);
      for (const flags of [[], ['--apply']]) {
        const told = await world.sync(['undo', run, ...flags]);
        expect(told).toMatchObject({ exitCode: 2, stdout: expect.stringMatching(/\. on balaur: .* is gone: .*\[SYNC_RUN_UNKNOWN\]\n/) });
      }
      expect([await world.there.read('docs/a.md'), await world.here.read('docs/b.md')]).toEqual(['edited on the laptop', 'docs/b.md, first']);
    });

    it('a run that neither side knows is refused', async () => {
      const refused = await world.sync(['undo', '20200101T000000Z-000000', '--apply']);
      expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/code: SYNC_RUN_UNKNOWN\n$/) });
    });

    it('what comes back has the bits that the pair does not carry, on either side', async () => {
      const masked = await openTwoRoots({ server, config: 'truth: { permissions: executable }\n' });
      try {
        for (const name of ['here.key', 'there.key']) await masked.here.write(name, name);
        await fine(masked.sync(['truth', '--apply']));
        await chmod(join(masked.folder, 'laptop/there.key'), 0o600);
        await chmod(join(masked.folder, 'balaur/here.key'), 0o600);
        await masked.here.remove('here.key');
        await masked.there.remove('there.key');
        const run = runOf(await fine(masked.sync(['truth', '--apply'])));
        await fine(masked.sync(['undo', run, '--apply']));
        const modes = ['laptop/there.key', 'balaur/here.key'].map(async (name) => (await stat(join(masked.folder, name))).mode & 0o777);
        expect(await Promise.all(modes)).toEqual([0o600, 0o600]);
      } finally {
        await masked.close();
      }
    });
  });
}

function runOf({ stdout }: CliResult): string {
  return /`ubos-sync undo (\S+)`/.exec(stdout)?.[1] ?? '';
}
