import * as fs from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Directory, Entry } from '../tree/entry.ts';
import { joinPath, type RelativePath, rootPath } from '../tree/path.ts';
import { createScanIndex } from './scan-index.ts';
import { systemClock } from './system-clock.ts';
import { createScanGround, type ScanGround } from './test-support/scan-ground.ts';

const seed = 20_261_121;

type Edit =
  | { readonly do: 'write'; readonly path: string; readonly text: string }
  | { readonly do: 'folder' | 'remove' | 'touch'; readonly path: string }
  | { readonly do: 'mode'; readonly path: string; readonly mode: number }
  | { readonly do: 'link'; readonly path: string; readonly target: string }
  | { readonly do: 'move'; readonly path: string; readonly to: string };

// Few names, so that edits meet each other; the last is out of scope.
const path = fc
  .array(fc.constantFrom('a', 'b', '\u{1F600}', '\uff5e', 'x_state.json'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), path, text: fc.constantFrom('', 'one', 'two', 'three') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('folder' as const, 'remove' as const, 'touch' as const), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mode' as const), path, mode: fc.constantFrom(0o600, 0o644, 0o755) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link' as const), path, target: fc.constantFrom('a', '../b', '/etc') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), path, to: path }) },
);

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
          for (const next of edits) make(next, ground);
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

/** Does what can be done; an edit of nothing is none. */
function make(next: Edit, ground: ScanGround): void {
  const at = ground.at(next.path);
  try {
    switch (next.do) {
      case 'write':
        return ground.write(next.path, next.text);
      case 'folder':
        return ground.folder(next.path);
      case 'remove':
        return fs.rmSync(at, { recursive: true });
      case 'touch':
        return fs.utimesSync(at, 1_600_000_000, 1_600_000_000);
      case 'mode':
        return fs.lstatSync(at).isSymbolicLink() ? undefined : fs.chmodSync(at, next.mode);
      case 'link':
        return ground.link(next.path, next.target);
      case 'move':
        fs.mkdirSync(dirname(ground.at(next.to)), { recursive: true });
        return fs.renameSync(at, ground.at(next.to));
    }
  } catch (error) {
    expect(error).toHaveProperty('code', expect.stringMatching(/^E(?:NOENT|EXIST|NOTDIR|ISDIR|NOTEMPTY|INVAL|LOOP)$/));
  }
}

/** The time of a file whose content did not change is that of the baseline. */
function withoutTimes(entry: Entry): unknown {
  if (entry.kind === 'directory')
    return { ...entry, children: entry.children.map((child) => ({ name: child.name, entry: withoutTimes(child.entry) })) };
  return { ...entry, mtimeMs: 0 };
}

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
