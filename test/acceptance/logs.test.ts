/** What can become of a log between two pulls, all of it over the wire: each outcome has its log, and one run pulls them all. */
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import type { CliResult } from './run-cli.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

interface Case {
  readonly title: string;
  /** Keys of the log's rule in the config. */
  readonly rule?: string;
  /** What happens between the two pulls, on the server unless it is said otherwise; `log` is its path. */
  readonly between: (world: TwoRoots, log: string) => Promise<void>;
  readonly outcome: string;
  readonly more?: Readonly<Record<string, unknown>>;
  /** What is here afterwards: the copies of generations that are over, then the current one. */
  readonly here: readonly string[];
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `{"ts":"2026-11-22T00:00:00Z","n":${from + index}}\n`).join('');
/** Every log begins so, and has been pulled once. */
const first = lines(0, 5);

const move = (world: TwoRoots, from: string, to: string): Promise<void> => rename(join(world.there.root, from), join(world.there.root, to));
const rotate = async (world: TwoRoots, log: string, next: string, ending = '.1'): Promise<void> => {
  await move(world, log, `${log}${ending}`);
  await world.there.write(log, next);
};

const cases: readonly Case[] = [
  { title: 'quiet', between: async () => undefined, outcome: 'up-to-date', here: [first] },
  {
    title: 'grown',
    between: (world, log) => world.there.append(log, `${lines(5, 8)}{"n":`),
    outcome: 'appended',
    more: { lines: 3, malformed: 0, lastTimestamp: '2026-11-22T00:00:00Z' },
    here: [lines(0, 8)],
  },
  {
    title: 'adopted',
    between: async (world, log) => {
      await world.here.remove(`.ubos-sync/logs/${encodeURIComponent(log)}`);
      await world.here.write(log, first.slice(0, 100));
    },
    outcome: 'adopted',
    here: [first],
  },
  {
    title: 'renamed',
    between: async (world, log) => {
      await world.there.append(log, lines(5, 7));
      await rotate(world, log, lines(7, 9));
    },
    outcome: 'rotated',
    more: { lines: 4, gap: null },
    here: [lines(0, 7), lines(7, 9)],
  },
  {
    title: 'renamed-in-one',
    rule: ', onRotate: concatenate',
    between: async (world, log) => {
      await world.there.append(log, lines(5, 7));
      await rotate(world, log, lines(7, 9));
    },
    outcome: 'rotated',
    here: [lines(0, 9)],
  },
  {
    title: 'renamed-thrice',
    between: async (world, log) => {
      for (const [index, day] of ['-20261120', '-20261121', '-20261122'].entries()) await rotate(world, log, lines(5 + index, 6 + index), day);
    },
    outcome: 'rotated',
    more: { lines: 3 },
    here: [first, lines(5, 6), lines(6, 7), lines(7, 8)],
  },
  {
    title: 'renamed-and-empty',
    between: async (world, log) => {
      await world.there.append(log, lines(5, 6));
      await rotate(world, log, '');
    },
    outcome: 'appended',
    here: [lines(0, 6)],
  },
  {
    title: 'copied',
    between: async (world, log) => {
      await world.there.append(log, lines(5, 7));
      await world.there.write(`${log}.1`, lines(0, 7));
      await world.there.write(log, lines(7, 8));
    },
    outcome: 'copy-truncated',
    more: { gap: 'copied', lines: 3 },
    here: [lines(0, 7), lines(7, 8)],
  },
  {
    title: 'packed',
    between: async (world, log) => {
      await rotate(world, log, lines(5, 6), '.1.gz');
    },
    outcome: 'truncated',
    more: { unread: ['packed.jsonl.1.gz'] },
    here: [first],
  },
  { title: 'cut', between: (world, log) => world.there.write(log, lines(0, 3)), outcome: 'truncated', here: [first] },
  { title: 'refilled', between: (world, log) => world.there.write(log, lines(50, 60)), outcome: 'forked', here: [first] },
  {
    title: 'refilled-to-the-same-size',
    between: (world, log) => world.there.write(log, first.replaceAll('2026', '2027')),
    outcome: 'forked',
    here: [first],
  },
  { title: 'beheaded', between: (world, log) => world.there.write(log, lines(1, 9)), outcome: 'forked', here: [first] },
  {
    title: 'one-byte',
    between: (world, log) => world.there.write(log, `${first.replace('"n":2', '"n":7')}${lines(5, 6)}`),
    outcome: 'forked',
    here: [first],
  },
  {
    title: 'begun-anew',
    rule: ', onFork: keep-and-restart',
    between: (world, log) => world.there.write(log, lines(50, 52)),
    outcome: 'truncated',
    more: { gap: 'unknown', lines: 2 },
    here: [first, lines(50, 52)],
  },
  { title: 'edited-here', between: (world, log) => world.here.append(log, 'mine\n'), outcome: 'local-changed', here: [`${first}mine\n`] },
  { title: 'gone', between: (world, log) => world.there.remove(log), outcome: 'missing', here: [first] },
];

const pathOf = ({ title }: Case): string => `logs/${title}.jsonl`;
const config = `logs:\n${cases.map((each) => `  - { from: ${pathOf(each)}, to: ${pathOf(each)}${each.rule ?? ''} }\n`).join('')}`;

for (const { title: server, start, skip } of servers) {
  describe.skipIf(skip)(`logs over ${server}`, () => {
    let sshd: TestServer;
    let world: TwoRoots;
    let dry: readonly LogLine[];
    let result: CliResult;
    let found: readonly LogLine[];
    let again: readonly LogLine[];
    beforeAll(async () => {
      sshd = await start();
      world = await openTwoRoots({ server: sshd, config });
      for (const each of cases) await world.there.write(pathOf(each), first);
      expect((await world.sync(['logs'])).exitCode).toBe(0);
      for (const each of cases) await each.between(world, pathOf(each));
      dry = linesOf(await world.sync(['logs', '--dry-run', '--json']));
      result = await world.sync(['logs', '--json']);
      found = linesOf(result);
      again = linesOf(await world.sync(['logs', '--json', '--verify', 'full']));
    });
    afterAll(async () => {
      await world?.close();
      await sshd?.close();
    });

    it('the exit code says that some need a person', () => {
      expect(result.exitCode).toBe(1);
      expect(found.map(({ name }) => name)).toEqual(cases.map(pathOf));
    });

    for (const [index, each] of cases.entries()) {
      it(`${each.title}: ${each.outcome}`, async () => {
        expect(found[index]).toMatchObject({ outcome: each.outcome, ...each.more });
        expect(dry[index]?.outcome).toBe(each.outcome);
        expect(await generationsHere(world, each.title)).toEqual(each.here);
        const isLeftAlone = ['truncated', 'forked', 'local-changed', 'missing'].includes(each.outcome) && each.here.length === 1;
        expect(again[index]?.outcome).toBe(isLeftAlone ? each.outcome : 'up-to-date');
      });
    }
  });
}

interface LogLine {
  readonly type: string;
  readonly name: string;
  readonly outcome: string;
}

function linesOf({ stdout }: CliResult): readonly LogLine[] {
  const all = stdout.split('\n').filter((line) => line !== '');
  return all.map((line) => JSON.parse(line) as LogLine).filter(({ type }) => type === 'log');
}

/** In their order: `NAME.<UTC start>.g<number>`, at last the current one. */
async function generationsHere({ here }: TwoRoots, title: string): Promise<readonly (string | undefined)[]> {
  const kept = new RegExp(`^${title}\\.jsonl(?:\\.\\d{8}T\\d{6}Z\\.g(\\d+))?$`);
  const names = (await readdir(join(here.root, 'logs'))).flatMap((name) => {
    const match = kept.exec(name);
    return match === null ? [] : [{ name, number: Number(match[1] ?? Number.MAX_SAFE_INTEGER) }];
  });
  return Promise.all(names.sort((a, b) => a.number - b.number).map(({ name }) => here.read(`logs/${name}`)));
}
