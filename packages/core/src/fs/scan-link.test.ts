import { describe, expect, it } from 'vitest';
import { isPortableLink } from './scan-link.ts';

describe('a link is portable', () => {
  it.each([
    ['file', 0, true],
    ['a/b/c', 0, true],
    ['a//b/', 0, true],
    ['.', 0, true],
    ['', 0, false],
    ['/', 9, false],
    ['/a', 9, false],
    ['..', 0, false],
    ['..', 1, true],
    ['../..', 1, false],
    ['../../a', 2, true],
    ['./../a', 1, true],
    ['.././../a', 1, false],
    ['a/..', 5, false],
    ['../a/../b', 5, false],
    ['..a/...', 0, true],
    ['a\\..\\..', 0, true],
    ['C:/x', 0, true],
  ] as const)('%j from depth %i: %s', (target, depth, portable) => {
    expect(isPortableLink(target, depth)).toBe(portable);
  });
});
