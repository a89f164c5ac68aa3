/**
 * What this end knows of a root by itself: no scan, no peer, no lock, and nothing is written. For questions that have to be answered also while the other
 * end cannot be reached.
 */
import { resolve } from 'node:path';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import type { ReplicaId } from '../engine/replica.ts';
import type { Ancestor } from '../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../reconcile/apply-ancestor.ts';
import { exactNames, type Folding } from '../scope/rules.ts';
import { archiveBytesMax, createArchiveFile } from './archive-file.ts';
import { pairOfArchive } from './archive-file-format.ts';
import { readWholeFile } from './atomic-write.ts';
import { learnDiskFacts } from './disk-facts.ts';
import { placeOfTraces, tracesIn } from './fs-replica-archives.ts';
import { bootName, createProcessTable } from './lock-owner.ts';
import { readMarker } from './marker.ts';
import { createNodeDisk } from './node-disk.ts';
import { readOwnGuards } from './own-guards.ts';
import { readPeers } from './peer-book.ts';
import { openStateFolder, type StateFolder } from './state-folder.ts';
import { systemClock } from './system-clock.ts';

export interface RootRecord {
  /** `undefined`: never synced. */
  readonly id: ReplicaId | undefined;
  /** What the configs in use at this root keep out of every sync. */
  readonly guards: readonly string[];
  readonly folding: Folding;
  /** One for each replica that this one was synced with under the profile, in the order of their ids. */
  readonly pairs: readonly PairRecord[];
}

/** What was agreed with one peer. */
export interface PairRecord {
  readonly peer: ReplicaId;
  /** `host:path` of the peer, if this end has ever started a run. */
  readonly address: string | undefined;
  readonly generation: number;
  /** `alpha` is this root. What an interrupted run achieved here is part of it. */
  readonly ancestor: Ancestor;
}

/** `SYNC_STATE_UNSAFE`, `SYNC_ARCHIVE_NEWER`, `SYNC_ARCHIVE_DAMAGED`. A root that is not there has no record. */
export async function readRootRecord(
  path: string,
  { profile, disk = createNodeDisk() }: { readonly profile: string; readonly disk?: Disk | undefined },
): Promise<RootRecord> {
  const rootPath = resolve(path);
  const root = disk.openRoot(rootPath);
  if (root === undefined) return { id: undefined, guards: [], folding: exactNames, pairs: [] };
  let state: StateFolder | undefined;
  try {
    state = openStateFolder(root, { rootPath, uid: disk.uid });
    const { folding } = await learnDiskFacts({ root, state: state?.directory, mayWrite: false, clock: systemClock });
    const reading = state && readMarker(state.directory);
    if (state === undefined || reading?.state !== 'present') return { id: undefined, guards: [], folding, pairs: [] };
    const { id } = reading.marker;
    return { id, guards: readOwnGuards(state), folding, pairs: await readPairs(root, state, id, profile) };
  } finally {
    state?.close();
    root.close();
  }
}

async function readPairs(root: DiskDirectory, state: StateFolder, id: ReplicaId, profile: string): Promise<readonly PairRecord[]> {
  const folder = state.look('archive');
  if (folder === undefined) return [];
  const addresses = new Map([...readPeers(state.directory)].map(([address, peer]) => [peer, address.slice(address.indexOf('@') + 1)]));
  const pairs: PairRecord[] = [];
  for (const { name } of folder.list()) {
    const bytes = name?.endsWith('.archive') ? readWholeFile(folder, name, archiveBytesMax) : undefined;
    const pair = bytes && pairOfArchive(bytes);
    if (pair === undefined || pair.profile !== profile || (pair.alpha !== id && pair.beta !== id)) continue;
    const lazy = { look: () => folder, make: () => folder };
    const file = createArchiveFile({
      pair,
      archiveFolder: lazy,
      journalFolder: { look: () => state.look('journal'), make: () => state.make('journal') },
      boot: bootName(createProcessTable().self),
      traces: tracesIn(() => placeOfTraces(root, state, pair.alpha === id ? 'alpha' : 'beta')),
    });
    const { head, journal } = await file.status();
    const ancestor = applyAncestorChanges(await file.load(), journal);
    file.journal.close();
    const isAlpha = pair.alpha === id;
    const peer = isAlpha ? pair.beta : pair.alpha;
    pairs.push({
      peer,
      address: addresses.get(peer),
      generation: head?.generation ?? 0,
      ancestor: isAlpha ? ancestor : { alpha: ancestor.beta, beta: ancestor.alpha },
    });
  }
  return pairs.sort((a, b) => (a.peer < b.peer ? -1 : 1));
}
