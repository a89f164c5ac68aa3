/**
 * Text of a config to a config, or to everything that is wrong with it: each mistake with its line and column, what was expected there and,
 * where a word looks like a slip of the finger, the word that was probably meant.
 */
import { type Document, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { findMisfits } from './meaning.ts';
import { nearest } from './nearest.ts';
import { findValue, type KeyPath, type Position, positionAt, positionOfKey, positionOfValue } from './positions.ts';
import { type Config, configSchema } from './schema.ts';

export interface ConfigMistake extends Position {
  readonly message: string;
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config; readonly placeOf: PlaceOf }
  | { readonly ok: false; readonly mistakes: readonly ConfigMistake[] };

/** Where in the text a value stands; `undefined` if it is a default. */
export type PlaceOf = (path: KeyPath) => Position | undefined;

/** Reading runs nothing: tags that would make objects are refused, and aliases can not blow up. Mistakes come in the order of the text. */
export function parseConfig(text: string): ParsedConfig {
  const lines = new LineCounter();
  let document: Document;
  let raw: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: '1.2', schema: 'core', logLevel: 'silent' });
    // A mistake in the syntax makes everything after it doubtful, so nothing else is looked at.
    const broken = [...document.errors, ...document.warnings];
    if (broken.length > 0)
      return { ok: false, mistakes: broken.map(({ pos, message }) => ({ ...positionAt(lines, pos[0]), message: syntaxMessage(message) })) };
    raw = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return { ok: false, mistakes: [{ line: 1, column: 1, message: `this is not YAML that can be read: ${(error as Error).message}` }] };
  }
  const parsed = configSchema.safeParse(raw);
  const found = parsed.success ? [] : parsed.error.issues.flatMap((issue) => mistakesOf(issue, raw, document, lines));
  const misfits = findMisfits(raw).map(({ path, expected, meant }) => ({
    ...positionOfValue(document, lines, path),
    message: `${label(path)}: expected ${expected}, not ${shown(valueAt(raw, path))}${didYouMean(meant)}`,
  }));
  const mistakes = [...found, ...misfits].toSorted((a, b) => a.line - b.line || a.column - b.column);
  if (!parsed.success || mistakes.length > 0) return { ok: false, mistakes };
  return { ok: true, config: parsed.data, placeOf: (path) => findValue(document, lines, path) };
}

function mistakesOf(issue: z.core.$ZodIssue, raw: unknown, document: Document, lines: LineCounter): readonly ConfigMistake[] {
  const path = issue.path as KeyPath;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ ...positionOfKey(document, lines, path, key), message: unknownKey(key, path) }));
  }
  if (issue.code === 'invalid_key') {
    const key = String(path.at(-1));
    const expected = issue.issues[0]?.message ?? 'another key';
    return [
      { ...positionOfKey(document, lines, path.slice(0, -1), key), message: `\`${key}\` of ${label(path.slice(0, -1))}: expected ${expected}` },
    ];
  }
  const value = valueAt(raw, path);
  const position = positionOfValue(document, lines, path);
  if (value === undefined) return [{ ...position, message: `${label(path)} is missing: expected ${issue.message}` }];
  const meant = issue.code === 'invalid_value' && typeof value === 'string' ? nearest(value, issue.values.map(String)) : undefined;
  return [{ ...position, message: `${label(path)}: expected ${issue.message}, not ${shown(value)}${didYouMean(meant)}` }];
}

function unknownKey(key: string, path: KeyPath): string {
  const keys = keysAt(path);
  const section = keys.find((name) => keysAt([...path, name]).includes(key));
  if (section !== undefined) return `\`${key}\` is not a key of ${where(path)}; it belongs into \`${pathText([...path, section])}\``;
  const meant = nearest(key, keys);
  const hint = meant === undefined ? `; its keys are ${keys.map((name) => `\`${name}\``).join(', ')}` : didYouMean(meant);
  return `\`${key}\` is not a key of ${where(path)}${hint}`;
}

function where(path: KeyPath): string {
  return path.length === 0 ? 'the config' : `\`${pathText(path)}\``;
}

/** The keys that the schema has at this path. */
function keysAt(path: KeyPath): readonly string[] {
  let schema: z.core.$ZodType | undefined = unwrapped(configSchema);
  for (const segment of path) {
    if (schema instanceof z.ZodObject) schema = unwrapped(schema.shape[String(segment)]);
    else if (schema instanceof z.ZodArray) schema = unwrapped(schema.element);
    else if (schema instanceof z.ZodRecord) schema = unwrapped(schema.valueType);
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrapped(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) inner = inner.unwrap();
  return inner;
}

/** `exclude[2]` of `truth`. */
function label(path: KeyPath): string {
  let keyAt = path.length - 1;
  while (keyAt > 0 && typeof path[keyAt] === 'number') keyAt--;
  if (keyAt < 0) return 'the config';
  const own = `\`${pathText(path.slice(keyAt))}\``;
  return keyAt === 0 ? own : `${own} of \`${pathText(path.slice(0, keyAt))}\``;
}

function pathText(path: KeyPath): string {
  return path.map((segment, index) => (typeof segment === 'number' ? `[${segment}]` : index === 0 ? segment : `.${segment}`)).join('');
}

function valueAt(raw: unknown, path: KeyPath): unknown {
  let value = raw;
  for (const segment of path) value = isRecord(value) || Array.isArray(value) ? (value as Record<string | number, unknown>)[segment] : undefined;
  return value;
}

function shown(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value);
  const plain = typeof value === 'string' && text === `"${value}"` ? value : text;
  return `\`${plain.length > 60 ? `${plain.slice(0, 57)}...` : plain}\``;
}

function didYouMean(word: string | undefined): string {
  return word === undefined ? '' : `; did you mean \`${word}\`?`;
}

/** The first sentence of the parser's message; what follows is a picture of the source. */
function syntaxMessage(message: string): string {
  return `this is not YAML: ${message.split('\n')[0] ?? message}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
