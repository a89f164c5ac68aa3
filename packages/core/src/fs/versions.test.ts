import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { pairKey } from '../engine/archive-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import type { ReplicaId } from '../engine/replica.ts';
import type { Digest } from '../hash/digest.ts';
import type { Change } from '../reconcile/change.ts';
import type { Entry, File } from '../tree/entry.ts';
import { contentName } from './content-name.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { at } from './test-support/workplace.ts';
import { defaultRetention, type KeptRun, leavesTree, listRuns, openRunVersions, planPruning, pruneVersions, readRun } from './versions.ts';

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

const pair = pairKey('r1' as ReplicaId, 'r2' as ReplicaId, 'default');
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

/** A run's folder, as if it had made these changes. */
function keep(directory: DiskDirectory, run: string, startedAtMs: number, changes: readonly Change[]): void {
  const versions = openRunVersions(directory, { run, pair, startedAtMs, changesPeer: true });
  versions.announce(changes, () => undefined);
  for (const each of changes) {
    if (!leavesTree(each) || each.old?.kind !== 'file') continue;
    const { directory: kept } = versions.contents();
    const name = contentName(each.old.digest, each.old.sizeBytes);
    if (kept.lstat(name) === undefined) kept.openFile(name, 'create').close();
  }
  versions.close();
}

function contentOf(letter: string): File {
  return { ...content, digest: letter.repeat(16) as Digest };
}

describe('the manifest', () => {
  it('tells every change again, over several batches, and of what left the tree its name', () => {
    const { directory } = folder();
    const link: Entry = { kind: 'symlink', target: 'böse\nzeile', mtimeMs: 2 };
    const first = [deletion('a/b\n"c"'), change('a/link', link, undefined), change('d', undefined, folderEntry), change('d/new', undefined, content)];
    const second = [change('e', content, { ...content, mode: 0o600 }), change('f', content, { ...content, digest: 'e'.repeat(16) as Digest })];
    keep(directory, 'run-1', 10, first);
    keep(directory, 'run-1', 99, second);
    expect(listRuns(directory)).toEqual([
      {
        run: 'run-1',
        pair,
        startedAtMs: 10,
        changesPeer: true,
        changes: [...first, ...second],
        versions: [
          { path: 'a/b\n"c"', entry: content },
          { path: 'a/link', entry: link },
          { path: 'f', entry: content },
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
    });
  });

  it('keeps the bits that a mask hides, for the version', () => {
    const { directory } = folder();
    const versions = openRunVersions(directory, { run: 'run', pair, startedAtMs: 1, changesPeer: false });
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
    for (const run of ['', '.', '..', '../x', 'a/b', '.hidden', 'x\0', 'x'.repeat(129), 'content', 'pruned']) {
      expect(() => openRunVersions(directory, { run, pair, startedAtMs: 0, changesPeer: false })).toThrow(
        expect.objectContaining({ code: 'SYNC_PROTOCOL' }),
      );
    }
    expect(directory.list()).toEqual([]);
  });
});

describe('pruning', () => {
  const nowMs = 100 * dayMs;
  /** A few contents that runs share, of 0 to 50 bytes. */
  const name = fc.integer({ min: 0, max: 9 }).map((digit) => `${String(digit).repeat(32)}-${digit * digit}`);
  const runs = fc
    .array(fc.record({ ageDays: fc.nat({ max: 60 }), contents: fc.uniqueArray(name, { maxLength: 5 }) }), { maxLength: 12 })
    .map((list) => list.map(({ ageDays, contents }, index) => ({ run: `r${index}`, startedAtMs: nowMs - ageDays * dayMs + 1, contents })));
  const retention = fc.record({
    keepMs: fc.nat({ max: 40 }).map((days) => days * dayMs),
    runsMax: fc.nat({ max: 12 }),
    bytesMax: fc.nat({ max: 200 }),
  });
  const bytesOf = (list: readonly KeptRun[]): number =>
    [...new Set(list.flatMap(({ contents }) => contents))].reduce((sum, each) => sum + Number(each.split('-')[1]), 0);

  it('never takes what is younger than a day, and the oldest first, no more than it has to (seed 1)', () => {
    fc.assert(
      fc.property(runs, retention, (list, limits) => {
        const pruned = planPruning(list, limits, nowMs);
        const kept = list.filter(({ run }) => !pruned.includes(run));
        const gone = pruned.map((run) => list.find((each) => each.run === run)).filter((each) => each !== undefined);
        expect(gone.every(({ startedAtMs }) => nowMs - startedAtMs >= dayMs)).toBe(true);
        const youngest = gone.at(-1);
        expect([...gone, ...kept].every(({ startedAtMs }, index) => index < gone.length || startedAtMs >= (youngest?.startedAtMs ?? 0))).toBe(true);
        const isTooMuch = (some: readonly KeptRun[]): boolean =>
          some.some(({ startedAtMs }) => nowMs - startedAtMs > limits.keepMs) || some.length > limits.runsMax || bytesOf(some) > limits.bytesMax;
        // What could go and is kept is young enough, few enough, and fits, each content counted once.
        if (kept.some(({ startedAtMs }) => nowMs - startedAtMs >= dayMs)) expect(isTooMuch(kept)).toBe(false);
        // And the last one that went had to.
        if (youngest !== undefined) expect(isTooMuch([...kept, youngest])).toBe(true);
      }),
      { seed: 1 },
    );
  });

  const later = (days: number): Clock => ({ ...systemClock, nowMs: () => Date.now() + days * dayMs });
  const contents = (path: string): readonly string[] =>
    readdirSync(join(path, 'content'))
      .map((each) => each.slice(0, 2))
      .sort();
  const hex = (letter: string): string => Buffer.from(letter).toString('hex');

  it('removes old runs and the contents that no other names, once an hour, and leaves what is not its own', async () => {
    const { path, directory } = folder();
    const startMs = Date.now();
    keep(directory, 'mixed', startMs - 40 * dayMs, [change('a', contentOf('a'), undefined), change('b', contentOf('b'), undefined)]);
    keep(directory, 'old', startMs - 31 * dayMs, [change('c', contentOf('c'), undefined)]);
    keep(directory, 'young', startMs - dayMs, [change('again', contentOf('b'), undefined), change('d', contentOf('d'), undefined)]);
    writeFileSync(join(path, 'mixed/notes.txt'), 'mine');
    writeFileSync(join(path, 'content/notes.txt'), 'mine');
    writeFileSync(join(path, 'content/temp-7-young'), 'left by a crash');
    // The contents came a moment ago: whatever is named by none yet stays for a day.
    expect(await pruneVersions(directory, defaultRetention, systemClock)).toEqual(['mixed', 'old']);
    expect(readdirSync(path).sort()).toEqual(['content', 'mixed', 'pruned', 'young']);
    expect(readdirSync(join(path, 'mixed'))).toEqual(['notes.txt']);
    expect(contents(path)).toEqual(['no', 'te', ...['a', 'b', 'c', 'd'].map(hex)].sort());
    expect(await pruneVersions(directory, defaultRetention, later(1 / 25))).toEqual([]);
    expect(contents(path)).toContain(hex('a'));
    expect(await pruneVersions(directory, defaultRetention, later(2))).toEqual([]);
    expect(contents(path)).toEqual(['no', ...['b', 'd'].map(hex)].sort());
    keep(directory, 'older', startMs - 50 * dayMs, [deletion('a')]);
    const soon = later(2 + 1 / 48);
    expect([await pruneVersions(directory, defaultRetention, soon), await pruneVersions(directory, defaultRetention, later(2.1))]).toEqual([
      [],
      ['older'],
    ]);
  });

  it('goes by what is there, each content once, and by the number of runs', async () => {
    const { path, directory } = folder();
    const startMs = Date.now();
    for (const run of [1, 2, 3, 4])
      keep(directory, `r${run}`, startMs + run, [deletion('a'), change(`own ${run}`, contentOf(String(run)), undefined)]);
    const limits = { ...defaultRetention, bytesMax: 3 * 3 };
    // 15 bytes in five contents; without the first two runs 9 are left.
    expect(await pruneVersions(directory, limits, later(2))).toEqual(['r1', 'r2']);
    expect(contents(path)).toEqual(['d', '3', '4'].map(hex).sort());
    expect(await pruneVersions(directory, { ...limits, runsMax: 1 }, later(3))).toEqual(['r3']);
  });

  it('takes no content while a manifest cannot be read, and the run with it once it is old enough', async () => {
    const { path, directory } = folder();
    const startMs = Date.now();
    keep(directory, 'r1', startMs - 40 * dayMs, [change('a', contentOf('a'), undefined)]);
    keep(directory, 'r2', startMs, [change('b', contentOf('b'), undefined)]);
    writeFileSync(join(path, 'r2/manifest.jsonl'), '{"format":99}\n');
    expect(await pruneVersions(directory, defaultRetention, later(2))).toEqual(['r1']);
    expect(contents(path)).toEqual(['a', 'b'].map(hex));
    expect(await pruneVersions(directory, defaultRetention, later(32))).toEqual(['r2']);
    expect(contents(path)).toEqual([]);
  });

  it('is not kept from it by what is no folder', async () => {
    const { path, directory } = folder();
    keep(directory, 'old', Date.now() - 40 * dayMs, [deletion('a')]);
    symlinkSync('..', join(path, 'link'));
    expect(await pruneVersions(directory, defaultRetention, later(2))).toEqual(['old']);
    expect(readdirSync(path).sort()).toEqual(['content', 'link', 'pruned']);
  });
});
