/** Laws of whole runs over two replicas in memory, for random scopes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileScope } from '../scope/compile-scope.ts';
import type { ScopeRules } from '../scope/rules.ts';
import { getMemoryNode, type MemoryDisk, type MemoryNode } from '../testing/memory-disk.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { createTwoReplicas, type NodeName, type TwoReplicas } from '../testing/two-replicas.ts';
import type { RelativePath } from '../tree/path.ts';
import type { SyncReport } from './report.ts';

const numRuns = propertyRuns(1_000);

const name = fc.constantFrom('a', 'b', 'a.txt', 'b.txt', 'me_state.json');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/') as RelativePath);
const segment = fc.constantFrom('a', 'b', '*', '*.txt', 'a*', '?', '**', 'b.txt');
const pattern = fc
  .tuple(fc.constantFrom('', '/'), fc.array(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '/'))
  .map(([before, segments, after]) => before + segments.join('/') + after);
const rules: fc.Arbitrary<ScopeRules> = fc.record({
  include: fc.oneof({ arbitrary: fc.constant<string[]>([]), weight: 2 }, fc.array(pattern, { minLength: 1, maxLength: 2 })),
  exclude: fc.array(
    fc.tuple(fc.constantFrom('', '', '!'), pattern).map(([not, body]) => not + body),
    { maxLength: 3 },
  ),
  guard: fc.array(pattern, { maxLength: 2 }),
});
const edit = fc.record({ node: fc.constantFrom<NodeName[]>('laptop', 'balaur'), path, does: fc.constantFrom('write', 'write', 'write', 'remove') });
const round = fc.record({ edits: fc.array(edit, { maxLength: 6 }), from: fc.constantFrom<NodeName[]>('laptop', 'balaur') });
const conflicts = fc.constantFrom('newer', 'keep-both', 'alpha', 'skip');

describe('for any scope', () => {
  it(`what is excluded or guarded is changed on no side and named in no plan (seed ${seed})`, {
    timeout: Math.max(120_000, numRuns * 100),
  }, async () => {
    await fc.assert(
      fc.asyncProperty(rules, fc.array(round, { minLength: 1, maxLength: 3 }), conflicts, async (scope, rounds, policy) => {
        const world = createTwoReplicas();
        const { includes, enters } = compileScope(scope);
        const isOut = (at: RelativePath, kind: 'directory' | 'other'): boolean => !includes(at, kind) && !(kind === 'directory' && enters(at));
        // A pattern may be about folders alone: a problem at a path is out of scope if whatever could be there is.
        const isNamedWrongly = ({ path: at, kind }: Named): boolean =>
          kind === 'any' ? isOut(at, 'other') && isOut(at, 'directory') : isOut(at, kind);
        for (const { edits, from } of rounds) {
          for (const each of edits) change(world, each);
          const before = outOfScope(world, isOut);
          const report = await world.sync({
            from,
            settings: { scope, conflicts: policy as 'newer', onTie: 'keep-both' },
            allow: new Set(['root-emptied', 'path-emptied', 'mass-delete', 'mass-change', 'settings-differ'] as const),
          });
          expect(outOfScope(world, isOut)).toEqual(before);
          expect(pathsIn(report).filter(isNamedWrongly)).toEqual([]);
        }
      }),
      { seed, numRuns },
    );
  });
});

function change(world: TwoReplicas, { node, path: at, does }: { readonly node: NodeName; readonly path: RelativePath; readonly does: string }): void {
  const names = at.split('/');
  const isFree = names.slice(1).every((_, index) => {
    const above = getMemoryNode(world.disks[node], names.slice(0, index + 1).join('/'));
    return above === undefined || above.kind === 'directory';
  });
  if (!isFree) return;
  if (does === 'write') world.write(node, at, `${node} ${world.clock.nowMs()}`);
  else if (getMemoryNode(world.disks[node], at) !== undefined) world.remove(node, at);
}

/** All that is out of scope on both disks, to the byte. */
function outOfScope({ disks }: TwoReplicas, isOut: (at: RelativePath, kind: 'directory' | 'other') => boolean): readonly string[] {
  const linesOf = (disk: MemoryDisk, node: string): readonly string[] => {
    const lines: string[] = [];
    const visit = (entry: MemoryNode, at: string): void => {
      const kind = entry.kind === 'directory' ? 'directory' : 'other';
      if (at !== '' && isOut(at as RelativePath, kind))
        lines.push(`${node} ${at} ${entry.kind === 'file' ? `${entry.mode} ${entry.mtimeMs} ${new TextDecoder().decode(entry.bytes)}` : entry.kind}`);
      if (entry.kind === 'directory') for (const [child, below] of entry.children) visit(below, at === '' ? child : `${at}/${child}`);
    };
    if (disk.root !== undefined) visit(disk.root, '');
    return lines.sort();
  };
  return [...linesOf(disks.laptop, 'laptop'), ...linesOf(disks.balaur, 'balaur')];
}

interface Named {
  readonly path: RelativePath;
  readonly kind: 'directory' | 'other' | 'any';
}

function pathsIn({ changes, conflicts: found, problems, held }: SyncReport): readonly Named[] {
  const kindOf = (...entries: readonly ({ readonly kind: string } | undefined)[]): 'directory' | 'other' =>
    entries.some((entry) => entry?.kind === 'directory') ? 'directory' : 'other';
  return [
    ...changes.map(({ path: at, old, new: next }) => ({ path: at, kind: kindOf(old, next) })),
    ...found.flatMap(({ path: at, alpha, beta, keptAs }) => [
      { path: at, kind: kindOf(alpha, beta) },
      ...(keptAs === undefined ? [] : [{ path: keptAs, kind: 'other' as const }]),
    ]),
    ...problems.map(({ path: at }) => ({ path: at, kind: 'any' as const })),
    ...held.map(({ path: at, alpha, beta }) => ({ path: at, kind: kindOf(alpha, beta) })),
  ];
}
