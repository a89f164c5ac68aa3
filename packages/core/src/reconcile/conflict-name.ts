/**
 * The name under which the loser of a conflict is kept beside the winner: `NAME (conflict HOST DATE).EXT`, and with a number where that is taken.
 *
 * A loser that is itself a kept one is named after the file it came from, so that names do not grow with every conflict; and the numbers end, so that
 * neither do the copies.
 */
import { type Name, nameBytesMax, parseName } from '../tree/name.ts';
import { utf8Length, utf8Prefix } from '../util/utf8.ts';

export interface ConflictNameOptions {
  /** Of the side that lost. */
  readonly host: string;
  readonly date: string;
  /** Whether a name is in use on either side. */
  readonly isTaken: (name: Name) => boolean;
}

/** `undefined`: all the names that there may be for this one are taken. */
export function conflictName(name: Name, { host, date, isTaken }: ConflictNameOptions): Name | undefined {
  const { stem, extension } = splitName(name.replace(marked, ''));
  const words = `${plain(host)} ${plain(date)}`.trim();
  for (let number = 1; number <= copiesMax; number++) {
    const mark = ` (conflict ${words}${number === 1 ? '' : ` ${number}`})`;
    const room = nameBytesMax - utf8Length(mark) - utf8Length(extension);
    const parsed = parseName(`${utf8Prefix(stem, room)}${mark}${extension}`);
    if (parsed.ok && !isTaken(parsed.value)) return parsed.value;
  }
  return undefined;
}

/** Copies of one name, host and day. */
const copiesMax = 99;

const marked = / \(conflict [^()/]*\)(?=\.[^./]*$|$)/;

/** An extension is what follows the last dot, if that is not the first character. A long one is part of the name. */
function splitName(name: string): { readonly stem: string; readonly extension: string } {
  const dot = name.lastIndexOf('.');
  if (dot <= 0 || utf8Length(name.slice(dot)) > extensionBytesMax) return { stem: name, extension: '' };
  return { stem: name.slice(0, dot), extension: name.slice(dot) };
}

const extensionBytesMax = 32;
const wordLengthMax = 40;

/** Text from a config as part of a name: nothing that a file system refuses, nothing that would be read as the end of the mark. */
function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Surrogate}/\\:*?"<>|()]+/gu, '-')
    .slice(0, wordLengthMax)
    .replace(/\p{Surrogate}$/u, '');
}
