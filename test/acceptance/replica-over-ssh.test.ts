/** The law of replicas, on a folder at the other end of SSH: the same suite as in memory, on disk and over a pipe. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeReplica } from '@ubos/sync-core/testing';
import { connectSsh } from '@ubos/sync-transport-ssh';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { makeTempFolder } from '../support/temp.ts';
import { createLocalPlace } from './place.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`over ${title}`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await start();
    });
    afterAll(() => server?.close());

    describeReplica(
      'a folder behind SSH',
      async () => {
        const temp = await makeTempFolder('replica');
        const root = join(temp.path, 'root');
        await mkdir(root);
        const place = createLocalPlace(root);
        const connections: Awaited<ReturnType<typeof connectSsh>>[] = [];
        const open = async (): ReturnType<Awaited<ReturnType<typeof connectSsh>>['replica']> => {
          const connection = await connectSsh(server.url(root), { configFile: server.sshConfigFile });
          connections.push(connection);
          return connection.replica();
        };
        return {
          replica: await open(),
          write: (path, text, mode) => place.write(path, text, mode),
          makeDirectory: async (path) => void (await mkdir(join(root, path), { recursive: true })),
          remove: (path) => place.remove(path),
          read: (path) => place.read(path),
          reopen: open,
          async close() {
            for (const connection of connections) await connection.close();
            await temp.remove();
          },
        };
      },
      { describe, it, expect },
    );
  });
}
