/** An ssh-agent for tests, on a socket of its own: holds the keys it is given, and may refuse to sign. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import { makeTempFolder } from './temp.ts';

export interface KeyAgent {
  readonly socketPath: string;
  /** How often it was asked to sign. */
  readonly signCount: number;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startKeyAgent(privateKeys: readonly string[], { signs = true }: { readonly signs?: boolean } = {}): Promise<KeyAgent> {
  const folder = await makeTempFolder('agent');
  const socketPath = join(folder.path, 'socket');
  const keys = privateKeys.map((text) => ssh2.utils.parseKey(text) as ParsedKey);
  let signCount = 0;
  const server = createServer((socket) => {
    const protocol = new ssh2.AgentProtocol(false);
    protocol.on('identities', (request) => protocol.getIdentitiesReply(request, keys));
    protocol.on('sign', (request, publicKey, data) => {
      signCount += 1;
      const key = keys.find((candidate) => candidate.getPublicSSH().equals(publicKey.getPublicSSH()));
      if (key === undefined || !signs) protocol.failureReply(request);
      else protocol.signReply(request, key.sign(data));
    });
    socket.on('error', () => {});
    protocol.on('error', () => socket.destroy());
    protocol.pipe(socket).pipe(protocol);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const close = async (): Promise<void> => {
    await new Promise((resolve) => server.close(resolve));
    await folder.remove();
  };
  return {
    socketPath,
    get signCount() {
      return signCount;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
