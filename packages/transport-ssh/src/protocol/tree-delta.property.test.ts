import type { Digest, Directory, Entry, Name, NodeAt, RelativePath } from '@ubos/sync-core';
import { compareNames, digestFromBytes } from '@ubos/sync-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from './codec.ts';
import { type TreePage, treePage } from './messages/pages.ts';
import { parseShape } from './shape.ts';
import { applyTreeRows, TreeReader, treeDelta, treePages } from './tree-delta.ts';

const seed = 20_251_121;

// Few names, some of which sort differently by UTF-16 and by UTF-8, so that trees meet often.
const name = fc.constantFrom('a', 'b', 'a.txt', 'a-', '\ufeffmark', '\ue000', '\u{1f600}') as fc.Arbitrary<Name>;
const digest = fc.constantFrom(
  digestFromBytes(new Uint8Array(16)),
  digestFromBytes(new Uint8Array(16).fill(255)),
  'a strong digest of 32 bytes ....' as Digest,
);
const mode = fc.constantFrom(0o644, 0o755, 0);
const mtimeMs = fc.constantFrom(0, 1_700_000_000_000.25, -5);
const { entry } = fc.letrec<{ entry: Entry }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant('file' as const), mode, sizeBytes: fc.constantFrom(0, 1, 2 ** 40), digest, mtimeMs }),
    fc.record({ kind: fc.constant('symlink' as const), target: fc.constantFrom('x', '../a b'), mtimeMs }),
    fc.record({ kind: fc.constant('untracked' as const), reason: fc.constantFrom('special' as const, 'mount-point' as const) }),
    fc.record({ kind: fc.constant('problematic' as const), code: fc.constant('EACCES') }),
    fc
      .tuple(mode, fc.array(fc.tuple(name, tie('entry')), { maxLength: 4 }), fc.option(digest, { nil: undefined }), fc.boolean())
      .map(([bits, pairs, merkle, hasUntracked]): Directory => {
        const byName = new Map(pairs);
        const children = [...byName].sort(([a], [b]) => compareNames(a, b)).map(([childName, child]) => ({ name: childName, entry: child }));
        return {
          kind: 'directory',
          mode: bits,
          children,
          ...(merkle === undefined ? {} : { merkle }),
          ...(hasUntracked ? { hasUntracked: true as const } : {}),
        };
      }),
  ),
}));
const tree = fc.option(entry, { nil: undefined });
/** Two trees that share parts by reference. */
const related = fc.tuple(tree, tree, fc.boolean()).map(([a, b, share]): [Entry | undefined, Entry | undefined] => {
  if (!share || a?.kind !== 'directory' || b?.kind !== 'directory') return [a, b];
  const shared = a.children.filter(({ name: own }) => !b.children.some((child) => child.name === own));
  return [a, { ...b, children: [...b.children, ...shared].sort((left, right) => compareNames(left.name, right.name)) }];
});

describe(`tree delta (seed ${seed})`, () => {
  it('for any two trees, applying the delta to the one gives the other, to the last field', () => {
    fc.assert(
      fc.property(related, ([base, next]) => {
        expect(applyTreeRows(base, treeDelta(base, next))).toEqual({ ok: true, value: next });
      }),
      { seed, numRuns: 2_000 },
    );
  });

  it('for any two trees, the delta survives its pages', () => {
    fc.assert(
      fc.property(related, ([base, next]) => {
        const reader = new TreeReader(base, 1_000);
        for (const page of treePages(treeDelta(base, next))) {
          const parsed = parseShape<TreePage>(treePage, mustDecode(encodeMessage(page)));
          expect(parsed.ok && reader.read(parsed.value)).toBe(undefined);
        }
        expect(reader.finish()).toEqual(next);
      }),
      { seed, numRuns: 1_000 },
    );
  });

  it('what both share by reference is neither looked at nor rebuilt', () => {
    const shared: Directory = {
      kind: 'directory',
      mode: 0o755,
      get children(): never {
        throw new Error('looked at');
      },
    };
    const file: Entry = { kind: 'file', mode: 0o644, sizeBytes: 1, digest: digestFromBytes(new Uint8Array(16)), mtimeMs: 0 };
    const base: Entry = { kind: 'directory', mode: 0o755, children: [{ name: 'big' as Name, entry: shared }] };
    const next: Entry = { ...base, children: [...base.children, { name: 'new' as Name, entry: file }] };
    const rows = [...treeDelta(base, next)];
    expect(rows).toEqual([{ path: 'new', entry: file }]);
    const applied = applyTreeRows(base, rows);
    expect(applied.ok && applied.value?.kind === 'directory' && applied.value.children[0]?.entry).toBe(shared);
  });

  it('a tree 5,000 directories deep is no deeper a stack', () => {
    let deep: Entry = { kind: 'symlink', target: 'x', mtimeMs: 0 };
    for (let level = 0; level < 5_000; level++) deep = { kind: 'directory', mode: 0o755, children: [{ name: 'd' as Name, entry: deep }] };
    const rows = [...treeDelta(undefined, deep)];
    expect(rows.length).toBe(5_001);
    const reader = new TreeReader(undefined, 10_000);
    for (const page of treePages(rows)) expect(reader.read(page)).toBe(undefined);
    expect([...treeDelta(deep, reader.finish())]).toEqual([]);
  });
});

describe('rows of a hostile peer', () => {
  const directory: Entry = { kind: 'directory', mode: 0o755, children: [] };
  const link: Entry = { kind: 'symlink', target: 'x', mtimeMs: 0 };
  const row = (path: string, entry: Entry | undefined): NodeAt => ({ path: path as RelativePath, entry });
  const base: Entry = {
    kind: 'directory',
    mode: 0o755,
    children: [
      { name: 'old' as Name, entry: directory },
      { name: 'link' as Name, entry: link },
    ].sort((a, b) => compareNames(a.name, b.name)),
  };
  const cases: readonly (readonly [string, Entry | undefined, readonly NodeAt[]])[] = [
    ['a name twice', base, [row('a', link), row('a', link)]],
    ['a name twice, as another kind', base, [row('a', directory), row('a', link)]],
    ['a child before its parent', base, [row('a/b', link), row('a', directory)]],
    ['a child of nothing', base, [row('a/b', link)]],
    ['a child of a symlink', base, [row('link/b', link)]],
    ['a child of a symlink that was just sent', base, [row('a', link), row('a/b', link)]],
    ['a child of what was just removed', base, [row('old', undefined), row('old/x', link)]],
    ['names out of order', base, [row('b', link), row('a', link)]],
    ['back into a directory that was left', base, [row('a', directory), row('a/x', link), row('b', link), row('a/y', link)]],
    ['the root, late', base, [row('a', link), row('', directory)]],
    ['the root twice', base, [row('', directory), row('', directory)]],
    ['something below an absent root', undefined, [row('a', link)]],
    ['something below a root that is a symlink', undefined, [row('', link), row('a', link)]],
    ['the removal of what is not there', base, [row('a', undefined)]],
  ];
  for (const [title, from, rows] of cases) it(`${title} is refused`, () => expect(applyTreeRows(from, rows).ok).toBe(false));
});

function mustDecode(bytes: Buffer): unknown {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value;
}
