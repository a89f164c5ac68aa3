/**
 * A replica on the far side. Every call is one stream, and leaves at once: calls that are made without waiting for one another cost one round trip together, and
 * the far side carries them out in their order. Lists travel in pages and contents in frames, so no call costs a round trip per file.
 */
import {
  type Clock,
  type ContentNeed,
  type ContentPart,
  type ContentRequest,
  type Entry,
  type LockOptions,
  type PairKey,
  type RecalledRun,
  type Replica,
  type ReplicaId,
  type ReplicaIdentity,
  type ReplicaLock,
  type Restored,
  type RestoreOptions,
  type ScanOptions,
  type Snapshot,
  type StageOptions,
  type StageResult,
  SyncError,
  type Transition,
  type TransitionOptions,
  type TransitionResult,
} from '@ubos/sync-core';
import { ask, finish, openRequest, within } from './call.ts';
import { receiveContents, sendContents } from './content.ts';
import { errorTextMax, listRowsMax } from './limits.ts';
import { countMoves, readMissing, readStageResults, readTransitionResults, receiveDoneChanges, sendNeeds, sendTransitions } from './lists.ts';
import {
  admissionMessage,
  established,
  identityMessage,
  locked,
  opened as openedShape,
  restoredMessage,
  runMessage,
  scanAnswer,
  scanning,
  timeMessage,
} from './messages/answers.ts';
import { stageAnswer, transitionAnswer } from './messages/pages.ts';
import type { Multiplexer } from './multiplexer.ts';
import { NodePagesReader } from './node-pages.ts';
import { checkPatterns } from './peer-patterns.ts';
import { createRemoteArchive } from './remote-archive.ts';
import { escapeText } from './text.ts';
import { receiveTree, TreeReader } from './tree-delta.ts';

/** Which replica of the far side. Goes to its agent, never through a shell. */
export interface ReplicaAddress {
  /** Path of the root there; the agent's own, if it has one, by default. */
  readonly root?: string | undefined;
  /** Name of the profile; `default` by default. */
  readonly profile?: string | undefined;
}

async function fetchTree(mux: Multiplexer, on: number, base: Entry | undefined): Promise<Entry | undefined> {
  const stream = openRequest(mux, { type: 'scan-tree', on }, { content: true });
  return within(stream, undefined, async () => {
    const tree = await receiveTree(stream, base);
    await finish(stream);
    return tree;
  });
}

/** Opens it. What is asked about the opening (`identify`, the first time) is answered from what came with it. */
export async function openRemoteReplica(
  mux: Multiplexer,
  clock: Clock,
  { root, profile = 'default' }: ReplicaAddress,
  signal?: AbortSignal,
): Promise<Replica> {
  const life = openRequest(mux, { type: 'open', root, profile });
  const { identity, capabilities } = await within(life, signal, () => life.message(openedShape));
  const on = life.id;
  let fresh: ReplicaIdentity | undefined = identity;
  let closing: Promise<void> | undefined;

  const close = (): Promise<void> => {
    life.end();
    closing ??= life.ended().catch(() => {});
    return closing;
  };

  return {
    capabilities: { ...capabilities, remote: true },

    async identify(): Promise<ReplicaIdentity> {
      const known = fresh;
      fresh = undefined;
      return known ?? (await ask(mux, { type: 'identify', on }, identityMessage)).identity;
    },

    async establish(): Promise<ReplicaId> {
      fresh = undefined;
      return (await ask(mux, { type: 'establish', on }, established)).id;
    },

    async restore({ pair, dryRun }: RestoreOptions): Promise<Restored | undefined> {
      fresh = undefined;
      return (await ask(mux, { type: 'restore', on, pair, dryRun }, restoredMessage)).restored;
    },

    async lock({ waitMs, initiator, run, dryRun, signal }: LockOptions): Promise<ReplicaLock> {
      const stream = openRequest(mux, { type: 'lock', on, waitMs, initiator: escapeText(initiator, 256), run, dryRun });
      const { tookOver } = await within(stream, signal, () => stream.message(locked));
      let releasing: Promise<void> | undefined;
      return {
        tookOver: tookOver && escapeText(tookOver, errorTextMax),
        release() {
          stream.end();
          // With the connection the lock is lost as well.
          releasing ??= stream.ended().catch(() => {});
          return releasing;
        },
      };
    },

    archive: (pair: PairKey) => createRemoteArchive(mux, on, pair),

    async scan(options: ScanOptions): Promise<Snapshot> {
      const { settings, peerFolding, rehash = false, dryRun = false, signal, onProgress } = options;
      // What is known already is sent at once: a lock may have been asked for just before.
      const baseline = options.baseline !== undefined && 'then' in options.baseline ? await options.baseline : options.baseline;
      const { scope, digest, permissions, symlinks } = settings;
      const policies = settings.policies.flatMap(({ match, permissions: mask }) => (mask === undefined ? [] : [{ match, permissions: mask }]));
      checkPatterns({ scope, policies });
      const stream = openRequest(
        mux,
        {
          type: 'scan',
          on,
          // By name: a caller's settings may hold more than a scan has to know.
          settings: { scope, digest, permissions, policies, symlinks },
          peerFolding,
          baseline: baseline && {
            pair: baseline.pair,
            generation: baseline.generation,
            digest: baseline.digest,
            mayBeUnchanged: baseline.merkle !== undefined,
          },
          rehash,
          dryRun,
          progress: onProgress !== undefined,
        },
        { content: true },
      );
      return within(stream, signal, async () => {
        const { held } = await stream.message(scanning);
        if (held && baseline === undefined) stream.refuse('a baseline that was not named');
        let tree: TreeReader | undefined;
        const startTree = async (): Promise<TreeReader> => new TreeReader(held ? await baseline?.tree() : undefined, listRowsMax);
        for (;;) {
          const answer = await stream.message(scanAnswer);
          if (answer.type === 'progress') onProgress?.({ doneItems: answer.doneItems, doneBytes: answer.doneBytes });
          else if (answer.type === 'tree') {
            tree ??= await startTree();
            const wrong = tree.read(answer);
            if (wrong !== undefined) stream.refuse(wrong);
          } else {
            await finish(stream);
            const { unchanged, folding, marked, freeBytes, counts } = answer;
            const facts = { folding, marked, freeBytes, counts };
            if (!unchanged) return { root: (tree ?? (await startTree())).finish(), ...facts };
            if (!held || baseline?.merkle === undefined || tree !== undefined) stream.refuse('unchanged, against nothing that was named');
            return { root: undefined, unchanged: async () => fetchTree(mux, on, await baseline?.tree()), ...facts };
          }
        }
      });
    },

    async stage(requests: readonly ContentRequest[], { supply, run, signal, onProgress }: StageOptions): Promise<readonly StageResult[]> {
      if (requests.length === 0) return [];
      const stream = openRequest(mux, { type: 'stage', on, run, count: requests.length });
      return within(stream, signal, async () => {
        await sendNeeds(stream, requests);
        const needs: ContentNeed[] = [];
        const seen = new Set<number>();
        const results: StageResult[] = [];
        let supplied = false;
        while (results.length < requests.length) {
          const answer = await stream.message(stageAnswer);
          if (answer.type === 'results') results.push(...readStageResults(stream, answer));
          else if (supplied || results.length > 0) stream.refuse('contents are asked for once');
          else if (answer.type === 'needs') needs.push(...readMissing(stream, answer, requests, seen));
          else {
            if (needs.length === 0) stream.refuse('nothing is asked for');
            supplied = true;
            await sendContents(stream, needs, supply(needs), onProgress);
          }
        }
        if (results.length > requests.length) stream.refuse('one result a content');
        await finish(stream);
        return results;
      });
    },

    async *supply(
      needs: readonly ContentNeed[],
      { signal }: { readonly signal?: AbortSignal | undefined } = {},
    ): AsyncIterable<readonly ContentPart[]> {
      if (needs.length === 0) return;
      signal?.throwIfAborted();
      const stream = openRequest(mux, { type: 'supply', on, count: needs.length }, { content: true });
      const onAbort = (): void => stream.fail(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        await sendNeeds(stream, needs);
        yield* receiveContents(stream, needs);
        await finish(stream);
      } finally {
        signal?.removeEventListener('abort', onAbort);
        stream.fail(new SyncError('SYNC_INTERRUPTED', 'no more of it is wanted'));
      }
    },

    async transition(
      changes: readonly Transition[],
      { run, pair, changesPeer = false, undoes, durability, signal, onProgress }: TransitionOptions,
    ): Promise<readonly TransitionResult[]> {
      if (changes.length === 0) return [];
      const stream = openRequest(mux, {
        type: 'transition',
        on,
        run,
        pair,
        changesPeer,
        undoes,
        durability,
        count: changes.length,
        moves: countMoves(changes),
        progress: onProgress !== undefined,
      });
      return within(stream, signal, async () => {
        await sendTransitions(stream, changes);
        const pages = new NodePagesReader(changes.length);
        const results: TransitionResult[] = [];
        while (results.length < changes.length) {
          const answer = await stream.message(transitionAnswer);
          if (answer.type === 'results') results.push(...readTransitionResults(stream, answer, pages));
          else onProgress?.(answer.doneItems);
        }
        await finish(stream);
        return results;
      });
    },

    async recallRun(pair: PairKey, run: string): Promise<RecalledRun | undefined> {
      const stream = openRequest(mux, { type: 'run-changes', on, pair, run }, { content: true });
      return within(stream, undefined, async () => {
        const { known, changesPeer, outOfScope, count, lost } = await stream.message(runMessage);
        const changes = await receiveDoneChanges(stream, count, lost);
        await finish(stream);
        return known ? { changes, outOfScope, changesPeer } : undefined;
      });
    },

    async admission() {
      return (await ask(mux, { type: 'admission', on }, admissionMessage)).record;
    },

    async time() {
      const askedMs = clock.nowMs();
      const started = clock.monotonicMs();
      const { nowMs, uncertaintyMs } = await ask(mux, { type: 'time', on }, timeMessage);
      const halfTripMs = (clock.monotonicMs() - started) / 2;
      return { nowMs, uncertaintyMs: halfTripMs + uncertaintyMs, askedAtMs: askedMs + halfTripMs };
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}
