/** Random edits of a folder, for the laws of scans. */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Entry } from '../../tree/entry.ts';
import type { ScanGround } from './scan-ground.ts';

/** What somebody does in a folder that is scanned. */
export type Edit =
  | { readonly do: 'write'; readonly path: string; readonly text: string }
  | { readonly do: 'folder' | 'remove' | 'touch'; readonly path: string }
  | { readonly do: 'mode'; readonly path: string; readonly mode: number }
  | { readonly do: 'link'; readonly path: string; readonly target: string }
  | { readonly do: 'move'; readonly path: string; readonly to: string };

// Few names, so that edits meet each other; one is out of scope.
const path = fc
  .array(fc.constantFrom('a', 'b', 'c', '\u{1F600}', '\uff5e', 'x_state.json'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
export const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), path, text: fc.constantFrom('', 'one', 'two', 'three') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('folder' as const, 'remove' as const, 'touch' as const), path }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mode' as const), path, mode: fc.constantFrom(0o600, 0o644, 0o755) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('link' as const), path, target: fc.constantFrom('a', '../b', '/etc') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), path, to: path }) },
);

/** Does what can be done; an edit of nothing is none. */
export function makeEdit(next: Edit, on: ScanGround): void {
  const at = on.at(next.path);
  try {
    switch (next.do) {
      case 'write':
        return on.write(next.path, next.text);
      case 'folder':
        return on.folder(next.path);
      case 'remove':
        return fs.rmSync(at, { recursive: true });
      case 'touch':
        return fs.utimesSync(at, 1_600_000_000, 1_600_000_000);
      case 'mode':
        return fs.lstatSync(at).isSymbolicLink() ? undefined : fs.chmodSync(at, next.mode);
      case 'link':
        return on.link(next.path, next.target);
      case 'move':
        fs.mkdirSync(dirname(on.at(next.to)), { recursive: true });
        return fs.renameSync(at, on.at(next.to));
    }
  } catch (error) {
    expect(error).toHaveProperty('code', expect.stringMatching(/^E(?:NOENT|EXIST|NOTDIR|ISDIR|NOTEMPTY|INVAL|LOOP)$/));
  }
}

/** The time of a file whose content did not change is that of the baseline. */
export function withoutTimes(entry: Entry): unknown {
  if (entry.kind !== 'directory') return { ...entry, mtimeMs: 0 };
  return { ...entry, children: entry.children.map((child) => ({ name: child.name, entry: withoutTimes(child.entry) })) };
}
