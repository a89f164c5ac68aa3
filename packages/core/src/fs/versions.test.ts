import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { DiskDirectory } from '../engine/disk.ts';
import type { Digest } from '../hash/digest.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { at } from './test-support/workplace.ts';
import { defaultRetention, listVersions, openRunVersions, type PreImage, planPruning, pruneVersions } from './versions.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

function folder(): { readonly path: string; readonly directory: DiskDirectory } {
  const path = mkdtempSync(join(tmpdir(), 'ubos-sync-versions-'));
  const directory = createNodeDisk().openRoot(path);
  if (directory === undefined) throw new Error('no folder');
  open.push(() => {
    directory.close();
    rmSync(path, { recursive: true });
  });
  return { path, directory };
}

const dayMs = 24 * 60 * 60 * 1000;

function file(path: string, sizeBytes = 3): PreImage {
  return { path: at(path), entry: { kind: 'file', digest: 'd'.repeat(16) as Digest, sizeBytes, mode: 0o640, mtimeMs: 1.5 } };
}

function keep(directory: DiskDirectory, run: string, startedAtMs: number, preImages: readonly PreImage[]): readonly string[] {
  const versions = openRunVersions(directory, run, startedAtMs);
  const names = versions.announce(preImages);
  for (const [index, { entry }] of preImages.entries()) {
    if (entry.kind === 'file') versions.directory.openFile(names[index] ?? '', 'create').close();
  }
  versions.close();
  return names;
}

describe('the manifest', () => {
  it('gives each pre-image a name of its own, and tells path and description again, over several batches', () => {
    const { directory } = folder();
    const link: PreImage = { path: at('a/link'), entry: { kind: 'symlink', target: 'böse\nzeile', mtimeMs: 2 } };
    const first = keep(directory, 'run-1', 10, [file('a/b\n"c"'), link]);
    const second = keep(directory, 'run-1', 99, [file('d')]);
    expect(new Set([...first, ...second]).size).toBe(3);
    expect(listVersions(directory)).toEqual([
      {
        run: 'run-1',
        startedAtMs: 10,
        bytes: 6,
        versions: [
          { name: first[0], ...file('a/b\n"c"') },
          { name: first[1], ...link },
          { name: second[0], ...file('d') },
        ],
      },
    ]);
  });

  it('passes over what a crash or a stranger left', () => {
    const { path, directory } = folder();
    keep(directory, 'run', 1, [file('a')]);
    writeFileSync(join(path, 'run/manifest.jsonl'), '{"path":"../../etc/passwd","kind":"file"}\nnull\n{"path":"b","kind":"fi', { flag: 'a' });
    keep(directory, 'run', 1, [file('after')]);
    writeFileSync(join(path, 'pruned-by-hand'), '');
    directory.makeDirectory('.hidden', 0o700);
    directory.makeDirectory('empty', 0o700);
    expect(listVersions(directory).map(({ versions }) => versions.map((version) => version.path))).toEqual([['a']]);
  });

  it('refuses a run that would name another folder', () => {
    const { directory } = folder();
    for (const run of ['', '.', '..', '../x', 'a/b', '.hidden', 'x\0', 'x'.repeat(129)]) {
      expect(() => openRunVersions(directory, run, 0)).toThrow(expect.objectContaining({ code: 'SYNC_PROTOCOL' }));
    }
    expect(directory.list()).toEqual([]);
  });
});

describe('pruning', () => {
  const run = fc.record({ ageDays: fc.nat({ max: 60 }), bytes: fc.nat({ max: 100 }) });

  it('never takes what is younger than a day, and the oldest first (seed 1)', () => {
    fc.assert(
      fc.property(fc.array(run, { maxLength: 12 }), fc.nat({ max: 40 }), fc.nat({ max: 300 }), (list, keepDays, bytesMax) => {
        const nowMs = 100 * dayMs;
        const runs = list.map(({ ageDays, bytes }, index) => ({ run: `r${index}`, startedAtMs: nowMs - ageDays * dayMs + 1, bytes }));
        const pruned = new Set(planPruning(runs, { keepMs: keepDays * dayMs, bytesMax }, nowMs));
        const kept = runs.filter(({ run: name }) => !pruned.has(name));
        const gone = runs.filter(({ run: name }) => pruned.has(name));
        const youngest = Math.max(...gone.map(({ startedAtMs }) => startedAtMs));
        expect(gone.every(({ startedAtMs }) => nowMs - startedAtMs >= dayMs)).toBe(true);
        expect(kept.every(({ startedAtMs }) => startedAtMs >= youngest)).toBe(true);
        // What could go and is kept is young enough, and fits.
        const old = kept.filter(({ startedAtMs }) => nowMs - startedAtMs >= dayMs);
        if (old.length > 0) {
          expect(old.every(({ startedAtMs }) => nowMs - startedAtMs <= keepDays * dayMs)).toBe(true);
          expect(kept.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(bytesMax);
        }
      }),
      { seed: 1 },
    );
  });

  it('removes the folders of old runs, once an hour, and leaves what is not its own', async () => {
    const { path, directory } = folder();
    const nowMs = Date.now();
    keep(directory, 'old', nowMs - 31 * dayMs, [file('a'), file('b')]);
    keep(directory, 'mixed', nowMs - 40 * dayMs, [file('a')]);
    writeFileSync(join(path, 'mixed/notes.txt'), 'mine');
    keep(directory, 'young', nowMs - 2 * dayMs, [file('a')]);
    const clock = { ...systemClock, nowMs: () => nowMs };
    expect(await pruneVersions(directory, defaultRetention, clock)).toEqual(['mixed', 'old']);
    expect(readdirSync(path).sort()).toEqual(['mixed', 'pruned', 'young']);
    expect(readdirSync(join(path, 'mixed'))).toEqual(['notes.txt']);
    keep(directory, 'older', nowMs - 50 * dayMs, [file('a')]);
    expect(await pruneVersions(directory, defaultRetention, { ...clock, nowMs: () => nowMs + 1000 })).toEqual([]);
    expect(await pruneVersions(directory, defaultRetention, { ...clock, nowMs: () => nowMs + 3_600_001 })).toEqual(['older']);
  });
});
