/** Resolves a host as the user's own `ssh` would. */
import { readSshConfig } from './config-reader.ts';
import { askOpenSsh, type ConfigQuery } from './openssh-config.ts';
import { directivesToHost, localFacts, type ResolvedHost } from './resolved-host.ts';

export interface ResolveOptions {
  /** As `ssh -F FILE`. */
  readonly configFile?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** The OpenSSH client to ask (default: ssh in PATH); `false`: our own reader. */
  readonly sshCommand?: string | false | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What ssh_config says about `host` (a name or an alias), by `ssh -G` where there is an OpenSSH, else by our reader.
 * `SYNC_SSH_CONFIG_UNSUPPORTED`: a directive that we would have to ignore. `SYNC_CONFIG_INVALID`: unreadable or malformed.
 */
export async function resolveHost(
  target: { readonly host: string; readonly user?: string | undefined; readonly port?: number | undefined },
  { configFile, env = process.env, sshCommand = 'ssh', signal }: ResolveOptions = {},
): Promise<ResolvedHost> {
  const query: ConfigQuery = { host: target.host, user: target.user, port: target.port, configFile, env, signal };
  const local = localFacts(env);
  const directives = (sshCommand === false ? undefined : await askOpenSsh(query, sshCommand)) ?? readSshConfig(query, local);
  return directivesToHost(target.host, directives, local);
}
