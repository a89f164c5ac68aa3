import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Directory, Entry } from '../tree/entry.ts';
import { joinPath, type RelativePath, rootPath } from '../tree/path.ts';
import { createScanIndex } from './scan-index.ts';
import { systemClock } from './system-clock.ts';
import { edit, makeEdit, withoutTimes } from './test-support/scan-edits.ts';
import { createScanGround } from './test-support/scan-ground.ts';

const seed = 20_261_121;

it(`for any edits, a scan with index and baseline returns what a scan without them returns, and shares what did not change (seed ${seed})`, {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(edit, { maxLength: 8 }), { minLength: 1, maxLength: 4 }), async (rounds) => {
      const ground = await createScanGround();
      try {
        // The real time: edits follow each other within a tick, and the racy rule has to see to it.
        const clock = systemClock;
        const index = createScanIndex({ kind: 'fast', clock });
        let baseline: Entry | undefined;
        for (const edits of rounds) {
          for (const next of edits) makeEdit(next, ground);
          const { root: warm } = await ground.scan({ index, baseline, clock });
          const { root: cold } = await ground.scan({ index: createScanIndex({ kind: 'fast', clock }), clock });
          expect(withoutTimes(warm)).toEqual(withoutTimes(cold));
          if (baseline !== undefined) expectShared(baseline, warm);
          baseline = warm;
        }
        expect((await ground.scan({ index, baseline, clock })).root).toBe(baseline);
      } finally {
        ground.remove();
      }
    }),
    { seed, numRuns: 60 },
  );
});

function expectShared(before: Entry, after: Entry, at: RelativePath = rootPath): void {
  if (before === after) return;
  expect(withoutTimes(after), `${at} is equal, but another object`).not.toEqual(withoutTimes(before));
  if (before.kind !== 'directory' || after.kind !== 'directory') return;
  const known = new Map((before as Directory).children.map(({ name, entry }) => [name, entry]));
  for (const { name, entry } of after.children) {
    const old = known.get(name);
    if (old?.kind === entry.kind) expectShared(old, entry, joinPath(at, name));
  }
}
