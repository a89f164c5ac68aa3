import { describe, expect, it } from 'vitest';
import { foldName, mergeFolding } from './fold.ts';
import { exactNames, type Folding } from './rules.ts';

const caseOnly: Folding = { ignoresCase: true, ignoresUnicodeForm: false };
const formOnly: Folding = { ignoresCase: false, ignoresUnicodeForm: true };
const both: Folding = { ignoresCase: true, ignoresUnicodeForm: true };

describe('foldName', () => {
  const table: readonly (readonly [title: string, name: string, caseFold: string, formFold: string])[] = [
    ['ASCII', 'Read Me/A.TXT', 'read me/a.txt', 'Read Me/A.TXT'],
    ['composed and not', 'CAFE\u0301', 'caf\u00e9', 'CAF\u00c9'],
    ['beyond the basic plane', '\u{10400}x', '\u{10428}x', '\u{10400}x'],
    ['what HFS+ does not see', '.u\u200cb\u200fo\u202as\u202e-\u206as\u206fy\ufeffnc', '.ubos-sync', '.ubos-sync'],
    ['upper case of two characters', 'stra\u00dfe', 'stra\u00dfe', 'stra\u00dfe'],
    ['lower case of two characters', '\u0130X', '\u0130x', '\u0130X'],
    ['forms of one letter', '\u017f\u03c2\u212a', 's\u03c3k', '\u017f\u03c2K'],
    ['half a character', '\ud801A\u00c9', '\ud801a\u00e9', '\ud801A\u00c9'],
  ];
  for (const [title, name, caseFold, formFold] of table) {
    it(title, () => {
      expect([exactNames, caseOnly, both, formOnly].map((folding) => foldName(name, folding))).toEqual([name, caseFold, caseFold, formFold]);
    });
  }

  it('folding twice is folding once', () => {
    for (const [, name] of table) {
      for (const folding of [caseOnly, formOnly, both]) expect(foldName(foldName(name, folding), folding)).toBe(foldName(name, folding));
    }
  });
});

describe('mergeFolding', () => {
  it('ignores what either ignores', () => {
    const all = [exactNames, caseOnly, formOnly, both];
    expect(all.map((a) => all.map((b) => mergeFolding(a, b)))).toEqual([
      [exactNames, caseOnly, formOnly, both],
      [caseOnly, caseOnly, both, both],
      [formOnly, both, formOnly, both],
      [both, both, both, both],
    ]);
  });
});
