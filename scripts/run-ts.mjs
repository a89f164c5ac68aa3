/**
 * Runs a TypeScript program of this repository on any supported Node: bundles it (packages stay outside, they are used as built) and starts it.
 *
 *     node scripts/run-ts.mjs bench/main.ts --full
 */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function runTypeScript(entry, args) {
  prepare();
  const { rolldown } = await import('rolldown');
  const outFile = join(root, 'node_modules', '.cache', 'run-ts', `${entry.replaceAll('/', '-')}.mjs`);
  const bundle = await rolldown({
    input: resolve(root, entry),
    platform: 'node',
    external: (name) => !name.startsWith('.') && !name.startsWith('/') && !name.includes('@oxc-project/runtime'),
    // Node 20 has no `using`.
    transform: { target: 'node20' },
  });
  await bundle.write({ file: outFile, format: 'esm', sourcemap: 'inline' });
  await bundle.close();
  const child = spawn(process.execPath, ['--enable-source-maps', outFile, ...args], {
    stdio: 'inherit',
    env: { ...process.env, UBOS_SYNC_CHECKOUT: root },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const status = await new Promise((done) => child.on('exit', (code) => done(code ?? 1)));
  process.exitCode = status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runTypeScript(process.argv[2], process.argv.slice(3));
