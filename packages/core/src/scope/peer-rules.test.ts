import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import type { RelativePath } from '../tree/path.ts';
import { compileScope } from './compile-scope.ts';
import { parseScopeRules, toPeerRules } from './peer-rules.ts';

const none = { include: [], exclude: [], guard: [] };

describe('parseScopeRules', () => {
  it('takes what a config says', () => {
    const rules = { include: ['config', '**/docs', '.'], exclude: ['models/', '!models/keep', 'a \\(b\\)', '\\{x\\}'], guard: ['*.vessel'] };
    expect(parseScopeRules(rules)).toEqual({ ok: true, value: rules });
  });

  it('takes as much as is allowed', () => {
    const patterns = (count: number) => Array.from({ length: count }, () => 'x');
    const most = { include: patterns(300), exclude: patterns(300), guard: patterns(400) };
    expect(parseScopeRules(most)).toEqual({ ok: true, value: most });
    const longest = { ...none, exclude: ['x'.repeat(256), `${'\u20ac'.repeat(85)}x`] };
    expect(parseScopeRules(longest)).toEqual({ ok: true, value: longest });
    const root = { ...none, include: ['/', '.', './', '//'] };
    expect(parseScopeRules(root)).toEqual({ ok: true, value: root });
  });

  const notAnObject = 'scope rules are an object';
  const tooMany = 'more than 1000 patterns';
  const tooLong = 'exclude[0]: a pattern is at most 256 bytes';
  const extended = 'exclude[0]: braces and extended globs such as +(a|b) do not cross the wire (\\{ stands for a brace in a name)';
  const lifting = 'only exclude patterns are lifted by "!" (\\! stands for one in a name)';
  const refused: readonly (readonly [title: string, value: unknown, error: string])[] = [
    ['nothing', null, notAnObject],
    ['a text', 'x', notAnObject],
    ['a list', [], notAnObject],
    ['a list missing', { include: [], exclude: [] }, 'guard is a list of patterns'],
    ['another key', { ...none, extra: [] }, '"extra" is not a list of scope rules'],
    ['a key without end', { ...none, ['k'.repeat(1_000)]: [] }, `"${'k'.repeat(64)}" is not a list of scope rules`],
    ['a pattern that is no text', { ...none, guard: [1] }, 'guard[0]: a pattern is text'],
    ['a hole in a list', { ...none, guard: new Array(3) }, 'guard[0]: a pattern is text'],
    ['1,001 patterns', { ...none, exclude: Array.from({ length: 1_001 }, () => 'x') }, tooMany],
    ['1,001 patterns in all', { ...none, exclude: Array.from({ length: 1_000 }, () => 'x'), guard: ['x'] }, tooMany],
    ['257 bytes', { ...none, exclude: ['x'.repeat(257)] }, tooLong],
    ['257 bytes in fewer characters', { ...none, exclude: [`${'\u20ac'.repeat(85)}xx`] }, tooLong],
    ['braces', { ...none, exclude: ['{a,b}'] }, extended],
    ['an extended glob', { ...none, exclude: ['+(a)'] }, extended],
    ['an extended glob behind an escape', { ...none, exclude: ['\\\\*(a)'] }, extended],
    ['an empty pattern', { ...none, exclude: [''] }, 'exclude[0]: the pattern is empty'],
    ['an empty include', { ...none, include: ['a', ''] }, 'include[1]: the pattern is empty'],
    ['the root in a guard', { ...none, guard: ['/'] }, 'guard[0]: the pattern is empty'],
    ['dots', { ...none, exclude: ['../x'] }, 'exclude[0]: "." and ".." match nothing: patterns are relative to the root'],
    ['a "!" in a guard', { ...none, guard: ['!x'] }, `guard[0]: ${lifting}`],
    ['a "!" in an include', { ...none, include: ['!x'] }, `include[0]: ${lifting}`],
  ];
  for (const [title, value, error] of refused) {
    it(`refuses ${title}`, () => expect(parseScopeRules(value)).toEqual({ ok: false, error }));
  }

  it(`whatever it takes, compileScope takes (seed ${seed})`, () => {
    const odd = fc.string({ unit: fc.constantFrom('a', '/', '*', '?', '[', ']', '\\', '!', '.', '(', '{', '-', '^', ':', '+', '|'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 4 }), fc.array(odd, { maxLength: 2 }), (exclude, guard) => {
        const parsed = parseScopeRules({ include: [], exclude, guard });
        if (parsed.ok) expect(typeof compileScope(parsed.value).includes('a/b' as RelativePath, 'other')).toBe('boolean');
      }),
      { seed, numRuns: propertyRuns(3_000) },
    );
  });
});

describe('toPeerRules', () => {
  it('writes braces out and keeps the order', () => {
    expect(toPeerRules({ ...none, exclude: ['*.{bak,tmp}', '!{a,b}/x', '{{v}}'] })).toEqual({
      ok: true,
      value: { ...none, exclude: ['*.bak', '*.tmp', '!a/x', '!b/x', '\\{\\{v\\}\\}'] },
    });
  });

  it('leaves escapes as they are', () => {
    const escaped = { ...none, exclude: ['a\\*b', '\\!x', '\\{a,b\\}', 'a\\{'] };
    expect(toPeerRules(escaped)).toEqual({ ok: true, value: escaped });
  });

  it('a "!" in front is no part of the braces', () => {
    const bodies = ['{a,b}', '{a,b}!', '{}', '{},a}b', 'x'];
    const written = (exclude: readonly string[]) => {
      const parsed = toPeerRules({ ...none, exclude });
      return parsed.ok ? parsed.value.exclude : parsed.error;
    };
    for (const body of bodies) expect(written([`!${body}`])).toEqual([written([body])].flat().map((choice) => `!${choice}`));
  });

  it('names the list and the place of what a peer would refuse', () => {
    expect(toPeerRules({ ...none, guard: ['ok', '@(a|b)'] })).toEqual({ ok: false, error: expect.stringContaining('guard[1]') });
    expect(toPeerRules({ ...none, include: ['{1..5000}'] })).toEqual({ ok: false, error: expect.stringContaining('include[0]') });
  });

  it(`decides as before for any choice of braces (seed ${seed})`, () => {
    const part = fc.constantFrom('a', 'b', '{a,b}', '*', '{a,b/c}', '{b,}x');
    const pattern = fc.tuple(fc.constantFrom('', '!'), fc.array(part, { minLength: 1, maxLength: 3 })).map(([not, parts]) => not + parts.join('/'));
    const path = fc.array(fc.constantFrom('a', 'b', 'c', 'x', 'bx'), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 4 }), path, (exclude, names) => {
        const parsed = toPeerRules({ ...none, exclude });
        if (!parsed.ok) throw new Error(parsed.error);
        const at = names.join('/') as RelativePath;
        expect(compileScope(parsed.value).includes(at, 'other')).toBe(compileScope({ ...none, exclude }).includes(at, 'other'));
      }),
      { seed, numRuns: propertyRuns(1_000) },
    );
  });
});
