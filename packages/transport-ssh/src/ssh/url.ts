/**
 * How a user names a replica: `ssh://[user@]host[:port]/path`, where host may be an alias of ssh_config and `/~/x` is below the home folder there,
 * or a plain path on this machine.
 *
 * Host and user end up as words of a command line (`ssh -G`) and in the tokens of the user's own ssh_config, so what could be read there as an
 * option or by a shell is refused here, with the rules of OpenSSH's `valid_hostname` and `valid_ruser`.
 */
import type { Parsed } from '@ubos/sync-core';

export type RemoteUrl = SshUrl | LocalPath;

export interface SshUrl {
  readonly kind: 'ssh';
  /** A name, an alias of ssh_config, or an address (without brackets). */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Absolute, or `~` or `~/...`: below the home folder on the other machine. */
  readonly path: string;
}

export interface LocalPath {
  readonly kind: 'path';
  readonly path: string;
}

export function parseRemoteUrl(text: string): Parsed<RemoteUrl> {
  if (/^ssh:\/\//i.test(text)) return parseSshUrl(text.slice('ssh://'.length));
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme !== null) return refuse(`${scheme[1]}:// is not supported, only ssh:// and plain paths are`);
  const scp = /^([^@:/\\]+@[^@:/\\]+|[^@:/\\]{2,}):(.*)$/.exec(text);
  if (scp !== null) return refuse(`write it as ssh://${scp[1]}/${scp[2]!.startsWith('/') ? scp[2]!.slice(1) : `~/${scp[2]}`}`);
  if (text === '') return refuse('a path or an ssh:// address is expected');
  if (text.includes('\0')) return refuse('a path cannot contain a NUL character');
  return { ok: true, value: { kind: 'path', path: text } };
}

/** `[user@]host[:port]`, the form that ProxyJump takes, too. */
export function parseAuthority(
  text: string,
): Parsed<{ readonly host: string; readonly user: string | undefined; readonly port: number | undefined }> {
  const at = text.lastIndexOf('@');
  const user = at === -1 ? undefined : decode(text.slice(0, at));
  if (user !== undefined) {
    if (user.includes(':')) return refuse('a password does not belong into an address; use a key, or you are asked for it');
    if (user === '' || user.startsWith('-') || userRefused.test(user)) return refuse(`${JSON.stringify(user)} cannot be a user name`);
  }
  const place = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(text.slice(at + 1));
  if (place === null) return refuse('an IPv6 address is written in brackets: ssh://[::1]:22/path');
  const host = place[1] ?? place[2] ?? '';
  if (host === '') return refuse('the name of the host is missing');
  if (host.startsWith('-') || hostRefused.test(host)) return refuse(`${JSON.stringify(host)} cannot be a host name`);
  if (place[3] === undefined) return { ok: true, value: { host, user, port: undefined } };
  const port = /^[0-9]{1,5}$/.test(place[3]) ? Number(place[3]) : 0;
  if (port < 1 || port > 65_535) return refuse(`${JSON.stringify(place[3])} is not a port (1 to 65535)`);
  return { ok: true, value: { host, user, port } };
}

function parseSshUrl(rest: string): Parsed<SshUrl> {
  const slash = rest.indexOf('/');
  const authority = parseAuthority(slash === -1 ? rest : rest.slice(0, slash));
  if (!authority.ok) return authority;
  const path = slash === -1 ? '' : decode(rest.slice(slash));
  if (path === undefined) return refuse('a % in the path must be followed by two hexadecimal digits (write a plain one as %25)');
  if (path === '' || path === '/') return refuse('the folder is missing: ssh://host/folder, or ssh://host/~/folder below the home folder there');
  if (path.includes('\0')) return refuse('a path cannot contain a NUL character');
  const home = /^\/~(?=\/|$)/.test(path);
  return { ok: true, value: { kind: 'ssh', ...authority.value, path: home ? path.slice(1) : path } };
}

/** Control characters, white space, and what a shell would act upon. */
const hostRefused = /[\u0000-\u0020\u007f-\u009f'"`$\\;&<>|(){}@/]/;
const userRefused = /[\u0000-\u001f\u007f-\u009f'"`;&<>|(){}/\\]/;

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function refuse(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}
