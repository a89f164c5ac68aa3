/** The manifests agree with each other: one version a package, and nothing in the lock file that names a place to download from. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const manifests = ['package.json', 'packages/core/package.json', 'packages/transport-ssh/package.json', 'packages/cli/package.json'].map(
  (path) => JSON.parse(read(path)) as Manifest,
);

it('asks for one version of each package', () => {
  const ranges = new Map<string, Set<string>>();
  for (const manifest of manifests) {
    for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      ranges.set(name, (ranges.get(name) ?? new Set()).add(range));
  }
  expect([...ranges].filter(([, found]) => found.size > 1).map(([name]) => name)).toEqual([]);
});

it('gives all packages one version and ESM', () => {
  expect(new Set(manifests.map((manifest) => manifest.version)).size).toBe(1);
  expect(new Set(manifests.map((manifest) => manifest.type))).toEqual(new Set(['module']));
});

it('names no download address in the lock file', () => {
  expect(read('package-lock.json')).not.toMatch(/"resolved": "(https?|git|file):/);
});

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
}
