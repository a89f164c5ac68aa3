/**
 * The gate: every check of the project, one after the other, and one closing line `N passed, N failed` that counts tests and checks alike.
 * `npm test` runs it on a bare clone; `.ci/run` runs `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);

prepare();

const checks = [
  ['format', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings', '.']],
  ['types', bin('tsc'), ['--build']],
  ['dead code', bin('knip'), []],
  ['package core', bin('publint'), ['packages/core', '--strict']],
  ['package transport-ssh', bin('publint'), ['packages/transport-ssh', '--strict']],
  ['package cli', bin('publint'), ['packages/cli', '--strict']],
  ['types as published: core', bin('attw'), ['--pack', 'packages/core', '--profile', 'esm-only', '--format', 'ascii', '--no-emoji']],
  [
    'types as published: transport-ssh',
    bin('attw'),
    ['--pack', 'packages/transport-ssh', '--profile', 'esm-only', '--format', 'ascii', '--no-emoji'],
  ],
];

let passed = 0;
let failed = 0;
for (const [title, command, args] of checks) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status === 0) {
    passed++;
    console.log(`ok    ${title}`);
  } else {
    failed++;
    console.log(`FAIL  ${title}\n${result.stdout}${result.stderr}`);
  }
}

const tests = runTests();
passed += tests.passed;
failed += tests.failed;
console.log(`${passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`);
process.exit(failed === 0 ? 0 : 1);

/** Runs vitest and reads its own count; a run that ended without one has failed. */
function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'ubos-sync-verify-'));
  try {
    const output = join(folder, 'tests.json');
    const { status } = spawnSync(bin('vitest'), ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const report = JSON.parse(readFileSync(output, 'utf8'));
    const suitesFailed = report.testResults.filter(
      (suite) => suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
    ).length;
    const failures = report.numFailedTests + suitesFailed;
    return { passed: report.numPassedTests, failed: status === 0 || failures > 0 ? failures : 1, skipped: report.numPendingTests };
  } catch (error) {
    console.log(`the tests ended without a report: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
