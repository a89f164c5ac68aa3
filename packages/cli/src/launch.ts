#!/usr/bin/env node
/**
 * Starts the CLI: loads its chunks, and with them what V8 has compiled of them in an earlier run (`cache-folder.ts` of core), which halves the time until
 * the first command does something. Node does the same by itself from 22.1 on (`module.enableCompileCache`), for every Node that this runs on it is done here.
 * Without the cache (`NODE_DISABLE_COMPILE_CACHE`, no home, a folder that cannot be written) all is the same, only slower.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { Script } from 'node:vm';
import { codeName, defaultCacheFolder, readCode, sealCode, storeInCache } from '@ubos/sync-core/fs';

/** Name of the chunk that begins; put in when the CLI is bundled. */
declare const mainChunk: string;

const chunks = join(import.meta.dirname, 'chunks');
const cache = process.env['NODE_DISABLE_COMPILE_CACHE'] === '1' ? undefined : defaultCacheFolder(process.env);

interface Module {
  exports: unknown;
}

const loaded = new Map<string, Module>();
const toKeep = new Map<`code-${string}`, Script>();

/** As Node's own `require` does; names of chunks carry the hash of what is in them. */
function load(name: string): unknown {
  const known = loaded.get(name);
  if (known !== undefined) return known.exports;
  const module: Module = { exports: {} };
  loaded.set(name, module);
  const file = join(chunks, name);
  const key = codeName(`cli-${name}`);
  const source = readFileSync(file, 'utf8');
  const script = new Script(`(function(exports,require,module,__filename,__dirname){${source}\n})`, {
    filename: file,
    cachedData: cache === undefined ? undefined : readCode(cache, key),
  });
  if (script.cachedDataRejected !== false) toKeep.set(key, script);
  const outside = createRequire(file);
  const require = (wanted: string): unknown => (isBuiltin(wanted) || !wanted.startsWith('.') ? outside(wanted) : load(basename(wanted)));
  const run = script.runInThisContext() as (...args: unknown[]) => void;
  run.call(module.exports, module.exports, Object.assign(require, outside), module, file, chunks);
  return module.exports;
}

load(mainChunk);

/** At the end, when all that a run needs has been compiled; a run that went wrong needed other things. What cannot be kept is compiled again. */
process.on('exit', (exitCode) => {
  if (cache === undefined || exitCode > 1) return;
  try {
    for (const [key, script] of toKeep) storeInCache(cache, key, sealCode(script.createCachedData()), Date.now(), randomUUID());
  } catch {
    // A folder that is read-only, full, or somebody else's.
  }
});
