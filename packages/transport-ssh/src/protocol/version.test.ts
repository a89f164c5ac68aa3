import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { engineVersion } from './version.ts';

it('the version told to the peer is that of the package', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  expect(engineVersion).toBe(manifest.version);
});
