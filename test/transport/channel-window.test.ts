/** The one place where we reach into ssh2: that it is still built as we think. */

import type { ClientChannel } from 'ssh2';
import { expect, it } from 'vitest';
import { widenReceiveWindow } from '../../packages/transport-ssh/src/ssh/channel-window.ts';
import { connectHost } from '../../packages/transport-ssh/src/ssh/connect.ts';
import { resolveHost } from '../../packages/transport-ssh/src/ssh/ssh-config.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';

it('a channel takes a wider window, and bytes arrive whole through it', async () => {
  await using server = await startEmbeddedSshd();
  const ssh = await connectHost(await resolveHost({ host: server.alias }, { configFile: server.sshConfigFile }));
  try {
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      ssh.client.exec('head -c 20000000 /dev/zero', (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
    });
    let bytes = 0;
    channel.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const ended = new Promise<void>((resolve) => channel.once('close', () => resolve()));
    widenReceiveWindow(channel, 8 * 1024 * 1024);
    expect((channel as unknown as { incoming: { window: number } }).incoming.window).toBe(8 * 1024 * 1024);
    await ended;
    expect(bytes).toBe(20_000_000);
  } finally {
    await ssh.close();
  }
});
