/** Both ends start runs, each with its own config pointing at the other: a timer on the server, an agent on the laptop. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { fine } from './fine.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`both ends start runs over ${title}`, () => {
    let server: TestServer;
    let world: TwoRoots;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.close());
    beforeEach(async () => {
      world = await openTwoRoots({ server });
      await world.here.write('keep.md', 'stays');
      await fine(world.sync(['truth', '--apply']));
    });
    afterEach(() => world.close());

    it('a file made by one, synced, deleted by the other and synced from there stays deleted', async () => {
      await world.here.write('new.md', 'made on the laptop');
      await fine(world.sync(['truth', '--apply']));
      expect(await world.there.read('new.md')).toBe('made on the laptop');
      await world.there.remove('new.md');
      await fine(world.syncFromThere(['truth', '--apply']));
      expect(await world.here.read('new.md')).toBeUndefined();
      for (const again of [world.sync(['truth', '--apply']), world.syncFromThere(['truth', '--apply'])])
        expect((await fine(again)).stdout).toMatch(/^Nothing to do: /m);
      expect(await world.here.read('new.md')).toBeUndefined();
      expect(await world.there.read('new.md')).toBeUndefined();
    });

    it('a lock that a dead run has left on either end is taken over, and that is said and written down', async () => {
      await world.here.write('.ubos-sync/lock', 'garbage');
      await world.there.write('.ubos-sync/lock', 'garbage');
      const { stdout } = await fine(world.sync(['truth', '--apply', '--json']));
      const told = stdout.split('\n').filter((line) => line.includes('"code":"SYNC_LOCK_TAKEN_OVER"'));
      expect(told.map((line) => (JSON.parse(line) as { readonly message: string }).message)).toEqual([
        'the lock of local was taken over: it was left by a record that nobody can read',
        'the lock of balaur was taken over: it was left by a record that nobody can read',
      ]);
      expect((await fine(world.syncFromThere(['truth', '--apply']))).stderr).not.toMatch(/taken over/);
    });

    it('two runs at once: one works, the other waits, and both end well', async () => {
      for (let index = 0; index < 50; index++) await world.here.write(`many/${index}.md`, `file ${index}`);
      const runs = await Promise.all([world.sync(['truth', '--apply']), world.syncFromThere(['truth', '--apply'])]);
      expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
      const { here, there } = await world.listing();
      expect(there).toBe(here);
    });

    it("what one end's config keeps for itself stays there, also when the other end starts the run", async () => {
      // The laptop keeps its audit in a folder of its own; the server's config knows nothing of it.
      await appendFile(join(world.here.root, 'ubos-sync.yaml'), 'audit: journal/of-the-laptop\n');
      await fine(world.sync(['truth', '--apply']));
      await world.here.write('shared.md', 'to all');
      await fine(world.syncFromThere(['truth', '--apply']));
      expect(await world.there.read('shared.md')).toBe('to all');
      expect(await world.here.read('journal/of-the-laptop/audit.jsonl')).toBeDefined();
      expect(await world.there.read('journal/of-the-laptop/audit.jsonl')).toBeUndefined();
    });

    it('logs that one end has only pulled, and its audit, stay where they are when the other end syncs first', async () => {
      await world.there.write('live/events.jsonl', '{"event":1}\n');
      await appendFile(
        join(world.here.root, 'ubos-sync.yaml'),
        'audit: journal/of-the-laptop\nlogs: [{ from: live/events.jsonl, to: copies/events.jsonl }]\n',
      );
      await fine(world.sync(['logs']));
      expect(await world.here.read('copies/events.jsonl')).toBe('{"event":1}\n');
      await world.here.write('shared.md', 'to all');
      await fine(world.syncFromThere(['truth', '--apply']));
      expect(await world.there.read('shared.md')).toBe('to all');
      expect(await world.here.read('live/events.jsonl')).toBeUndefined();
      expect(await world.there.read('copies/events.jsonl')).toBeUndefined();
      expect(await world.here.read('journal/of-the-laptop/audit.jsonl')).toBeDefined();
      expect(await world.there.read('journal/of-the-laptop/audit.jsonl')).toBeUndefined();
    });

    it('a change made on each side meets in the middle, whoever starts', async () => {
      await world.here.write('from-laptop.md', '1');
      await world.there.write('from-balaur.md', '2');
      await fine(world.syncFromThere(['truth', '--apply']));
      const { here, there } = await world.listing();
      expect(there).toBe(here);
      expect(here).toContain('from-balaur.md');
      expect(here).toContain('from-laptop.md');
    });
  });
}
