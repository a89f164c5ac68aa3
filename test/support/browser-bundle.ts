/** The library as a browser would get it: one script, bundled from its sources for a platform that has none of Node's modules. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface BrowserBundle {
  readonly code: string;
  /** Modules that the bundle leaves to its surroundings; a browser has none. */
  readonly imports: readonly string[];
}

/** Bundles a TypeScript module that may import the packages by their names. What cannot be resolved, or is Node's own, is among `imports`. */
export async function bundleForBrowser(source: string): Promise<BrowserBundle> {
  // Below the checkout, so that the packages are found.
  const folder = join(root, 'node_modules', '.cache', `browser-${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  const imports = new Set<string>();
  try {
    await writeFile(join(folder, 'entry.ts'), source);
    await using bundle = await rolldown({
      input: join(folder, 'entry.ts'),
      platform: 'browser',
      resolve: { conditionNames: ['@ubos/source', 'browser', 'import', 'default'] },
      onLog(_, { code, message, exporter }) {
        if (code === 'UNRESOLVED_IMPORT') imports.add(exporter ?? message);
      },
    });
    const { output } = await bundle.generate({ format: 'iife', name: 'bundle', exports: 'named' });
    for (const chunk of output) if (chunk.type === 'chunk') for (const name of [...chunk.imports, ...chunk.dynamicImports]) imports.add(name);
    return { code: output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('\n'), imports: [...imports] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs it where there is nothing but the language itself and `globals`: no `process`, no `Buffer`, no `require`. Returns what it exports. */
export function runInBrowser(code: string, globals: Readonly<Record<string, unknown>> = {}): unknown {
  const context = createContext({ ...globals });
  return new Script(`${code}\n;typeof bundle === 'undefined' ? undefined : bundle;`).runInContext(context) as unknown;
}
