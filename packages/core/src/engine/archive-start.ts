/**
 * Where a run starts: what the two ends' archives say together. The start table of DESIGN section 4, row by row.
 *
 * A commit has two phases (both prepare N+1, then both make it current), so there are few states that an interrupted one can leave, and each has its
 * way on. Everything else was not left by a commit: a state folder that was restored, removed or copied. Then nothing is guessed, because an ancestor that is
 * not the common one turns "never had it" into "deleted it".
 *
 * Compared is (generation, digest), never the number alone: the digest chains all commits, so equal ones mean an equal past.
 */
import { type AncestorChange, isUnderway } from '../reconcile/ancestor.ts';
import type { Side } from '../reconcile/plan.ts';
import type { Entry } from '../tree/entry.ts';
import { inWalkOrder } from '../tree/walk-order.ts';
import type { ArchiveHead, ArchiveStatus } from './archive-store.ts';
import type { ReplicaId } from './replica.ts';

export interface ArchiveStartQuestion {
  readonly alpha: ArchiveStatus;
  readonly beta: ArchiveStatus;
  /** An id is missing on a side that was never synced. */
  readonly ids: Readonly<Record<Side, ReplicaId | undefined>>;
  /** An archive that is lost, or not that of the other side, is taken as none: union, nothing is deleted. */
  readonly rejoin?: boolean | undefined;
}

/** What to do first. After `finish-commit` and `discard-pending` the statuses have changed: read and ask again. */
export type ArchiveStart =
  /** Both hold the same and nothing is left over. */
  | { readonly action: 'go-on'; readonly head: ArchiveHead }
  /** The pair has no archive, or none that counts. The first commit is generation 1. Journals mean nothing if `rejoin` is set. */
  | { readonly action: 'first-sync'; readonly rejoin: boolean }
  /** These sides lack the second phase of a commit. */
  | { readonly action: 'finish-commit'; readonly generation: number; readonly sides: readonly Side[] }
  /** These sides hold the first phase of a commit that never had a second. */
  | { readonly action: 'discard-pending'; readonly sides: readonly Side[] }
  /** A run was cut off after it had changed files: fold what it achieved into the ancestor of `head` (the empty one without a head). */
  | { readonly action: 'fold-journals'; readonly head: ArchiveHead | undefined }
  | ArchiveStartHalt;

interface ArchiveStartHalt {
  readonly action: 'halt';
  readonly reason: 'peer-is-self' | 'archive-lost';
  /** The side whose archive is lost, damaged or behind; `undefined`: both, or it cannot be told which of the two. */
  readonly side: Side | undefined;
  readonly message: string;
}

export function decideStart({ alpha, beta, ids, rejoin = false }: ArchiveStartQuestion): ArchiveStart {
  if (ids.alpha !== undefined && ids.alpha === ids.beta) {
    return { action: 'halt', reason: 'peer-is-self', side: undefined, message: 'both sides have the same replica id: one is a copy of the other' };
  }
  return settlePending(alpha, beta) ?? compareHeads(alpha, beta, rejoin);
}

/**
 * The ancestor changes that two journals of an interrupted run amount to, in the orientation of the archive: `alphaJournal` was written by the replica
 * that is alpha there. For each path: a half is what its own side achieved last, else what the other side knew of it when it acted. Where both were to be
 * changed and one was not, that is nothing to remember: the next run decides about the path as if it had not been touched.
 * In an order in which they can be applied: first what is gone on both sides, deepest first, then the rest from the root down.
 */
export function foldJournals(alphaJournal: readonly AncestorChange[], betaJournal: readonly AncestorChange[]): AncestorChange[] {
  const alphaLast = new Map(alphaJournal.map((record) => [record.path, record]));
  const betaLast = new Map(betaJournal.map((record) => [record.path, record]));
  const gone: AncestorChange[] = [];
  const there: AncestorChange[] = [];
  for (const path of inWalkOrder(new Set([...alphaLast.keys(), ...betaLast.keys()]))) {
    const own = alphaLast.get(path);
    const other = betaLast.get(path);
    const alpha: Entry | undefined = own === undefined ? other?.alpha : own.alpha;
    const beta: Entry | undefined = other === undefined ? own?.beta : other.beta;
    if (isUnderway(alpha) || isUnderway(beta)) continue;
    (alpha === undefined && beta === undefined ? gone : there).push({ path, alpha, beta });
  }
  return [...gone.reverse(), ...there];
}

function settlePending(alpha: ArchiveStatus, beta: ArchiveStatus): ArchiveStart | undefined {
  if (alpha.pending === undefined && beta.pending === undefined) return undefined;
  const waiting: Side[] = [];
  if (isSame(alpha.pending, beta.pending) || isSame(alpha.pending, beta.head)) waiting.push('alpha');
  if (isSame(beta.pending, alpha.pending) || isSame(beta.pending, alpha.head)) waiting.push('beta');
  const generation = alpha.pending?.generation ?? beta.pending?.generation;
  if (waiting.length > 0 && generation !== undefined) {
    return { action: 'finish-commit', generation: (waiting[0] === 'alpha' ? alpha : beta).pending?.generation ?? generation, sides: waiting };
  }
  return { action: 'discard-pending', sides: (['alpha', 'beta'] as const).filter((side) => (side === 'alpha' ? alpha : beta).pending !== undefined) };
}

function compareHeads(alpha: ArchiveStatus, beta: ArchiveStatus, rejoin: boolean): ArchiveStart {
  const hasJournal = alpha.journal.length > 0 || beta.journal.length > 0;
  if (isSame(alpha.head, beta.head) && alpha.head !== undefined && !areBothRestored(alpha, beta)) {
    return hasJournal ? { action: 'fold-journals', head: alpha.head } : { action: 'go-on', head: alpha.head };
  }
  const lost = findLost(alpha, beta);
  if (lost === undefined) return hasJournal ? { action: 'fold-journals', head: undefined } : { action: 'first-sync', rejoin: false };
  if (rejoin) return { action: 'first-sync', rejoin: true };
  return { action: 'halt', reason: 'archive-lost', ...lost };
}

/** `undefined`: nothing is lost, there never was an archive, as far as anybody knows. */
function findLost(alpha: ArchiveStatus, beta: ArchiveStatus): { readonly side: Side | undefined; readonly message: string } | undefined {
  if (alpha.damaged && beta.damaged) return { side: undefined, message: 'the archive is damaged on both sides' };
  if (alpha.damaged) return { side: 'alpha', message: 'the archive of this pair is damaged' };
  if (beta.damaged) return { side: 'beta', message: 'the archive of this pair is damaged' };
  if (alpha.head === undefined && beta.head === undefined) {
    // A mirror gets its copy only after a commit, so a pair that has one was synced, whatever became of both archives.
    if (alpha.restorable !== true && beta.restorable !== true) return undefined;
    return { side: undefined, message: 'the archive of this pair is missing on both sides; a mirror has one, so the two have been synced before' };
  }
  if (alpha.head === undefined)
    return { side: 'alpha', message: `the archive of this pair is missing; the other side is at generation ${beta.head?.generation}` };
  if (beta.head === undefined)
    return { side: 'beta', message: `the archive of this pair is missing; the other side is at generation ${alpha.head.generation}` };
  const [left, right] = [alpha.head.generation, beta.head.generation];
  if (areBothRestored(alpha, beta))
    return {
      side: undefined,
      message: `both archives come from mirrors, at generation ${left} and ${right}, and nothing proves that no later one was lost`,
    };
  if (left === right) return { side: undefined, message: `both archives are at generation ${left}, but they have different pasts` };
  return {
    side: left < right ? 'alpha' : 'beta',
    message: `the archive of this pair is at generation ${Math.min(left, right)}, the other side's at ${Math.max(left, right)}`,
  };
}

/** A mirror may lag behind. One that equals the other side's own record is the last one; two that equal each other prove nothing. */
function areBothRestored(alpha: ArchiveStatus, beta: ArchiveStatus): boolean {
  return alpha.restored === true && beta.restored === true;
}

function isSame(a: { readonly generation: number; readonly digest: string } | undefined, b: typeof a): boolean {
  return a !== undefined && b !== undefined && a.generation === b.generation && a.digest === b.digest;
}
