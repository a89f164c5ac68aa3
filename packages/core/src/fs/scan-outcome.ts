/** What a scan says of what it could not, or may not, read. */
import type { Problematic, Untracked, UntrackedReason } from '../tree/entry.ts';
import { errnoOf } from './io-failure.ts';

/** It did not hold still for the time of a look. */
export const changed: Problematic = problematic('SYNC_CHANGED_WHILE_READ');

export const untracked: Readonly<Record<UntrackedReason, Untracked>> = {
  special: { kind: 'untracked', reason: 'special' },
  'mount-point': { kind: 'untracked', reason: 'mount-point' },
  'link-not-portable': { kind: 'untracked', reason: 'link-not-portable' },
  'links-ignored': { kind: 'untracked', reason: 'links-ignored' },
  placeholder: { kind: 'untracked', reason: 'placeholder' },
};

export function problematic(code: string): Problematic {
  return { kind: 'problematic', code };
}

/** What the disk says; anything else is a bug (or an abort) and goes on. */
export function problematicOf(error: unknown): Problematic {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return problematic(errno);
}
