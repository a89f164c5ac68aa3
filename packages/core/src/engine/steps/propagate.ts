/** Carries one batch of changes out on both sides: content first, then the changes, then what the ancestor is to remember of them. */

import { type AncestorChange, underway } from '../../reconcile/ancestor.ts';
import type { Change } from '../../reconcile/change.ts';
import { contentRequests } from '../../reconcile/content-requests.ts';
import { halfAfter } from '../../reconcile/half-after.ts';
import { otherSide, type Side } from '../../reconcile/plan.ts';
import type { Entry } from '../../tree/entry.ts';
import { isWithin, type RelativePath } from '../../tree/path.ts';
import type { PairKey } from '../archive-store.ts';
import type { ContentRequest, Replica, StageResult, Transition, TransitionResult } from '../replica.ts';
import type { SyncProblem } from '../report.ts';
import type { Batch } from './plan-batches.ts';

export interface PropagateOptions {
  readonly replicas: Readonly<Record<Side, Replica>>;
  /** What a side holds at a path: what earlier batches achieved there, else what was scanned. */
  readonly held: (side: Side, path: RelativePath) => Entry | undefined;
  /** Whether a later batch changes a side at a path. */
  readonly isAwaited: (side: Side, path: RelativePath) => boolean;
  /** Where a side holds the content that is to go to `path` on the other: another path only for kept losers of conflicts. */
  readonly sourceOf: (path: RelativePath) => RelativePath;
  readonly run: string;
  /** The run that this one undoes. */
  readonly undoes: string | undefined;
  /** Whether the run, in whatever batch, changes the other side of each. */
  readonly changesPeer: Readonly<Record<Side, boolean>>;
  readonly pair: PairKey;
  readonly durability: 'full' | 'fast';
  readonly signal: AbortSignal | undefined;
  readonly onStaged: (side: Side, doneBytes: number) => void;
  readonly onDone: (side: Side, change: Change, problem: SyncProblem | undefined) => void;
}

export interface Propagated {
  readonly failedPaths: readonly RelativePath[];
  /** In the order of the changes, a path at most once. */
  readonly ancestorChanges: readonly AncestorChange[];
  readonly receivedBytes: Readonly<Record<Side, number>>;
  /** What each side holds now at the paths that were changed there. */
  readonly achieved: Readonly<Record<Side, ReadonlyMap<RelativePath, Entry | undefined>>>;
}

export async function propagate(batch: Batch, options: PropagateOptions): Promise<Propagated> {
  // All content is in place before the first change is visible: a content that moves is still at its old place, and what is missing is known in time.
  const [alphaStaged, betaStaged] = await settleBoth(stageSide('alpha', batch, options), stageSide('beta', batch, options));
  const [alphaDone, betaDone] = await settleBoth(changeSide('alpha', batch, alphaStaged, options), changeSide('beta', batch, betaStaged, options));
  return {
    failedPaths: failedPathsOf(alphaDone, betaDone),
    ancestorChanges: rememberOutcome(alphaDone, betaDone, options),
    receivedBytes: { alpha: alphaStaged.receivedBytes, beta: betaStaged.receivedBytes },
    achieved: { alpha: achievedOf(alphaDone), beta: achievedOf(betaDone) },
  };
}

interface Staged {
  readonly failures: ReadonlyMap<RelativePath, { readonly code: string; readonly message: string }>;
  readonly receivedBytes: number;
}

async function stageSide(side: Side, batch: Batch, options: PropagateOptions): Promise<Staged> {
  const wanted = contentRequests(batch[side]);
  const failures = new Map<RelativePath, { readonly code: string; readonly message: string }>();
  if (wanted.length === 0) return { failures, receivedBytes: 0 };
  const requests: readonly ContentRequest[] = wanted.map((request) => ({ ...request, path: options.sourceOf(request.path) }));
  const source = options.replicas[side === 'alpha' ? 'beta' : 'alpha'];
  const stage = (asked: readonly ContentRequest[], doneBefore: number): Promise<readonly StageResult[]> =>
    options.replicas[side].stage(asked, {
      supply: (needs) => source.supply(needs, { signal: options.signal }),
      run: options.run,
      signal: options.signal,
      onProgress: (doneBytes) => options.onStaged(side, doneBefore + doneBytes),
    });
  let results = await stage(requests, 0);
  // What an interrupted run had left of a content was continued and was spoiled; it has been thrown away. To ask for it once more is rare and sends the rest of it twice;
  // to prove the beginning first would take its digest on the wire or a file of digests beside each part. Not more than once: a peer may lie each time.
  if (results.some(isMismatch)) {
    const doneBytes = results.reduce((sum, result) => sum + (result.staged ? result.receivedBytes : 0), 0);
    const again = (
      await stage(
        requests.filter((_, index) => isMismatch(results[index])),
        doneBytes,
      )
    ).values();
    results = results.map((result) => (isMismatch(result) ? (again.next().value ?? result) : result));
  }
  let receivedBytes = 0;
  for (const [index, request] of wanted.entries()) {
    const result = results[index];
    if (result?.staged) receivedBytes += result.receivedBytes;
    else failures.set(request.path, { code: result?.code ?? 'SYNC_PEER_LOST', message: result?.message ?? 'no answer for this content' });
  }
  return { failures, receivedBytes };
}

function isMismatch(result: StageResult | undefined): boolean {
  return result?.staged === false && result.code === 'SYNC_CONTENT_MISMATCH';
}

interface Done {
  readonly changes: readonly Change[];
  readonly resultsByPath: ReadonlyMap<RelativePath, TransitionResult>;
}

async function changeSide(side: Side, batch: Batch, { failures }: Staged, options: PropagateOptions): Promise<Done> {
  const changes = batch[side];
  const resultsByPath = new Map<RelativePath, TransitionResult>();
  const possible = failures.size === 0 ? changes : changes.filter(({ path }) => !failures.has(path));
  const peer = otherSide(side);
  const underwayPaths = new Set(batch[peer].map(({ path }) => path));
  // What follows a move comes after it, and is no part of it: with the move alone something was achieved.
  const isUnderwayThere = ({ path, from }: Change): boolean => from === undefined && (underwayPaths.has(path) || options.isAwaited(peer, path));
  const transitions: readonly Transition[] = possible.map((change) => ({
    ...change,
    peer: isUnderwayThere(change) ? underway : options.held(peer, change.path),
    copyOf: copyOf(change, options),
  }));
  const results =
    transitions.length === 0
      ? []
      : await options.replicas[side].transition(transitions, {
          run: options.run,
          pair: options.pair,
          undoes: options.undoes,
          changesPeer: options.changesPeer[side],
          durability: options.durability,
          signal: options.signal,
        });
  for (const [index, change] of possible.entries()) {
    const result = results[index] ?? { achieved: change.old, problem: { code: 'SYNC_PEER_LOST', message: 'no answer for this change' } };
    resultsByPath.set(change.path, result);
    options.onDone(side, change, result.problem && problemOf(side, change.path, result.problem));
  }
  for (const change of changes) {
    const failure = failures.get(change.path);
    if (failure === undefined) continue;
    resultsByPath.set(change.path, { achieved: change.old, problem: failure });
    options.onDone(side, change, problemOf(side, change.path, failure));
  }
  return { changes, resultsByPath };
}

/** The file that a new one is kept beside. */
function copyOf({ path, old, new: next }: Change, { sourceOf }: PropagateOptions): RelativePath | undefined {
  const source = sourceOf(path);
  return source !== path && old === undefined && next?.kind === 'file' ? source : undefined;
}

/**
 * What both sides hold now at each path that was changed on either. A change that failed is not remembered, so that the next run plans it again; a
 * directory that had to stay for what is out of scope in it is, so that it is not planned for ever, unless it stayed for something that failed.
 */
function rememberOutcome(alpha: Done, beta: Done, { held, isAwaited }: PropagateOptions): readonly AncestorChange[] {
  const remembered: AncestorChange[] = [];
  const seen = new Set<RelativePath>();
  const failedPaths = failedPathsOf(alpha, beta);
  for (const change of [...alpha.changes, ...beta.changes]) {
    const { path } = change;
    if (seen.has(path)) continue;
    seen.add(path);
    const left = alpha.resultsByPath.get(path);
    const right = beta.resultsByPath.get(path);
    if (failed(left) || failed(right)) continue;
    // The other side is still to be changed here. Until then nothing is agreed.
    const isAwaitedThere = (left === undefined && isAwaited('alpha', path)) || (right === undefined && isAwaited('beta', path));
    if (isAwaitedThere && change.from === undefined) continue;
    if ((isKept(left) || isKept(right)) && failedPaths.some((below) => isWithin(below, path))) continue;
    const now = { alpha: left ? left.achieved : held('alpha', path), beta: right ? right.achieved : held('beta', path) };
    const isDone = (left === undefined || right === undefined) && !isAwaitedThere;
    // Nothing else changes where something moves to: the other side's state is the one that it has had all the time.
    if (change.from === undefined) remembered.push({ path, ...now });
    else if (left !== undefined) remembered.push({ path, ...now, alpha: halfAfter({ ...change, peer: now.beta }, now.alpha, isDone) });
    else remembered.push({ path, ...now, beta: halfAfter({ ...change, peer: now.alpha }, now.beta, isDone) });
  }
  return remembered;
}

function achievedOf({ resultsByPath }: Done): ReadonlyMap<RelativePath, Entry | undefined> {
  return new Map([...resultsByPath].flatMap(([path, result]) => (failed(result) ? [] : [[path, result.achieved]])));
}

function failed(result: TransitionResult | undefined): boolean {
  return result?.problem !== undefined && !isKept(result);
}

function isKept(result: TransitionResult | undefined): boolean {
  return result?.problem?.code === 'SYNC_DIRECTORY_KEPT';
}

function failedPathsOf(...sides: readonly Done[]): readonly RelativePath[] {
  return sides.flatMap(({ resultsByPath }) => [...resultsByPath].flatMap(([path, result]) => (failed(result) ? [path] : [])));
}

function problemOf(side: Side, path: RelativePath, { code, message }: { readonly code: string; readonly message: string }): SyncProblem {
  return { path, side, code, message, during: 'transfer' };
}

/** Waits for both, also when one fails: nothing goes on behind the back of the error. */
async function settleBoth<A, B>(a: Promise<A>, b: Promise<B>): Promise<readonly [A, B]> {
  const [left, right] = await Promise.allSettled([a, b]);
  if (left.status === 'rejected') throw left.reason;
  if (right.status === 'rejected') throw right.reason;
  return [left.value, right.value];
}
