import { defineConfig } from 'vitest/config';

// Tests run from source: the condition `@ubos/source` of each package's `exports` names the .ts file.
const source = { resolve: { conditions: ['@ubos/source'] }, ssr: { resolve: { conditions: ['@ubos/source', 'node', 'import', 'default'] } } };

export default defineConfig({
  ...source,
  test: {
    projects: [
      { ...source, test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], testTimeout: 30_000 } },
      {
        ...source,
        test: {
          name: 'cross',
          include: ['test/**/*.test.ts', 'bench/**/*.test.ts'],
          globalSetup: ['test/support/build.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
