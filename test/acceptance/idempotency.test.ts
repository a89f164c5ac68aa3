/** Sync; sync: the second has nothing to do, costs two round trips, sends no content, and writes nothing on either side. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`a second run over ${title}`, () => {
    let server: TestServer;
    let world: TwoRoots;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.close());
    beforeEach(async () => {
      world = await openTwoRoots({ server });
      for (let index = 0; index < 40; index++) {
        await world.here.write(`docs/${index % 5}/${index}.md`, `here ${index}`);
        await world.there.write(`missions/${index % 3}/${index}.md`, `there ${index}`, index % 7 === 0 ? 0o755 : 0o644);
      }
      expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
    });
    afterEach(() => world.close());

    it('has nothing to do, in two round trips and without content', async () => {
      const { stdout, exitCode } = await world.sync(['truth', '--apply', '--json']);
      const summary: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
      expect(exitCode).toBe(0);
      expect(summary).toMatchObject({ type: 'summary', outcome: 'in-sync', changes: 0, roundTrips: 2 });
      const { bytesSent, bytesReceived } = summary as { readonly bytesSent: number; readonly bytesReceived: number };
      expect(bytesSent + bytesReceived).toBeLessThan(20_000);
      expect((await world.sync(['truth', '--apply'])).stdout).toBe('Nothing to do: local and balaur are in sync.\n');
    });

    it('writes nothing on either side but the lock, and one line into the audit of the one who started it', async () => {
      const before = [await stamps(world.here.root), await stamps(world.there.root)];
      const audit = (await world.here.read('logs/sync/audit.jsonl')) ?? '';
      expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
      expect([await stamps(world.here.root), await stamps(world.there.root)]).toEqual(before);
      const added = ((await world.here.read('logs/sync/audit.jsonl')) ?? '').slice(audit.length);
      expect(added.split('\n').filter((line) => line !== '')).toHaveLength(1);
      expect(await world.there.read('logs/sync/audit.jsonl')).toBeUndefined();
    });

    it('confirms it from content', async () => {
      expect((await world.sync(['truth', '--apply', '--rehash'])).stdout).toBe('Nothing to do: local and balaur are in sync.\n');
      const { here, there } = await world.listing();
      expect(there).toBe(here);
    });

    it('remembers what was agreed: a deletion stays one', async () => {
      await world.there.remove('docs/0');
      expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
      expect(await world.here.read('docs/0/0.md')).toBeUndefined();
    });
  });
}

/** Inode, size, mode and times of everything in a root, state included; not the audit, and not the folder in which the lock comes and goes. */
async function stamps(root: string): Promise<string> {
  const find =
    "find . -path ./logs/sync -prune -o ! -path ./.ubos-sync ! -path ./.ubos-sync/lock ! -path ./logs -printf '%P %y %i %s %m %T@ %C@\\n' | LC_ALL=C sort";
  const { stdout } = await promisify(execFile)('sh', ['-c', find], { cwd: root, maxBuffer: 1024 ** 2 * 64 });
  return stdout;
}
