/** Logs by pattern and the comparison of whole logs, over the wire: logs appear, are rotated, grow and are tampered with between the commands. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import type { CliResult } from './run-cli.ts';
import { openTwoRoots, type TwoRoots } from './two-roots.ts';

const line = (n: number): string => `{"ts":"2026-11-22T00:00:00Z","n":${n}}\n`;
const config = 'logs:\n  - { from: "logs/*.jsonl", to: "logs/{node}/{name}" }\n  - { from: plain.log, to: plain.log }\n';
const linesOf = ({ stdout }: CliResult, type: string): readonly Readonly<Record<string, unknown>>[] =>
  stdout
    .split('\n')
    .filter((each) => each !== '')
    .map((each) => JSON.parse(each) as Readonly<Record<string, unknown>>)
    .filter((each) => each['type'] === type);

for (const { title: server, start, skip } of servers) {
  describe.skipIf(skip)(`logs by pattern over ${server}`, () => {
    let sshd: TestServer;
    let world: TwoRoots;
    beforeAll(async () => {
      sshd = await start();
      world = await openTwoRoots({ server: sshd, config });
      await world.there.write('logs/a.jsonl', line(1).repeat(40_000));
      await world.there.write('logs/b.jsonl', line(2));
      await world.there.write('logs/notes.txt', 'no log\n');
      await world.there.write('plain.log', 'plain\n');
    });
    afterAll(async () => {
      await world?.close();
      await sshd?.close();
    });

    it('pulls what matches, with what appears later, and takes generations for what they are', async () => {
      expect((await world.sync(['logs'])).exitCode).toBe(0);
      expect(await world.here.read('logs/balaur/b.jsonl')).toBe(line(2));
      await world.there.write('logs/later.jsonl', line(3));
      await rename(join(world.there.root, 'logs/b.jsonl'), join(world.there.root, 'logs/b-20261122.jsonl'));
      await world.there.write('logs/b.jsonl', line(4));
      const pulled = await world.sync(['logs', '--json']);
      expect(linesOf(pulled, 'log').map(({ name, outcome }) => [name, outcome])).toEqual([
        ['logs/balaur/a.jsonl', 'up-to-date'],
        ['logs/balaur/b.jsonl', 'rotated'],
        ['logs/balaur/later.jsonl', 'appended'],
        ['plain.log', 'up-to-date'],
      ]);
      expect(pulled.exitCode).toBe(0);
    });

    it('verifies all of them, and no content is sent', async () => {
      const equal = await world.sync(['logs', 'verify', '--json']);
      expect(linesOf(equal, 'log-verified').map(({ copy, outcome, generation }) => [copy, outcome, generation])).toEqual([
        ['logs/balaur/a.jsonl', 'equal', null],
        ['logs/balaur/b.jsonl', 'equal', null],
        [expect.stringMatching(/^logs\/balaur\/b\.jsonl\..*\.g1$/), 'equal', 'b-20261122.jsonl'],
        ['logs/balaur/later.jsonl', 'equal', null],
        ['plain.log', 'equal', null],
      ]);
      expect(equal.exitCode).toBe(0);
      const [summary] = linesOf(equal, 'summary');
      expect(summary?.['bytesReceived']).toBeLessThan(line(1).length * 40_000);
    });

    it('names the chunk that differs', async () => {
      const text = line(1).repeat(40_000);
      await world.there.write('logs/a.jsonl', `${text.slice(0, 1_100_000)}X${text.slice(1_100_001)}`);
      await world.there.append('plain.log', 'more\n');
      const found = await world.sync(['logs', 'verify', '--json']);
      expect(found.exitCode).toBe(1);
      const verified = linesOf(found, 'log-verified');
      expect(verified[0]).toMatchObject({ outcome: 'differs', differing: [{ fromByte: 1_048_576, toByte: text.length }] });
      expect(verified.at(-1)).toMatchObject({ copy: 'plain.log', outcome: 'behind' });
      expect((await world.sync(['logs', 'verify', 'plain'])).exitCode).toBe(0);
    });

    it('keeps them out of the tree', async () => {
      expect((await world.sync(['truth', '--apply', '--first', 'newer'])).exitCode).toBe(0);
      expect(await world.here.read('logs/notes.txt')).toBe('no log\n');
      expect(await world.here.read('logs/a.jsonl')).toBe(undefined);
      expect(await world.there.read('logs/balaur/a.jsonl')).toBe(undefined);
    });
  });
}
