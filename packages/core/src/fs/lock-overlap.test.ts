import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type PairKey, pairKey } from '../engine/archive-store.ts';
import type { ReplicaId } from '../engine/replica.ts';
import { defaultSyncSettings, toPairSettings } from '../engine/sync-settings.ts';
import type { ScopeRules } from '../scope/rules.ts';
import { path as at, dir } from '../testing/trees.ts';
import { createArchiveFile } from './archive-file.ts';
import { findOverlap, mustNotOverlap } from './lock-overlap.ts';
import { makeMarker } from './marker.ts';
import { createNodeDisk } from './node-disk.ts';
import { makeStateFolder } from './state-folder.ts';
import { noTraces } from './test-support/pair-archives.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const disk = createNodeDisk();
const id = 'outer' as ReplicaId;
let base: string;
let inner: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'ubos-overlap-')));
  inner = join(base, 'srv/app');
  mkdirSync(inner, { recursive: true });
});

afterEach(() => {
  rmSync(base, { recursive: true });
});

it('an outer root that syncs everything takes the inner one in', async () => {
  await sync({});
  expect(findOverlap(disk, inner)).toEqual({ outer: base, inner: 'srv/app' });
  expect(() => mustNotOverlap(disk, inner)).toThrow(expect.objectContaining({ code: 'SYNC_ROOTS_OVERLAP' }) as Error);
});

it('one that excludes it does not, nor one that includes other folders', async () => {
  await sync({ exclude: ['/srv/app/'] });
  expect(findOverlap(disk, inner)).toBeUndefined();
  await sync({ include: ['home'] }, 'other');
  expect(findOverlap(disk, inner)).toBeUndefined();
  mustNotOverlap(disk, inner);
});

it('one that syncs something in it does, also for one of several peers', async () => {
  await sync({ exclude: ['/srv/app/'] });
  await sync({ include: ['srv/app/config'] }, 'other');
  expect(findOverlap(disk, inner)).toMatchObject({ outer: base });
});

it('one that was never synced does not, nor the root itself', async () => {
  const root = mustOpen(base);
  (await makeStateFolder(root, { rootPath: base })).close();
  root.close();
  expect(findOverlap(disk, inner)).toBeUndefined();
  await sync({});
  expect(findOverlap(disk, base)).toBeUndefined();
});

it('one that may not be looked at is passed over', async () => {
  await sync({});
  const closed = wrapDisk(disk, ({ call, name }) => {
    if (call === 'openDirectory' && name === '.ubos-sync') throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
  });
  expect(findOverlap(closed, inner)).toBeUndefined();
});

/** Makes `base` a root that was synced once with this scope. */
async function sync(scope: Partial<ScopeRules>, peer = 'peer'): Promise<void> {
  const root = mustOpen(base);
  const state = await makeStateFolder(root, { rootPath: base });
  await makeMarker(state.directory, { id, fileSystemType: 1 });
  const pair: PairKey = pairKey(id, peer as ReplicaId, 'default');
  const folder = (name: 'archive' | 'journal') => ({ look: () => state.look(name), make: () => state.make(name) });
  const archive = createArchiveFile({
    pair,
    archiveFolder: folder('archive'),
    journalFolder: folder('journal'),
    boot: 'this boot',
    traces: noTraces,
  });
  const value = toPairSettings({ ...defaultSyncSettings, scope: { include: [], exclude: [], guard: [], ...scope } }, pair);
  await archive.prepare({ generation: 1, changes: [{ path: at(''), alpha: dir(), beta: dir() }], settings: { value, by: id }, durability: 'full' });
  await archive.commit(1);
  state.close();
  root.close();
}

function mustOpen(path: string): NonNullable<ReturnType<typeof disk.openRoot>> {
  const opened = disk.openRoot(path);
  if (opened === undefined) throw new Error(`no ${path}`);
  return opened;
}
