import type { ArchiveCommit, ArchiveRoots, ArchiveStatus, ArchiveStore } from '../engine/archive-store.ts';
import { SyncError } from '../engine/errors.ts';
import { canonicalJson } from '../engine/sync-settings.ts';
import { digestHex } from '../hash/digest.ts';
import { withMerkle } from '../hash/merkle.ts';
import { type Ancestor, agreed } from '../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../reconcile/apply-ancestor.ts';
import type { Entry } from '../tree/entry.ts';
import type { MemoryArchive, MemoryDisk } from './memory-disk.ts';
import { toyHash } from './toy-hash.ts';

/** The archive of one pair on a memory disk. `step` is called before every write, so that a test can stop there. */
export function openMemoryArchive(disk: MemoryDisk, key: string, step: (name: string) => void): ArchiveStore {
  const record = (): MemoryArchive | undefined => disk.archives.get(key);
  const make = (): MemoryArchive => {
    const made = record() ?? { head: undefined, ancestor: agreed(undefined), pending: undefined, journal: [], damaged: false };
    disk.archives.set(key, made);
    return made;
  };
  return {
    status(): Promise<ArchiveStatus> {
      const archive = record();
      return Promise.resolve({
        head: archive?.damaged ? undefined : archive?.head,
        damaged: archive?.damaged ?? false,
        pending: archive?.pending && { generation: archive.pending.commit.generation, digest: archive.pending.digest },
        journal: [...(archive?.journal ?? [])],
      });
    },
    load(): Promise<Ancestor> {
      return Promise.resolve(record()?.ancestor ?? agreed(undefined));
    },
    prepare(commit): Promise<void> {
      step('prepare');
      disk.writes++;
      const archive = make();
      archive.pending = { commit, digest: chain(archive.head?.digest ?? '', commit) };
      return Promise.resolve();
    },
    commit(generation): Promise<void> {
      step('commit');
      disk.writes++;
      const archive = make();
      const pending = archive.pending;
      if (pending === undefined || pending.commit.generation !== generation) {
        return Promise.reject(new SyncError('SYNC_ARCHIVE_DAMAGED', `generation ${generation} is not pending`));
      }
      const settings = pending.commit.settings ?? (archive.head && { value: archive.head.settings, by: archive.head.settingsBy });
      if (settings === undefined) return Promise.reject(new SyncError('SYNC_ARCHIVE_DAMAGED', 'a first commit carries settings'));
      archive.ancestor = applyAncestorChanges(archive.ancestor, pending.commit.changes);
      archive.head = { generation, digest: pending.digest, settings: settings.value, settingsBy: settings.by, roots: rootsOf(archive.ancestor) };
      archive.pending = undefined;
      archive.journal = [];
      archive.damaged = false;
      return Promise.resolve();
    },
    discard(): Promise<void> {
      step('discard');
      const archive = record();
      if (archive?.pending !== undefined) {
        disk.writes++;
        archive.pending = undefined;
      }
      return Promise.resolve();
    },
  };
}

function rootsOf(ancestor: Ancestor): ArchiveRoots | undefined {
  const [alpha, beta] = [ancestor.alpha, ancestor.beta].map((half) => half && withMerkle(half, toyHash));
  if (alpha?.kind !== 'directory' || beta?.kind !== 'directory' || alpha.merkle === undefined || beta.merkle === undefined) return undefined;
  return { alpha: alpha.merkle, beta: beta.merkle };
}

function chain(before: string, commit: ArchiveCommit): string {
  // Nodes by themselves, as they cross a wire: what a directory given here carries besides is no part of the change.
  const changes = commit.changes.map(({ path, alpha, beta }) => ({ path, alpha: bare(alpha), beta: bare(beta) }));
  const text = canonicalJson({ before, generation: commit.generation, changes, settings: commit.settings });
  return digestHex(toyHash(new TextEncoder().encode(text)));
}

function bare(entry: Entry | undefined): Entry | undefined {
  return entry?.kind === 'directory' ? { kind: 'directory', mode: entry.mode, children: [], hasUntracked: entry.hasUntracked } : entry;
}
