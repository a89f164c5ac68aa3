import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  agreed,
  type Child,
  type Digest,
  type Entry,
  type HashBytes,
  joinPath,
  type Name,
  type NodeAt,
  type Plan,
  type Policy,
  type RelativePath,
  reconcile,
  rootPath,
  setNodes,
  withMerkle,
} from '@ubos/sync-core';
import { loadHashing } from '@ubos/sync-core/fs';
import { createRandom } from '../../generate/random.ts';
import type { Bench } from '../../harness/bench.ts';
import { type CaseResult, runRounds } from '../../harness/rounds.ts';

const entryCount = 100_000;
const folderCount = 5_400;
const changesPerSide = 50;

const policy: Policy = {
  conflicts: 'newer',
  onTie: 'skip',
  direction: 'both',
  paths: [],
  naming: { alpha: 'near', beta: 'far', date: '2026-11-21' },
};

interface Trees {
  readonly ancestor: Entry;
  readonly alpha: Entry;
  readonly beta: Entry;
}

export async function benchReconcile(bench: Bench): Promise<readonly CaseResult[]> {
  const { hash } = await loadHashing('fast');
  const { tree, files } = makeTree(hash);
  const ancestor = withMerkle(tree, hash);
  const edited = (first: number): Entry => withMerkle(setNodes(ancestor, editsFrom(files, first, hash)) as Entry, hash);
  const shared: Trees = { ancestor, alpha: edited(0), beta: edited(changesPerSide) };

  const cases: readonly (readonly [string, string, Trees])[] = [
    ['pruned', 'by digest', each(shared, (entry) => copyOf(entry, true))],
    ['not-pruned', 'no digests', each(shared, (entry) => copyOf(entry, false))],
    ['shared', 'by reference', shared],
  ];
  const results: CaseResult[] = [];
  for (const [name, what, trees] of cases) {
    const workload = `three trees of ${entryCount.toLocaleString('en')} entries, ${2 * changesPerSide} differ, ${what}`;
    let plan: Plan | undefined;
    const result = await runRounds(
      { suite: 'reconcile', name, workload },
      [
        {
          name: 'reconcile',
          run: () => {
            plan = reconcile({ ancestor: agreed(trees.ancestor), alpha: trees.alpha, beta: trees.beta, policy });
            return Promise.resolve();
          },
          verify: () => {
            const counts = [plan?.alphaChanges, plan?.betaChanges, plan?.ancestorChanges, plan?.conflicts, plan?.problems].map(
              (list) => list?.length,
            );
            if (counts.join() !== `${changesPerSide},${changesPerSide},0,0,0`) throw new Error(`another plan than expected: ${counts.join()}`);
            return Promise.resolve();
          },
        },
      ],
      bench.rounds,
      bench.log,
    );
    results.push(result);
  }
  const bytes = bytesPerEntry(hash);
  return results.map((result) => (result.name === 'pruned' ? { ...result, notes: [`${Math.round(bytes)} bytes of heap for each entry`] } : result));
}

function each(trees: Trees, change: (entry: Entry) => Entry): Trees {
  return { ancestor: change(trees.ancestor), alpha: change(trees.alpha), beta: change(trees.beta) };
}

/** Folders of about 18 files, three to five levels deep. */
function makeTree(hash: HashBytes): { readonly tree: Entry; readonly files: readonly RelativePath[] } {
  const random = createRandom(11);
  const folders: RelativePath[] = [rootPath];
  const nodes: NodeAt[] = [];
  while (folders.length < folderCount) {
    // As in `generate/trees.ts`.
    const parent = folders[Math.floor(random() ** 2 * Math.min(folders.length, 400))] ?? rootPath;
    const path = joinPath(parent, `folder-${folders.length.toString(36)}` as Name);
    folders.push(path);
    nodes.push({ path, entry: { kind: 'directory', mode: 0o755, children: [] } });
  }
  const files: RelativePath[] = [];
  for (let index = 0; index < entryCount - folderCount; index++) {
    const path = joinPath(folders[index % folders.length] ?? rootPath, `mission-${index.toString(36)}.md` as Name);
    files.push(path);
    nodes.push({ path, entry: fileOf(`content ${index}`, 1_700_000_000_000 + index, hash) });
  }
  return { tree: setNodes({ kind: 'directory', mode: 0, children: [] }, nodes) as Entry, files };
}

/** Spread over the whole tree. */
function editsFrom(files: readonly RelativePath[], first: number, hash: HashBytes): readonly NodeAt[] {
  const step = Math.floor(files.length / (2 * changesPerSide));
  return Array.from({ length: changesPerSide }, (_, index) => {
    const path = files[(first + index) * step] ?? rootPath;
    return { path, entry: fileOf(`edited ${path}`, 1_800_000_000_000 + index, hash) };
  });
}

function fileOf(text: string, mtimeMs: number, hash: HashBytes): Entry {
  return { kind: 'file', mode: 0o644, sizeBytes: text.length, digest: hash(new TextEncoder().encode(text)), mtimeMs };
}

/** The same tree of other nodes and other strings, as another process would have it. The tree is a few levels deep. */
function copyOf(entry: Entry, digests: boolean): Entry {
  if (entry.kind !== 'directory') return entry.kind === 'file' ? { ...entry, digest: ownText(entry.digest) as Digest } : { ...entry };
  const children: Child[] = entry.children.map((child) => ({ name: ownText(child.name) as Name, entry: copyOf(child.entry, digests) }));
  const merkle = digests && entry.merkle !== undefined ? (ownText(entry.merkle) as Digest) : undefined;
  return { kind: 'directory', mode: entry.mode, children, ...(merkle === undefined ? {} : { merkle }) };
}

function ownText(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function bytesPerEntry(hash: HashBytes): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const source = withMerkle(makeTree(hash).tree, hash);
  gc();
  const before = process.memoryUsage().heapUsed;
  const held = copyOf(source, true);
  gc();
  const after = process.memoryUsage().heapUsed;
  if (held.kind !== 'directory') throw new Error('the root is a folder');
  return (after - before) / entryCount;
}
