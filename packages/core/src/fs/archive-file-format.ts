/**
 * What is in an archive file: one snapshot, then a log.
 *
 * | record   | base of its check        | payload                                                                             |
 * |----------|--------------------------|-------------------------------------------------------------------------------------|
 * | snapshot | zeros                    | pair, generation, digest, settings, roots, both trees, Merkle digests. The first one |
 * | delta    | digest of the head       | generation, changes, settings if they change. Its check is the digest of that generation |
 * | commit   | digest of the delta      | generation: the delta before it is current from here on; roots                       |
 * | restored | digest of the head       | All before it was taken from a mirror, which may have lagged behind                  |
 *
 * A delta without its commit is a pending generation. The digest chain (digest N+1 = SHA-256 over digest N and the bytes of delta N+1) is the same on both
 * ends, because both write the same changes in the same bytes; a snapshot takes the place of all before it and keeps generation and digest.
 */

import type { ArchiveCommit, ArchiveHead, ArchiveRoots, PairKey } from '../engine/archive-store.ts';
import type { ReplicaId } from '../engine/replica.ts';
import type { PairSettings } from '../engine/settings.ts';
import { canonicalJson } from '../engine/sync-settings.ts';
import type { Digest, DigestKind } from '../hash/digest.ts';
import type { Ancestor, AncestorChange } from '../reconcile/ancestor.ts';
import { assert } from '../util/assert.ts';
import type { Parsed } from '../util/parsed.ts';
import { changesToTable, tableToChanges } from './ancestor-table.ts';
import { buildAncestor, flattenAncestor } from './ancestor-tree.ts';
import { isOfPair, pairToList } from './pair-file-name.ts';
import { type Check, checkOf, encodeHeader, encodeRecord, isLastButOne, readHeader, readRecord } from './record-file.ts';

/** Where the log of an archive stands. */
export interface ArchivePosition {
  /** 0: nothing was committed yet. */
  readonly generation: number;
  readonly digest: Check;
  readonly settings: PairSettings | undefined;
  readonly settingsBy: ReplicaId | undefined;
  /** Merkle digests of the two trees, if they were known when it was written. No part of the chain: they follow from it. */
  readonly roots?: ArchiveRoots | undefined;
}

export interface ArchiveContents {
  readonly position: ArchivePosition;
  /** To be decoded by `decodeSnapshot`; a view of the bytes read, as the deltas are. */
  readonly snapshot: unknown;
  /** The kind of hash of the Merkle digests in the snapshot. */
  readonly merkleKind: DigestKind;
  /** Committed ones, oldest first. */
  readonly deltas: readonly Delta[];
  readonly pending: PendingDelta | undefined;
  /** It was taken from a mirror, and nothing was committed since. */
  readonly restored: boolean;
  /** Where the snapshot ends, and where the last committed record does. */
  readonly snapshotEnd: number;
  readonly committedEnd: number;
  /** Where the pending delta ends; `committedEnd` without one. What is behind it was never completely written. */
  readonly end: number;
}

export interface PendingDelta {
  /** What the archive will be once it is committed. */
  readonly position: ArchivePosition;
  readonly delta: Delta;
}

/** What a generation changes: as it was read from a file, or as it was written by this process. */
export type Delta = { readonly payload: unknown } | { readonly changes: readonly AncestorChange[] };

/** Reads a whole file. `undefined`: damaged, or of another pair than the one given. `SYNC_ARCHIVE_NEWER`. */
export function readArchive(bytes: Uint8Array, pair?: PairKey): ArchiveContents | undefined {
  const header = readHeader(bytes, 'archive', archiveVersion);
  if (header.state !== 'ok') return undefined;
  const first = readRecord(bytes, header.end, snapshotBase);
  if (first.state !== 'record') return undefined;
  const snapshot = first.payload;
  let position = readSnapshotPosition(snapshot, pair);
  if (position === undefined) return undefined;
  const merkleKind = position.settings?.digest ?? 'fast';
  const deltas: Delta[] = [];
  let pending: PendingDelta | undefined;
  let restored = false;
  let committedEnd = first.end;
  let end = first.end;
  for (;;) {
    const record = readRecord(bytes, end, pending?.position.digest ?? position.digest);
    // A commit is not synced. Until the delta behind it is, a power cut may tear both: then neither was completely written.
    if (record.state === 'damaged' && !(pending !== undefined && isLastButOne(bytes, end))) return undefined;
    if (record.state !== 'record') return { position, snapshot, merkleKind, deltas, pending, restored, snapshotEnd: first.end, committedEnd, end };
    end = record.end;
    if (pending === undefined && isRestored(record.payload)) {
      restored = true;
      committedEnd = end;
    } else if (pending === undefined) {
      const next = readDeltaPosition(record.payload, record.check, position);
      if (next === undefined) return undefined;
      pending = { position: next, delta: { payload: record.payload } };
    } else {
      if (!isCommit(record.payload, pending.position.generation)) return undefined;
      position = { ...pending.position, roots: readRoots(record.payload) };
      deltas.push(pending.delta);
      pending = undefined;
      restored = false;
      committedEnd = end;
    }
  }
}

/** Whose archive a file is. `undefined`: damaged. `SYNC_ARCHIVE_NEWER`. */
export function pairOfArchive(bytes: Uint8Array): PairKey | undefined {
  const { pair } = (readArchive(bytes)?.snapshot ?? {}) as Fields;
  if (!Array.isArray(pair) || pair.length !== 3 || !pair.every((part) => typeof part === 'string')) return undefined;
  const [alpha, beta, profile] = pair as [ReplicaId, ReplicaId, string];
  return { alpha, beta, profile };
}

/** A whole file that holds one state. */
export function encodeArchive(pair: PairKey, position: ArchivePosition, ancestor: Ancestor): Uint8Array {
  const flat = flattenAncestor(ancestor);
  const complete = flat.merkles.every((merkle) => merkle.length === flat.merkles[0]?.length && merkle !== '');
  const { bytes } = encodeRecord(snapshotBase, {
    type: 'snapshot',
    pair: pairToList(pair),
    generation: position.generation,
    digest: position.digest,
    ...settingsFields(position.settings, position.settingsBy),
    ...rootsFields(position.roots),
    ...changesToTable(flat.changes),
    merkles: Buffer.from(complete ? flat.merkles.join('') : '', 'latin1'),
    merkleBytes: complete ? (flat.merkles[0]?.length ?? 0) : 0,
  });
  return Buffer.concat([encodeHeader('archive', archiveVersion), bytes]);
}

/** The state before the first commit of a pair. */
export function emptyPosition(pair: PairKey): ArchivePosition {
  return { generation: 0, digest: firstDigest(pair), settings: undefined, settingsBy: undefined };
}

/** A record to be appended to a log that stands at `position`. What cannot be read again is not written: the changes given are a bug then. */
export function encodeDelta(position: ArchivePosition, commit: ArchiveCommit): { readonly bytes: Uint8Array; readonly pending: PendingDelta } {
  const payload = {
    type: 'delta',
    generation: commit.generation,
    ...settingsFields(commit.settings?.value, commit.settings?.by),
    ...changesToTable(commit.changes),
  };
  const read = tableToChanges(payload, limits);
  assert(read.ok, () => 'what is written into an archive can be read again');
  const { bytes, check } = encodeRecord(position.digest, payload);
  const { value: settings, by: settingsBy } = commit.settings ?? { value: position.settings, by: position.settingsBy };
  return { bytes, pending: { position: { generation: commit.generation, digest: check, settings, settingsBy }, delta: { changes: read.value } } };
}

export function encodeCommit({ position }: PendingDelta, roots: ArchiveRoots | undefined): Uint8Array {
  return encodeRecord(position.digest, { type: 'commit', generation: position.generation, ...rootsFields(roots) }).bytes;
}

/** What an archive's file is to be when it is taken from a mirror's copy of it: as far as it was committed. `undefined`: the copy is damaged. `SYNC_ARCHIVE_NEWER`. */
export function encodeRestored(bytes: Uint8Array): Uint8Array | undefined {
  const contents = readArchive(bytes);
  return contents && Buffer.concat([bytes.subarray(0, contents.committedEnd), encodeRecord(contents.position.digest, { type: 'restored' }).bytes]);
}

/** The trees of a snapshot. Merkle digests are there where they were when it was written, on alpha's half. */
export function decodeSnapshot(snapshot: unknown): Parsed<Ancestor> {
  const changes = tableToChanges(snapshot, limits);
  if (!changes.ok) return changes;
  const { merkles, merkleBytes } = (snapshot ?? {}) as { readonly merkles?: unknown; readonly merkleBytes?: unknown };
  if (!(merkles instanceof Uint8Array) || typeof merkleBytes !== 'number' || !Number.isSafeInteger(merkleBytes) || merkleBytes < 0) {
    return { ok: false, error: 'no Merkle digests' };
  }
  return buildAncestor({ changes: changes.value, merkles: merkleBytes === 0 ? undefined : cut(merkles, merkleBytes) });
}

export function decodeDelta(delta: Delta): Parsed<readonly AncestorChange[]> {
  return 'changes' in delta ? { ok: true, value: delta.changes } : tableToChanges(delta.payload, limits);
}

/** The head as the engine sees it. */
export function toHead({ generation, digest, settings, settingsBy, roots }: ArchivePosition): ArchiveHead | undefined {
  if (generation === 0 || settings === undefined || settingsBy === undefined) return undefined;
  return { generation, digest: Buffer.from(digest).toString('hex'), settings, settingsBy, roots };
}

const archiveVersion = 2;
/** Nothing comes before a snapshot. */
const snapshotBase: Check = new Uint8Array(32);
/** Bounds what a file can make us allocate; a tree of this size would be past what one process holds. */
const limits = { nodesMax: 20_000_000 } as const;

function firstDigest(pair: PairKey): Check {
  return checkOf(Buffer.from('ubos-sync archive\0'), Buffer.from(JSON.stringify(pairToList(pair))));
}

/** Settings are stored as their canonical text, so that equal ones are equal bytes. */
function settingsFields(settings: PairSettings | undefined, by: ReplicaId | undefined): { readonly settings?: string; readonly by?: string } {
  return settings === undefined || by === undefined ? {} : { settings: canonicalJson(settings), by };
}

function rootsFields(roots: ArchiveRoots | undefined): { readonly roots?: readonly Uint8Array[] } {
  return roots === undefined ? {} : { roots: [Buffer.from(roots.alpha, 'latin1'), Buffer.from(roots.beta, 'latin1')] };
}

/** What is not as it was written here counts as not known. */
function readRoots(payload: unknown): ArchiveRoots | undefined {
  const { roots } = (payload ?? {}) as Fields;
  if (!Array.isArray(roots) || roots.length !== 2 || !roots.every((root) => root instanceof Uint8Array)) return undefined;
  const [alpha, beta] = roots.map((root: Uint8Array) => Buffer.from(root).toString('latin1') as Digest);
  return alpha === undefined || beta === undefined ? undefined : { alpha, beta };
}

type Fields = Readonly<Record<string, unknown>>;

function readSnapshotPosition(payload: unknown, pair: PairKey | undefined): ArchivePosition | undefined {
  const { type, pair: found, generation, digest, ...rest } = (payload ?? {}) as Fields;
  if (
    type !== 'snapshot' ||
    (pair !== undefined && !isOfPair(found, pair)) ||
    !isGeneration(generation) ||
    !(digest instanceof Uint8Array) ||
    digest.length !== 32
  )
    return undefined;
  const settings = readSettings(rest);
  if (settings === undefined || generation > 0 !== (settings.settings !== undefined)) return undefined;
  return { generation, digest, ...settings, roots: readRoots(payload) };
}

function readDeltaPosition(payload: unknown, check: Check, before: ArchivePosition): ArchivePosition | undefined {
  const { type, generation, ...rest } = (payload ?? {}) as Fields;
  const settings = readSettings(rest);
  if (type !== 'delta' || generation !== before.generation + 1 || settings === undefined) return undefined;
  const { settings: old, settingsBy } = before;
  if (settings.settings !== undefined) return { generation, digest: check, ...settings };
  return old === undefined ? undefined : { generation, digest: check, settings: old, settingsBy };
}

/** The check has proved that these are the bytes that were written, so this asks no more than that they are what is expected here. */
function readSettings({ settings, by }: Fields): Pick<ArchivePosition, 'settings' | 'settingsBy'> | undefined {
  if (settings === undefined && by === undefined) return { settings: undefined, settingsBy: undefined };
  if (typeof settings !== 'string' || typeof by !== 'string') return undefined;
  try {
    return { settings: JSON.parse(settings) as PairSettings, settingsBy: by as ReplicaId };
  } catch {
    return undefined;
  }
}

function isCommit(payload: unknown, generation: number): boolean {
  const fields = (payload ?? {}) as Fields;
  return fields.type === 'commit' && fields.generation === generation;
}

function isRestored(payload: unknown): boolean {
  return ((payload ?? {}) as Fields).type === 'restored';
}

function isGeneration(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function cut(bytes: Uint8Array, each: number): Digest[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const digests: Digest[] = [];
  for (let at = 0; at < text.length; at += each) digests.push(text.slice(at, at + each) as Digest);
  return digests;
}
