import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DiskDirectory } from '../engine/disk.ts';
import { type Digest, type DigestKind, digestBytes } from '../hash/digest.ts';
import { createTestClock } from '../testing/test-clock.ts';
import type { RelativePath } from '../tree/path.ts';
import { type Hashing, loadHashing } from './hasher.ts';
import { createNodeDisk } from './node-disk.ts';
import { createScanIndex, type IndexRecord, type ScanIndex, type ScanIndexOptions } from './scan-index.ts';
import { decodeScanIndex, encodeScanIndex, loadScanIndex, saveScanIndex } from './scan-index-file.ts';
import { aroundDisk, errno } from './test-support/around-disk.ts';

const seed = 20_261_121;
const clock = createTestClock(4_000_000_000_000);
const options = (kind: DigestKind = 'fast'): ScanIndexOptions => ({ kind, clock });
const at = (path: string): RelativePath => path as RelativePath;

let fast: Hashing;
beforeAll(async () => {
  fast = await loadHashing('fast');
});

function record(number: number, kind: DigestKind = 'fast'): IndexRecord {
  const big = BigInt(number);
  const digest = String.fromCharCode(...Array.from({ length: digestBytes[kind] }, (_, index) => (number * 31 + index * 7) & 0xff)) as Digest;
  return {
    ino: big,
    sizeBytes: number * 1_000_003,
    mtimeNs: big * 1_000_000_007n - 5n,
    ctimeNs: big * 1_000_000_009n + 1n,
    mode: number & 0o7777,
    digest,
  };
}

function packed(index: ScanIndex): Uint8Array {
  return Buffer.concat(encodeScanIndex(index, fast));
}

describe('the scan index', () => {
  it('gives back what it was told, of either kind of digest, for any path', () => {
    for (const kind of ['fast', 'strong'] as const) {
      const index = createScanIndex(options(kind));
      for (let number = 0; number < 1_000; number++) index.set(at(`folder-${number % 7}/é-${number}`), record(number, kind));
      expect(index.size).toBe(1_000);
      for (let number = 0; number < 1_000; number++) expect(index.get(at(`folder-${number % 7}/é-${number}`))).toEqual(record(number, kind));
      expect(index.get(at('folder-1'))).toBeUndefined();
    }
  });

  it('keeps numbers beyond those of a double', () => {
    const index = createScanIndex(options());
    const extreme: IndexRecord = {
      ...record(1),
      ino: 2n ** 63n - 1n,
      mtimeNs: -(2n ** 62n) - 1n,
      ctimeNs: 1_700_000_000_123_456_789n,
      sizeBytes: Number.MAX_SAFE_INTEGER,
    };
    index.set(at('file'), extreme);
    expect(index.get(at('file'))).toEqual(extreme);
  });

  it('forgets all when cleared', () => {
    const index = createScanIndex(options());
    index.set(at('a'), record(1));
    index.clear();
    expect([index.size, index.get(at('a'))]).toEqual([0, undefined]);
    index.set(at('a'), record(2));
    expect(index.get(at('a'))).toEqual(record(2));
  });

  it('takes 75 bytes a file, on average, when it was loaded', () => {
    const index = createScanIndex(options());
    for (let number = 0; number < 100_000; number++) index.set(at(`a/b/${number}`), record(number));
    const loaded = decodeScanIndex(packed(index), options(), fast);
    expect((loaded?.memoryBytes ?? Number.NaN) / 100_000).toBeLessThan(75);
  });

  type Step = { readonly do: 'set' | 'delete'; readonly path: string; readonly number: number } | { readonly do: 'save' };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('set' as const), path: fc.stringMatching(/^[ab](?:\/[ab]){0,5}$/), number: fc.nat(10_000) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('delete' as const), path: fc.stringMatching(/^[ab](?:\/[ab]){0,5}$/), number: fc.constant(0) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'save' as const }) },
  );

  it(`is a map from paths to records, through any sets, deletes, saves and loads (seed ${seed})`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let index = createScanIndex(options());
        const model = new Map<string, IndexRecord>();
        for (const next of steps) {
          if (next.do === 'save') index = decodeScanIndex(packed(index), options(), fast) as ScanIndex;
          else if (next.do === 'delete') {
            index.delete(at(next.path));
            model.delete(next.path);
          } else {
            index.set(at(next.path), record(next.number));
            model.set(next.path, record(next.number));
          }
        }
        expect(index.size).toBe(model.size);
        for (const [path, known] of model) expect(index.get(at(path))).toEqual(known);
      }),
      { seed, numRuns: 200 },
    );
  });
});

describe('racy', () => {
  const readAtMs = 1_700_000_000_000;
  const ns = (ms: number): bigint => BigInt(Math.round(ms * 1000)) * 1_000n;
  const old = ns(readAtMs - 86_400_000.5);

  it.each([
    { title: 'both times long past', mtimeNs: old, ctimeNs: old, racy: false },
    { title: 'ctime within the tick', mtimeNs: old, ctimeNs: ns(readAtMs - 19.5), racy: true },
    { title: 'ctime just out of it', mtimeNs: old, ctimeNs: ns(readAtMs - 20.5), racy: false },
    { title: 'mtime within the tick', mtimeNs: ns(readAtMs - 19.5), ctimeNs: old, racy: true },
    { title: 'ctime in the future', mtimeNs: old, ctimeNs: ns(readAtMs + 3_600_000.5), racy: true },
    { title: 'mtime in the future, as someone set it', mtimeNs: ns(readAtMs + 3_600_000.5), ctimeNs: old, racy: false },
    { title: 'whole seconds: a tick of two', mtimeNs: old, ctimeNs: ns(readAtMs - 2_000), racy: true },
    { title: 'whole seconds, longer ago', mtimeNs: old, ctimeNs: ns(readAtMs - 3_000), racy: false },
  ])('$title: $racy', ({ mtimeNs, ctimeNs, racy }) => {
    const index = createScanIndex(options());
    expect(index.isRacy({ mtimeNs, ctimeNs }, readAtMs)).toBe(racy);
    index.stamping = { exact: true, aheadMs: 0 };
    expect(index.isRacy({ mtimeNs, ctimeNs }, readAtMs)).toBe(false);
  });

  it('goes by the clock of the file system where that is another', () => {
    const index = createScanIndex(options());
    index.stamping = { exact: false, aheadMs: -5_000 };
    expect(index.isRacy({ mtimeNs: old, ctimeNs: ns(readAtMs - 5_001.5) }, readAtMs)).toBe(true);
    index.stamping = { exact: false, aheadMs: 5_000 };
    expect(index.isRacy({ mtimeNs: old, ctimeNs: ns(readAtMs + 4_900.5) }, readAtMs)).toBe(false);
  });

  it('remembers the path of a record only as long as it is racy', () => {
    const index = createScanIndex(options());
    const fresh = { ...record(1), ctimeNs: ns(readAtMs + 0.5) };
    index.set(at('a'), fresh, readAtMs);
    index.set(at('b'), fresh, readAtMs);
    expect([...index.racyPaths]).toEqual(['a', 'b']);
    index.set(at('a'), fresh, readAtMs + 1_000);
    index.delete(at('b'));
    expect([...index.racyPaths]).toEqual([]);
  });
});

describe('the index file', () => {
  let path: string;
  let folder: DiskDirectory;

  beforeEach(() => {
    path = fs.mkdtempSync(join(tmpdir(), 'ubos-index-'));
    folder = createNodeDisk().openRoot(path) as DiskDirectory;
  });
  afterEach(() => {
    folder.close();
    fs.rmSync(path, { recursive: true });
  });

  const filled = (count = 3, kind: DigestKind = 'fast'): ScanIndex => {
    const index = createScanIndex(options(kind));
    for (let number = 0; number < count; number++) index.set(at(`file-${number}`), record(number, kind));
    return index;
  };

  it('holds the index, racy records included', async () => {
    const index = filled();
    index.set(at('racy'), { ...record(7), ctimeNs: BigInt(clock.nowMs()) * 1_000_000n });
    expect(index.isDirty).toBe(true);
    await saveScanIndex(folder, index);
    expect(index.isDirty).toBe(false);
    expect(fs.readdirSync(path)).toEqual(['index']);
    expect(fs.statSync(join(path, 'index')).mode & 0o777).toBe(0o600);
    const loaded = await loadScanIndex(folder, options());
    expect(loaded.size).toBe(4);
    expect(loaded.isDirty).toBe(false);
    expect(loaded.get(at('file-2'))).toEqual(record(2));
    expect(Buffer.compare(packed(loaded), packed(index))).toBe(0);
  });

  it('is empty where there is no folder, no file, or none that can be opened', async () => {
    expect((await loadScanIndex(undefined, options())).size).toBe(0);
    expect((await loadScanIndex(folder, options())).size).toBe(0);
    fs.mkdirSync(join(path, 'index'));
    expect((await loadScanIndex(folder, options())).size).toBe(0);
  });

  it('is thrown away where it is of another kind of digest', async () => {
    await saveScanIndex(folder, filled(3, 'strong'));
    expect((await loadScanIndex(folder, options('fast'))).size).toBe(0);
    expect((await loadScanIndex(folder, options('strong'))).size).toBe(3);
  });

  it('is thrown away cut off at any length, and with any bit flipped', () => {
    const bytes = packed(filled());
    for (let length = 0; length < bytes.length; length++) expect(decodeScanIndex(bytes.subarray(0, length), options(), fast)).toBeUndefined();
    expect(decodeScanIndex(Buffer.concat([bytes, new Uint8Array(64)]), options(), fast)).toBeUndefined();
    // The last 16 bytes of the header mean nothing yet.
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (bit >= 48 * 8 && bit < 64 * 8) continue;
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(decodeScanIndex(flipped, options(), fast), `bit ${bit}`).toBeUndefined();
    }
    expect(decodeScanIndex(bytes, options(), fast)?.size).toBe(3);
  });

  it.each(['openFile', 'file.write', 'rename'])('keeps the old file where %s fails', async (fails) => {
    await saveScanIndex(folder, filled(2));
    const full = aroundDisk(createNodeDisk(), ({ call }, next) => {
      if (call === fails) throw errno('ENOSPC');
      return next();
    }).openRoot(path) as DiskDirectory;
    const index = filled(5);
    await expect(saveScanIndex(full, index)).rejects.toThrow('ENOSPC');
    full.close();
    expect(index.isDirty).toBe(true);
    expect((await loadScanIndex(folder, options())).size).toBe(2);
    await saveScanIndex(folder, index);
    expect(fs.readdirSync(path)).toEqual(['index']);
  });
});
