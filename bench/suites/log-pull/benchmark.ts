import { appendFileSync, closeSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fullMissionLog, generateMissionLog, missionLogOf, writeMissionLog } from '../../generate/mission-log.ts';
import type { Bench } from '../../harness/bench.ts';
import { run } from '../../harness/peers.ts';
import { type CaseResult, type Contender, runRounds } from '../../harness/rounds.ts';

const tailBytes = 1_000_000;

/** See README.md beside this file. */
export async function benchLogPull(bench: Bench): Promise<readonly CaseResult[]> {
  const size = bench.full ? fullMissionLog : missionLogOf(64_000_000);
  const rivals = createRivals(bench);
  for (const rival of rivals) writeMissionLog(rival.source, size);
  let lines = size.lines;
  const tail = (): Buffer => {
    const pieces = [...generateMissionLog(missionLogOf(tailBytes), { firstLine: lines })];
    lines += missionLogOf(tailBytes).lines;
    return Buffer.concat(pieces);
  };
  const measure = (name: string, workload: string, prepare: (rival: Rival) => void): Promise<CaseResult> =>
    runRounds(
      { suite: 'log-pull', name, workload },
      rivals.map((rival) => contenderOf(rival, prepare)),
      bench.rounds,
      bench.log,
    );

  const results = [
    await measure('initial', `${size.bytes.toLocaleString('en')} bytes, ${size.lines.toLocaleString('en')} lines, loopback, cold`, (rival) =>
      rival.forget(),
    ),
    await measure('tail', '1 MB appended to it, cold', (rival) => appendFileSync(rival.source, tail())),
    await measure('nothing-new', 'nothing appended, cold', () => {}),
  ];
  // The same logs through a link as between two towns: what is left is round trips and bytes.
  const slow = { ...bench, server: await bench.openSlow({ roundTripMs: 50, bitsPerSecond: 100_000_000 }) };
  const far = createRivals(slow, ['-z']);
  results.push(
    await runRounds(
      { suite: 'log-pull', name: 'tail-slow', workload: '1 MB appended to it, 100 Mbit, RTT 50, cold' },
      far.map((rival) => contenderOf(rival, () => appendFileSync(rival.source, tail()))),
      bench.rounds,
      bench.log,
    ),
  );
  for (const rival of rivals) rmSync(rival.folder, { recursive: true });
  return results;
}

function createRivals(bench: Bench, rsyncOptions: readonly string[] = []): readonly Rival[] {
  return [createOurs(bench), ...(bench.peers.rsync === undefined ? [] : [createRsync(bench, rsyncOptions)])];
}

/** One who pulls a log of its own from a source of its own, so that each finds the same to do in each round. */
interface Rival {
  readonly name: string;
  readonly folder: string;
  readonly source: string;
  readonly target: string;
  pull(): Promise<void>;
  /** Back to the state before the first pull. */
  forget(): void;
}

function contenderOf(rival: Rival, prepare: (rival: Rival) => void): Contender {
  return {
    name: rival.name,
    prepare: async () => prepare(rival),
    run: () => rival.pull(),
    verify: async () => assertSameFile(rival.source, rival.target),
  };
}

function createOurs(bench: Bench): Rival {
  const folder = bench.makeFolder('log-ours');
  const far = join(folder, 'far');
  const state = join(folder, 'state');
  const near = join(folder, 'near');
  for (const root of [far, near]) mkdirSync(join(root, 'logs'), { recursive: true });
  const config = join(near, 'ubos-sync.yaml');
  writeFileSync(
    config,
    `version: 1\nself: near\nlive: true\nnodes:\n  far: { url: ${JSON.stringify(bench.server.url(far))} }\nlogs:\n  - { from: logs/mission.jsonl, to: logs/mission.jsonl }\n`,
  );
  return {
    name: 'ubos-sync',
    folder,
    source: join(far, 'logs', 'mission.jsonl'),
    target: join(near, 'logs', 'mission.jsonl'),
    async pull() {
      await run(process.execPath, [bench.cli, '--config', config, '--quiet', 'logs', '-F', bench.server.sshConfigFile], {
        env: { XDG_STATE_HOME: state },
      });
    },
    forget() {
      rmSync(join(near, 'logs', 'mission.jsonl'), { force: true });
      rmSync(join(near, '.ubos-sync'), { recursive: true, force: true });
    },
  };
}

function createRsync(bench: Bench, options: readonly string[]): Rival {
  const folder = bench.makeFolder('log-rsync');
  const source = join(folder, 'mission.jsonl');
  const target = join(folder, 'pulled.jsonl');
  return {
    name: ['rsync --append', ...options].join(' '),
    folder,
    source,
    target,
    async pull() {
      await run('rsync', ['--append', ...options, '-e', `ssh -F ${bench.server.sshConfigFile}`, `${bench.server.alias}:${source}`, target]);
    },
    forget: () => rmSync(target, { force: true }),
  };
}

function assertSameFile(one: string, other: string): void {
  if (statSync(one).size !== statSync(other).size) throw new Error(`${other} has ${statSync(other).size} bytes, ${one} has ${statSync(one).size}`);
  const files = [openSync(one, 'r'), openSync(other, 'r')] as const;
  const buffers = [Buffer.alloc(4 * 1024 ** 2), Buffer.alloc(4 * 1024 ** 2)] as const;
  try {
    for (let at = 0; ; ) {
      const [left, right] = [readSync(files[0], buffers[0], 0, buffers[0].length, at), readSync(files[1], buffers[1], 0, buffers[1].length, at)];
      if (left !== right || buffers[0].compare(buffers[1], 0, right, 0, left) !== 0) throw new Error(`${one} and ${other} differ after byte ${at}`);
      if (left === 0) return;
      at += left;
    }
  } finally {
    files.forEach(closeSync);
  }
}
