/**
 * The tests of the folder that is mutated (`MUTATE`: reconcile or scope), as every mutant meets them: with few runs of each property, the cheap ones first, and
 * one worker for all, which imports everything once. The first failure ends it.
 */
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

process.env['PROPERTY_RUNS'] ??= '30';
const folder = process.env['MUTATE'] ?? 'reconcile';

/** The folder's own named cases, then the others, then what takes larger trees, laws, products. */
function costOf({ moduleId }: TestSpecification): number {
  if (moduleId.endsWith(`/${folder}.test.ts`)) return -1;
  return ['guards.', 'align-names.', 'pruning.', '.property.', '-table.'].findIndex((part) => moduleId.includes(part)) + 1;
}

class CheapFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => costOf(a) - costOf(b) || a.moduleId.localeCompare(b.moduleId));
  }
}

export default defineConfig({
  resolve: { conditions: ['@ubos/source'] },
  ssr: { resolve: { conditions: ['@ubos/source', 'node', 'import', 'default'] } },
  test: {
    include: [`packages/core/src/${folder}/**/*.test.ts`],
    // Trees deeper than the call stack, and another program that is asked: slow, and about what the others are about.
    exclude: ['**/deep-path.test.ts', '**/git-check-ignore.test.ts'],
    setupFiles: ['test/mutation/setup.ts'],
    testTimeout: 30_000,
    isolate: false,
    // Stryker's own setup notes which test meets which mutant. It lies under node_modules, where it would be run once and not for every file.
    server: { deps: { inline: [/stryker-setup/] } },
    sequence: { sequencer: CheapFirst },
  },
});
