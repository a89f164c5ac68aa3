/** Changes of a tree. */

import type { Digest } from '../../hash/digest.ts';
import type { Entry, File } from '../../tree/entry.ts';
import { entryAt } from '../../tree/lookup.ts';
import type { TestRunner } from '../test-runner.ts';
import { change, fileAt, type Law, moved, namesOf, path } from './subject.ts';

export function transitionLaws(law: Law, expect: TestRunner['expect']): void {
  law('changes no bit that the policy for its path does not carry', async ({ under, scan, transition, digestOf }) => {
    for (const name of ['edited', 'chmod', 'moved']) await under.write(`docs/${name}`, name, 0o640);
    await under.write('bin/tool', 'tool', 0o640);
    await under.write('kept/x', 'x', 0o640);
    const content = await digestOf('fresh');
    const fresh: File = { kind: 'file', mode: 0, mtimeMs: 1_600_000_000_000, ...content };
    const policies = [
      { match: 'docs/**', permissions: 'none' },
      { match: 'bin/**', permissions: 'executable' },
    ] as const;
    const { root } = await scan({ policies });
    const was = (at: string): File => fileAt(root, at);
    const results = await transition(
      [
        change('docs/edited', was('docs/edited'), fresh),
        change('docs/new', undefined, fresh),
        change('bin/tool', was('bin/tool'), { ...was('bin/tool'), mode: 0o100 }),
        change('bin/new', undefined, { ...fresh, mode: 0o100 }),
        { ...moved(root, 'kept/x', 'docs/x'), new: { ...was('kept/x'), mode: 0 } },
        { ...change('kept/x', was('kept/x'), undefined), to: path('docs/x') },
        { ...moved(root, 'docs/moved', 'kept/moved'), new: { ...was('docs/moved'), mode: 0o600 } },
        { ...change('docs/moved', was('docs/moved'), undefined), to: path('kept/moved') },
      ],
      { 'docs/edited': 'fresh', 'docs/new': 'fresh', 'bin/new': 'fresh' },
    );
    expect(results.map(({ problem }) => problem)).toEqual(results.map(() => undefined));
    const modesMade = results.flatMap(({ achieved }) => (achieved?.kind === 'file' ? [achieved.mode] : []));
    expect(modesMade).toEqual([0, 0, 0o100, 0o100, 0, 0o600]);
    const again = (await scan({ policies })).root;
    expect(['docs/edited', 'docs/new', 'bin/tool', 'bin/new', 'docs/x', 'kept/moved'].map((at) => fileAt(again, at).mode)).toEqual(modesMade);
    const disk = (await scan()).root;
    // Whoever may read a program may run it.
    expect(['docs/edited', 'docs/chmod', 'bin/tool', 'docs/x', 'kept/moved'].map((at) => fileAt(disk, at).mode)).toEqual([
      0o640, 0o640, 0o750, 0o640, 0o600,
    ]);
    // What is new has what its own side gives to what is new, whatever mode was asked for.
    expect(['docs/new', 'bin/new'].map((at) => fileAt(disk, at).mode & 0o700)).toEqual([0o600, 0o700]);
  });

  law('makes, changes and removes entries in the order given', async ({ under, scan, transition, digestOf }) => {
    await under.write('old.txt', 'old');
    await under.write('gone/x', 'x');
    const { root } = await scan();
    const content = await digestOf('fresh');
    const fresh: File = { kind: 'file', mode: 0o640, mtimeMs: 1_600_000_000_000, ...content };
    const directory: Entry = { kind: 'directory', mode: 0o750, children: [] };
    const results = await transition(
      [
        change('dir', undefined, directory),
        change('dir/new.txt', undefined, fresh),
        change('old.txt', entryAt(root, path('old.txt')), fresh),
        change('gone/x', entryAt(root, path('gone/x')), undefined),
        change('gone', entryAt(root, path('gone')), undefined),
      ],
      { 'dir/new.txt': 'fresh' },
    );
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined, undefined, undefined, undefined]);
    expect(results[1]?.achieved).toMatchObject({ kind: 'file', mode: 0o640, sizeBytes: 5 });
    expect(await under.read('dir/new.txt')).toBe('fresh');
    expect(await under.read('old.txt')).toBe('fresh');
    expect(await under.read('gone/x')).toBe(undefined);
    const after = (await scan()).root;
    expect(namesOf(after)).toEqual(['dir', 'old.txt']);
    expect(fileAt(after, 'old.txt')).toMatchObject({ mode: 0o640, mtimeMs: 1_600_000_000_000 });
  });

  law('leaves alone what changed since it was scanned', async ({ under, scan, transition }) => {
    await under.write('edited.txt', 'one');
    const { root } = await scan();
    await under.write('edited.txt', 'another');
    await under.write('occupied.txt', 'mine');
    const old = fileAt(root, 'edited.txt');
    const results = await transition([change('edited.txt', old, undefined), change('occupied.txt', undefined, old)], { 'occupied.txt': 'one' });
    expect(results.map(({ problem }) => problem?.code)).toEqual(['SYNC_TARGET_CHANGED', 'SYNC_TARGET_OCCUPIED']);
    expect(await under.read('edited.txt')).toBe('another');
    expect(await under.read('occupied.txt')).toBe('mine');
  });

  law('keeps a directory that holds what is out of scope', async ({ under, scan, transition }) => {
    await under.write('hub/letter.md', 'hello');
    await under.write('hub/x_state.json', '{}');
    const { root } = await scan();
    const results = await transition([
      change('hub/letter.md', entryAt(root, path('hub/letter.md')), undefined),
      change('hub', entryAt(root, path('hub')), undefined),
    ]);
    expect(results.map(({ problem }) => problem?.code)).toEqual([undefined, 'SYNC_DIRECTORY_KEPT']);
    expect(results[1]?.achieved?.kind).toBe('directory');
    expect(await under.read('hub/x_state.json')).toBe('{}');
  });

  law('refuses to touch what is out of scope', async ({ under, scan, transition }) => {
    await under.write('x_state.json', '{}');
    await scan();
    const gone: Entry = { kind: 'file', mode: 0o644, mtimeMs: 0, sizeBytes: 2, digest: '0123456789abcdef' as Digest };
    const results = await transition([change('x_state.json', gone, undefined)]);
    expect(results[0]?.problem?.code).toBe('SYNC_OUT_OF_SCOPE');
    expect(await under.read('x_state.json')).toBe('{}');
  });

  law('gives a copy all the bits of what it is a copy of, before that is replaced', async ({ under, replica, scan, transition, digestOf }) => {
    if (replica.capabilities.modeBits === 0) return;
    for (const [index, mode] of [0o600, 0o710].entries()) {
      const [name, copy] = [`note ${index}`, `note ${index} (conflict)`];
      await under.write(name, `mine ${index}`, mode);
      const next = await digestOf(`theirs ${index}`);
      const permissions = 'executable';
      const was = fileAt((await scan({ permissions })).root, name);
      const changes = [{ ...change(copy, undefined, was), copyOf: path(name) }, change(name, was, { ...was, ...next })];
      const results = await transition(changes, { [copy]: `mine ${index}`, [name]: `theirs ${index}` });
      expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined]);
      const { root } = await scan();
      expect([fileAt(root, copy).mode, fileAt(root, name).mode]).toEqual([mode, mode]);
    }
  });
}
