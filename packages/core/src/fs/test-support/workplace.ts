/** A root on the real disk with all that staging, supply and transition work with, and a user's way to its files that leads past the engine. */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { pairKey } from '../../engine/archive-store.ts';
import type { Clock } from '../../engine/clock.ts';
import type { Disk } from '../../engine/disk.ts';
import type {
  ContentNeed,
  ContentPart,
  ContentRequest,
  ReplicaId,
  StageResult,
  Transition,
  TransitionOptions,
  TransitionResult,
} from '../../engine/replica.ts';
import type { ScanSettings } from '../../engine/settings.ts';
import type { Digest } from '../../hash/digest.ts';
import { compileScope } from '../../scope/compile-scope.ts';
import { compilePermissionMasks } from '../../scope/permission-masks.ts';
import type { Entry, File } from '../../tree/entry.ts';
import type { RelativePath } from '../../tree/path.ts';
import { contentName } from '../content-name.ts';
import { type Hashing, loadHashing } from '../hasher.ts';
import { createHeldDirectories } from '../held-directories.ts';
import type { JournalRecord } from '../journal.ts';
import { createNodeDisk } from '../node-disk.ts';
import type { IndexRecord } from '../scan-index.ts';
import { createStaging } from '../stage.ts';
import { makeStateFolder, type StateFolder } from '../state-folder.ts';
import { supplyContents } from '../supply.ts';
import { systemClock } from '../system-clock.ts';
import { makeTransitions } from '../transition.ts';
import { readBirth } from '../transition-birth.ts';
import { listRuns, openRunVersions, type Version } from '../versions.ts';

export interface Workplace {
  readonly path: string;
  readonly known: Map<RelativePath, IndexRecord>;
  readonly journal: JournalRecord[];
  readonly hashing: Hashing;
  write(path: string, text: string | Uint8Array, mode?: number): void;
  makeDirectory(path: string, mode?: number): void;
  link(path: string, target: string): void;
  remove(path: string): void;
  read(path: string): string | undefined;
  mode(path: string): number;
  exists(path: string): boolean;
  /** What a scan would see at one path; fills the index. */
  scan(path: string): Entry | undefined;
  file(text: string | Uint8Array, mode?: number): File;
  stage(wanted: Readonly<Record<string, string | Uint8Array>>, options?: { readonly signal?: AbortSignal }): Promise<readonly StageResult[]>;
  stageFrom(
    requests: readonly ContentRequest[],
    supply: (needs: readonly ContentNeed[]) => AsyncIterable<readonly ContentPart[]>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly StageResult[]>;
  supply(needs: readonly ContentNeed[], signal?: AbortSignal): AsyncIterable<readonly ContentPart[]>;
  transition(changes: readonly Transition[], options?: Partial<TransitionOptions>): Promise<readonly TransitionResult[]>;
  versions(): readonly (Version & { readonly text: string | undefined })[];
  /** As if a later process had opened the root: what was only in memory is gone. */
  restart(clock?: Partial<Clock>): void;
  /** Names in the staging folder. */
  staged(): readonly string[];
  close(): void;
}

export interface WorkplaceOptions {
  readonly disk?: Disk | undefined;
  readonly settings?: Partial<ScanSettings> | undefined;
  readonly keepVersions?: boolean | undefined;
  readonly base?: string | undefined;
}

const here = '00000000-0000-4000-8000-000000000001' as ReplicaId;
const there = 'ffffffff-ffff-4fff-bfff-ffffffffffff' as ReplicaId;

async function createWorkplace({
  disk = createNodeDisk(),
  settings: chosen,
  keepVersions = true,
  base = tmpdir(),
}: WorkplaceOptions = {}): Promise<Workplace> {
  const path = mkdtempSync(join(base, 'ubos-sync-'));
  const root = disk.openRoot(path);
  if (root === undefined) throw new Error('no root');
  const state: StateFolder = await makeStateFolder(root, { rootPath: path, uid: process.geteuid?.() });
  const settings: ScanSettings = {
    scope: { include: [], exclude: [], guard: [] },
    digest: 'fast',
    permissions: 'all',
    policies: [],
    symlinks: 'portable',
    ...chosen,
  };
  const scope = compileScope(settings.scope);
  const masks = compilePermissionMasks(settings);
  const hashing = await loadHashing('fast');
  let staging = createStaging(systemClock);
  const known = new Map<RelativePath, IndexRecord>();
  const journal: JournalRecord[] = [];
  const failedDirectories = new Set<RelativePath>();
  const full = (name: string): string => join(path, name);
  const stat = (name: string) => lstatSync(full(name), { bigint: true, throwIfNoEntry: false });

  const place: Workplace = {
    path,
    known,
    journal,
    hashing,
    write(name, text, mode = 0o644) {
      mkdirSync(dirname(full(name)), { recursive: true });
      writeFileSync(full(name), text);
      chmodSync(full(name), mode);
    },
    makeDirectory(name, mode = 0o755) {
      mkdirSync(full(name), { recursive: true });
      chmodSync(full(name), mode);
    },
    link: (name, target) => symlinkSync(target, full(name)),
    remove: (name) => rmSync(full(name), { recursive: true, force: true }),
    read: (name) => (stat(name)?.isFile() ? readFileSync(full(name), 'utf8') : undefined),
    mode: (name) => Number(stat(name)?.mode ?? 0n) & 0o7777,
    exists: (name) => stat(name) !== undefined,
    scan(name) {
      const found = stat(name);
      if (found === undefined) return undefined;
      const mode = Number(found.mode) & { all: 0o777, executable: 0o100, none: 0 }[masks.at(at(name), found.isDirectory() ? 'directory' : 'other')];
      const mtimeMs = Number(found.mtimeNs) / 1e6;
      if (found.isDirectory()) return { kind: 'directory', mode, children: [] };
      if (found.isSymbolicLink()) return { kind: 'symlink', target: readlinkSync(full(name)), mtimeMs };
      if (!found.isFile()) return { kind: 'untracked', reason: 'special' };
      const digest = hashing.hash(readFileSync(full(name)));
      known.set(name as RelativePath, {
        ino: found.ino,
        sizeBytes: Number(found.size),
        mtimeNs: found.mtimeNs,
        ctimeNs: found.ctimeNs,
        mode: Number(found.mode) & 0o7777,
        digest,
      });
      return { kind: 'file', mode, sizeBytes: Number(found.size), digest, mtimeMs };
    },
    file(text, mode = 0o644) {
      const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
      return { kind: 'file', mode, sizeBytes: bytes.length, digest: hashing.hash(bytes), mtimeMs: 1_600_000_000_000 };
    },
    stage(wanted, options = {}) {
      const requests = Object.entries(wanted).map(([name, text]) => {
        const { digest, sizeBytes } = place.file(text);
        return { path: name as RelativePath, digest, sizeBytes };
      });
      return place.stageFrom(requests, (needs) => sendTexts(needs, wanted), options);
    },
    async stageFrom(requests, supply, options = {}) {
      const folder = state.make('staging');
      const tree = createHeldDirectories(root);
      try {
        return await staging.stage(
          requests,
          { run: 'run', supply, ...options },
          { folder, tree, hashing, umask: readBirth(folder).umask, holderOf: ({ digest }) => holderOf(known, digest) },
        );
      } finally {
        tree.release();
      }
    },
    supply: (needs, signal) =>
      supplyContents(needs, { tree: createHeldDirectories(root), scope, hashing, clock: systemClock, wasFile: (at) => known.has(at) }, signal),
    async transition(changes, options = {}) {
      const stagingFolder = state.make('staging');
      return makeTransitions(
        changes,
        { run: 'run', pair: pairKey(here, there, 'default'), durability: 'fast', ...options },
        {
          root,
          staging,
          stagingFolder,
          openVersions: keepVersions
            ? () =>
                openRunVersions(state.make('versions'), {
                  run: 'run',
                  pair: pairKey(here, there, 'default'),
                  startedAtMs: systemClock.nowMs(),
                  changesPeer: false,
                })
            : undefined,
          journal: { intend: () => undefined, open: () => undefined, append: (records) => void journal.push(...records), confirm: () => undefined },
          half: 'alpha',
          scope,
          masks,
          symlinks: settings.symlinks,
          hashing,
          known,
          bitsBefore: new Map(),
          birth: readBirth(stagingFolder),
          failedDirectories,
          clock: systemClock,
        },
      );
    },
    versions() {
      const folder = state.look('versions');
      if (folder === undefined) return [];
      return listRuns(folder).flatMap(({ run, versions }) =>
        versions.map((version) => {
          const { entry } = version;
          const name = entry.kind === 'file' && contentName(entry.digest, entry.sizeBytes);
          return { ...version, run, text: name ? place.read(`.ubos-sync/versions/content/${name}`) : undefined };
        }),
      );
    },
    restart: (clock = {}) => void (staging = createStaging({ ...systemClock, ...clock })),
    staged: () => (place.exists('.ubos-sync/staging') ? readdirSync(full('.ubos-sync/staging')).sort() : []),
    close() {
      state.close();
      root.close();
      rmSync(path, { recursive: true, force: true });
    },
  };
  return place;
}

/** For a test file: makes workplaces, and closes them after each test. */
export function useWorkplaces(): typeof createWorkplace {
  const open: Workplace[] = [];
  afterEach(() => {
    for (const place of open.splice(0).reverse()) place.close();
  });
  return async (options) => {
    const place = await createWorkplace(options);
    open.push(place);
    return place;
  };
}

export function at(path: string): RelativePath {
  return path as RelativePath;
}

export function change(path: string, old: Entry | undefined, next: Entry | undefined): Transition {
  return { path: at(path), old, new: next, peer: next };
}

export async function* sendTexts(
  needs: readonly ContentNeed[],
  texts: Readonly<Record<string, string | Uint8Array>>,
): AsyncIterable<readonly ContentPart[]> {
  for (const [index, { path, fromByte }] of needs.entries()) {
    await Promise.resolve();
    const text = texts[path] ?? '';
    yield [{ need: index, bytes: (typeof text === 'string' ? new TextEncoder().encode(text) : text).subarray(fromByte), end: 'ok' }];
  }
}

function holderOf(known: ReadonlyMap<RelativePath, IndexRecord>, digest: Digest): RelativePath | undefined {
  for (const [path, record] of known) if (record.digest === digest) return path;
  return undefined;
}
