/**
 * Which permission bits a made or changed entry gets. Under the mask the plan decides; outside of it an entry that is replaced keeps its bits and a new
 * one gets what the user's umask leaves. Set-id and sticky bits are never carried: a file loses them with its old content, a directory keeps its own.
 */
import type { PermissionMask } from '../engine/settings.ts';
import type { Mode } from '../tree/entry.ts';

export interface ModeRule {
  readonly permissions: PermissionMask;
  /** What the umask takes away here. */
  readonly umask: number;
}

/** All bits for the disk, without set-id and sticky. `existing`: the bits of the entry that is replaced or changed, if there is one. */
export function modeToStore(kind: 'file' | 'directory', wanted: Mode, existing: number | undefined, { permissions, umask }: ModeRule): number {
  const base = (existing ?? (kind === 'file' ? 0o666 : 0o777) & ~umask) & 0o777;
  switch (permissions) {
    case 'all':
      return wanted & 0o777;
    case 'none':
      return base;
    case 'executable':
      // Of a directory the bit means that it can be entered, which is nobody's will here.
      if (kind === 'directory') return base;
      // Whoever may read it may run it, as `chmod +x` does under a usual umask.
      return (wanted & 0o100) !== 0 ? base | 0o100 | ((base & 0o444) >> 2) : base & ~0o111;
  }
}

/** The bits of an entry that are compared and carried. */
export function maskMode(mode: number, permissions: PermissionMask): Mode {
  return mode & maskBits[permissions];
}

const maskBits: Readonly<Record<PermissionMask, number>> = { all: 0o777, executable: 0o100, none: 0 };
