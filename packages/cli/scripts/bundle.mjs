// Bundles the CLI from its sources: dist/ubos-sync.cjs, which starts it, and the CLI itself in dist/chunks, where what only some commands need has chunks of
// its own. CommonJS, because compiled code is kept of scripts (`src/launch.ts`), not of modules. The far side's agent lies beside them.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const packageFolder = join(import.meta.dirname, '..');
const dist = join(packageFolder, 'dist');
const options = {
  platform: 'node',
  resolve: {
    conditionNames: ['@ubos/source', 'node', 'import', 'default'],
    // Asked by ssh2 for its order of ciphers; ours is given.
    alias: { 'cpu-features': false },
  },
  // What modules find their own place by.
  transform: { define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' } },
  onLog(level, log, handle) {
    // ssh2 looks for its add-on inside a try.
    if (log.code !== 'UNRESOLVED_IMPORT' || !/\.node/.test(log.message)) handle(level, log);
  },
};
const output = { format: 'cjs', minify: { mangle: false, compress: true, codegen: true } };

rmSync(join(dist, 'chunks'), { recursive: true, force: true });
const cli = await rolldown({
  ...options,
  input: { main: join(packageFolder, 'src', 'main.ts') },
  // The compiled add-on of ssh2: used where it is installed, never needed.
  external: [/\.node$/],
});
const names = '[name]-[hash].cjs';
const { output: chunks } = await cli.write({ ...output, dir: join(dist, 'chunks'), entryFileNames: names, chunkFileNames: names });
const main = chunks.find((chunk) => chunk.isEntry).fileName;

const entry = join(dist, 'ubos-sync.cjs');
const define = { ...options.transform.define, mainChunk: JSON.stringify(main) };
const launcher = await rolldown({ ...options, transform: { define }, input: join(packageFolder, 'src', 'launch.ts') });
await launcher.write({ ...output, file: entry, codeSplitting: false });
chmodSync(entry, 0o755);

// The same place from a chunk as from a module of the package that looks for it.
const agent = join(packageFolder, '..', 'transport-ssh', 'dist', 'agent', 'agent.cjs');
if (existsSync(agent)) {
  mkdirSync(join(dist, 'agent'), { recursive: true });
  copyFileSync(agent, join(dist, 'agent', 'agent.cjs'));
}
