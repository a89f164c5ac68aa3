import type { Digest } from '../hash/digest.ts';

/**
 * Names in the staging folder. A content is named by what it is, `DIGEST-SIZE`, so that it is found again after a crash and is there once for all paths
 * that need it; `.part` marks one that is not complete. Everything else in there is a temporary name of this process.
 */
export function stagedName(digest: Digest, sizeBytes: number): string {
  return `${Buffer.from(digest, 'latin1').toString('hex')}-${sizeBytes}`;
}

export const partSuffix = '.part';

/** Whether this program gave this name: only such names are cleaned up. */
export function isStagingName(name: string): boolean {
  return /^(?:(?:[0-9a-f]{32}|[0-9a-f]{64})-\d+(?:\.part)?|temp-\d+)$/.test(name);
}
