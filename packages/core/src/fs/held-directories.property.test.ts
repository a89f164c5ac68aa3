import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RelativePath } from '../tree/path.ts';
import { createHeldDirectories } from './held-directories.ts';
import { createNodeDisk } from './node-disk.ts';

const names = ['a', 'ab', 'abc', 'b'];
const paths = ['', ...names, ...names.flatMap((one) => names.map((two) => `${one}/${two}`)), ...names.map((one) => `${one}/ab/${one}/abc`)];
let base = '';

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'ubos-sync-held-'));
  for (const path of paths) mkdirSync(join(base, path), { recursive: true });
});
afterAll(() => rmSync(base, { recursive: true }));

const step = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...paths) },
  // What is not there in between leaves the way to what is there as it was.
  { weight: 2, arbitrary: fc.constantFrom('a/x', 'ab/abc/x/y', 'x', 'abcd') },
  { weight: 1, arbitrary: fc.constant(undefined) },
);

it('whatever was opened before, a path leads to its own folder (seed 3)', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const root = createNodeDisk().openRoot(base);
      if (root === undefined) throw new Error('no root');
      const tree = createHeldDirectories(root);
      try {
        for (const path of steps) {
          if (path === undefined) tree.release();
          else if (paths.includes(path)) {
            expect(tree.open(path as RelativePath).directory.identity.ino).toBe(statSync(join(base, path), { bigint: true }).ino);
          } else expect(() => tree.open(path as RelativePath)).toThrow('ENOENT');
        }
      } finally {
        tree.release();
        root.close();
      }
    }),
    { seed: 3 },
  );
});
