/** What is looked into, counted: the cost of a decision is that of the differences, not that of the tree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, path } from '../testing/trees.ts';
import { setNodes } from '../tree/edit.ts';
import type { Child, Directory, Entry } from '../tree/entry.ts';
import { parentPath, type RelativePath } from '../tree/path.ts';
import { alignNames } from './align-names.ts';
import { agreed } from './ancestor.ts';
import { diff } from './diff.ts';
import type { Policy } from './policy.ts';
import { reconcile } from './reconcile.ts';
import { law } from './test-support/law.ts';

const policy: Policy = {
  conflicts: 'newer',
  onTie: 'skip',
  direction: 'both',
  paths: [],
  naming: { alpha: 'laptop', beta: 'balaur', date: '2026-11-21' },
};

const folders = 8;
const folding = { ignoresCase: true, ignoresUnicodeForm: true };

/** 8 folders of 8 folders of a file each: 72 folders. */
function wide(): Directory {
  const inner = Object.fromEntries(Array.from({ length: folders }, (_, index) => [`n${index}`, dir({ leaf: file(`leaf ${index}`) })]));
  return dir(Object.fromEntries(Array.from({ length: folders }, (_, index) => [`d${index}`, dir({ ...inner, own: file(`own ${index}`) })])));
}

/** The same tree of other nodes, which say by their path when somebody looks what is in them. */
function watched(entry: Entry, looked: Set<string>, at = ''): Entry {
  if (entry.kind !== 'directory') return { ...entry };
  const children: Child[] = entry.children.map(({ name, entry: child }) => ({
    name,
    entry: watched(child, looked, at === '' ? name : `${at}/${name}`),
  }));
  return Object.defineProperty({ ...entry }, 'children', {
    enumerable: true,
    get() {
      looked.add(at);
      return children;
    },
  }) as Directory;
}

const tree = withMerkle(wide(), toyHash);
const leaf = fc.tuple(fc.nat(folders - 1), fc.nat(folders - 1)).map(([outer, inner]) => path(`d${outer}/n${inner}/leaf`));

function edited(paths: readonly RelativePath[], text: string): Entry {
  const nodes = paths.map((at) => ({ path: at, entry: file(text, { mtimeMs: 1 }) }));
  return withMerkle(setNodes(tree, nodes) as Entry, toyHash);
}

/** The folders above these paths. */
function above(paths: readonly RelativePath[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const each of paths) for (let at = parentPath(each); at !== undefined; at = parentPath(at)) folders.add(at);
  return folders;
}

describe('with digests', () => {
  law(
    'reconcile looks into no folder but those above what differs, whatever the sides changed',
    fc.tuple(fc.array(leaf, { maxLength: 3 }), fc.array(leaf, { maxLength: 3 })),
    ([onAlpha, onBeta]) => {
      const looked = new Set<string>();
      const look = (entry: Entry): Entry => watched(entry, looked);
      const plan = reconcile({ ancestor: agreed(look(tree)), alpha: look(edited(onAlpha, 'a')), beta: look(edited(onBeta, 'b')), policy });
      const differ = [...onAlpha, ...onBeta];
      expect([...looked].filter((at) => !above(differ).has(at))).toEqual([]);
      expect(plan.alphaChanges.length + plan.betaChanges.length + plan.conflicts.length).toBeGreaterThanOrEqual(new Set(differ).size);
    },
  );

  law('diff does, and aligning of names', fc.array(leaf, { minLength: 1, maxLength: 3 }), (paths) => {
    const looked = new Set<string>();
    const [before, after] = [watched(tree, looked), watched(edited(paths, 'a'), looked)];
    expect(diff(before, after)).toHaveLength(new Set(paths).size);
    alignNames({ ancestor: agreed(before), alpha: after, beta: before, folding: { alpha: folding, beta: folding } });
    expect([...looked].filter((at) => !above(paths).has(at))).toEqual([]);
  });

  it('nothing that differs: nothing is looked into', () => {
    const looked = new Set<string>();
    const look = (): Entry => watched(tree, looked);
    expect(reconcile({ ancestor: agreed(look()), alpha: look(), beta: look(), policy }).ancestorChanges).toEqual([]);
    expect([...looked]).toEqual([]);
  });
});
