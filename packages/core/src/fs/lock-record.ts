/** What is written in a lock file: who holds it, and since when. */

import type { DiskDirectory } from '../engine/disk.ts';
import type { SyncErrorDetails } from '../engine/errors.ts';
import { openIfThere, readAt } from './atomic-write.ts';
import type { ProcessIdentity } from './lock-owner.ts';

export interface LockRecord extends ProcessIdentity {
  /** Names this one taking of the lock, never used again. */
  readonly token: string;
  /** For people only. */
  readonly initiator: string;
  readonly run: string;
  readonly since: string;
}

/** A lock file as it was found. */
export interface FoundLock {
  readonly name: string;
  /** The record's, or one made of the file's identity where nothing readable is in it. */
  readonly token: string;
  /** `undefined`: empty or garbage. */
  readonly record: LockRecord | undefined;
  /** Changes with every heartbeat. */
  readonly pulse: string;
}

export function encodeLockRecord(record: LockRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(record)}\n`);
}

/** Reads a lock file; `undefined` if there is none. */
export function readLock(directory: DiskDirectory, name: string): FoundLock | undefined {
  const file = openIfThere(directory, name);
  if (file === undefined) return undefined;
  try {
    const { dev, ino, mtimeNs, sizeBytes } = file.stat();
    const record = sizeBytes > recordBytesMax ? undefined : parseLockRecord(readAt(file, 0, sizeBytes));
    const identity = `${dev}.${ino}.${mtimeNs}`;
    return { name, token: record?.token ?? identity, record, pulse: identity };
  } finally {
    file.close();
  }
}

/** The owner, for the details of an error or of an event. */
export function describeOwner({ record }: FoundLock): SyncErrorDetails {
  if (record === undefined) return { owner: 'unknown' };
  const { pid, host, initiator, run, since } = record;
  return { pid, host, initiator, run, since };
}

/** The same in words. */
export function ownerText({ pid, host, run, since }: SyncErrorDetails): string {
  return pid === undefined
    ? 'a record that nobody can read'
    : `run ${String(run)} of process ${String(pid)} on ${String(host)}, begun ${String(since)}`;
}

const recordBytesMax = 4096;

function parseLockRecord(bytes: Uint8Array): LockRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { token, pid, startTime, bootId, pidNamespace, host, initiator, run, since } = value as Readonly<Record<string, unknown>>;
  // The token becomes part of a file name.
  if (typeof token !== 'string' || !/^[\w-][\w.-]{0,99}$/.test(token)) return undefined;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (![host, initiator, run, since].every((text) => typeof text === 'string')) return undefined;
  if (![startTime, bootId, pidNamespace].every((text) => text === undefined || typeof text === 'string')) return undefined;
  return value as LockRecord;
}
