/** What is remembered of changes: journal, runs, archives. */
import type { Entry, File } from '../../tree/entry.ts';
import type { TestRunner } from '../test-runner.ts';
import { change, content, fileAt, type Law, moved, namesOf, need, nodeAt, path, supplyTexts } from './subject.ts';

export function recordsLaws(law: Law, expect: TestRunner['expect']): void {
  law('journals what it achieved, and forgets it with the commit', async ({ replica, scan, transition, pair, commit }) => {
    await scan();
    await transition([change('made', undefined, { kind: 'directory', mode: 0o755, children: [] })]);
    const archive = replica.archive(await pair());
    expect((await archive.status()).journal.map((record) => record.path)).toEqual(['made']);
    await commit(1, []);
    expect((await archive.status()).journal).toEqual([]);
  });

  law('remembers what a run of a pair was about to change', async ({ under, replica, scan, transition, pair }) => {
    if (replica.recallRun === undefined) return;
    await under.write('a.txt', 'before');
    await under.write('gone.txt', 'gone');
    const { root } = await scan();
    const [a, gone] = [fileAt(root, 'a.txt'), fileAt(root, 'gone.txt')];
    await under.write('next.txt', 'after');
    const next = fileAt((await scan()).root, 'next.txt');
    const made: Entry = { kind: 'directory', mode: 0o755, children: [] };
    await transition([change('a.txt', a, { ...a, ...content(next) }), change('d', undefined, made), change('gone.txt', gone, undefined)]);
    await scan();
    const key = await pair();
    expect(await replica.recallRun(key, 'run')).toMatchObject({
      changes: [
        { path: 'a.txt', old: { kind: 'file', ...content(a) }, new: { kind: 'file', ...content(next) } },
        { path: 'd', old: undefined, new: made },
        { path: 'gone.txt', old: { kind: 'file', ...content(gone) }, new: undefined },
      ],
      outOfScope: 0,
      changesPeer: false,
    });
    expect(await replica.recallRun(key, 'another')).toBe(undefined);
    expect(await replica.recallRun({ ...key, profile: 'another' }, 'run')).toBe(undefined);
  });

  law('of an earlier run tells how much of it is out of scope by now, and none of the names', async ({ replica, scan, transition, pair }) => {
    if (replica.recallRun === undefined) return;
    await scan();
    const made: Entry = { kind: 'directory', mode: 0o755, children: [] };
    const paths = ['open', 'secret', 'secret/deep', 'way', 'way/in'];
    await transition(paths.map((each) => change(each, undefined, made)));
    await scan({ scope: { include: ['open', 'way/in'], exclude: [], guard: [] } });
    const recalled = await replica.recallRun(await pair(), 'run');
    // A folder that leads to something in scope is never taken away.
    expect([recalled?.changes.map((each) => each.path), recalled?.outOfScope]).toEqual([['open', 'way/in'], 2]);
  });

  law('remembers whether a run was to change the other side, too', async ({ replica, scan, transition, pair }) => {
    if (replica.recallRun === undefined) return;
    await scan();
    const made: Entry = { kind: 'directory', mode: 0o755, children: [] };
    await transition([change('a', undefined, made)], {}, { run: 'both', changesPeer: true });
    await transition([change('b', undefined, made)], {}, { run: 'alone' });
    const key = await pair();
    expect([(await replica.recallRun(key, 'both'))?.changesPeer, (await replica.recallRun(key, 'alone'))?.changesPeer]).toEqual([true, false]);
  });

  law('tells of an earlier run which contents are not to be had here any more', async ({ under, replica, scan, transition, pair, digestOf }) => {
    if (replica.recallRun === undefined) return;
    for (const name of ['twin', 'twin too', 'gone']) await under.write(name, name.slice(0, 4));
    // It was never here; what a run was about to do is remembered all the same.
    const never: File = { ...fileAt((await scan()).root, 'gone'), ...(await digestOf('never')) };
    const { root } = await scan();
    await transition([
      change('twin', fileAt(root, 'twin'), undefined),
      change('gone', fileAt(root, 'gone'), undefined),
      change('never', never, undefined),
      change('never empty', { ...never, ...(await digestOf('')) }, undefined),
    ]);
    const lostAt = async (): Promise<readonly string[] | undefined> => {
      await scan();
      return (await replica.recallRun?.(await pair(), 'run'))?.changes.flatMap(({ path: at, isLost }) => (isLost ? [at] : []));
    };
    expect(await lostAt()).toEqual(replica.capabilities.versions ? ['never'] : ['gone', 'never']);
    await under.write('elsewhere', 'never');
    expect(await lostAt()).toEqual(replica.capabilities.versions ? [] : ['gone']);
  });

  law('gives what an undo brings back all the bits that it had', async ({ under, replica, scan, transition }) => {
    if (replica.recallRun === undefined || !replica.capabilities.versions || replica.capabilities.modeBits === 0) return;
    const modes = { secret: 0o600, tool: 0o710, loud: 0o744, replaced: 0o640, 'dir/in it': 0o604 };
    for (const permissions of ['none', 'executable'] as const) {
      for (const [name, mode] of Object.entries(modes)) await under.write(name, `${name} ${permissions}`, mode);
      await under.write('moved', `moved ${permissions}`, 0o600);
      const shut: Entry = { kind: 'directory', mode: 0o700, children: [] };
      await transition([change('dir', nodeAt((await scan()).root, 'dir'), shut)]);
      const { root } = await scan({ permissions });
      const [dir, file] = [nodeAt(root, 'dir'), nodeAt(root, 'replaced')];
      const gone = ['secret', 'tool', 'loud', 'dir/in it'].map((name) => change(name, nodeAt(root, name), undefined));
      const link: Entry = { kind: 'symlink', target: 'secret', mtimeMs: 1 };
      const run = `run-${permissions}`;
      const done = await transition([...gone, change('dir', dir, undefined), change('replaced', file, link)], {}, { run });
      expect(done.map(({ problem }) => problem)).toEqual(done.map(() => undefined));
      // The second half of a move may be made long after the first.
      const away = moved(root, 'moved', 'there');
      await transition([away], {}, { run });
      await transition([{ ...change('moved', away.new, undefined), to: away.path }], {}, { run });
      await scan({ permissions });
      const back = [
        change('dir', undefined, dir),
        ...gone.map(({ path: at, old }) => change(at, undefined, old)),
        change('replaced', link, file),
        change('there', away.new, undefined),
        change('moved', undefined, away.new),
      ];
      const wanted = back.flatMap(({ path: at, new: next }) => (next?.kind === 'file' ? [need(at, next)] : []));
      await replica.stage(wanted, { run: `undo-${permissions}`, supply: () => supplyTexts([], new Map()) });
      const undone = await transition(back, {}, { run: `undo-${permissions}`, undoes: run });
      expect(undone.map(({ problem }) => problem)).toEqual(undone.map(() => undefined));
      const after = (await scan()).root;
      expect(Object.keys(modes).map((name) => fileAt(after, name).mode)).toEqual(Object.values(modes));
      expect(fileAt(after, 'moved').mode).toBe(0o600);
      expect(nodeAt(after, 'dir')).toMatchObject({ mode: 0o700 });
    }
  });

  law('commits in two phases: pending is not current, and can be taken back', async ({ replica, pair, commit, settings, under }) => {
    const key = await pair();
    const archive = replica.archive(key);
    expect(await archive.status()).toMatchObject({ head: undefined, damaged: false, pending: undefined });
    const entry: Entry = { kind: 'directory', mode: 0o755, children: [] };
    const first = {
      generation: 1,
      changes: [{ path: path(''), alpha: entry, beta: entry }],
      settings: await settings(),
      durability: 'full' as const,
    };
    await archive.prepare(first);
    expect((await archive.status()).head).toBe(undefined);
    expect((await archive.status()).pending?.generation).toBe(1);
    await archive.discard();
    expect((await archive.status()).pending).toBe(undefined);
    await commit(1, first.changes);
    await commit(2, [{ path: path('a'), alpha: entry, beta: undefined }]);
    const again = await under.reopen();
    const stored = again.archive(key);
    expect((await stored.status()).head?.generation).toBe(2);
    const ancestor = await stored.load();
    expect([namesOf(ancestor.alpha), namesOf(ancestor.beta)]).toEqual([['a'], []]);
    await again.close();
  });
}
