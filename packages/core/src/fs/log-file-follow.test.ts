import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clock } from '../engine/clock.ts';
import type { DiskFile } from '../engine/disk.ts';
import { type FollowFileOptions, followFile } from './log-file-follow.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ubos-follow-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('followFile', () => {
  const open = (name: string, content: string): DiskFile => {
    writeFileSync(join(folder, name), content);
    const directory = createNodeDisk().openRoot(folder);
    const file = directory?.openFile(name, 'read');
    directory?.close();
    if (file === undefined) throw new Error(name);
    return file;
  };
  const follow = (file: DiskFile, options: Partial<FollowFileOptions>) =>
    followFile(file, {
      fromByte: 0,
      pieceBytes: 1_024,
      current: () => undefined,
      watch: () => undefined,
      clock: systemClock,
      signal: undefined,
      ...options,
    });
  /** Time goes on by itself while somebody waits; something happens each time. */
  const clockOf = (happens: (waited: number) => void): Clock & { readonly waits: number[]; pass(ms: number): void } => {
    const waits: number[] = [];
    let now = 0;
    return {
      ...systemClock,
      waits,
      pass(ms) {
        now += ms;
      },
      monotonicMs: () => now,
      delay(ms) {
        waits.push(ms);
        now += ms;
        happens(waits.length);
        return Promise.resolve();
      },
    };
  };

  it('looks by itself where there is no watch, and seldom where there is one', async () => {
    for (const [watch, lookMs] of [
      [() => undefined, 100],
      [() => () => {}, 1_000],
      [
        () => {
          throw Object.assign(new Error('no watch is left'), { code: 'ENOSPC' });
        },
        100,
      ],
    ] as const) {
      const file = open('a.log', 'one\n');
      const clock = clockOf((waited) => {
        if (waited === 3) appendFileSync(join(folder, 'a.log'), 'two\n');
      });
      const stream = follow(file, { watch, clock });
      expect(String((await stream.next()).value)).toBe('one\n');
      expect(String((await stream.next()).value)).toBe('two\n');
      expect(clock.waits).toEqual([lookMs, lookMs, lookMs]);
      await stream.return();
      file.close();
    }
  });

  it('reads at once what comes after a pause, and together what comes within 5 ms', async () => {
    const file = open('b.log', 'one\n');
    let wake = (): void => {};
    const gathering = clockOf(() => appendFileSync(join(folder, 'b.log'), 'three\n'));
    const stream = follow(file, {
      clock: gathering,
      watch(onChange) {
        wake = onChange;
        return () => {};
      },
    });
    await stream.next();
    gathering.pass(10);
    appendFileSync(join(folder, 'b.log'), 'two\n');
    wake();
    expect(String((await stream.next()).value)).toBe('two\n');
    expect(gathering.waits).toEqual([]);
    appendFileSync(join(folder, 'b.log'), 'and ');
    wake();
    expect(String((await stream.next()).value)).toBe('and three\n');
    expect(gathering.waits).toEqual([5]);
    await stream.return();
    file.close();
  });

  it('lets go of a file that was removed once nothing has come for a minute', async () => {
    const file = open('c.log', 'one\n');
    rmSync(join(folder, 'c.log'));
    const clock = clockOf(() => {});
    const stream = follow(file, { clock });
    expect((await stream.next()).done).toBe(false);
    expect((await stream.next()).done).toBe(true);
    expect(clock.monotonicMs()).toBe(60_000);
    file.close();
  });

  it('is told by the disk of this machine which name has changed', async () => {
    const directory = createNodeDisk().openRoot(folder);
    const seen = new Set<string>();
    let onAll = (): void => {};
    const all = new Promise<void>((resolve) => {
      onAll = resolve;
    });
    writeFileSync(join(folder, 'd.log'), '');
    const unwatch = directory?.watch?.((name) => {
      if (name !== undefined) seen.add(name);
      if (seen.has('d.log') && seen.has('e.log') && seen.has('f.log')) onAll();
    });
    directory?.close();
    appendFileSync(join(folder, 'd.log'), 'one\n');
    writeFileSync(join(folder, 'e.log'), '');
    renameSync(join(folder, 'e.log'), join(folder, 'f.log'));
    await all;
    unwatch?.();
  });
});
