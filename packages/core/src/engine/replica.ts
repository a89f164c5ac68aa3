/**
 * The replica: one copy of the tree, and everything the engine asks of it. Memory, disk and wire implement it alike;
 * `describeReplica` of `@ubos/sync-core/testing` is its law.
 *
 * The order of a run: `identify`, `lock`, `archive`, `scan`, and then for each batch `stage` (which pulls from the other side's `supply`),
 * `transition`, archive commit; `release` of the lock, `close`. Calls are carried out in the order in which they are made, so that `lock`, `status` and
 * `scan` can be asked for at once: a scan that was asked for after a lock begins when the lock is taken, and fails if it is not. A replica enforces by itself what it was told in the last `scan`: scope, guards and permission masks.
 */
import type { Digest, DigestKind } from '../hash/digest.ts';
import type { Change } from '../reconcile/change.ts';
import type { DoneChange } from '../reconcile/undo.ts';
import type { Folding } from '../scope/rules.ts';
import type { Entry, Mode } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import type { Brand } from '../util/brand.ts';
import type { AdmissionRecord } from './admission.ts';
import type { ArchiveStore, PairKey } from './archive-store.ts';
import type { ScanSettings } from './settings.ts';

/** UUID of one copy of a tree, made once, kept in its marker. */
export type ReplicaId = Brand<string, 'ReplicaId'>;

export interface Replica {
  readonly capabilities: ReplicaCapabilities;
  /** Who this is and what its root is like now. Writes nothing. */
  identify(): Promise<ReplicaIdentity>;
  /** Makes marker and state folder if they are missing, and returns the id. Never called in a dry run. `SYNC_ROOT_MISSING`, `SYNC_REMOTE_NOT_WRITABLE`. */
  establish(): Promise<ReplicaId>;
  /**
   * Takes back what this root's state folder has lost from the mirror that its machine keeps outside the root: the marker and the archives of all pairs, or,
   * with `pair`, the archive of that pair, whatever is there of it. What comes back may lag behind by a run, which the archives then say of themselves
   * (`ArchiveStatus.restored`). `undefined`: nothing is lost, or nothing is there to take it from. Missing: there is no mirror.
   * `SYNC_REMOTE_NOT_WRITABLE`, `SYNC_ARCHIVE_NEWER`.
   */
  restore?(options: RestoreOptions): Promise<Restored | undefined>;
  /**
   * Takes the root for this run. Waits at most `waitMs`, then `SYNC_LOCKED` (with the owner in the details). A dead owner's lock is taken over.
   * A replica object may be locked several times by sessions that share it; the root is free again when all have released.
   */
  lock(options: LockOptions): Promise<ReplicaLock>;
  /** Record of what was last agreed with one peer. Cheap; reads nothing yet. */
  archive(pair: PairKey): ArchiveStore;
  /** The tree as it is now. Data problems are entries (`problematic`), not errors. `SYNC_ROOT_MISSING`, `SYNC_ROOT_KIND`. */
  scan(options: ScanOptions): Promise<Snapshot>;
  /**
   * Brings contents safely beside their targets: takes what staging, the tree or the versions already hold, asks `supply` once for the rest, checks every digest.
   * The result has one item per request, in order. After `SYNC_CONTENT_MISMATCH` nothing is left of what was
   * there of that content: whoever stages it again gets it whole. What one content lacks never fails the others; running out of space fails those that follow.
   */
  stage(requests: readonly ContentRequest[], options: StageOptions): Promise<readonly StageResult[]>;
  /** Streams contents of this tree, in the order asked, as they are now; each ends with how it went. Reads nothing that is out of scope. */
  supply(needs: readonly ContentNeed[], options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<readonly ContentPart[]>;
  /**
   * Makes changes, one after the other, in the order given. Before each one the target is looked at again: if it is not `old` any more, it is left alone.
   * What is replaced or deleted is kept as a version. Each result is in the journal before it counts. One result per change, in order.
   *
   * A creation with `from` moves what is there, content and all, if that is still what `from.entry` says; a folder takes along what is in it if all that
   * is in it moves by the changes that follow, and is made anew otherwise. A deletion with `to` finds its entry moved; a file that is still there is left.
   */
  transition(changes: readonly Transition[], options: TransitionOptions): Promise<readonly TransitionResult[]>;
  /** What is known of an earlier run of this pair, for its undo. `undefined`: nothing (any more). Missing: this replica does not remember. */
  recallRun?(pair: PairKey, run: string): Promise<RecalledRun | undefined>;
  /** The gate's word about this root, if there is one. Read before every batch. */
  admission(): Promise<AdmissionRecord | undefined>;
  /** This end's own guards (`ReplicaIdentity.guards`), for the runs that the other end starts. Missing: it does not remember. */
  readonly ownGuards?: OwnGuards | undefined;
  /** Which replica this one met under an address before, so that another one there is noticed. Missing: it does not remember. */
  readonly peers?: PeerBook | undefined;
  /** Time of this replica's clock and how long the question took: for the offset between two machines. */
  time(): Promise<TimeSample>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface OwnGuards {
  /**
   * Keeps what follows from one config in place of what followed from it before; the lists of all configs hold together. `from` names the config.
   * Needs no lock. Durable before it resolves; writes nothing if it is known. `SYNC_CONFIG_INVALID` if all lists together are too long.
   */
  set(from: string, patterns: readonly string[]): Promise<void>;
}

export interface ReplicaCapabilities {
  readonly digests: readonly DigestKind[];
  /** Which permission bits the file system stores: 0o777, 0o111 or 0. */
  readonly modeBits: number;
  readonly symlinks: boolean;
  /** Whether replaced and deleted content is kept. */
  readonly versions: boolean;
  readonly readOnly: boolean;
  /** Another machine: calls cost round trips. */
  readonly remote: boolean;
}

export interface ReplicaIdentity {
  /** `undefined`: no marker. */
  readonly id: ReplicaId | undefined;
  readonly root: RootState;
  /** Resolved absolute path and host, to name the root for people and to find a replica that is its own peer. */
  readonly host: string;
  readonly path: string;
  /** The id that this root had, where its marker is gone and something outside the root still knows. */
  readonly lostId?: ReplicaId | undefined;
  /** Whether {@link Replica.restore} can give that id back: it is this very folder that had it. */
  readonly restorable?: boolean | undefined;
  /** Guards of this end's own: what its config and its agent protect, whoever starts a run. Both ends' guards add up. */
  readonly guards?: readonly string[] | undefined;
  /** What the file system of the root does to names, so that the other side can match guards and excludes likewise. Missing: nothing. */
  readonly folding?: Folding | undefined;
}

export interface RestoreOptions {
  readonly pair?: PairKey | undefined;
  /** Nothing is written: this object goes on as if it were restored, until it is closed. */
  readonly dryRun: boolean;
}

export interface Restored {
  readonly id: ReplicaId;
  /** How many archives came back. */
  readonly archives: number;
}

/** Which replica was met at which address. */
export interface PeerBook {
  get(address: string): Promise<ReplicaId | undefined>;
  /** Durable before it resolves; writes nothing if it is known already. */
  set(address: string, id: ReplicaId): Promise<void>;
}

/** `foreign-fs`: a directory, but on another type of file system than its marker says. */
export type RootState = 'directory' | 'missing' | 'not-a-directory' | 'foreign-fs';

export interface LockOptions {
  readonly waitMs: number;
  /** For the owner's record: who started the run, and which. */
  readonly initiator: string;
  readonly run: string;
  /** A run that changes nothing locks only where state exists already, and makes none. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface ReplicaLock {
  /** Whose it was: an owner that is dead, in words. Missing: it was free. */
  readonly tookOver?: string | undefined;
  /** Twice is fine. */
  release(): Promise<void>;
}

export interface ScanOptions {
  readonly settings: ScanSettings;
  /** Other side's folding, so that guards and excludes match folded names where either side folds them. */
  readonly peerFolding?: Folding | undefined;
  /** May be known only while the scan is under way. */
  readonly baseline?: ScanBaseline | PromiseLike<ScanBaseline | undefined> | undefined;
  /** Hash every file anew, whatever the scan cache says. */
  readonly rehash?: boolean | undefined;
  /** Nothing may be written, not even the scan cache where there is no state folder yet. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly doneItems: number; readonly doneBytes: number }) => void) | undefined;
}

/** What this side's tree was when last agreed, and by which record. A wire sends only what differs from it. */
export interface ScanBaseline {
  readonly pair: PairKey;
  readonly generation: number;
  readonly digest: string;
  /** Merkle digest of the tree. If it is given, and the tree is still the same, the snapshot says no more than that it is. */
  readonly merkle?: Digest | undefined;
  /** The tree. Not asked for where the digest says enough. Nodes that did not change are returned by reference. */
  tree(): Promise<Entry | undefined>;
}

export interface Snapshot {
  /** `undefined`: nothing is there, or it is {@link Snapshot.unchanged}. */
  readonly root: Entry | undefined;
  /** Set only where the digest of a baseline was given, and is that of the tree: fetches the tree, should it be needed all the same. Until the next scan. */
  readonly unchanged?: (() => Promise<Entry | undefined>) | undefined;
  readonly folding: Folding;
  /** Whether the marker was there before and after the scan. Without it absence is no evidence. */
  readonly marked: boolean;
  readonly freeBytes: number;
  /** What the scan did. */
  readonly counts: ScanCounts;
}

export interface ScanCounts {
  readonly entries: number;
  readonly filesHashed: number;
  readonly bytesHashed: number;
  /** Names that are not UTF-8, or longer than a name can be. What has one is left alone: it could not be written on the other side as it is here. */
  readonly unnamed: number;
  /** The first folders that hold such names, at most {@link unnamedInMax}. Missing: none. */
  readonly unnamedIn?: readonly RelativePath[] | undefined;
}

/** Enough to find them by. */
export const unnamedInMax = 5;

/** A content that a transition will need. */
export interface ContentRequest {
  /** Where it is to go, and where the other side has it. */
  readonly path: RelativePath;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** How the new file is to be, where that is known: the content may be stored so at once, which saves a third of the work that a small file is. */
  readonly mode?: Mode | undefined;
  readonly mtimeMs?: number | undefined;
}

/** A content that has to be sent: a request, and from which byte on. What is there already is proved by the digest of the whole. */
export interface ContentNeed extends ContentRequest {
  readonly fromByte: number;
}

/** A piece of one content. Pieces of one content come in order; the last one says how it ended. */
export interface ContentPart {
  /** Index into the needs. */
  readonly need: number;
  /** Valid until the next batch is asked for. */
  readonly bytes: Uint8Array;
  /** `undefined`: more follows. `ok`: complete, and its digest was the one asked for. Else a stable code, such as `SYNC_SOURCE_CHANGED`. */
  readonly end: 'ok' | ContentFailure | undefined;
}

export interface ContentFailure {
  readonly code: string;
  readonly message: string;
}

export interface StageOptions {
  /** Sends what is asked of it; called at most once, and not at all if nothing is missing. */
  readonly supply: (needs: readonly ContentNeed[]) => AsyncIterable<readonly ContentPart[]>;
  readonly run: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of content taken in so far. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

export type StageResult = { readonly staged: true; readonly receivedBytes: number } | ({ readonly staged: false } & ContentFailure);

/** A change to be made here. */
export interface Transition extends Change {
  /** What the other side holds at this path, or `underway` where it is to be changed, too; the journal needs both halves. */
  readonly peer: Entry | undefined;
  /** Of the creation of a file, the kept loser of a conflict: the path that it is beside. The bits that its mask does not show are those of the file there. */
  readonly copyOf?: RelativePath | undefined;
}

export interface TransitionOptions {
  readonly run: string;
  /** The pair whose journal this belongs to, and which half of its ancestor this replica is. */
  readonly pair: PairKey;
  /** Whether this run changes the other side, too: to be remembered, so that its undo misses what the other side does not remember any more. */
  readonly changesPeer?: boolean | undefined;
  /** The run that this one undoes: what comes back has the permission bits again, that the mask does not show, that it had before that run, where they are known. */
  readonly undoes?: string | undefined;
  readonly durability: 'full' | 'fast';
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((doneItems: number) => void) | undefined;
}

/** What one side knows of an earlier run. */
export interface RecalledRun {
  /**
   * What it was about to change here, in order, as far as it is in the scope of the last scan and under its permission masks: each change stands there whether
   * or not it came to pass. Whether a content is lost is told by names alone; nothing is read.
   */
  readonly changes: readonly DoneChange[];
  /** At how many paths it was about to change something that is out of scope by now. Their names are told to nobody. */
  readonly outOfScope: number;
  /** Whether it was to change the other side, too. */
  readonly changesPeer: boolean;
}

export interface TransitionResult {
  /** The node that is there now: `new` if all went well (its mode read back), else what was found. Children are not part of it. */
  readonly achieved: Entry | undefined;
  readonly problem?: { readonly code: string; readonly message: string } | undefined;
}

export interface TimeSample {
  readonly nowMs: number;
  /** Half the round trip: how far `nowMs` may be off. 0 on the same clock. */
  readonly uncertaintyMs: number;
  /** Time of the asking side in the middle of the question. */
  readonly askedAtMs: number;
}
