import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { treeArbitraries } from '../testing/arbitraries.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { dir, file, link } from '../testing/trees.ts';
import type { Entry } from './entry.ts';
import { rebase } from './rebase.ts';

const { scannedTree } = treeArbitraries(fc);

/** Times aside: those of what did not change are taken from before. */
function timeless(entry: Entry): Entry {
  if (entry.kind === 'directory') return { ...entry, children: entry.children.map(({ name, entry: below }) => ({ name, entry: timeless(below) })) };
  return entry.kind === 'file' || entry.kind === 'symlink' ? { ...entry, mtimeMs: 0 } : entry;
}

function copy(entry: Entry): Entry {
  return structuredClone(entry);
}

describe('rebase', () => {
  it(`says the same as before, and is the old tree where nothing changed (seed ${seed})`, () => {
    fc.assert(
      fc.property(scannedTree, scannedTree, (now, before) => {
        expect(timeless(rebase(now, before))).toEqual(timeless(now));
        expect(rebase(copy(before), before)).toBe(before);
      }),
      { seed, numRuns: propertyRuns(100) },
    );
  });

  it('keeps by reference what lies beside a change', () => {
    const before = dir({ a: dir({ x: file('1') }), b: dir({ y: file('2') }), c: link('a') });
    const now = dir({ a: dir({ x: file('1') }), b: dir({ y: file('3'), z: file('4') }), c: link('a') });
    const made = rebase(now, before);
    expect(made).toEqual(now);
    if (made.kind !== 'directory' || before.kind !== 'directory') throw new Error('directories');
    expect(made.children[0]).toBe(before.children[0]);
    expect(made.children[2]).toBe(before.children[2]);
  });

  it('does not take over what a directory holds besides', () => {
    const before = dir({ d: dir({}, { hasUntracked: true }) });
    expect(rebase(dir({ d: dir() }), before)).toEqual(dir({ d: dir() }));
  });
});
