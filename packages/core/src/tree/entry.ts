/**
 * Entries: the nodes of a tree. A tree is its root entry; absence is `undefined`.
 *
 * Entries are values: immutable, compared by content, shared freely between trees. What a tree holds is only what is in scope.
 * Two trees that share a node share it by reference, which is what makes comparing an unchanged subtree free.
 */
import type { Digest } from '../hash/digest.ts';
import type { Name } from './name.ts';

export type Entry = Directory | File | Symlink | Untracked | Problematic;

/** The entries that can be made on a disk from their description alone; what a plan may contain. */
export type Syncable = Directory | File | Symlink;

export interface Directory {
  readonly kind: 'directory';
  readonly mode: Mode;
  /** Sorted by `compareNames`, each name once. */
  readonly children: readonly Child[];
  /** Merkle digest over kind, names, modes and content of all below, if it was computed. Equal digests: equal subtrees. */
  readonly merkle?: Digest | undefined;
  /** Something in it (at this level) is out of scope or untracked: it can neither be removed nor moved as a unit. In no digest. */
  readonly hasUntracked?: true | undefined;
}

export interface Child {
  readonly name: Name;
  readonly entry: Entry;
}

export interface File {
  readonly kind: 'file';
  readonly mode: Mode;
  readonly sizeBytes: number;
  /** Digest of the content. Equal content is equal digest and equal size. */
  readonly digest: Digest;
  /** Modification time, milliseconds since 1970 with their fraction, by the clock of the machine that holds it. Never a difference by itself. */
  readonly mtimeMs: number;
}

export interface Symlink {
  readonly kind: 'symlink';
  /** The text of the link, as data. */
  readonly target: string;
  readonly mtimeMs: number;
}

/** In scope by name, but left alone: a FIFO, socket or device, a mount point, a link that the link policy does not carry. */
export interface Untracked {
  readonly kind: 'untracked';
  readonly reason: UntrackedReason;
}

export type UntrackedReason = 'special' | 'mount-point' | 'link-not-portable' | 'links-ignored' | 'placeholder';

const untrackedReasons: readonly unknown[] = [
  'special',
  'mount-point',
  'link-not-portable',
  'links-ignored',
  'placeholder',
] satisfies UntrackedReason[];

export function isUntrackedReason(value: unknown): value is UntrackedReason {
  return untrackedReasons.includes(value);
}

/** Any time a JavaScript date can name; more would be an attack or a damaged disk. */
export function isTime(milliseconds: unknown): milliseconds is number {
  return typeof milliseconds === 'number' && Math.abs(milliseconds) <= 8.64e15;
}

/** In scope, but its state could not be learnt (or not completely): nothing is decided about it or below it. */
export interface Problematic {
  readonly kind: 'problematic';
  /** Stable code of the cause, such as `EACCES` or `SYNC_CHANGED_WHILE_READ`. */
  readonly code: string;
}

/** Permission bits under the pair's mask: 0 to 0o777. Set-id and sticky bits are not carried. */
export type Mode = number;

/** Whether two nodes are the same by themselves, children of directories not looked at. mtime is not compared. */
export function sameNode(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  switch (a.kind) {
    case 'directory':
      return b.kind === 'directory' && a.mode === b.mode;
    case 'file':
      return b.kind === 'file' && a.mode === b.mode && sameContent(a, b);
    case 'symlink':
      return b.kind === 'symlink' && a.target === b.target;
    case 'untracked':
      return b.kind === 'untracked' && a.reason === b.reason;
    case 'problematic':
      return b.kind === 'problematic' && a.code === b.code;
  }
}

/** The same node to the last field: times and `hasUntracked` too. Children are not looked at. */
export function isIdenticalNode(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || !sameNode(a, b)) return false;
  if (a.kind === 'directory') return b.kind === 'directory' && a.hasUntracked === b.hasUntracked;
  return timeOf(a) === timeOf(b);
}

function timeOf(entry: Entry): number | undefined {
  return entry.kind === 'file' || entry.kind === 'symlink' ? entry.mtimeMs : undefined;
}

/** The node by itself: a directory without its children, everything else as it is. What changes are made of. */
export function nodeOf<E extends Entry>(entry: E): E {
  if (entry.kind !== 'directory' || (entry.children.length === 0 && entry.merkle === undefined)) return entry;
  const { mode, hasUntracked } = entry;
  const node: Directory = hasUntracked ? { kind: 'directory', mode, children: [], hasUntracked } : { kind: 'directory', mode, children: [] };
  return node as E;
}

export function sameContent(a: File, b: File): boolean {
  return a.digest === b.digest && a.sizeBytes === b.sizeBytes;
}

export function isSyncable(entry: Entry | undefined): entry is Syncable {
  return entry !== undefined && (entry.kind === 'directory' || entry.kind === 'file' || entry.kind === 'symlink');
}
