import { describe, expect, it } from 'vitest';
import { type Name, nameBytesMax } from '../tree/name.ts';
import { utf8Length } from '../util/utf8.ts';
import { conflictName } from './conflict-name.ts';

const nameFor = (name: string, taken: readonly string[] = [], host = 'balaur'): string | undefined =>
  conflictName(name as Name, { host, date: '2026-11-21', isTaken: (candidate) => taken.includes(candidate) });

describe('the name of a kept loser', () => {
  it.each([
    ['notes.md', 'notes (conflict balaur 2026-11-21).md'],
    ['archive.tar.gz', 'archive.tar (conflict balaur 2026-11-21).gz'],
    ['Makefile', 'Makefile (conflict balaur 2026-11-21)'],
    ['.bashrc', '.bashrc (conflict balaur 2026-11-21)'],
    ['a.', 'a (conflict balaur 2026-11-21).'],
    [`a.${'x'.repeat(31)}`, `a (conflict balaur 2026-11-21).${'x'.repeat(31)}`],
    [`a.${'x'.repeat(32)}`, `a.${'x'.repeat(32)} (conflict balaur 2026-11-21)`],
    [`a.${'é'.repeat(16)}`, `a.${'é'.repeat(16)} (conflict balaur 2026-11-21)`],
  ])('%s: %s', (name, expected) => {
    expect(nameFor(name)).toBe(expected);
  });

  it('gets a number where it is taken', () => {
    expect(nameFor('a.md', ['a (conflict balaur 2026-11-21).md', 'a (conflict balaur 2026-11-21 2).md'])).toBe('a (conflict balaur 2026-11-21 3).md');
  });

  it('of a kept loser does not grow', () => {
    expect(nameFor('a (conflict laptop 2026-01-02 7).md')).toBe('a (conflict balaur 2026-11-21).md');
    expect(nameFor('a (conflict laptop 2026-01-02)')).toBe('a (conflict balaur 2026-11-21)');
    expect(nameFor('a (conflict laptop 2026-01-02).')).toBe('a (conflict balaur 2026-11-21).');
    expect(nameFor('a (conflict laptop 2026-01-02).tar.gz')).toBe('a (conflict laptop 2026-01-02).tar (conflict balaur 2026-11-21).gz');
    expect(nameFor('a (conflict x) b.md')).toBe('a (conflict x) b (conflict balaur 2026-11-21).md');
    expect(nameFor('a (conflict (x)).md')).toBe('a (conflict (x)) (conflict balaur 2026-11-21).md');
  });

  it('is at most 255 bytes, cut between characters, with its ending', () => {
    for (const name of [`${'x'.repeat(251)}.txt`, `${'é'.repeat(125)}.txt`, '\u{1F600}'.repeat(63), `.${'y'.repeat(254)}`]) {
      const kept = nameFor(name) ?? '';
      expect(utf8Length(kept)).toBeLessThanOrEqual(nameBytesMax);
      expect(kept).toContain(' (conflict balaur 2026-11-21)');
      expect(kept.endsWith('.txt')).toBe(name.endsWith('.txt'));
      expect(/\p{Surrogate}/u.test(kept)).toBe(false);
    }
  });

  it('takes nothing from a host that is no part of a name', () => {
    expect(nameFor('a', [], 'ssh://me@host/x\n(y)')).toBe('a (conflict ssh-me@host-x-y- 2026-11-21)');
    expect(utf8Length(nameFor('a', [], '\u{1F600}'.repeat(200)) ?? '')).toBeLessThanOrEqual(nameBytesMax);
  });

  it('has words of at most 40 characters, none of them half of one, and does without', () => {
    const host = `${'h'.repeat(39)}\u{1F600}`;
    expect(nameFor('a', [], host)).toBe(`a (conflict ${'h'.repeat(39)} 2026-11-21)`);
    expect(nameFor('a', [], 'h'.repeat(41))).toBe(`a (conflict ${'h'.repeat(40)} 2026-11-21)`);
    expect(nameFor('a', [], '')).toBe('a (conflict 2026-11-21)');
    expect(nameFor('a', [], 'C:\\x|y?*"<>/')).toBe('a (conflict C-x-y- 2026-11-21)');
    expect(nameFor('a', [], '\ud83d')).toBe('a (conflict - 2026-11-21)');
  });

  it('ends somewhere: with the 99th', () => {
    expect(conflictName('a' as Name, { host: 'h', date: 'd', isTaken: () => true })).toBeUndefined();
    expect(conflictName('a' as Name, { host: 'h', date: 'd', isTaken: (name) => !name.endsWith(' 99)') })).toBe('a (conflict h d 99)');
  });
});
