/** The start table of DESIGN section 4: read from top to bottom, it is the specification. */
import { describe, expect, it } from 'vitest';
import { type AncestorChange, underway } from '../reconcile/ancestor.ts';
import { dir, file, path } from '../testing/trees.ts';
import { type ArchiveStart, type ArchiveStartQuestion, decideStart, foldJournals } from './archive-start.ts';
import type { ArchiveHead, ArchiveStatus } from './archive-store.ts';
import type { ReplicaId } from './replica.ts';
import { defaultSyncSettings, toPairSettings } from './sync-settings.ts';

const ids = { alpha: 'a' as ReplicaId, beta: 'b' as ReplicaId };
const record: AncestorChange = { path: path('x'), alpha: file('x'), beta: file('x') };

interface Row {
  readonly title: string;
  readonly alpha?: ArchiveStatus;
  readonly beta?: ArchiveStatus;
  readonly ids?: ArchiveStartQuestion['ids'];
  readonly rejoin?: boolean;
  readonly expected: Readonly<Record<string, unknown>>;
}

const table: readonly Row[] = [
  { title: 'equal on both', alpha: at(3), beta: at(3), expected: { action: 'go-on', head: head(3) } },
  { title: 'neither side has one', expected: { action: 'first-sync', rejoin: false } },
  { title: 'neither side has an id yet', ids: { alpha: undefined, beta: undefined }, expected: { action: 'first-sync', rejoin: false } },
  {
    title: 'the same id on both ends',
    ids: { alpha: ids.alpha, beta: ids.alpha },
    alpha: at(3),
    beta: at(3),
    expected: { action: 'halt', reason: 'peer-is-self' },
  },

  {
    title: 'both pending the same',
    alpha: at(3, { pending: 4 }),
    beta: at(3, { pending: 4 }),
    expected: { action: 'finish-commit', generation: 4, sides: ['alpha', 'beta'] },
  },
  {
    title: 'one at N+1, the other at N with the same pending',
    alpha: at(4),
    beta: at(3, { pending: 4 }),
    expected: { action: 'finish-commit', generation: 4, sides: ['beta'] },
  },
  {
    title: 'first commit: both pending',
    alpha: at(0, { pending: 1 }),
    beta: at(0, { pending: 1 }),
    expected: { action: 'finish-commit', generation: 1, sides: ['alpha', 'beta'] },
  },
  {
    title: 'first commit: one is through',
    alpha: at(1),
    beta: at(0, { pending: 1 }),
    expected: { action: 'finish-commit', generation: 1, sides: ['beta'] },
  },
  {
    title: 'rejoining: one is through, the other still has its old archive',
    alpha: at(1),
    beta: at(7, { pending: 1 }),
    expected: { action: 'finish-commit', generation: 1, sides: ['beta'] },
  },
  {
    title: 'a damaged archive that is being replaced',
    alpha: at(1),
    beta: damaged({ pending: 1 }),
    expected: { action: 'finish-commit', generation: 1, sides: ['beta'] },
  },

  { title: 'pending on one side only', alpha: at(3, { pending: 4 }), beta: at(3), expected: { action: 'discard-pending', sides: ['alpha'] } },
  {
    title: 'both pending different things',
    alpha: at(3, { pending: 4 }),
    beta: at(3, { pending: 4, past: 'other' }),
    expected: { action: 'discard-pending', sides: ['alpha', 'beta'] },
  },
  {
    title: 'one at N+1, the other at N with another pending',
    alpha: at(4),
    beta: at(3, { pending: 4, past: 'other' }),
    expected: { action: 'discard-pending', sides: ['beta'] },
  },
  { title: 'first commit: pending on one side only', alpha: at(0, { pending: 1 }), expected: { action: 'discard-pending', sides: ['alpha'] } },
  {
    title: 'rejoining: pending on one side only',
    alpha: at(7, { pending: 1 }),
    beta: at(0),
    expected: { action: 'discard-pending', sides: ['alpha'] },
  },

  { title: 'a journal on one side', alpha: at(3, { journal: true }), beta: at(3), expected: { action: 'fold-journals', head: head(3) } },
  {
    title: 'journals on both sides',
    alpha: at(3, { journal: true }),
    beta: at(3, { journal: true }),
    expected: { action: 'fold-journals', head: head(3) },
  },
  { title: 'a journal of a first sync', alpha: at(0, { journal: true }), expected: { action: 'fold-journals', head: undefined } },
  {
    title: 'a journal and a pending generation',
    alpha: at(3, { journal: true, pending: 4 }),
    beta: at(3),
    expected: { action: 'discard-pending', sides: ['alpha'] },
  },

  {
    title: 'same generation, another digest',
    alpha: at(3),
    beta: at(3, { past: 'other' }),
    expected: { action: 'halt', reason: 'archive-lost', side: undefined },
  },
  { title: 'one side behind', alpha: at(2), beta: at(3), expected: { action: 'halt', reason: 'archive-lost', side: 'alpha' } },
  { title: 'the archive is missing on one side', alpha: at(3), expected: { action: 'halt', reason: 'archive-lost', side: 'beta' } },
  {
    title: 'the archive is missing on one side, and it has a journal',
    alpha: at(3),
    beta: at(0, { journal: true }),
    expected: { action: 'halt', reason: 'archive-lost', side: 'beta' },
  },
  { title: 'damaged on one side', alpha: damaged(), beta: at(3), expected: { action: 'halt', reason: 'archive-lost', side: 'alpha' } },
  { title: 'damaged on one side, never there on the other', alpha: damaged(), expected: { action: 'halt', reason: 'archive-lost', side: 'alpha' } },
  { title: 'damaged on both', alpha: damaged(), beta: damaged(), expected: { action: 'halt', reason: 'archive-lost', side: undefined } },

  {
    title: 'missing on both sides, and a mirror of one has it',
    alpha: mirrored(at(0)),
    expected: { action: 'halt', reason: 'archive-lost', side: undefined },
  },
  {
    title: 'missing on both sides, and the mirrors of both have it',
    alpha: mirrored(at(0)),
    beta: mirrored(at(0)),
    expected: { action: 'halt', reason: 'archive-lost', side: undefined },
  },
  {
    title: 'missing on both sides, a mirror has it, and a journal is there',
    alpha: mirrored(at(0)),
    beta: at(0, { journal: true }),
    expected: { action: 'halt', reason: 'archive-lost', side: undefined },
  },
  {
    title: 'missing on both sides, and mirrors of both have it: first what is pending',
    alpha: mirrored(at(0, { pending: 1 })),
    beta: mirrored(at(0, { pending: 1 })),
    expected: { action: 'finish-commit', generation: 1, sides: ['alpha', 'beta'] },
  },
  {
    title: 'missing on one side, whose mirror has it',
    alpha: mirrored(at(0)),
    beta: at(3),
    expected: { action: 'halt', reason: 'archive-lost', side: 'alpha' },
  },
  {
    title: 'damaged on both, and the mirrors of both have it',
    alpha: mirrored(damaged()),
    beta: mirrored(damaged()),
    expected: { action: 'halt', reason: 'archive-lost', side: undefined },
  },
  {
    title: 'missing on both sides, one taken from a mirror',
    alpha: restored(at(3)),
    expected: { action: 'halt', reason: 'archive-lost', side: 'beta' },
  },
  {
    title: 'missing on both sides, one taken from a mirror, the other has one, too',
    alpha: restored(at(3)),
    beta: mirrored(at(0)),
    expected: { action: 'halt', reason: 'archive-lost', side: 'beta' },
  },
  {
    title: 'missing on both sides, and mirrors have it, rejoining',
    rejoin: true,
    alpha: mirrored(at(0)),
    beta: mirrored(at(0, { journal: true })),
    expected: { action: 'first-sync', rejoin: true },
  },

  { title: 'equal on both, one from a mirror', alpha: restored(at(3)), beta: at(3), expected: { action: 'go-on', head: head(3) } },
  {
    title: 'equal on both, one from a mirror, the other with a journal',
    alpha: restored(at(3)),
    beta: at(3, { journal: true }),
    expected: { action: 'fold-journals', head: head(3) },
  },
  {
    title: 'one behind, that from a mirror',
    alpha: restored(at(2)),
    beta: at(3),
    expected: { action: 'halt', reason: 'archive-lost', side: 'alpha' },
  },
  {
    title: 'equal on both, both from mirrors',
    alpha: restored(at(3)),
    beta: restored(at(3)),
    expected: { action: 'halt', reason: 'archive-lost', side: undefined },
  },
  {
    title: 'both from mirrors, rejoining',
    rejoin: true,
    alpha: restored(at(3)),
    beta: restored(at(3)),
    expected: { action: 'first-sync', rejoin: true },
  },
  { title: 'missing on one side, rejoining', rejoin: true, alpha: at(3), expected: { action: 'first-sync', rejoin: true } },
  { title: 'one side behind, rejoining', rejoin: true, alpha: at(2), beta: at(3), expected: { action: 'first-sync', rejoin: true } },
  { title: 'damaged, rejoining', rejoin: true, alpha: damaged(), beta: at(3, { journal: true }), expected: { action: 'first-sync', rejoin: true } },
  { title: 'nothing is lost, rejoining', rejoin: true, alpha: at(3), beta: at(3), expected: { action: 'go-on', head: head(3) } },
  { title: 'never synced, rejoining', rejoin: true, expected: { action: 'first-sync', rejoin: false } },
];

describe('where a run starts', () => {
  for (const { title, alpha = at(0), beta = at(0), ids: given = ids, rejoin, expected } of table) {
    it(title, () => {
      expect(decideStart({ alpha, beta, ids: given, rejoin })).toMatchObject(expected);
      expect(swap(decideStart({ alpha: beta, beta: alpha, ids: { alpha: given.beta, beta: given.alpha }, rejoin }))).toMatchObject(expected);
    });
  }

  it('every halt says what was found', () => {
    for (const { alpha = at(0), beta = at(0), ids: given = ids, rejoin } of table) {
      const start = decideStart({ alpha, beta, ids: given, rejoin });
      if (start.action === 'halt') expect(start.message).toMatch(/archive|replica id/);
    }
  });
});

describe('folding journals', () => {
  const one = file('one');
  const two = file('two');

  it('takes each half from the side that wrote it', () => {
    const alpha = [change('f', one, two)];
    const beta = [change('f', undefined, two)];
    expect(foldJournals(alpha, beta)).toEqual([change('f', one, two)]);
  });

  it('takes the half of a side that wrote nothing from what the other knew of it', () => {
    expect(foldJournals([change('f', one, one)], [])).toEqual([change('f', one, one)]);
    expect(foldJournals([], [change('g', two, undefined)])).toEqual([change('g', two, undefined)]);
  });

  it('leaves out what was underway on both sides and arrived on one', () => {
    expect(foldJournals([change('f', one, underway), change('g', two, two)], [])).toEqual([change('g', two, two)]);
    expect(foldJournals([], [change('f', underway, one)])).toEqual([]);
    expect(foldJournals([change('f', one, underway)], [change('f', underway, one)])).toEqual([change('f', one, one)]);
  });

  it('believes the last record of a path', () => {
    expect(foldJournals([change('f', one, one), change('f', two, two)], [])).toEqual([change('f', two, two)]);
  });

  it('lists what is gone from the deepest up, then what is there from the root down', () => {
    const alpha = [change('old/a', undefined, undefined), change('old', undefined, undefined), change('new', dir(), dir())];
    const beta = [change('new/b', one, one), change('new-er', one, one), change('old/a/b', undefined, undefined)];
    expect(foldJournals(alpha, beta).map(({ path: at }) => at)).toEqual(['old/a/b', 'old/a', 'old', 'new', 'new/b', 'new-er']);
  });

  it('of nothing is nothing', () => {
    expect(foldJournals([], [])).toEqual([]);
  });
});

function change(at: string, alpha: AncestorChange['alpha'], beta: AncestorChange['beta']): AncestorChange {
  return { path: path(at), alpha, beta };
}

function head(generation: number, past = 'same'): ArchiveHead {
  return { generation, digest: `${past}-${generation}`, settings: toPairSettings(defaultSyncSettings, ids), settingsBy: ids.alpha };
}

function at(
  generation: number,
  { pending, journal = false, past = 'same' }: { pending?: number; journal?: boolean; past?: string } = {},
): ArchiveStatus {
  return {
    head: generation === 0 ? undefined : head(generation, pending === undefined ? past : 'same'),
    damaged: false,
    pending: pending === undefined ? undefined : { generation: pending, digest: `${past}-${pending}` },
    journal: journal ? [record] : [],
  };
}

function damaged(options: { pending?: number } = {}): ArchiveStatus {
  return { ...at(0, options), damaged: true };
}

function restored(status: ArchiveStatus): ArchiveStatus {
  return { ...status, restored: true };
}

function mirrored(status: ArchiveStatus): ArchiveStatus {
  return { ...status, restorable: true };
}

function swap(start: ArchiveStart): ArchiveStart {
  const other = { alpha: 'beta', beta: 'alpha' } as const;
  switch (start.action) {
    case 'finish-commit':
    case 'discard-pending':
      return { ...start, sides: start.sides.map((side) => other[side]).sort() };
    case 'halt':
      return { ...start, side: start.side && other[start.side] };
    case 'go-on':
    case 'first-sync':
    case 'fold-journals':
      return start;
  }
}
