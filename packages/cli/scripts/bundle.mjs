// Bundles the CLI from its sources: dist/ubos-sync.mjs and, under dist/chunks, what only some commands need. The far side's agent lies beside them.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const packageFolder = join(import.meta.dirname, '..');
const dist = join(packageFolder, 'dist');
const entry = join(dist, 'ubos-sync.mjs');

rmSync(join(dist, 'chunks'), { recursive: true, force: true });
const bundle = await rolldown({
  input: { 'ubos-sync': join(packageFolder, 'src', 'main.ts') },
  platform: 'node',
  // Compiled add-ons of ssh2 and msgpackr: used where they are installed, never needed.
  external: ['cpu-features', 'msgpackr-extract', /\.node$/],
  resolve: { conditionNames: ['@ubos/source', 'node', 'import', 'default'] },
  // What CommonJS modules find their own place by.
  transform: { define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' } },
  onLog(level, log, handle) {
    // ssh2 looks for its add-on inside a try.
    if (log.code !== 'UNRESOLVED_IMPORT' || !/\.node/.test(log.message)) handle(level, log);
  },
});
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: 'chunks/[name]-[hash].mjs',
  minify: { mangle: false, compress: true, codegen: true },
});
chmodSync(entry, 0o755);

// The same place from a chunk as from a module of the package that looks for it.
const agent = join(packageFolder, '..', 'transport-ssh', 'dist', 'agent', 'agent.cjs');
if (existsSync(agent)) {
  mkdirSync(join(dist, 'agent'), { recursive: true });
  copyFileSync(agent, join(dist, 'agent', 'agent.cjs'));
}
