/** The JSON Schemas that ship with the CLI: of the config, for editors, and of the lines of `--json`, for scripts. `npm run schemas` writes them. */
import { z } from 'zod';
import { configSchema } from './config/schema.ts';
import { outputLineSchema } from './render/lines.ts';

export function publishedSchemas(): Readonly<Record<string, string>> {
  return {
    'ubos-sync.schema.json': schemaText(z.toJSONSchema(configSchema, { io: 'input' }), 'ubos-sync.yaml'),
    'output.schema.json': schemaText(z.toJSONSchema(outputLineSchema, { io: 'output' }), 'One line of ubos-sync --json'),
  };
}

function schemaText({ $schema, ...schema }: z.core.JSONSchema.BaseSchema, title: string): string {
  return `${JSON.stringify({ $schema, title, ...schema }, undefined, 2)}\n`;
}
