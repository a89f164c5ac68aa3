/**
 * A process that is killed around a move, at every call that writes, and somebody who deletes the file before the next run: under its old name, as long as it
 * has that one, or under its new one. The first is a deletion against a rename, which survives it; the second is a deletion of what was renamed.
 */
import { describe, expect, it } from 'vitest';
import { createSimulatedPair, ended, Gone, type SimulatedPair } from './test-support/simulated-pair.ts';

interface Move {
  readonly title: string;
  /** Where the file was, and where the other side has put it. */
  readonly from: string;
  readonly to: string;
  readonly rename: (pair: SimulatedPair) => void;
}

const table: readonly Move[] = [
  { title: 'a file', from: 'old.txt', to: 'new.txt', rename: ({ user }) => user.alpha.rename('old.txt', 'new.txt') },
  { title: 'a file into another folder', from: 'old.txt', to: 'made/new.txt', rename: ({ user }) => user.alpha.rename('old.txt', 'made/new.txt') },
  { title: 'a file in a folder', from: 'folder/one.txt', to: 'other/one.txt', rename: ({ user }) => user.alpha.rename('folder', 'other') },
  {
    title: 'a file deep in a folder',
    from: 'folder/deep/two.txt',
    to: 'other/deep/two.txt',
    rename: ({ user }) => user.alpha.rename('folder', 'other'),
  },
];

function renamedPair(): Promise<SimulatedPair> {
  const pair = createSimulatedPair();
  for (const path of ['old.txt', 'folder/one.txt', 'folder/deep/two.txt', 'stays.txt']) pair.user.alpha.write(path, `content of ${path}`);
  return pair.sync().then(() => pair);
}

const hasFile = (pair: SimulatedPair, path: string): boolean => pair.tree('beta').some((line) => line.startsWith(`${path} `));

/** As they are found after the processes of beta were killed before each of their calls that write, from the first to none. */
async function* killedAtEach(before: SimulatedPair): AsyncGenerator<{ readonly n: number; readonly pair: SimulatedPair }> {
  for (let n = 0, isOver = false; !isOver; n++) {
    const run = before.killed();
    let calls = 0;
    isOver = true;
    await ended(
      run.sync({
        onCall(side, call) {
          if (side !== 'beta' || !call.writes || calls++ < n) return;
          isOver = false;
          throw new Gone();
        },
      }),
    );
    yield { n, pair: run.killed() };
  }
}

describe('a process that is killed around the move of', () => {
  it.each(table)('$title: what is then renamed once more is renamed', async ({ from, to, rename }) => {
    const before = await renamedPair();
    rename(before);
    for await (const { n, pair } of killedAtEach(before)) {
      pair.user.alpha.rename(to, 'again.txt');
      expect([n, (await pair.sync()).problems]).toEqual([n, []]);
      for (const side of ['alpha', 'beta'] as const) {
        expect([n, side, [from, to, 'again.txt'].filter((path) => pair.user[side].isThere(path))]).toEqual([n, side, ['again.txt']]);
      }
      expect([n, (await pair.sync()).outcome]).toEqual([n, 'in-sync']);
    }
  });

  it.each(table)('$title: who deletes it has deleted what he saw', async ({ from, to, rename }) => {
    const before = await renamedPair();
    rename(before);
    const found = { old: 0, both: 0, new: 0 };
    for await (const { n, pair } of killedAtEach(before)) {
      const [hasOld, hasNew] = [hasFile(pair, from), hasFile(pair, to)];
      found[hasOld && hasNew ? 'both' : hasOld ? 'old' : 'new']++;
      if (hasOld === hasNew) continue;
      pair.user.beta.remove(hasOld ? from : to);
      expect([n, (await pair.sync()).problems]).toEqual([n, []]);
      for (const side of ['alpha', 'beta'] as const) {
        const files = pair.tree(side).filter((line) => !line.split(' ')[0]?.endsWith('/'));
        const names = files.map((line) => line.split(' ')[0]);
        expect([n, side, names.includes(from), names.includes(to)]).toEqual([n, side, false, hasOld]);
      }
      expect([n, (await pair.sync()).outcome]).toEqual([n, 'in-sync']);
    }
    expect(found.old).toBeGreaterThan(3);
    expect(found.new).toBeGreaterThan(3);
  });
});
