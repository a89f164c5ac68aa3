/**
 * Archive: the stored record of what two replicas last agreed on. Each replica keeps one per peer and profile; the two are the same, byte for byte.
 *
 * In an archive `alpha` is the replica whose id sorts first and `beta` the other, whoever starts a run; the engine turns them round where needed.
 * A commit has two phases: both sides `prepare` generation N+1 durably, then both `commit`. The start compares (generation, digest).
 */
import type { Digest } from '../hash/digest.ts';
import type { Ancestor, AncestorChange } from '../reconcile/ancestor.ts';
import type { ReplicaId } from './replica.ts';
import type { PairSettings } from './settings.ts';

export interface PairKey {
  /** The id that sorts first. */
  readonly alpha: ReplicaId;
  readonly beta: ReplicaId;
  readonly profile: string;
}

export interface ArchiveStore {
  /** `undefined`: never synced (or lost). `SYNC_ARCHIVE_NEWER`: written by a newer format. A damaged archive is `undefined` with `damaged` in {@link ArchiveStatus}. */
  status(): Promise<ArchiveStatus>;
  /** The ancestor of the current generation, journal not folded in. */
  load(): Promise<Ancestor>;
  /**
   * Writes generation `next` as pending, durably, in place of one that is pending already. It becomes visible by `commit` only. Before that, what it says of this
   * side's tree is made durable: where a path cannot be, nothing is pending, and the error names such paths in its details (`notDurable`: all, or none if they are many).
   */
  prepare(commit: ArchiveCommit): Promise<void>;
  /** Makes the pending generation current and forgets the journal records it covers. */
  commit(generation: number): Promise<void>;
  /** Forgets a pending generation. */
  discard(): Promise<void>;
}

export interface ArchiveStatus {
  readonly head: ArchiveHead | undefined;
  readonly damaged: boolean;
  readonly pending: { readonly generation: number; readonly digest: string } | undefined;
  /** It was taken from a mirror, and nothing was committed since: a later one may have been lost. */
  readonly restored?: boolean | undefined;
  /** It is missing or damaged, and a mirror has one. */
  readonly restorable?: boolean | undefined;
  /** What transitions achieved here since `head`, oldest first: an interrupted run left it. Normally empty. */
  readonly journal: readonly AncestorChange[];
}

export interface ArchiveHead {
  /** Counts commits from 1. */
  readonly generation: number;
  /** Hexadecimal: hash over the digest before and the commit's canonical bytes; proves that both sides walked the same way. */
  readonly digest: string;
  readonly settings: PairSettings;
  /** Which end set them last. */
  readonly settingsBy: ReplicaId;
  /** Merkle digests of the two halves, so that a scan can tell that nothing has changed before the halves are read. `undefined`: not known. */
  readonly roots?: ArchiveRoots | undefined;
}

/** Equal digests: nothing is held. */
export interface ArchiveRoots {
  readonly alpha: Digest;
  readonly beta: Digest;
}

export interface ArchiveCommit {
  readonly generation: number;
  readonly changes: readonly AncestorChange[];
  /** Given where they change (and in the first commit). */
  readonly settings?: { readonly value: PairSettings; readonly by: ReplicaId } | undefined;
  readonly durability: 'full' | 'fast';
}

/** The archive's name for the pair of two replicas. */
export function pairKey(one: ReplicaId, other: ReplicaId, profile: string): PairKey {
  return one < other ? { alpha: one, beta: other, profile } : { alpha: other, beta: one, profile };
}
