/**
 * What goes wrong in real life: each gives one clear message with its code and what to do, the documented exit code, and leaves both trees and
 * the archive as they were or further along, never half-written.
 */
import { spawnSync } from 'node:child_process';
import { appendFile, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { servers } from '../support/servers.ts';
import { findFreePort, makeKeyPair, type TestServer } from '../support/sshd-files.ts';
import type { CliResult } from './run-cli.ts';
import { list, openTwoRoots, type TwoRoots } from './two-roots.ts';

const isRoot = process.getuid?.() === 0;

for (const { title, start, skip } of servers) {
  describe.skipIf(skip)(`bad input over ${title}`, () => {
    let server: TestServer;
    let world: TwoRoots;
    let sshConfig: string;
    let knownHosts: string;
    beforeAll(async () => {
      server = await start();
      sshConfig = await readFile(server.sshConfigFile, 'utf8');
      knownHosts = await readFile(server.knownHostsFile, 'utf8');
    });
    afterAll(() => server?.close());
    beforeEach(async () => {
      await writeFile(server.sshConfigFile, sshConfig);
      await writeFile(server.knownHostsFile, knownHosts);
      world = await openTwoRoots({ server });
      await world.here.write('a.md', 'one');
      await world.there.write('b.md', 'two');
    });
    afterEach(() => world.close());

    const config = (): string => join(world.here.root, 'ubos-sync.yaml');
    const refused = async (code: string, ...args: readonly string[]): Promise<CliResult> => {
      const before = await world.listing();
      const result = await world.sync(args.length > 0 ? args : ['full', '--apply']);
      expectRefused(result, code);
      expect(await world.listing()).toEqual(before);
      return result;
    };

    it('an unknown key in the config', async () => {
      await appendFile(config(), 'truth:\n  exlude: [models/]\n');
      const { stderr } = await refused('SYNC_CONFIG_INVALID');
      expect(stderr).toMatch(/ubos-sync\.yaml:\d+:\d+/);
      expect(stderr).toContain('did you mean `exclude`');
    });

    it('a bad duration', async () => {
      await appendFile(config(), 'watch: { interval: often }\n');
      const { stderr } = await refused('SYNC_CONFIG_INVALID');
      expect(stderr).toMatch(/interval/);
    });

    it('a missing root, here and there', async () => {
      await writeFile(config(), (await readFile(config(), 'utf8')).replace('root: .', 'root: nowhere'));
      await refused('SYNC_ROOT_MISSING');
      await writeFile(
        config(),
        (await readFile(config(), 'utf8')).replace('root: nowhere', 'root: .').replace(world.there.root, `${world.there.root}/nowhere`),
      );
      await refused('SYNC_ROOT_MISSING');
    });

    it('a root that is a file', async () => {
      await writeFile(config(), (await readFile(config(), 'utf8')).replace(world.there.root, `${world.there.root}/b.md`));
      await refused('SYNC_ROOT_KIND');
    });

    it('an unreachable host', async () => {
      await writeFile(server.sshConfigFile, sshConfig.replace(`Port ${server.port}`, `Port ${await findFreePort()}`));
      await refused('SYNC_UNREACHABLE');
    });

    it('an unknown host key', async () => {
      await writeFile(server.knownHostsFile, '');
      const { stderr } = await refused('SYNC_HOST_KEY_UNKNOWN');
      expect(stderr).toContain('SHA256:');
      expect(stderr).toContain('--accept-new-host-key');
    });

    it('a changed host key', async () => {
      await writeFile(server.knownHostsFile, `[127.0.0.1]:${server.port} ${makeKeyPair().public}\n`);
      await refused('SYNC_HOST_KEY_CHANGED', 'full', '--apply', '--accept-new-host-key');
    });

    it('a key that the server refuses', async () => {
      const other = join(world.folder, 'other_key');
      await writeFile(other, makeKeyPair().private, { mode: 0o600 });
      await writeFile(server.sshConfigFile, sshConfig.replace(server.identityFile, other));
      await refused('SYNC_AUTH_FAILED');
    });

    it('a remote folder that cannot be written to', async () => {
      // Root may write everywhere but on a file system that is read-only by nature.
      const readOnly = isRoot ? '/sys/kernel' : join(world.folder, 'read-only');
      if (!isRoot) {
        await mkdir(readOnly);
        await chmod(readOnly, 0o555);
      }
      await writeFile(config(), (await readFile(config(), 'utf8')).replace(world.there.root, readOnly));
      const result = await world.sync(['truth', '--apply']);
      expectRefused(result, 'SYNC_REMOTE_NOT_WRITABLE');
    });

    // A real disk that is small: only root can mount one. (The engine meets a full disk at every single write in packages/core/src/fs/stage.test.ts.)
    describe.skipIf(!isRoot || process.platform !== 'linux')('a full disk', () => {
      let small: string;
      const mount = (options: string): void => {
        expect(spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', small]).status).toBe(0);
      };
      beforeEach(async () => {
        small = join(world.folder, 'small');
        await mkdir(small);
        await writeFile(config(), (await readFile(config(), 'utf8')).replace(world.there.root, small));
      });
      afterEach(() => void spawnSync('umount', ['-l', small]));

      it('that can be seen beforehand: nothing is begun', async () => {
        mount('size=1m');
        await world.here.write('large.bin', 'x'.repeat(3 * 1024 ** 2));
        expectRefused(await world.sync(['truth', '--apply']), 'SYNC_NO_SPACE');
        expect(await list(small)).toBe('');
        await rm(join(world.here.root, 'large.bin'));
        expect((await world.sync(['truth', '--apply'])).exitCode).toBe(0);
      });

      it('that is full in the middle of staging: what fitted is whole, and the next run goes on', async () => {
        mount('size=16m,nr_inodes=60');
        for (let index = 0; index < 100; index++) await world.here.write(`many/${index}.md`, `file ${index}`);
        const result = await world.sync(['truth', '--apply']);
        expect([2, 3], result.stderr).toContain(result.exitCode);
        expect(result.stdout + result.stderr).toContain('SYNC_NO_SPACE');
        const mine = new Set((await list(world.here.root)).split('\n'));
        expect((await list(small)).split('\n').filter((line) => line.includes('.md') && !mine.has(line))).toEqual([]);
        expect(spawnSync('mount', ['-o', 'remount,nr_inodes=10000', small]).status).toBe(0);
        const again = await world.sync(['truth', '--apply']);
        expect(again.exitCode, again.stderr).toBe(0);
        expect(await list(small)).toBe(await list(world.here.root));
      });
    });

    it('Ctrl-C in mid-transfer: nothing half-written, and the next run goes on', async () => {
      for (let index = 0; index < 300; index++) await world.here.write(`many/${index}.bin`, `${index} `.repeat(20_000));
      const interrupted = await world.sync(['truth', '--apply', '--json'], {
        onOutput: (text, kill) => {
          if (/"phase","name":"(stage|transition)"|"name":"(stage|transition)"/.test(text)) kill('SIGINT');
        },
      });
      expect(interrupted.exitCode).toBe(3);
      expect(interrupted.stdout).toContain('SYNC_INTERRUPTED');
      const mine = new Set((await world.listing()).here.split('\n'));
      const halfWritten = (await world.listing()).there.split('\n').filter((line) => line.includes('many/') && !mine.has(line));
      expect(halfWritten).toEqual([]);
      const after = await world.sync(['truth', '--apply']);
      expect(after.exitCode, after.stderr).toBe(0);
      const { here, there } = await world.listing();
      expect(there).toBe(here);
    });
  });
}

describe('bad input, where the far side is to blame', () => {
  it('a remote without Node', async () => {
    // Nor in the places where this machine may happen to have one.
    const command = (requested: string): string => requested.replaceAll(/\/(?:opt|home|usr|snap)\/[a-z./]*bin\/node/g, '/nonexistent/node');
    await using server = await startEmbeddedSshd({ env: { PATH: '/nonexistent' }, command });
    const world = await openTwoRoots({ server });
    try {
      const result = await world.sync(['truth', '--apply']);
      expectRefused(result, 'SYNC_REMOTE_NODE_MISSING');
    } finally {
      await world.close();
    }
  });
});

/** One message, with its code and what to do, and the exit code of a run that could not be done. */
function expectRefused(result: CliResult, code: string): void {
  const text = `${result.stdout}${result.stderr}`;
  expect(text).toContain(code);
  expect(text.match(new RegExp(code, 'g'))?.length, text).toBeLessThanOrEqual(2);
  expect(result.exitCode, text).toBe(3);
  expect(text, text).not.toMatch(/\n\s+at .*:\d+:\d+/);
}
