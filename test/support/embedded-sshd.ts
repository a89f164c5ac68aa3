/**
 * An SSH server inside this process (ssh2's own), for tests and for the demo: a fresh host key, loopback only. An exec request runs its command line
 * through a shell in a child process with an empty home, so that what is tested is the real bootstrap and the real agent. Needs nothing but Node and sh.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from 'ssh2';
import { findFreePort, makeServerFiles, type ServerFiles, type TestServer } from './sshd-files.ts';

export interface EmbeddedSshdOptions {
  readonly alias?: string;
  /** Environment of commands beside HOME. Default: the PATH of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The login shell, called with `-c`. */
  readonly shell?: string;
  /** What the shell is given instead of the client's command: for rc files that print, and for forced commands. */
  readonly command?: (requested: string) => string;
  /** Let in with this password, too, typed or as the answer to a question. */
  readonly password?: string | undefined;
}

interface ServerState extends Required<Omit<EmbeddedSshdOptions, 'alias'>> {
  readonly files: ServerFiles;
  readonly connections: Set<Connection>;
  readonly commands: Set<RunningCommand>;
  readonly note: (line: string) => void;
}

export async function startEmbeddedSshd(options: EmbeddedSshdOptions = {}): Promise<TestServer> {
  const {
    alias = 'embedded-host',
    env = { PATH: process.env['PATH'] ?? '' },
    shell = '/bin/sh',
    command = (requested) => requested,
    password,
  } = options;
  const port = await findFreePort();
  const files = await makeServerFiles(alias, port);
  let log = '';
  const state: ServerState = {
    env,
    shell,
    command,
    password,
    files,
    connections: new Set(),
    commands: new Set(),
    note: (line) => (log += `${line}\n`),
  };
  const server = new ssh2.Server({ hostKeys: [files.hostKey.private] }, (connection) => serve(state, connection));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of state.connections) connection.end();
      await Promise.all([...state.commands].map(endCommand));
      await closed;
      await files.remove();
    })();
    return closing;
  };
  const { home, sshConfigFile, knownHostsFile, identityFile, hostKey } = files;
  return {
    alias,
    port,
    home,
    sshConfigFile,
    knownHostsFile,
    identityFile,
    hostKey: hostKey.public,
    url: (path) => `ssh://${alias}${path}`,
    log: () => log,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** A command ends with its input, as with any SSH server; one that does not is stopped with all that it has started. */
async function endCommand({ child, ended }: RunningCommand): Promise<void> {
  child.stdin?.destroy();
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), 5_000);
  await ended;
  clearTimeout(timer);
}

function serve(state: ServerState, connection: Connection): void {
  const { connections, note } = state;
  connections.add(connection);
  note('connection');
  // There since ssh2 1.14, not in its types. Without it each answer waits for a delayed acknowledgement.
  (connection as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
  // A client that hangs up, or that does not believe our key, is an error for ssh2.
  connection.on('error', (error) => note(`connection error: ${error.message}`));
  connection.on('close', () => {
    connections.delete(connection);
    note('connection closed');
  });
  connection.on('authentication', (context) => authenticate(state, context));
  connection.on('session', (accept) => {
    const session: Session = accept();
    session.on('exec', (acceptExec, _reject, { command }) => {
      note(`exec ${command}`);
      run(state, acceptExec(), command);
    });
  });
  // For ProxyJump.
  connection.on('tcpip', (accept, _reject, { destIP, destPort }) => {
    note(`forward ${destIP}:${destPort}`);
    const channel = accept();
    const socket = connect({ host: destIP, port: destPort, noDelay: true });
    socket.on('error', () => channel.close());
    channel.on('error', () => socket.destroy());
    channel.pipe(socket).pipe(channel);
  });
}

function authenticate({ files, password, note }: ServerState, context: AuthContext): void {
  note(`auth ${context.method} ${context.username}`);
  const refuse = (): void => context.reject(password === undefined ? ['publickey'] : ['publickey', 'keyboard-interactive', 'password']);
  if (context.method === 'publickey') {
    const allowed = ssh2.utils.parseKey(files.userKey.public);
    if (allowed instanceof Error || !context.key.data.equals(allowed.getPublicSSH())) return refuse();
    const { blob, signature } = context;
    if (blob !== undefined && signature !== undefined && allowed.verify(blob, signature) !== true) return refuse();
    if (signature !== undefined) note('auth signed');
    return context.accept();
  }
  if (password !== undefined && context.method === 'password') return context.password === password ? context.accept() : refuse();
  if (password !== undefined && context.method === 'keyboard-interactive') {
    context.prompt([{ prompt: 'Password: ', echo: false }], 'Login', 'Say the word', ([answer]) =>
      answer === password ? context.accept() : refuse(),
    );
    return undefined;
  }
  return refuse();
}

function run({ env, shell, command, files, commands, note }: ServerState, channel: ServerChannel, requested: string): void {
  // In a process group of its own, so that it can be stopped as a whole.
  const child = spawn(shell, ['-c', command(requested)], { cwd: files.home, env: { ...env, HOME: files.home }, detached: true });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const running: RunningCommand = { child, ended };
  commands.add(running);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  // The command may end before it has read its input, the client before it has read the output.
  child.stdin.on('error', () => {});
  channel.on('error', () => {});
  channel.on('close', () => {
    child.stdin.destroy();
    // Output that nobody takes any more would keep the command from its end.
    child.stdout.unpipe(channel).resume();
    child.stderr.unpipe(channel.stderr).resume();
  });
  child.on('error', (error) => note(`exec error: ${error.message}`));
  child.on('close', (code, signal) => {
    commands.delete(running);
    note(`exit ${code ?? signal}`);
    if (signal !== null) channel.exit(signal.slice('SIG'.length));
    else channel.exit(code ?? 127);
    channel.end();
  });
}
