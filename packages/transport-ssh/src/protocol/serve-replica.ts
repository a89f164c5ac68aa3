/** Requests about a replica: read from the wire, asked of the replica, answered. What may be touched is for the replica to enforce. */
import {
  type ArchiveStore,
  assertNever,
  type Clock,
  type ContentNeed,
  type ContentPart,
  type Replica,
  type ScanBaseline,
  type ScanCounts,
} from '@ubos/sync-core';
import { receiveContents, sendContents } from './content.ts';
import { errorTextMax } from './limits.ts';
import { lostAmong, receiveNeeds, receiveTransitions, sendDoneChanges, sendMissing, sendStageResults, sendTransitionResults } from './lists.ts';
import type { Baseline, RequestOf } from './messages/requests.ts';
import type { ServedReplica } from './served-replica.ts';
import { escapeText } from './text.ts';
import { treeDelta, treePages } from './tree-delta.ts';
import type { WireStream } from './wire-stream.ts';

export type ReplicaRequestType =
  | 'identify'
  | 'establish'
  | 'restore'
  | 'lock'
  | 'scan'
  | 'scan-tree'
  | 'stage'
  | 'supply'
  | 'transition'
  | 'run-changes'
  | 'admission'
  | 'time';

export async function answerReplicaRequest(
  request: RequestOf<ReplicaRequestType>,
  served: ServedReplica,
  stream: WireStream,
  clock: Clock,
): Promise<void> {
  switch (request.type) {
    // Facts, which wait for nobody.
    case 'identify':
      return stream.send({ type: 'identity', identity: await (await served.opened()).identify() });
    case 'time': {
      const { nowMs, uncertaintyMs } = await (await served.opened()).time();
      return stream.send({ type: 'time', nowMs, uncertaintyMs });
    }
    case 'admission':
      return stream.send({ type: 'admission', record: await (await served.opened()).admission() });
    case 'establish':
      return stream.send({ type: 'established', id: await (await served.inTurn()).establish() });
    case 'restore': {
      const { pair, dryRun } = request;
      return stream.send({ type: 'restored', restored: await (await served.inTurn()).restore?.({ pair, dryRun }) });
    }
    case 'lock':
      return answerLock(request, served, stream);
    case 'scan':
      return answerScan(request, served, stream, clock);
    case 'scan-tree':
      return answerScanTree(served, stream);
    case 'stage':
      return answerStage(request, await served.inTurn(), stream);
    case 'supply':
      return answerSupply(request, await served.inTurn(), stream);
    case 'transition':
      return answerTransition(request, await served.inTurn(), stream, clock);
    case 'run-changes':
      return answerRunChanges(request, await served.inTurn(), stream);
    default:
      return assertNever(request);
  }
}

/** The lock lives as long as its stream. */
async function answerLock({ waitMs, initiator, run, dryRun }: RequestOf<'lock'>, served: ServedReplica, stream: WireStream): Promise<void> {
  const lock = await served.lock((replica) => replica.lock({ waitMs, initiator, run, dryRun, signal: stream.signal }));
  try {
    const { tookOver } = lock;
    await stream.send({ type: 'locked', ...(tookOver !== undefined && { tookOver: escapeText(tookOver, errorTextMax) }) });
    await stream.ended();
  } finally {
    await served.release(lock);
  }
}

async function answerScan(
  { settings, peerFolding, baseline, rehash, dryRun, progress }: RequestOf<'scan'>,
  served: ServedReplica,
  stream: WireStream,
  clock: Clock,
): Promise<void> {
  const replica = await served.inTurn();
  const held = baseline && (await readBaseline(replica, baseline));
  await stream.send({ type: 'scanning', held: held !== undefined });
  const reporter = createReporter(stream, clock, progress);
  const snapshot = await replica.scan({
    settings,
    peerFolding,
    baseline: held,
    rehash,
    dryRun,
    signal: stream.signal,
    onProgress: reporter.report,
  });
  await reporter.settled();
  const { unchanged } = snapshot;
  served.unchanged = unchanged && held && { base: held.tree, tree: unchanged };
  if (unchanged === undefined) for (const page of treePages(treeDelta(await held?.tree(), snapshot.root))) await stream.send(page);
  const { folding, marked, freeBytes, counts } = snapshot;
  await stream.send({
    type: 'snapshot',
    unchanged: unchanged !== undefined,
    folding,
    marked,
    freeBytes: Math.min(Math.floor(freeBytes), Number.MAX_SAFE_INTEGER),
    counts: { ...counts } satisfies ScanCounts,
  });
}

async function answerScanTree(served: ServedReplica, stream: WireStream): Promise<void> {
  await served.inTurn();
  if (served.unchanged === undefined) stream.refuse('the tree of a scan that was sent, or never was');
  const base = await served.unchanged.base();
  for (const page of treePages(treeDelta(base, await served.unchanged.tree()))) await stream.send(page);
  await stream.send({ type: 'done' });
}

/** This replica's half of the archive that the peer named, if it is the very one: same generation, same digest. Read when it is needed. */
async function readBaseline(replica: Replica, { pair, generation, digest, mayBeUnchanged }: Baseline): Promise<ScanBaseline | undefined> {
  const archive: ArchiveStore = replica.archive(pair);
  const { head } = await archive.status();
  if (head?.generation !== generation || head.digest !== digest) return undefined;
  const { id } = await replica.identify();
  if (id !== pair.alpha && id !== pair.beta) return undefined;
  const half = id === pair.alpha ? 'alpha' : 'beta';
  return { pair, generation, digest, merkle: mayBeUnchanged ? head.roots?.[half] : undefined, tree: async () => (await archive.load())[half] };
}

async function answerStage({ run, count }: RequestOf<'stage'>, replica: Replica, stream: WireStream): Promise<void> {
  const requests = await receiveNeeds(stream, count);
  const supply = async function* (needs: readonly ContentNeed[]): AsyncGenerator<readonly ContentPart[]> {
    if (needs.length === 0) return;
    stream.widen();
    await sendMissing(stream, requests, needs);
    yield* receiveContents(stream, needs);
  };
  const results = await replica.stage(
    requests.map(({ path, digest, sizeBytes, mode, mtimeMs }) => ({ path, digest, sizeBytes, mode, mtimeMs })),
    { supply, run, signal: stream.signal },
  );
  await sendStageResults(stream, results);
}

async function answerSupply({ count }: RequestOf<'supply'>, replica: Replica, stream: WireStream): Promise<void> {
  const needs = await receiveNeeds(stream, count);
  await sendContents(stream, needs, replica.supply(needs, { signal: stream.signal }));
}

async function answerTransition(
  { run, pair, changesPeer, undoes, durability, count, moves, progress }: RequestOf<'transition'>,
  replica: Replica,
  stream: WireStream,
  clock: Clock,
): Promise<void> {
  const changes = await receiveTransitions(stream, count, moves);
  const reporter = createReporter(stream, clock, progress);
  const results = await replica.transition(changes, {
    run,
    pair,
    changesPeer,
    undoes,
    durability,
    signal: stream.signal,
    onProgress: (doneItems) => reporter.report({ doneItems, doneBytes: 0 }),
  });
  await reporter.settled();
  await sendTransitionResults(stream, results);
}

async function answerRunChanges({ pair, run }: RequestOf<'run-changes'>, replica: Replica, stream: WireStream): Promise<void> {
  const recalled = await replica.recallRun?.(pair, run);
  const { changes, outOfScope, changesPeer } = recalled ?? { changes: [], outOfScope: 0, changesPeer: false };
  await stream.send({ type: 'run', known: recalled !== undefined, changesPeer, outOfScope, count: changes.length, lost: lostAmong(changes).length });
  await sendDoneChanges(stream, changes);
}

interface Reporter {
  readonly report: (progress: { readonly doneItems: number; readonly doneBytes: number }) => void;
  /** The stream is free again. */
  settled(): Promise<void>;
}

const reportEveryMs = 200;

/** Tells the peer how far it is, a few times a second and never while the last word is still on its way out. */
function createReporter(stream: WireStream, clock: Clock, wanted: boolean): Reporter {
  let sending: Promise<void> | undefined;
  let lastMs = clock.monotonicMs();
  return {
    report(progress) {
      const nowMs = clock.monotonicMs();
      if (!wanted || sending !== undefined || nowMs - lastMs < reportEveryMs) return;
      lastMs = nowMs;
      // If the stream is gone, the work that reports is told by its signal.
      const sent = stream.send({ type: 'progress', ...progress }).catch(() => {});
      sending = sent.then(() => {
        sending = undefined;
      });
    },
    async settled() {
      await sending;
    },
  };
}
