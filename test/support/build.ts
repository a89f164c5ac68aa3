/** Global setup of the tests that run what users run (the bundled CLI, the agent that is uploaded): builds once, if a source is newer. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function setup(): void {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('../../scripts/prepare.mjs', import.meta.url))], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the build failed');
}
