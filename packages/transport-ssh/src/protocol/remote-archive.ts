/** The far side's record of what was last agreed. */
import type { AncestorChange, ArchiveCommit, ArchiveStatus, ArchiveStore, PairKey } from '@ubos/sync-core';
import { ask, finish, openRequest, within } from './call.ts';
import { receiveAncestorChanges, sendAncestorChanges } from './lists.ts';
import { archiveMessage } from './messages/answers.ts';
import { done } from './messages/pages.ts';
import type { Multiplexer } from './multiplexer.ts';
import { checkPatterns } from './peer-patterns.ts';
import { receiveTree } from './tree-delta.ts';

export function createRemoteArchive(mux: Multiplexer, on: number, pair: PairKey): ArchiveStore {
  return {
    async status(): Promise<ArchiveStatus> {
      const stream = openRequest(mux, { type: 'archive-status', on, pair }, { content: true });
      return within(stream, undefined, async () => {
        const { head, damaged, pending, restored, restorable, count } = await stream.message(archiveMessage);
        const journal: readonly AncestorChange[] = await receiveAncestorChanges(stream, count);
        await finish(stream);
        return { head, damaged, pending, restored, restorable, journal };
      });
    },

    /** Costs the whole archive over the wire. The two halves share what is agreed, as they do over there. */
    async load() {
      const stream = openRequest(mux, { type: 'archive-load', on, pair }, { content: true });
      return within(stream, undefined, async () => {
        const alpha = await receiveTree(stream, undefined);
        const beta = await receiveTree(stream, alpha);
        await finish(stream);
        return { alpha, beta };
      });
    },

    async prepare({ generation, changes, settings, durability }: ArchiveCommit): Promise<void> {
      if (settings !== undefined) checkPatterns(settings.value);
      const stream = openRequest(mux, { type: 'archive-prepare', on, pair, generation, settings, durability, count: changes.length });
      await within(stream, undefined, async () => {
        await sendAncestorChanges(stream, changes);
        await stream.message(done);
        await finish(stream);
      });
    },

    async commit(generation: number): Promise<void> {
      await ask(mux, { type: 'archive-commit', on, pair, generation }, done);
    },

    async discard(): Promise<void> {
      await ask(mux, { type: 'archive-discard', on, pair }, done);
    },
  };
}
