import { describe, expect, it } from 'vitest';
import { dir, file, link, path, problematic, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { type Ancestor, agreed, unsettled } from './ancestor.ts';
import { applyChanges } from './apply.ts';
import type { Policy } from './policy.ts';
import { reconcile } from './reconcile.ts';
import { type Drift, openSealed, type SealedPlan, type SealedTrees, sealPlan, turnSealed } from './sealed-plan.ts';

const policy: Policy = { conflicts: 'newer', onTie: 'skip', direction: 'both', paths: [], naming: { alpha: 'one', beta: 'two', date: '2026-11-21' } };

interface Trees {
  readonly ancestor?: Entry | Ancestor | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
}

const treesOf = ({ ancestor, alpha, beta }: Trees): SealedTrees => ({
  ancestor: ancestor !== undefined && 'kind' in ancestor ? agreed(ancestor) : ancestor,
  alpha,
  beta,
});
const sealed = (trees: Trees, more: Partial<Policy> = {}): SealedPlan =>
  sealPlan(reconcile({ ...treesOf(trees), policy: { ...policy, ...more } }), treesOf(trees));
const driftsOf = (plan: SealedPlan, trees: Trees): readonly string[] => openSealed(plan, treesOf(trees)).drifted.map(text);
const text = ({ side, path: at, found }: Drift): string => `${side} ${at}: ${found}`;

describe('what has drifted', () => {
  const ancestor = dir({ a: file('1'), d: dir({ x: file('x') }) });
  const edit = sealed({ ancestor, alpha: ancestor, beta: dir({ a: file('2'), d: dir({ x: file('x') }) }) });
  const removal = sealed({ ancestor, alpha: ancestor, beta: dir({ a: file('1') }) });
  const making = sealed({ ancestor, alpha: ancestor, beta: dir({ a: file('1'), d: dir({ x: file('x'), y: file('y') }) }) });
  const d = dir({ x: file('x') });

  it.each<readonly [string, SealedPlan, Trees, readonly string[]]>([
    ['nothing', edit, { ancestor, alpha: ancestor, beta: dir({ a: file('2'), d }) }, []],
    [
      'nothing, where only times differ',
      edit,
      { ancestor, alpha: dir({ a: file('1', { mtimeMs: 7 }), d }), beta: dir({ a: file('2', { mtimeMs: 9 }), d }) },
      [],
    ],
    ['nothing, where it is done', edit, { ancestor, alpha: dir({ a: file('2'), d }), beta: dir({ a: file('3'), d }) }, []],
    ['a content', edit, { ancestor, alpha: dir({ a: file('3'), d }), beta: dir({ a: file('2'), d }) }, ['alpha a: changed']],
    ['both', edit, { ancestor, alpha: dir({ d }), beta: dir({ a: file('3'), d }) }, ['alpha a: deleted', 'beta a: changed']],
    ['a kind', edit, { ancestor, alpha: dir({ a: link('1'), d }), beta: dir({ a: file('2'), d }) }, ['alpha a: changed']],
    [
      'a kind, with all that is in it',
      edit,
      { ancestor, alpha: dir({ a: dir({ b: file('1') }), d }), beta: dir({ a: file('2'), d }) },
      ['alpha a: changed'],
    ],
    ['a kind to a link', edit, { ancestor, alpha: dir({ a: file('1'), d }), beta: dir({ a: link('2'), d }) }, ['beta a: changed']],
    ['permissions', edit, { ancestor, alpha: dir({ a: file('1', { mode: 0o600 }), d }), beta: dir({ a: file('2'), d }) }, ['alpha a: permissions']],
    [
      'the target of a link',
      sealed({ ancestor: dir({ l: link('1') }), alpha: dir({ l: link('1') }), beta: dir({}) }),
      { ancestor: dir({ l: link('1') }), alpha: dir({ l: link('2') }), beta: dir({}) },
      ['alpha l: changed'],
    ],
    [
      'a content, and what was agreed on: it is said once',
      edit,
      { ancestor: dir({ a: file('9'), d }), alpha: dir({ a: file('8'), d }), beta: dir({ a: file('2'), d }) },
      ['alpha a: changed'],
    ],
    [
      'nothing in a folder whose permissions are to change, whatever came into it',
      sealed({ ancestor, alpha: ancestor, beta: dir({ a: file('1'), d: dir({ x: file('x') }, { mode: 0o700 }) }) }),
      { ancestor, alpha: dir({ a: file('1'), d: dir({ x: file('x'), y: file('y') }) }), beta: dir({ a: file('1'), d: dir({}, { mode: 0o700 }) }) },
      [],
    ],
    ['what cannot be read', edit, { ancestor, alpha: dir({ a: problematic(), d }), beta: dir({ a: file('2'), d }) }, ['alpha a: changed']],
    ['the whole tree', edit, { ancestor, alpha: undefined, beta: dir({ a: file('2'), d }) }, ['alpha a: deleted', 'alpha : deleted']],
    [
      'a folder that is to go, by what came into it',
      removal,
      { ancestor, alpha: dir({ a: file('1'), d: dir({ x: file('x'), z: file('z') }) }), beta: dir({ a: file('1') }) },
      ['alpha d/z: created'],
    ],
    [
      'the same, by what is not synced',
      removal,
      { ancestor, alpha: dir({ a: file('1'), d: dir({ x: file('x'), z: untracked() }) }), beta: dir({ a: file('1') }) },
      ['alpha d/z: created'],
    ],
    [
      'the mode of a folder that is to go',
      removal,
      { ancestor, alpha: dir({ a: file('1'), d: dir({ x: file('x') }, { mode: 0o700 }) }), beta: dir({ a: file('1') }) },
      ['alpha d: permissions'],
    ],
    [
      'a folder that is to go, by what is in its place',
      removal,
      { ancestor, alpha: dir({ a: file('1'), d: link('x') }), beta: dir({ a: file('1') }) },
      ['alpha d: changed'],
    ],
    ['a deletion that was taken back', removal, { ancestor, alpha: ancestor, beta: ancestor }, ['beta d/x: created', 'beta d: created']],
    [
      'the folder for something new',
      making,
      { ancestor, alpha: dir({ a: file('1') }), beta: dir({ a: file('1'), d: dir({ x: file('x'), y: file('y') }) }) },
      ['alpha d: deleted'],
    ],
    [
      'the same, by what is in its place',
      making,
      { ancestor, alpha: dir({ a: file('1'), d: file('d') }), beta: dir({ a: file('1'), d: dir({ x: file('x'), y: file('y') }) }) },
      ['alpha d: changed'],
    ],
    [
      'the name for something new',
      making,
      {
        ancestor,
        alpha: dir({ a: file('1'), d: dir({ x: file('x'), y: untracked() }) }),
        beta: dir({ a: file('1'), d: dir({ x: file('x'), y: file('y') }) }),
      },
      ['alpha d/y: created'],
    ],
  ])('%s', (_what, plan, trees, expected) => {
    expect(driftsOf(plan, trees)).toEqual(expected);
    if (expected.length > 0) expect(openSealed(plan, treesOf(trees))).toMatchObject({ alphaChanges: [], betaChanges: [] });
  });
});

describe('what is opened', () => {
  const opened = (trees: Trees, more: Partial<Policy> = {}) => openSealed(sealed(trees, more), treesOf(trees));
  const later = { mtimeMs: 60_000 };

  it('is the changes and the conflicts that they settle, and nothing else', () => {
    const trees = { ancestor: dir({}), alpha: dir({ a: file('1') }), beta: dir({ a: file('2', later) }) };
    expect(opened(trees, { conflicts: 'beta' })).toEqual({
      ancestorChanges: [],
      alphaChanges: [{ path: 'a', old: file('1'), new: file('2', later) }],
      betaChanges: [],
      conflicts: [{ path: 'a', reason: 'content', rule: '6 beta', resolution: 'beta', alpha: file('1'), beta: file('2', later) }],
      problems: [],
      copiesOf: new Map(),
      drifted: [],
    });
  });

  it('has the times of what is there: a side’s own where its content stays, or moves', () => {
    const ancestor = dir({ a: file('1'), b: file('2') });
    const alpha = dir({ a: file('1', { mtimeMs: 5 }), b: file('2', { mtimeMs: 6 }) });
    const beta = dir({ a: file('1', { mode: 0o600, mtimeMs: 9 }), c: file('2', { mtimeMs: 9 }) });
    expect(opened({ ancestor, alpha, beta }).alphaChanges).toEqual([
      { path: 'c', old: undefined, new: file('2', { mtimeMs: 6 }), from: { path: 'b', entry: file('2', { mtimeMs: 6 }), was: file('2') } },
      { path: 'b', old: file('2', { mtimeMs: 6 }), new: undefined, to: 'c' },
      { path: 'a', old: file('1', { mtimeMs: 5 }), new: file('1', { mode: 0o600, mtimeMs: 5 }) },
    ]);
  });

  it('has those of the loser whose copy is kept, a file or a link', () => {
    const alpha = dir({ a: file('1', { mtimeMs: 5 }), l: link('1', { mtimeMs: 6 }) });
    const beta = dir({ a: file('2', later), l: link('2', later) });
    const { alphaChanges, betaChanges, drifted } = opened({ ancestor: dir({}), alpha, beta }, { conflicts: 'keep-both' });
    expect(drifted).toEqual([]);
    for (const changes of [alphaChanges, betaChanges]) {
      expect(changes.filter(({ old }) => old === undefined).map(({ new: next }) => next)).toEqual([
        file('1', { mtimeMs: 5 }),
        link('1', { mtimeMs: 6 }),
      ]);
    }
  });

  it('leaves a folder whose permissions change what it holds, and what is not ours in it', () => {
    const d = dir({ x: file('x') }, { hasUntracked: true });
    const plain = dir({ d: dir({ x: file('x') }) });
    expect(opened({ ancestor: plain, alpha: dir({ d }), beta: dir({ d: dir({ x: file('x') }, { mode: 0o700 }) }) }).alphaChanges).toEqual([
      { path: 'd', old: dir({}, { hasUntracked: true }), new: dir({}, { mode: 0o700, hasUntracked: true }) },
    ]);
  });

  it('makes a root', () => {
    const { alphaChanges, drifted } = opened({ alpha: undefined, beta: dir({ a: file('1') }) });
    expect([alphaChanges.map(({ path: at }) => at), drifted]).toEqual([['', 'a'], []]);
  });

  it('is what of its conflicts is still to be settled', () => {
    const alpha = dir({ a: file('1'), b: file('1') });
    const beta = dir({ a: file('2', later), b: file('2', later) });
    const conflictsOn = (plan: SealedPlan, trees: Trees) => openSealed(plan, treesOf(trees)).conflicts.map(({ path: at }) => at);
    const chosen = sealed({ ancestor: dir({}), alpha, beta }, { conflicts: 'beta' });
    expect(conflictsOn(chosen, { ancestor: dir({}), alpha, beta })).toEqual(['a', 'b']);
    expect(conflictsOn(chosen, { ancestor: dir({}), alpha: dir({ a: file('2'), b: file('1') }), beta })).toEqual(['b']);
    const kept = sealed({ ancestor: dir({}), alpha, beta }, { conflicts: 'keep-both' });
    const copies = { 'a (conflict one 2026-11-21)': file('1'), 'b (conflict one 2026-11-21)': file('1') };
    const [made, settled] = [dir({ a: file('2'), b: file('1'), ...copies }), dir({ a: file('2'), b: file('2'), ...copies })];
    expect(conflictsOn(kept, { ancestor: dir({}), alpha: made, beta: settled })).toEqual(['b']);
    expect(conflictsOn(kept, { ancestor: dir({}), alpha: settled, beta: settled })).toEqual([]);
  });
});

describe('what was agreed on since', () => {
  const before = dir({ a: file('1') });
  const after = dir({ a: file('2') });
  const plan = sealed({ ancestor: before, alpha: before, beta: after });

  it('makes the old state a new will', () => {
    expect(driftsOf(plan, { ancestor: after, alpha: before, beta: after })).toEqual(['alpha a: agreed']);
    const removal = sealed({ ancestor: before, alpha: before, beta: dir({}) });
    expect(driftsOf(removal, { ancestor: dir({}), alpha: before, beta: dir({}) })).toEqual(['alpha a: agreed']);
    expect(driftsOf(removal, { ancestor: undefined, alpha: before, beta: dir({}) })).toEqual(['alpha a: agreed']);
  });

  it('does not matter where the difference was accepted: applying the plan again is what ends that', () => {
    expect(driftsOf(plan, { ancestor: { alpha: before, beta: after }, alpha: before, beta: after })).toEqual([]);
  });

  it('is not that something was left open at a first sync', () => {
    const trees = { alpha: dir({ a: file('1') }), beta: dir({ a: file('2', { mtimeMs: 60_000 }) }) };
    const decided = sealed(trees, { first: 'newer' });
    expect(driftsOf(decided, { ancestor: dir({ a: unsettled }), ...trees })).toEqual([]);
    const left = { ancestor: dir({ a: unsettled }), ...trees };
    expect(sealed(left, { first: 'newer' }).changes.alpha).toMatchObject([{ path: 'a', was: unsettled }]);
    expect(driftsOf(sealed(left, { first: 'newer' }), left)).toEqual([]);
  });
});

describe('a plan of which a part is done', () => {
  it('goes on with a folder that was made anew under its new name, and is still there under the old one', () => {
    const ancestor = dir({ old: dir({ x: file('a file'), y: file('another file') }) });
    const beta = dir({ new: dir({ x: file('a file'), y: file('another file') }) });
    const plan = sealed({ ancestor, alpha: ancestor, beta });
    expect(plan.changes.alpha.map(({ from }) => from?.path)).toContain('old');
    const alpha = dir({ old: dir({ y: file('another file') }), new: dir({ x: file('a file') }) });
    const { alphaChanges, drifted } = openSealed(plan, treesOf({ ancestor, alpha, beta }));
    expect(drifted).toEqual([]);
    expect(alphaChanges.map(({ path: at, from, to }) => [at, from?.path ?? to])).toEqual([
      ['new/y', 'old/y'],
      ['old/y', 'new/y'],
      ['old', 'new'],
    ]);
  });

  it('does not take a file for moved that is there under both names', () => {
    const ancestor = dir({ old: file('a file') });
    const beta = dir({ new: file('a file') });
    const plan = sealed({ ancestor, alpha: ancestor, beta });
    expect(driftsOf(plan, { ancestor, alpha: dir({ old: file('a file'), new: file('a file') }), beta })).toEqual(['alpha new: created']);
    expect(driftsOf(plan, { ancestor, alpha: dir({}), beta })).toEqual(['alpha old: deleted']);
  });

  it('takes the copy of a loser from where it is now', () => {
    const trees = { ancestor: dir({}), alpha: dir({ a: file('1') }), beta: dir({ a: file('2', { mtimeMs: 60_000 }) }) };
    const plan = sealed(trees, { conflicts: 'keep-both' });
    const copy = 'a (conflict one 2026-11-21)';
    expect(openSealed(plan, treesOf(trees)).copiesOf).toEqual(new Map([[copy, 'a']]));
    const alpha = dir({ a: file('2'), [copy]: file('1', { mtimeMs: 5 }) });
    const rest = openSealed(plan, treesOf({ ...trees, alpha }));
    expect(rest).toMatchObject({ drifted: [], alphaChanges: [], betaChanges: [{ path: copy, new: file('1', { mtimeMs: 5 }) }] });
    expect(rest.conflicts).toMatchObject([{ path: 'a', keptAs: copy }]);
    expect(rest.copiesOf).toEqual(new Map());
    expect(applyChanges(trees.beta, rest.betaChanges)).toEqual(dir({ a: file('2', { mtimeMs: 60_000 }), [copy]: file('1', { mtimeMs: 5 }) }));
  });

  it('is refused where the content for the rest is gone', () => {
    const trees = { ancestor: dir({}), alpha: dir({ a: file('1') }), beta: dir({ a: file('2', { mtimeMs: 60_000 }) }) };
    const plan = sealed(trees, { conflicts: 'keep-both' });
    expect(driftsOf(plan, { ...trees, alpha: dir({ a: file('2') }) })).toEqual([
      'beta a (conflict one 2026-11-21): content',
      'alpha a (conflict one 2026-11-21): content',
    ]);
  });
});

describe('what is sealed', () => {
  it('names the winner of a conflict by its side, from whichever end it is seen', () => {
    const trees = { ancestor: dir({}), alpha: dir({ a: file('1') }), beta: dir({ a: file('2', { mtimeMs: 60_000 }), open: dir({}) }) };
    const plan = sealed(trees, { conflicts: 'alpha' });
    expect(plan.settled).toEqual([{ path: path('a'), reason: 'content', rule: '6 alpha', resolution: 'alpha' }]);
    expect(turnSealed(plan).settled).toEqual([{ path: path('a'), reason: 'content', rule: '6 beta', resolution: 'beta' }]);
    expect(turnSealed(sealed(trees, { conflicts: 'beta' })).settled).toMatchObject([{ rule: '6 alpha', resolution: 'alpha' }]);
    expect(turnSealed(sealed(trees, { conflicts: 'keep-both' })).settled).toMatchObject([{ rule: '6 keep both', resolution: 'keep-both' }]);
  });

  it('is without times, and without what is in a folder', () => {
    const before = dir({ d: dir({ x: file('x') }), f: file('1', { mtimeMs: 1 }), l: link('1', { mtimeMs: 2 }) });
    const after = dir({ d: dir({ x: file('x') }, { mode: 0o700 }), f: file('2', { mtimeMs: 3 }), l: link('2', { mtimeMs: 4 }) });
    const sealedNodes = sealed({ ancestor: before, alpha: before, beta: after }).changes.alpha.map(({ old, new: next, peer, was }) => [
      old,
      next,
      peer,
      was,
    ]);
    expect(sealedNodes).toEqual([
      [dir(), dir({}, { mode: 0o700 }), dir({}, { mode: 0o700 }), dir()],
      [file('1'), file('2'), file('2'), file('1')],
      [link('1'), link('2'), link('2'), link('1')],
    ]);
  });

  it('is without conflicts that stay open: they change nothing', () => {
    const trees = { ancestor: dir({}), alpha: dir({ a: file('1'), b: file('b') }), beta: dir({ a: file('2') }) };
    expect(sealed(trees, { conflicts: 'skip' }).settled).toEqual([]);
  });
});
