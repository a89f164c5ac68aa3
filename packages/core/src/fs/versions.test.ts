import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { DiskDirectory } from '../engine/disk.ts';
import type { Digest } from '../hash/digest.ts';
import type { Change } from '../reconcile/change.ts';
import type { Entry, File } from '../tree/entry.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { at } from './test-support/workplace.ts';
import { defaultRetention, leavesTree, listRuns, openRunVersions, planPruning, pruneVersions, readRun } from './versions.ts';

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

const content: File = { kind: 'file', digest: 'd'.repeat(16) as Digest, sizeBytes: 3, mode: 0o640, mtimeMs: 1.5 };
const folderEntry: Entry = { kind: 'directory', mode: 0o750, children: [] };

function change(path: string, old: Entry | undefined, next: Entry | undefined, rest: Partial<Change> = {}): Change {
  return { path: at(path), old, new: next, ...rest };
}

/** The deletion of a file. */
function deletion(path: string): Change {
  return change(path, content, undefined);
}

function keep(directory: DiskDirectory, run: string, startedAtMs: number, changes: readonly Change[]): readonly string[] {
  const versions = openRunVersions(directory, run, startedAtMs);
  const names = versions.announce(changes, () => undefined);
  for (const [index, each] of changes.entries()) {
    if (leavesTree(each)) versions.directory.openFile(names[index] ?? '', 'create').close();
  }
  versions.close();
  return names;
}

describe('the manifest', () => {
  it('tells every change again, over several batches, and of what left the tree its name', () => {
    const { directory } = folder();
    const link: Entry = { kind: 'symlink', target: 'böse\nzeile', mtimeMs: 2 };
    const first = [deletion('a/b\n"c"'), change('a/link', link, undefined), change('d', undefined, folderEntry), change('d/new', undefined, content)];
    const second = [change('e', content, { ...content, mode: 0o600 }), change('f', content, { ...content, digest: 'e'.repeat(16) as Digest })];
    const names = [...keep(directory, 'run-1', 10, first), ...keep(directory, 'run-1', 99, second)];
    expect(new Set(names).size).toBe(6);
    expect(listRuns(directory)).toEqual([
      {
        run: 'run-1',
        startedAtMs: 10,
        bytes: 6,
        changes: [...first, ...second],
        versions: [
          { name: names[0], path: 'a/b\n"c"', entry: content },
          { name: names[1], path: 'a/link', entry: link },
          { name: names[5], path: 'f', entry: content },
        ],
      },
    ]);
  });

  it('tells where something moved, and nothing of that left the tree', () => {
    const { directory } = folder();
    const moved = change('b', undefined, content, { from: { path: at('a'), entry: content, was: content } });
    keep(directory, 'run', 1, [moved, change('a', content, undefined, { to: at('b') })]);
    expect(readRun(directory, 'run')).toMatchObject({
      changes: [
        { path: 'b', old: undefined, from: 'a' },
        { path: 'a', new: undefined, to: 'b' },
      ],
      versions: [],
      bytes: 0,
    });
  });

  it('keeps the bits that a mask hides, for the version', () => {
    const { directory } = folder();
    const versions = openRunVersions(directory, 'run', 1);
    versions.announce([change('a', { ...content, mode: 0 }, undefined)], () => 0o4755);
    versions.close();
    expect(readRun(directory, 'run')).toMatchObject({ changes: [{ old: { mode: 0 } }], versions: [{ entry: { mode: 0o755 } }] });
  });

  it('passes over what a crash or a stranger left', () => {
    const { path, directory } = folder();
    keep(directory, 'run', 1, [deletion('a')]);
    const strange = '{"path":"../../etc/passwd","old":{"kind":"file"}}\nnull\n{"path":"x"}\n{"path":"b","old":{"kind":"fi';
    writeFileSync(join(path, 'run/manifest.jsonl'), strange, { flag: 'a' });
    keep(directory, 'run', 1, [deletion('after')]);
    writeFileSync(join(path, 'pruned-by-hand'), '');
    directory.makeDirectory('.hidden', 0o700);
    directory.makeDirectory('empty', 0o700);
    expect(listRuns(directory).map(({ changes }) => changes.map((each) => each.path))).toEqual([['a']]);
    expect(readRun(directory, 'empty')).toBeUndefined();
    expect(readRun(directory, '../run')).toBeUndefined();
  });

  it('is never more than what was written, wherever it was cut, and never an error whatever was changed in it (seed 5)', () => {
    const { path, directory } = folder();
    const changes = [deletion('a'), change('d', undefined, folderEntry), change('l', undefined, { kind: 'symlink', target: 'x', mtimeMs: 0 })];
    keep(directory, 'run', 1, changes);
    const whole = readFileSync(join(path, 'run/manifest.jsonl'));
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(join(path, 'run/manifest.jsonl'), whole.subarray(0, length));
      const found = readRun(directory, 'run')?.changes ?? [];
      expect(found).toEqual(changes.slice(0, found.length));
    }
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (index, byte) => {
        const damaged = Buffer.from(whole);
        damaged[index] = byte;
        writeFileSync(join(path, 'run/manifest.jsonl'), damaged);
        expect(readRun(directory, 'run')?.changes.length ?? 0).toBeLessThanOrEqual(changes.length);
      }),
      { seed: 5, numRuns: 300 },
    );
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
    keep(directory, 'old', nowMs - 31 * dayMs, [deletion('a'), deletion('b')]);
    keep(directory, 'mixed', nowMs - 40 * dayMs, [deletion('a')]);
    writeFileSync(join(path, 'mixed/notes.txt'), 'mine');
    keep(directory, 'young', nowMs - 2 * dayMs, [deletion('a')]);
    const clock = { ...systemClock, nowMs: () => nowMs };
    expect(await pruneVersions(directory, defaultRetention, clock)).toEqual(['mixed', 'old']);
    expect(readdirSync(path).sort()).toEqual(['mixed', 'pruned', 'young']);
    expect(readdirSync(join(path, 'mixed'))).toEqual(['notes.txt']);
    keep(directory, 'older', nowMs - 50 * dayMs, [deletion('a')]);
    expect(await pruneVersions(directory, defaultRetention, { ...clock, nowMs: () => nowMs + 1000 })).toEqual([]);
    expect(await pruneVersions(directory, defaultRetention, { ...clock, nowMs: () => nowMs + 3_600_001 })).toEqual(['older']);
  });
});
