/**
 * Benchmarks, beside the rivals that are on this machine.
 *
 *     npm run bench                      small sizes
 *     npm run bench -- --full            the sizes of the published figures
 *     npm run bench -- --suite log-pull --rounds 7 --disk
 *     npm run bench -- --suite tree-sync --files 10000
 *     npm run bench -- --suite reconcile
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Bench, openBench } from './harness/bench.ts';
import type { CaseResult } from './harness/rounds.ts';
import { toMarkdown } from './harness/table.ts';
import { benchFollow } from './suites/follow/benchmark.ts';
import { benchLogPull } from './suites/log-pull/benchmark.ts';
import { benchReconcile } from './suites/reconcile/benchmark.ts';
import { benchTreeSync } from './suites/tree-sync/benchmark.ts';

const suites: Readonly<Record<string, (bench: Bench) => Promise<readonly CaseResult[]>>> = {
  follow: benchFollow,
  'log-pull': benchLogPull,
  reconcile: benchReconcile,
  'tree-sync': benchTreeSync,
};

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    disk: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    suite: { type: 'string', multiple: true },
    files: { type: 'string' },
  },
});

const chosen = values.suite ?? Object.keys(suites);
const unknown = chosen.filter((name) => !(name in suites));
if (unknown.length > 0) throw new Error(`no suite named ${unknown.join(', ')}; there are ${Object.keys(suites).join(', ')}`);

const bench = await openBench({
  full: values.full,
  rounds: Number(values.rounds),
  onDisk: values.disk,
  files: values.files === undefined ? undefined : Number(values.files),
});
try {
  const results: CaseResult[] = [];
  for (const name of chosen) results.push(...((await suites[name]?.(bench)) ?? []));
  const machine = { platform: process.platform, cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, peers: bench.peers };
  const table = toMarkdown(results);
  const folder = join(process.env['UBOS_SYNC_CHECKOUT'] ?? process.cwd(), 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const stamp = new Date().toISOString().replaceAll(':', '-');
  writeFileSync(join(folder, `${stamp}.json`), `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
  writeFileSync(join(folder, `${stamp}.md`), table);
  process.stdout.write(`${table}\n${JSON.stringify(machine)}\n`);
  for (const [name, version] of Object.entries(bench.peers))
    if (version === undefined) process.stdout.write(`not on this machine, so not compared: ${name}\n`);
} finally {
  await bench.close();
}
