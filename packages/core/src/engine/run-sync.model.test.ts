/**
 * The promise to people, as a model: whatever two of them write, rename and delete in any order, with runs and crashes in between, nothing is lost.
 *
 * Every value is written once, so it can be told wherever it is. The model knows nothing of the engine: a value may be gone only after somebody wrote over it
 * or deleted it where he could see it. Until then it is on one of the two disks, in a tree (the copy of a conflict's loser included) or among the versions.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { getMemoryNode, listMemoryDisk, type MemoryDisk, type MemoryNode } from '../testing/memory-disk.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { createTwoReplicas, type NodeName, type Step, type TwoReplicas } from '../testing/two-replicas.ts';
import type { SyncReport } from './report.ts';
import type { SyncSettings } from './sync-settings.ts';

const numRuns = propertyRuns(1_000);

interface Model {
  /** Values that somebody wrote and nobody gave up. */
  readonly wanted: Set<string>;
  written: number;
}

interface Real {
  readonly world: TwoReplicas;
  readonly settings: Partial<SyncSettings>;
}

type Command = fc.AsyncCommand<Model, Real>;

const node = fc.constantFrom<NodeName[]>('laptop', 'balaur');
// `d` is a file and a folder, so that kinds meet; `a.txt` may lie beside its own conflict copies.
const path = fc.constantFrom('a.txt', 'b', 'd', 'd/x', 'd/y', 'e/f/g', 'e/f/h');
const mode = fc.constantFrom(0o644, 0o600, 0o755);

const commands: fc.Arbitrary<Command>[] = [
  fc.record({ node, path, mode }).map(write),
  fc.record({ node, path, mode }).map(write),
  fc.record({ node, path }).map(remove),
  fc.record({ node, path, to: path }).map(rename),
  fc.record({ from: node }).map(sync),
  fc.record({ from: node, after: fc.nat(40) }).map(crash),
  fc.record({ from: node, after: fc.nat(40), node, path }).map(meddle),
];

function write({ node: by, path: at, mode: bits }: { readonly node: NodeName; readonly path: string; readonly mode: number }): Command {
  return {
    check: () => true,
    run(model, { world }) {
      if (!makeRoom(model, world, by, at)) return Promise.resolve();
      const value = `value ${++model.written}`;
      world.write(by, at, value, bits);
      model.wanted.add(value);
      return Promise.resolve();
    },
    toString: () => `${by} writes ${at}`,
  };
}

function remove({ node: by, path: at }: { readonly node: NodeName; readonly path: string }): Command {
  return {
    check: () => true,
    run(model, { world }) {
      giveUp(model, world.disks[by], at);
      if (getMemoryNode(world.disks[by], at) !== undefined) world.remove(by, at);
      return Promise.resolve();
    },
    toString: () => `${by} deletes ${at}`,
  };
}

/** A file goes by another name. What was there is given up, the file is not. */
function rename({ node: by, path: at, to }: { readonly node: NodeName; readonly path: string; readonly to: string }): Command {
  return {
    check: () => true,
    run(model, { world }) {
      const value = world.read(by, at);
      const bits = getMemoryNode(world.disks[by], at);
      if (value === undefined || bits?.kind !== 'file' || to === at || to.startsWith(`${at}/`) || at.startsWith(`${to}/`)) return Promise.resolve();
      if (!makeRoom(model, world, by, to)) return Promise.resolve();
      world.remove(by, at);
      world.write(by, to, value, bits.mode);
      return Promise.resolve();
    },
    toString: () => `${by} renames ${at} to ${to}`,
  };
}

function sync({ from }: { readonly from: NodeName }): Command {
  return {
    check: () => true,
    async run(model, real) {
      await runOnce(real, from);
      expectNothingLost(model, real);
    },
    toString: () => `${from} syncs`,
  };
}

/** The run breaks off before its n-th change of a disk; the processes are gone, the disks are as they were at that moment. */
function crash({ from, after }: { readonly from: NodeName; readonly after: number }): Command {
  return {
    check: () => true,
    async run(model, real) {
      let steps = 0;
      await runOnce(real, from, () => {
        if (steps++ >= after) throw new Crash();
      }).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      expectNothingLost(model, real);
    },
    toString: () => `${from} syncs and crashes before change ${after + 1}`,
  };
}

class Crash extends Error {}

/** Somebody writes while the run goes on. (In memory, looking at a file and replacing it are one step: nobody comes between.) */
function meddle({
  from,
  after,
  node: by,
  path: at,
}: {
  readonly from: NodeName;
  readonly after: number;
  readonly node: NodeName;
  readonly path: string;
}): Command {
  return {
    check: () => true,
    async run(model, real) {
      let steps = 0;
      let isDone = false;
      await runOnce(real, from, (_node, name) => {
        if (steps++ < after || isDone || name === 'transition') return;
        isDone = true;
        void write({ node: by, path: at, mode: 0o644 }).run(model, real);
      });
      expectNothingLost(model, real);
    },
    toString: () => `${from} syncs, and before change ${after + 1} or after ${by} writes ${at}`,
  };
}

function runOnce({ world, settings }: Real, from: NodeName, step?: Step): Promise<SyncReport> {
  // Few files are soon many in proportion, and somebody empties a whole root now and then.
  const allow = new Set(['root-emptied', 'path-emptied', 'mass-delete', 'mass-change'] as const);
  return world.sync({ from, settings, allow, ...(step && { step }) });
}

/** Whether something can be written at a path; what is in its way is deleted first, by somebody who sees it. */
function makeRoom(model: Model, world: TwoReplicas, by: NodeName, at: string): boolean {
  const names = at.split('/');
  for (let depth = 1; depth < names.length; depth++) {
    const above = getMemoryNode(world.disks[by], names.slice(0, depth).join('/'));
    if (above !== undefined && above.kind !== 'directory') return false;
  }
  giveUp(model, world.disks[by], at);
  return true;
}

/** Somebody sees what is there, and does away with it: here. Whoever has changed it since on the other side has not. */
function giveUp(model: Model, disk: MemoryDisk, at: string): void {
  for (const value of valuesIn(getMemoryNode(disk, at))) model.wanted.delete(value);
}

function valuesIn(entry: MemoryNode | undefined): readonly string[] {
  if (entry?.kind === 'file') return [new TextDecoder().decode(entry.bytes)];
  if (entry?.kind !== 'directory') return [];
  return [...entry.children.values()].flatMap(valuesIn);
}

function expectNothingLost({ wanted }: Model, { world }: Real): void {
  const found = new Set<string>();
  for (const disk of Object.values(world.disks)) {
    for (const value of valuesIn(disk.root)) found.add(value);
    for (const { bytes } of disk.versions) found.add(new TextDecoder().decode(bytes));
  }
  expect([...wanted].filter((value) => !found.has(value))).toEqual([]);
}

describe('two people and their files, with crashes between any two steps', () => {
  it.each([
    { title: 'the newer wins', settings: {} },
    { title: 'both are kept', settings: { conflicts: 'keep-both', onTie: 'keep-both' } },
    { title: 'conflicts are left open', settings: { conflicts: 'skip' } },
  ] satisfies readonly { readonly title: string; readonly settings: Partial<SyncSettings> }[])(
    `$title: every value that nobody gave up is in a tree or among the versions, and three quiet rounds make both sides equal but for conflicts (seed ${seed})`,
    { timeout: Math.max(120_000, numRuns * 100) },
    async ({ settings }) => {
      await fc.assert(
        fc.asyncProperty(fc.commands(commands, { maxCommands: 25 }), async (list) => {
          const real: Real = { world: createTwoReplicas(), settings };
          const model: Model = { wanted: new Set(), written: 0 };
          await fc.asyncModelRun(() => ({ model, real }), list);
          await expectQuiet(model, real);
        }),
        { seed, numRuns: Math.ceil(numRuns / 3) },
      );
    },
  );
});

/** Left alone, the two sides settle: at most three rounds, then nothing is planned, and they differ only where a conflict says so. */
async function expectQuiet(model: Model, real: Real): Promise<void> {
  const { world } = real;
  for (let round = 1; ; round++) {
    const report = await runOnce(real, round % 2 === 0 ? 'balaur' : 'laptop');
    expectNothingLost(model, real);
    if (report.changes.length === 0) {
      if (report.conflicts.length === 0) expect(withoutModes(world.disks.balaur)).toEqual(withoutModes(world.disks.laptop));
      return;
    }
    expect(round).toBeLessThanOrEqual(3);
  }
}

/** Permissions of what both sides made apart are held where they differ. */
function withoutModes(disk: MemoryDisk): readonly string[] {
  return listMemoryDisk(disk).map((line) => line.replace(/ [0-7]{3}(?= |$)/, ''));
}
