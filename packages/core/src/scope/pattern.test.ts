import { describe, expect, it } from 'vitest';
import type { RelativePath } from '../tree/path.ts';
import { compilePatterns } from './pattern.ts';

describe('compilePatterns', () => {
  const set = compilePatterns(['docs/**', '*.md', 'docs/private/', '!docs/private/x.md']);
  const last = (path: string, kind: 'directory' | 'other' = 'other') => set.lastMatch(path as RelativePath, kind);

  it('gives the last pattern that matches the path or a folder above it', () => {
    expect(last('docs/a.txt')).toBe(0);
    expect(last('docs/a.md')).toBe(1);
    expect(last('docs/private/deep/a.md')).toBe(2);
    expect(last('docs/private/x.md')).toBe(3);
    expect(last('docs', 'directory')).toBe(-1);
    expect(last('docs/private', 'directory')).toBe(2);
    expect(last('docs/private')).toBe(0);
  });

  it('finds a plain name among plain paths of the same last name', () => {
    const names = compilePatterns(['x', 'a/x', '/x', 'b/x']);
    expect(['x', 'a/x', 'b/x', 'c/x'].map((path) => names.lastMatch(path as RelativePath, 'other'))).toEqual([2, 1, 3, 0]);
  });

  it('asks about folders, and not about the beginnings of their names', () => {
    expect(compilePatterns(['a', 'b']).lastMatch('ab/cd/x' as RelativePath, 'other')).toBe(-1);
    expect(compilePatterns(['ab']).lastMatch('ab/cd/x' as RelativePath, 'other')).toBe(0);
    expect(compilePatterns(['a', 'x']).lastMatch('a/b' as RelativePath, 'other')).toBe(0);
  });

  it('tells files from directories in each choice of a brace', () => {
    const choice = compilePatterns(['{a/,b}', 'c/']);
    expect(['a', 'b', 'c'].map((path) => choice.lastMatch(path as RelativePath, 'other'))).toEqual([-1, 0, -1]);
    expect(['a', 'b', 'c'].map((path) => choice.lastMatch(path as RelativePath, 'directory'))).toEqual([0, 0, 1]);
  });

  it('without patterns nothing matches', () => {
    for (const kind of ['directory', 'other'] as const) expect(compilePatterns([]).lastMatch('a/b' as RelativePath, kind)).toBe(-1);
  });

  it('is done in no time with patterns made to take long', () => {
    const hard = compilePatterns([`${'*a'.repeat(100)}b`, `${'**/a/'.repeat(50)}b`, `${'[a-z]*'.repeat(40)}1`]);
    const path = `${'a/'.repeat(1_000)}${'a'.repeat(200)}c` as RelativePath;
    expect(hard.lastMatch(path, 'other')).toBe(-1);
  });
});
