/** Names that one file system takes otherwise than the other: forms of Unicode, case, and what it refuses to store. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getMemoryNode, listMemoryDisk, type MemoryDisk, type MemoryNames } from '../testing/memory-disk.ts';
import { createTwoReplicas, type TwoReplicas } from '../testing/two-replicas.ts';

const composed = 'caf\u00e9';
const decomposed = 'cafe\u0301';
const folding = { ignoresCase: true, ignoresUnicodeForm: true };
/** Takes the forms of a name for one, and keeps what was written. */
const apfs: Partial<MemoryNames> = { folding };
/** The same, but stores every name decomposed, and what it stores is what it lists. */
const hfsPlus: Partial<MemoryNames> = { folding, store: (name) => name.normalize('NFD') };
/** As FAT and its kin refuse them. */
const windows: Partial<MemoryNames> = {
  folding: { ignoresCase: true, ignoresUnicodeForm: false },
  refuse: (name) => (/[<>:"\\|?*\u0000-\u001f]|[ .]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i.test(name) ? 'EINVAL' : undefined),
};
/** As eCryptfs: a name takes more room there. */
const short: Partial<MemoryNames> = { refuse: (name) => (new TextEncoder().encode(name).length > 143 ? 'ENAMETOOLONG' : undefined) };

const names = (disk: MemoryDisk): readonly string[] => listMemoryDisk(disk).map((line) => line.replace(/\/? \d+.*$/s, ''));

describe.each([
  ['like APFS', apfs],
  ['like HFS+', hfsPlus],
])('a laptop %s', (_, laptop) => {
  it.each([composed, decomposed])(
    'leaves the other side its spelling (%j), carries edits both ways, and has nothing to do in between',
    async (name) => {
      const world = createTwoReplicas({ laptop });
      world.write('balaur', `${name}/${name}.md`, 'one');
      for (const text of ['one', 'two', 'three']) {
        const from = text === 'two' ? 'laptop' : 'balaur';
        if (text !== 'one') world.write(from, `${name}/${name}.md`, text);
        expect((await world.sync({ from: 'laptop' })).outcome).toBe('applied');
        expect(world.read('laptop', `${name}/${name}.md`)).toBe(text);
        expect(world.read('balaur', `${name}/${name}.md`)).toBe(text);
        expect(names(world.disks.balaur)).toEqual([name, `${name}/${name}.md`]);
        await isQuiet(world);
      }
      world.remove('laptop', `${name}/${name}.md`);
      expect((await world.sync()).changes).toMatchObject([{ action: 'delete', path: `${name}/${name}.md`, status: 'done' }]);
      await isQuiet(world);
    },
  );

  it('that has the other form of a name which was made on both sides: one file, and its conflict is one of content', async () => {
    const world = createTwoReplicas({ laptop });
    world.write('balaur', 'a', 'a');
    await world.sync();
    world.write('balaur', composed, 'there');
    world.write('laptop', decomposed, 'here, later');
    const report = await world.sync();
    expect(report.conflicts).toMatchObject([{ path: composed, reason: 'content', resolution: 'alpha' }]);
    expect([names(world.disks.balaur), world.read('balaur', composed)]).toEqual([['a', composed], 'here, later']);
    await isQuiet(world);
  });

  it('that meets both forms as two files: the second is named before anything is sent, and both stay', async () => {
    const world = createTwoReplicas({ laptop });
    world.write('balaur', composed, 'one');
    world.write('balaur', decomposed, 'two');
    const report = await world.sync();
    expect(report.conflicts).toMatchObject([{ reason: 'names-collide', resolution: 'skipped' }]);
    expect(report.counts.contentBytes.toAlpha).toBe(3);
    expect(names(world.disks.balaur)).toHaveLength(2);
    expect(names(world.disks.laptop)).toHaveLength(1);
    const again = await world.sync({ from: 'balaur' });
    expect({ changes: again.changes, conflicts: again.conflicts.length }).toEqual({ changes: [], conflicts: 1 });
  });

  it('takes what another spelling of a guard names for guarded, on both sides', async () => {
    const world = createTwoReplicas({ laptop });
    world.write('balaur', 'Secret/x', 'x');
    world.write('balaur', 'my_STATE.json', '{}');
    world.write('balaur', decomposed, 'x');
    const report = await world.sync({ settings: { scope: { include: [], exclude: [composed], guard: ['secret'] } } });
    expect({ changes: report.changes, problems: report.problems }).toEqual({ changes: [], problems: [] });
    expect(names(world.disks.laptop)).toEqual([]);
  });

  const seed = 20_251_124;
  it(`for any edits on both sides it is quiet after at most three runs, from either end, and loses no content (seed ${seed})`, {
    timeout: 120_000,
  }, async () => {
    const name = fc.constantFrom(composed, decomposed, 'a', '\u00c5', 'A\u030a');
    const path = fc.array(name, { minLength: 1, maxLength: 2 }).map((parts) => parts.join('/'));
    const edits = fc.record({ node: fc.constantFrom('laptop' as const, 'balaur' as const), path, remove: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { maxLength: 6 }), fc.array(edits, { maxLength: 6 }), async (before, after) => {
        const world = createTwoReplicas({ laptop });
        for (const edits of [before, after]) {
          for (const [index, { node, path: at, remove }] of edits.entries())
            edit(world, node, at, remove ? undefined : `${edits === before} ${index}`);
          const present = allContents(world);
          await settle(world);
          const left = new Set([...allContents(world), ...versions(world)]);
          expect(present.filter((text) => !left.has(text))).toEqual([]);
        }
        expect((await world.sync({ from: 'balaur' })).changes).toEqual([]);
        expect((await world.sync({ from: 'laptop' })).changes).toEqual([]);
      }),
      { seed, numRuns: 200 },
    );
  });

  async function settle(world: TwoReplicas): Promise<void> {
    for (let round = 0; round < 3; round++) {
      if ((await world.sync({ from: round % 2 === 0 ? 'laptop' : 'balaur', first: 'newer' })).changes.length === 0) return;
    }
    expect((await world.sync()).changes).toEqual([]);
  }
});

describe('case', () => {
  it('of names that are one on the other side: both stay where they are, one travels, and nothing is deleted by the other name', async () => {
    const world = createTwoReplicas({ laptop: apfs });
    world.write('balaur', 'README', 'one');
    world.write('balaur', 'Readme', 'two');
    expect((await world.sync()).conflicts).toMatchObject([{ path: 'Readme', reason: 'names-collide' }]);
    expect(world.read('laptop', 'readme')).toBe('one');
    world.remove('balaur', 'Readme');
    const report = await world.sync({ from: 'balaur' });
    expect({ changes: report.changes, conflicts: report.conflicts }).toEqual({ changes: [], conflicts: [] });
    expect([world.read('laptop', 'README'), world.read('balaur', 'README')]).toEqual(['one', 'one']);
  });
});

describe('a name that the other side cannot store', () => {
  it.each([
    ['a device of Windows', windows, 'docs/CON.txt'],
    ['a colon', windows, 'docs/a:b'],
    ['a dot at the end', windows, 'docs/etc.'],
    ['255 bytes', short, `docs/${'x'.repeat(255)}`],
    ['255 bytes of few characters', short, `docs/${'\u{1f600}'.repeat(63)}`],
  ])('(%s) is a problem of that path alone, under its own name, again in each run, and stays where it is', async (_, laptop, path) => {
    const world = createTwoReplicas({ laptop });
    world.write('balaur', path, 'x');
    world.write('balaur', 'docs/fine', 'fine');
    const report = await world.sync();
    expect(report.problems).toMatchObject([{ path, side: 'alpha', code: 'SYNC_NAME_REFUSED' }]);
    expect(names(world.disks.laptop)).toEqual(['docs', 'docs/fine']);
    const again = await world.sync({ from: 'balaur' });
    expect(again.problems).toMatchObject([{ path, code: 'SYNC_NAME_REFUSED' }]);
    expect(names(world.disks.balaur)).toContain(path);
  });

  it('keeps out what is in a folder of that name, too, and nothing else', async () => {
    const world = createTwoReplicas({ laptop: windows });
    world.write('balaur', 'aux/a/b', 'x');
    world.write('balaur', 'fine', 'fine');
    const report = await world.sync();
    expect(report.problems.map(({ path }) => path)).toContain('aux');
    expect(report.problems.every(({ path }) => path.startsWith('aux'))).toBe(true);
    expect(names(world.disks.laptop)).toEqual(['fine']);
    expect(world.read('balaur', 'aux/a/b')).toBe('x');
  });
});

it('names with control characters, marks of direction and emoji are carried as they are', async () => {
  const world = createTwoReplicas();
  const odd = [
    'new\nline',
    'tab\there',
    '\u001b[31mred',
    '\u009bcsi',
    '-rf',
    '...',
    'trailing ',
    '\u202etxt.exe',
    '\u{1f469}\u200d\u{1f680}',
    '\ufeffbom',
  ];
  for (const [index, name] of odd.entries()) world.write('laptop', `d/${name}`, String(index));
  await world.sync();
  expect(odd.map((name) => world.read('balaur', `d/${name}`))).toEqual(odd.map((_, index) => String(index)));
  await isQuiet(world);
});

/** Whoever starts it. The first run from an end remembers whom it met there. */
async function isQuiet(world: TwoReplicas): Promise<void> {
  const writes = () => [world.disks.laptop.writes, world.disks.balaur.writes];
  const sync = async () => {
    for (const from of ['laptop', 'balaur'] as const) {
      const { outcome, conflicts } = await world.sync({ from });
      expect({ outcome, conflicts }).toEqual({ outcome: 'in-sync', conflicts: [] });
    }
  };
  await sync();
  const before = writes();
  await sync();
  expect(writes()).toEqual(before);
}

/** As a user would: a file where there is none, or nothing. What the tree does not allow is not done. */
function edit(world: TwoReplicas, node: 'laptop' | 'balaur', path: string, text: string | undefined): void {
  const names = path.split('/');
  const isBlocked = names.some((_, index) => index > 0 && world.read(node, names.slice(0, index).join('/')) !== undefined);
  if (isBlocked || getMemoryNode(world.disks[node], path)?.kind === 'directory') return;
  if (text !== undefined) world.write(node, path, text);
  else if (world.read(node, path) !== undefined) world.remove(node, path);
}

function allContents(world: TwoReplicas): readonly string[] {
  return [world.disks.laptop, world.disks.balaur].flatMap((disk) =>
    listMemoryDisk(disk).flatMap((line) => / \d+ ((?:true|false) \d+)$/.exec(line)?.[1] ?? []),
  );
}

function versions(world: TwoReplicas): readonly string[] {
  return [world.disks.laptop, world.disks.balaur].flatMap((disk) => disk.versions.map(({ bytes }) => new TextDecoder().decode(bytes)));
}
