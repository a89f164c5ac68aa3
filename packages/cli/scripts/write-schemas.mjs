// Writes schema/*.schema.json from the zod schemas. A test compares them, so a change of a schema shows up in the diff.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSource } from './load-source.mjs';

const { publishedSchemas } = await loadSource('src/schemas.ts');
for (const [name, text] of Object.entries(publishedSchemas())) writeFileSync(join(import.meta.dirname, '..', 'schema', name), text);
