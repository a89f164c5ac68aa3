import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type LogSink, pullLog } from '@ubos/sync-core';
import { createFsLogSink, systemClock } from '@ubos/sync-core/fs';
import { connectSsh } from '@ubos/sync-transport-ssh';
import type { Bench } from '../../harness/bench.ts';
import type { CaseResult } from '../../harness/rounds.ts';

const lineBytes = 250;
const linesPerSecond = 10_000;

/** See README.md beside this file. */
export async function benchFollow(bench: Bench): Promise<readonly CaseResult[]> {
  const seconds = bench.full ? 60 : 5;
  const rivals: readonly Rival[] = [createOurs(bench), createTail(bench)];
  const latencies = rivals.map((): { p50: number[]; p99: number[] } => ({ p50: [], p99: [] }));
  for (let round = 0; round < bench.rounds; round++) {
    const order = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const index of order) {
      const rival = rivals[index] as Rival;
      const folder = bench.makeFolderOnDisk(`follow-${index}-${round}`);
      const found = (await runRound(rival, folder, seconds)).sort((a, b) => a - b);
      const [p50 = 0, p99 = 0] = [0.5, 0.99].map((share) => found[Math.floor(found.length * share)]);
      latencies[index]?.p50.push(p50 / 1000);
      latencies[index]?.p99.push(p99 / 1000);
      bench.log(`follow round ${round + 1} ${rival.name}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, most ${found.at(-1)?.toFixed(1)} ms`);
    }
  }
  return (['p50', 'p99'] as const).map((share) => ({
    suite: 'follow',
    name: share,
    workload: `${linesPerSecond.toLocaleString('en')} lines a second for ${seconds} s, loopback: from the write until it is here`,
    rounds: bench.rounds,
    contenders: rivals.map(({ name }, index) => ({
      name,
      seconds: latencies[index]?.[share] ?? [],
      ratios: index === 0 ? [] : (latencies[0]?.[share] ?? []).map((own, round) => own / (latencies[index]?.[share][round] ?? Number.NaN)),
    })),
  }));
}

interface Rival {
  readonly name: string;
  /** Follows the log until it is stopped. `onHere`: so many bytes of it are here now. Resolves once it is ready. */
  follow(folder: string, onHere: (bytes: number) => void): Promise<{ stop(): Promise<void> }>;
}

/** How long each line was under way, in milliseconds. */
async function runRound(rival: Rival, folder: string, seconds: number): Promise<number[]> {
  const log = join(folder, 'far', 'logs', 'a.jsonl');
  mkdirSync(join(folder, 'far', 'logs'), { recursive: true });
  writeFileSync(log, '');
  const here: { readonly bytes: number; readonly atMs: number }[] = [];
  let hereBytes = 0;
  let onAll = (): void => {};
  const totalBytes = seconds * linesPerSecond * lineBytes;
  const all = new Promise<void>((done) => {
    onAll = done;
  });
  const following = await rival.follow(folder, (bytes) => {
    here.push({ bytes, atMs: performance.timeOrigin + performance.now() });
    hereBytes = bytes;
    if (hereBytes >= totalBytes) onAll();
  });
  const writing = spawn(process.execPath, ['-e', writer, log, String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  await ended(writing);
  await all;
  await following.stop();
  const written = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  const found: number[] = [];
  let arrival = 0;
  for (const [index, line] of written.entries()) {
    const { n, at } = JSON.parse(line) as { readonly n: number; readonly at: number };
    if (n !== index) throw new Error(`line ${index} of ${log} is ${n}`);
    while ((here[arrival]?.bytes ?? Number.POSITIVE_INFINITY) < (index + 1) * lineBytes) arrival++;
    found.push((here[arrival]?.atMs ?? Number.NaN) - at);
  }
  return found;
}

/** Lines of one length, so that their number says where they stand; each with the time at which it was written. */
const writer = `
const fs = require('node:fs');
const file = fs.openSync(process.argv[1], 'a');
const total = Number(process.argv[2]) * ${linesPerSecond};
const begun = performance.now();
let n = 0;
const timer = setInterval(() => {
  const due = Math.min(total, Math.floor((performance.now() - begun) * ${linesPerSecond / 1000}));
  while (n < due) {
    let text = '';
    const at = (performance.timeOrigin + performance.now()).toFixed(3);
    for (let each = 0; each < 10 && n < due; each++, n++) text += ('{"n":' + n + ',"at":' + at + ',"text":"').padEnd(${lineBytes - 3}, 'x') + '"}\\n';
    fs.writeSync(file, text);
  }
  if (n === total) clearInterval(timer);
}, 1);
`;

function createOurs(bench: Bench): Rival {
  return {
    name: 'ubos-sync (durable)',
    async follow(folder, onHere) {
      const connection = await connectSsh(bench.server.url(join(folder, 'far')), { configFile: bench.server.sshConfigFile });
      const sink = await createFsLogSink(join(folder, 'near.jsonl'));
      const stopping = new AbortController();
      let onReady = (): void => {};
      const ready = new Promise<void>((done) => {
        onReady = done;
      });
      const following = pullLog({
        source: connection.log('logs/a.jsonl'),
        sink: tellingSink(sink, onHere),
        follow: true,
        clock: systemClock,
        signal: stopping.signal,
        onReport: () => onReady(),
      }).catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
      await Promise.race([ready, following]);
      return {
        async stop() {
          stopping.abort();
          await following;
          await connection.close();
          if (!readFileSync(join(folder, 'near.jsonl')).equals(readFileSync(join(folder, 'far', 'logs', 'a.jsonl'))))
            throw new Error(`${folder}: the copy is not the log`);
        },
      };
    },
  };
}

/** Says how many bytes are durable. */
function tellingSink(sink: LogSink, onDurable: (bytes: number) => void): LogSink {
  return {
    ...sink,
    async open(options) {
      const log = await sink.open(options);
      const { append, sync } = log;
      let appended = 0;
      return Object.defineProperties(
        {},
        {
          ...Object.getOwnPropertyDescriptors(log),
          append: {
            value(bytes: Uint8Array) {
              append(bytes);
              appended += bytes.length;
            },
          },
          sync: {
            async value(progress: Parameters<typeof sync>[0]) {
              const before = appended;
              await sync(progress);
              onDurable(before);
            },
          },
        },
      ) as typeof log;
    },
  };
}

function createTail(bench: Bench): Rival {
  return {
    name: 'ssh tail -F (not kept)',
    async follow(folder, onHere) {
      const path = join(folder, 'far', 'logs', 'a.jsonl');
      const child = spawn('ssh', ['-F', bench.server.sshConfigFile, bench.server.alias, `echo ready >&2; tail -n +1 -F ${path}`], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let bytes = 0;
      child.stdout.on('data', (piece: Buffer) => {
        bytes += piece.length;
        onHere(bytes);
      });
      for await (const line of createInterface({ input: child.stderr })) if (line === 'ready') break;
      return {
        async stop() {
          child.kill();
          await ended(child);
        },
      };
    },
  };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((done) => (child.exitCode === null && child.signalCode === null ? child.once('close', () => done()) : done()));
}
