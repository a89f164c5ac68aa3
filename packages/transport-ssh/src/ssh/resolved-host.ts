/**
 * What ssh_config says about one host, as one plain object. Both ways of reading (`ssh -G` and our own reader) end in a table of directives;
 * here it becomes values: tokens and `~` expanded, defaults filled in, and what we cannot do refused by name.
 *
 * The rule for what is refused: a directive that changes where we connect, as whom, or which host keys are believed. What only offers another way
 * to prove who we are (certificates, GSSAPI, PKCS#11) is set aside and named when authentication fails; forwardings, X11, control sockets and
 * local commands do not concern a transport.
 */
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { type Algorithms, allowedAlgorithms, strongAlgorithms } from './algorithms.ts';

export interface ResolvedHost {
  /** The name as the user wrote it. */
  readonly alias: string;
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  /** The name under which the host key is looked up, instead of host name and port. */
  readonly hostKeyAlias: string | undefined;
  readonly userKnownHostsFiles: readonly string[];
  readonly systemKnownHostsFiles: readonly string[];
  /** `no` of ssh_config is `ask` here: keys are always checked. */
  readonly strictHostKeyChecking: 'yes' | 'ask' | 'accept-new';
  readonly hashKnownHosts: boolean;
  /** In order; they need not exist. */
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket. */
  readonly identityAgent: string | undefined;
  /** Machines to go through, first to last, as `[user@]host[:port]`. */
  readonly proxyJump: readonly string[];
  readonly connectTimeoutMs: number | undefined;
  readonly keepalive: { readonly intervalMs: number; readonly countMax: number };
  readonly addressFamily: 0 | 4 | 6;
  readonly bindAddress: string | undefined;
  readonly methods: { readonly publickey: boolean; readonly keyboardInteractive: boolean; readonly password: boolean };
  /** No questions. */
  readonly batchMode: boolean;
  readonly passwordPrompts: number;
  /** Ours, as far as this host's directives allow them. */
  readonly algorithms: Algorithms;
  /** Directives about credentials that we do not use, for the message when none of the others is accepted. */
  readonly unusedCredentials: readonly string[];
}

/** Directives of one host by lower-case name, each with its words; those that repeat (IdentityFile) with the words of all lines. */
export type Directives = ReadonlyMap<string, readonly string[]>;

/** The machine that we are on, as far as ssh_config speaks of it. */
export interface LocalFacts {
  readonly home: string;
  readonly user: string;
  readonly hostName: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function localFacts(env: Readonly<Record<string, string | undefined>>): LocalFacts {
  return { home: env['HOME'] || homedir(), user: userInfo().username, hostName: hostname(), env };
}

export function directivesToHost(alias: string, directives: Directives, local: LocalFacts): ResolvedHost {
  const words = (name: string): readonly string[] => directives.get(name.toLowerCase()) ?? [];
  const word = (name: string): string | undefined => {
    const value = words(name)[0];
    return value === undefined || value.toLowerCase() === 'none' ? undefined : value;
  };
  const flag = (name: string, fallback: boolean): boolean => {
    const value = word(name)?.toLowerCase();
    return value === undefined ? fallback : value === 'yes' || value === 'true';
  };
  const count = (name: string): number | undefined => {
    const value = word(name);
    if (value === undefined) return undefined;
    const seconds = parseSeconds(value);
    if (seconds === undefined) throw unsupported(name, `${JSON.stringify(value)} is not a number`);
    return seconds;
  };
  for (const { name, why } of notDone) {
    if (word(name) !== undefined && !/^(no|false)$/i.test(word(name)!)) throw unsupported(name, why);
  }

  const user = word('User') ?? local.user;
  const port = count('Port') ?? 22;
  const hostName = (word('HostName') ?? '%h').replace(/%(.)/g, (token, letter) => (letter === 'h' ? alias : letter === '%' ? '%' : token));
  const hostKeyAlias = word('HostKeyAlias');
  const tokens: Readonly<Record<string, string>> = {
    '%': '%',
    d: local.home,
    h: hostName,
    i: String(userInfo().uid),
    k: hostKeyAlias ?? alias,
    L: local.hostName.split('.')[0]!,
    l: local.hostName,
    n: alias,
    p: String(port),
    r: user,
    u: local.user,
  };
  const path = (directive: string, text: string): string => expandPath(directive, text, tokens, local);
  const files = (name: string, fallback: readonly string[]): readonly string[] => {
    const given = words(name);
    if (given.length === 1 && given[0]!.toLowerCase() === 'none') return [];
    return (given.length === 0 ? fallback : given).map((file) => path(name, file));
  };
  const algorithms = <T extends string>(name: string, ours: readonly T[]): readonly T[] => {
    const allowed = allowedAlgorithms(ours, word(name));
    if (allowed.length === 0) throw unsupported(name, `of ${word(name)} nothing is spoken here`);
    return allowed;
  };
  const agent = words('IdentityAgent')[0] ?? 'SSH_AUTH_SOCK';
  return {
    alias,
    hostName,
    port,
    user,
    hostKeyAlias,
    userKnownHostsFiles: files('UserKnownHostsFile', ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']),
    systemKnownHostsFiles: files('GlobalKnownHostsFile', ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']),
    strictHostKeyChecking: parseStrict(word('StrictHostKeyChecking')),
    hashKnownHosts: flag('HashKnownHosts', false),
    identityFiles: files('IdentityFile', ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa']),
    identitiesOnly: flag('IdentitiesOnly', false),
    identityAgent: agent === 'SSH_AUTH_SOCK' ? local.env['SSH_AUTH_SOCK'] || undefined : agent === 'none' ? undefined : agentPath(agent, path, local),
    proxyJump: word('ProxyJump')?.split(',') ?? [],
    connectTimeoutMs: seconds(count('ConnectTimeout')),
    keepalive: { intervalMs: seconds(count('ServerAliveInterval') || undefined) ?? 15_000, countMax: count('ServerAliveCountMax') ?? 3 },
    addressFamily: { any: 0 as const, inet: 4 as const, inet6: 6 as const }[word('AddressFamily')?.toLowerCase() ?? 'any'] ?? 0,
    bindAddress: word('BindAddress'),
    methods: {
      publickey: flag('PubkeyAuthentication', true) || /^(unbound|host-bound)$/i.test(word('PubkeyAuthentication') ?? ''),
      keyboardInteractive: flag('KbdInteractiveAuthentication', true),
      password: flag('PasswordAuthentication', true),
    },
    batchMode: flag('BatchMode', false),
    passwordPrompts: count('NumberOfPasswordPrompts') ?? 3,
    algorithms: {
      kex: algorithms('KexAlgorithms', strongAlgorithms.kex),
      hostKeys: algorithms('HostKeyAlgorithms', strongAlgorithms.hostKeys),
      ciphers: algorithms('Ciphers', strongAlgorithms.ciphers),
      macs: algorithms('MACs', strongAlgorithms.macs),
    },
    unusedCredentials: credentialsNotUsed.filter((name) => word(name) !== undefined && !/^(no|false|internal)$/i.test(word(name)!)),
  };
}

export function unsupported(directive: string, why: string): SyncError {
  return new SyncError('SYNC_SSH_CONFIG_UNSUPPORTED', `ssh_config sets ${directive} for this host: ${why}`, {
    directive,
    hint: `give ubos-sync a Host entry without ${directive} (-F FILE or UBOS_SYNC_SSH_CONFIG names another ssh_config)`,
  });
}

const notDone: readonly { readonly name: string; readonly why: string }[] = [
  { name: 'ProxyCommand', why: 'connections through a command are not made here; ProxyJump is' },
  { name: 'BindInterface', why: 'binding to an interface is not possible here; BindAddress is' },
  { name: 'KnownHostsCommand', why: 'host keys from a command are not asked for here' },
  { name: 'RevokedHostKeys', why: 'a list of revoked keys is not read here; @revoked lines in known_hosts are' },
];

const credentialsNotUsed: readonly string[] = [
  'CertificateFile',
  'GSSAPIAuthentication',
  'HostbasedAuthentication',
  'PKCS11Provider',
  'SecurityKeyProvider',
];

function parseStrict(value: string | undefined): ResolvedHost['strictHostKeyChecking'] {
  const text = value?.toLowerCase();
  if (text === 'yes' || text === 'true') return 'yes';
  return text === 'accept-new' ? 'accept-new' : 'ask';
}

/** `15`, `15s`, `1m30s`, `1h`. */
function parseSeconds(text: string): number | undefined {
  if (!/^(?:\d+[smhdw]?)+$/i.test(text)) return undefined;
  const unit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  return [...text.matchAll(/(\d+)([smhdw]?)/gi)].reduce((sum, [, digits, letter]) => sum + Number(digits) * (unit[letter!.toLowerCase()] ?? 1), 0);
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value * 1000;
}

function agentPath(text: string, path: (directive: string, text: string) => string, local: LocalFacts): string | undefined {
  const variable = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(text);
  return variable === null ? path('IdentityAgent', text) : local.env[variable[1]!] || undefined;
}

/** `~`, `${VARIABLE}` and `%` tokens, as in ssh_config(5), TOKENS and ENVIRONMENT VARIABLES. */
function expandPath(directive: string, text: string, tokens: Readonly<Record<string, string>>, local: LocalFacts): string {
  const fromHome = text === '~' || text.startsWith('~/') ? join(local.home, text.slice(1)) : text;
  return fromHome.replace(/\$\{([^}]*)\}|%(.?)/g, (whole, variable: string | undefined, letter: string | undefined) => {
    const value = variable === undefined ? tokens[letter ?? ''] : local.env[variable];
    if (value === undefined) throw unsupported(directive, `${whole} in ${JSON.stringify(text)} cannot be expanded here`);
    return value;
  });
}
