import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { createJournal, type IntentTraces, type Journal, type JournalRecord } from './journal.ts';
import type { Intent } from './journal-intents.ts';
import { createNodeDisk } from './node-disk.ts';
import { pairFileName } from './pair-file-name.ts';
import { failingDisk } from './test-support/faulty-disk.ts';
import { ancestorChanges, noTraces, pair } from './test-support/pair-archives.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const seed = 20261121;
const name = pairFileName(pair, 'journal');
const records: fc.Arbitrary<readonly JournalRecord[]> = fc.array(fc.record({ run: fc.constantFrom('run-1', 'run-2'), change: ancestorChanges }), {
  maxLength: 6,
});

let path: string;
let opened: DiskDirectory[];

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'ubos-journal-'));
  opened = [];
});

afterEach(() => {
  for (const directory of opened) directory.close();
  rmSync(path, { recursive: true });
});

describe(`journal (seed ${seed})`, () => {
  it('gives back all that was appended, in order, whoever appended it', () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(records, fc.boolean()), { maxLength: 6 }), (batches) => {
        let journal = open();
        journal.clear();
        for (const [batch, reopens] of batches) {
          journal.append(batch);
          if (reopens) journal = open();
        }
        journal.close();
        expect(open().read()).toEqual(batches.flatMap(([batch]) => batch));
      }),
      { seed, numRuns: 40 },
    ));

  it('cut at any length, it has the records before the cut, and goes on after them', () =>
    fc.assert(
      fc.property(fc.array(records, { minLength: 1, maxLength: 3 }), records, (batches, more) => {
        const journal = open();
        journal.clear();
        const lengths = batches.map((batch) => (journal.append(batch), sizeOf()));
        journal.close();
        const whole = readFileSync(join(path, name));
        for (let length = 0; length <= whole.length; length += Math.ceil(whole.length / 100)) {
          writeFileSync(join(path, name), whole.subarray(0, length));
          const complete = batches.filter((_, index) => (lengths[index] ?? 0) <= length).flat().length;
          const cut = open();
          const left = cut.read();
          expect(left.length).toBeGreaterThanOrEqual(complete);
          expect(left).toEqual(batches.flat().slice(0, left.length));
          cut.append(more);
          cut.close();
          expect(open().read()).toEqual([...left, ...more]);
        }
      }),
      { seed, numRuns: 8 },
    ));
});

it('writes nothing when it is read, and nothing when nothing is appended', () => {
  expect(open().read()).toEqual([]);
  open().clear();
  open().append([]);
  expect(readdirSync(path)).toEqual([]);
});

it('never waits for the platter', () => {
  const calls: string[] = [];
  const journal = open({ disk: wrapDisk(createNodeDisk(), ({ call }) => void calls.push(call)) });
  journal.append([one]);
  expect(calls).not.toContain('file.sync');
  calls.length = 0;
  journal.append([one]);
  expect(calls).toEqual(['file.stat', 'file.write']);
  calls.length = 0;
  journal.confirm();
  expect(calls).toEqual(['file.stat', 'file.write']);
  journal.close();
});

describe('what was intended', () => {
  const madeThem: Partial<IntentTraces> = { findMade: (intents) => intents };

  it('counts as what became of it, until it is told what was achieved', () => {
    const journal = open();
    journal.intend('run-1', [{ change: one.change }, { change: two.change, staged: 'name', kept: 'run/1', ino: 2n ** 60n, from: 'b' as never }]);
    expect(open({ traces: { findMade: () => [] } }).read()).toEqual([]);
    const found: unknown[] = [];
    const traces = { findMade: (intents: readonly Intent[]) => (found.push(...intents), intents.slice(1)) };
    expect(open({ traces }).read()).toEqual([{ run: 'run-1', change: two.change }]);
    expect(found).toEqual([{ change: one.change }, { change: two.change, staged: 'name', kept: 'run/1', ino: 2n ** 60n, from: 'b' }]);
    journal.append([one]);
    expect(open({ traces: madeThem }).read()).toEqual([one]);
  });

  it('counts still for what was not tried yet, and not for what came to nothing', () => {
    const journal = open();
    journal.intend('run-2', [{ change: one.change }, { change: two.change }]);
    journal.append([one], 1);
    expect(open({ traces: madeThem }).read()).toEqual([one, two]);
    journal.append([]);
    expect(open({ traces: madeThem }).read()).toEqual([one]);
  });

  it('is settled once, by whoever locks the root next', () => {
    open().intend('run-1', [{ change: one.change }]);
    const done: string[] = [];
    const traces: IntentTraces = { findMade: (intents) => intents, finish: () => done.push('finish'), close: () => done.push('close') };
    open({ traces }).recover();
    expect(done).toEqual(['close', 'finish']);
    const size = sizeOf();
    open({ traces }).recover();
    expect([done.length, sizeOf()]).toEqual([2, size]);
    expect(open().read()).toEqual([one]);
  });

  it('gives folders back that were opened up, and only those that were not given back', () => {
    const journal = open();
    journal.open('run-1', { path: 'closed' as never, mode: 0o555 });
    journal.append([one]);
    journal.open('run-1', { path: 'other' as never, mode: 0o500 });
    const closed: unknown[] = [];
    open({ traces: { close: (folders) => closed.push(...folders) } }).recover();
    expect(closed).toEqual([{ path: 'other', mode: 0o500 }]);
  });
});

it('of another boot counts up to where all was known to be on the disk', () => {
  const journal = open();
  journal.append([one]);
  journal.confirm();
  journal.append([two]);
  journal.intend('run-1', [{ change: one.change }]);
  journal.close();
  const later = { boot: 'next boot', traces: { findMade: (intents: readonly Intent[]) => intents } };
  expect(open(later).read()).toEqual([one]);
  open(later).append([two]);
  expect(open(later).read()).toEqual([one, two]);
});

it('of another head counts as empty, and is replaced', () => {
  const journal = open();
  journal.append([one]);
  journal.close();
  expect(open({ head: 'next' }).read()).toEqual([]);
  const next = open({ head: 'next' });
  next.append([one, one]);
  next.close();
  expect(open({ head: 'next' }).read()).toEqual([one, one]);
  expect(open().read()).toEqual([]);
});

it('of another pair counts as empty', () => {
  open().append([one]);
  const other = { ...pair, profile: 'other' };
  writeFileSync(join(path, pairFileName(other, 'journal')), readFileSync(join(path, name)));
  expect(open({ pair: other }).read()).toEqual([]);
});

it('loses what could not be written, and nothing else', () => {
  const journal = open({ disk: failingDisk(createNodeDisk(), 4, 'ENOSPC') });
  journal.append([one]);
  expect(() => journal.append([one, two])).toThrow('ENOSPC');
  journal.append([two]);
  journal.close();
  expect(open().read()).toEqual([one, two]);
});

it('goes on where another process left it', () => {
  const mine = open();
  mine.append([one]);
  open().append([two]);
  mine.append([one]);
  expect(open().read()).toEqual([one, two, one]);
  truncateSync(join(path, name), sizeOf() - 1);
  mine.append([two]);
  expect(open().read()).toEqual([one, two, two]);
});

const one: JournalRecord = { run: 'run-1', change: { path: 'a' as never, alpha: undefined, beta: undefined } };
const two: JournalRecord = { run: 'run-2', change: { path: 'b' as never, alpha: { kind: 'symlink', target: 'x', mtimeMs: 1 }, beta: undefined } };

function open({
  disk = createNodeDisk(),
  ...options
}: {
  disk?: Disk;
  head?: string;
  pair?: typeof pair;
  boot?: string;
  traces?: Partial<IntentTraces>;
} = {}): Journal {
  const directory = disk.openRoot(path);
  if (directory === undefined) throw new Error(`no ${path}`);
  opened.push(directory);
  const head = options.head ?? 'head';
  return createJournal({
    folder: { look: () => directory, make: () => directory },
    pair: options.pair ?? pair,
    head: () => head,
    boot: options.boot ?? 'this boot',
    traces: { ...noTraces, ...options.traces },
  });
}

function sizeOf(): number {
  return readdirSync(path).includes(name) ? readFileSync(join(path, name)).length : 0;
}
