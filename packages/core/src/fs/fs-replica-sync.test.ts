/** Two folders of this machine kept the same by the engine: the parts of this folder together. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { SyncReport } from '../engine/report.ts';
import { runSync } from '../engine/run-sync.ts';
import { defaultSyncSettings } from '../engine/sync-settings.ts';
import type { Disk } from './disk.ts';
import { createFsReplica } from './fs-replica.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { stoppingDisk } from './test-support/faulty-disk.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

interface Pair {
  readonly alpha: string;
  readonly beta: string;
}

function pair(): Pair {
  const base = mkdtempSync(join(tmpdir(), 'ubos-sync-pair-'));
  open.push(() => rmSync(base, { recursive: true, force: true }));
  const roots = { alpha: join(base, 'alpha'), beta: join(base, 'beta') };
  mkdirSync(roots.alpha);
  mkdirSync(roots.beta);
  return roots;
}

let stamp = 1_700_000_000;

/** Later than every write before, by more than any tie. */
function write(root: string, name: string, text: string, mode = 0o644): void {
  const file = join(root, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  stamp += 10;
  utimesSync(file, stamp, stamp);
}

async function sync({ alpha, beta }: Pair, disks: { readonly alpha?: Disk; readonly beta?: Disk } = {}): Promise<SyncReport> {
  const left = await createFsReplica(alpha, { stateMirror: false, disk: disks.alpha });
  const right = await createFsReplica(beta, { stateMirror: false, disk: disks.beta });
  try {
    return await runSync({
      alpha: left,
      beta: right,
      names: { alpha: 'left', beta: 'right' },
      profile: 'default',
      settings: {
        ...defaultSyncSettings,
        scope: { include: [], exclude: ['cache/'], guard: [] },
        maxDelete: { count: 1000 },
        maxChange: { count: 1000 },
      },
      dryRun: false,
      durability: 'fast',
      clock: systemClock,
    });
  } finally {
    await Promise.allSettled([left.close(), right.close()]);
  }
}

/** Names, kinds, modes and contents of all but the state folder. */
function tree(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== '.ubos-sync' && !name.startsWith('.ubos-sync/'))
    .sort()
    .map((name) => {
      const stat = lstatSync(join(root, name));
      const mode = (stat.mode & 0o777).toString(8);
      if (stat.isDirectory()) return `${name}/ ${mode}`;
      return stat.isSymbolicLink() ? `${name} -> ${readlinkSync(join(root, name))}` : `${name} ${mode} ${readFileSync(join(root, name), 'utf8')}`;
    });
}

function versions(root: string): readonly string[] {
  const folder = join(root, '.ubos-sync/versions');
  if (!lstatSync(folder, { throwIfNoEntry: false })) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\/\d+$/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

function first({ alpha, beta }: Pair): void {
  write(alpha, 'docs/a.md', 'a');
  write(alpha, 'docs/b.md', 'b');
  write(alpha, 'scripts/run.sh', '#!/bin/sh\n', 0o755);
  write(alpha, 'old/gone.txt', 'gone');
  write(alpha, 'cache/big', 'never');
  write(beta, 'hub/letter.md', 'hello');
  write(beta, 'hub/x_state.json', '{}');
  symlinkSync('docs/a.md', join(beta, 'link'));
}

/** Changes on both sides of every kind. */
function second({ alpha, beta }: Pair): void {
  write(alpha, 'docs/a.md', 'a changed');
  write(alpha, 'new/deep/copy.md', 'b');
  write(alpha, 'new/deep/twin.md', 'b');
  rmSync(join(alpha, 'old'), { recursive: true });
  chmodSync(join(alpha, 'scripts/run.sh'), 0o700);
  rmSync(join(beta, 'hub/letter.md'));
  write(beta, 'docs/c.md', 'c');
  rmSync(join(beta, 'link'));
  write(beta, 'link', 'a file now');
}

describe('two folders', () => {
  it('become the same, both ways, and then there is nothing to do', async () => {
    const roots = pair();
    first(roots);
    expect((await sync(roots)).outcome).toBe('applied');
    const inScope = (root: string): readonly string[] => tree(root).filter((line) => !line.startsWith('cache') && !line.includes('_state.json'));
    expect(inScope(roots.alpha)).toEqual(inScope(roots.beta));
    second(roots);
    const report = await sync(roots);
    expect(report).toMatchObject({ outcome: 'applied', problems: [], conflicts: [] });
    expect(inScope(roots.alpha)).toEqual(inScope(roots.beta));
    expect(inScope(roots.beta)).toEqual(
      [
        'docs/ 755',
        'docs/a.md 644 a changed',
        'docs/b.md 644 b',
        'docs/c.md 644 c',
        'hub/ 755',
        'link 644 a file now',
        'new/ 755',
        'new/deep/ 755',
        'new/deep/copy.md 644 b',
        'new/deep/twin.md 644 b',
        'scripts/ 755',
        'scripts/run.sh 700 #!/bin/sh\n',
      ].sort(),
    );
    expect(readFileSync(join(roots.beta, 'hub/x_state.json'), 'utf8')).toBe('{}');
    expect([...versions(roots.beta)].sort()).toEqual(['a', 'gone']);
    expect(versions(roots.alpha)).toEqual(['hello']);
    const again = await sync(roots);
    expect(again).toMatchObject({ outcome: 'in-sync', changes: [], problems: [] });
    expect(again.counts).toMatchObject({ filesHashed: { alpha: 0, beta: 0 }, contentBytes: { toAlpha: 0, toBeta: 0 } });
  });

  it('a content that is there already does not travel', async () => {
    const roots = pair();
    write(roots.alpha, 'a', 'the same');
    await sync(roots);
    write(roots.alpha, 'b/copy', 'the same');
    expect((await sync(roots)).counts.contentBytes).toEqual({ toAlpha: 0, toBeta: 0 });
    expect(readFileSync(join(roots.beta, 'b/copy'), 'utf8')).toBe('the same');
  });
});

describe('a process that is killed', () => {
  for (const side of ['alpha', 'beta'] as const) {
    it(`on ${side}, at any call that writes: running again ends as if it had run once`, async () => {
      const whole = pair();
      first(whole);
      await sync(whole);
      second(whole);
      const expected = await (async () => {
        await sync(whole);
        return { alpha: tree(whole.alpha), beta: tree(whole.beta) };
      })();

      for (let stop = 1, step = 1; ; stop += step) {
        // Every call at the beginning, then every seventh: the middle of a run is much the same everywhere.
        if (stop > 10) step = 7;
        const roots = pair();
        first(roots);
        await sync(roots);
        second(roots);
        const disk = stoppingDisk(createNodeDisk(), stop, stop % 2 === 0);
        const ended = await sync(roots, { [side]: disk }).then(
          () => 'done',
          () => 'stopped',
        );
        if (ended === 'done' && disk.writes() < stop) break;
        const contents = [...tree(roots.alpha), ...tree(roots.beta), ...versions(roots.alpha), ...versions(roots.beta)].join('\n');
        for (const text of ['a changed', 'gone', 'hello', 'a file now', '{}', 'never']) expect([stop, contents.includes(text)]).toEqual([stop, true]);
        for (const root of [roots.alpha, roots.beta]) rmSync(join(root, '.ubos-sync/lock'), { force: true });
        const report = await sync(roots);
        expect([stop, report.problems, report.conflicts]).toEqual([stop, [], []]);
        expect([stop, tree(roots.alpha), tree(roots.beta)]).toEqual([stop, expected.alpha, expected.beta]);
        expect([stop, (await sync(roots)).outcome]).toEqual([stop, 'in-sync']);
        for (const close of open.splice(1)) close();
      }
    }, 120_000);
  }
});
