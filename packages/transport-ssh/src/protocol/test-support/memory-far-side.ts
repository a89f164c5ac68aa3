import type { Clock, LogSource, Replica } from '@ubos/sync-core';
import { createMemoryDisk, createMemoryReplica, type MemoryDisk } from '@ubos/sync-core/testing';
import type { ByteDuplex } from '../byte-duplex.ts';
import { type Connection, type ConnectOptions, connectOver } from '../connect.ts';
import { serve } from '../serve.ts';
import type { ServeOptions } from '../serve-options.ts';
import { systemClock } from '../system-clock.ts';
import { createDuplexPair, type DuplexPair } from './duplex-pair.ts';

export interface FarSide {
  readonly connection: Connection;
  readonly disk: MemoryDisk;
  /** Every name of a step that changed the disk, with its path. */
  readonly steps: readonly string[];
  readonly serving: Promise<void>;
  readonly pair: DuplexPair;
  /** Another replica object of the same root, on the far side itself. */
  openThere(): Replica;
  close(): Promise<void>;
}

export interface FarSideOptions extends ConnectOptions {
  readonly pair?: DuplexPair | undefined;
  readonly serve?: Partial<ServeOptions> | undefined;
  readonly logs?: ((path: string) => Promise<LogSource>) | undefined;
  readonly serverClock?: Clock | undefined;
  /** Where bytes come from before our end of the pipe, if something stands between. */
  readonly here?: ByteDuplex | undefined;
}

/** A replica in memory, served over a pipe in memory. */
export async function createFarSide({
  pair = createDuplexPair(),
  serve: more,
  logs,
  serverClock = systemClock,
  here = pair.here,
  ...options
}: FarSideOptions = {}): Promise<FarSide> {
  const disk = createMemoryDisk();
  const steps: string[] = [];
  const openThere = (): Replica =>
    createMemoryReplica({ disk, clock: systemClock, step: (name, path) => void steps.push(path === undefined ? name : `${name} ${path}`) });
  const serving = serve(pair.there, { replica: () => Promise.resolve(openThere()), logs, clock: serverClock, ...more });
  // A test that cares looks at it.
  serving.catch(() => {});
  const connection = await connectOver(here, options);
  return {
    connection,
    disk,
    steps,
    serving,
    pair,
    openThere,
    async close() {
      await connection.close();
      await serving.catch(() => {});
    },
  };
}
