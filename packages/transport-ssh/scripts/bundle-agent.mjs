/**
 * Builds the far side: `src/agent/main.ts` and all it needs in one file, `dist/agent/agent.cjs`, for Node 18 and later without anything installed.
 *
 * CommonJS, because the launcher runs the bytes that it has hashed (`vm.compileFunction`) and not a file by its name: a module could only be given to Node
 * as a data: URL, which shows up whole in every stack trace and takes longer to start. Without the condition `node` msgpackr comes
 * without its native part, which could not travel.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const packageFolder = new URL('..', import.meta.url);
const file = fileURLToPath(new URL('dist/agent/agent.cjs', packageFolder));

const bundle = await rolldown({
  input: fileURLToPath(new URL('src/agent/main.ts', packageFolder)),
  // `node` would bring the condition of that name; built-in modules are named below.
  platform: 'neutral',
  external: (name) => isBuiltin(name),
  resolve: { conditionNames: ['@ubos/source', 'import', 'default'], mainFields: ['module', 'main'] },
  transform: { target: 'node18' },
  onLog(level, log, defaultHandler) {
    if (level === 'warn') throw new Error(`${log.code}: ${log.message}`);
    defaultHandler(level, log);
  },
});
await bundle.write({ file, format: 'cjs', minify: true, codeSplitting: false, comments: false });
await bundle.close();

const bytes = await readFile(file);
// What is left to load at run time must come with Node.
const loaded = [...bytes.toString().matchAll(/\brequire\(\s*["'`]([^"'`]*)["'`]\s*\)/g)].map(([, name]) => name);
const foreign = loaded.filter((name) => !name.startsWith('node:') && !isBuiltin(name));
if (foreign.length > 0) throw new Error(`the agent would load ${foreign.join(', ')} on the far side`);
process.stderr.write(`agent: ${Math.round(bytes.length / 1024)} KiB, sha256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}\n`);
