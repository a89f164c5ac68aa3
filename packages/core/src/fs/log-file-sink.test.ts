import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../engine/disk.ts';
import { pullLog } from '../engine/logs/pull-log.ts';
import type { LogReport, PullLogOptions } from '../engine/logs/report.ts';
import type { HashBytes } from '../hash/digest.ts';
import { chunkBytes } from '../log/chunk-chain.ts';
import { createMemoryLogFile, createMemoryLogSource, type MemoryLogFile } from '../testing/memory-log.ts';
import { loadHashing } from './hasher.ts';
import { createFsLogSink } from './log-file-sink.ts';
import { createNodeDisk } from './node-disk.ts';
import { failingDisk, stoppingDisk } from './test-support/faulty-disk.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const line = (number: number) => `{"n":${number},"text":"${'x'.repeat(200)}"}\n`;
const lines = (from: number, to: number) => Buffer.from(Array.from({ length: to - from }, (_, index) => line(from + index)).join(''));
const name = 'logs/a.jsonl';

interface CursorFile {
  readonly offset: number;
  readonly appending: boolean;
  readonly generation: { readonly number: number; readonly startedAt: string };
}

let root = '';
let hash: HashBytes;
let file: MemoryLogFile;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'ubos-sink-'));
  ({ hash } = await loadHashing('fast'));
  file = createMemoryLogFile();
  beside.clear();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const local = () => (existsSync(join(root, name)) ? readFileSync(join(root, name)) : undefined);
const isPrefix = (bytes: Buffer | undefined) => bytes === undefined || bytes.equals((file.bytes as Buffer).subarray(0, bytes.length));
const stateOf = '.ubos-sync/logs/logs%2Fa.jsonl';
const stateFiles = () => readdirSync(join(root, stateOf));
const cursor = () => JSON.parse(readFileSync(join(root, stateOf, 'cursor.json'), 'utf8')) as CursorFile;

/** The lock of a pull that was killed would be waited for: its process is this one, and lives. */
function dropLocks(): void {
  if (!existsSync(join(root, stateOf))) return;
  for (const left of readdirSync(join(root, stateOf))) if (left.startsWith('lock')) rmSync(join(root, stateOf, left));
}

/** What lies beside the log on the far side. */
const beside = new Map<string, MemoryLogFile>();

async function pull({ disk, ...options }: Partial<PullLogOptions> & { disk?: Disk } = {}): Promise<LogReport> {
  const sink = await createFsLogSink(name, { root, disk });
  return pullLog({ source: createMemoryLogSource('far.jsonl', file, { hash, pieceBytes: 500_000, beside }), sink, ...options });
}

/** All generations that are here, in their order. */
function collected(): Buffer {
  const numberOf = (kept: string): number => Number(/\.g(\d+)$/.exec(kept)?.[1] ?? Number.MAX_SAFE_INTEGER);
  const names = existsSync(join(root, 'logs')) ? readdirSync(join(root, 'logs')).sort((a, b) => numberOf(a) - numberOf(b)) : [];
  return Buffer.concat(names.map((each) => readFileSync(join(root, 'logs', each))));
}

describe('createFsLogSink', () => {
  it('makes folders, file and cursor, private where they are state', async () => {
    file.bytes = lines(0, 10);
    expect(await pull()).toMatchObject({ outcome: 'appended', lines: 10 });
    expect(local()?.equals(file.bytes as Buffer)).toBe(true);
    expect(cursor()).toMatchObject({ offset: file.bytes.length, appending: false });
    expect(stateFiles()).toEqual(['cursor.json']);
    expect(statSync(join(root, '.ubos-sync/logs')).mode & 0o077).toBe(0);
    expect(statSync(join(root, '.ubos-sync/logs/logs%2Fa.jsonl/cursor.json')).mode & 0o077).toBe(0);
  });

  it('without a root keeps its state beside the file, also for names that are too long or odd for a folder', async () => {
    const odd = `${'ä%/'.replace('/', '')}${'y'.repeat(200)}.log`;
    file.bytes = Buffer.from('one\n');
    const sink = await createFsLogSink(join(root, odd));
    const source = createMemoryLogSource('far', file, { hash });
    expect(await pullLog({ source, sink })).toMatchObject({ outcome: 'appended' });
    expect(await pullLog({ source, sink })).toMatchObject({ outcome: 'up-to-date' });
    expect(readdirSync(root).sort()).toEqual(['.ubos-sync', odd].sort());
  });

  it('a pull that brings nothing new leaves every file as it was', async () => {
    file.bytes = lines(0, 10);
    await pull();
    const stamps = () =>
      ['.ubos-sync', '.ubos-sync/logs', name, '.ubos-sync/logs/logs%2Fa.jsonl/cursor.json'].map(
        (path) => statSync(join(root, path), { bigint: true }).ctimeNs,
      );
    const before = stamps();
    expect(await pull()).toMatchObject({ outcome: 'up-to-date' });
    expect(stamps()).toEqual(before);
  });

  it('a dry run makes nothing where there is nothing', async () => {
    file.bytes = lines(0, 10);
    expect(await pull({ dryRun: true })).toMatchObject({ outcome: 'appended', toByte: file.bytes.length });
    expect(readdirSync(root)).toEqual([]);
    await pull();
    expect(await pull({ dryRun: true })).toMatchObject({ outcome: 'up-to-date' });
  });

  it('a file that was copied back, touched or restored goes on without being sent again', async () => {
    file.bytes = lines(0, 10_000);
    await pull();
    const copy = local() as Buffer;
    rmSync(join(root, name));
    writeFileSync(join(root, name), copy);
    utimesSync(join(root, name), 1, 1);
    const bigger = lines(0, 10_001);
    file.bytes = bigger;
    expect(await pull()).toMatchObject({ outcome: 'appended', lines: 1, bytesReceived: line(10_000).length + 4_096 });
    expect(local()?.equals(bigger)).toBe(true);
  });

  it('a cursor that is damaged or gone is found again by content', async () => {
    file.bytes = lines(0, 100);
    await pull();
    writeFileSync(join(root, '.ubos-sync/logs/logs%2Fa.jsonl/cursor.json'), '{"format":1,');
    expect(await pull()).toMatchObject({ outcome: 'adopted', lines: 0 });
    rmSync(join(root, '.ubos-sync'), { recursive: true });
    expect(await pull()).toMatchObject({ outcome: 'adopted', lines: 0 });
    expect(await pull()).toMatchObject({ outcome: 'up-to-date' });
  });

  it('never writes through a link, to a folder, or to what was cut or changed here', async () => {
    file.bytes = lines(0, 10);
    writeFileSync(join(root, 'victim'), 'mine');
    mkdirSync(join(root, 'logs'));
    symlinkSync('../victim', join(root, name));
    await expect(pull()).rejects.toMatchObject({ code: 'SYNC_LOG_NOT_A_FILE' });
    rmSync(join(root, name));
    mkdirSync(join(root, name));
    await expect(pull()).rejects.toMatchObject({ code: 'SYNC_LOG_NOT_A_FILE' });
    rmSync(join(root, name), { recursive: true });
    await pull();
    truncateSync(join(root, name), 100);
    expect(await pull()).toMatchObject({ outcome: 'local-changed', differsAtByte: 100 });
    expect(local()?.length).toBe(100);
    rmSync(join(root, 'logs'), { recursive: true });
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync('elsewhere', join(root, 'logs'));
    await expect(pull()).rejects.toMatchObject({ code: 'SYNC_LOG_NOT_A_FILE' });
    expect(readFileSync(join(root, 'victim'), 'utf8')).toBe('mine');
    expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
  });

  it('one pull of a log at a time', async () => {
    const sink = await createFsLogSink(name, { root });
    const first = await sink.open({ dryRun: false, waitMs: 0 });
    await expect(sink.open({ dryRun: false, waitMs: 0 })).rejects.toMatchObject({ code: 'SYNC_LOG_LOCKED' });
    const other = await (await createFsLogSink('logs/b.jsonl', { root })).open({ dryRun: false, waitMs: 0 });
    await other.release();
    await first.release();
    await first.release();
    await (await sink.open({ dryRun: false, waitMs: 0 })).release();
  });

  it('a file that somebody writes to while it is pulled is not called ours', async () => {
    file.bytes = lines(0, 10);
    await pull();
    const sink = await createFsLogSink(name, { root });
    const log = await sink.open({ dryRun: false, waitMs: 0 });
    writeFileSync(join(root, name), 'foreign\n', { flag: 'a' });
    await expect(
      log.begin({ source: { name: '', identity: '' }, chain: { offset: 0, digests: [] }, head: undefined, lastTimestamp: undefined }, 0),
    ).rejects.toMatchObject({ code: 'SYNC_TARGET_CHANGED' });
    await log.release();
    expect(await pull()).toMatchObject({ outcome: 'local-changed' });
    expect(local()?.toString().endsWith('foreign\n')).toBe(true);
  });

  it('a missing root is said to be missing', async () => {
    renameSync(root, `${root}-away`);
    await expect(pull()).rejects.toMatchObject({ code: 'SYNC_ROOT_MISSING' });
    renameSync(`${root}-away`, root);
  });

  it('a full disk ends the pull with what had fitted, and the next one goes on', async () => {
    file.bytes = lines(0, 6_000);
    for (let fail = 1; ; fail++) {
      rmSync(join(root, 'logs'), { recursive: true, force: true });
      rmSync(join(root, '.ubos-sync'), { recursive: true, force: true });
      const disk = failingDisk(createNodeDisk(), fail, 'ENOSPC');
      const result = await pull({ disk }).catch((error: unknown) => error);
      if (disk.writes() < fail) break;
      if (result instanceof Error) expect(result).toMatchObject({ code: 'SYNC_NO_SPACE' });
      dropLocks();
      expect(isPrefix(local())).toBe(true);
      expect(['appended', 'adopted', 'up-to-date']).toContain((await pull()).outcome);
      expect(local()?.equals(file.bytes as Buffer)).toBe(true);
    }
  }, 30_000);

  it('a disk that is full in the middle of any write of the log leaves a prefix that the cursor calls unfinished, and the next pull goes on', async () => {
    file.bytes = lines(0, 20_000);
    for (let fail = 1; ; fail++) {
      rmSync(join(root, 'logs'), { recursive: true, force: true });
      rmSync(join(root, '.ubos-sync'), { recursive: true, force: true });
      const full = fullDisk(createNodeDisk(), fail);
      const result = await pull({ disk: full.disk }).catch((error: unknown) => error);
      if (full.writes() < fail) break;
      expect(result).toMatchObject({ code: 'SYNC_NO_SPACE', message: expect.stringContaining(`unable to write ${name}`) as string });
      expect(full.writes()).toBe(fail);
      expect(cursor()).toMatchObject({ offset: 0, appending: true });
      expect(local()?.length).toBeGreaterThan(0);
      expect(isPrefix(local())).toBe(true);
      expect(await pull()).toMatchObject({ outcome: 'appended' });
      expect(local()?.equals(file.bytes as Buffer)).toBe(true);
    }
  });

  it('aborted in mid-transfer, keeps and counts what had arrived', async () => {
    file.bytes = lines(0, 20_000);
    const controller = new AbortController();
    const reason = new Error('enough');
    let doneBytes = 0;
    const pulling = pull({
      lines: false,
      signal: controller.signal,
      onEvent(event) {
        if (event.type !== 'progress') return;
        doneBytes = event.doneBytes;
        if (doneBytes > chunkBytes) controller.abort(reason);
      },
    });
    await expect(pulling).rejects.toBe(reason);
    expect(doneBytes).toBeLessThan(file.bytes.length);
    expect(local()?.length).toBe(doneBytes);
    expect(isPrefix(local())).toBe(true);
    expect(cursor()).toMatchObject({ offset: doneBytes, appending: false });
    expect(await pull()).toMatchObject({ outcome: 'appended', fromByte: doneBytes });
    expect(local()?.equals(file.bytes as Buffer)).toBe(true);
  });

  const crashes: readonly { readonly title: string; readonly first: number; readonly then: number }[] = [
    { title: 'the first pull', first: 0, then: 6_000 },
    { title: 'a tail within one chunk', first: 100, then: 200 },
    { title: 'a tail over the ends of chunks', first: 3_000, then: 10_500 },
  ];
  for (const { title, first, then } of crashes) {
    for (const tears of [false, true]) {
      it(`${title}, killed at any write${tears ? ' or in the middle of it' : ''} and run again, ends as if it had run once`, async () => {
        const before = lines(0, first);
        const after = lines(0, then);
        expect(after.length > chunkBytes).toBe(then > 5_000);
        for (let stop = 1; ; stop++) {
          rmSync(join(root, 'logs'), { recursive: true, force: true });
          rmSync(join(root, '.ubos-sync'), { recursive: true, force: true });
          if (first > 0) {
            file.bytes = before;
            await pull();
          }
          file.bytes = after;
          const disk = stoppingDisk(createNodeDisk(), stop, tears);
          await pull({ disk }).catch(() => undefined);
          if (disk.writes() < stop) break;
          dropLocks();
          expect(isPrefix(local())).toBe(true);
          expect(local()?.subarray(0, before.length).equals(before) ?? first === 0).toBe(true);
          expect(['appended', 'adopted', 'up-to-date']).toContain((await pull()).outcome);
          expect(local()?.equals(after)).toBe(true);
          expect(cursor()).toMatchObject({ offset: after.length, appending: false });
          expect(await pull({ verify: 'full' })).toMatchObject({ outcome: 'up-to-date' });
        }
      }, 30_000);
    }
  }

  it('renames the copy of a generation that is over, with the time when it was begun, and to a name that nothing has', async () => {
    file.bytes = lines(0, 10);
    await pull();
    const { startedAt } = cursor().generation;
    expect(startedAt).toMatch(/^\d{8}T\d{6}Z$/);
    writeFileSync(join(root, `${name}.${startedAt}.g1`), 'mine');
    beside.set('far.jsonl.1', createMemoryLogFile(lines(0, 12)));
    Object.assign(file, { bytes: lines(12, 15), inode: 2 });
    expect(await pull()).toMatchObject({ outcome: 'rotated', lines: 5, finished: [{ keptAs: `a.jsonl.${startedAt}.g1-2` }] });
    expect(readFileSync(join(root, `${name}.${startedAt}.g1`), 'utf8')).toBe('mine');
    expect(readFileSync(join(root, `${name}.${startedAt}.g1-2`)).equals(lines(0, 12))).toBe(true);
    expect(local()?.equals(lines(12, 15))).toBe(true);
    expect(cursor().generation.number).toBe(2);
  });

  for (const onRotate of ['new-file', 'concatenate'] as const) {
    for (const tears of [false, true]) {
      it(`rotations (${onRotate}), killed at any write${tears ? ' or in the middle of it' : ''} and run again, end as if they had run once`, async () => {
        for (let stop = 1; ; stop++) {
          rmSync(join(root, 'logs'), { recursive: true, force: true });
          rmSync(join(root, '.ubos-sync'), { recursive: true, force: true });
          beside.clear();
          Object.assign(file, { bytes: lines(0, 10), inode: 1 });
          await pull({ onRotate });
          beside.set('far.jsonl.1', createMemoryLogFile(lines(20, 30)));
          beside.set('far.jsonl.2', createMemoryLogFile(lines(0, 20)));
          Object.assign(file, { bytes: lines(30, 40), inode: 3 });
          const disk = stoppingDisk(createNodeDisk(), stop, tears);
          await pull({ disk, onRotate }).catch(() => undefined);
          if (disk.writes() < stop) break;
          dropLocks();
          expect(lines(0, 40).subarray(0, collected().length).equals(collected())).toBe(true);
          // One more rotation before it is looked at again.
          const shifted = [...beside].map(([each, of]) => [each.replace(/\d/, (digit) => `${Number(digit) + 1}`), of] as const);
          beside.clear();
          for (const [each, of] of [['far.jsonl.1', { ...file }] as const, ...shifted]) beside.set(each, of);
          Object.assign(file, { bytes: lines(40, 45), inode: 4 });
          await pull({ onRotate });
          expect(collected().equals(lines(0, 45))).toBe(true);
          expect(await pull({ verify: 'full', onRotate })).toMatchObject({ outcome: 'up-to-date' });
        }
        expect(collected().equals(lines(0, 40))).toBe(true);
      }, 30_000);
    }
  }
});

/** Is full in the middle of the n-th write of the log (from 1). */
function fullDisk(disk: Disk, fail: number): { readonly disk: Disk; writes(): number } {
  let writes = 0;
  return {
    writes: () => writes,
    disk: wrapDisk(disk, ({ call, name: of, writeHalf }) => {
      if (call !== 'file.write' || !name.endsWith(`/${of}`) || ++writes !== fail) return;
      writeHalf?.();
      throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' });
    }),
  };
}

describe('a look at a log', () => {
  const seen = async () => {
    const look = await (await createFsLogSink(name, { root })).look({});
    await look.close();
    return { offset: look.cursor?.chain.offset, current: look.current.sizeBytes, finished: look.finished.map((copy) => [copy.name, copy.sizeBytes]) };
  };

  it('makes and writes nothing, not even where nothing was ever pulled', async () => {
    expect(await seen()).toEqual({ offset: undefined, current: 0, finished: [] });
    expect(readdirSync(root)).toEqual([]);
  });

  it('needs no lock, and finds the copies of finished generations in their order', async () => {
    file.bytes = lines(0, 3);
    await pull();
    for (const generation of [1, 2, 10]) {
      beside.clear();
      beside.set('far.jsonl.1', { ...file });
      file.bytes = lines(generation * 10, generation * 10 + 1);
      file.inode++;
      await pull();
    }
    writeFileSync(join(root, `${name}.not.one`), 'x');
    const before = stateFiles();
    const taken = await (await createFsLogSink(name, { root })).open({ dryRun: false, waitMs: 0 });
    expect(await seen()).toMatchObject({
      offset: lines(100, 101).length,
      current: lines(100, 101).length,
      finished: [
        [expect.stringMatching(/^a\.jsonl\..*\.g1$/), lines(0, 3).length],
        [expect.stringMatching(/\.g2$/), lines(10, 11).length],
        [expect.stringMatching(/\.g3$/), lines(20, 21).length],
      ],
    });
    await taken.release();
    expect(stateFiles()).toEqual(before);
  });

  it('digests a copy without changing it, and knows nothing of one that went away', async () => {
    file.bytes = lines(0, 3);
    await pull();
    beside.set('far.jsonl.1', { ...file });
    file.bytes = lines(3, 4);
    file.inode++;
    await pull();
    const look = await (await createFsLogSink(name, { root })).look({});
    const [copy] = look.finished;
    const all = [{ start: 0, end: lines(0, 3).length }];
    expect(await copy?.digests(all)).toEqual([hash(lines(0, 3))]);
    rmSync(join(root, 'logs', copy?.name ?? ''));
    expect(await copy?.digests(all)).toEqual([undefined]);
    await look.close();
  });
});
