import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns } from '../testing/property-runs.ts';
import type { RelativePath } from '../tree/path.ts';
import { compileScope } from './compile-scope.ts';
import { parseScopeRules, toPeerRules } from './peer-rules.ts';

const none = { include: [], exclude: [], guard: [] };

describe('parseScopeRules', () => {
  it('takes what a config says', () => {
    const rules = { include: ['config', '**/docs', '.'], exclude: ['models/', '!models/keep', 'a \\(b\\)', '\\{x\\}'], guard: ['*.vessel'] };
    expect(parseScopeRules(rules)).toEqual({ ok: true, value: rules });
  });

  const refused: readonly (readonly [string, unknown])[] = [
    ['no object', null],
    ['a list', []],
    ['a list missing', { include: [], exclude: [] }],
    ['another key', { ...none, extra: [] }],
    ['a pattern that is no text', { ...none, guard: [1] }],
    ['a hole in a list', { ...none, guard: new Array(3) }],
    ['1,001 patterns', { ...none, exclude: Array.from({ length: 1_001 }, () => 'x') }],
    ['257 bytes', { ...none, exclude: ['x'.repeat(257)] }],
    ['257 bytes in fewer characters', { ...none, exclude: ['\u20ac'.repeat(86)] }],
    ['braces', { ...none, exclude: ['{a,b}'] }],
    ['an extended glob', { ...none, exclude: ['+(a)'] }],
    ['an extended glob behind an escape', { ...none, exclude: ['\\\\*(a)'] }],
    ['an empty pattern', { ...none, exclude: [''] }],
    ['dots', { ...none, exclude: ['../x'] }],
    ['a "!" in a guard', { ...none, guard: ['!x'] }],
    ['a "!" in an include', { ...none, include: ['!x'] }],
  ];
  for (const [title, value] of refused) {
    it(`refuses ${title}`, () => expect(parseScopeRules(value).ok).toBe(false));
  }

  it('whatever it takes, compileScope takes (seed 7)', () => {
    const odd = fc.string({ unit: fc.constantFrom('a', '/', '*', '?', '[', ']', '\\', '!', '.', '(', '{', '-', '^', ':', '+', '|'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 4 }), fc.array(odd, { maxLength: 2 }), (exclude, guard) => {
        const parsed = parseScopeRules({ include: [], exclude, guard });
        if (parsed.ok) expect(typeof compileScope(parsed.value).includes('a/b' as RelativePath, 'other')).toBe('boolean');
      }),
      { seed: 7, numRuns: propertyRuns(3_000) },
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

  it('names the list and the place of what a peer would refuse', () => {
    expect(toPeerRules({ ...none, guard: ['ok', '@(a|b)'] })).toEqual({ ok: false, error: expect.stringContaining('guard[1]') });
    expect(toPeerRules({ ...none, include: ['{1..5000}'] })).toEqual({ ok: false, error: expect.stringContaining('include[0]') });
  });

  it('decides as before for any choice of braces (seed 8)', () => {
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
      { seed: 8, numRuns: propertyRuns(1_000) },
    );
  });
});
