import type { Brand } from '../util/brand.ts';
import type { Parsed } from '../util/parsed.ts';
import { utf8Length } from '../util/utf8.ts';

/**
 * The name of one child of a directory: 1 to 255 bytes of UTF-8, without `/` and NUL, not `.` or `..`.
 * The string is what the file system holds; nothing is normalised.
 */
export type Name = Brand<string, 'Name'>;

export const nameBytesMax = 255;

/** The one door into {@link Name}. A lone surrogate is refused: it has no UTF-8 form, so it could not be written as it was read. */
export function parseName(text: string): Parsed<Name> {
  if (text === '' || text === '.' || text === '..') return { ok: false, error: 'empty, "." and ".." are not names' };
  if (text.includes('/') || text.includes('\0')) return { ok: false, error: 'a name holds no "/" and no NUL' };
  if (loneSurrogate.test(text)) return { ok: false, error: 'a name is well-formed Unicode' };
  // A UTF-16 unit is at most three bytes of UTF-8, so short names need no count.
  if (text.length * 3 > nameBytesMax && utf8Length(text) > nameBytesMax) return { ok: false, error: `a name is at most ${nameBytesMax} bytes` };
  return { ok: true, value: text as Name };
}

const loneSurrogate = /\p{Surrogate}/u;

/**
 * Order of siblings: by UTF-8 bytes, which is the order of code points. JavaScript's `<` compares UTF-16 units and differs
 * where a character above U+FFFF meets one of U+E000 to U+FFFF; only then is more than `<` needed.
 */
export function compareNames(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) < rank(right) ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

/** Moves the surrogates (characters above U+FFFF) behind U+E000 to U+FFFF, as in UTF-8. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
