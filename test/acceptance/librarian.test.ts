/** The five tests of the Librarian, through the real command line, over the embedded SSH server and over OpenSSH. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { servers } from '../support/servers.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { makeTempFolder, type TempFolder } from '../support/temp.ts';
import { type LibrarianWorld, librarianConfig, librarianTests, setUpLibrarian } from './librarian.ts';
import { createLocalPlace } from './place.ts';
import { runCli } from './run-cli.ts';

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`the Librarian's tests over ${title}`, () => {
    let server: TestServer;
    let temp: TempFolder;
    let world: LibrarianWorld;

    beforeAll(async () => {
      server = await start();
      temp = await makeTempFolder('librarian');
      const [laptop, balaur] = [join(temp.path, 'laptop'), join(temp.path, 'balaur')];
      await mkdir(laptop);
      await mkdir(balaur);
      await writeFile(join(laptop, 'ubos-sync.yaml'), librarianConfig(server.url(balaur)));
      const dates = { next: Date.now() - 3_600_000 };
      world = {
        here: createLocalPlace(laptop, dates),
        there: createLocalPlace(balaur, dates),
        sync: (...args) => runCli([...args, '-F', server.sshConfigFile], { cwd: laptop, stateHome: join(temp.path, 'state') }),
        passTieBand: () => Promise.resolve(),
        say: () => {},
      };
      await setUpLibrarian(world);
    });

    afterAll(async () => {
      await server?.close();
      await temp?.remove();
    });

    // In this order: each goes on where the one before ended, as a user would.
    for (const test of librarianTests) it(test.title, () => test.run(world));
  });
}
