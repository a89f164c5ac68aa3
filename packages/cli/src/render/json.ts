import type { Sink } from './output.ts';

/**
 * One value as one line of JSON, in printable characters: what JSON lets through and a terminal would act upon (C1 controls, marks that turn
 * the direction of text, line separators) is escaped, too. Reading it back gives the same value.
 */
export function toJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(harmful, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const harmful = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `--json`: one object a line, nothing else. */
export function createJsonSink(write: (text: string) => void): Sink {
  return { line: (line) => write(`${toJsonLine(line)}\n`) };
}
