/**
 * Whether we believe the host that answered. Decided while keys are exchanged, before any credential is sent; a new key is written to known_hosts
 * only when the server has also proved that it holds the private half (the end of the key exchange).
 */
import { SyncError } from '@ubos/sync-core';
import { decideHostKey, fingerprint, type HostKeyPlace, type KnownHostLine, keyTypeOf, knownKeyTypes, placeName } from './known-hosts.ts';
import { addKnownHost, readKnownHosts } from './known-hosts-files.ts';
import type { SshPrompts } from './prompts.ts';
import type { ResolvedHost } from './resolved-host.ts';

export interface HostTrust {
  /** Key types that are stored for this host. */
  readonly keyTypes: ReadonlySet<string>;
  /** Resolves if the key may be believed; else `SYNC_HOST_KEY_UNKNOWN`, `SYNC_HOST_KEY_CHANGED` or `SYNC_HOST_KEY_REVOKED`. */
  check(key: Uint8Array): Promise<void>;
  /** Later exchanges of the same connection must show the same key. */
  isSame(key: Uint8Array): boolean;
  /** Stores a key that was accepted for the first time; returns the file. */
  remember(): Promise<string | undefined>;
  readonly fingerprint: string;
}

export interface HostTrustOptions {
  readonly prompts: SshPrompts;
  readonly acceptNew: boolean;
  readonly configFile: string | undefined;
}

/** Reads the files of known hosts. `SYNC_KNOWN_HOSTS_UNREADABLE`. */
export async function createHostTrust(host: ResolvedHost, options: HostTrustOptions): Promise<HostTrust> {
  const place: HostKeyPlace = { host: host.hostName, port: host.port, alias: host.hostKeyAlias };
  const lines = await readKnownHosts(host);
  let accepted: Uint8Array | undefined;
  let isNew = false;
  return {
    keyTypes: knownKeyTypes(lines, place),
    async check(key) {
      isNew = await isNewKey(host, place, lines, key, options);
      accepted = Uint8Array.from(key);
    },
    isSame: (key) => accepted !== undefined && fingerprint(accepted) === fingerprint(key),
    async remember() {
      if (!isNew || accepted === undefined) return undefined;
      isNew = false;
      return addKnownHost(host, place, accepted);
    },
    get fingerprint() {
      return accepted === undefined ? '' : fingerprint(accepted);
    },
  };
}

/** False: stored. True: not stored, but to be believed from now on. */
async function isNewKey(
  host: ResolvedHost,
  place: HostKeyPlace,
  lines: readonly KnownHostLine[],
  key: Uint8Array,
  { prompts, acceptNew, configFile }: HostTrustOptions,
): Promise<boolean> {
  const decision = decideHostKey(lines, place, key);
  const name = placeName(place);
  const shown = { keyType: keyTypeOf(key), fingerprint: fingerprint(key) };
  switch (decision.kind) {
    case 'accept':
      return false;
    case 'revoked':
      throw new SyncError('SYNC_HOST_KEY_REVOKED', `${name} shows the key ${shown.fingerprint}, which ${decision.stored.where} says is revoked`, {
        host: name,
        ...shown,
        where: decision.stored.where,
        hint: 'do not connect; ask the owner of the host which key is right',
      });
    case 'changed': {
      const stored = decision.stored.map((line) => `${line.keyType} ${line.fingerprint} (${line.where})`);
      const file = decision.stored[0]!.where.replace(/:\d+$/, '');
      throw new SyncError(
        'SYNC_HOST_KEY_CHANGED',
        `the host key of ${name} has changed: it now shows ${shown.keyType} ${shown.fingerprint}, known is ${stored.join(', ')}. Somebody may be listening in`,
        {
          host: name,
          ...shown,
          known: stored,
          where: decision.stored[0]!.where,
          hint: `if the owner of the host confirms the new fingerprint, forget the old key with: ssh-keygen -f ${shellWord(file)} -R ${shellWord(name)}`,
        },
      );
    }
    case 'unknown':
      break;
  }
  if (acceptNew || host.strictHostKeyChecking === 'accept-new') return true;
  const mayAsk = prompts.confirmHostKey !== undefined && host.strictHostKeyChecking === 'ask' && !host.batchMode;
  if (mayAsk && (await prompts.confirmHostKey!({ name, address: `${host.hostName}:${host.port}`, ...shown }))) return true;
  const port = host.port === 22 ? '' : ` -p ${host.port}`;
  const config = configFile === undefined ? '' : ` -F ${shellWord(configFile)}`;
  throw new SyncError(
    'SYNC_HOST_KEY_UNKNOWN',
    `the host key of ${name} is not known${mayAsk ? ' and was not accepted' : ''}: ${shown.keyType} ${shown.fingerprint}`,
    {
      host: name,
      ...shown,
      hint: `compare the fingerprint with the one that the owner of the host gives you, then accept it once with: ssh${config}${port} ${shellWord(`${host.user}@${host.alias}`)} true, or with --accept-new-host-key`,
    },
  );
}

/** A word for a POSIX shell, quoted only where it has to be. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+=~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
