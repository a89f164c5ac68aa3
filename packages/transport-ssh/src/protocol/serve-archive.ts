/** Requests about the archive of a pair. */
import { type ArchiveHead, assertNever } from '@ubos/sync-core';
import { receiveAncestorChanges, sendAncestorChanges } from './lists.ts';
import type { WireArchiveHead } from './messages/answers.ts';
import type { RequestOf } from './messages/requests.ts';
import type { ServedReplica } from './served-replica.ts';
import { treeDelta, treePages } from './tree-delta.ts';
import type { WireStream } from './wire-stream.ts';

export type ArchiveRequestType = 'archive-status' | 'archive-load' | 'archive-prepare' | 'archive-commit' | 'archive-discard';

export async function answerArchiveRequest(request: RequestOf<ArchiveRequestType>, served: ServedReplica, stream: WireStream): Promise<void> {
  const archive = (await served.inTurn()).archive(request.pair);
  switch (request.type) {
    case 'archive-status': {
      const { head, damaged, pending, restored, restorable, journal } = await archive.status();
      await stream.send({ type: 'archive', head: head && toWire(head), damaged, pending, restored, restorable, count: journal.length });
      return sendAncestorChanges(stream, journal);
    }
    case 'archive-load': {
      const { alpha, beta } = await archive.load();
      for (const page of treePages(treeDelta(undefined, alpha))) await stream.send(page);
      await stream.send({ type: 'done' });
      for (const page of treePages(treeDelta(alpha, beta))) await stream.send(page);
      return stream.send({ type: 'done' });
    }
    case 'archive-prepare': {
      const { generation, settings, durability, count } = request;
      const changes = await receiveAncestorChanges(stream, count);
      await archive.prepare({ generation, changes, settings, durability });
      return stream.send({ type: 'done' });
    }
    case 'archive-commit':
      await archive.commit(request.generation);
      return stream.send({ type: 'done' });
    case 'archive-discard':
      await archive.discard();
      return stream.send({ type: 'done' });
    default:
      return assertNever(request);
  }
}

function toWire({ generation, digest, settings, settingsBy }: ArchiveHead): WireArchiveHead {
  return { generation, digest, settings, settingsBy };
}
