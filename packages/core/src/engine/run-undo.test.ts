import { describe, expect, it } from 'vitest';
import { getMemoryNode, listMemoryDisk, makeMemoryLink } from '../testing/memory-disk.ts';
import { createTwoReplicas, type TwoReplicas } from '../testing/two-replicas.ts';
import type { SyncReport } from './report.ts';

const listings = ({ disks }: TwoReplicas): readonly (readonly string[])[] => [listMemoryDisk(disks.laptop), listMemoryDisk(disks.balaur)];

/** Both sides have the same, and then each changes something: a creation, an edit, a deletion, a rename, a mode, a link, a folder. */
async function world(): Promise<TwoReplicas> {
  const made = createTwoReplicas();
  for (const name of ['edited', 'deleted', 'd/e/kept', 'd/e/gone', 'moved', 'chmodded']) made.write('laptop', name, `${name} 1`);
  makeMemoryLink(made.disks.laptop, 'link', 'edited');
  await made.sync();
  made.write('laptop', 'edited', 'edited 2');
  made.remove('laptop', 'deleted');
  made.remove('laptop', 'd/e/gone');
  made.write('balaur', 'new/deep/file', 'new 1');
  made.write('balaur', 'chmodded', 'chmodded 1', 0o755);
  made.remove('balaur', 'link');
  makeMemoryLink(made.disks.balaur, 'link', 'd');
  const text = made.read('balaur', 'moved') ?? '';
  made.remove('balaur', 'moved');
  made.write('balaur', 'moved there', text);
  return made;
}

describe('an undo', () => {
  it('puts each side back to what it was before the run, and no later run brings it again, from whichever end', async () => {
    const two = await world();
    const before = listings(two);
    const { run } = await two.sync();
    expect(listings(two)).not.toEqual(before);
    const report = await two.undo(run);
    expect(report.outcome).toBe('applied');
    expect(listings(two)).toEqual(before);
    for (const from of ['laptop', 'balaur', 'laptop'] as const) {
      const quiet = await two.sync({ from });
      expect([quiet.outcome, quiet.changes, quiet.conflicts]).toEqual(['in-sync', [], []]);
      expect(quiet.held.length).toBeGreaterThan(0);
    }
    expect(listings(two)).toEqual(before);
  });

  it('can be started by the other end', async () => {
    const two = await world();
    const before = listings(two);
    const { run } = await two.sync({ from: 'laptop' });
    expect((await two.undo(run, { from: 'balaur' })).outcome).toBe('applied');
    expect(listings(two)).toEqual(before);
    expect((await two.sync()).outcome).toBe('in-sync');
  });

  it('sends no content: what a run replaced was kept where it was', async () => {
    const two = await world();
    const { run } = await two.sync();
    expect((await two.undo(run)).counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 0 });
  });

  it('of the undo comes to what the run had left, and everything is agreed again', async () => {
    const two = await world();
    const { run } = await two.sync();
    const after = listings(two);
    const undone = await two.undo(run);
    const again = await two.undo(undone.run);
    expect([again.outcome, listings(two)]).toEqual(['applied', after]);
    const quiet = await two.sync();
    expect([quiet.outcome, quiet.held]).toEqual(['in-sync', []]);
  });

  it('says what it would do, and does nothing, in a dry run', async () => {
    const two = await world();
    const { run } = await two.sync();
    const [before, writes] = [listings(two), two.disks.laptop.writes + two.disks.balaur.writes];
    const dry = await two.undo(run, { dryRun: true });
    expect([dry.outcome, listings(two), two.disks.laptop.writes + two.disks.balaur.writes]).toEqual(['pending', before, writes]);
    const real = await two.undo(run);
    expect(real.changes.map((change) => ({ ...change, status: 'pending' }))).toEqual(dry.changes);
  });

  it('leaves what was edited since, and lists it; the edit travels', async () => {
    const two = await world();
    const { run } = await two.sync();
    two.write('balaur', 'edited', 'edited 3');
    two.write('laptop', 'new/mine', 'mine');
    const report = await two.undo(run);
    expect(report.outcome).toBe('partial');
    expect(problems(report)).toEqual([
      ['new', 'alpha', 'new on laptop stays: something has come into the folder since'],
      ['edited', 'beta', 'edited on balaur is not what that run left any more: it stays as it is'],
    ]);
    expect([two.read('balaur', 'edited'), two.read('laptop', 'new/mine'), two.read('laptop', 'new/deep/file')]).toEqual([
      'edited 3',
      'mine',
      undefined,
    ]);
    await two.sync();
    expect([two.read('laptop', 'edited'), two.read('balaur', 'new/mine')]).toEqual(['edited 3', 'mine']);
  });

  it('is released by the next edit of a path, on either side', async () => {
    const two = await world();
    const { run } = await two.sync();
    await two.undo(run);
    two.write('balaur', 'edited', 'edited 4');
    two.write('laptop', 'chmodded', 'chmodded 2');
    await two.sync();
    for (const node of ['laptop', 'balaur'] as const)
      expect([two.read(node, 'edited'), two.read(node, 'chmodded')]).toEqual(['edited 4', 'chmodded 2']);
  });

  it('of a folder stays when one file in it is edited: that file travels by itself', async () => {
    const two = createTwoReplicas();
    await two.sync();
    for (const name of ['d/a', 'd/b', 'd/e/x', 'd/e/y']) two.write('laptop', name, `${name} 1`);
    const { run } = await two.sync();
    await two.undo(run);
    expect(listMemoryDisk(two.disks.balaur)).toEqual([]);
    two.write('laptop', 'd/e/x', 'edited');
    two.write('laptop', 'd/new', 'new');
    const names = (): readonly string[] => ['d/a', 'd/b', 'd/e/x', 'd/e/y', 'd/new'].filter((name) => two.read('balaur', name) !== undefined);
    expect((await two.sync()).outcome).toBe('applied');
    expect(names()).toEqual(['d/e/x', 'd/new']);
    two.write('balaur', 'd/e/x', 'edited there');
    expect((await two.sync({ from: 'balaur' })).outcome).toBe('applied');
    expect([names(), two.read('laptop', 'd/e/x')]).toEqual([['d/e/x', 'd/new'], 'edited there']);
    expect((await two.sync()).outcome).toBe('in-sync');
  });

  it('does not swallow an edit that has not travelled yet: it goes to the side that was put back', async () => {
    const two = await world();
    const { run } = await two.sync();
    two.write('laptop', 'edited', 'edited 3');
    await two.undo(run);
    expect([two.read('laptop', 'edited'), two.read('balaur', 'edited')]).toEqual(['edited 3', 'edited 1']);
    await two.sync();
    expect([two.read('laptop', 'edited'), two.read('balaur', 'edited')]).toEqual(['edited 3', 'edited 3']);
  });

  it('undoes a first sync: each side has what it had, and nothing is lost', async () => {
    const two = createTwoReplicas();
    two.write('laptop', 'a/one', '1');
    two.write('balaur', 'b', '2');
    const before = listings(two);
    const { run } = await two.sync();
    await two.undo(run);
    expect(listings(two)).toEqual(before);
    expect((await two.sync()).changes).toEqual([]);
  });

  it('gives back the loser of a conflict', async () => {
    const two = createTwoReplicas();
    two.write('laptop', 'a', 'common');
    await two.sync();
    two.write('laptop', 'a', 'older');
    two.write('balaur', 'a', 'newer');
    const { run } = await two.sync();
    expect(two.read('laptop', 'a')).toBe('newer');
    await two.undo(run);
    expect([two.read('laptop', 'a'), two.read('balaur', 'a')]).toEqual(['older', 'newer']);
  });

  it('of a run that nobody knows is refused, and changes nothing', async () => {
    const two = await world();
    const before = listings(two);
    await expect(two.undo('no-such-run')).rejects.toMatchObject({ code: 'SYNC_RUN_UNKNOWN', details: { run: 'no-such-run' } });
    expect(listings(two)).toEqual(before);
  });

  it('waits for a run that takes new settings over', async () => {
    const two = await world();
    const { run } = await two.sync();
    const settings = { permissions: 'none' } as const;
    const before = listings(two);
    expect(await two.undo(run, { settings })).toMatchObject({ outcome: 'halted', halt: { reason: 'settings-differ' } });
    expect(listings(two)).toEqual(before);
    await two.sync({ settings });
    expect((await two.undo(run, { settings })).outcome).toBe('applied');
    expect([two.read('balaur', 'edited'), two.read('laptop', 'new/deep/file'), two.read('balaur', 'deleted')]).toEqual([
      'edited 1',
      undefined,
      'deleted 1',
    ]);
  });

  it('takes no halt: what stops it is settled by a run', async () => {
    const two = await world();
    const { run } = await two.sync();
    const settings = { permissions: 'none' } as const;
    const allow = new Set(['settings-differ', 'marker-missing'] as const);
    for (const from of ['laptop', 'balaur'] as const)
      expect(await two.undo(run, { settings, from, allow })).toMatchObject({
        outcome: 'halted',
        halt: { reason: 'settings-differ', overridable: false },
      });
  });

  it.each(['laptop', 'balaur'] as const)(
    'says that %s does not know of the run any more, in a dry run as well, and puts the other side back',
    async (node) => {
      const two = await world();
      const before = { laptop: listMemoryDisk(two.disks.laptop), balaur: listMemoryDisk(two.disks.balaur) };
      const { run } = await two.sync();
      const after = listMemoryDisk(two.disks[node]);
      two.disks[node].runs.clear();
      const dry = await two.undo(run, { dryRun: true });
      const report = await two.undo(run);
      for (const { problems: found } of [dry, report])
        expect(found).toEqual([
          {
            path: '',
            side: node === 'laptop' ? 'alpha' : 'beta',
            code: 'SYNC_RUN_UNKNOWN',
            message: `the record of ${run} on ${node} is gone: what that run did there stays`,
            during: 'decide',
          },
        ]);
      const other = node === 'laptop' ? 'balaur' : 'laptop';
      expect([dry.outcome, report.outcome]).toEqual(['pending', 'partial']);
      expect([listMemoryDisk(two.disks[node]), listMemoryDisk(two.disks[other])]).toEqual([after, before[other]]);
    },
  );

  it('of a run that changed one side alone misses nothing', async () => {
    const two = await world();
    await two.sync();
    two.write('laptop', 'edited', 'edited 3');
    const { run } = await two.sync();
    expect(await two.undo(run)).toMatchObject({ outcome: 'applied', problems: [] });
    expect(two.read('balaur', 'edited')).toBe('edited 2');
  });

  it('says how much of the run is out of scope by now, and leaves it', async () => {
    const two = await world();
    const { run } = await two.sync();
    const settings = { scope: { include: [], exclude: ['d/', 'edited', 'chmodded'], guard: [] } };
    await two.sync({ settings });
    const report = await two.undo(run, { settings });
    expect(report.outcome).toBe('partial');
    expect(problems(report)).toEqual([
      ['', 'alpha', 'what that run did at 1 path on laptop stays: out of scope since'],
      ['', 'beta', 'what that run did at 2 paths on balaur stays: out of scope since'],
    ]);
    expect(report.problems.map(({ code }) => code)).toEqual(['SYNC_NOT_UNDONE', 'SYNC_NOT_UNDONE']);
    expect([two.read('balaur', 'edited'), two.read('balaur', 'deleted'), two.read('balaur', 'd/e/gone')]).toEqual([
      'edited 2',
      'deleted 1',
      undefined,
    ]);
  });

  it('says what it cannot put back because it is kept no more, in a dry run as well; what the other side has comes from there', async () => {
    const two = await world();
    const { run } = await two.sync();
    two.write('laptop', 'deleted', 'deleted 1');
    for (const disk of Object.values(two.disks)) {
      disk.versions.length = 0;
      disk.staging.clear();
    }
    const dry = await two.undo(run, { dryRun: true });
    const report = await two.undo(run);
    expect(problems(report)).toEqual([
      ['d/e/gone', 'beta', 'd/e/gone on balaur is not put back: what was there is kept no more'],
      ['edited', 'beta', 'edited on balaur is not put back: what was there is kept no more'],
    ]);
    expect([dry.problems, report.problems.map(({ code }) => code)]).toEqual([report.problems, ['SYNC_NOT_UNDONE', 'SYNC_NOT_UNDONE']]);
    expect([two.read('balaur', 'edited'), two.read('balaur', 'd/e/gone'), two.read('balaur', 'deleted')]).toEqual([
      'edited 2',
      undefined,
      'deleted 1',
    ]);
    expect((await two.sync()).problems).toEqual([]);
  });

  it.each(['none', 'executable'] as const)('under permissions %s shows nobody a secret that the run took away', async (permissions) => {
    const two = createTwoReplicas();
    const settings = { permissions };
    two.write('laptop', 'secret', 'secret', 0o600);
    await two.sync({ settings });
    const secret = getMemoryNode(two.disks.balaur, 'secret');
    if (secret?.kind !== 'file') throw new Error('a file');
    secret.mode = 0o600;
    two.remove('laptop', 'secret');
    const { run } = await two.sync({ settings });
    const undone = await two.undo(run, { settings });
    expect(getMemoryNode(two.disks.balaur, 'secret')).toMatchObject({ mode: 0o600 });
    await two.undo(undone.run, { settings });
    expect(getMemoryNode(two.disks.balaur, 'secret')).toBeUndefined();
  });

  it('under a mask that shows more than the one of the run brings back the bits that were there', async () => {
    const two = createTwoReplicas();
    two.write('laptop', 'secret', 'secret', 0o640);
    await two.sync({ settings: { permissions: 'none' } });
    const secret = getMemoryNode(two.disks.balaur, 'secret');
    if (secret?.kind !== 'file') throw new Error('a file');
    secret.mode = 0o640;
    two.remove('laptop', 'secret');
    const { run } = await two.sync({ settings: { permissions: 'none' } });
    await two.sync();
    await two.undo(run);
    expect(getMemoryNode(two.disks.balaur, 'secret')).toMatchObject({ mode: 0o640 });
  });

  it('under a mask that shows less than the one of the run brings back the bits that were there', async () => {
    const two = createTwoReplicas();
    two.write('laptop', 'secret', 'secret', 0o600);
    await two.sync();
    two.remove('laptop', 'secret');
    const { run } = await two.sync();
    const settings = { permissions: 'none' } as const;
    await two.sync({ settings });
    await two.undo(run, { settings });
    expect(getMemoryNode(two.disks.balaur, 'secret')).toMatchObject({ mode: 0o600 });
  });

  it('of a run of the same two under another profile is refused: what that one agreed on is its own', async () => {
    const two = await world();
    const { run } = await two.sync({ profile: 'other' });
    await two.sync();
    const before = listings(two);
    await expect(two.undo(run)).rejects.toMatchObject({ code: 'SYNC_RUN_UNKNOWN' });
    expect(listings(two)).toEqual(before);
  });

  it('is refused where both archives are gone: nothing could hold what it puts back', async () => {
    const two = await world();
    const { run } = await two.sync();
    for (const disk of Object.values(two.disks)) disk.archives.clear();
    const before = listings(two);
    await expect(two.undo(run)).rejects.toMatchObject({ code: 'SYNC_RUN_UNKNOWN' });
    expect(listings(two)).toEqual(before);
  });

  it('that breaks off at any step is taken up by the next run, and by the next undo', async () => {
    for (let stop = 0; ; stop++) {
      const two = await world();
      const before = listings(two);
      const { run } = await two.sync();
      let steps = 0;
      const broken = await two
        .undo(run, {
          step: () => {
            if (steps++ === stop) throw new Error('crash');
          },
        })
        .then(
          () => false,
          () => true,
        );
      const quiet = await two.sync();
      expect(quiet.conflicts).toEqual([]);
      await two.undo(run);
      expect(listings(two)).toEqual(before);
      expect((await two.sync()).changes).toEqual([]);
      if (!broken) break;
    }
  });

  it('keeps what it replaces, as every run does', async () => {
    const two = await world();
    const { run } = await two.sync();
    const undone = await two.undo(run);
    expect(getMemoryNode(two.disks.laptop, 'new')).toBeUndefined();
    expect(two.disks.laptop.versions.filter((version) => version.run === undone.run).map(({ path }) => path)).toContain('new/deep/file');
  });
});

function problems({ problems: list }: SyncReport): readonly (readonly string[])[] {
  return list.map(({ path, side, message }) => [path, side, message]);
}
