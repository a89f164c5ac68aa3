import { describe, expect, it } from 'vitest';
import { formatDuration, formatSize, printable, shorten, wrap } from './text.ts';

describe('printable', () => {
  it.each([
    ['plain name.md', 'plain name.md'],
    ['größe-日本-🙂.md', 'größe-日本-🙂.md'],
    ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
    ['\u001b[2Jx', '\\x1b[2Jx'],
    ['c1 \u009b31m', 'c1 \\x9b31m'],
    ['invoice\u202Egpj.exe', 'invoice\\u202egpj.exe'],
    ['zero\u200bwidth', 'zero\\u200bwidth'],
    ['half \ud83d pair', 'half \\ud83d pair'],
    ['del\u007f', 'del\\x7f'],
    ['back\\slash', 'back\\\\slash'],
    ['not\\x1b', 'not\\\\x1b'],
  ])('%j', (name, shown) => expect(printable(name)).toBe(shown));
});

describe('formatSize', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1200, '1.2 kB'],
    [99_940, '99.9 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_500, '1.0 MB'],
    [579_153_708, '579 MB'],
    [5e12, '5.0 TB'],
  ])('%i', (bytes, shown) => expect(formatSize(bytes)).toBe(shown));
});

describe('formatDuration', () => {
  it.each([
    [0.4, '0 ms'],
    [999, '999 ms'],
    [1234, '1.2 s'],
    [59_960, '1 min 0 s'],
    [200_000, '3 min 20 s'],
    [3_900_000, '1 h 5 min'],
    [3 * 86_400_000, '3 days'],
  ])('%d', (ms, shown) => expect(formatDuration(ms)).toBe(shown));
});

describe('wrap', () => {
  const text = 'Every change that was reported as done is complete and on record; no file is half-written. The next run goes on from there.';

  it('at 80 columns', () => {
    expect(wrap(text, 80, '  safe: ')).toBe(
      [
        '  safe: Every change that was reported as done is complete and on record; no',
        '        file is half-written. The next run goes on from there.',
      ].join('\n'),
    );
  });

  it('at 120 columns', () => {
    expect(wrap(text, 120, '  safe: ')).toBe(
      [
        '  safe: Every change that was reported as done is complete and on record; no file is half-written. The next run goes on',
        '        from there.',
      ].join('\n'),
    );
  });

  it('leaves a word that is too long whole, and keeps lines', () => {
    expect(wrap('one\n/a/very/long/path two', 10, '> ')).toBe('> one\n  /a/very/long/path\n  two');
  });
});

describe('shorten', () => {
  it('keeps what fits', () => expect(shorten('docs/a.md', 20)).toBe('docs/a.md'));
  it('cuts in the middle', () => expect(shorten('missions/2026/november/report.md', 20)).toBe('missio…ber/report.md'));
  it('counts columns, not characters', () => expect(shorten('日本日本日本日本', 9)).toBe('日…本日本'));
});
