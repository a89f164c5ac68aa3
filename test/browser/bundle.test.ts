/** `@ubos/sync-core` in a browser: it bundles for one, and it runs where there is nothing but the language. */
import { expect, it } from 'vitest';
import { bundleForBrowser, runInBrowser } from '../support/browser-bundle.ts';

const everything = await bundleForBrowser(`export * from '@ubos/sync-core';`);

it('the whole of the library bundles, and needs no module of Node', () => {
  expect(everything.imports).toEqual([]);
  expect(everything.code).not.toMatch(/(?:from|import|require)\s*\(?\s*['"](?:node:|fs|path|crypto|os|async_hooks)/);
});

it('and what does need one is found out', async () => {
  expect((await bundleForBrowser(`export * from '@ubos/sync-core/fs';`)).imports).toContain('node:fs');
});

it('is loaded where there is no process, no Buffer and no require', () => {
  const library = runInBrowser(everything.code) as Readonly<Record<string, unknown>>;
  expect(Object.keys(library)).toEqual(expect.arrayContaining(['reconcile', 'diff', 'compileScope', 'withMerkle', 'runSync', 'pullLog']));
});

it('reconciles there as it does here', async () => {
  const source = `
    import { agreed, applyPlan, compileScope, merkleOfChildren, parseRelativePath, reconcile, setNodes, withMerkle, type Digest, type Entry } from '@ubos/sync-core';
    const hash = (bytes: Uint8Array): Digest => bytes.join() as Digest;
    const file = (text: string, mtimeMs: number): Entry => ({ kind: 'file', mode: 0o644, sizeBytes: text.length, digest: text as Digest, mtimeMs });
    const tree = (files: Record<string, Entry>): Entry => {
      const nodes = Object.entries(files).map(([path, entry]) => ({ path: parseRelativePath(path).value, entry }));
      return withMerkle(setNodes({ kind: 'directory', mode: 0o755, children: [] }, nodes), hash);
    };
    const policy = { conflicts: 'newer', onTie: 'skip', direction: 'both', paths: [], naming: { alpha: 'a', beta: 'b', date: '2026-11-21' } };
    const ancestor = agreed(tree({ same: file('1', 0), edited: file('1', 0), gone: file('1', 0) }));
    const alpha = tree({ same: file('1', 0), edited: file('2', 50_000), gone: file('1', 0), 'caf\\u00e9': file('new', 0) });
    const beta = tree({ same: file('1', 0), edited: file('3', 10_000) });
    const plan = reconcile({ ancestor, alpha, beta, policy });
    const after = applyPlan({ ancestor, alpha, beta }, plan);
    export const result = JSON.stringify({
      alpha: plan.alphaChanges.map(({ path }) => path),
      beta: plan.betaChanges.map(({ path }) => path),
      conflicts: plan.conflicts.map(({ path, resolution }) => [path, resolution]),
      equal: after.alpha.children.length === after.beta.children.length,
      scope: compileScope({ include: [], exclude: ['*.{log,bak}'], guard: [] }).includes('a.bak', 'other'),
    });
  `;
  const { code, imports } = await bundleForBrowser(source);
  expect(imports).toEqual([]);
  const { result } = runInBrowser(code) as { readonly result: string };
  expect(JSON.parse(result)).toEqual({ alpha: ['gone'], beta: ['café', 'edited'], conflicts: [['edited', 'alpha']], equal: true, scope: false });
});
