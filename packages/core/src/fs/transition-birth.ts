import type { DiskDirectory } from '../engine/disk.ts';
import { unlinkIfThere } from './atomic-write.ts';
import type { Birth } from './transition-make.ts';

const probeName = 'temp-0';

/** Learns from a file made for the purpose what the disk gives to new ones: a process may not ask for its umask without changing it. */
export function readBirth(stagingFolder: DiskDirectory): Birth {
  unlinkIfThere(stagingFolder, probeName);
  const file = stagingFolder.openFile(probeName, 'create', 0o777);
  try {
    const { uid, gid, mode } = file.stat();
    return { uid, gid, umask: 0o777 & ~mode };
  } finally {
    file.close();
    stagingFolder.unlink(probeName);
  }
}
