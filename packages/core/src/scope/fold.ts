import type { Folding } from './rules.ts';

/**
 * The form under which a file system that ignores case or Unicode form finds a name: two names with equal folds may be the same file there.
 * `exactNames` folds nothing. Works on whole paths too, `/` stays what it is.
 *
 * Case is folded character by character (upper, then lower case, where each stays one character): no two file systems agree on the rest,
 * and to fold a little more than one of them does only keeps out a name that could have been meant. What HFS+ does not see is dropped.
 */
export function foldName(name: string, folding: Folding): string {
  if (!folding.ignoresCase && !folding.ignoresUnicodeForm) return name;
  if (ascii.test(name)) return folding.ignoresCase ? name.toLowerCase() : name;
  const visible = name.replace(ignorable, '').normalize('NFC');
  return folding.ignoresCase ? Array.from(visible, foldCase).join('').normalize('NFC') : visible;
}

/** What either root ignores: names that one of them takes for the same are treated as the same. */
export function mergeFolding(a: Folding, b: Folding): Folding {
  return { ignoresCase: a.ignoresCase || b.ignoresCase, ignoresUnicodeForm: a.ignoresUnicodeForm || b.ignoresUnicodeForm };
}

const ascii = /^[\u0000-\u007f]*$/;

/** Code points that HFS+ leaves out when it compares names (Apple Technical Note 1150; git guards `.git` against them since CVE-2014-9390). */
const ignorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

function foldCase(character: string): string {
  const upper = character.toUpperCase();
  const raised = isOneCharacter(upper) ? upper : character;
  const lower = raised.toLowerCase();
  return isOneCharacter(lower) ? lower : raised;
}

function isOneCharacter(text: string): boolean {
  return Array.from(text).length === 1;
}
