import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createNodeDisk } from './node-disk.ts';
import { probeFolding, probeStamping } from './probe.ts';
import { type Around, aroundDisk } from './test-support/around-disk.ts';

let path: string;
const opened: DiskDirectory[] = [];

beforeEach(() => {
  path = fs.mkdtempSync(join(tmpdir(), 'ubos-probe-'));
});
afterEach(() => {
  for (const directory of opened.splice(0)) directory.close();
  fs.rmSync(path, { recursive: true });
});

/** A disk that finds a name by what `fold` makes of it. */
function folding(fold: (name: string) => string): Around {
  return ({ call, path: name }, next) => {
    if (call !== 'lstat') return next();
    const found = fs.readdirSync(path).find((there) => fold(there) === fold(name));
    return found === undefined ? undefined : { ino: fs.lstatSync(join(path, found), { bigint: true }).ino };
  };
}

function open(around: Around = (_, next) => next(), calls: string[] = []): DiskDirectory {
  const disk = aroundDisk(createNodeDisk(), (call, next) => {
    calls.push(call.call);
    return around(call, next);
  });
  const directory = disk.openRoot(path) as DiskDirectory;
  opened.push(directory);
  return directory;
}

const exact = { ignoresCase: false, ignoresUnicodeForm: false };
const both = { ignoresCase: true, ignoresUnicodeForm: true };
const platform = 'linux';
const folds: readonly { readonly title: string; readonly fold: (name: string) => string; readonly expected: typeof exact }[] = [
  { title: 'exact', fold: (name) => name, expected: exact },
  { title: 'ignores case', fold: (name) => name.toLowerCase(), expected: { ignoresCase: true, ignoresUnicodeForm: false } },
  { title: 'ignores Unicode form', fold: (name) => name.normalize('NFC'), expected: { ignoresCase: false, ignoresUnicodeForm: true } },
  { title: 'ignores both', fold: (name) => name.normalize('NFC').toLowerCase(), expected: both },
];

describe('folding', () => {
  it.each(folds)('is found out from a name that is there, without writing: $title', ({ fold, expected }) => {
    fs.writeFileSync(join(path, 'caf\u00e9'), '');
    const calls: string[] = [];
    expect(probeFolding(open(folding(fold), calls), { platform })).toEqual(expected);
    expect(new Set(calls)).toEqual(new Set(['list', 'lstat']));
  });

  it('is found out from other names where one is too long in its other spelling', () => {
    fs.writeFileSync(join(path, '\u00e9'.repeat(120)), '');
    expect(probeFolding(open(), { platform })).toEqual(exact);
    const state = open();
    expect(probeFolding(open(), { writeIn: state, platform })).toEqual(exact);
  });

  it.each(folds)('is found out with a probe file, which is removed: $title', ({ fold, expected }) => {
    const directory = open(folding(fold));
    expect(probeFolding(directory, { writeIn: directory, platform })).toEqual(expected);
    expect(fs.readdirSync(path)).toEqual([]);
  });

  it('writes nothing where names answer it', () => {
    fs.writeFileSync(join(path, 'caf\u00e9'), '');
    const calls: string[] = [];
    const directory = open(undefined, calls);
    probeFolding(directory, { writeIn: directory, platform });
    expect(calls).not.toContain('openFile');
  });

  it('two names that differ in case only are two names', () => {
    fs.writeFileSync(join(path, 'name'), '');
    fs.writeFileSync(join(path, 'NAME'), '');
    fs.linkSync(join(path, 'name'), join(path, 'Name'));
    expect(probeFolding(open(), { platform }).ignoresCase).toBe(false);
  });

  it('is what is usual, where nothing can be found out', () => {
    fs.writeFileSync(join(path, '123'), '');
    expect(probeFolding(open(), { platform: 'linux' })).toEqual(exact);
    expect(probeFolding(open(), { platform: 'darwin' })).toEqual(both);
  });

  it('of Unicode form is taken to be as of case, where only that is known', () => {
    fs.writeFileSync(join(path, 'name'), '');
    expect(probeFolding(open(folding((name) => name.toLowerCase())), { platform })).toEqual(both);
  });
});

describe('stamping', () => {
  const clock = createTestClock(1_700_000_000_000);
  const ext4 = 0xef53;

  function stamped(timesMs: (turn: number) => number, type: number): DiskDirectory {
    let turn = 0;
    return open(({ call }, next) => {
      if (call === 'statfs') return { type, freeBytes: 0 };
      const result = next();
      return call === 'file.stat' ? { ...(result as DiskStat), ctimeNs: BigInt(Math.round(timesMs(turn++) * 1e6)) } : result;
    });
  }

  it('is exact where each of many changes has a time of its own, on a file system of this machine', () => {
    const fine = (turn: number): number => 1_700_000_000_000 + turn / 64;
    expect(probeStamping(stamped(fine, ext4), clock)).toEqual({ exact: true, aheadMs: 0 });
    expect(probeStamping(stamped(fine, 0x6969), clock)).toEqual({ exact: false, aheadMs: 0 });
    expect(fs.readdirSync(path)).toEqual([]);
  });

  it('is not exact where two changes fall into one tick', () => {
    expect(
      probeStamping(
        stamped((turn) => 1_700_000_000_000 + (turn >> 1), ext4),
        clock,
      ).exact,
    ).toBe(false);
  });

  it('tells how far the clock of the file system is from ours', () => {
    expect(
      probeStamping(
        stamped((turn) => 1_700_000_005_000 + turn, 0x6969),
        clock,
      ),
    ).toEqual({ exact: false, aheadMs: 5_015 });
  });

  it('works on the real disk', () => {
    expect(typeof probeStamping(open(), { ...clock, nowMs: () => Date.now() }).exact).toBe('boolean');
  });
});
