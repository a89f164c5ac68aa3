import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArchiveCommit } from '../engine/archive-store.ts';
import { withMerkle } from '../hash/merkle.ts';
import type { Ancestor } from '../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../reconcile/apply-ancestor.ts';
import type { Directory, Entry } from '../tree/entry.ts';
import { walk } from '../tree/walk.ts';
import { type ArchiveContents, decodeDelta, decodeSnapshot, readArchive } from './archive-file-format.ts';
import { loadHashing } from './hasher.ts';
import { createNodeDisk } from './node-disk.ts';
import { Stopped, stoppingDisk } from './test-support/faulty-disk.ts';
import { type ArchiveBench, ancestorAfter, commitRows, commitTo, createArchiveBench, linesOf, pair } from './test-support/pair-archives.ts';

const seed = 20261121;
/** A bound for a machine that has other things to do, no measure. */
const timeoutMs = 60_000;
let here: ArchiveBench;
let there: ArchiveBench;

beforeEach(() => {
  here = createArchiveBench();
  there = createArchiveBench();
});

afterEach(() => {
  here.close();
  there.close();
});

describe(`archive file (seed ${seed})`, () => {
  it(
    'for any row of commits, a new process reads the ancestor that they make',
    () =>
      fc.assert(
        fc.asyncProperty(commitRows, fc.constantFrom(0, 400, 1_000_000), fc.boolean(), async (commits, logBytesMin, reopens) => {
          here.clear();
          let archive = here.open({ logBytesMin });
          for (const commit of commits) {
            await commitTo(archive, commit);
            if (reopens) archive = here.open({ logBytesMin });
          }
          const expected = linesOf(ancestorAfter(commits));
          expect(linesOf(await archive.load())).toEqual(expected);
          const found = here.open();
          expect(linesOf(await found.load())).toEqual(expected);
          const { head, damaged, pending } = await found.status();
          const lastSettings = commits.findLast((commit) => commit.settings !== undefined)?.settings;
          expect({ damaged, pending, generation: head?.generation, settings: head?.settings, by: head?.settingsBy }).toEqual({
            damaged: false,
            pending: undefined,
            generation: commits.length,
            settings: lastSettings?.value,
            by: lastSettings?.by,
          });
        }),
        { seed, numRuns: 40 },
      ),
    timeoutMs,
  );

  it(
    'for any row of commits, both ends hold the same bytes',
    () =>
      fc.assert(
        fc.asyncProperty(commitRows, async (commits) => {
          here.clear();
          there.clear();
          const one = here.open({ logBytesMin: 400 });
          for (const commit of commits) {
            await commitTo(one, commit);
            // The other end gets copies, and is a new process each time.
            await commitTo(there.open({ logBytesMin: 400 }), structuredClone(commit));
          }
          expect(readAll(there)).toEqual(readAll(here));
        }),
        { seed, numRuns: 20 },
      ),
    timeoutMs,
  );

  it(
    'for any row of commits, the halves share what they agree on, and every directory has the digest that it would get anew',
    () =>
      fc.assert(
        fc.asyncProperty(commitRows, fc.constantFrom(0, 1_000_000), async (commits, logBytesMin) => {
          here.clear();
          for (const commit of commits) await commitTo(here.open({ logBytesMin }), commit);
          const found = here.open();
          const { alpha, beta } = await found.load();
          walk([alpha, beta], (path, [left, right]) => {
            if (left !== right) expect([path, left]).not.toEqual([path, right]);
            return true;
          });
          const { hash } = await loadHashing((await found.status()).head?.settings.digest ?? 'fast');
          for (const tree of [alpha, beta]) expect(tree).toEqual(tree && withMerkle(bare(tree), hash));
        }),
        { seed, numRuns: 20 },
      ),
    timeoutMs,
  );

  it(
    'stopped at any call that writes, it is the old state, the old one and the pending generation, or the new one; and the commit can be made again',
    () =>
      fc.assert(
        fc.asyncProperty(commitRows, fc.constantFrom(0, 1_000_000), fc.boolean(), async (commits, logBytesMin, tears) => {
          const last = commits.at(-1) as ArchiveCommit;
          for (let stop = 1, finished = false; !finished; stop++) {
            here.clear();
            for (const commit of commits.slice(0, -1)) await commitTo(here.open({ logBytesMin }), commit);
            try {
              await commitTo(here.open({ logBytesMin, disk: stoppingDisk(createNodeDisk(), stop, tears) }), last);
              finished = true;
            } catch (error) {
              expect(error).toBeInstanceOf(Stopped);
            }
            const archive = here.open({ logBytesMin });
            const { head, pending, damaged } = await archive.status();
            expect(damaged).toBe(false);
            const generation = head?.generation ?? 0;
            expect(linesOf(await archive.load())).toEqual(linesOf(ancestorAfter(commits.slice(0, generation))));
            expect([`${generation}`, `${generation}, ${pending?.generation} pending`]).toContain(
              pending === undefined
                ? `${last.generation - (generation === last.generation ? 0 : 1)}`
                : `${last.generation - 1}, ${last.generation} pending`,
            );
            // The run that finds this finishes the commit, or drops it and makes it again.
            if (pending !== undefined && stop % 2 === 0) await archive.commit(pending.generation);
            else if (generation < last.generation) {
              await archive.discard();
              expect((await here.open().status()).pending).toBeUndefined();
              await commitTo(archive, last);
            }
            expect(linesOf(await here.open().load())).toEqual(linesOf(ancestorAfter(commits)));
            expect((await here.open().status()).head?.generation).toBe(last.generation);
          }
        }),
        { seed, numRuns: 8 },
      ),
    timeoutMs,
  );

  it(
    'for any cut, any flipped bit of the first 100 bytes and 1,000 others, it is damaged or an earlier state, never another one',
    () =>
      fc.assert(
        fc.asyncProperty(commitRows, fc.constantFrom(0, 1_000_000), fc.infiniteStream(fc.nat()), async (commits, logBytesMin, places) => {
          here.clear();
          const states = new Map<string, readonly string[]>();
          for (const [index, commit] of commits.entries()) {
            const archive = here.open({ logBytesMin });
            await commitTo(archive, commit);
            states.set((await archive.status()).head?.digest ?? '', linesOf(ancestorAfter(commits.slice(0, index + 1))));
          }
          const intact = readAll(here)[0]?.[1] as Buffer;
          const found = { damaged: 0, earlier: 0 };
          const look = (bytes: Uint8Array): void => {
            const contents = readArchive(bytes, pair);
            if (contents === undefined) return void found.damaged++;
            found.earlier++;
            if (contents.position.generation === 0) return expect(linesOf(treesOf(contents))).toEqual([]);
            expect(states.get(Buffer.from(contents.position.digest).toString('hex'))).toEqual(linesOf(treesOf(contents)));
          };
          for (let length = 0; length < intact.length; length++) look(intact.subarray(0, length));
          for (let bit = 0; bit < 800; bit++) look(flipped(intact, bit));
          for (let count = 0; count < 1000; count++) look(flipped(intact, (places.next().value as number) % (intact.length * 8)));
          expect(found.damaged).toBeGreaterThan(800);
        }),
        { seed, numRuns: 5 },
      ),
    timeoutMs,
  );
});

/** As the archive builds them. */
function treesOf({ snapshot, deltas }: ArchiveContents): Ancestor {
  const base = decodeSnapshot(snapshot);
  if (!base.ok) throw new Error(base.error);
  return deltas.reduce((ancestor, delta) => {
    const changes = decodeDelta(delta);
    if (!changes.ok) throw new Error(changes.error);
    return applyAncestorChanges(ancestor, changes.value);
  }, base.value);
}

function readAll(bench: ArchiveBench): [string, Buffer][] {
  return readdirSync(bench.path)
    .sort()
    .map((name) => [name, readFileSync(join(bench.path, name))]);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = bit >> 3;
  copy[index] = (copy[index] as number) ^ (1 << (bit & 7));
  return copy;
}

/** The tree without its Merkle digests. */
function bare(entry: Entry): Entry {
  if (entry.kind !== 'directory') return entry;
  const { merkle: _, ...directory }: Directory = entry;
  return { ...directory, children: entry.children.map((child) => ({ name: child.name, entry: bare(child.entry) })) };
}
