// Writes docs/algorithm.md from the table of rules. A test compares them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSource } from './load-source.mjs';

const { algorithmPage } = await loadSource('../core/src/reconcile/test-support/algorithm-page.ts');
writeFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'algorithm.md'), algorithmPage());
