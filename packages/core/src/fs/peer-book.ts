import type { DiskDirectory } from '../engine/disk.ts';
import type { ReplicaId } from '../engine/replica.ts';
import { readWholeFile, writeFileAtomically } from './atomic-write.ts';
import { isReplicaId } from './marker.ts';

/**
 * Which replica was met under which address, `.ubos-sync/peers.json`: `{ "ADDRESS": "UUID", ... }`. A book that cannot be read is an empty one: then
 * another replica at an old address is not noticed, which is as it is on a first meeting.
 */
export function readPeer(state: DiskDirectory, address: string): ReplicaId | undefined {
  return readBook(state).get(address);
}

/** The whole book, by address. */
export function readPeers(state: DiskDirectory): ReadonlyMap<string, ReplicaId> {
  return readBook(state);
}

/** Durable before it resolves. Writes nothing if it is known. */
export async function writePeer(state: DiskDirectory, address: string, id: ReplicaId): Promise<void> {
  const book = readBook(state);
  if (book.get(address) === id) return;
  book.set(address, id);
  const entries = Object.fromEntries([...book].sort(([a], [b]) => (a < b ? -1 : 1)));
  await writeFileAtomically(state, bookName, new TextEncoder().encode(`${JSON.stringify(entries, undefined, 2)}\n`));
}

const bookName = 'peers.json';
const bytesMax = 1024 * 1024;

function readBook(state: DiskDirectory): Map<string, ReplicaId> {
  const bytes = readWholeFile(state, bookName, bytesMax);
  const book = new Map<string, ReplicaId>();
  if (bytes === undefined) return book;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return book;
  }
  if (typeof value !== 'object' || value === null) return book;
  for (const [address, id] of Object.entries(value)) if (isReplicaId(id)) book.set(address, id);
  return book;
}
