import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { isWithin, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { compileScope } from './compile-scope.ts';
import type { ScopeRules } from './rules.ts';

// Few names and short patterns, so that patterns and paths meet often.
const name = fc.constantFrom('a', 'b', 'ab', 'a.md', 'b.md', '.a');
const segment = fc.constantFrom('a', 'b', 'ab', '*', '*.md', 'a*', '?', '**', '[ab]', 'a.*', '?b');
const patternBody = fc
  .tuple(fc.constantFrom('', '/'), fc.array(segment, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '/'))
  .map(([before, segments, after]) => before + segments.join('/') + after);
const excludePattern = fc.tuple(fc.constantFrom('', '', '!'), patternBody).map(([not, body]) => not + body);
const rulesArbitrary: fc.Arbitrary<ScopeRules> = fc.record({
  include: fc.array(patternBody, { maxLength: 3 }),
  exclude: fc.array(excludePattern, { maxLength: 5 }),
  guard: fc.array(patternBody, { maxLength: 2 }),
});
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/') as RelativePath);
const kind = fc.constantFrom('directory' as const, 'other' as const);

/** The rules read aloud, one path at a time, each pattern a regular expression made on the spot. */
function scopeNaive({ include, exclude, guard }: ScopeRules, at: RelativePath, kind: 'directory' | 'other'): boolean {
  const names = at.split('/');
  const line = names.map((_, index) => names.slice(0, index + 1).join('/'));
  const kindOf = (each: string) => (each === at ? kind : 'directory');
  if (line.some((each) => guard.some((pattern) => matchesItself(pattern, each, kindOf(each))))) return false;
  const anchored = include.map((pattern) => (/^(?:\/|\*\*\/)/.test(pattern) ? pattern : `/${pattern}`));
  if (include.length > 0 && !line.some((each) => anchored.some((pattern) => matchesItself(pattern, each, kindOf(each))))) return false;

  let excludedBy = -1;
  line.forEach((each, depth) => {
    const folder = line[depth - 1] ?? '';
    const before = excludedBy;
    exclude.forEach((pattern, index) => {
      const isLifting = pattern.startsWith('!');
      if (!matchesItself(isLifting ? pattern.slice(1) : pattern, each, kindOf(each))) return;
      if (before === -1) excludedBy = isLifting ? -1 : index;
      else if (index > before && (!isLifting || isOnLiteralPrefix(folder, pattern.slice(1)))) excludedBy = isLifting ? -1 : index;
    });
  });
  return excludedBy === -1;
}

function matchesItself(pattern: string, at: string, kind: 'directory' | 'other'): boolean {
  if (pattern.endsWith('/') && kind !== 'directory') return false;
  const body = pattern.replace(/\/$/, '');
  const text = body.includes('/') ? at : at.slice(at.lastIndexOf('/') + 1);
  const source = body
    .replace(/^\//, '')
    .split('/')
    .map((part, index, parts) => {
      const isLast = index === parts.length - 1;
      if (part === '**') return isLast ? '.+' : '(?:.*/)?';
      const one = part.replace(/[.?*]/g, (character) => ({ '.': '\\.', '?': '[^/]', '*': '[^/]*' })[character] ?? '');
      return isLast ? one : `${one}/`;
    })
    .join('');
  return new RegExp(`^${source}$`).test(text);
}

function isOnLiteralPrefix(folder: string, pattern: string): boolean {
  const parts = pattern.replace(/\/$/, '').split('/');
  if (folder === '' || parts.length === 1) return folder === '';
  const segments = parts.filter((part) => part !== '');
  const magicAt = segments.findIndex((part) => /[*?[]/.test(part));
  const literal = segments.slice(0, magicAt === -1 ? segments.length - 1 : magicAt);
  return folder.split('/').every((part, index) => part === literal[index]);
}

describe(`scopes (seed ${seed})`, { timeout: Math.max(60_000, propertyRuns(1_000) * 60) }, () => {
  it('for any rules and any path, the scope decides as the slow reading of the rules does', () => {
    fc.assert(
      fc.property(rulesArbitrary, fc.array(fc.tuple(path, kind), { minLength: 1, maxLength: 20 }), (rules, questions) => {
        const scope = compileScope(rules);
        for (const [at, of] of questions) expect([at, of, scope.includes(at, of)]).toEqual([at, of, scopeNaive(rules, at, of)]);
      }),
      { seed, numRuns: propertyRuns(2_000) },
    );
  });

  it('for any rules, whatever is included can be reached: each folder above it is included or entered', () => {
    fc.assert(
      fc.property(rulesArbitrary, path, kind, (rules, at, of) => {
        const scope = compileScope(rules);
        if (!scope.includes(at, of)) return;
        for (let above = parentPath(at); above !== undefined; above = parentPath(above))
          expect([at, above, scope.enters(above)]).toEqual([at, above, true]);
      }),
      { seed, numRuns: propertyRuns(2_000) },
    );
  });

  it('for any rules, a guarded path or one below it is never included nor entered, also when includes and re-includes name it', () => {
    fc.assert(
      fc.property(rulesArbitrary, path, fc.array(name, { maxLength: 2 }), kind, (rules, guarded, below, of) => {
        const scope = compileScope({
          include: [...rules.include, guarded],
          exclude: [...rules.exclude, `!/${guarded}`],
          guard: [`/${guarded}`, ...rules.guard],
        });
        const at = [guarded, ...below].join('/') as RelativePath;
        expect(scope.includes(at, of)).toBe(false);
        expect(scope.enters(at)).toBe(false);
      }),
      { seed, numRuns: propertyRuns(1_000) },
    );
  });

  it('for any rules, a state file at any place is never included', () => {
    const rest = fc.constantFrom('', '.swp', '~', '.tmp', '.bak', '.1', '.AbC123');
    fc.assert(
      fc.property(rulesArbitrary, fc.array(name, { maxLength: 3 }), fc.tuple(name, rest), (rules, folders, [stem, ending]) => {
        const at = [...folders, `${stem}_state.json${ending}`].join('/') as RelativePath;
        const scope = compileScope({ ...rules, include: [], exclude: [...rules.exclude, `!${at}`] });
        expect(scope.includes(at, 'other')).toBe(false);
      }),
      { seed, numRuns: propertyRuns(1_000) },
    );
  });

  it('for any rules, explain and includes agree, and the order of questions changes no answer', () => {
    fc.assert(
      fc.property(rulesArbitrary, fc.array(fc.tuple(path, kind), { minLength: 2, maxLength: 20 }), (rules, questions) => {
        const scope = compileScope(rules);
        const answers = questions.map(([at, of]) => scope.includes(at, of));
        const again = questions.toReversed().map(([at, of]) => compileScope(rules).explain(at, of).included);
        expect(again.reverse()).toEqual(answers);
        expect(scope.enters(rootPath) || !answers.includes(true)).toBe(true);
      }),
      { seed, numRuns: propertyRuns(500) },
    );
  });

  it('for any rules, the pattern that explain names matches what it says it matched, which is the path or a folder above it', () => {
    fc.assert(
      fc.property(rulesArbitrary, path, kind, (rules, asked, of) => {
        const { because, pattern, index, at } = compileScope(rules).explain(asked, of);
        expect(at === undefined).toBe(pattern === undefined);
        if (at === undefined || pattern === undefined || index === undefined) return;
        expect(rules[because === 'guard' || because === 'include' ? because : 'exclude'][index]).toBe(pattern);
        expect(isWithin(asked, at)).toBe(true);
        const anchored = because === 'include' && !/^(?:\/|\*\*\/)/.test(pattern) ? `/${pattern}` : pattern.replace(/^!/, '');
        expect([pattern, at, matchesItself(anchored, at, at === asked ? of : 'directory')]).toEqual([pattern, at, true]);
      }),
      { seed, numRuns: propertyRuns(2_000) },
    );
  });
});
