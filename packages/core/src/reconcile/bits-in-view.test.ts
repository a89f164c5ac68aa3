import { describe, expect, it } from 'vitest';
import { dir, file, link, path, problematic, untracked } from '../testing/trees.ts';
import type { Entry, Mode } from '../tree/entry.ts';
import { agreed } from './ancestor.ts';
import { applyAncestorChanges } from './apply-ancestor.ts';
import { type BitsAt, bringIntoView } from './bits-in-view.ts';
import type { Sides } from './plan.ts';

const always =
  (bits: Mode): BitsAt =>
  () =>
    bits;
const [all, owner] = [always(0o777), always(0o700)];
const f = (mode: Mode): Entry => file('one', { mode });
const d = (mode: Mode, children: Readonly<Record<string, Entry>> = {}): Entry => dir(children, { mode });

/** What the ancestor of `a` comes to be: both halves of one entry, or `undefined` where nothing changes. */
function after(before: Sides<Entry>, now: Sides<Entry | undefined>, was: BitsAt, is: BitsAt): Sides<Entry | undefined> | undefined {
  const root = (entry: Entry | undefined): Entry => d(0o700, entry === undefined ? {} : { a: entry });
  const changes = bringIntoView(
    { alpha: root(before.alpha), beta: root(before.beta) },
    { alpha: root(now.alpha), beta: root(now.beta) },
    { was, is },
  );
  expect(changes.length).toBeLessThan(2);
  const [change] = changes;
  if (change === undefined) return undefined;
  expect(change.path).toBe('a');
  return { alpha: change.alpha, beta: change.beta };
}

const both = <T>(one: T): Sides<T> => ({ alpha: one, beta: one });

describe('permission bits that come into view', () => {
  it.each<[string, Sides<Entry>, Sides<Entry | undefined>, Sides<Entry>]>([
    ['are those of each side', both(f(0o600)), { alpha: f(0o644), beta: f(0o640) }, { alpha: f(0o644), beta: f(0o640) }],
    ['and what was in view stays as it was agreed', both(f(0o700)), { alpha: f(0o644), beta: f(0o700) }, { alpha: f(0o744), beta: f(0o700) }],
    ['of a folder, too', both(d(0o700)), { alpha: d(0o755), beta: d(0o750) }, { alpha: d(0o755), beta: d(0o750) }],
    ['are the other side’s where one has let go of it', both(f(0o600)), { alpha: undefined, beta: f(0o640) }, both(f(0o640))],
    ['or made something else of it', both(f(0o600)), { alpha: f(0o644), beta: d(0o755) }, both(f(0o644))],
    ['or a link', both(d(0o700)), { alpha: link('x'), beta: d(0o755) }, both(d(0o755))],
    ['or cannot be read', both(f(0o600)), { alpha: problematic(), beta: f(0o644) }, both(f(0o644))],
    ['where only one side has more', both(f(0o600)), { alpha: f(0o600), beta: f(0o644) }, { alpha: f(0o600), beta: f(0o644) }],
    ['where it was held', { alpha: f(0o600), beta: d(0o700) }, { alpha: f(0o644), beta: d(0o755) }, { alpha: f(0o644), beta: d(0o755) }],
  ])('%s', (_, before, now, expected) => {
    expect(after(before, now, owner, all)).toEqual(expected);
  });

  it('are none where neither side has any, or has it still', () => {
    expect(after(both(f(0o600)), both(f(0o600)), owner, all)).toBeUndefined();
    expect(after(both(f(0o600)), both(undefined), owner, all)).toBeUndefined();
    expect(after(both(f(0o600)), both(untracked()), owner, all)).toBeUndefined();
    expect(after(both(link('x')), both(link('x')), owner, all)).toBeUndefined();
    expect(after(both(problematic()), both(f(0o644)), owner, all)).toBeUndefined();
  });

  it('go out of view on both sides, whatever is there', () => {
    for (const now of [both(f(0o644)), both(undefined), { alpha: f(0o777), beta: problematic() }])
      expect(after(both(f(0o644)), now, all, owner)).toEqual(both(f(0o600)));
    expect(after({ alpha: f(0o644), beta: f(0o600) }, both(f(0o644)), all, owner)).toEqual(both(f(0o600)));
  });

  it('stay as they were where the same bits are looked at', () => {
    expect(after(both(f(0o644)), { alpha: f(0o600), beta: f(0o755) }, all, all)).toBeUndefined();
  });

  it('are asked for by path and kind, at every depth, and a folder is changed by itself', () => {
    const asked: string[] = [];
    const bits: BitsAt = (at, kind) => {
      asked.push(`${at} ${kind}`);
      return kind === 'directory' ? 0o777 : 0o700;
    };
    const before = d(0o700, { e: d(0o700, { a: f(0o600) }) });
    const now = d(0o755, { e: d(0o755, { a: f(0o644) }) });
    const changes = bringIntoView(agreed(before), { alpha: now, beta: now }, { was: owner, is: bits });
    expect(new Set(asked)).toEqual(new Set([' directory', 'e directory', 'e/a other']));
    expect(changes).toEqual([
      { path: '', alpha: d(0o755), beta: d(0o755) },
      { path: path('e'), alpha: d(0o755), beta: d(0o755) },
    ]);
    const next = applyAncestorChanges(agreed(before), changes);
    expect(next.alpha).toEqual(d(0o755, { e: d(0o755, { a: f(0o600) }) }));
  });

  it('of what one side alone had are left', () => {
    const before = { alpha: dir({ a: f(0o600), d: d(0o700, { b: f(0o600) }) }), beta: dir({ z: f(0o600) }) };
    const now = both(dir({ a: f(0o644), d: d(0o755, { b: f(0o644) }), z: f(0o644) }));
    expect(bringIntoView(before, now, { was: owner, is: all }).map((change) => change.path)).toEqual([]);
  });
});
