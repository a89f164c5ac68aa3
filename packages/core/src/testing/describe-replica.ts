/**
 * The law of a `Replica`: what every implementation has to do, whatever it is made of. Bring your own test runner:
 *
 *     describeReplica('my replica', async () => ({ replica, write, read, remove, close }), { describe, it, expect });
 */
import { pairKey } from '../engine/archive-store.ts';
import type {
  ContentNeed,
  ContentPart,
  Replica,
  ReplicaId,
  ScanOptions,
  StageResult,
  Transition,
  TransitionOptions,
  TransitionResult,
} from '../engine/replica.ts';
import { defaultSyncSettings, toPairSettings } from '../engine/sync-settings.ts';
import type { Digest } from '../hash/digest.ts';
import { type Entry, type File, nodeOf } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import type { RelativePath } from '../tree/path.ts';

/** A replica with an empty root, and a user's way to its files that does not lead through it. */
export interface ReplicaUnderTest {
  readonly replica: Replica;
  /** Writes a file, making its parents. Each call has a later mtime than the one before. */
  write(path: string, text: string, mode?: number): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** `undefined`: no file there. */
  read(path: string): Promise<string | undefined>;
  /** A second replica object for the same root, as another process would have it. */
  reopen(): Promise<Replica>;
  close(): Promise<void>;
}

/** The part of a test runner that the suite uses; vitest's and jest's fit. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  expect(actual: unknown): TestMatchers;
}

export interface TestMatchers {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: object): void;
}

const peerId = 'ffffffff-ffff-4fff-bfff-ffffffffffff' as ReplicaId;

export function describeReplica(name: string, setup: () => Promise<ReplicaUnderTest>, { describe, it, expect }: TestRunner): void {
  const law = (title: string, body: (subject: Subject) => Promise<void>): void => {
    it(title, async () => {
      const under = await setup();
      try {
        await body(createSubject(under));
      } finally {
        await under.replica.close();
        await under.close();
      }
    });
  };

  describe(`${name} is a replica`, () => {
    law('has no id until it is established, and the same one from then on', async ({ under, replica }) => {
      expect((await replica.identify()).id).toBe(undefined);
      const id = await replica.establish();
      expect(await replica.establish()).toBe(id);
      const again = await under.reopen();
      expect((await again.identify()).id).toBe(id);
      await again.close();
    });

    law('excludes others while it is locked, and none after', async ({ under, replica, lock }) => {
      await replica.establish();
      const other = await under.reopen();
      const release = await lock();
      const refused = await other.lock({ waitMs: 0, initiator: 'test', run: 'two', dryRun: false }).then(
        () => 'taken',
        (error: unknown) => (error as { code?: unknown }).code,
      );
      expect(refused).toBe('SYNC_LOCKED');
      await release();
      const taken = await other.lock({ waitMs: 0, initiator: 'test', run: 'two', dryRun: false });
      await taken.release();
      await taken.release();
      await other.close();
    });

    law('may be locked twice by sessions that share it', async ({ under, replica, lock }) => {
      await replica.establish();
      const first = await lock();
      const second = await lock();
      await first();
      const other = await under.reopen();
      const refused = await other.lock({ waitMs: 0, initiator: 'test', run: 'two', dryRun: false }).then(
        () => 'taken',
        (error: unknown) => (error as { code?: unknown }).code,
      );
      expect(refused).toBe('SYNC_LOCKED');
      await second();
      await other.close();
    });

    law('scans what is there, sorted, with modes and content digests', async ({ under, scan }) => {
      await under.write('b.txt', 'two');
      await under.write('a/deep/x.sh', 'one', 0o755);
      await under.write('a.txt', 'two');
      const { root } = await scan();
      expect(namesOf(root)).toEqual(['a', 'a.txt', 'b.txt']);
      expect(entryAt(root, path('a/deep/x.sh'))).toMatchObject({ kind: 'file', mode: 0o755, sizeBytes: 3 });
      expect(fileAt(root, 'a.txt').digest).toBe(fileAt(root, 'b.txt').digest);
      expect(fileAt(root, 'a.txt').digest === fileAt(root, 'a/deep/x.sh').digest).toBe(false);
    });

    law('shows of each mode what the policy for its path carries, and all again when there is none', async ({ under, scan }) => {
      await under.write('all.sh', 'one', 0o751);
      await under.write('bin/run.sh', 'two', 0o751);
      await under.write('bin/text', 'three', 0o640);
      await under.write('docs/deep/a.md', 'four', 0o751);
      const seen = async (policies: ScanOptions['settings']['policies']): Promise<readonly number[]> => {
        const { root } = await scan({ policies });
        return ['all.sh', 'bin/run.sh', 'bin/text', 'docs/deep/a.md'].map((at) => fileAt(root, at).mode);
      };
      const policies = [
        { match: 'bin/**', permissions: 'executable' },
        { match: 'd*', permissions: 'executable' },
        { match: 'docs/**', permissions: 'none' },
        { match: 'docs/**' },
      ] as const;
      const full = await seen([]);
      expect(full).toEqual([0o751, 0o751, 0o640, 0o751]);
      expect(await seen(policies)).toEqual([0o751, 0o100, 0, 0]);
      expect(await seen([])).toEqual(full);
      const merkles = [merkleOf((await scan()).root), merkleOf((await scan({ policies })).root)];
      expect(merkles[0] === merkles[1]).toBe(false);
    });

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

    law('gives an unchanged tree the same Merkle digest, whatever happened in between', async ({ under, scan }) => {
      await under.write('a/one', '1');
      const before = merkleOf((await scan()).root);
      await under.write('a/two', '2');
      const between = merkleOf((await scan()).root);
      await under.remove('a/two');
      const after = merkleOf((await scan()).root);
      expect(before === undefined).toBe(false);
      expect(after).toBe(before);
      expect(between === before).toBe(false);
    });

    law('keeps what is out of scope out of the tree', async ({ under, scan, replica }) => {
      await under.write('COMMS_HUB/claude_strategic_state.json', '{}');
      await under.write('COMMS_HUB/letter.md', 'hello');
      await under.write('models/big.bin', 'weights');
      const { root } = await scan({ scope: { include: [], exclude: ['models/'], guard: [] } });
      expect(namesOf(root)).toEqual(['COMMS_HUB']);
      expect(namesOf(entryAt(root, path('COMMS_HUB')))).toEqual(['letter.md']);
      const parts = await collect(replica.supply([need('COMMS_HUB/claude_strategic_state.json', fileAt(root, 'COMMS_HUB/letter.md'))]));
      expect(parts.every(({ end, bytes }) => end !== 'ok' && bytes.length === 0)).toBe(true);
    });

    law('supplies exactly what was scanned, and says so when it is gone', async ({ under, scan, replica }) => {
      await under.write('a.txt', 'content');
      await under.write('b.txt', 'goes');
      const { root } = await scan();
      const needs = [need('a.txt', fileAt(root, 'a.txt')), need('b.txt', fileAt(root, 'b.txt'))];
      await under.remove('b.txt');
      const parts = await collect(replica.supply(needs));
      expect(textOf(parts.filter(({ need: index }) => index === 0))).toBe('content');
      expect(parts.filter(({ need: index, end }) => index === 0 && end === 'ok').length).toBe(1);
      expect(parts.filter(({ need: index, end }) => index === 1 && end === 'ok').length).toBe(0);
    });

    law('stages what it lacks, asks for nothing that it holds, and believes no one', async ({ under, scan, replica, digestOf }) => {
      await replica.establish();
      await under.write('held.txt', 'held');
      const { root } = await scan();
      const wanted = await digestOf('new content');
      const asked: string[] = [];
      const staged = await replica.stage(
        [need('copy.txt', fileAt(root, 'held.txt')), need('new.txt', wanted), need('lie.txt', await digestOf('the truth'))],
        {
          run: 'run',
          supply: (needs) => {
            asked.push(...needs.map((one) => one.path));
            return supplyTexts(
              needs,
              new Map([
                ['new.txt', 'new content'],
                ['lie.txt', 'no truth!'],
              ]),
            );
          },
        },
      );
      expect(asked).toEqual(['new.txt', 'lie.txt']);
      expect(staged.map((result: StageResult) => (result.staged ? 'staged' : result.code))).toEqual(['staged', 'staged', 'SYNC_CONTENT_MISMATCH']);
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

    law(
      'keeps what leaves the tree, and asks for none of it when it is to come back, in whatever run',
      async ({ under, replica, scan, transition }) => {
        if (!replica.capabilities.versions) return;
        await under.write('edited', 'before');
        await under.write('gone', 'gone');
        await under.write('twin', 'gone');
        const { root } = await scan();
        const [edited, gone, twin] = [fileAt(root, 'edited'), fileAt(root, 'gone'), fileAt(root, 'twin')];
        await transition([change('edited', edited, undefined), change('gone', gone, undefined), change('twin', twin, undefined)]);
        expect(namesOf((await scan()).root)).toEqual([]);
        const back = [change('edited', undefined, edited), change('here', undefined, gone), change('there', undefined, gone)];
        const staged = await replica.stage([need('edited', edited), need('here', gone)], { run: 'later', supply: () => supplyTexts([], new Map()) });
        expect(staged).toEqual([
          { staged: true, receivedBytes: 0 },
          { staged: true, receivedBytes: 0 },
        ]);
        expect((await transition(back)).map(({ problem }) => problem)).toEqual([undefined, undefined, undefined]);
        expect([await under.read('edited'), await under.read('here'), await under.read('there')]).toEqual(['before', 'gone', 'gone']);
        // What came back is the tree's own: an edit reaches nothing that is kept.
        await under.write('here', 'mine');
        const after = (await scan()).root;
        await transition([change('here', fileAt(after, 'here'), undefined), change('there', fileAt(after, 'there'), undefined)]);
        await scan();
        expect(await replica.stage([need('here', gone)], { run: 'last', supply: () => supplyTexts([], new Map()) })).toMatchObject([
          { staged: true },
        ]);
      },
    );

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
  });
}

interface Subject {
  readonly under: ReplicaUnderTest;
  readonly replica: Replica;
  scan(settings?: Partial<ScanOptions['settings']>): ReturnType<Replica['scan']>;
  lock(): Promise<() => Promise<void>>;
  pair(): Promise<ReturnType<typeof pairKey>>;
  settings(): Promise<{ readonly value: ReturnType<typeof toPairSettings>; readonly by: ReplicaId }>;
  commit(
    generation: number,
    changes: readonly { readonly path: RelativePath; readonly alpha: Entry | undefined; readonly beta: Entry | undefined }[],
  ): Promise<void>;
  /** Stages the texts named, then makes the changes. */
  transition(
    changes: readonly Transition[],
    texts?: Readonly<Record<string, string>>,
    options?: Partial<TransitionOptions>,
  ): Promise<readonly TransitionResult[]>;
  /** What this replica calls a content: learnt from a scan, since each kind of replica may hash in its own way. */
  digestOf(text: string): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
}

function createSubject(under: ReplicaUnderTest): Subject {
  const { replica } = under;
  const scan: Subject['scan'] = (settings = {}) => replica.scan({ settings: { ...defaultSyncSettings, ...settings } });
  const pair = async (): Promise<ReturnType<typeof pairKey>> => pairKey(await replica.establish(), peerId, 'default');
  const settings: Subject['settings'] = async () => {
    const id = await replica.establish();
    return { value: toPairSettings(defaultSyncSettings, { alpha: id, beta: peerId }), by: id };
  };
  return {
    under,
    replica,
    scan,
    async lock() {
      const lock = await replica.lock({ waitMs: 0, initiator: 'test', run: 'one', dryRun: false });
      return () => lock.release();
    },
    pair,
    settings,
    async commit(generation, changes) {
      const archive = replica.archive(await pair());
      await archive.prepare({ generation, changes, settings: generation === 1 ? await settings() : undefined, durability: 'full' });
      await archive.commit(generation);
    },
    async transition(changes, texts = {}, options = {}) {
      const key = await pair();
      const contents = new Map(Object.entries(texts));
      const wanted = changes.flatMap(({ path: at, new: next }) => (next?.kind === 'file' && contents.has(at) ? [need(at, next)] : []));
      if (wanted.length > 0) await replica.stage(wanted, { run: 'run', supply: (needs) => supplyTexts(needs, contents) });
      return replica.transition(changes, { run: 'run', pair: key, durability: 'full', ...options });
    },
    async digestOf(text) {
      await under.write('.digest-of', text);
      const { root } = await scan();
      await under.remove('.digest-of');
      const { digest, sizeBytes } = fileAt(root, '.digest-of');
      await scan();
      return { digest, sizeBytes };
    },
  };
}

async function* supplyTexts(needs: readonly ContentNeed[], texts: ReadonlyMap<string, string>): AsyncIterable<readonly ContentPart[]> {
  for (const [index, { path: at, fromByte }] of needs.entries()) {
    await Promise.resolve();
    yield [{ need: index, bytes: new TextEncoder().encode(texts.get(at) ?? '').subarray(fromByte), end: 'ok' }];
  }
}

async function collect(parts: AsyncIterable<readonly ContentPart[]>): Promise<readonly ContentPart[]> {
  const all: ContentPart[] = [];
  for await (const some of parts) all.push(...some.map((part) => ({ ...part, bytes: part.bytes.slice() })));
  return all;
}

function textOf(parts: readonly ContentPart[]): string {
  return parts.map(({ bytes }) => new TextDecoder().decode(bytes)).join('');
}

function change(at: string, old: Entry | undefined, next: Entry | undefined): Transition {
  return { path: path(at), old, new: next, peer: next };
}

/** The first half of a move. */
function moved(root: Entry | undefined, from: string, to: string): Transition {
  const entry = entryAt(root, path(from));
  if (entry?.kind !== 'file' && entry?.kind !== 'directory') throw new Error(`${from} is ${entry?.kind ?? 'absent'}`);
  const node = entry.kind === 'file' ? entry : { kind: entry.kind, mode: entry.mode, children: [] };
  return { ...change(to, undefined, node), from: { path: path(from), entry: node, was: node } };
}

/** All that it takes to move a folder: `below` are its entries in walk order, itself first. */
function folderMove(root: Entry | undefined, from: string, to: string, below: readonly string[]): readonly Transition[] {
  const creations = below.map((rest) => moved(root, `${from}${rest}`, `${to}${rest}`));
  return [...creations, ...creations.map((made) => ({ ...change(made.from?.path ?? '', made.new, undefined), to: made.path })).reverse()];
}

function need(at: string, { digest, sizeBytes }: { readonly digest: Digest; readonly sizeBytes: number }): ContentNeed {
  return { path: path(at), digest, sizeBytes, fromByte: 0 };
}

function content({ digest, sizeBytes }: File): Pick<File, 'digest' | 'sizeBytes'> {
  return { digest, sizeBytes };
}

function fileAt(root: Entry | undefined, at: string): File {
  const entry = entryAt(root, path(at));
  if (entry?.kind !== 'file') throw new Error(`${at} is ${entry?.kind ?? 'absent'}, not a file`);
  return entry;
}

/** The node by itself. */
function nodeAt(root: Entry | undefined, at: string): Entry | undefined {
  const entry = entryAt(root, path(at));
  return entry && nodeOf(entry);
}

function namesOf(entry: Entry | undefined): readonly string[] {
  return entry?.kind === 'directory' ? entry.children.map(({ name }) => name) : [];
}

function merkleOf(entry: Entry | undefined): Digest | undefined {
  return entry?.kind === 'directory' ? entry.merkle : undefined;
}

function path(text: string): RelativePath {
  return text as RelativePath;
}
