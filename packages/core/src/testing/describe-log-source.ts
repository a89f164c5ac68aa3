/**
 * The law of a `LogSource`: what every implementation has to do, whatever it is made of. Bring your own test runner:
 *
 *     describeLogSource('my source', async () => ({ source, fileName, write, append, rename, remove, hash, close }), { describe, it, expect });
 */
import { isSyncError } from '../engine/errors.ts';
import type { LogSource } from '../engine/logs/log-source.ts';
import type { HashBytes } from '../hash/digest.ts';
import type { TestRunner } from './test-runner.ts';

/** A source of a file that is not there yet, and a writer's way to that file that does not lead through it. */
export interface LogSourceUnderTest {
  readonly source: LogSource;
  /** Puts a file with this content in the place of what is there. */
  write(bytes: Uint8Array): Promise<void>;
  /** `name`: to that file in its folder instead. */
  append(bytes: Uint8Array, name?: string): Promise<void>;
  /** Gives the file another name in its folder. */
  rename(name: string): Promise<void>;
  /** The name of the file in its folder. */
  readonly fileName: string;
  remove(): Promise<void>;
  /** What digests of this source are made with: kind `fast`, unless source and sink agree on another. */
  readonly hash: HashBytes;
  close(): Promise<void>;
}

const mebibyte = 1024 * 1024;

export function describeLogSource(name: string, setup: () => Promise<LogSourceUnderTest>, { describe, it, expect }: TestRunner): void {
  const law = (title: string, body: (under: LogSourceUnderTest) => Promise<void>): void => {
    it(title, async () => {
      const under = await setup();
      try {
        await body(under);
      } finally {
        await under.source.close();
        await under.close();
      }
    });
  };
  const facts = (under: LogSourceUnderTest, ...extents: readonly (readonly [number, number])[]) =>
    under.source.facts({ extents: extents.map(([start, end]) => ({ start, end })) });
  const digestAt = (under: LogSourceUnderTest, bytes: Uint8Array, start: number, end: number) => under.hash(bytes.subarray(start, end));
  const rejection = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'resolved',
      (error: unknown) => (isSyncError(error) ? error.code : error),
    );

  describe(`${name} is a log source`, () => {
    law('says of a file that is not there that it is not there, and its digests neither', async (under) => {
      expect(await facts(under, [0, 0], [0, 1])).toEqual({ stat: undefined, digests: [undefined, undefined] });
      expect(await rejection(readAll(under.source, 0))).toBe('SYNC_LOG_MISSING');
      await under.write(text('here\n'));
      expect((await facts(under)).stat?.sizeBytes).toBe(5);
      await under.remove();
      expect((await facts(under)).stat).toBe(undefined);
    });

    law('states the size as it is now, and an identity that stays while the file grows', async (under) => {
      await under.write(text(''));
      const empty = await facts(under);
      expect(empty.stat?.sizeBytes).toBe(0);
      await under.append(text('line 1\n'));
      const grown = await facts(under);
      expect(grown.stat?.sizeBytes).toBe(7);
      expect(grown.stat?.identity).toBe(empty.stat?.identity);
    });

    law('digests any extents, also long, empty and overlapping ones, in the order asked; none for one that reaches beyond the end', async (under) => {
      const bytes = pattern(2 * mebibyte + 1_000);
      await under.write(bytes);
      const extents: readonly (readonly [number, number])[] = [
        [mebibyte, 2 * mebibyte],
        [0, mebibyte],
        [2 * mebibyte, bytes.length],
        [0, bytes.length],
        [5, 5],
        [17, 4_096],
        [bytes.length, bytes.length],
      ];
      const { digests } = await facts(under, ...extents, [0, bytes.length + 1], [bytes.length + 1, bytes.length + 2]);
      expect(digests).toEqual([...extents.map(([start, end]) => digestAt(under, bytes, start, end)), undefined, undefined]);
    });

    law('digests what is there now: a byte changed in place changes the digest of its extent alone', async (under) => {
      const bytes = pattern(10_000);
      await under.write(bytes);
      const before = await facts(under, [0, 5_000], [5_000, 10_000]);
      const changed = bytes.slice();
      changed[7_000] = ((changed[7_000] ?? 0) + 1) & 0xff;
      await under.write(changed);
      const after = await facts(under, [0, 5_000], [5_000, 10_000]);
      expect(after.digests[0]).toBe(before.digests[0]);
      expect(after.digests[1] === before.digests[1]).toBe(false);
    });

    law('streams exactly the bytes from one position to another, in pieces of up to 1 MiB', async (under) => {
      const bytes = pattern(3 * mebibyte + 77);
      await under.write(bytes);
      const ranges: readonly (readonly [number, number | undefined])[] = [
        [0, undefined],
        [1, undefined],
        [mebibyte - 1, 2 * mebibyte + 1],
        [bytes.length - 1, undefined],
        [10, 10],
        [5, bytes.length + 5],
      ];
      for (const [fromByte, toByte] of ranges) {
        const read = await readAll(under.source, fromByte, toByte);
        expect(isSame(read.bytes, bytes.subarray(fromByte, toByte))).toBe(true);
        expect(read.longest <= mebibyte).toBe(true);
      }
    });

    law('streams nothing from the end on, or from beyond it', async (under) => {
      await under.write(text('abc'));
      for (const fromByte of [3, 4, 5 * mebibyte]) expect((await readAll(under.source, fromByte)).bytes.length).toBe(0);
    });

    law('ends where the file ended when it was opened, and has the rest next time', async (under) => {
      const bytes = pattern(2 * mebibyte);
      await under.write(bytes);
      let seen = 0;
      for await (const piece of under.source.read({ fromByte: 0 })) {
        if (seen === 0) await under.append(text('more\n'));
        seen += piece.length;
      }
      expect(seen).toBe(bytes.length);
      expect(isSame((await readAll(under.source, seen)).bytes, text('more\n'))).toBe(true);
    });

    law('can be asked for facts and bytes at once, by several', async (under) => {
      const bytes = pattern(mebibyte + 5);
      await under.write(bytes);
      const [one, two, three] = await Promise.all([facts(under, [0, 100]), readAll(under.source, 100), readAll(under.source, 0, 50)]);
      expect(one.digests).toEqual([digestAt(under, bytes, 0, 100)]);
      expect(isSame(two.bytes, bytes.subarray(100))).toBe(true);
      expect(isSame(three.bytes, bytes.subarray(0, 50))).toBe(true);
    });

    law('lets go of a stream that is not wanted any more', async (under) => {
      await under.write(pattern(3 * mebibyte));
      for (let round = 0; round < 3; round++) {
        for await (const piece of under.source.read({ fromByte: 0 })) {
          expect(piece.length > 0).toBe(true);
          break;
        }
      }
      expect((await facts(under)).stat?.sizeBytes).toBe(3 * mebibyte);
    });

    law('rejects with the reason of the signal', async (under) => {
      await under.write(pattern(3 * mebibyte));
      const reason = new Error('enough');
      expect(await rejection(under.source.facts({ extents: [], signal: AbortSignal.abort(reason) }))).toBe(reason);
      expect(await rejection(readAll(under.source, 0, undefined, { signal: AbortSignal.abort(reason) }))).toBe(reason);
      const controller = new AbortController();
      const reading = (async () => {
        for await (const piece of under.source.read({ fromByte: 0, signal: controller.signal })) if (piece.length > 0) controller.abort(reason);
      })();
      expect(await rejection(reading)).toBe(reason);
    });

    law('names the files beside it that are generations of it, and no others', async (under) => {
      const list = async () => (await under.source.generations({})).map(({ name, stat }) => `${name} ${stat.sizeBytes}`).sort();
      expect(await list()).toEqual([]);
      await under.write(text('one\n'));
      await under.rename(`${under.fileName}.1`);
      await under.write(text('two, 2\n'));
      await under.rename(`${under.fileName}-20261122`);
      await under.write(text('private'));
      await under.rename(`${under.fileName}.private`);
      await under.write(text('now\n'));
      expect(await list()).toEqual([`${under.fileName}-20261122 7`, `${under.fileName}.1 4`]);
    });

    law('gives facts and bytes of a generation, and of nothing else beside it', async (under) => {
      const bytes = pattern(mebibyte + 9);
      await under.write(bytes);
      await under.rename(`${under.fileName}.1`);
      await under.write(text('now\n'));
      const of = `${under.fileName}.1`;
      const { stat, digests } = await under.source.facts({ extents: [{ start: 3, end: bytes.length }], of });
      expect([stat?.sizeBytes, digests]).toEqual([bytes.length, [digestAt(under, bytes, 3, bytes.length)]]);
      expect(isSame((await readAll(under.source, 5, undefined, { of })).bytes, bytes.subarray(5))).toBe(true);
      const gone = `${under.fileName}.7`;
      expect(await under.source.facts({ extents: [], of: gone })).toEqual({ stat: undefined, digests: [] });
      expect(await rejection(readAll(under.source, 0, undefined, { of: gone }))).toBe('SYNC_LOG_MISSING');
      await under.rename(`${under.fileName}.private`);
      const other = `${under.fileName}.private`;
      expect(await rejection(under.source.facts({ extents: [], of: other }))).toBe('SYNC_USAGE');
      expect(await rejection(readAll(under.source, 0, undefined, { of: other }))).toBe('SYNC_USAGE');
    });

    law('keeps its identity under another name, and gives bytes of the file that was meant or none', async (under) => {
      await under.write(text('one\n'));
      const { stat: first } = await facts(under);
      await under.rename(`${under.fileName}.1`);
      await under.write(text('two\n'));
      const { stat: second } = await facts(under);
      const of = `${under.fileName}.1`;
      expect((await under.source.facts({ extents: [], of })).stat?.identity).toBe(first?.identity);
      expect(second?.identity === first?.identity).toBe(false);
      const read = (identity: string | undefined, name?: string) => readAll(under.source, 0, undefined, { identity, of: name });
      expect(isSame((await read(second?.identity)).bytes, text('two\n'))).toBe(true);
      expect(isSame((await read(first?.identity, of)).bytes, text('one\n'))).toBe(true);
      expect(await rejection(read(first?.identity))).toBe('SYNC_LOG_MISSING');
      expect(await rejection(read(second?.identity, of))).toBe('SYNC_LOG_MISSING');
    });

    law('follows a log: what is there, and then what is appended, as it comes', async (under) => {
      const bytes = pattern(2 * mebibyte + 7);
      await under.write(bytes);
      const following = follow(under.source, { fromByte: 5 });
      await following.until(bytes.length - 5);
      let all = bytes;
      for (const line of ['one\n', 'tw', 'o\n']) {
        await under.append(text(line));
        all = joined([all, text(line)]);
        await following.until(all.length - 5);
      }
      await following.stop();
      expect(isSame(following.bytes(), all.subarray(5))).toBe(true);
      expect(following.longest() <= mebibyte).toBe(true);
    });

    law('follows one that is empty', async (under) => {
      await under.write(text(''));
      const following = follow(under.source, { fromByte: 0 });
      const first = following.until(4);
      await under.append(text('one\n'));
      await first;
      await following.stop();
      expect(isSame(following.bytes(), text('one\n'))).toBe(true);
    });

    law('follows a file under its next name until the log goes on in another one that holds something', async (under) => {
      const old = `${under.fileName}.1`;
      await under.write(text('one\n'));
      const following = follow(under.source, { fromByte: 0 });
      await following.until(4);
      await under.rename(old);
      await under.append(text('two\n'), old);
      await following.until(8);
      await under.write(text(''));
      await under.append(text('three\n'), old);
      await under.append(text('next\n'));
      await following.untilEnd();
      expect(isSame(following.bytes(), text('one\ntwo\nthree\n'))).toBe(true);
    });

    law('follows a generation in the same way, and that file or none', async (under) => {
      const of = `${under.fileName}.1`;
      await under.write(text('one\n'));
      const { stat: old } = await facts(under);
      await under.rename(of);
      await under.write(text(''));
      const { stat: current } = await facts(under);
      expect(await rejection(follow(under.source, { fromByte: 0, of, identity: current?.identity }).untilEnd())).toBe('SYNC_LOG_MISSING');
      expect(await rejection(follow(under.source, { fromByte: 0, identity: old?.identity }).untilEnd())).toBe('SYNC_LOG_MISSING');
      const following = follow(under.source, { fromByte: 1, of, identity: old?.identity });
      await following.until(3);
      await under.append(text('two\n'), of);
      await following.until(7);
      await under.append(text('next\n'));
      await following.untilEnd();
      expect(isSame(following.bytes(), text('ne\ntwo\n'))).toBe(true);
    });

    law('ends where the file was cut, or was cut and filled again, and sends nothing of what came then', async (under) => {
      for (const other of ['oth', 'other, and longer than before\n']) {
        await under.write(text('one\n'));
        const following = follow(under.source, { fromByte: 0 });
        await following.until(4);
        await under.write(text(other));
        await following.untilEnd();
        expect(isSame(following.bytes(), text('one\n'))).toBe(true);
      }
      await follow(under.source, { fromByte: 1_000 }).untilEnd();
    });

    law('says of a file that is not there that it cannot be followed', async (under) => {
      expect(await rejection(follow(under.source, { fromByte: 0 }).untilEnd())).toBe('SYNC_LOG_MISSING');
    });

    law('stops following with the reason of the signal, also while it waits', async (under) => {
      await under.write(text('one\n'));
      const reason = new Error('enough');
      expect(await rejection(follow(under.source, { fromByte: 0, signal: AbortSignal.abort(reason) }).untilEnd())).toBe(reason);
      const controller = new AbortController();
      const following = follow(under.source, { fromByte: 0, signal: controller.signal });
      await following.until(4);
      const ended = following.untilEnd();
      controller.abort(reason);
      expect(await rejection(ended)).toBe(reason);
    });

    law('may be closed twice', async ({ source }) => {
      await source.close();
      await source.close();
    });
  });
}

async function readAll(
  source: LogSource,
  fromByte: number,
  toByte?: number,
  more: Omit<Parameters<LogSource['read']>[0], 'fromByte' | 'toByte'> = {},
): Promise<{ readonly bytes: Uint8Array; readonly longest: number }> {
  const pieces: Uint8Array[] = [];
  // Pieces are valid until the next is asked for; a copy, for `slice` of a `Buffer` is none.
  for await (const piece of source.read({ fromByte, toByte, ...more })) pieces.push(new Uint8Array(piece));
  return { bytes: joined(pieces), longest: pieces.reduce((longest, piece) => Math.max(longest, piece.length), 0) };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What a source sends of a log that is followed, gathered. */
function follow(source: LogSource, request: Parameters<LogSource['follow']>[0]) {
  const pieces: Uint8Array[] = [];
  const stream = source.follow(request)[Symbol.asyncIterator]();
  let size = 0;
  const next = async (): Promise<boolean> => {
    const { done, value } = await stream.next();
    if (done === true) return false;
    pieces.push(new Uint8Array(value));
    size += value.length;
    return true;
  };
  return {
    bytes: () => joined(pieces),
    longest: () => pieces.reduce((longest, piece) => Math.max(longest, piece.length), 0),
    /** Until so many bytes have come. */
    async until(bytes: number): Promise<void> {
      while (size < bytes) if (!(await next())) throw new Error(`it ended after ${size} bytes`);
    },
    async untilEnd(): Promise<void> {
      while (await next());
    },
    async stop(): Promise<void> {
      await stream.return?.();
    },
  };
}

/** Bytes of which no two stretches are the same. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

function text(content: string): Uint8Array {
  return new TextEncoder().encode(content);
}

/** The matchers of test runners take seconds over a few MB. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
