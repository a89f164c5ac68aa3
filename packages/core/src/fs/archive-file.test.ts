import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveCommit } from '../engine/archive-store.ts';
import type { AncestorChange } from '../reconcile/ancestor.ts';
import { dir, file, path } from '../testing/trees.ts';
import { createNodeDisk } from './node-disk.ts';
import { pairFileName } from './pair-file-name.ts';
import { encodeHeader } from './record-file.ts';
import { failingDisk, stoppingDisk } from './test-support/faulty-disk.ts';
import { type ArchiveBench, ancestorAfter, commitTo, createArchiveBench, linesOf, pair, settings } from './test-support/pair-archives.ts';

const first: ArchiveCommit = { generation: 1, changes: [set('', dir()), set('a', file('one')), set('b', dir())], settings, durability: 'full' };
const second: ArchiveCommit = { generation: 2, changes: [set('b/c', file('two')), set('a', undefined)], durability: 'full' };
/** Outgrows any snapshot before it. */
const large: ArchiveCommit = {
  generation: 2,
  changes: Array.from({ length: 60 }, (_, index) => set(`b/${index}`, file(`${index}`))),
  durability: 'full',
};
const third: ArchiveCommit = { generation: 3, changes: [{ path: path('b/c'), alpha: file('two'), beta: undefined }], durability: 'full' };

const name = pairFileName(pair, 'archive');
let bench: ArchiveBench;

beforeEach(() => {
  bench = createArchiveBench();
});

afterEach(() => {
  bench.close();
});

describe('a pair that was never synced', () => {
  it('has no head and an empty ancestor, and looking writes nothing', async () => {
    const archive = bench.open();
    expect(await archive.status()).toEqual({ head: undefined, damaged: false, pending: undefined, journal: [] });
    expect(await archive.load()).toEqual({ alpha: undefined, beta: undefined });
    await archive.discard();
    expect(readdirSync(bench.path)).toEqual([]);
  });

  it('begins with generation 1, and with settings', async () => {
    const archive = bench.open();
    await expect(archive.prepare(second)).rejects.toMatchObject({ code: 'SYNC_ARCHIVE_DAMAGED' });
    await expect(archive.prepare({ ...first, settings: undefined })).rejects.toMatchObject({ code: 'SYNC_ARCHIVE_DAMAGED' });
    expect(readdirSync(bench.path)).toEqual([]);
  });

  it('has a pending generation until that is committed', async () => {
    const archive = bench.open();
    await archive.prepare(first);
    const { pending, head } = await bench.open().status();
    expect({ head, generation: pending?.generation }).toEqual({ head: undefined, generation: 1 });
    await archive.commit(1);
    expect(await bench.open().status()).toMatchObject({
      head: { generation: 1, digest: pending?.digest, settings: settings.value, settingsBy: settings.by },
      pending: undefined,
    });
    expect(readdirSync(bench.path)).toEqual([name]);
  });
});

describe('commits', () => {
  it('are one small record and its commit mark, however large the tree', async () => {
    const many = Array.from({ length: 2000 }, (_, index) => set(`file-${String(index).padStart(4, '0')}`, file(`content ${index}`)));
    await commitTo(bench.open({ logBytesMin: 0 }), { ...first, changes: [set('', dir()), ...many] });
    const before = readFileSync(join(bench.path, name)).length;
    const disk = stoppingDisk(createNodeDisk(), 0);
    await commitTo(bench.open({ disk }), { generation: 2, changes: [set('file-0001', file('new'))], durability: 'full' });
    expect(before).toBeGreaterThan(50_000);
    expect(readFileSync(join(bench.path, name)).length - before).toBeLessThan(600);
    // Cut off what is torn, append, sync; append, sync.
    expect(disk.writes()).toBeLessThanOrEqual(6);
  });

  it('are written anew as one snapshot when they have outgrown it, with the same generation and digest', async () => {
    const [compact, growing] = [bench.open({ logBytesMin: 0 }), createArchiveBench()];
    const long = growing.open({ logBytesMin: 1_000_000 });
    for (let generation = 1; generation <= 40; generation++) {
      const commit = { ...first, generation, changes: generation === 1 ? first.changes : [set('a', file(`${generation}`))] };
      await commitTo(compact, commit);
      await commitTo(long, commit);
    }
    expect((await bench.open().status()).head).toEqual((await growing.open().status()).head);
    expect(await bench.open().load()).toEqual(await growing.open().load());
    expect(readFileSync(join(bench.path, name)).length * 3).toBeLessThan(readFileSync(join(growing.path, name)).length);
    growing.close();
  });

  it('fail with the reason where they cannot be written, and leave the archive as it was; what was committed stands, whatever fails after it', async () => {
    for (const errno of ['ENOSPC', 'EIO']) {
      for (let fail = 1, failed = true; failed; fail++) {
        bench.clear();
        await commitTo(bench.open(), first);
        const error: unknown = await commitTo(bench.open({ logBytesMin: 0, disk: failingDisk(createNodeDisk(), fail, errno) }), large).catch(
          (reason: unknown) => reason,
        );
        const found = bench.open();
        const { head, pending, damaged } = await found.status();
        expect(damaged).toBe(false);
        if (error === undefined) expect({ generation: head?.generation, pending }).toEqual({ generation: 2, pending: undefined });
        else {
          expect(error).toMatchObject({
            code: errno === 'ENOSPC' ? 'SYNC_NO_SPACE' : 'SYNC_IO',
            message: expect.stringMatching(/^unable to (prepare|commit) a generation of the archive: E/) as string,
          });
          expect(head?.generation).toBe(1);
        }
        expect(linesOf(await found.load())).toEqual(linesOf(ancestorAfter(error === undefined ? [first, large] : [first])));
        // Nothing is left lying about, and the next run gets through.
        if (pending !== undefined) await found.discard();
        const next = { ...second, generation: error === undefined ? 3 : 2 };
        await commitTo(found, next);
        expect(readdirSync(bench.path)).toEqual([name]);
        failed = fail < 16;
      }
    }
  });

  it('have to follow the head', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    await expect(archive.prepare(third)).rejects.toMatchObject({
      code: 'SYNC_ARCHIVE_DAMAGED',
      message: expect.stringContaining('3 does not follow 1') as string,
    });
    await expect(archive.commit(2)).rejects.toMatchObject({ code: 'SYNC_ARCHIVE_DAMAGED' });
    await archive.commit(1);
  });

  it('can be prepared again: the last one counts', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    await archive.prepare({ ...second, changes: [set('a', file('not this'))] });
    await archive.prepare(second);
    await archive.commit(2);
    expect(linesOf(await bench.open().load())).toEqual(linesOf(ancestorAfter([first, second])));
  });

  it('of another process are seen, also by an object that has read before', async () => {
    const reader = bench.open();
    await reader.load();
    const writer = bench.open();
    for (const commit of [first, second, third]) {
      await commitTo(writer, commit);
      expect((await reader.status()).head?.generation).toBe(commit.generation);
      expect(linesOf(await reader.load())).toEqual(linesOf(await writer.load()));
    }
  });

  it('keep names that begin with a byte order mark, which decoders like to drop', async () => {
    const marked = [set('\ufeffname', file('one')), set(`\ufeff${'long'.repeat(30)}`, file('two'))];
    await commitTo(bench.open(), { ...first, changes: [set('', dir())] });
    await commitTo(bench.open(), { generation: 2, changes: marked, durability: 'full' });
    expect(linesOf(await bench.open().load()).filter((line) => line.includes('\ufeff'))).toHaveLength(2);
  });

  it('are bytes that do not depend on the version of a packer: these are generation 3', async () => {
    const archive = bench.open();
    for (const commit of [first, second, third]) await commitTo(archive, commit);
    // If this fails after an upgrade, the two ends of a pair would disagree while one of them is older: raise the format version.
    expect((await archive.status()).head?.digest).toBe('df3fac1458e5df5375c3b73e15e9ec980ad1bdb05426e2c2d8d7feedee8bbf57');
  });
});

describe('beginning anew', () => {
  it('keeps the old archive until the first new generation is committed', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    await commitTo(archive, second);
    const old = (await archive.status()).head;
    const anew = { ...first, changes: [set('', dir()), set('z', file('z'))] };
    await archive.prepare(anew);
    expect(await bench.open().status()).toMatchObject({ head: old, pending: { generation: 1 } });
    await bench.open().discard();
    expect(await bench.open().status()).toMatchObject({ head: old, pending: undefined });
    await commitTo(bench.open(), anew);
    expect(linesOf(await archive.load())).toEqual(linesOf(ancestorAfter([anew])));
    expect((await archive.status()).head?.generation).toBe(1);
  });

  it('replaces a damaged archive, and leaves it as it is until then', async () => {
    await commitTo(bench.open(), first);
    writeFileSync(join(bench.path, name), 'rubbish');
    const archive = bench.open();
    expect(await archive.status()).toMatchObject({ head: undefined, damaged: true, pending: undefined });
    await archive.prepare(first);
    expect(readFileSync(join(bench.path, name), 'utf8')).toBe('rubbish');
    await archive.commit(1);
    expect(await bench.open().status()).toMatchObject({ head: { generation: 1 }, damaged: false });
  });
});

describe('a file that is not what it should be', () => {
  it('of a newer program is refused by name, and not touched', async () => {
    writeFileSync(join(bench.path, name), Buffer.concat([encodeHeader('archive', 1_000_000), Buffer.from('who knows')]));
    await expect(bench.open().status()).rejects.toMatchObject({ code: 'SYNC_ARCHIVE_NEWER' });
    await expect(bench.open().prepare(first)).rejects.toMatchObject({ code: 'SYNC_ARCHIVE_NEWER' });
  });

  it('of another pair is damaged', async () => {
    await commitTo(bench.open(), first);
    const other = { ...pair, profile: 'other' };
    writeFileSync(join(bench.path, pairFileName(other, 'archive')), readFileSync(join(bench.path, name)));
    expect(await bench.open({ pair: other }).status()).toMatchObject({ head: undefined, damaged: true });
  });

  it('that lost part of a commit in a power cut, while the next delta was on its way, has that generation pending', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    await archive.prepare(second);
    const { pending } = await archive.status();
    const start = readFileSync(join(bench.path, name)).length;
    await archive.commit(2);
    const end = readFileSync(join(bench.path, name)).length;
    await archive.prepare(third);
    const whole = readFileSync(join(bench.path, name));
    for (let from = start; from < end; from += 4) {
      // Its delta is there whole, or torn, too.
      for (const size of [whole.length, whole.length - 8]) {
        const torn = Buffer.from(whole).fill(0, from, end).subarray(0, size);
        writeFileSync(join(bench.path, name), torn);
        expect(await bench.open().status()).toMatchObject({ head: { generation: 1 }, damaged: false, pending });
      }
    }
    await bench.open().commit(2);
    await commitTo(bench.open(), third);
    expect(await bench.open().status()).toMatchObject({ head: { generation: 3 }, pending: undefined });
    writeFileSync(join(bench.path, name), Buffer.from(readFileSync(join(bench.path, name))).fill(0, end - 8, end));
    // The generation behind it is committed, so this one was on the disk.
    expect(await bench.open().status()).toMatchObject({ head: undefined, damaged: true });
  });

  it('that grew without its data (a power cut) has lost the end that was not synced, and no more', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    const { head } = await archive.status();
    writeFileSync(join(bench.path, name), Buffer.concat([readFileSync(join(bench.path, name)), Buffer.alloc(5000)]));
    expect(await bench.open().status()).toMatchObject({ head, damaged: false });
    await commitTo(bench.open(), second);
    expect(linesOf(await bench.open().load())).toEqual(linesOf(ancestorAfter([first, second])));
  });
});

describe('the journal of a pair', () => {
  it('is told by the status until a commit covers it', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    const change = set('a', file('achieved'));
    archive.journal.append([{ run: 'run-1', change }]);
    expect((await bench.open().status()).journal).toEqual([change]);
    await archive.prepare(second);
    expect((await bench.open().status()).journal).toEqual([change]);
    await archive.commit(2);
    expect((await bench.open().status()).journal).toEqual([]);
    expect(readdirSync(bench.path)).toEqual([name]);
  });

  it('does not outlive its generation, though it was never cleared', async () => {
    const archive = bench.open();
    await commitTo(archive, first);
    archive.journal.append([{ run: 'run-1', change: set('a', file('achieved')) }]);
    const journalName = pairFileName(pair, 'journal');
    const left = readFileSync(join(bench.path, journalName));
    await commitTo(archive, second);
    writeFileSync(join(bench.path, journalName), left);
    expect((await bench.open().status()).journal).toEqual([]);
    const change = set('b', undefined);
    bench.open().journal.append([{ run: 'run-2', change }]);
    expect((await bench.open().status()).journal).toEqual([change]);
  });
});

function set(at: string, entry: AncestorChange['alpha']): AncestorChange {
  return { path: path(at), alpha: entry, beta: entry };
}
