/** The tests of the folder that is mutated (`MUTATE`: reconcile or scope), with few runs of each property, since every mutant runs them. */
import { defineConfig } from 'vitest/config';

process.env['PROPERTY_RUNS'] ??= '30';
const folder = process.env['MUTATE'] ?? 'reconcile';

export default defineConfig({
  resolve: { conditions: ['@ubos/source'] },
  ssr: { resolve: { conditions: ['@ubos/source', 'node', 'import', 'default'] } },
  test: {
    include: [`packages/core/src/${folder}/**/*.test.ts`],
    // They count, or ask another program: slow, and about what the others are about.
    exclude: ['**/pruning.test.ts', '**/deep-path.test.ts', '**/git-check-ignore.test.ts'],
  },
});
