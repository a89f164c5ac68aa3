import { beforeAll, describe, expect, it } from 'vitest';
import { loadHashing } from '../../fs/hasher.ts';
import type { HashBytes } from '../../hash/digest.ts';
import { chunkBytes } from '../../log/chunk-chain.ts';
import { createMemoryLogFile, createMemoryLogSink, createMemoryLogSource, type MemoryLogFile } from '../../testing/memory-log.ts';
import type { LogSource } from './log-source.ts';
import { pullLog } from './pull-log.ts';
import { verifyLog } from './verify-log.ts';

let hash: HashBytes;
beforeAll(async () => {
  hash = (await loadHashing('fast')).hash;
});

const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => `{"n":${from + index}}\n`).join('');
/** Three and a half chunks, no two alike. */
const long = (): Buffer => {
  const bytes = Buffer.alloc(3.5 * chunkBytes);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  return bytes;
};
const withByteAt = (bytes: Buffer, ...places: readonly number[]): Buffer => {
  const changed = Buffer.from(bytes);
  for (const at of places) changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
};

function world(there: Buffer | undefined, here: Buffer | undefined, beside: ReadonlyMap<string, MemoryLogFile> = new Map()) {
  const file = createMemoryLogFile(there);
  const source = createMemoryLogSource('logs/a.bin', file, { hash, beside });
  const sink = createMemoryLogSink('logs/a.bin', hash, createMemoryLogFile(here));
  return { file, source, sink };
}

const all = long();
const mib = chunkBytes;

describe('verifyLog', () => {
  it.each([
    { title: 'the same bytes', there: all, here: all, outcome: 'equal', chunks: 4, differing: [], asked: 1 },
    { title: 'a source that has grown', there: all, here: all.subarray(0, 2.25 * mib), outcome: 'behind', chunks: 3, differing: [], asked: 1 },
    { title: 'a copy that is not there', there: all, here: undefined, outcome: 'behind', chunks: 0, differing: [], asked: 1 },
    { title: 'two empty files', there: Buffer.alloc(0), here: Buffer.alloc(0), outcome: 'equal', chunks: 0, differing: [], asked: 1 },
    {
      title: 'a source that was cut within a chunk',
      there: all.subarray(0, 1.5 * mib),
      here: all,
      outcome: 'ahead',
      chunks: 2,
      differing: [],
      asked: 2,
    },
    {
      title: 'a source that was cut between chunks',
      there: all.subarray(0, 2 * mib),
      here: all,
      outcome: 'ahead',
      chunks: 2,
      differing: [],
      asked: 1,
    },
    { title: 'no source', there: undefined, here: all, outcome: 'missing', chunks: 0, differing: [], asked: 1 },
    {
      title: 'one byte',
      there: withByteAt(all, 3 * mib),
      here: all,
      outcome: 'differs',
      chunks: 4,
      differing: [{ start: 3 * mib, end: 3.5 * mib }],
      asked: 1,
    },
    {
      title: 'neighbours and another one',
      there: withByteAt(all, 0, mib, 3 * mib + 1),
      here: all,
      outcome: 'differs',
      chunks: 4,
      differing: [
        { start: 0, end: 2 * mib },
        { start: 3 * mib, end: 3.5 * mib },
      ],
      asked: 1,
    },
    {
      title: 'a byte in the last that both have of a source that was cut',
      there: withByteAt(all, 1.25 * mib).subarray(0, 1.5 * mib),
      here: all,
      outcome: 'differs',
      chunks: 2,
      differing: [{ start: mib, end: 1.5 * mib }],
      asked: 2,
    },
    {
      title: 'a byte in the end of a copy that is shorter',
      there: all,
      here: withByteAt(all.subarray(0, 1.5 * mib), 1.25 * mib),
      outcome: 'differs',
      chunks: 2,
      differing: [{ start: mib, end: 1.5 * mib }],
      asked: 1,
    },
  ])('$title: $outcome', async ({ there, here, outcome, chunks, differing, asked }) => {
    const { source, sink } = world(there, here);
    const before = sink.file.bytes;
    expect(await verifyLog({ source, sink })).toEqual([
      {
        copy: 'a.bin',
        isFinished: false,
        generation: undefined,
        outcome,
        copyBytes: here?.length ?? 0,
        sourceBytes: there?.length ?? 0,
        chunks,
        differing,
      },
    ]);
    expect(source.counts).toEqual({ facts: asked, reads: 0, bytesRead: 0 });
    expect(sink).toMatchObject({ writes: 0, cursor: undefined });
    expect(sink.file.bytes).toBe(before);
  });

  it('compares while the log is being pulled', async () => {
    const { source, sink } = world(all, all);
    const taken = await sink.open({ dryRun: false, waitMs: 0 });
    expect(await verifyLog({ source, sink })).toMatchObject([{ outcome: 'equal' }]);
    await taken.release();
  });

  it('refuses an answer about two files', async () => {
    const { file, source, sink } = world(all.subarray(0, 1.5 * mib), all);
    const replacing: LogSource = {
      ...source,
      async facts(request) {
        const facts = await source.facts(request);
        file.inode++;
        return facts;
      },
    };
    await expect(verifyLog({ source: replacing, sink })).rejects.toMatchObject({ code: 'SYNC_SOURCE_CHANGED' });
  });
});

describe('verifyLog of a log that is rotated', () => {
  /** Pulled after each rotation, so that there are two finished copies and a current one. */
  async function rotated() {
    const beside = new Map<string, MemoryLogFile>();
    const made = world(Buffer.from(lines(0, 1_000)), undefined, beside);
    const { file, source, sink } = made;
    const rotate = async (from: number, pulled: boolean): Promise<void> => {
      const last = beside.get('a.bin.1');
      if (last !== undefined) beside.set('a.bin.2', last);
      beside.set('a.bin.1', { bytes: file.bytes, inode: file.inode });
      file.bytes = Buffer.from(lines(from, from + 1_000));
      file.inode++;
      if (pulled) await pullLog({ source, sink });
    };
    await pullLog({ source, sink });
    await rotate(1_000, true);
    await rotate(2_000, true);
    return { ...made, beside, rotate };
  }
  const outcomes = async ({ source, sink }: ReturnType<typeof world>) =>
    (await verifyLog({ source, sink })).map(({ isFinished, generation, outcome }) => ({ isFinished, generation, outcome }));

  it('compares each copy with its own generation, under whatever name that has', async () => {
    expect(await outcomes(await rotated())).toEqual([
      { isFinished: false, generation: undefined, outcome: 'equal' },
      { isFinished: true, generation: 'a.bin.2', outcome: 'equal' },
      { isFinished: true, generation: 'a.bin.1', outcome: 'equal' },
    ]);
  });

  it('compares a current copy with the generation that it has become, if that was not pulled yet', async () => {
    const made = await rotated();
    await made.rotate(3_000, false);
    expect((await outcomes(made))[0]).toEqual({ isFinished: false, generation: 'a.bin.1', outcome: 'equal' });
  });

  it('names what differs from the generation that begins alike, or is as long', async () => {
    const made = await rotated();
    const changed = (name: string, at: number): void => {
      const found = made.beside.get(name);
      if (found?.bytes !== undefined) found.bytes = withByteAt(found.bytes as Buffer, at);
    };
    changed('a.bin.2', 6_000);
    changed('a.bin.1', 10);
    expect((await outcomes(made)).slice(1)).toEqual([
      { isFinished: true, generation: 'a.bin.2', outcome: 'differs' },
      { isFinished: true, generation: 'a.bin.1', outcome: 'differs' },
    ]);
  });

  it('says which copies have nothing any more to be compared with', async () => {
    const made = await rotated();
    made.beside.delete('a.bin.2');
    expect((await outcomes(made)).slice(1)).toEqual([
      { isFinished: true, generation: undefined, outcome: 'unmatched' },
      { isFinished: true, generation: 'a.bin.1', outcome: 'equal' },
    ]);
  });

  it('leaves out the generations that stand before the current one in the same file', async () => {
    const { file, source, sink } = world(Buffer.from(lines(0, 10)), undefined, new Map());
    const beside = new Map<string, MemoryLogFile>();
    const from = createMemoryLogSource(source.name, file, { hash, beside });
    await pullLog({ source: from, sink });
    beside.set('a.bin.1', { ...file });
    file.bytes = Buffer.from(lines(10, 15));
    file.inode++;
    await pullLog({ source: from, sink, onRotate: 'concatenate' });
    expect(await verifyLog({ source: from, sink })).toMatchObject([{ outcome: 'equal', copyBytes: 5 * '{"n":10}\n'.length }]);
  });
});
