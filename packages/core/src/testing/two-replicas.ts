/** Two memory replicas and a way to sync them from either end: the world of the engine's tests. */
import type { SyncEvent } from '../engine/events.ts';
import type { SyncReport } from '../engine/report.ts';
import { runSync, type SyncOptions } from '../engine/run-sync.ts';
import { runUndo } from '../engine/run-undo.ts';
import { defaultSyncSettings, type SyncSettings } from '../engine/sync-settings.ts';
import type { RelativePath } from '../tree/path.ts';
import { createMemoryDisk, type MemoryDisk, type MemoryNames, readMemoryFile, removeMemoryNode, writeMemoryFile } from './memory-disk.ts';
import { createMemoryReplica } from './memory-replica.ts';
import { createTestClock, type TestClock } from './test-clock.ts';

export type NodeName = 'laptop' | 'balaur';

export type RunOptions = Omit<Partial<SyncOptions>, 'settings'> & {
  readonly from?: NodeName;
  readonly settings?: Partial<SyncSettings>;
  readonly step?: Step;
};

export interface TwoReplicas {
  readonly clock: TestClock;
  readonly disks: Readonly<Record<NodeName, MemoryDisk>>;
  /** Writes a file as its user would; every write is 10 s later than the one before. */
  write(node: NodeName, path: string, text: string, mode?: number): void;
  remove(node: NodeName, path: string): void;
  read(node: NodeName, path: string): string | undefined;
  /** One run, started by `from`. Applies unless told otherwise. */
  sync(options?: RunOptions): Promise<SyncReport>;
  /** Takes back a run, started by `from`. Applies unless told otherwise. */
  undo(run: string, options?: RunOptions): Promise<SyncReport>;
  readonly events: SyncEvent[];
}

/** Called before everything that changes a disk; may throw, as a crash would. */
export type Step = (node: NodeName, name: string, path?: RelativePath) => void;

/** `names`: what each file system does to names, where it is not to keep them all as they are. */
export function createTwoReplicas(names: Partial<Readonly<Record<NodeName, Partial<MemoryNames>>>> = {}): TwoReplicas {
  const clock = createTestClock();
  const disks = { laptop: createMemoryDisk(names.laptop), balaur: createMemoryDisk(names.balaur) };
  const events: SyncEvent[] = [];
  const between = async (
    { from = 'laptop', step = () => {}, settings, ...options }: RunOptions,
    run: (options: SyncOptions) => Promise<SyncReport>,
  ): Promise<SyncReport> => {
    const to = from === 'laptop' ? 'balaur' : 'laptop';
    const open = (node: NodeName): ReturnType<typeof createMemoryReplica> =>
      createMemoryReplica({ disk: disks[node], clock, host: node, step: (name, path) => step(node, name, path) });
    const alpha = open(from);
    const beta = open(to);
    try {
      return await run({
        alpha,
        beta,
        names: { alpha: from, beta: to },
        profile: 'default',
        settings: { ...defaultSyncSettings, ...settings },
        dryRun: false,
        clock,
        lockWaitMs: 0,
        onEvent: (event) => void events.push(event),
        ...options,
      });
    } finally {
      // A crash leaves no one to release anything; the lock of a dead process is taken over.
      await alpha.close();
      await beta.close();
    }
  };
  return {
    clock,
    disks,
    events,
    write(node, path, text, mode = 0o644) {
      clock.advance(10_000);
      writeMemoryFile(disks[node], path, text, { mode, mtimeMs: clock.nowMs() });
    },
    remove: (node, path) => removeMemoryNode(disks[node], path),
    read: (node, path) => readMemoryFile(disks[node], path),
    sync: (options = {}) => between(options, runSync),
    undo: (run, options = {}) => between(options, (given) => runUndo({ ...given, undo: run })),
  };
}
