import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fullTree, type TreeSize, touchTree, treeOf, writeTree } from '../../generate/trees.ts';
import type { Bench } from '../../harness/bench.ts';
import { run } from '../../harness/peers.ts';
import { type CaseResult, type Contender, runRounds } from '../../harness/rounds.ts';

/** See README.md beside this file. */
export async function benchTreeSync(bench: Bench): Promise<readonly CaseResult[]> {
  const results: CaseResult[] = [];
  for (const size of bench.files !== undefined ? [treeOf(bench.files)] : bench.full ? [treeOf(10_000), fullTree] : [treeOf(2_000)])
    results.push(...(await benchTree(bench, size)), ...(await benchDurability(bench, size)));
  return results;
}

async function benchTree(bench: Bench, size: TreeSize): Promise<readonly CaseResult[]> {
  const rivals = createRivals(bench);
  const paths = rivals.map((rival) => writeTree(rival.near, size))[0] ?? [];
  const what = `${size.files.toLocaleString('en')} files`;
  let round = 0;
  const measure = (name: string, workload: string, prepare: (rival: Rival) => void): Promise<CaseResult> =>
    runRounds(
      { suite: 'tree-sync', name, workload },
      rivals.map((rival) => contenderOf(rival, prepare)),
      bench.rounds,
      bench.log,
    );
  const results = [
    await measure(
      'first',
      `${what}, ${size.folders.toLocaleString('en')} folders, ${Math.round(size.bytes / 1e6)} MB into an empty root, cold`,
      (rival) => rival.forget(),
    ),
    await measure('nothing-to-do', `${what}, cold`, () => {}),
    await measure('100-changed', `100 of ${what} changed, cold`, (rival) => touchTree(rival.near, paths, 100, Math.floor(round++ / rivals.length))),
  ];
  // The same roots through a link as between two towns: what is left is round trips.
  const far = createRivals({ ...bench, server: await bench.openSlow({ roundTripMs: 50 }) });
  for (const rival of far) await rival.sync();
  results.push(
    await runRounds(
      { suite: 'tree-sync', name: 'nothing-to-do-slow', workload: `${what}, RTT 50, cold` },
      far.map((rival) => contenderOf(rival, () => {})),
      bench.rounds,
      bench.log,
    ),
  );
  for (const rival of rivals) rmSync(rival.folder, { recursive: true });
  return results;
}

/** What it costs to wait for the disk. */
async function benchDurability(bench: Bench, size: TreeSize): Promise<readonly CaseResult[]> {
  const onDisk: Bench = { ...bench, makeFolder: (name) => bench.makeFolderOnDisk(name) };
  const rivals = [
    createOurs(onDisk, 'full'),
    createOurs(onDisk, 'fast'),
    ...(bench.peers.rsync === undefined ? [] : [createRsync(onDisk, ['--fsync']), createRsync(onDisk)]),
  ];
  const paths = rivals.map((rival) => writeTree(rival.near, size))[0] ?? [];
  const what = `${size.files.toLocaleString('en')} files, on a disk, cold`;
  let round = 0;
  const measure = (name: string, workload: string, prepare: (rival: Rival) => void): Promise<CaseResult> =>
    runRounds(
      { suite: 'tree-sync', name, workload },
      rivals.map((rival) =>
        contenderOf(rival, (given) => {
          prepare(given);
          // What those before have left to be written is not to be waited for by whoever comes next.
          spawnSync('sync');
        }),
      ),
      bench.rounds,
      bench.log,
    );
  const results = [
    await measure('first-durable', what, (rival) => rival.forget()),
    await measure('100-changed-durable', `100 of ${what}`, (rival) => touchTree(rival.near, paths, 100, Math.floor(round++ / rivals.length))),
  ];
  for (const rival of rivals) rmSync(rival.folder, { recursive: true });
  return results;
}

/** The same folders each time, whatever link leads to them. */
function createRivals(bench: Bench): readonly Rival[] {
  return [
    createOurs(bench),
    ...(bench.peers.rsync === undefined ? [] : [createRsync(bench)]),
    ...(bench.peers.unison === undefined ? [] : [createUnison(bench)]),
  ];
}

/** One who synchronises a tree of its own to a root of its own. */
interface Rival {
  readonly name: string;
  readonly folder: string;
  readonly near: string;
  readonly far: string;
  sync(): Promise<void>;
  /** Back to the state before the first sync. */
  forget(): void;
}

function contenderOf(rival: Rival, prepare: (rival: Rival) => void): Contender {
  return {
    name: rival.name,
    prepare: async () => prepare(rival),
    run: () => rival.sync(),
    // What belongs to the synchronisers themselves is no part of the tree.
    verify: async () => void (await run('diff', ['-r', '--exclude=.ubos-sync', '--exclude=ubos-sync.yaml', '--exclude=logs', rival.near, rival.far])),
  };
}

function createOurs(bench: Bench, durability?: 'full' | 'fast'): Rival {
  const roots = makeRoots(bench, durability === undefined ? 'tree-ours' : `tree-ours-${durability}`);
  const state = join(roots.folder, 'state');
  const config = join(roots.near, 'ubos-sync.yaml');
  const writeConfig = (): void =>
    writeFileSync(
      config,
      `version: 1\nself: near\nlive: true\n${durability === undefined ? '' : `durability: ${durability}\n`}nodes:\n  far: { url: ${JSON.stringify(bench.server.url(roots.far))} }\n`,
    );
  writeConfig();
  return {
    name: durability === undefined ? 'ubos-sync' : `ubos-sync, ${durability}`,
    ...roots,
    async sync() {
      await run(process.execPath, [bench.cli, '--config', config, '--quiet', 'truth', '--apply', '-F', bench.server.sshConfigFile], {
        env: { XDG_STATE_HOME: state },
      });
    },
    forget() {
      emptyRoot(roots.far);
      rmSync(join(roots.near, '.ubos-sync'), { recursive: true, force: true });
      rmSync(join(roots.near, 'logs', 'sync'), { recursive: true, force: true });
      // Each end remembers outside of its root that the root was synced.
      rmSync(state, { recursive: true, force: true });
      rmSync(join(bench.server.home, '.local', 'state'), { recursive: true, force: true });
    },
  };
}

function createRsync(bench: Bench, more: readonly string[] = []): Rival {
  const options = ['-a', '--delete', ...more];
  const roots = makeRoots(bench, ['tree-rsync', ...more].join(''));
  return {
    name: `rsync ${options.join(' ')}`,
    ...roots,
    async sync() {
      await run('rsync', [...options, '-e', `ssh -F ${bench.server.sshConfigFile}`, `${roots.near}/`, `${bench.server.alias}:${roots.far}/`]);
    },
    forget: () => emptyRoot(roots.far),
  };
}

function createUnison(bench: Bench): Rival {
  const roots = makeRoots(bench, 'tree-unison');
  const state = join(roots.folder, 'state');
  mkdirSync(state, { recursive: true });
  return {
    name: 'unison -batch',
    ...roots,
    async sync() {
      const args = [
        roots.near,
        `ssh://${bench.server.alias}/${roots.far}`,
        '-batch',
        '-auto',
        '-times',
        '-perms',
        '-1',
        '-confirmbigdel=false',
        '-silent',
        '-sshargs',
        `-F ${bench.server.sshConfigFile}`,
      ];
      await run('unison', args, { env: { UNISON: state } });
    },
    forget() {
      emptyRoot(roots.far);
      rmSync(join(bench.server.home, '.unison'), { recursive: true, force: true });
      emptyRoot(state);
    },
  };
}

function makeRoots(bench: Bench, name: string): { readonly folder: string; readonly near: string; readonly far: string } {
  const folder = bench.makeFolder(name);
  const roots = { folder, near: join(folder, 'near'), far: join(folder, 'far') };
  mkdirSync(roots.near, { recursive: true });
  mkdirSync(roots.far, { recursive: true });
  return roots;
}

function emptyRoot(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
}
