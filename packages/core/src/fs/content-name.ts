import type { Digest } from '../hash/digest.ts';

/**
 * `DIGEST-SIZE`: a content named by what it is, in staging and among the versions, so that it is found again whoever put it there and is there once for
 * all that need it. The digest is in hex; its length tells its kind.
 */
export function contentName(digest: Digest, sizeBytes: number): string {
  return `${Buffer.from(digest, 'latin1').toString('hex')}-${sizeBytes}`;
}

export function isContentName(name: string): boolean {
  return /^(?:[0-9a-f]{32}|[0-9a-f]{64})-\d+$/.test(name);
}

export function sizeOfContent(name: string): number {
  return Number(name.slice(name.indexOf('-') + 1));
}
