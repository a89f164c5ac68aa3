import { readFileSync } from 'node:fs';
import { syncErrorCodes } from '@ubos/sync-core';
import { describe, expect, it } from 'vitest';
import { errorsPage } from './errors/page.ts';
import { publishedSchemas } from './schemas.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

describe('what is published is what the code says', () => {
  it.each(Object.entries(publishedSchemas()))('schema/%s (npm run schemas)', (name, text) => {
    expect(read(`../schema/${name}`)).toBe(text);
  });

  it('docs/errors.md (npm run docs:errors)', () => {
    const page = read('../../../docs/errors.md');
    expect(page).toBe(errorsPage());
    expect([...page.matchAll(/^## (SYNC_\w+)$/gm)].map(([, code]) => code)).toEqual([...syncErrorCodes]);
  });

  it('docs/config.md has a row for every key of the config', () => {
    const page = read('../../../docs/config.md');
    const missing = keysOf(publishedConfigSchema()).filter((key) => !page.includes(`\`${key}\``));
    expect(missing).toEqual([]);
  });
});

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
}

function publishedConfigSchema(): SchemaNode {
  return JSON.parse(publishedSchemas()['ubos-sync.schema.json'] ?? '{}') as SchemaNode;
}

/** `truth.exclude`, `nodes.NAME.url`, `logs[].from`. */
function keysOf(node: SchemaNode, prefix = ''): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const path = `${prefix}${name}`;
    const named = typeof child.additionalProperties === 'object' ? keysOf(child.additionalProperties, `${path}.NAME.`) : [];
    const listed = child.items === undefined ? [] : keysOf(child.items, `${path}[].`);
    return [path, ...keysOf(child, `${path}.`), ...named, ...listed];
  });
}
