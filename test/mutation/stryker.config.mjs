/** Mutation testing of one pure folder: `npm run mutation` (reconcile), `MUTATE=scope npm run mutation`. */
const folder = process.env['MUTATE'] ?? 'reconcile';

export default {
  testRunner: 'vitest',
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  mutate: [`packages/core/src/${folder}/**/*.ts`, '!**/*.test.ts', '!**/test-support/**'],
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 10_000,
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false },
  jsonReporter: { fileName: `node_modules/.cache/mutation/${folder}.json` },
  tempDirName: 'node_modules/.cache/mutation/sandbox',
  thresholds: { high: 95, low: 90, break: 90 },
};
