/**
 * What happens to roots in real life, and what a run makes of it, from either end: a halt with its reason, or a union without deletions; never a wrong deletion.
 * Then the way on that the docs name brings both sides together, and nothing that was there before is gone. Each on one machine; with `DRILLS=all`
 * (`npm run proofs:drills`) on either.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDates, createLocalPlace, type Place } from '../acceptance/place.ts';
import { type CliResult, runCli } from '../acceptance/run-cli.ts';
import { list } from '../acceptance/two-roots.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { makeTempFolder, type TempFolder } from '../support/temp.ts';

type Machine = 'laptop' | 'balaur';
const triesAll = process.env['DRILLS'] === 'all';
const machines: readonly Machine[] = ['laptop', 'balaur'];

const pairs = [
  { machine: 'laptop', other: 'balaur' },
  { machine: 'balaur', other: 'laptop' },
] as const;

interface Drill {
  readonly title: string;
  /** Before both are synced for the last time. */
  readonly prepare?: (root: string, world: World) => Promise<void>;
  /** What happens to the root of one machine afterwards. */
  readonly happen: (root: string, world: World, other: string) => Promise<void>;
  /** The code of the halt of a run that the other machine starts, and of one that this machine starts; `union`: it has none. */
  readonly fromOther: string;
  readonly fromHere: string;
  /** What a person does then, and the flags of the run that goes on. */
  readonly mend?: (root: string, world: World) => Promise<void>;
  readonly goesOnWith: readonly string[];
}

const drills: readonly Drill[] = [
  {
    title: '`git clean -fdx` in it',
    happen: async (root) => {
      await git(root, 'init', '-q');
      await git(root, 'add', '-A');
      await git(root, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '-m', 'all');
      await git(root, 'clean', '-fdxq');
      expect(await readdir(root)).not.toContain('.ubos-sync');
    },
    fromOther: 'SYNC_MARKER_MISSING',
    fromHere: 'SYNC_MARKER_MISSING',
    goesOnWith: ['--restore-state'],
  },
  {
    title: 'emptied, but for its state',
    happen: (root) => empty(root, ['.ubos-sync']),
    fromOther: 'SYNC_ROOT_EMPTIED',
    fromHere: 'SYNC_ROOT_EMPTIED',
    mend: (root, world) => cp(world.copyOf(root), root, { recursive: true }),
    goesOnWith: [],
  },
  {
    title: 'emptied, but for its state and a lost+found',
    happen: async (root) => {
      await empty(root, ['.ubos-sync']);
      await mkdir(join(root, 'lost+found'));
    },
    fromOther: 'SYNC_MASS_DELETE',
    fromHere: 'SYNC_MASS_DELETE',
    mend: (root, world) => cp(world.copyOf(root), root, { recursive: true }),
    goesOnWith: [],
  },
  {
    title: 'unmounted: nothing is there',
    happen: (root, world) => rename(root, world.aside),
    fromOther: 'SYNC_ROOT_MISSING',
    fromHere: 'SYNC_ROOT_MISSING',
    mend: (root, world) => rename(world.aside, root),
    goesOnWith: [],
  },
  {
    title: 'unmounted: the folder below it is empty',
    happen: async (root, world) => {
      await rename(root, world.aside);
      await mkdir(root);
    },
    fromOther: 'SYNC_MARKER_MISSING',
    fromHere: 'SYNC_MARKER_MISSING',
    mend: async (root, world) => {
      await rm(root, { recursive: true });
      await rename(world.aside, root);
    },
    goesOnWith: [],
  },
  {
    title: 'a container made anew under the same name, with a new disk',
    happen: async (root, world) => {
      await rm(root, { recursive: true });
      await mkdir(root);
      await world.forgetMirrors();
    },
    fromOther: 'SYNC_MARKER_MISSING',
    fromHere: 'union',
    goesOnWith: ['--rejoin'],
  },
  {
    title: 'that lost its records, as the other one did',
    happen: async (...[root, , other]) => {
      for (const folder of [root, other]) await rm(join(folder, '.ubos-sync/archive'), { recursive: true });
    },
    fromOther: 'SYNC_ARCHIVE_LOST',
    fromHere: 'SYNC_ARCHIVE_LOST',
    goesOnWith: ['--rejoin'],
  },
  {
    title: "restored from last week's copy, state and all",
    prepare: (root, world) => cp(root, world.aside, { recursive: true }),
    happen: async (root, world) => {
      await empty(root, []);
      await cp(world.aside, root, { recursive: true });
    },
    fromOther: 'SYNC_ARCHIVE_LOST',
    fromHere: 'SYNC_ARCHIVE_LOST',
    goesOnWith: ['--rejoin'],
  },
  {
    title: "restored from last week's copy of its files alone",
    prepare: (root, world) => cp(root, world.aside, { recursive: true }),
    happen: async (root, world) => {
      await empty(root, []);
      await cp(world.aside, root, { recursive: true });
      await rm(join(root, '.ubos-sync'), { recursive: true });
    },
    fromOther: 'SYNC_MARKER_MISSING',
    fromHere: 'SYNC_MARKER_MISSING',
    goesOnWith: ['--rejoin'],
  },
  {
    title: 'replaced by a copy of the other one, state and all',
    happen: async (root, _world, other) => {
      await empty(root, []);
      await cp(other, root, { recursive: true });
    },
    fromOther: 'SYNC_PEER_IS_SELF',
    fromHere: 'SYNC_PEER_IS_SELF',
    mend: (root) => rm(join(root, '.ubos-sync'), { recursive: true }),
    goesOnWith: ['--rejoin'],
  },
  {
    title: 'copied with its state, and the copy has synced with the other one since',
    happen: async (root, world) => {
      await cp(root, world.aside, { recursive: true });
      await rm(join(world.aside, 'docs/1.md'));
      await writeFile(join(world.aside, 'of-the-copy.md'), 'made in the copy');
      expect(await world.syncAs(root, world.aside)).toMatchObject({ exitCode: 0 });
    },
    fromOther: 'SYNC_ARCHIVE_LOST',
    fromHere: 'SYNC_ARCHIVE_LOST',
    goesOnWith: ['--rejoin'],
  },
  {
    title: "replaced by another machine's",
    happen: async (root, world) => {
      await rm(root, { recursive: true });
      await cp(await world.stranger(), root, { recursive: true });
    },
    fromOther: 'SYNC_REPLICA_CHANGED',
    fromHere: 'union',
    goesOnWith: ['--rejoin'],
  },
];

interface World {
  /** Where a root may be put aside. */
  readonly aside: string;
  copyOf(root: string): string;
  /** A root that was synced with one that has nothing to do with the two. */
  stranger(): Promise<string>;
  /** A run that the machine of this root starts, with another root. */
  syncAs(root: string, otherRoot: string): Promise<CliResult>;
  forgetMirrors(): Promise<void>;
}

describe('a root', () => {
  let server: TestServer;
  let temp: TempFolder;
  const at = (name: string): string => join(temp.path, name);
  beforeAll(async () => {
    server = await startEmbeddedSshd();
  });
  afterAll(() => server?.close());
  beforeEach(async () => {
    temp = await makeTempFolder('drills');
    for (const machine of machines) await mkdir(at(machine));
  });
  afterEach(() => temp.remove());

  /** That of the far sides, too: a machine has one mirror, whoever starts the run. */
  const stateHome = (): string => join(server.home, '.local/state');

  /** Configs lie outside of the roots, whatever becomes of those. */
  const sync = async (machine: string, peer: string, flags: readonly string[] = [], root = at(machine)): Promise<CliResult> => {
    const config = at(`${machine}.yaml`);
    await writeFile(
      config,
      `version: 1\nself: ${machine}\nlive: true\nroot: ${root}\nnodes:\n  ${peer}: { url: ${JSON.stringify(server.url(at(peer)))} }\ntruth: { exclude: [.git/] }\n`,
    );
    const args = ['truth', '--apply', '--config', config, '-F', server.sshConfigFile, ...flags];
    return runCli(args, { cwd: temp.path, stateHome: stateHome() });
  };

  const world: World = {
    get aside() {
      return at('aside');
    },
    copyOf: (root) => `${root}-copy`,
    async stranger() {
      for (const name of ['stranger', 'friend']) await mkdir(at(name));
      await createLocalPlace(at('stranger'), createDates()).write('strange.md', 'of another machine');
      expect(await sync('stranger', 'friend')).toMatchObject({ exitCode: 0 });
      return at('stranger');
    },
    syncAs: (root, otherRoot) => {
      const [machine, peer] = root === at('laptop') ? (['laptop', 'balaur'] as const) : (['balaur', 'laptop'] as const);
      return sync(machine, peer, [], otherRoot);
    },
    async forgetMirrors() {
      await rm(stateHome(), { recursive: true });
    },
  };

  /** Files of each machine, with their contents. Empty for a root that is not there. */
  const filesOf = async (machine: Machine): Promise<readonly string[]> =>
    (await list(at(machine)).catch(() => '')).split('\n').filter((line) => /^[0-9a-f]{64} /.test(line) && !line.includes(' ./.git/'));

  const bothFiles = async (): Promise<Record<Machine, readonly string[]>> => ({ laptop: await filesOf('laptop'), balaur: await filesOf('balaur') });

  for (const [index, { title, prepare, happen, fromOther, fromHere, mend, goesOnWith }] of drills.entries()) {
    it.each(pairs.filter((_, at) => triesAll || at === index % 2))(`${title}, on $machine`, { timeout: 300_000 }, async ({ machine, other }) => {
      const places: Record<Machine, Place> = { laptop: createLocalPlace(at('laptop')), balaur: createLocalPlace(at('balaur')) };
      for (let index = 0; index < 24; index++) await places.laptop.write(`docs/${index}.md`, `document ${index}`);
      await places.balaur.write('old.md', 'of last week');
      expect(await sync(machine, other)).toMatchObject({ exitCode: 0 });
      await prepare?.(at(machine), world);
      await places[other].remove('old.md');
      await places[other].write('new.md', 'of this week');
      await places[other].write('docs/0.md', 'edited this week');
      expect(await sync(other, machine)).toMatchObject({ exitCode: 0 });
      await cp(at(machine), world.copyOf(at(machine)), { recursive: true });
      await happen(at(machine), world, at(other));
      // Not synced yet: what a wrong run would hurt first.
      await places[other].write('fresh.md', 'of today');

      const before = await bothFiles();
      for (const [starter, peer, expected] of [
        [other, machine, fromOther],
        [machine, other, fromHere],
      ] as const) {
        const { exitCode, stdout, stderr } = await sync(starter, peer);
        const text = `from ${starter}:\n${stdout}${stderr}`;
        const after = await bothFiles();
        if (expected === 'union') expect(exitCode, text).toBeLessThan(2);
        else {
          expect(exitCode, text).toBe(3);
          expect(text).toContain(`code: ${expected}\n`);
          expect(after).toEqual(before);
        }
        for (const side of machines) expect(after[side], text).toEqual(expect.arrayContaining([...before[side]]));
      }

      await mend?.(at(machine), world);
      const mended = await bothFiles();
      const goesOn = await sync(other, machine, [...goesOnWith, '--first', 'local']);
      expect(goesOn, goesOn.stdout + goesOn.stderr).toMatchObject({ exitCode: 0 });
      const done = await bothFiles();
      expect(done.laptop).toEqual(done.balaur);
      expect(done[other]).toEqual(expect.arrayContaining([...mended[other]]));
      expect(done[other].map(nameOf)).toEqual(expect.arrayContaining(mended[machine].map(nameOf)));
      expect((await sync(machine, other)).stdout).toMatch(/^Nothing to do: /);
    });
  }
});

function nameOf(line: string): string {
  return line.slice(line.indexOf(' '));
}

async function empty(root: string, except: readonly string[]): Promise<void> {
  for (const name of await readdir(root)) if (!except.includes(name)) await rm(join(root, name), { recursive: true });
}

async function git(root: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)('git', args, { cwd: root });
}
