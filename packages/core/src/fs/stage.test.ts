import { execFileSync } from 'node:child_process';
import { closeSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ContentNeed, ContentPart, ContentRequest } from '../engine/replica.ts';
import { contentName } from './content-name.ts';
import { createNodeDisk } from './node-disk.ts';
import { at, change, sendTexts, useWorkplaces, type Workplace } from './test-support/workplace.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const workplace = useWorkplaces();

function request(place: Workplace, path: string, content: string | Uint8Array): ContentRequest {
  const { digest, sizeBytes } = place.file(content);
  return { path: at(path), digest, sizeBytes };
}

function nameOf(place: Workplace, content: string | Uint8Array): string {
  const { digest, sizeBytes } = place.file(content);
  return contentName(digest, sizeBytes);
}

const mebibyte = 1024 ** 2;

/** Bytes that differ everywhere, the same each time. */
function bytes(length: number): Uint8Array {
  const all = new Uint8Array(length);
  for (let index = 0, state = 1; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    all[index] = state >>> 24;
  }
  return all;
}

async function* inPieces(content: Uint8Array, pieceBytes: number, fromByte: number): AsyncIterable<readonly ContentPart[]> {
  for (let start = fromByte; start < content.length; start += pieceBytes) {
    await Promise.resolve();
    const end = start + pieceBytes >= content.length ? 'ok' : undefined;
    yield [{ need: 0, bytes: content.subarray(start, start + pieceBytes), end }];
  }
}

const refuseAll = (): AsyncIterable<readonly ContentPart[]> => {
  throw new Error('nothing should have been asked for');
};

describe('what is here already is not asked for', () => {
  it('an empty content', async () => {
    const place = await workplace();
    expect(await place.stageFrom([request(place, 'x', '')], refuseAll)).toEqual([{ staged: true, receivedBytes: 0 }]);
    await place.transition([change('x', undefined, place.file(''))]);
    expect(place.read('x')).toBe('');
  });

  for (const size of [5, 3 * mebibyte]) {
    it(`a content that some file of the tree has, ${size} bytes`, async () => {
      const place = await workplace();
      const content = bytes(size);
      place.write('deep/original', content);
      place.scan('deep/original');
      expect(await place.stageFrom([request(place, 'x', content)], refuseAll)).toEqual([{ staged: true, receivedBytes: 0 }]);
      await place.transition([change('x', undefined, place.file(content))]);
      expect(readFileSync(join(place.path, 'x')).equals(content)).toBe(true);
    });

    it(`but not a file that the index is wrong about, ${size} bytes`, async () => {
      const place = await workplace();
      const content = bytes(size);
      place.write('original', content);
      place.scan('original');
      const other = content.slice();
      other[size - 1] = (other[size - 1] ?? 0) ^ 1;
      place.write('original', other);
      expect(await place.stage({ x: content })).toEqual([{ staged: true, receivedBytes: size }]);
      await place.transition([change('x', undefined, place.file(content))]);
      expect(readFileSync(join(place.path, 'x')).equals(content)).toBe(true);
    });
  }

  it('a content that was staged and not used, in this process or a later one', async () => {
    const place = await workplace();
    await place.stage({ x: 'content' });
    expect(await place.stageFrom([request(place, 'y', 'content')], refuseAll)).toEqual([{ staged: true, receivedBytes: 0 }]);
    place.restart();
    expect(await place.stageFrom([request(place, 'y', 'content')], refuseAll)).toEqual([{ staged: true, receivedBytes: 0 }]);
  });

  it('the same content for several paths is asked for once', async () => {
    const place = await workplace();
    const asked: string[] = [];
    const results = await place.stageFrom([request(place, 'a', 'same'), request(place, 'b', 'other'), request(place, 'c', 'same')], (needs) => {
      asked.push(...needs.map(({ path }) => path));
      return sendTexts(needs, { a: 'same', b: 'other' });
    });
    expect(asked).toEqual(['a', 'b']);
    expect(results).toEqual([
      { staged: true, receivedBytes: 4 },
      { staged: true, receivedBytes: 5 },
      { staged: true, receivedBytes: 0 },
    ]);
  });
});

describe('nothing is believed', () => {
  it('a leftover with a good name and another content is replaced', async () => {
    const place = await workplace();
    mkdirSync(join(place.path, '.ubos-sync/staging'), { mode: 0o700 });
    writeFileSync(join(place.path, '.ubos-sync/staging', nameOf(place, 'content')), 'CONTENT');
    expect(await place.stage({ x: 'content' })).toEqual([{ staged: true, receivedBytes: 7 }]);
    await place.transition([change('x', undefined, place.file('content'))]);
    expect(place.read('x')).toBe('content');
  });

  it('a leftover that cannot be read is replaced', async () => {
    let isBad = false;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (isBad && call === 'file.read' && name === nameOf(place, 'content')) throw Object.assign(new Error('EIO: bad sector'), { code: 'EIO' });
      }),
    });
    await place.stage({ x: 'content' });
    isBad = true;
    place.restart();
    expect(await place.stage({ x: 'content' })).toEqual([{ staged: true, receivedBytes: 7 }]);
  });

  it('a leftover that is a file of the tree by another name (killed between link and unlink) does not become a second file', async () => {
    const place = await workplace();
    place.write('x', 'content');
    mkdirSync(join(place.path, '.ubos-sync/staging'), { mode: 0o700 });
    linkSync(join(place.path, 'x'), join(place.path, '.ubos-sync/staging', nameOf(place, 'content')));
    await place.stage({ y: 'content' });
    await place.transition([change('y', undefined, place.file('content'))]);
    writeFileSync(join(place.path, 'y'), 'edited in place');
    expect(place.read('x')).toBe('content');
  });

  it('a content that is not what was announced is refused, whatever its size, and leaves nothing', async () => {
    const place = await workplace();
    const large = bytes(3 * mebibyte);
    const lies: Record<string, string | Uint8Array> = { same: 'CONTENT', short: 'con', long: 'content and more' };
    for (const [title, lie] of Object.entries(lies)) {
      const [result] = await place.stageFrom([request(place, title, 'content')], (needs) => sendTexts(needs, { [title]: lie }));
      expect([title, result]).toMatchObject([title, { staged: false, code: 'SYNC_CONTENT_MISMATCH' }]);
    }
    const changed = large.slice();
    changed[2 * mebibyte] = (changed[2 * mebibyte] ?? 0) ^ 1;
    for (const lie of [changed, large.subarray(0, 2 * mebibyte), bytes(4 * mebibyte)]) {
      const [result] = await place.stageFrom([request(place, 'x', large)], () => inPieces(lie, mebibyte, 0));
      expect(result).toMatchObject({ staged: false, code: 'SYNC_CONTENT_MISMATCH' });
    }
    expect(place.staged()).toEqual([]);
  });

  it('one bad content does not fail the others', async () => {
    const place = await workplace();
    const results = await place.stageFrom(
      ['a', 'b', 'c'].map((path) => request(place, path, path)),
      (needs) => sendTexts(needs, { a: 'a', b: 'B', c: 'c' }),
    );
    expect(results.map(({ staged }) => staged)).toEqual([true, false, true]);
  });

  it('a source that changed is told as it was told', async () => {
    const place = await workplace();
    const results = await place.stageFrom([request(place, 'a', 'a'), request(place, 'b', bytes(2 * mebibyte))], async function* () {
      yield [{ need: 0, bytes: new Uint8Array(0), end: { code: 'SYNC_SOURCE_CHANGED', message: 'changed' } }];
      yield [{ need: 1, bytes: bytes(mebibyte), end: undefined }];
      yield [{ need: 1, bytes: new Uint8Array(0), end: { code: 'SYNC_SOURCE_CHANGED', message: 'changed' } }];
    });
    expect(results).toEqual(Array.from({ length: 2 }, () => ({ staged: false, code: 'SYNC_SOURCE_CHANGED', message: 'changed' })));
    expect(place.staged()).toEqual([]);
  });

  for (const [title, parts] of [
    ['twice', [{ need: 0 }, { need: 0 }]],
    ['out of order', [{ need: 1 }, { need: 0 }]],
    ['that was not asked for', [{ need: 7 }]],
  ] as const) {
    it(`a content ${title} is a breach of protocol`, async () => {
      const place = await workplace();
      const sent = parts.map(({ need }) => ({ need, bytes: new TextEncoder().encode('a'), end: 'ok' as const }));
      const staging = place.stageFrom([request(place, 'a', 'a'), request(place, 'b', 'b')], async function* () {
        yield sent;
      });
      await expect(staging).rejects.toMatchObject({ code: 'SYNC_PROTOCOL' });
    });
  }

  it('a content that never comes is missing', async () => {
    const place = await workplace();
    const results = await place.stageFrom([request(place, 'a', 'a'), request(place, 'b', bytes(mebibyte))], async function* () {
      yield [{ need: 1, bytes: bytes(10), end: undefined }];
    });
    expect(results).toMatchObject([{ code: 'SYNC_PEER_LOST' }, { code: 'SYNC_PEER_LOST' }]);
    expect(place.staged()).toEqual([]);
  });
});

describe('an interrupted content is continued', () => {
  const content = bytes(5 * mebibyte);

  async function* cutOff(afterBytes: number): AsyncIterable<readonly ContentPart[]> {
    for (let start = 0; start < afterBytes; start += mebibyte / 2) {
      await Promise.resolve();
      yield [{ need: 0, bytes: content.subarray(start, start + mebibyte / 2), end: undefined }];
    }
    throw Object.assign(new Error('the line is dead'), { code: 'SYNC_PEER_LOST' });
  }

  for (const later of ['the same process', 'a later process'] as const) {
    it(`by ${later}, from the byte that it has`, async () => {
      const place = await workplace();
      await expect(place.stageFrom([request(place, 'x', content)], () => cutOff(3 * mebibyte))).rejects.toThrow('the line is dead');
      if (later === 'a later process') place.restart();
      const asked: ContentNeed[] = [];
      const results = await place.stageFrom([request(place, 'x', content)], (needs) => {
        asked.push(...needs);
        return inPieces(content, mebibyte, asked[0]?.fromByte ?? 0);
      });
      expect(asked.map(({ fromByte }) => fromByte)).toEqual([3 * mebibyte]);
      expect(results).toEqual([{ staged: true, receivedBytes: 2 * mebibyte }]);
      expect(place.staged()).toEqual([nameOf(place, content)]);
    });
  }

  it('a damaged beginning is found out by the digest of the whole, and begun anew the next time', async () => {
    const place = await workplace();
    await expect(place.stageFrom([request(place, 'x', content)], () => cutOff(3 * mebibyte))).rejects.toThrow();
    const part = join(place.path, '.ubos-sync/staging', `${nameOf(place, content)}.part`);
    const file = openSync(part, 'r+');
    writeSync(file, new Uint8Array(4096), 0, 4096, mebibyte);
    closeSync(file);
    const again = (needs: readonly ContentNeed[]): AsyncIterable<readonly ContentPart[]> => inPieces(content, mebibyte, needs[0]?.fromByte ?? 0);
    expect(await place.stageFrom([request(place, 'x', content)], again)).toMatchObject([{ code: 'SYNC_CONTENT_MISMATCH' }]);
    expect(place.staged()).toEqual([]);
    expect(await place.stageFrom([request(place, 'x', content)], again)).toEqual([{ staged: true, receivedBytes: content.length }]);
  });

  it('a beginning that cannot be read is begun anew the next time, too', async () => {
    let isBad = false;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (isBad && call === 'file.read' && name.endsWith('.part')) throw Object.assign(new Error('EIO: bad sector'), { code: 'EIO' });
      }),
    });
    await expect(place.stageFrom([request(place, 'x', content)], () => cutOff(3 * mebibyte))).rejects.toThrow();
    isBad = true;
    place.restart();
    const asked: number[] = [];
    const again = (needs: readonly ContentNeed[]): AsyncIterable<readonly ContentPart[]> => {
      asked.push(needs[0]?.fromByte ?? 0);
      return inPieces(content, mebibyte, needs[0]?.fromByte ?? 0);
    };
    expect(await place.stageFrom([request(place, 'x', content)], again)).toMatchObject([{ code: 'SYNC_CONTENT_MISMATCH' }]);
    expect(await place.stageFrom([request(place, 'x', content)], again)).toEqual([{ staged: true, receivedBytes: content.length }]);
    expect([asked, place.staged()]).toEqual([[3 * mebibyte, 0], [nameOf(place, content)]]);
  });

  it('a short beginning is not worth it', async () => {
    const place = await workplace();
    await expect(place.stageFrom([request(place, 'x', content)], () => cutOff(mebibyte / 2))).rejects.toThrow();
    expect(place.staged()).toEqual([]);
  });

  it('an abort between two batches stops, keeps what came, and leaves nothing under a good name', async () => {
    const place = await workplace();
    const controller = new AbortController();
    const staging = place.stageFrom(
      [request(place, 'x', content)],
      async function* () {
        yield [{ need: 0, bytes: content.subarray(0, 2 * mebibyte), end: undefined }];
        controller.abort(new Error('enough'));
        yield [{ need: 0, bytes: content.subarray(2 * mebibyte), end: 'ok' }];
      },
      { signal: controller.signal },
    );
    await expect(staging).rejects.toThrow('enough');
    expect(place.staged()).toEqual([`${nameOf(place, content)}.part`]);
  });
});

describe('a full disk', () => {
  it('fails this content and all that follow, and leaves nothing half-written', async () => {
    let room = 10_000;
    const place = await workplace({
      disk: wrapDisk(createNodeDisk(), ({ call, bytes: count }) => {
        if (call !== 'file.write') return;
        room -= count;
        if (room < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      }),
    });
    const texts = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`f${index}`, `${index}`.repeat(2500)]));
    room = 10_000;
    let asked = 0;
    const results = await place.stageFrom(
      Object.entries(texts).map(([path, text]) => request(place, path, text)),
      async function* (needs) {
        for await (const parts of sendTexts(needs, texts)) {
          asked++;
          yield parts;
        }
      },
    );
    expect(results.map((result) => (result.staged ? 'staged' : result.code))).toEqual([
      ...Array.from({ length: 4 }, () => 'staged'),
      ...Array.from({ length: 6 }, () => 'SYNC_NO_SPACE'),
    ]);
    expect(asked).toBe(5);
    expect(place.staged().length).toBe(4);
    expect(place.staged().map((name) => readFileSync(join(place.path, '.ubos-sync/staging', name)).length)).toEqual([2500, 2500, 2500, 2500]);
    room = 1e6;
    expect((await place.stage(texts)).every(({ staged }) => staged)).toBe(true);
  });

  it.skipIf(!canMount())('for real: 64 KiB of memory take what fits, and the rest after room was made', async () => {
    const mount = `/tmp/ubos-sync-tmpfs-${process.pid}`;
    mkdirSync(mount, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', mount]);
    onTestFinished(() => {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true });
    });
    const place = await workplace({ base: mount });
    const small = bytes(20_000);
    const large = bytes(mebibyte);
    const after = large.subarray(1000, 21_000);
    writeFileSync(join(mount, 'ballast'), bytes(8000));
    const supply = async function* (needs: readonly ContentNeed[]): AsyncIterable<readonly ContentPart[]> {
      for (const [need, { path, fromByte }] of needs.entries()) {
        const content = path === 'small' ? small : path === 'large' ? large : after;
        for (let start = fromByte; start < content.length; start += 10_000) {
          yield [{ need, bytes: content.subarray(start, start + 10_000), end: start + 10_000 >= content.length ? 'ok' : undefined }];
        }
      }
    };
    const requests = [request(place, 'small', small), request(place, 'large', large), request(place, 'after', after)];
    const results = await place.stageFrom(requests, supply);
    expect(results).toMatchObject([{ staged: true }, { code: 'SYNC_NO_SPACE' }, { code: 'SYNC_NO_SPACE' }]);
    expect(place.staged()).toEqual([nameOf(place, small)]);
    const made = await place.transition([change('small', undefined, place.file(small))], { durability: 'full' });
    expect(made[0]?.problem).toBe(undefined);
    rmSync(join(mount, 'ballast'));
    expect(await place.stageFrom(requests.slice(2), supply)).toMatchObject([{ staged: true }]);
  });
});

function canMount(): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  const probe = `/tmp/ubos-sync-probe-${process.pid}`;
  mkdirSync(probe, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true });
  }
}

describe('the staging folder', () => {
  it('holds what only its owner can read until it is in the tree', async () => {
    const place = await workplace();
    await place.stage({ x: 'content' });
    const folder = join(place.path, '.ubos-sync/staging');
    expect(place.mode('.ubos-sync/staging')).toBe(0o700);
    expect(place.mode(`.ubos-sync/staging/${readdirSync(folder)[0]}`)).toBe(0o600);
  });

  it('is cleaned of what is older than a week, by its own names only', async () => {
    const place = await workplace();
    const folder = join(place.path, '.ubos-sync/staging');
    mkdirSync(folder, { mode: 0o700 });
    for (const name of [nameOf(place, 'old'), `${nameOf(place, 'part')}.part`, 'temp-17', 'notes of mine.txt'])
      writeFileSync(join(folder, name), 'x');
    // The age is that of the inode's change, which nobody can set back: so the clock is set forward.
    place.restart({ nowMs: () => Date.now() + 8 * 24 * 60 * 60 * 1000 });
    await place.stage({ x: 'content' });
    expect(place.staged()).toEqual(['notes of mine.txt', nameOf(place, 'content')].sort());
  });
});
