import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

/** Imports a TypeScript module of this package, which Node 20 cannot do by itself. The bundle lies inside the package, so that its dependencies are found. */
export async function loadSource(path) {
  const packageFolder = join(import.meta.dirname, '..');
  const folder = mkdtempSync(join(packageFolder, 'node_modules', '.load-'));
  try {
    const bundle = await rolldown({
      input: join(packageFolder, path),
      platform: 'node',
      external: /^(?!\.|\/|@ubos\/)/,
      resolve: { conditionNames: ['@ubos/source', 'node', 'import', 'default'] },
    });
    await bundle.write({ file: join(folder, 'module.mjs'), format: 'esm' });
    return await import(pathToFileURL(join(folder, 'module.mjs')).href);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
