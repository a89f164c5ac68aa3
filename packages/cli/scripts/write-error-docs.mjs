// Writes docs/errors.md from the table of advice. A test compares them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSource } from './load-source.mjs';

const { errorsPage } = await loadSource('src/errors/page.ts');
writeFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'errors.md'), errorsPage());
