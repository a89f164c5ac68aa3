/** What is shown to a host to be let in, in which order, and what is said when it is not enough. */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ConnectOptions, connectHost } from '../../packages/transport-ssh/src/ssh/connect.ts';
import type { SshPrompts } from '../../packages/transport-ssh/src/ssh/prompts.ts';
import { resolveHost } from '../../packages/transport-ssh/src/ssh/ssh-config.ts';
import { startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { findFreePort, makeKeyPair, type TestServer } from '../support/sshd-files.ts';
import { startKeyAgent } from '../support/sshd-key-agent.ts';

const password = 'correct horse';
let server: TestServer;
let sshConfig: string;
let privateKey: string;
let publicKey: string;
let logStart = 0;

beforeAll(async () => {
  server = await startEmbeddedSshd({ password });
  sshConfig = await readFile(server.sshConfigFile, 'utf8');
  privateKey = await readFile(server.identityFile, 'utf8');
  publicKey = `${(ssh2.utils.parseKey(privateKey) as ssh2.ParsedKey).getPublicSSH().toString('base64')}`;
});
afterAll(() => server.close());
beforeEach(async () => {
  await writeFile(server.identityFile, privateKey, { mode: 0o600 });
  await chmod(server.identityFile, 0o600);
  await rm(`${server.identityFile}.pub`, { force: true });
  await writeFile(server.sshConfigFile, sshConfig);
  logStart = server.log().length;
});

const configure = (...lines: string[]): Promise<void> => writeFile(server.sshConfigFile, `${lines.join('\n')}\n${sshConfig}`);
const connect = async (options: ConnectOptions = {}): Promise<void> => {
  const host = await resolveHost({ host: server.alias }, { configFile: server.sshConfigFile });
  const client = await connectHost(host, options);
  await client.close();
};
const attempts = (): string[] =>
  (
    server
      .log()
      .slice(logStart)
      .match(/^auth \S+/gm) ?? []
  ).map((line) => line.slice('auth '.length));
/** Answers in turn, and what was asked. */
const answering = (...answers: (string | undefined)[]): { asked: string[]; prompts: SshPrompts } => {
  const asked: string[] = [];
  return {
    asked,
    prompts: {
      async passphrase({ keyFile, attempt }) {
        asked.push(`${keyFile} ${attempt}`);
        return answers.shift();
      },
      async answer({ name, instructions, prompts }) {
        asked.push(`${name}|${instructions}|${prompts.map(({ text, echo }) => `${text}${echo}`).join()}`);
        const answer = answers.shift();
        return answer === undefined ? undefined : [answer];
      },
    },
  };
};
const failure = async (promise: Promise<void>): Promise<{ code: string; message: string; details: Record<string, unknown> }> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error as never;
};

describe('key files', () => {
  it('are shown without asking what the server takes', async () => {
    await connect();
    expect(attempts()).toEqual(['publickey', 'publickey', 'signed']);
  });

  it('are named when the server refuses them', async () => {
    await writeFile(server.identityFile, makeKeyPair().private);
    const { code, message, details } = await failure(connect());
    expect(code).toBe('SYNC_AUTH_FAILED');
    expect(message).toContain(`key file ${server.identityFile} (SHA256:`);
    expect(details).toMatchObject({ offered: ['publickey', 'keyboard-interactive', 'password'], hint: expect.stringContaining('authorized_keys') });
  });

  it('are refused when others can read them', async () => {
    await chmod(server.identityFile, 0o644);
    expect(await failure(connect())).toMatchObject({
      code: 'SYNC_KEY_UNUSABLE',
      message: expect.stringContaining(`mode 0644); chmod 600 ${server.identityFile}`),
    });
    expect(attempts()).toEqual(['none']);
  });

  it('are refused when they are none', async () => {
    await writeFile(server.identityFile, 'no key');
    expect(await failure(connect())).toMatchObject({ code: 'SYNC_KEY_UNUSABLE', message: expect.stringContaining(server.identityFile) });
  });

  it('are tried in the order of ssh_config', async () => {
    await writeFile(`${server.identityFile}.first`, makeKeyPair().private, { mode: 0o600 });
    await configure(`Host ${server.alias}`, `IdentityFile ${server.identityFile}.first`);
    await connect();
    expect(attempts()).toEqual(['publickey', 'publickey', 'publickey', 'signed']);
  });
});

describe('key files with a passphrase', () => {
  let encrypted: string;
  beforeAll(() => {
    // Made here from another key pair: ssh2 writes encrypted keys, but encrypts none that exists.
    do encrypted = ssh2.utils.generateKeyPairSync('ed25519', { passphrase: 'open sesame', cipher: 'aes256-ctr', rounds: 1 }).private;
    while (ssh2.utils.parseKey(encrypted, 'open sesame') instanceof Error);
  });
  beforeEach(() => writeFile(server.identityFile, encrypted, { mode: 0o600 }));

  it('are asked for until the passphrase is right', async () => {
    await configure('BatchMode no');
    const { asked, prompts } = answering('wrong', 'open sesame', undefined);
    const { code, details } = await failure(connect({ prompts }));
    expect(asked.slice(0, 2)).toEqual([`${server.identityFile} 1`, `${server.identityFile} 2`]);
    // The passphrase was right, the server does not know this key.
    expect(code).toBe('SYNC_AUTH_FAILED');
    expect(details['tried']).toContainEqual(expect.stringContaining(`key file ${server.identityFile} (SHA256:`));
    expect(JSON.stringify(details)).not.toMatch(/sesame|wrong/);
  });

  it('are left out where nobody can be asked', async () => {
    const { asked, prompts } = answering('open sesame');
    expect(await failure(connect({ prompts }))).toMatchObject({ code: 'SYNC_KEY_UNUSABLE', message: expect.stringContaining('passphrase') });
    expect(asked).toEqual([]);
  });
});

describe('an agent', () => {
  const others = Array.from({ length: 30 }, () => makeKeyPair().private);
  const useAgent = (socketPath: string, ...lines: string[]): Promise<void> => configure(...lines, `IdentityAgent ${socketPath}`);

  it('signs with the configured key first, however many it holds', async () => {
    await using agent = await startKeyAgent([...others, privateKey]);
    await useAgent(agent.socketPath, 'IdentitiesOnly no');
    await writeFile(`${server.identityFile}.pub`, `ssh-ed25519 ${publicKey}\n`);
    await rm(server.identityFile);
    await connect();
    expect(attempts()).toEqual(['publickey', 'publickey', 'signed']);
    expect(agent.signCount).toBe(1);
  });

  it('shows no other keys under IdentitiesOnly', async () => {
    await using agent = await startKeyAgent([...others, privateKey]);
    await useAgent(agent.socketPath, 'IdentitiesOnly yes');
    await writeFile(server.identityFile, makeKeyPair().private);
    expect(await failure(connect())).toMatchObject({ code: 'SYNC_AUTH_FAILED' });
    expect(attempts()).toEqual(['publickey']);
  });

  it('shows its other keys after the configured ones', async () => {
    await using agent = await startKeyAgent([privateKey]);
    await useAgent(agent.socketPath, 'IdentitiesOnly no');
    await writeFile(server.identityFile, makeKeyPair().private);
    await connect();
    expect(attempts()).toEqual(['publickey', 'publickey', 'publickey', 'signed']);
  });

  it('that refuses to sign is passed over', async () => {
    await using agent = await startKeyAgent([makeKeyPair().private, privateKey], { signs: false });
    await useAgent(agent.socketPath, 'IdentitiesOnly no', 'BatchMode no');
    await rm(server.identityFile);
    await connect({ prompts: answering(password).prompts });
    expect(agent.signCount).toBe(1);
    expect(attempts().at(-1)).toBe('keyboard-interactive');
  });

  it('that is dead is named, and passed over', async () => {
    await useAgent('/nonexistent/agent');
    await connect();
    await writeFile(server.identityFile, makeKeyPair().private);
    expect((await failure(connect())).message).toContain('not usable: agent /nonexistent/agent');
  });
});

describe('a password', () => {
  beforeEach(() => rm(server.identityFile));

  it('is given as the answer to what the server asks', async () => {
    await configure('BatchMode no');
    const { asked, prompts } = answering(password);
    await connect({ prompts });
    expect(asked).toEqual(['Login|Say the word|Password: false']);
    expect(attempts()).toEqual(['none', 'keyboard-interactive']);
  });

  it('is asked for where the server only takes it as such', async () => {
    await configure('BatchMode no', 'KbdInteractiveAuthentication no');
    const { asked, prompts } = answering('wrong', password);
    await connect({ prompts });
    expect(asked).toHaveLength(2);
    expect(asked[0]).toMatch(new RegExp(`@${server.alias}'s password: false$`));
    expect(attempts()).toEqual(['none', 'password', 'password']);
  });

  it('is asked for three times, and never shown', async () => {
    await configure('BatchMode no', 'KbdInteractiveAuthentication no');
    const { asked, prompts } = answering('wrong-1', 'wrong-2', 'wrong-3', password);
    const { code, message, details } = await failure(connect({ prompts }));
    expect(code).toBe('SYNC_AUTH_FAILED');
    expect(asked).toHaveLength(3);
    expect(`${message}${JSON.stringify(details)}`).not.toContain('wrong-');
  });

  it('is not asked for again by one who gives none', async () => {
    await configure('BatchMode no');
    const { asked, prompts } = answering(undefined, password, password);
    expect(await failure(connect({ prompts }))).toMatchObject({ code: 'SYNC_AUTH_FAILED' });
    expect(asked).toHaveLength(1);
  });

  it('is not asked for under BatchMode', async () => {
    const { asked, prompts } = answering(password);
    expect(await failure(connect({ prompts }))).toMatchObject({ code: 'SYNC_AUTH_FAILED' });
    expect(asked).toEqual([]);
  });
});

describe('a host that cannot be reached', () => {
  const atPort = async (port: number, options: ConnectOptions = {}): Promise<void> => {
    const host = await resolveHost({ host: server.alias, port }, { configFile: server.sshConfigFile });
    await connectHost(host, options);
  };
  const withServer = async (onSocket: (socket: Socket) => void, use: (port: number) => Promise<void>): Promise<void> => {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      onSocket(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    try {
      await use((listener.address() as { port: number }).port);
    } finally {
      for (const socket of sockets) socket.destroy();
      listener.close();
    }
  };

  it('because nothing listens there, is named', async () => {
    const port = await findFreePort();
    expect(await failure(atPort(port))).toMatchObject({
      code: 'SYNC_UNREACHABLE',
      details: { address: `127.0.0.1:${port}`, errno: 'ECONNREFUSED', hint: expect.any(String) },
    });
  });

  it('because its name is unknown, is named', async () => {
    const host = await resolveHost({ host: 'no-such-host.invalid' }, { configFile: server.sshConfigFile });
    expect(await failure(connectHost(host).then(() => undefined))).toMatchObject({
      code: 'SYNC_UNREACHABLE',
      details: { errno: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) },
    });
  });

  it('because it hangs up, is named', async () => {
    await withServer(
      (socket) => socket.end(),
      async (port) => expect(await failure(atPort(port))).toMatchObject({ code: 'SYNC_UNREACHABLE' }),
    );
  });

  it('because it says nothing, is left after the time-out', async () => {
    await withServer(
      () => {},
      async (port) =>
        expect(await failure(atPort(port, { timeoutMs: 50 }))).toMatchObject({ code: 'SYNC_PEER_TIMEOUT', details: { step: 'key exchange' } }),
    );
  });

  it('because it is no SSH server, is named', async () => {
    await withServer(
      (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      async (port) => expect(await failure(atPort(port))).toMatchObject({ code: expect.stringMatching(/^SYNC_(UNREACHABLE|PROTOCOL)$/) }),
    );
  });

  it('is given up at once on abort', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    await withServer(
      () => stop.abort(reason),
      async (port) => {
        await expect(atPort(port, { signal: stop.signal })).rejects.toBe(reason);
        await expect(atPort(port, { signal: stop.signal })).rejects.toBe(reason);
      },
    );
  });

  it('for want of a strong algorithm is not talked to', async () => {
    const weak = new ssh2.Server({ hostKeys: [makeKeyPair().private], algorithms: { kex: ['diffie-hellman-group14-sha1'] } }, (client) =>
      client.on('error', () => {}),
    );
    await new Promise<void>((resolve) => weak.listen(0, '127.0.0.1', () => resolve()));
    try {
      expect(await failure(atPort((weak.address() as { port: number }).port))).toMatchObject({
        code: 'SYNC_PROTOCOL',
        message: expect.stringContaining('key exchange algorithm'),
      });
    } finally {
      weak.close();
    }
  });
});
