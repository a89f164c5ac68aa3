/**
 * Trees to synchronise: many small files in many folders, the same on every machine.
 *
 * 100,000 files, 5,400 folders and 320 MB is the tree of the published figures; the shape is that of a working tree: folders of about 18 files, three
 * to five levels deep, sizes spread over three decades (median about 1 kB), one file in fifty executable.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom } from './random.ts';

export interface TreeSize {
  readonly files: number;
  readonly folders: number;
  readonly bytes: number;
}

export const fullTree: TreeSize = { files: 100_000, folders: 5_400, bytes: 320_000_000 };

/** A tree of the same shape with this many files. */
export function treeOf(files: number): TreeSize {
  return {
    files,
    folders: Math.max(1, Math.round((files * fullTree.folders) / fullTree.files)),
    bytes: Math.round((files * fullTree.bytes) / fullTree.files),
  };
}

/** Writes the tree below `root`, which must exist. All mtimes are the given one, so that two trees made apart are alike. Returns the files' paths. */
export function writeTree(root: string, { files, folders, bytes }: TreeSize, seed = 11): readonly string[] {
  const random = createRandom(seed);
  const folderPaths = makeFolders(root, folders, random);
  const sizes = fileSizes(files, bytes, random);
  const paths: string[] = [];
  for (let index = 0; index < files; index++) {
    const path = join(
      folderPaths[index % folderPaths.length] ?? '',
      `${words[index % words.length]}-${index.toString(36)}.${extensions[index % extensions.length]}`,
    );
    writeFileSync(join(root, path), contentOf(index, sizes[index] ?? 0, random), { mode: index % 50 === 0 ? 0o755 : 0o644 });
    paths.push(path);
  }
  return paths;
}

/** Rewrites every `step`-th file: other content, same size. */
export function touchTree(root: string, paths: readonly string[], count: number, round: number): void {
  const step = Math.max(1, Math.floor(paths.length / count));
  for (let index = 0; index < count; index++) {
    const path = paths[(index * step + round) % paths.length];
    if (path !== undefined) writeFileSync(join(root, path), `changed in round ${round}: ${path}\n`);
  }
}

function makeFolders(root: string, count: number, random: () => number): readonly string[] {
  const paths: string[] = [''];
  for (let index = 1; index < count; index++) {
    // Hanging a folder under one of the older ones, biased to the first hundred, gives three to five levels.
    const parent = paths[Math.floor(random() ** 2 * Math.min(paths.length, 400))] ?? '';
    const path = join(parent, `${words[index % words.length]}${index.toString(36)}`);
    mkdirSync(join(root, path), { recursive: true });
    paths.push(path);
  }
  return paths;
}

/** Sizes from 30 bytes to about 100 kB, most of them small, whose sum is `bytes`. */
function fileSizes(count: number, bytes: number, random: () => number): readonly number[] {
  const weights = Array.from({ length: count }, () => Math.exp(random() * 8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => Math.max(30, Math.round((weight / total) * bytes)));
}

/** Text that compresses about threefold, different in every file. */
function contentOf(index: number, sizeBytes: number, random: () => number): string {
  let text = `# ${index}\n`;
  while (text.length < sizeBytes)
    text += `${words[Math.floor(random() * words.length)]} ${Math.floor(random() * 1e9).toString(36)} = ${words[Math.floor(random() * words.length)]}\n`;
  return text.slice(0, sizeBytes);
}

const words = [
  'config',
  'mission',
  'charter',
  'steward',
  'lattice',
  'pulse',
  'archive',
  'covenant',
  'signal',
  'harbor',
  'ledger',
  'beacon',
  'orchard',
  'relay',
  'canon',
  'sentry',
];
const extensions = ['md', 'yaml', 'json', 'py', 'sh', 'ts', 'txt'];
