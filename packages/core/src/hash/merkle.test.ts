import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diff } from '../reconcile/diff.ts';
import { treeArbitraries } from '../testing/arbitraries.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, link, problematic, untracked } from '../testing/trees.ts';
import { setNodes } from '../tree/edit.ts';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import { type RelativePath, rootPath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import type { Digest } from './digest.ts';
import { merkleOfChildren, withMerkle } from './merkle.ts';

const { tree } = treeArbitraries(fc);

/** The bytes themselves, however many. */
function bytesAsDigest(bytes: Uint8Array): Digest {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('') as Digest;
}

describe('a Merkle digest', () => {
  it('is the hash of the documented bytes', () => {
    const hashed: Uint8Array[] = [];
    const digest = (text: string): Digest => text as Digest;
    const hash = (bytes: Uint8Array): Digest => {
      hashed.push(bytes.slice());
      return digest('inner');
    };
    const inner = { ...dir(), merkle: digest('\u00ff\u0000') };
    const leaf = { kind: 'file' as const, mode: 0o644, sizeBytes: 2 ** 32 + 3, digest: digest('D'), mtimeMs: 7 };
    merkleOfChildren(dir({ d: inner, é: leaf, l: link('t'), pipe: untracked() }).children, 0o750, hash);
    const text = (value: string): number[] => [...new TextEncoder().encode(value)];
    const directory = [1, 1, ...text('d'), 2, 0xff, 0];
    const symlink = [3, 1, ...text('l'), 1, ...text('t')];
    const file = [2, 2, ...text('é'), 0o644 >> 8, 0o644 & 0xff, 0, 0, 0, 1, 0, 0, 0, 3, 1, ...text('D')];
    expect(Array.from(hashed[0] ?? [])).toEqual([1, 0o750 >> 8, 0o750 & 0xff, ...directory, ...symlink, ...file]);
  });

  it('writes characters of every length, at their edges too, and lengths of more than one byte', () => {
    const edges = ['a\u007fé', '\u0080', '\u07ff', '\u0800', '\uffff', '\u{10000}', '\u{10ffff}'];
    const long = ['\u{1F600}'.repeat(63), 'é'.repeat(64), '\uFF61'.repeat(85), 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(255)];
    const targets = ['t', 'x'.repeat(0x3fff), 'x'.repeat(0x4000), 'ä'.repeat(10_000)];
    const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]);
    const text = (value: string): number[] => {
      const utf8 = new TextEncoder().encode(value);
      return [...varint(utf8.length), ...utf8];
    };
    for (const name of [...edges, ...long]) {
      for (const target of targets) {
        const digest = merkleOfChildren(dir({ [name]: link(target) }).children, 0, bytesAsDigest);
        expect(digest).toBe(bytesAsDigest(Uint8Array.from([1, 0, 0, 3, ...text(name), ...text(target)])));
      }
    }
  });

  it('does not see times, untracked entries and what is out of scope', () => {
    const base = dir({ a: file('one', { mtimeMs: 1 }) });
    const same = dir({ a: file('one', { mtimeMs: 2 }), pipe: untracked() }, { hasUntracked: true });
    expect(merkle(same)).toBe(merkle(base));
  });

  it('is missing where something below could not be read, up to the root, and there beside it', () => {
    const whole = withMerkle(dir({ d: dir({ e: dir({ x: problematic() }) }), f: dir({ a: file('one') }) }), toyHash);
    const digestAt = (at: string): Digest | undefined => {
      const entry = entryAt(whole, at as RelativePath);
      return entry?.kind === 'directory' ? entry.merkle : undefined;
    };
    expect([digestAt(''), digestAt('d'), digestAt('d/e')]).toEqual([undefined, undefined, undefined]);
    expect(digestAt('f')).toBeDefined();
  });

  it('reaches 5,000 levels down', () => {
    const deep = (leaf: Entry): Entry => {
      let at: Entry = dir({ leaf });
      for (let level = 0; level < 5_000; level++) at = dir({ d: at });
      return at;
    };
    expect(merkle(deep(file('one')))).not.toBe(merkle(deep(file('two'))));
  });

  it(`is equal exactly for equal trees, whatever the order they were built in (seed ${seed})`, () => {
    fc.assert(
      fc.property(tree, tree, fc.integer({ min: 0, max: 1000 }), (a, b, turn) => {
        const nodes: { path: RelativePath; entry: Entry | undefined }[] = [];
        walk([a], (path, [entry]) => {
          if (path !== rootPath) nodes.push({ path, entry });
          return true;
        });
        const shifted = [...nodes.slice(turn % (nodes.length + 1)), ...nodes];
        const rebuilt = setNodes({ ...(a as typeof a & { kind: 'directory' }), children: [] }, shifted);
        expect(merkle(rebuilt)).toBe(merkle(a));
        expect(merkle(a) === merkle(b)).toBe(diff(a, b).length === 0);
      }),
      { seed, numRuns: propertyRuns(300) },
    );
  });

  it('keeps what has its digest by reference', () => {
    const known = withMerkle(dir({ d: dir({ a: file('one') }), e: dir() }), toyHash);
    expect(withMerkle(known, toyHash)).toBe(known);
    const edited = setNodes(known, [{ path: 'd/a' as RelativePath, entry: file('two') }]) as Entry;
    expect(entryAt(withMerkle(edited, toyHash), 'e' as RelativePath)).toBe(entryAt(known, 'e' as RelativePath));
  });
});

function merkle(entry: Entry | undefined): Digest | undefined {
  const made = entry && withMerkle(entry, toyHash);
  return made?.kind === 'directory' ? made.merkle : undefined;
}
