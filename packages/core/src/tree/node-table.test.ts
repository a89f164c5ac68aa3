import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../hash/digest.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import type { Entry } from './entry.ts';
import { type NodeAt, type NodeTable, nodesToTable, tableToNodes } from './node-table.ts';
import { parseRelativePath, type RelativePath } from './path.ts';

const limits = { nodesMax: 1000 };

/** Parts that share much of their text, and those that are no names. */
const parts = fc.constantFrom('a', 'ab', 'abc', 'ä', '\u{1f600}', '\u{1f601}', '\ud83d', '', '.', '..', 'a\0', 'x'.repeat(255), 'x'.repeat(256));
const texts = fc.array(parts, { maxLength: 4 }).map((list) => list.join('/'));
const absent = (path: string): NodeAt => ({ path: path as RelativePath, entry: undefined });

describe(`node table (seed ${seed})`, () => {
  it('gives back the nodes that it was made of, in order', () => {
    const mode = fc.integer({ min: 0, max: 0o777 });
    const mtimeMs = fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true });
    const digest = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => String.fromCharCode(...bytes) as Digest);
    const entries: fc.Arbitrary<Entry | undefined> = fc.oneof(
      fc.constant(undefined),
      mode.map((bits): Entry => ({ kind: 'directory', mode: bits, children: [] })),
      mode.map((bits): Entry => ({ kind: 'directory', mode: bits, children: [], hasUntracked: true })),
      fc.record({ mode, mtimeMs, digest, sizeBytes: fc.maxSafeNat() }).map((file): Entry => ({ kind: 'file', ...file })),
      fc.record({ target: fc.constantFrom('x', '../ä'), mtimeMs }).map((link): Entry => ({ kind: 'symlink', ...link })),
      fc.constantFrom<Entry>({ kind: 'untracked', reason: 'special' }, { kind: 'problematic', code: 'EACCES' }),
    );
    const nodes = fc.array(
      fc.record({ path: texts.filter((text) => parseRelativePath(text).ok).map((text) => text as RelativePath), entry: entries }),
      { maxLength: 600 },
    );
    fc.assert(
      fc.property(nodes, (list) => {
        expect(tableToNodes(nodesToTable(list), limits)).toEqual({ ok: true, value: list });
      }),
      { seed, numRuns: propertyRuns(100) },
    );
  });

  it('takes a path that shares its beginning with the one before as it takes the same path written out', () =>
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 5 }), (paths) => {
        const expected = paths.every((text) => parseRelativePath(text).ok);
        expect(tableToNodes(nodesToTable(paths.map(absent)), limits).ok).toBe(expected);
      }),
      { seed, numRuns: propertyRuns(1000) },
    ));

  it('refuses or reads whatever a peer makes of the shared beginnings, and every path that it reads is one', () =>
    fc.assert(
      fc.property(
        fc.array(texts, { minLength: 2, maxLength: 4 }),
        fc.array(fc.nat({ max: 12 }), { minLength: 4, maxLength: 4 }),
        (suffixes, shared) => {
          const table: NodeTable = {
            ...nodesToTable(suffixes.map(() => absent(''))),
            shared: Uint8Array.from(shared.slice(0, suffixes.length)),
            suffixes: column(suffixes),
          };
          const read = tableToNodes(table, limits);
          if (read.ok) for (const { path } of read.value) expect(parseRelativePath(path)).toEqual({ ok: true, value: path });
        },
      ),
      { seed, numRuns: propertyRuns(2000) },
    ));

  it('refuses a path that grows beyond all measure, node by node', () => {
    const suffix = `/${'x'.repeat(255)}`;
    const count = 300;
    const shared: number[] = [];
    for (let index = 0, length = 0; index < count; index++, length = index * suffix.length - 1)
      shared.push((length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14);
    const suffixes = Array.from({ length: count }, (_, index) => (index === 0 ? suffix.slice(1) : suffix));
    const table: NodeTable = { ...nodesToTable(suffixes.map(() => absent(''))), shared: Uint8Array.from(shared), suffixes: column(suffixes) };
    expect(tableToNodes(table, limits).ok).toBe(false);
    expect(
      tableToNodes(
        {
          ...nodesToTable(suffixes.slice(0, 200).map(() => absent(''))),
          shared: Uint8Array.from(shared.slice(0, 600)),
          suffixes: column(suffixes.slice(0, 200)),
        },
        limits,
      ).ok,
    ).toBe(true);
  });
});

/** As the table has it: a NUL before each. */
function column(texts: readonly string[]): string {
  return texts.map((text) => `\0${text}`).join('');
}
