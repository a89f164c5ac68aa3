import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHashing } from '../../fs/hasher.ts';
import type { HashBytes } from '../../hash/digest.ts';
import { createMemoryLogFile, createMemoryLogSink, createMemoryLogSource, type MemoryLogFile } from '../../testing/memory-log.ts';
import { pullLog } from './pull-log.ts';
import type { LogReport, PullLogOptions } from './report.ts';
import { collected, createLogWriter, death, dyingSink, interrupted } from './test-support/log-writer.ts';

const seed = 20_261_122;
const runs = Number(process.env['PROPERTY_RUNS'] ?? 1_000);
const name = 'mission.jsonl';
let hash: HashBytes;
beforeAll(async () => {
  hash = (await loadHashing('fast')).hash;
});

function createWorld() {
  const writer = createLogWriter(name);
  const sink = createMemoryLogSink(name, hash);
  const source = createMemoryLogSource(name, writer.file, { hash, pieceBytes: 500, beside: writer.beside });
  return {
    writer,
    sink,
    source,
    pull: (options: Partial<PullLogOptions> = {}): Promise<LogReport> => pullLog({ source, sink, ...options }),
  };
}

describe('a log that was rotated', () => {
  it('is finished from its renamed file, then the new one is begun; the copy is kept under a name of its own', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    writer.append(2);
    writer.rename();
    writer.append(4);
    const report = await pull();
    expect(report).toMatchObject({ outcome: 'rotated', fromByte: 0, lines: 6, gap: undefined, unread: [] });
    expect(report.finished).toMatchObject([{ name: `${name}.1`, keptAs: `${name}.20260101T000001Z.g1` }]);
    expect([...sink.kept.keys()]).toEqual([`${name}.20260101T000001Z.g1`]);
    expect(collected(sink)).toBe(writer.lines());
    expect((await pull()).outcome).toBe('up-to-date');
    writer.append(1);
    expect((await pull()).outcome).toBe('appended');
    expect(collected(sink)).toBe(writer.lines());
  });

  it('is noticed by its bytes where nothing is to be proved', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    writer.rename();
    writer.append(9);
    expect(await pull({ verify: 'off' })).toMatchObject({ outcome: 'rotated', lines: 9 });
    expect(collected(sink)).toBe(writer.lines());
  });

  it('goes on in one file where that is wanted', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    writer.rename();
    writer.append(4);
    expect(await pull({ onRotate: 'concatenate' })).toMatchObject({ outcome: 'rotated', finished: [{ keptAs: undefined }] });
    writer.append(1);
    expect((await pull({ onRotate: 'concatenate' })).outcome).toBe('appended');
    writer.rename();
    writer.append(2);
    await pull({ onRotate: 'concatenate', verify: 'full' });
    expect(sink.kept.size).toBe(0);
    expect(collected(sink)).toBe(writer.lines());
    expect((await pull({ verify: 'full' })).outcome).toBe('up-to-date');
    sink.file.bytes = sink.file.bytes?.slice(0, 50);
    expect((await pull()).outcome).toBe('local-changed');
  });

  it('is not finished before something is in the new file: until then the writer may go on in the old one', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    writer.rename();
    expect(await pull()).toMatchObject({ outcome: 'up-to-date', finished: [] });
    const old = writer.beside.get(`${name}.1`) as MemoryLogFile;
    old.bytes = Buffer.concat([old.bytes as Uint8Array, Buffer.from('{"late":true}\n')]);
    expect(await pull()).toMatchObject({ outcome: 'appended', lines: 1, finished: [] });
    writer.append(1);
    expect(await pull()).toMatchObject({ outcome: 'rotated', lines: 1 });
    expect(collected(sink).split('\n').length).toBe(6);
  });

  for (const dated of [false, true]) {
    it(`several times between two pulls comes whole, in order (${dated ? 'dated' : 'counted'})`, async () => {
      const { writer, sink, pull } = createWorld();
      writer.append(3);
      await pull();
      for (let round = 0; round < 12; round++) {
        writer.append(2);
        writer.rename(dated);
      }
      writer.append(1);
      const report = await pull();
      expect(report).toMatchObject({ outcome: 'rotated', lines: 25, gap: undefined });
      expect(report.finished.length).toBe(12);
      expect(sink.kept.size).toBe(12);
      expect(collected(sink)).toBe(writer.lines());
    });
  }

  it('by copying and truncating: the copy is found, and that something may be missing is said', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    writer.append(2);
    writer.copyTruncate();
    writer.append(1);
    expect(await pull()).toMatchObject({ outcome: 'copy-truncated', gap: 'copied', lines: 3 });
    expect(collected(sink)).toBe(writer.lines());
  });

  it('by copying and truncating, after the copy was made and before the truncation it was pulled: what we have then is more', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(30);
    const copy = writer.file.bytes?.slice();
    writer.append(2);
    await pull();
    const before = writer.lines();
    writer.copyTruncate();
    (writer.beside.get(`${name}.1`) as MemoryLogFile).bytes = copy;
    writer.append(1);
    expect(await pull()).toMatchObject({ outcome: 'copy-truncated', gap: 'copied', lines: 1 });
    expect(collected(sink)).toBe(writer.lines());
    expect(collected(sink).startsWith(before)).toBe(true);
  });

  it('and packed before it was pulled is left alone, and the packed one is named', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    const had = collected(sink);
    writer.rename();
    writer.pack(`${name}.1`);
    writer.append(1);
    expect(await pull()).toMatchObject({ outcome: 'truncated', unread: [`${name}.1.gz`] });
    expect(collected(sink)).toBe(had);
    expect(await pull({ onFork: 'keep-and-restart' })).toMatchObject({ outcome: 'truncated', gap: 'unknown', lines: 1, finished: [{ name }] });
    expect(collected(sink)).toBe(writer.lines());
    expect((await pull()).outcome).toBe('up-to-date');
  });

  it('with a packed generation between is taken as far as it can be read, and the gap is told', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    writer.rename();
    writer.append(2);
    writer.rename();
    writer.append(1);
    writer.pack(`${name}.1`);
    expect(await pull()).toMatchObject({ outcome: 'rotated', gap: 'unread', unread: [`${name}.1.gz`] });
    expect(collected(sink).split('\n').length).toBe(5);
  });

  it('before anything of it was pulled by us is adopted from its renamed file', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    sink.file.bytes = writer.file.bytes?.slice(0, 100);
    writer.rename();
    writer.append(2);
    expect(await pull()).toMatchObject({ outcome: 'rotated', lines: 3 });
    expect(collected(sink)).toBe(writer.lines());
  });

  it('is shown by a dry run, which changes nothing', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    const [had, { writes }] = [collected(sink), sink];
    writer.append(1);
    writer.rename();
    writer.append(2);
    writer.rename();
    writer.append(1);
    const report = await pull({ dryRun: true });
    expect(report).toMatchObject({ outcome: 'rotated', fromByte: 0, toByte: writer.file.bytes?.length, lines: undefined, dryRun: true });
    expect(report.finished).toMatchObject([
      { name: `${name}.2`, fromByte: had.length },
      { name: `${name}.1`, fromByte: 0 },
    ]);
    expect([collected(sink), sink.writes]).toEqual([had, writes]);
  });

  it('that another file was put in its place is no rotation', async () => {
    const { writer, sink, pull } = createWorld();
    writer.append(3);
    await pull();
    const had = collected(sink);
    writer.file.bytes = Buffer.from('{"other":1}\n'.repeat(50));
    writer.beside.set(`${name}.1`, createMemoryLogFile(Buffer.from('{"another":1}\n'.repeat(50))));
    expect((await pull()).outcome).toBe('forked');
    expect(collected(sink)).toBe(had);
  });
});

type Deed = 'append' | 'rename' | 'dated' | 'copy' | 'pull';

describe(`however a log is written, rotated and pulled (seed ${seed})`, () => {
  const deeds = (kinds: readonly Deed[]) =>
    fc.array(fc.record({ deed: fc.constantFrom(...kinds), size: fc.integer({ min: 0, max: 9 }), at: fc.array(fc.nat(25), { maxLength: 3 }) }), {
      minLength: 1,
      maxLength: 25,
    });
  const laws: readonly (readonly [string, readonly Deed[]])[] = [
    ['by number', ['append', 'rename', 'pull', 'pull']],
    ['by date', ['append', 'dated', 'pull', 'pull']],
    ['by copying', ['append', 'copy', 'pull', 'pull']],
  ];
  for (const [how, kinds] of laws) {
    for (const onRotate of ['new-file', 'concatenate'] as const) {
      it(`every line is there once and in order, also where it is rotated during a pull and pulls die (${how}, ${onRotate})`, async () => {
        await fc.assert(
          fc.asyncProperty(deeds(kinds), fc.array(fc.nat(12), { maxLength: 6 }), async (steps, deaths) => {
            const world = createWorld();
            const { writer, sink } = world;
            const rotate = (deed: Deed): void => {
              if (deed === 'rename') writer.rename();
              if (deed === 'dated') writer.rename(true);
              if (deed === 'copy') writer.copyTruncate();
            };
            writer.append(1);
            await world.pull({ onRotate });
            const dying = [...deaths];
            for (const { deed, size, at } of steps) {
              if (deed === 'append') writer.append(size);
              else if (deed !== 'pull') rotate(deed);
              else {
                const source = interrupted(world.source, at, (nth) => {
                  if (nth % 2 === 1) rotate(kinds[1] as Deed);
                  writer.append(size + 1);
                });
                const mortal = dyingSink(sink, dying.shift());
                await pullLog({ source, sink: mortal, onRotate }).catch((error: unknown) => {
                  if (error !== death) throw error;
                });
              }
              const have = collected(sink);
              const all = writer.lines();
              if (!all.startsWith(have.slice(0, have.lastIndexOf('\n') + 1))) throw new Error(`not what was written:\n${have}\n---\n${all}`);
            }
            writer.append(1);
            const last = await world.pull({ onRotate });
            expect(['appended', 'rotated', 'copy-truncated']).toContain(last.outcome);
            expect(collected(sink)).toBe(writer.lines());
            expect((await world.pull({ onRotate })).outcome).toBe('up-to-date');
          }),
          { seed, numRuns: Math.max(1, Math.floor(runs / 3)) },
        );
      });
    }
  }
});
