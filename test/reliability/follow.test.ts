/**
 * Logs that are followed while they are written and rotated, and while agent, follower and server child are killed in turn. `FOLLOWS=100`
 * (`npm run proofs:follow`): so many rotations and kills, at 10,000 lines a second; otherwise a sample at 2,000.
 */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fine } from '../acceptance/fine.ts';
import { EndedBySignal } from '../acceptance/run-cli.ts';
import { openTwoRoots, type TwoRoots } from '../acceptance/two-roots.ts';
import { findAgents } from '../support/agent-processes.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { runsOpenSsh } from '../support/servers.ts';
import { startSshd } from '../support/sshd.ts';
import type { TestServer } from '../support/sshd-files.ts';

const rotations = Number(process.env['FOLLOWS'] ?? 6);
const linesPerSecond = process.env['FOLLOWS'] === undefined ? 2_000 : 10_000;
const timeout = 36_000_000;

/** Writes numbered lines, renames the log as logrotate does, and says so; at the end how many lines there were. */
const writer = `
const fs = require('node:fs');
const [path, rotations, linesPerSecond] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
let count = 1, rotated = 0, ticks = 0;
const timer = setInterval(() => {
  let text = '';
  for (let each = 0; each < linesPerSecond / 100; each++) text += JSON.stringify({ ts: new Date().toISOString(), n: count++, text: 'x'.repeat(count % 90) }) + '\\n';
  fs.appendFileSync(path, text);
  if (++ticks % 80 !== 0) return;
  if (rotated === rotations) {
    clearInterval(timer);
    console.log('lines ' + count);
    return;
  }
  for (let number = rotated; number >= 1; number--) fs.renameSync(path + '.' + number, path + '.' + (number + 1));
  fs.renameSync(path, path + '.1');
  rotated++;
  console.log('rotated');
}, 10);
`;

describe.skipIf(process.platform !== 'linux')(`a log of ${linesPerSecond} lines a second that is followed`, () => {
  let server: TestServer;
  let world: TwoRoots;
  beforeAll(async () => {
    server = await (runsOpenSsh ? startSshd() : startEmbeddedSshd());
    world = await openTwoRoots({ server, config: 'logs:\n  - { from: logs/a.jsonl, to: logs/a.jsonl }\n' });
    await world.there.write('logs/a.jsonl', '{"n":0}\n');
    await fine(world.sync(['logs']));
  });
  afterAll(async () => {
    await world?.close();
    await server?.close();
  });

  it(`comes whole and in order through ${rotations} rotations, with agent, follower and connection killed in turn`, { timeout }, async () => {
    let isOver = false;
    /** Of the process that has said something, and so listens to signals. */
    let killFollower: ((signal: NodeJS.Signals) => void) | undefined;
    const follow = async (): Promise<number> => {
      for (;;) {
        killFollower = undefined;
        try {
          const { exitCode } = await world.sync(['logs', '--follow', '--json'], { onOutput: (_, kill) => (killFollower = kill) });
          return exitCode;
        } catch (error) {
          if (!(error instanceof EndedBySignal) || isOver) throw error;
        }
      }
    };
    const followed = follow();
    const killed = { agents: 0, followers: 0, connections: 0 };
    const writing = spawn(process.execPath, ['-e', writer, join(world.there.root, 'logs', 'a.jsonl'), String(rotations), String(linesPerSecond)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let lines = 0;
    let rotated = 0;
    for await (const text of createInterface({ input: writing.stdout })) {
      if (text.startsWith('lines ')) lines = Number(text.slice(6));
      else if (rotated++ % 3 === 1) {
        killFollower?.('SIGKILL');
        killed.followers++;
      } else {
        for (const agent of findAgents(server.home)) {
          const pid = rotated % 3 === 0 ? await serverOf(agent) : agent;
          process.kill(pid, 'SIGKILL');
          if (pid === agent) killed.agents++;
          else killed.connections++;
        }
      }
    }
    while (killFollower === undefined) await delay(10);
    isOver = true;
    killFollower('SIGINT');
    expect(await followed).toBe(3);
    await fine(world.sync(['logs']));
    const here = await collected(join(world.here.root, 'logs'));
    const numbers = here
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { readonly n: number }).n);
    expect(numbers.length).toBe(lines);
    expect(numbers.findIndex((number, index) => number !== index)).toBe(-1);
    process.stdout.write(`${lines} lines, ${rotations} rotations, killed over ${server.alias}: ${JSON.stringify(killed)}\n`);
  });

  it('is printed for a pipe, from where the copy ends, and nothing else goes to stdout', async () => {
    await world.there.append('logs/a.jsonl', '{"printed":1}\n');
    let isStopped = false;
    const { exitCode, stdout: printed } = await world.sync(['logs', '--follow', 'a', '--print', '--since-cursor'], {
      onOutput(text, kill) {
        if (isStopped || !text.includes('{"printed":1}\n')) return;
        isStopped = true;
        kill('SIGINT');
      },
    });
    expect(exitCode).toBe(3);
    expect(printed).toBe('{"printed":1}\n');
  });
});

/** The server's process for the connection that an agent serves; the agent itself, where the server is none of its own. */
async function serverOf(agent: number): Promise<number> {
  for (let pid = agent; pid > 1; ) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    if (/^Name:\tsshd/m.test(status)) return pid;
    pid = Number(/^PPid:\t(\d+)/m.exec(status)?.[1]);
  }
  return agent;
}

/** All that is here, in the order of the generations. */
async function collected(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('a.jsonl'));
  const numberOf = (name: string): number => Number(/\.g(\d+)$/.exec(name)?.[1] ?? Number.MAX_SAFE_INTEGER);
  names.sort((a, b) => numberOf(a) - numberOf(b));
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}
