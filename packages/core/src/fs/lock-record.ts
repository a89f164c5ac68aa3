/** What is written in a lock file: who holds it, and since when. */

import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
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
  /** `undefined`: empty or garbage, or no file at all. */
  readonly record: LockRecord | undefined;
  /** Changes with every heartbeat. */
  readonly pulse: string;
  /** The time of the last one, by the clock that stamps files in this folder, whatever that of the owner says. */
  readonly touchedNs: bigint;
}

export function encodeLockRecord(record: LockRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(record)}\n`);
}

/**
 * Reads a lock file; `undefined` if there is none. What is no file is never followed and never waited for; of a folder only an empty one is removed, in which
 * nobody can have anything: `ENOTEMPTY`. A file whose mode keeps us from reading it gets back the one that we gave it.
 */
export function readLock(directory: DiskDirectory, name: string): FoundLock | undefined {
  try {
    return readLockFile(directory, name);
  } catch (error) {
    const stat = directory.lstat(name);
    switch (stat?.kind) {
      case undefined:
        return undefined;
      case 'symlink':
      case 'other':
        return foundLock(name, stat, undefined);
      case 'directory':
        removeEmptyFolder(directory, name);
        return undefined;
      case 'file':
        if (isErrno(error, 'EACCES')) directory.chmod(name, lockMode);
        return readLockFile(directory, name);
    }
  }
}

function readLockFile(directory: DiskDirectory, name: string): FoundLock | undefined {
  const file = openIfThere(directory, name);
  if (file === undefined) return undefined;
  try {
    const stat = file.stat();
    return foundLock(name, stat, stat.sizeBytes > recordBytesMax ? undefined : parseLockRecord(readAt(file, 0, stat.sizeBytes)));
  } finally {
    file.close();
  }
}

function removeEmptyFolder(directory: DiskDirectory, name: string): void {
  try {
    directory.removeDirectory(name);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
}

function foundLock(name: string, { dev, ino, mtimeNs, ctimeNs }: DiskStat, record: LockRecord | undefined): FoundLock {
  const identity = `${dev}.${ino}.${mtimeNs}`;
  return { name, token: record?.token ?? identity, record, pulse: identity, touchedNs: ctimeNs };
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
const lockMode = 0o600;

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
