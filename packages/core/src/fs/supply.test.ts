import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ContentNeed, ContentPart } from '../engine/replica.ts';
import { createNodeDisk } from './node-disk.ts';
import { at, useWorkplaces, type Workplace } from './test-support/workplace.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const workplace = useWorkplaces();

function need(place: Workplace, path: string, content: string | Uint8Array, fromByte = 0): ContentNeed {
  const { digest, sizeBytes } = place.file(content);
  return { path: at(path), digest, sizeBytes, fromByte };
}

interface Supplied {
  readonly contents: readonly string[];
  readonly ends: readonly unknown[];
  readonly batches: readonly (readonly ContentPart[])[];
}

async function collect(parts: AsyncIterable<readonly ContentPart[]>, count: number): Promise<Supplied> {
  const contents = Array.from({ length: count }, () => '');
  const ends: unknown[] = Array.from({ length: count });
  const batches: ContentPart[][] = [];
  for await (const batch of parts) {
    const copied = batch.map((part) => ({ ...part, bytes: part.bytes.slice() }));
    batches.push(copied);
    for (const { need: index, bytes, end } of copied) {
      expect(ends[index]).toBe(undefined);
      contents[index] += Buffer.from(bytes).toString('latin1');
      ends[index] = end === undefined || end === 'ok' ? end : end.code;
    }
  }
  return { contents, ends, batches };
}

const kibibyte = 1024;

describe('what was scanned is what is sent', () => {
  it('in the order asked for, small files together, large ones in pieces, each with its end', async () => {
    const place = await workplace();
    const sizes = [0, 1, 255 * kibibyte, 256 * kibibyte, 256 * kibibyte + 1, 2048 * kibibyte, 3000 * kibibyte + 7, 5];
    const texts = sizes.map((size, index) => String.fromCharCode(97 + index).repeat(size));
    for (const [index, text] of texts.entries()) {
      place.write(`d${index % 3}/f${index}`, text);
      place.scan(`d${index % 3}/f${index}`);
    }
    const needs = texts.map((text, index) => need(place, `d${index % 3}/f${index}`, text));
    const { contents, ends, batches } = await collect(place.supply(needs), needs.length);
    expect(contents.map((text, index) => text === texts[index])).toEqual(sizes.map(() => true));
    expect(ends).toEqual(sizes.map(() => 'ok'));
    expect(batches.map((batch) => batch.map(({ need: index }) => index).join())).toEqual(['0,1,2,3', '4', '5', '5', '6', '6', '6', '7']);
    expect(Math.max(...batches.map((batch) => batch.reduce((sum, { bytes }) => sum + bytes.length, 0)))).toBeLessThanOrEqual(kibibyte * kibibyte);
  });

  it('from the byte on that is lacking, the digest being that of the whole', async () => {
    const place = await workplace();
    const text = 'abcdefgh'.repeat(400 * kibibyte);
    place.write('x', text);
    place.scan('x');
    const fromByte = 1_234_567;
    const { contents, ends } = await collect(place.supply([need(place, 'x', text, fromByte)]), 1);
    expect(contents[0] === text.slice(fromByte)).toBe(true);
    expect(ends).toEqual(['ok']);
    place.write('x', `X${text.slice(1)}`);
    expect((await collect(place.supply([need(place, 'x', text, fromByte)]), 1)).ends).toEqual(['SYNC_SOURCE_CHANGED']);
  });

  for (const size of [10, 600 * kibibyte]) {
    it(`a file of ${size} bytes that only grew is sent as it was scanned`, async () => {
      const place = await workplace();
      const text = 'l'.repeat(size);
      place.write('x', text);
      place.scan('x');
      appendFileSync(join(place.path, 'x'), 'one more line\n');
      const { contents, ends } = await collect(place.supply([need(place, 'x', text)]), 1);
      expect([contents[0] === text, ends]).toEqual([true, ['ok']]);
    });

    it(`a file of ${size} bytes that changed, shrank or went is not sent as if it were whole`, async () => {
      const place = await workplace();
      const text = 'l'.repeat(size);
      for (const name of ['changed', 'shrunk', 'gone', 'folder', 'link', 'fine']) {
        place.write(name, text);
        place.scan(name);
      }
      place.write('changed', `${text.slice(1)}x`);
      place.write('shrunk', text.slice(1));
      for (const name of ['gone', 'folder', 'link']) place.remove(name);
      place.makeDirectory('folder');
      place.link('link', 'fine');
      const names = ['changed', 'shrunk', 'gone', 'folder', 'link', 'fine'];
      const { ends, contents } = await collect(place.supply(names.map((name) => need(place, name, text))), names.length);
      expect(ends).toEqual([...Array.from({ length: 5 }, () => 'SYNC_SOURCE_CHANGED'), 'ok']);
      expect(contents[5] === text).toBe(true);
    });
  }

  it('a file that changes while it is read is found out at its end', async () => {
    let reads = 0;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'file.read' && ++reads === 2) writeFileSync(join(place.path, 'x'), 'L'.repeat(3000 * kibibyte));
      }),
    });
    const text = 'l'.repeat(3000 * kibibyte);
    place.write('x', text);
    place.scan('x');
    expect((await collect(place.supply([need(place, 'x', text)]), 1)).ends).toEqual(['SYNC_SOURCE_CHANGED']);
  });
});

describe('what is not to be sent', () => {
  it('nothing out of scope is opened, whoever asks', async () => {
    const opened: string[] = [];
    const place = await workplace({
      settings: { scope: { include: [], exclude: ['models/'], guard: ['*.vessel'] } },
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'openFile') opened.push(name);
      }),
    });
    const names = ['a_state.json', 'models/m', 'x.vessel', '.ubos-sync/replica.json', '', 'fine'];
    for (const name of names) if (name !== '') place.write(name, 'secret');
    place.scan('fine');
    opened.length = 0;
    const { ends, contents } = await collect(place.supply(names.map((name) => need(place, name, 'secret'))), names.length);
    expect(ends).toEqual([...Array.from({ length: 5 }, () => 'SYNC_OUT_OF_SCOPE'), 'ok']);
    expect(contents).toEqual(['', '', '', '', '', 'secret']);
    expect(opened).toEqual(['fine']);
  });

  it('a folder that became a link is not followed', async () => {
    const place = await workplace();
    const outside = await workplace();
    outside.write('sub/x', 'secret');
    place.write('sub/x', 'secret');
    place.scan('sub/x');
    renameSync(join(place.path, 'sub'), join(place.path, 'was'));
    symlinkSync(join(outside.path, 'sub'), join(place.path, 'sub'));
    expect((await collect(place.supply([need(place, 'sub/x', 'secret')]), 1)).ends).toEqual(['SYNC_SOURCE_CHANGED']);
  });

  it('a pipe that is no file in the index is not opened, one that took the place of a file does not block', async () => {
    const opened: string[] = [];
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'openFile') opened.push(name);
      }),
    });
    opened.length = 0;
    execFileSync('mkfifo', [join(place.path, 'pipe')]);
    place.write('was', 'file');
    place.scan('was');
    place.remove('was');
    execFileSync('mkfifo', [join(place.path, 'was')]);
    const { ends } = await collect(place.supply([need(place, 'pipe', 'x'), need(place, 'was', 'file')]), 2);
    expect(ends).toEqual(['SYNC_SOURCE_CHANGED', 'SYNC_SOURCE_CHANGED']);
    expect(opened).toEqual(['was']);
  });

  it('a file that may not be read is told so, and one on a bad disk, too', async () => {
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'openFile' && name === 'denied') throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
        if (call === 'file.read' && name.startsWith('bad')) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      }),
    });
    const large = 'l'.repeat(3000 * kibibyte);
    const texts = { denied: 'text', bad: 'text', badLarge: large, fine: 'text' };
    for (const [name, text] of Object.entries(texts)) {
      place.write(name, text);
      place.scan(name);
    }
    const needs = Object.entries(texts).map(([name, text]) => need(place, name, text));
    expect((await collect(place.supply(needs), needs.length)).ends).toEqual(['SYNC_DENIED', 'SYNC_IO', 'SYNC_IO', 'ok']);
  });

  it('an abort ends it, and so does whoever stops asking; no folder stays open', async () => {
    let held = 0;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call }) => {
        if (call === 'openDirectory') held++;
        if (call === 'close') held--;
      }),
    });
    mkdirSync(join(place.path, 'd'));
    const text = 'l'.repeat(3000 * kibibyte);
    for (const name of ['d/a', 'd/b']) {
      place.write(name, text);
      place.scan(name);
    }
    const needs = ['d/a', 'd/b'].map((name) => need(place, name, text));
    const before = held;
    for await (const parts of place.supply(needs)) {
      expect(parts.length).toBe(1);
      break;
    }
    expect(held).toBe(before);
    const controller = new AbortController();
    const aborted = (async () => {
      for await (const parts of place.supply(needs, controller.signal)) if (parts[0]?.end === 'ok') controller.abort(new Error('stop'));
    })();
    await expect(aborted).rejects.toThrow('stop');
    expect(held).toBe(before);
  });
});

it('a small file costs an open, a read and a close', async () => {
  const counts = new Map<string, number>();
  const place = await workplace({ disk: wrapDisk(createNodeDisk(), ({ call }) => void counts.set(call, (counts.get(call) ?? 0) + 1)) });
  const names = Array.from({ length: 100 }, (_, index) => `d${index >> 5}/f${index}`);
  for (const name of names) {
    place.write(name, name);
    place.scan(name);
  }
  counts.clear();
  await collect(place.supply(names.map((name) => need(place, name, name))), names.length);
  expect(Object.fromEntries(counts)).toEqual({ openDirectory: 4, openFile: 100, 'file.read': 100, 'file.close': 100, close: 4 });
});
