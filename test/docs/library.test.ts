/** The example of docs/library.md, pasted: it compiles for a browser, and prints what the page says, where there is nothing but the language and a console. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { bundleForBrowser, runInBrowser } from '../support/browser-bundle.ts';

const page = await readFile(fileURLToPath(new URL('../../docs/library.md', import.meta.url)), 'utf8');

it('prints what the page says', async () => {
  const [, example = ''] = /```ts\n(.*?)```/s.exec(page) ?? [];
  const [, expected] = /```text\n(.*?)```/s.exec(page) ?? [];
  const { code, imports } = await bundleForBrowser(example);
  expect(imports).toEqual([]);
  let printed = '';
  runInBrowser(code, {
    console: {
      log: (...parts: readonly unknown[]) => {
        printed += `${parts.join(' ')}\n`;
      },
    },
  });
  expect(printed).toBe(expected);
});
