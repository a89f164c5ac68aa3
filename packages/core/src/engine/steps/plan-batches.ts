/**
 * Cuts a plan into batches, each staged, made and committed by itself: one huge file does not hold up a one-line change, and what was
 * achieved before an interruption stays achieved.
 *
 * Order: small files first, then files above `largeFileBytes` by size, deletions last (so that content that is only moving is still there
 * to be copied). Three things keep their place: a directory is made before what is in it, what is in a directory is removed before something else takes
 * the directory's place, and the loser of a conflict is copied before the winner takes its name.
 *
 * What one side changes where the other one's files move to (an edit that follows its file to the new name) comes after all of that, in batches of its own:
 * by then it is known that they have moved, and the content is there.
 */
import type { Change } from '../../reconcile/change.ts';
import type { Side } from '../../reconcile/plan.ts';
import { parentPath, type RelativePath } from '../../tree/path.ts';

export type Batch = Readonly<Record<Side, readonly Change[]>>;

export interface BatchLimits {
  readonly contentBytes: number;
  readonly items: number;
}

export const defaultBatchLimits: BatchLimits = { contentBytes: 1024 ** 3, items: 10_000 };

/** A file above this is moved behind the small ones. */
const largeFileBytes = 8 * 1024 ** 2;

export interface BatchOptions {
  readonly limits?: BatchLimits | undefined;
  /** Whether a path is the name of a kept loser. */
  readonly isCopy?: ((path: RelativePath) => boolean) | undefined;
}

export function planBatches(
  alpha: readonly Change[],
  beta: readonly Change[],
  { limits = defaultBatchLimits, isCopy = () => false }: BatchOptions = {},
): readonly Batch[] {
  const [left, leftAfter] = apart(alpha, beta);
  const [right, rightAfter] = apart(beta, alpha);
  return [
    ...beside(cut(inOrder(left, isCopy), limits), cut(inOrder(right, isCopy), limits)),
    ...beside(cut(inOrder(leftAfter, isCopy), limits), cut(inOrder(rightAfter, isCopy), limits)),
  ];
}

/** One side's changes, those apart that follow what moves on the other. */
function apart(changes: readonly Change[], other: readonly Change[]): readonly [readonly Change[], readonly Change[]] {
  const moving = new Set(other.flatMap(({ path, from }) => (from === undefined ? [] : [path])));
  if (moving.size === 0) return [changes, []];
  return [changes.filter(({ path }) => !moving.has(path)), changes.filter(({ path }) => moving.has(path))];
}

function beside(left: readonly (readonly Change[])[], right: readonly (readonly Change[])[]): readonly Batch[] {
  const count = Math.max(left.length, right.length);
  return Array.from({ length: count }, (_, index) => ({ alpha: left[index] ?? [], beta: right[index] ?? [] }));
}

function inOrder(changes: readonly Change[], isCopy: (path: RelativePath) => boolean): readonly Change[] {
  const replacedDirectories = new Set<RelativePath>();
  for (const change of changes) {
    if (change.old?.kind === 'directory' && change.new !== undefined && change.new.kind !== 'directory') replacedDirectories.add(change.path);
  }
  const makes: Change[] = [];
  const large: Change[] = [];
  const deletions: Change[] = [];
  for (const change of changes) {
    if (change.new === undefined && !isBelowAny(change.path, replacedDirectories)) deletions.push(change);
    // A file that takes the place of a directory stays where it is in the order, whatever its size.
    else if (contentBytesOf(change) > largeFileBytes && change.old?.kind !== 'directory' && !isCopy(change.path)) large.push(change);
    else makes.push(change);
  }
  large.sort((a, b) => contentBytesOf(a) - contentBytesOf(b));
  return [...makes, ...large, ...deletions];
}

function cut(changes: readonly Change[], limits: BatchLimits): readonly (readonly Change[])[] {
  const batches: Change[][] = [];
  let current: Change[] = [];
  let bytes = 0;
  for (const change of changes) {
    const more = contentBytesOf(change);
    if (current.length > 0 && (current.length >= limits.items || bytes + more > limits.contentBytes)) {
      batches.push(current);
      current = [];
      bytes = 0;
    }
    current.push(change);
    bytes += more;
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

/** Content that the change may need; permissions alone need none, and neither does a move. */
function contentBytesOf({ old, new: next, from }: Change): number {
  if (next?.kind !== 'file' || from !== undefined) return 0;
  return old?.kind === 'file' && old.digest === next.digest && old.sizeBytes === next.sizeBytes ? 0 : next.sizeBytes;
}

function isBelowAny(path: RelativePath, directories: ReadonlySet<RelativePath>): boolean {
  if (directories.size === 0) return false;
  for (let at = parentPath(path); at !== undefined; at = parentPath(at)) if (directories.has(at)) return true;
  return false;
}
