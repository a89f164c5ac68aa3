/** Who may import whom: the table of ARCHITECTURE.md, held against the import lines of every source file. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** For each part of the code: the parts it may import besides itself, and the packages. `node:` stands for all of Node's own modules. */
const table: Readonly<Record<string, { readonly parts: readonly string[]; readonly packages: readonly string[] }>> = {
  'core/util': { parts: [], packages: [] },
  'core/hash': { parts: ['core/util', 'core/tree'], packages: [] },
  'core/tree': { parts: ['core/util', 'core/hash'], packages: [] },
  'core/scope': { parts: ['core/util', 'core/tree'], packages: ['minimatch'] },
  'core/log': { parts: ['core/util', 'core/hash'], packages: [] },
  'core/reconcile': { parts: ['core/util', 'core/hash', 'core/tree', 'core/scope'], packages: [] },
  'core/engine': { parts: ['core/util', 'core/hash', 'core/tree', 'core/scope', 'core/log', 'core/reconcile'], packages: ['p-limit'] },
  'core/fs': {
    parts: ['core/util', 'core/hash', 'core/tree', 'core/scope', 'core/log', 'core/reconcile', 'core/engine'],
    packages: ['node:', 'p-limit', 'xxhash-wasm', 'msgpackr/pack'],
  },
  'core/testing': {
    parts: ['core/util', 'core/hash', 'core/tree', 'core/scope', 'core/log', 'core/reconcile', 'core/engine'],
    packages: ['fast-check'],
  },
  'core/index.ts': { parts: ['core/util', 'core/hash', 'core/tree', 'core/scope', 'core/log', 'core/reconcile', 'core/engine'], packages: [] },
  'transport-ssh/protocol': { parts: [], packages: ['node:', 'msgpackr/pack', '@ubos/sync-core'] },
  'transport-ssh/ssh': { parts: [], packages: ['node:', 'ssh2', 'ssh-config', '@ubos/sync-core'] },
  'transport-ssh/agent': { parts: ['transport-ssh/protocol', 'transport-ssh/ssh'], packages: ['node:', '@ubos/sync-core', '@ubos/sync-core/fs'] },
  'transport-ssh/connect-ssh.ts': {
    parts: ['transport-ssh/protocol', 'transport-ssh/ssh', 'transport-ssh/agent'],
    packages: ['node:', '@ubos/sync-core'],
  },
  'transport-ssh/index.ts': {
    parts: ['transport-ssh/protocol', 'transport-ssh/ssh', 'transport-ssh/agent', 'transport-ssh/connect-ssh.ts'],
    packages: [],
  },
};

/** The command line is the only composition root: it may import everything that is below it. */
const composition = ['cli'];

describe('arrows only point downwards', () => {
  for (const [part, allowed] of Object.entries(table)) {
    it(`${part} imports ${[...allowed.parts, ...allowed.packages].join(', ') || 'nothing'}`, () => {
      const wrong: string[] = [];
      for (const { file, from } of importsOf(part)) {
        const target = from.startsWith('.') ? partOf(resolve(dirname(file), from)) : packageOf(from);
        const fine = from.startsWith('.') ? target === part || allowed.parts.includes(target) : allowed.packages.includes(target);
        if (!fine) wrong.push(`${relative(root, file)} imports ${from}`);
      }
      expect(wrong).toEqual([]);
    });
  }

  it('covers every source file', () => {
    const parts = new Set(sourceFiles(join(root, 'packages')).map((file) => partOf(file)));
    const known = [...Object.keys(table), ...composition];
    expect([...parts].filter((part) => !known.some((name) => part === name || part.startsWith(`${name}/`)))).toEqual([]);
  });

  it('keeps console and process.exit out of the libraries', () => {
    const wrong = sourceFiles(join(root, 'packages'))
      .filter((file) => !partOf(file).startsWith('cli') && !file.endsWith('agent/main.ts'))
      .filter((file) => /\bconsole\.\w+\(|\bprocess\.exit\(/.test(readFileSync(file, 'utf8')));
    expect(wrong.map((file) => relative(root, file))).toEqual([]);
  });
});

function importsOf(part: string): { readonly file: string; readonly from: string }[] {
  return sourceFiles(join(root, 'packages'))
    .filter((file) => partOf(file) === part)
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s+'([^']+)'|import\('([^']+)'\)/g)].map((match) => ({
        file,
        from: match[1] ?? match[2] ?? '',
      })),
    );
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) =>
        /(^|\/)src\/.*\.ts$/.test(name) &&
        !name.includes('node_modules') &&
        !/\.(test|bench|test-d)\.ts$/.test(name) &&
        !name.includes('/test-support/'),
    )
    .map((name) => join(folder, name));
}

/** `packages/core/src/tree/path.ts` is of `core/tree`, `packages/core/src/index.ts` of `core/index.ts`. */
function partOf(file: string): string {
  const [, name = '', rest = ''] = /packages\/([^/]+)\/src\/(.*)$/.exec(file) ?? [];
  return composition.includes(name) ? name : `${name}/${rest.includes('/') ? rest.slice(0, rest.indexOf('/')) : rest}`;
}

function packageOf(from: string): string {
  return from.startsWith('node:') ? 'node:' : from;
}
