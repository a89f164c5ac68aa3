/** Moves within a tree. */
import type { Entry, File } from '../../tree/entry.ts';
import type { TestRunner } from '../test-runner.ts';
import { change, collect, fileAt, folderMove, type Law, moved, namesOf, need, path, textOf } from './subject.ts';

export function movesLaws(law: Law, expect: TestRunner['expect']): void {
  law('moves what is there to a new name, content and all, and supplies it from there', async ({ under, scan, transition, replica }) => {
    await under.write('docs/old.txt', 'content', 0o640);
    await under.write('docs/stays.txt', 'stays');
    const { root } = await scan();
    const old = fileAt(root, 'docs/old.txt');
    const directory: Entry = { kind: 'directory', mode: 0o755, children: [] };
    const results = await transition([
      change('new', undefined, directory),
      { ...change('new/name.txt', undefined, { ...old, mode: 0o600 }), from: { path: path('docs/old.txt'), entry: old, was: old } },
      { ...change('docs/old.txt', old, undefined), to: path('new/name.txt') },
    ]);
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined]);
    expect(results[1]?.achieved).toEqual({ ...old, mode: 0o600 });
    expect(await under.read('new/name.txt')).toBe('content');
    expect(await under.read('docs/old.txt')).toBe(undefined);
    const parts = await collect(replica.supply([need('new/name.txt', old)]));
    expect(textOf(parts)).toBe('content');
    expect(fileAt((await scan()).root, 'new/name.txt')).toEqual({ ...old, mode: 0o600 });
  });

  law('leaves what was to move where its new folder cannot be made', async ({ under, scan, transition }) => {
    await under.write('old.txt', 'content');
    const { root } = await scan();
    const old = fileAt(root, 'old.txt');
    await under.write('new', 'in the way');
    const results = await transition([
      change('new', undefined, { kind: 'directory', mode: 0o755, children: [] }),
      { ...change('new/name.txt', undefined, old), from: { path: path('old.txt'), entry: old, was: old } },
      { ...change('old.txt', old, undefined), to: path('new/name.txt') },
    ]);
    expect(results.map(({ problem }) => problem !== undefined)).toEqual([true, true, true]);
    expect(await under.read('old.txt')).toBe('content');
  });

  law('moves a folder with all that is in it', async ({ under, scan, transition }) => {
    await under.write('old/a.txt', 'a');
    await under.write('old/deep/b.txt', 'b');
    const { root } = await scan();
    const results = await transition(folderMove(root, 'old', 'new', ['', '/a.txt', '/deep', '/deep/b.txt']));
    expect(results.map(({ problem }) => problem)).toEqual(results.map(() => undefined));
    expect(await under.read('new/a.txt')).toBe('a');
    expect(await under.read('new/deep/b.txt')).toBe('b');
    expect(namesOf((await scan()).root)).toEqual(['new']);
  });

  law('leaves behind what came into a folder before it was moved, and what is out of scope in it', async ({ under, scan, transition }) => {
    await under.write('old/a.txt', 'a');
    const { root } = await scan();
    await under.write('old/x_state.json', '{}');
    await under.write('old/late.txt', 'late');
    const results = await transition(folderMove(root, 'old', 'new', ['', '/a.txt']));
    expect(results.map(({ problem }) => problem?.code === undefined)).toEqual([true, true, true, false]);
    expect(await under.read('new/a.txt')).toBe('a');
    expect(await under.read('old/x_state.json')).toBe('{}');
    expect(await under.read('old/late.txt')).toBe('late');
    expect(await under.read('new/x_state.json')).toBe(undefined);
  });

  law('moves nothing that changed since it was scanned, and nothing over what is there', async ({ under, scan, transition }) => {
    for (const name of ['edited.txt', 'safe.txt', 'gone.txt']) await under.write(name, name);
    const { root } = await scan();
    await under.write('edited.txt', 'another');
    await under.write('occupied.txt', 'mine');
    await under.remove('gone.txt');
    const moves: readonly (readonly [string, string])[] = [
      ['edited.txt', 'new.txt'],
      ['safe.txt', 'occupied.txt'],
      ['gone.txt', 'other.txt'],
    ];
    const results = await transition([
      ...moves.map(([from, to]) => moved(root, from, to)),
      ...moves.map(([from, to]) => ({ ...change(from, fileAt(root, from), undefined), to: path(to) })),
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual([
      'SYNC_TARGET_CHANGED',
      'SYNC_TARGET_OCCUPIED',
      'SYNC_TARGET_CHANGED',
      'SYNC_TARGET_CHANGED',
      'SYNC_TARGET_CHANGED',
      undefined,
    ]);
    expect(await under.read('edited.txt')).toBe('another');
    expect(await under.read('safe.txt')).toBe('safe.txt');
    expect(await under.read('occupied.txt')).toBe('mine');
    expect([await under.read('new.txt'), await under.read('other.txt')]).toEqual([undefined, undefined]);
  });

  law('moves nothing into scope or out of it', async ({ under, scan, transition }) => {
    await under.write('x_state.json', '{}');
    await under.write('a.txt', 'a');
    const { root } = await scan();
    const a = fileAt(root, 'a.txt');
    const results = await transition([
      { ...change('b.txt', undefined, a), from: { path: path('x_state.json'), entry: a, was: a } },
      { ...change('y_state.json', undefined, a), from: { path: path('a.txt'), entry: a, was: a } },
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual(['SYNC_OUT_OF_SCOPE', 'SYNC_OUT_OF_SCOPE']);
    expect(await under.read('x_state.json')).toBe('{}');
    expect(await under.read('a.txt')).toBe('a');
  });

  law(
    'journals of a move that brought an edit along that it moved, and the edit is still to travel',
    async ({ under, replica, scan, transition, pair }) => {
      await under.write('old.txt', 'edited');
      const { root } = await scan();
      const now = fileAt(root, 'old.txt');
      const was: File = { ...now, sizeBytes: 3, mode: 0o600 };
      await transition([
        { path: path('new.txt'), old: undefined, new: now, peer: was, from: { path: path('old.txt'), entry: now, was } },
        { path: path('old.txt'), old: now, new: undefined, peer: undefined, to: path('new.txt') },
      ]);
      expect((await replica.archive(await pair()).status()).journal).toEqual([
        { path: 'new.txt', alpha: was, beta: was },
        { path: 'old.txt', alpha: undefined, beta: undefined },
      ]);
    },
  );
}
