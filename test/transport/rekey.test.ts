/** Servers change keys in the middle of a transfer; the host must stay the same, and no byte may be lost. */
import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { connectHost } from '../../packages/transport-ssh/src/ssh/connect.ts';
import { execCommand } from '../../packages/transport-ssh/src/ssh/exec.ts';
import { resolveHost } from '../../packages/transport-ssh/src/ssh/ssh-config.ts';
import { runsOpenSsh } from '../support/servers.ts';
import { startSshd } from '../support/sshd.ts';

it.runIf(runsOpenSsh)('bytes go both ways through many key exchanges', async () => {
  await using server = await startSshd({ config: ['RekeyLimit 1M'] });
  const ssh = await connectHost(await resolveHost({ host: server.alias }, { configFile: server.sshConfigFile }));
  try {
    const { stream } = await execCommand(ssh, 'exec cat');
    const sent = randomBytes(20_000_000);
    stream.end(sent);
    const received = createHash('sha256');
    for await (const chunk of stream) received.update(chunk as Buffer);
    expect(received.digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'));
    expect(server.log().match(/rekey after \d+ blocks|set_newkeys: rekeying/g)?.length).toBeGreaterThan(10);
  } finally {
    await ssh.close();
  }
});
