import { describe, expect, it } from 'vitest';
import type { Entry } from '../tree/entry.ts';
import type { PermissionMask } from '../tree/mode.ts';
import { modeUnder } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import { compilePermissionMasks, entryMoved } from './permission-masks.ts';

const at = (path: string): RelativePath => path as RelativePath;
const digest = 'x' as Extract<Entry, { kind: 'file' }>['digest'];

describe('the mask of a path', () => {
  const masks = compilePermissionMasks({
    permissions: 'all',
    policies: [
      { match: 'docs/**', permissions: 'none' },
      { match: 'docs/**' },
      { match: '*.sh', permissions: 'executable' },
      { match: '/bin/', permissions: 'executable' },
      { match: 'docs/open', permissions: 'all' },
    ],
  });
  const rows: readonly (readonly [string, 'directory' | 'other', PermissionMask, number | undefined])[] = [
    ['top', 'other', 'all', undefined],
    ['docs', 'directory', 'all', undefined],
    ['docs/a', 'other', 'none', 0],
    ['docs/deep/a', 'other', 'none', 0],
    ['docs/run.sh', 'other', 'executable', 2],
    ['run.sh', 'other', 'executable', 2],
    ['bin', 'directory', 'executable', 3],
    ['bin', 'other', 'all', undefined],
    ['bin/deep/x', 'other', 'executable', 3],
    ['docs/open', 'directory', 'all', 4],
    ['docs/open/run.sh', 'other', 'all', 4],
  ];
  it.each(rows)('%s (%s): %s', (path, kind, mask, policy) => {
    expect(masks.at(at(path), kind)).toBe(mask);
    expect(masks.policyAt(at(path), kind)).toBe(policy);
  });

  it('is one for all where no policy says anything of permissions: then nobody has to put a path together', () => {
    const plain = compilePermissionMasks({ permissions: 'executable', policies: [{ match: '*' }] });
    expect([plain.everywhere, plain.at(at('a'), 'other'), plain.policyAt(at('a'), 'other')]).toEqual(['executable', 'executable', undefined]);
    expect(masks.everywhere).toBe(undefined);
  });

  it('folds names where a side folds them', () => {
    const rules = { permissions: 'all', policies: [{ match: 'Bin', permissions: 'none' }] } as const;
    expect(compilePermissionMasks(rules).at(at('bIN'), 'other')).toBe('all');
    expect(compilePermissionMasks(rules, { ignoresCase: true, ignoresUnicodeForm: false }).at(at('bIN'), 'other')).toBe('none');
  });

  it('has a text that differs where it may decide otherwise', () => {
    const text = (...policies: readonly { readonly match: string; readonly permissions?: PermissionMask }[]): string =>
      compilePermissionMasks({ permissions: 'all', policies }).canonical;
    const [a, b] = [{ match: 'a', permissions: 'none' } as const, { match: 'b', permissions: 'all' } as const];
    expect(new Set([text(), text(a), text(b), text(a, b), text(b, a), text({ ...a, permissions: 'all' })]).size).toBe(6);
    expect(text(a, { match: 'c' })).toBe(text(a));
  });
});

describe('a mode that is known under one mask, under another', () => {
  const rows: readonly (readonly ['file' | 'directory', number, PermissionMask, PermissionMask, number])[] = [
    ['file', 0o754, 'all', 'all', 0o754],
    ['file', 0o754, 'all', 'executable', 0o100],
    ['file', 0o654, 'all', 'executable', 0],
    ['file', 0o754, 'all', 'none', 0],
    ['file', 0o100, 'executable', 'all', 0o700],
    ['file', 0, 'executable', 'all', 0o600],
    ['file', 0o100, 'executable', 'none', 0],
    ['file', 0, 'none', 'all', 0o600],
    ['file', 0, 'none', 'executable', 0],
    ['directory', 0o100, 'executable', 'all', 0o700],
    ['directory', 0, 'none', 'all', 0o700],
    ['directory', 0, 'none', 'executable', 0o100],
  ];
  it.each(rows)('%s %o, %s -> %s: %o', (kind, mode, from, to, expected) => expect(modeUnder(mode, kind, { from, to })).toBe(expected));

  it('is that of an entry that moves; whatever has no mode stays as it is', () => {
    const masks = compilePermissionMasks({ permissions: 'all', policies: [{ match: 'b', permissions: 'none' }] });
    const file: Entry = { kind: 'file', mode: 0o644, sizeBytes: 0, digest, mtimeMs: 0 };
    const link: Entry = { kind: 'symlink', target: 'x', mtimeMs: 0 };
    expect(entryMoved(masks, file, at('a'), at('b'))).toEqual({ ...file, mode: 0 });
    expect(entryMoved(masks, file, at('a'), at('c'))).toBe(file);
    expect(entryMoved(masks, link, at('a'), at('b'))).toBe(link);
    expect(entryMoved(undefined, file, at('a'), at('b'))).toBe(file);
  });
});
