import { describe, expect, it } from 'vitest';
import type { RelativePath } from '../tree/path.ts';
import { compileScope } from './compile-scope.ts';
import type { Folding, ScopeRules } from './rules.ts';

const rules = (partial: Partial<ScopeRules>): ScopeRules => ({ include: [], exclude: [], guard: [], ...partial });

/** `dir/` asks about a directory, `->dir/` whether it is entered. */
function answer(scopeRules: Partial<ScopeRules>, question: string, folding?: Folding): boolean {
  const scope = compileScope(rules(scopeRules), { folding });
  if (question.startsWith('->')) return scope.enters(question.slice(2).replace(/\/$/, '') as RelativePath);
  return scope.includes(question.replace(/\/$/, '') as RelativePath, question.endsWith('/') ? 'directory' : 'other');
}

interface Row {
  readonly title: string;
  readonly rules: Partial<ScopeRules>;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const table: readonly Row[] = [
  { title: 'no rules: everything', rules: {}, yes: ['/', 'a', 'a/', '.hidden', 'a/b/c', '->a'], no: [] },
  {
    title: 'an include takes what is at it and below, and its parents are entered only',
    rules: { include: ['config', 'a/docs'] },
    yes: ['config/', 'config', 'config/x', 'a/docs/x/y', '->/', '->a', '->a/docs/x'],
    no: ['/', 'configs', 'x', 'a/', 'a/x', 'b/config', '->b', '->a/x'],
  },
  {
    title: 'an include at any depth makes every folder worth entering',
    rules: { include: ['**/docs'] },
    yes: ['docs/', 'docs/x', 'a/b/docs/c', '->a/b'],
    no: ['a/', 'a/x'],
  },
  {
    title: 'an include with a wildcard',
    rules: { include: ['sites/*/conf'] },
    yes: ['sites/a/conf/x', '->sites', '->sites/a'],
    no: ['sites/a/x', 'sites/conf', '->other', '->sites/a/x'],
  },
  { title: '"." includes everything', rules: { include: ['.', 'docs'] }, yes: ['/', 'x'], no: [] },
  { title: 'and so does "/"', rules: { include: ['/'] }, yes: ['/', 'x', 'a/b'], no: [] },
  {
    title: 'a slash in front or behind says nothing more about an include',
    rules: { include: ['/a/', '/**/docs/'] },
    yes: ['a/', 'a/x', 'b/docs/x', 'docs/'],
    no: ['a', 'b/a/x', 'b/docs'],
  },
  {
    title: 'an include with braces leads to each of its choices',
    rules: { include: ['{a/b,c}'] },
    yes: ['a/b/x', 'c/x', '->a', '->c'],
    no: ['a/x', 'b', '->b'],
  },
  {
    title: 'no inner slash: any depth',
    rules: { exclude: ['*.log', 'tmp'] },
    yes: ['a.logs', 'tmp2'],
    no: ['a.log', 'x/a.log', 'tmp', 'x/tmp', 'x/tmp/y', '->x/tmp'],
  },
  {
    title: 'a leading or inner slash anchors',
    rules: { exclude: ['/build', 'a/b'] },
    yes: ['x/build', 'x/a/b'],
    no: ['build', 'build/x', 'a/b', 'a/b/c'],
  },
  {
    title: 'a trailing slash: directories and all below',
    rules: { exclude: ['models/'] },
    yes: ['models', 'x/models'],
    no: ['models/', 'models/x', 'x/models/y/z'],
  },
  {
    title: 'the last match wins',
    rules: { exclude: ['*.log', '!keep.log', 'x/keep.log'] },
    yes: ['keep.log', 'y/keep.log'],
    no: ['a.log', 'x/keep.log'],
  },
  { title: 'a re-include before the exclude does nothing', rules: { exclude: ['!keep.log', '*.log'] }, yes: [], no: ['keep.log'] },
  {
    title: 'an excluded folder is entered along the literal prefix of a re-include, and only for that',
    rules: { exclude: ['a/', '!a/b/*.md', '!*.txt'] },
    yes: ['a/b/x.md', '->a', '->a/b'],
    no: ['a/', 'a/b/', 'a/x.md', 'a/b/x.txt', 'a/x.txt', 'a/b/c/x.md', '->a/c', '->a/b/c'],
  },
  { title: 'a re-include leads into an excluded folder only if it comes later', rules: { exclude: ['!a/b', 'a/'] }, yes: [], no: ['a/b', '->a'] },
  {
    title: 'a re-include with braces leads into an excluded folder by each of its choices',
    rules: { exclude: ['a/', 'd/', '!{a/b,d/c,e}'] },
    yes: ['a/b', 'd/c', '->a', '->d'],
    no: ['a/c', 'd/b', 'a/e'],
  },
  {
    title: 'a re-included folder is whole',
    rules: { exclude: ['a/', '!/a/b/'] },
    yes: ['a/b/', 'a/b/c/d', '->a', '->a/b/c'],
    no: ['a/', 'a/b', 'a/x'],
  },
  {
    title: 'a re-included folder does not lift an exclude of names in it',
    rules: { exclude: ['*.log', '!a/'] },
    yes: ['a/', 'a/x'],
    no: ['a/x.log'],
  },
  {
    title: 'only text files, in any folder',
    rules: { exclude: ['*', '!*/', '!*.txt'] },
    yes: ['a.txt', 'a/', 'a/b/c.txt'],
    no: ['a.bin', 'a/b/c.bin'],
  },
  {
    title: 'guards beat includes and re-includes',
    rules: { include: ['a'], exclude: ['!a/secret'], guard: ['secret', '**/*.vessel'] },
    yes: ['a/x'],
    no: ['a/secret', 'a/secret/x', 'a/x.vessel', '->a/secret'],
  },
  {
    title: 'built-in guards',
    rules: { include: ['.', '.ubos-sync', 'a_state.json'], exclude: ['!a_state.json'] },
    yes: ['a/ubos-sync.yaml', 'state.json', 'a_state.jsonl', 'a_state.json.md', 'a_state.json.schema', 'state/.gitignore'],
    no: ['a_state.json', 'x/_state.json', 'x/a_state.json/y', '.ubos-sync/', 'a/.ubos-sync/x', 'ubos-sync.yaml', 'ubos-sync.yml', '->.ubos-sync'],
  },
  {
    title: 'escapes and odd names are taken literally',
    rules: { exclude: ['\\!x', '#y', 'a\\*b', 'c[[]d', 'a (b).txt'] },
    yes: ['x', 'axb'],
    no: ['!x', '#y', 'a*b', 'c[d', 'a (b).txt'],
  },
  {
    title: 'braces and extended globs of an own config',
    rules: { exclude: ['*.{bak,tmp}', '+(ab)x', '{{v}}'] },
    yes: ['a.old', 'abc'],
    no: ['a.bak', 'd/a.tmp', 'ababx', '{{v}}'],
  },
  { title: 'braces may choose between anchored and not', rules: { exclude: ['!{a,b/c}', '{a,b/c}'] }, yes: ['c', 'x/b/c'], no: ['x/a', 'b/c'] },
];

describe('compileScope', () => {
  for (const row of table) {
    it(row.title, () => {
      expect(row.yes.filter((question) => !answer(row.rules, question))).toEqual([]);
      expect(row.no.filter((question) => answer(row.rules, question))).toEqual([]);
    });
  }

  it('matches folded names where a root ignores case or Unicode form', () => {
    const both = { ignoresCase: true, ignoresUnicodeForm: true };
    const folded = { include: ['Docs'], exclude: ['*.TMP', 'caf\u00e9'], guard: ['Secret'] };
    for (const no of [
      'docs/x.tmp',
      'DOCS/CAFE\u0301',
      'docs/SECRET',
      'docs/A_State.JSON',
      'docs/.UBOS-sync/',
      'UBOS-SYNC.YML',
      'docs/a_s\u200ctate.json',
      'docs/a_\u017ftate.json',
    ]) {
      expect([no, answer(folded, no, both)]).toEqual([no, false]);
    }
    expect(answer(folded, 'dOCS/x', both)).toBe(true);
    expect(answer({ exclude: ['[[:upper:]]x'] }, 'ax', both)).toBe(false);
    expect(answer(folded, 'Docs/x.tmp')).toBe(true);
  });

  it('explains which pattern decided', () => {
    const scope = compileScope(rules({ include: ['a'], exclude: ['*.log', '!keep.log'], guard: ['secret'] }));
    const explain = (path: string) => scope.explain(path as RelativePath, 'other');
    expect(explain('a/x')).toEqual({ included: true, because: 'include', pattern: 'a', index: 0, at: 'a' });
    expect(explain('b')).toEqual({ included: false, because: 'not-included' });
    expect(explain('a/x.log')).toEqual({ included: false, because: 'exclude', pattern: '*.log', index: 0, at: 'a/x.log' });
    expect(explain('a/keep.log')).toEqual({ included: true, because: 're-include', pattern: '!keep.log', index: 1, at: 'a/keep.log' });
    expect(explain('a/secret/x')).toEqual({ included: false, because: 'guard', pattern: 'secret', index: 0, at: 'a/secret' });
    expect(explain('a/x_state.json')).toEqual({ included: false, because: 'built-in-guard', pattern: '*_state.json', at: 'a/x_state.json' });
    expect(compileScope(rules({})).explain('x' as RelativePath, 'other')).toEqual({ included: true, because: 'everything' });
  });

  it('explains what is below a re-included folder by that folder', () => {
    const scope = compileScope(rules({ exclude: ['*.log', '!a/'] }));
    expect(scope.explain('a/b/x' as RelativePath, 'other')).toEqual({ included: true, because: 're-include', pattern: '!a/', index: 1, at: 'a' });
  });

  it('has one canonical text for rules that decide alike, and another for others', () => {
    const canonical = (partial: Partial<ScopeRules>, folding?: Folding) => compileScope(rules(partial), { folding }).canonical;
    expect(canonical({ include: ['b', 'a'] })).toBe(canonical({ include: ['a', 'b', 'a'] }));
    expect(canonical({ include: ['.'] })).toBe(canonical({}));
    expect(canonical({ exclude: ['a', '!b'] })).not.toBe(canonical({ exclude: ['!b', 'a'] }));
    expect(canonical({ guard: ['a'] })).not.toBe(canonical({ exclude: ['a'] }));
    expect(canonical({}, { ignoresCase: true, ignoresUnicodeForm: false })).not.toBe(canonical({}));
  });

  it('refuses a pattern that could match nothing instead of letting it guard nothing', () => {
    for (const pattern of ['', '/', '!', 'a/../b', 'a\\', 'x\0']) {
      expect(() => compileScope(rules({ guard: [pattern] }))).toThrow(TypeError);
    }
  });

  it('answers for a path 5,000 folders deep', () => {
    const deep = `${'d/'.repeat(5_000)}x.log`;
    expect(answer({ exclude: ['*.log'] }, deep)).toBe(false);
    expect(answer({ include: ['d'] }, deep)).toBe(true);
  });
});
