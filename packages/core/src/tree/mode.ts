/**
 * Permission bits under a mask. Under the mask the plan decides; outside of it an entry that is replaced or changed keeps its bits, and a new one gets what
 * the user's umask leaves. Set-id and sticky bits are never carried: a file loses them with its old content, a directory keeps its own.
 */
import type { Mode } from './entry.ts';

/** Which permission bits are compared and carried: all nine, only whether a file can be executed (by its owner), or none. */
export type PermissionMask = 'all' | 'executable' | 'none';

export const maskBits: Readonly<Record<PermissionMask, Mode>> = { all: 0o777, executable: 0o100, none: 0 };

/** The bits of an entry that are compared and carried. */
export function maskMode(mode: number, mask: PermissionMask): Mode {
  return mode & maskBits[mask];
}

export interface ModeRule {
  readonly mask: PermissionMask;
  /** What the umask takes away here. */
  readonly umask: number;
}

/** All bits for the disk, without set-id and sticky. `existing`: the bits of the entry that is replaced, changed or brought back, if there is one. */
export function modeToStore(kind: 'file' | 'directory', wanted: Mode, existing: number | undefined, { mask, umask }: ModeRule): number {
  const base = (existing ?? (kind === 'file' ? 0o666 : 0o777) & ~umask) & 0o777;
  switch (mask) {
    case 'all':
      return wanted & 0o777;
    case 'none':
      return base;
    case 'executable':
      // Of a directory the bit means that it can be entered, which is nobody's will here.
      if (kind === 'directory' || maskMode(base, mask) === maskMode(wanted, mask)) return base;
      // Whoever may read it may run it, as `chmod +x` does under a usual umask.
      return (wanted & 0o100) !== 0 ? base | 0o100 | ((base & 0o444) >> 2) : base & ~0o111;
  }
}

/**
 * A mode that is known under one mask, for a place where another one holds (a renamed file, a kept loser): the bits that count there. What nobody has
 * looked at is taken to be the owner's alone.
 */
export function modeUnder(
  mode: Mode,
  kind: 'file' | 'directory',
  { from, to }: { readonly from: PermissionMask; readonly to: PermissionMask },
): Mode {
  if (from === to) return mode;
  const known = from === 'all' ? mode : kind === 'directory' ? 0o700 : 0o600 | (mode & 0o100);
  return maskMode(known, to);
}
