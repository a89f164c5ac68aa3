/** How the far side's program gets there and is started, and what is said when it cannot be. */

import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AgentBundle, readAgentBundle } from '../../packages/transport-ssh/src/agent/bundle.ts';
import { type ConnectSshOptions, connectSsh, type SshConnection } from '../../packages/transport-ssh/src/connect-ssh.ts';
import { type EmbeddedSshdOptions, startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { runsOpenSsh } from '../support/servers.ts';
import { startSshd } from '../support/sshd.ts';
import type { TestServer } from '../support/sshd-files.ts';

let bundle: AgentBundle;
let server: TestServer;
let folder: string;
let file: string;
beforeAll(async () => {
  bundle = await readAgentBundle();
});

const use = (started: TestServer): void => {
  server = started;
  folder = join(server.home, '.cache/ubos-sync');
  file = join(folder, `agent-${bundle.sha256}.cjs`);
};
const connect = (options: ConnectSshOptions = {}): Promise<SshConnection> =>
  connectSsh(server.url('/srv/repo'), { configFile: server.sshConfigFile, agent: bundle, ...options });
const connectAndClose = async (options: ConnectSshOptions = {}): Promise<SshConnection> => {
  const connection = await connect(options);
  await connection.close();
  return connection;
};
/** What an agent has compiled it keeps at its end, when its client may be gone already. */
const agentsKept = async (): Promise<readonly string[]> =>
  existsSync(folder) ? (await readdir(folder)).filter((kept) => kept.startsWith('agent-')) : [];
const forget = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 3 });
const modeOf = async (path: string): Promise<string> => ((await lstat(path)).mode & 0o777).toString(8);

describe.each([
  ['the embedded server', startEmbeddedSshd, true],
  ['OpenSSH', startSshd, runsOpenSsh],
])('the agent on %s', (name, start, isHere) => {
  if (!isHere) {
    it.skip('openssh-server is not installed on this machine');
    return;
  }
  beforeAll(async () => use(await start()));
  beforeEach(() => use(server));
  afterAll(() => server.close());

  it('is uploaded once, for its owner alone, and started with one command each time', async () => {
    expect((await connectAndClose()).agentUploaded).toBe('missing');
    expect(await readFile(file)).toEqual(Buffer.from(bundle.bytes));
    expect([await modeOf(folder), await modeOf(file)]).toEqual(['700', '600']);
    const connection = await connectAndClose();
    expect(connection.agentUploaded).toBeUndefined();
    expect(connection.peer.nodeVersion).toMatch(/^v\d+\./);
    expect(await connection.closed).toBeUndefined();
    const commands = server.log().match(/^exec |Starting session: command/gm) ?? [];
    expect(commands).toHaveLength(name === 'OpenSSH' && !server.log().includes('Starting session') ? 0 : 2);
  });

  it('altered by one byte is never run, but replaced', async () => {
    await connectAndClose();
    const canary = join(server.home, 'canary');
    const altered = Buffer.concat([Buffer.from(`require("fs").writeFileSync(${JSON.stringify(canary)}, "");`), bundle.bytes]);
    await writeFile(file, altered);
    expect((await connectAndClose()).agentUploaded).toBe('damaged');
    const flipped = Buffer.from(bundle.bytes);
    flipped[1_000]! ^= 1;
    await writeFile(file, flipped);
    expect((await connectAndClose()).agentUploaded).toBe('damaged');
    expect(existsSync(canary)).toBe(false);
    expect((await connectAndClose()).agentUploaded).toBeUndefined();
  });

  it('is not read through a link', async () => {
    await connectAndClose();
    const elsewhere = join(server.home, 'elsewhere');
    await writeFile(elsewhere, bundle.bytes);
    await rm(file);
    await symlink(elsewhere, file);
    expect((await connectAndClose()).agentUploaded).toBe('unsafe');
    expect((await lstat(file)).isFile()).toBe(true);
    expect(await readFile(elsewhere)).toEqual(Buffer.from(bundle.bytes));
  });

  it('that others can write is not run, but replaced', async () => {
    await connectAndClose();
    await chmod(file, 0o620);
    expect((await connectAndClose()).agentUploaded).toBe('unsafe');
    await chmod(folder, 0o777);
    expect((await connectAndClose()).agentUploaded).toBe('unsafe');
    expect([await modeOf(folder), await modeOf(file)]).toEqual(['700', '600']);
  });

  it('is uploaded by two at once without harm', async () => {
    await forget();
    const connections = await Promise.all([connect(), connect(), connect()]);
    await Promise.all(connections.map((connection) => connection.close()));
    expect(await agentsKept()).toEqual([`agent-${bundle.sha256}.cjs`]);
    expect(await readFile(file)).toEqual(Buffer.from(bundle.bytes));
  });

  it('that arrives with another hash is neither run nor kept', async () => {
    await forget();
    await expect(connect({ agent: { bytes: bundle.bytes, sha256: '0'.repeat(64) } })).rejects.toMatchObject({ code: 'SYNC_AGENT_DAMAGED' });
    expect(await agentsKept()).toEqual([]);
  });

  it('keeps what was compiled of it, and goes on without where that is damaged', async () => {
    await connectAndClose();
    const codeOf = async (): Promise<string> => join(folder, (await readdir(folder)).find((kept) => kept.startsWith(`code-${bundle.sha256}.`))!);
    const code = await vi.waitFor(codeOf, 5_000);
    expect(await modeOf(code)).toBe('600');
    const whole = await readFile(code);
    await writeFile(code, whole.fill(0, 100, 200));
    const { ino } = await lstat(code);
    expect((await connectAndClose()).peer.nodeVersion).toBe(process.version);
    await vi.waitFor(async () => expect((await lstat(code)).ino).not.toBe(ino), 5_000);
    expect((await connectAndClose()).agentUploaded).toBeUndefined();
  });
});

describe('on a far side that is special', () => {
  afterEach(() => server.close());
  const start = async (options: EmbeddedSshdOptions = {}): Promise<void> => use(await startEmbeddedSshd(options));
  const failure = async (options: ConnectSshOptions = {}): Promise<{ code: string; message: string; details: Record<string, unknown> }> => {
    const error: unknown = await connectAndClose(options).catch((reason: unknown) => reason);
    return error as never;
  };
  const path = process.env['PATH'] ?? '';

  it('the agent ends with its connection, orderly or not', async () => {
    await start();
    await connectAndClose();
    await vi.waitFor(() => expect(server.log()).toContain('exit 0'));
    await connect();
    await server.close();
    await vi.waitFor(() => expect(server.log().match(/^exit /gm)).toHaveLength(2), 5_000);
  });

  it('a cache folder that cannot be written to is named, here the one of XDG_CACHE_HOME', async () => {
    await start({ env: { PATH: path, XDG_CACHE_HOME: '/proc' } });
    expect(await failure()).toMatchObject({
      code: 'SYNC_REMOTE_NOT_WRITABLE',
      message: expect.stringContaining('/proc/ubos-sync'),
      details: { hint: expect.stringContaining('XDG_CACHE_HOME') },
    });
  });

  it('a cache folder that is none is named', async () => {
    await start();
    await writeFile(join(server.home, '.cache'), '');
    expect(await failure()).toMatchObject({ code: 'SYNC_REMOTE_NOT_WRITABLE', message: expect.stringContaining(folder) });
  });

  it('a cache folder that is a link to elsewhere is not used', async () => {
    await start();
    await mkdir(join(server.home, 'elsewhere'));
    await mkdir(join(server.home, '.cache'));
    await symlink('../elsewhere', folder);
    expect(await failure()).toMatchObject({ code: 'SYNC_REMOTE_NOT_WRITABLE' });
    expect(await readdir(join(server.home, 'elsewhere'))).toEqual([]);
  });

  /** Without the places that this machine may happen to have. */
  const withoutFixedPlaces = (command: string): string => command.replaceAll(/\/(?:opt|home|usr|snap)\/[a-z./]*bin\/node/g, '/nonexistent/node');

  it('where there is no Node, that is said', async () => {
    await start({ env: { PATH: '/nonexistent' }, command: withoutFixedPlaces });
    expect(await failure()).toMatchObject({
      code: 'SYNC_REMOTE_NODE_MISSING',
      message: expect.stringContaining('looked in PATH (node, nodejs), Volta, Homebrew'),
      details: { found: [], hint: expect.stringContaining('install Node 18 or later') },
    });
  });

  it('where Node is named and not there, no other is taken', async () => {
    await start();
    expect(await failure({ node: '/nonexistent/node' })).toMatchObject({
      code: 'SYNC_REMOTE_NODE_MISSING',
      details: { looked: ['/nonexistent/node'] },
    });
  });

  it('a Node below ~/ can be named', async () => {
    await start({ env: { PATH: '/nonexistent' }, command: withoutFixedPlaces });
    await symlink(process.execPath, join(server.home, 'my node'));
    await connectAndClose({ node: '~/my node' });
  });

  it.each(['node', '~bob/node', "/x'; touch canary; '", '/x\ny', '/x`y`', '/$(x)'])('a Node named %j is refused', async (node) => {
    await start();
    expect(await failure({ node })).toMatchObject({ code: 'SYNC_USAGE' });
    expect(server.log()).not.toContain('exec');
  });

  describe('an old Node', () => {
    const addOldNode = async (): Promise<void> => {
      const bin = join(server.home, 'bin');
      await mkdir(bin);
      await writeFile(
        join(bin, 'old.cjs'),
        'Object.defineProperty(process, "versions", { value: { node: "12.22.9" } }); Object.defineProperty(process, "version", { value: "v12.22.9" });',
      );
      await writeFile(join(bin, 'node'), `#!/bin/sh\nexec '${process.execPath}' -r '${join(bin, 'old.cjs')}' "$@"\n`, { mode: 0o755 });
    };
    const withOldNode = (command: string): string => `PATH="$HOME/bin"; export PATH; ${withoutFixedPlaces(command)}`;

    it('is named', async () => {
      await start({ command: withOldNode });
      await addOldNode();
      expect(await failure()).toMatchObject({
        code: 'SYNC_REMOTE_NODE_MISSING',
        message: expect.stringContaining('found only v12.22.9'),
        details: { found: [expect.stringContaining('v12.22.9')] },
      });
    });

    it.each([
      '.nvm/versions/node/v20.1.0/bin/node',
      '.volta/bin/node',
      '.local/share/fnm/node-versions/v20.1.0/installation/bin/node',
      '.asdf/installs/nodejs/20.1.0/bin/node',
    ])('is passed over for %s', async (place) => {
      await start({ command: withOldNode });
      await addOldNode();
      await mkdir(dirname(join(server.home, place)), { recursive: true });
      await symlink(process.execPath, join(server.home, place));
      await connectAndClose();
    });
  });

  it('a shell that prints is listened through', async () => {
    await start({
      command: (command) => `printf '\\033[1mWelcome!\\033[0m\\r\\nubos-sync 00 no-node\\nno newline at the end'; echo warning >&2; ${command}`,
    });
    expect((await connectAndClose()).agentUploaded).toBe('missing');
    expect((await connectAndClose()).agentUploaded).toBeUndefined();
  });

  it('a shell that prints without end is given up, with its first words', async () => {
    await start({
      command: (command) => `i=0; while [ $i -lt 4000 ]; do echo "Message of the day, line $i, fifty bytes or so"; i=$((i+1)); done; ${command}`,
    });
    expect(await failure()).toMatchObject({ code: 'SYNC_REMOTE_SHELL', message: expect.stringContaining('Message of the day, line 0') });
  });

  it('a shell that ends without a word of ours is quoted, escaped', async () => {
    await start({ command: () => `printf 'This account is \\033[31mnot available.\\n'; echo really >&2; exit 1` });
    expect(await failure()).toMatchObject({
      code: 'SYNC_REMOTE_SHELL',
      message: expect.stringContaining('(exit status 1)'),
      details: { output: ['This account is \\x1b[31mnot available.', 'really'] },
    });
  });

  it('a shell that ends silently is told by its exit status', async () => {
    await start({ command: () => 'exit 42' });
    expect(await failure()).toMatchObject({ code: 'SYNC_REMOTE_SHELL', details: { exit: 'exit status 42', output: [] } });
  });

  it('a shell that says nothing is left on abort', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    await start({
      command: () => {
        stop.abort(reason);
        return 'exec cat >/dev/null';
      },
    });
    await expect(connect({ signal: stop.signal })).rejects.toBe(reason);
  });

  it('a forced command answers in place of the launcher, and nothing is uploaded', async () => {
    const forced = `exec '${process.execPath}' -e 'require(process.argv[1]).main({ need: "" })' '${join(import.meta.dirname, '../../packages/transport-ssh/dist/agent/agent.cjs')}'`;
    await start({ command: () => forced });
    expect((await connectAndClose()).agentUploaded).toBeUndefined();
    expect(existsSync(join(server.home, '.cache'))).toBe(false);
    expect(server.log().match(/^exec /gm)).toHaveLength(1);
  });

  const shells = ['/bin/sh', '/bin/bash', '/bin/dash', '/bin/zsh', '/usr/bin/fish', '/bin/tcsh', '/bin/ksh', '/bin/ash'].filter((shell) =>
    existsSync(shell),
  );
  it.each(shells)('a login shell may be %s', async (shell) => {
    await start({ shell });
    expect((await connectAndClose()).agentUploaded).toBe('missing');
    expect((await connectAndClose()).agentUploaded).toBeUndefined();
  });

  it.runIf(runsOpenSsh)('an account for SFTP alone is named', async () => {
    use(await startSshd({ config: ['ForceCommand internal-sftp'] }));
    expect(await failure()).toMatchObject({ code: 'SYNC_REMOTE_SHELL' });
  });

  it.runIf(runsOpenSsh)('an account without sessions is named', async () => {
    use(await startSshd({ config: ['MaxSessions 0'] }));
    expect(await failure()).toMatchObject({ code: 'SYNC_REMOTE_SHELL', message: expect.stringContaining('does not run commands') });
  });
});
