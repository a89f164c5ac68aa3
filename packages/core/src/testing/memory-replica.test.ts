import { describe, expect, it } from 'vitest';
import { describeReplica } from './describe-replica.ts';
import { createMemoryDisk, makeMemoryDirectory, readMemoryFile, removeMemoryNode, writeMemoryFile } from './memory-disk.ts';
import { createMemoryReplica } from './memory-replica.ts';
import { createTestClock } from './test-clock.ts';

describeReplica(
  'the memory replica',
  async () => {
    const disk = createMemoryDisk();
    const clock = createTestClock();
    const open = (): ReturnType<typeof createMemoryReplica> => createMemoryReplica({ disk, clock });
    return {
      replica: open(),
      async write(path, text, mode = 0o644) {
        clock.advance(10_000);
        writeMemoryFile(disk, path, text, { mode, mtimeMs: clock.nowMs() });
      },
      makeDirectory: async (path) => makeMemoryDirectory(disk, path),
      remove: async (path) => removeMemoryNode(disk, path),
      read: async (path) => readMemoryFile(disk, path),
      reopen: async () => open(),
      close: async () => {},
    };
  },
  { describe, it, expect },
);
