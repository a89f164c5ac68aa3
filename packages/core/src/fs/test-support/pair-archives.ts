/** An archive on the real disk, opened anew whenever a test asks, and commits to fill it with. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { type ArchiveCommit, type PairKey, pairKey } from '../../engine/archive-store.ts';
import type { Disk, DiskDirectory } from '../../engine/disk.ts';
import type { ReplicaId } from '../../engine/replica.ts';
import { defaultSyncSettings, toPairSettings } from '../../engine/sync-settings.ts';
import type { Digest } from '../../hash/digest.ts';
import type { AncestorChange } from '../../reconcile/ancestor.ts';
import { type Ancestor, agreed } from '../../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../../reconcile/apply-ancestor.ts';
import type { Entry } from '../../tree/entry.ts';
import type { RelativePath } from '../../tree/path.ts';
import { walk } from '../../tree/walk.ts';
import { type ArchiveFile, type ArchiveFileOptions, createArchiveFile } from '../archive-file.ts';
import type { IntentTraces, LazyFolder } from '../journal.ts';
import { createNodeDisk } from '../node-disk.ts';

export const pair: PairKey = pairKey(
  '00000000-0000-4000-8000-00000000000a' as ReplicaId,
  '00000000-0000-4000-8000-00000000000b' as ReplicaId,
  'default',
);

export const settings: NonNullable<ArchiveCommit['settings']> = { value: toPairSettings(defaultSyncSettings, pair), by: pair.alpha };

export const noTraces: IntentTraces = { findMade: () => [], finish: () => undefined, close: () => undefined };

export interface ArchiveBench {
  readonly path: string;
  /** A new object, as a new process has it. */
  open(options?: Partial<ArchiveFileOptions> & { readonly disk?: Disk | undefined }): ArchiveFile;
  /** Empties the folder. */
  clear(): void;
  close(): void;
}

export function createArchiveBench(): ArchiveBench {
  const path = mkdtempSync(join(tmpdir(), 'ubos-archive-'));
  const opened: DiskDirectory[] = [];
  return {
    path,
    open({ disk = createNodeDisk(), ...options } = {}) {
      const folder = disk.openRoot(path);
      if (folder === undefined) throw new Error(`no ${path}`);
      opened.push(folder);
      const lazy: LazyFolder = { look: () => folder, make: () => folder };
      return createArchiveFile({ pair, archiveFolder: lazy, journalFolder: lazy, boot: 'this boot', traces: noTraces, ...options });
    },
    clear() {
      for (const folder of opened.splice(0)) folder.close();
      rmSync(path, { recursive: true });
      mkdirSync(path);
    },
    close() {
      for (const folder of opened.splice(0)) folder.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Both phases. */
export async function commitTo(archive: ArchiveFile, commit: ArchiveCommit): Promise<void> {
  await archive.prepare(commit);
  await archive.commit(commit.generation);
}

/** What an archive has to hold after these commits, made in the slow and obvious way. */
export function ancestorAfter(commits: readonly ArchiveCommit[]): Ancestor {
  return commits.reduce((ancestor, { changes }) => applyAncestorChanges(ancestor, changes), agreed(undefined));
}

/** All nodes of both halves, a line each, Merkle digests left out: equal lines, equal ancestors. */
export function linesOf({ alpha, beta }: Ancestor): readonly string[] {
  const lines: string[] = [];
  walk([alpha, beta], (path, [left, right]) => {
    lines.push(`${path}: ${nodeLine(left)} | ${nodeLine(right)}`);
    return true;
  });
  return lines;
}

function nodeLine(entry: Entry | undefined): string {
  return JSON.stringify(entry, (key, value: unknown) => (key === 'children' || key === 'merkle' ? undefined : value)) ?? '-';
}

const names = ['a', 'b', 'c', 'ä', '\u{ff5e}', '\u{1f600}'];
const paths = fc.oneof(
  fc.constant('' as RelativePath),
  fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/') as RelativePath),
);
const mode = fc.integer({ min: 0, max: 0o777 });
const mtimeMs = fc.constantFrom(0, 1_700_000_000_000, 1_700_000_000_000.123);
const nodes: fc.Arbitrary<Entry | undefined> = fc.oneof(
  { weight: 4, arbitrary: mode.map((bits): Entry => ({ kind: 'directory', mode: bits, children: [] })) },
  { weight: 1, arbitrary: mode.map((bits): Entry => ({ kind: 'directory', mode: bits, children: [], hasUntracked: true })) },
  {
    weight: 6,
    arbitrary: fc
      .record({ mode, sizeBytes: fc.maxSafeNat(), digest: fc.constantFrom(16, 16, 16, 32).chain((length) => digests(length)), mtimeMs })
      .map((file): Entry => ({ kind: 'file', ...file })),
  },
  { weight: 1, arbitrary: fc.record({ target: fc.constantFrom('x', '../ä b'), mtimeMs }).map((link): Entry => ({ kind: 'symlink', ...link })) },
  { weight: 1, arbitrary: fc.constant<Entry>({ kind: 'untracked', reason: 'special' }) },
  { weight: 1, arbitrary: fc.constant<Entry>({ kind: 'problematic', code: 'EACCES' }) },
  { weight: 3, arbitrary: fc.constant(undefined) },
);

/** Any change: also of what lies in no directory, of the same path twice, held and agreed, with digests of two kinds in one list. */
export const ancestorChanges: fc.Arbitrary<AncestorChange> = fc
  .record({ path: paths, alpha: nodes, beta: fc.option(nodes, { nil: 'agreed' as const, freq: 3 }) })
  .map(({ path, alpha, beta }) => ({ path, alpha, beta: beta === 'agreed' ? alpha : beta }));

const root: AncestorChange = { path: '' as RelativePath, ...agreed({ kind: 'directory', mode: 0, children: [] }) };

/** A row of commits that follow each other, from the first generation on. */
export const commitRows: fc.Arbitrary<readonly ArchiveCommit[]> = fc
  .array(fc.tuple(fc.array(ancestorChanges, { maxLength: 12 }), fc.boolean()), { minLength: 1, maxLength: 6 })
  .map((rows) =>
    rows.map(([changes, changesSettings], index): ArchiveCommit => {
      const other = { value: { ...settings.value, digest: index % 2 === 0 ? 'fast' : 'strong' } as const, by: pair.beta };
      return {
        generation: index + 1,
        changes: index === 0 ? [root, ...changes] : changes,
        settings: index === 0 ? settings : changesSettings ? other : undefined,
        durability: 'full',
      };
    }),
  );

function digests(length: number): fc.Arbitrary<Digest> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('latin1') as Digest);
}
