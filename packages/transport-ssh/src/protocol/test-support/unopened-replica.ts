import { type Replica, SyncError } from '@ubos/sync-core';

/** For connections on which no replica is asked for. */
export function createUnopenedReplica(): Promise<Replica> {
  return Promise.reject(new SyncError('SYNC_ROOT_MISSING', 'there is no replica here'));
}
