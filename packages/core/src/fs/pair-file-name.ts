import { createHash } from 'node:crypto';
import type { PairKey } from '../engine/archive-store.ts';
import type { ReplicaId } from '../engine/replica.ts';

/** Name of a pair's file in a subfolder of the state folder. Ids and profile may come from a peer, so they are hashed and not spelled. */
export function pairFileName({ alpha, beta, profile }: PairKey, extension: string): string {
  return `${createHash('sha256')
    .update(JSON.stringify([alpha, beta, profile]))
    .digest('hex')
    .slice(0, 32)}.${extension}`;
}

/** The pair as it is written into its files, to notice one that belongs to another. */
export function isOfPair(value: unknown, { alpha, beta, profile }: PairKey): boolean {
  return Array.isArray(value) && value.length === 3 && value[0] === alpha && value[1] === beta && value[2] === profile;
}

export function listToPair(value: unknown): PairKey | undefined {
  if (!Array.isArray(value) || value.length !== 3 || !value.every((part) => typeof part === 'string')) return undefined;
  const [alpha = '', beta = '', profile = ''] = value as readonly string[];
  return { alpha: alpha as ReplicaId, beta: beta as ReplicaId, profile };
}

export function pairToList({ alpha, beta, profile }: PairKey): readonly string[] {
  return [alpha, beta, profile];
}
