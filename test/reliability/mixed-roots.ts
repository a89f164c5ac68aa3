/** The tree and the edits of the simulated proofs (`mixed-plan.ts`) on two real roots, with a server between them, as often as it is wanted. */
import { cp, lutimes, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createNodeDisk } from '@ubos/sync-core/fs';
import type { FoundPair } from '../../packages/core/src/fs/test-support/edits-after.ts';
import { editBoth, makeAgreed } from '../../packages/core/src/fs/test-support/mixed-plan.ts';
import type { SimulatedPair } from '../../packages/core/src/fs/test-support/simulated-pair.ts';
import { createSimulatedUser, type SimulatedUserFiles } from '../../packages/core/src/fs/test-support/simulated-user.ts';
import { fine } from '../acceptance/fine.ts';
import { openTwoRoots, type TwoRoots } from '../acceptance/two-roots.ts';
import type { TestServer } from '../support/sshd-files.ts';

export type RealPair = FoundPair & Pick<SimulatedPair, 'keptContents'>;

export interface MixedRoots {
  readonly world: TwoRoots;
  /** Alpha is here, beta is there. What belongs to ubos-sync (its config, its audit) is not told. */
  readonly pair: RealPair;
  /** Both roots as they were before the run in which everything is to be done. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

const sides = ['here', 'there'] as const;

export async function openMixedRoots(server: TestServer): Promise<MixedRoots> {
  const world = await openTwoRoots({ server });
  const pair = pairOf(world);
  const kept = (side: (typeof sides)[number]): string => join(world.folder, `kept-${side}`);
  makeAgreed(pair);
  await fine(world.sync(['truth', '--apply']));
  editMore(pair);
  // What is done from here on is later than all of it, by more than any tie; and in the one conflict that there is, beta is.
  const hourAgo = Date.now() / 1000 - 3600;
  for (const side of sides) await dateAll(world[side].root, hourAgo);
  await lutimes(join(world.there.root, 'hub/both.md'), hourAgo + 60, hourAgo + 60);
  for (const side of sides) await cp(world[side].root, kept(side), copyAll);
  return {
    world,
    pair,
    async reset() {
      for (const side of sides) {
        const { root } = world[side];
        for (const name of await readdir(root)) await rm(join(root, name), { recursive: true });
        await cp(kept(side), root, copyAll);
      }
    },
    close: () => world.close(),
  };
}

/** The edits of the plan and some more, so that there are more than 40 changes. */
export function editMore(pair: Pick<FoundPair, 'user'>): void {
  editBoth(pair);
  for (let index = 0; index < 3; index++) {
    pair.user.alpha.write(`new/more/${index}.sh`, `#!/bin/sh ${index}`, { mode: 0o750 });
    pair.user.beta.write(`hub/more-${index}.md`, `more ${index}`);
  }
}

const copyAll = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true } as const;

async function dateAll(root: string, seconds: number): Promise<void> {
  for (const name of await readdir(root, { recursive: true }))
    if (name !== '.ubos-sync' && !name.startsWith('.ubos-sync/')) await lutimes(join(root, name), seconds, seconds);
}

function pairOf({ here, there }: TwoRoots): RealPair {
  const disk = createNodeDisk();
  const clock = { nowMs: () => Date.now(), advance: () => undefined };
  const user = { alpha: createSimulatedUser(disk, here.root, clock), beta: createSimulatedUser(disk, there.root, clock) };
  const keptBy = (files: SimulatedUserFiles): readonly string[] =>
    files.isThere('.ubos-sync/versions') ? files.contents('.ubos-sync/versions') : [];
  return {
    user,
    tree: (side) => user[side].tree().filter((line) => !/^(?:ubos-sync\.yaml |logs\/)/.test(line)),
    keptContents: () => [...keptBy(user.alpha), ...keptBy(user.beta)],
  };
}
