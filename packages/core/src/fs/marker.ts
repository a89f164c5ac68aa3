/**
 * The marker, `.ubos-sync/replica.json`: this root's identity. Where it is, the root is really mounted and really the one that was synced;
 * where it is missing, an empty tree is no evidence that anything was deleted.
 */

import type { DiskDirectory } from '../engine/disk.ts';
import { SyncError } from '../engine/errors.ts';
import type { ReplicaId } from '../engine/replica.ts';
import { createFileAtomically, readWholeFile, writeFileAtomically } from './atomic-write.ts';

export const markerName = 'replica.json';

export interface Marker {
  readonly id: ReplicaId;
  /** What `statfs` calls the file system of the root: a root on another one is not the root that was synced. */
  readonly fileSystemType: number;
}

export type MarkerReading =
  | { readonly state: 'present'; readonly marker: Marker }
  | { readonly state: 'absent' }
  /** There, but not readable as a marker: means as little as none. */
  | { readonly state: 'damaged'; readonly reason: string };

/** Reads the marker of a held state folder. `SYNC_ARCHIVE_NEWER`: a newer program wrote it. */
export function readMarker(folder: DiskDirectory): MarkerReading {
  const bytes = readWholeFile(folder, markerName, markerBytesMax);
  return bytes === undefined ? { state: 'absent' } : parseMarker(bytes);
}

/**
 * Gives the root its identity, once: whoever comes second, also in the same moment, gets the identity that is there. A damaged marker is replaced.
 */
export async function makeMarker(folder: DiskDirectory, marker: Marker): Promise<Marker> {
  const before = readMarker(folder);
  if (before.state === 'present') return before.marker;
  if (before.state === 'damaged') {
    await writeFileAtomically(folder, markerName, encodeMarker(marker));
    return marker;
  }
  if (await createFileAtomically(folder, markerName, encodeMarker(marker), `${markerName}.${marker.id}`)) return marker;
  const winner = readMarker(folder);
  if (winner.state === 'present') return winner.marker;
  throw new SyncError('SYNC_IO', `${markerName} vanished while it was being made`);
}

/** Indented, because people look into it. */
export function encodeMarker({ id, fileSystemType }: Marker): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ format: markerFormat, replica: id, fileSystem: fileSystemType }, undefined, 2)}\n`);
}

/** From outside: ids become names of files. */
export function isReplicaId(value: unknown): value is ReplicaId {
  return typeof value === 'string' && /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/.test(value);
}

const markerFormat = 1;
const markerBytesMax = 4096;

function parseMarker(bytes: Uint8Array): MarkerReading {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return { state: 'damaged', reason: 'it is not JSON' };
  }
  if (typeof value !== 'object' || value === null) return { state: 'damaged', reason: 'it is not an object' };
  const { format, replica, fileSystem } = value as Readonly<Record<string, unknown>>;
  if (typeof format === 'number' && format > markerFormat) {
    throw new SyncError(
      'SYNC_ARCHIVE_NEWER',
      `${markerName} was written by a newer version of this program (format ${format}, this one knows ${markerFormat})`,
    );
  }
  if (format !== markerFormat || !isReplicaId(replica) || typeof fileSystem !== 'number') return { state: 'damaged', reason: 'it lacks a field' };
  return { state: 'present', marker: { id: replica, fileSystemType: fileSystem } };
}
