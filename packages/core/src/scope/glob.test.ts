import { describe, expect, it } from 'vitest';
import { type Alternative, compileGlob, escapePattern, expandBraces, isExtended, patternProblem } from './glob.ts';
import { exactNames } from './rules.ts';

const alternativesOf = (pattern: string) => compileGlob(pattern, exactNames).alternatives;
const matches = (pattern: string, text: string) => alternativesOf(pattern).some((alternative) => alternative.test(text));

describe('what a pattern matches', () => {
  const table: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
    ['x', ['x'], ['xx', 'X', '']],
    ['*', ['x', '.x', 'x y'], []],
    ['*.md', ['a.md', '.md', '.a.md'], ['a.mdx', 'md']],
    ['fo*', ['fo', 'foo', 'fo.x'], ['of', 'afo', 'Fo']],
    ['a*bc', ['abc', 'axbc', 'abcbc'], ['abcd', 'xabc', 'ab']],
    ['ab*bc', ['abbc', 'abxbc'], ['abc', 'xabbc']],
    ['[ab]*c', ['ac', 'bxc'], ['c', 'xc']],
    ['a*b*', ['ab', 'axb', 'abx'], ['ba', 'xab']],
    ['a-1.*.b-2', ['a-1.x.b-2'], ['a-1.b-2', 'a-1.x.b-23', '1.x.b-2']],
    ['?', ['x', '-', '\u00e9'], ['', 'xy']],
    ['*a?', ['ab', 'aab'], ['a', 'abc']],
    ['?\\*b', ['x*b'], ['xx*b', '*b', 'xyb']],
    ['*\\*', ['*', 'x*'], ['x']],
    ['\\**', ['*', '*x'], ['x', 'x*']],
    ['\\[a]?', ['[a]b'], ['ab']],
    ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
    ['[!a-c]x', ['dx', '!x'], ['ax']],
    ['[[:upper:]]x', ['Ax'], ['ax']],
    ['/a/*', ['a/x', 'a/.x'], ['a', 'a/x/y', 'b/a/x']],
    ['a/**', ['a/x', 'a/x/y'], ['a', 'b/a/x']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a/xb', 'ab']],
    ['**/a/*.md', ['a/x.md', 'x/y/a/z.md'], ['x.md', 'xa/y.md']],
    // As in minimatch.
    ['*(a)', ['a', 'aa'], ['x(a)', 'b']],
    ['x@(a|b)', ['xa', 'xb'], ['xab', 'x@(a|b)']],
    ['!!(a|b)', ['c'], ['a', 'b']],
    ['x@y?', ['x@yz'], ['xyz']],
    ['{a,b}.?', ['a.x', 'b.y'], ['c.x', '{a,b}.x']],
    ['{a}?', ['{a}x'], ['ax']],
    ['\\{a,b\\}?', ['{a,b}x'], ['ax', 'bx']],
    // Only the first "!" negates, and "#" is a character like any other: a config has its own comments.
    ['!!a*', ['!ab'], ['ab', 'b']],
    ['#?', ['#x'], ['x']],
  ];
  for (const [pattern, yes, no] of table) {
    it(pattern, () => {
      expect(yes.filter((text) => !matches(pattern, text))).toEqual([]);
      expect(no.filter((text) => matches(pattern, text))).toEqual([]);
    });
  }

  it('a text that is escaped matches itself alone', () => {
    for (const text of ['a', '*', 'a?b', '[x]', '{a,b}', '!a', '#a', '+(a|b)', '@(a)', 'a\\b', '**', 'a b']) {
      expect(alternativesOf(escapePattern(text)).map(({ literal }) => literal)).toEqual([text]);
    }
  });
});

describe('what is known of a pattern before it is asked', () => {
  const table: readonly (readonly [pattern: string, expected: Partial<Alternative>])[] = [
    ['x', { anchored: false, directoriesOnly: false, literal: 'x', literalPrefix: '' }],
    ['x/', { anchored: false, directoriesOnly: true, literal: 'x', literalPrefix: '' }],
    ['**/x', { anchored: false, literal: 'x', literalPrefix: '' }],
    ['/**/x/', { anchored: false, directoriesOnly: true, literal: 'x' }],
    ['/x', { anchored: true, literal: 'x', literalPrefix: '' }],
    ['a/b', { anchored: true, literal: 'a/b', literalPrefix: 'a' }],
    ['//a//b//', { anchored: true, directoriesOnly: true, literal: 'a/b', literalPrefix: 'a' }],
    ['\\*a\\b+c@d', { literal: '*ab+c@d' }],
    ['*.md', { anchored: false, literal: undefined, literalPrefix: '' }],
    ['a/b/*.md', { anchored: true, literal: undefined, literalPrefix: 'a/b' }],
    ['a/*/b', { anchored: true, literal: undefined, literalPrefix: 'a' }],
    ['**/a/b', { anchored: true, literal: undefined, literalPrefix: '' }],
    ['a/+(b)', { literal: undefined, literalPrefix: 'a' }],
  ];
  for (const [pattern, expected] of table) {
    it(pattern, () => expect(alternativesOf(pattern)).toEqual([expect.objectContaining(expected)]));
  }

  it('leads below the folders on its way, and below no other', () => {
    const leadsBelow = (pattern: string) => ['', 'a', 'a/b', 'a/c', 'ab'].filter((folder) => alternativesOf(pattern)[0]?.leadsBelow(folder));
    expect(leadsBelow('/a/b')).toEqual(['', 'a']);
    expect(leadsBelow('a/*/x')).toEqual(['', 'a', 'a/b', 'a/c']);
    expect(leadsBelow('?b/*')).toEqual(['', 'ab']);
    expect(leadsBelow('x')).toEqual(['', 'a', 'a/b', 'a/c', 'ab']);
  });
});

describe('patternProblem', () => {
  const nul = 'a pattern holds no NUL';
  const long = 'a pattern is at most 4,096 characters';
  const empty = 'the pattern is empty';
  const backslash = 'the backslash at its end escapes nothing';
  const dots = '"." and ".." match nothing: patterns are relative to the root';
  const braces = 'its braces stand for more than 1000 patterns';
  const table: readonly (readonly [pattern: string, problem: string | undefined])[] = [
    ['a\0b', nul],
    ['x'.repeat(4_096), undefined],
    [`!${'x'.repeat(4_096)}`, undefined],
    ['x'.repeat(4_097), long],
    ['', empty],
    ['//', empty],
    ['!', empty],
    ['!/', empty],
    ['/!', undefined],
    ['\\', backslash],
    ['\\\\', undefined],
    ['a\\\\', undefined],
    ['a\\\\\\', backslash],
    ['a\\/b', undefined],
    ['./a', dots],
    ['a/.', dots],
    ['a/../b', dots],
    ['!..', dots],
    ['.a/..b/...', undefined],
    ['{1..1000}', undefined],
    ['{1..1001}', braces],
  ];
  it('says what is wrong, and nothing about what is right', () => {
    expect(table.map(([pattern]) => [pattern, patternProblem(pattern)])).toEqual(table);
  });

  it('is what compileGlob throws, with the pattern', () => {
    expect(() => compileGlob('a\\', exactNames)).toThrow(new TypeError(`pattern "a\\\\": ${backslash}`));
  });
});

describe('braces and extended globs', () => {
  it('braces are written out in order, those that offer no choice stay', () => {
    expect(expandBraces('{a,b}/{c,d}')).toEqual(['a/c', 'a/d', 'b/c', 'b/d']);
    expect(expandBraces('{a}b{')).toEqual(['{a}b{']);
    expect(expandBraces('ab')).toEqual(['ab']);
  });

  it('expanding stops one behind what is allowed, however much there would be', () => {
    expect(expandBraces('{1..9}'.repeat(8))).toHaveLength(1_001);
  });

  it('are told from their escaped forms', () => {
    const extended = ['{a,b}', 'a}', '?(a)', '*(a)', '+(a)', '@(a)', '!(a)', '\\\\*(a)'];
    const plain = ['a', '(a)', '*a', '\\{a\\}', '\\+(a)', '+\\(a)', '*\\x(a)'];
    expect([...extended, ...plain].filter(isExtended)).toEqual(extended);
  });
});
