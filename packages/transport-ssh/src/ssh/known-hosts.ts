/**
 * known_hosts: which keys a host may show. Pure: text in, decision out; reading and writing the files is `known-hosts-files.ts`.
 *
 * A line is `[@marker] names keytype base64 [comment]`. `names` is a comma-separated list of patterns with `*`, `?` and `!`, or one
 * `|1|salt|hmac` (HMAC-SHA-1 of the name, so that the file does not tell which hosts one knows). On another port than 22 the name is `[host]:port`.
 *
 * The decision is OpenSSH's (`hostfile.c`, `check_hostkeys_by_key_or_type`):
 *
 * | found for the name | decision |
 * |---|---|
 * | an `@revoked` line with this key | revoked, whatever else there is |
 * | a line with this key | accept |
 * | only lines with other keys, of this type or another | changed |
 * | none, or only `@cert-authority` (we accept no host certificates) | unknown |
 *
 * A line that is malformed or has a marker we do not know counts for nothing, as there.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { matchesList } from './wildcard.ts';

export interface KnownHostsFile {
  readonly path: string;
  readonly text: string;
}

/** A line that speaks of a key. */
export interface KnownHostLine {
  readonly marker: 'none' | 'cert-authority' | 'revoked';
  /** As written: patterns, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  readonly key: Uint8Array;
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** A line, said to people: `SHA256:...` and where it stands. */
interface StoredKey {
  readonly keyType: string;
  readonly fingerprint: string;
  /** `file:line` */
  readonly where: string;
}

export type HostKeyDecision =
  | { readonly kind: 'accept'; readonly stored: StoredKey }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'changed'; readonly stored: readonly StoredKey[] }
  | { readonly kind: 'revoked'; readonly stored: StoredKey };

/** Where a host key is looked up. */
export interface HostKeyPlace {
  readonly host: string;
  readonly port: number;
  /** HostKeyAlias: used instead of both. */
  readonly alias?: string | undefined;
}

export function parseKnownHosts(files: readonly KnownHostsFile[]): readonly KnownHostLine[] {
  return files.flatMap(({ path, text }) => text.split('\n').flatMap((line, index) => parseLine(line, path, index + 1) ?? []));
}

export function decideHostKey(lines: readonly KnownHostLine[], place: HostKeyPlace, key: Uint8Array): HostKeyDecision {
  const name = placeName(place);
  const decision = decideByName(lines, name, key);
  if (decision.kind !== 'unknown' || place.alias !== undefined || place.port === 22) return decision;
  // A host known on port 22 is believed on another port if it shows the very same key (and only then), as in OpenSSH.
  const withoutPort = decideByName(lines, place.host.toLowerCase(), key);
  return withoutPort.kind === 'accept' || withoutPort.kind === 'revoked' ? withoutPort : decision;
}

/** Types of the keys stored for a place, so that these are asked for first. */
export function knownKeyTypes(lines: readonly KnownHostLine[], place: HostKeyPlace): ReadonlySet<string> {
  const name = placeName(place);
  return new Set(lines.filter((line) => line.marker === 'none' && namesMatch(line.names, name)).map(({ keyType }) => keyType));
}

/** `SHA256:` and the unpadded base64 of the key's hash, as OpenSSH prints it. */
export function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The name of a place in known_hosts: the alias, `host`, or `[host]:port`. */
export function placeName({ host, port, alias }: HostKeyPlace): string {
  if (alias !== undefined) return alias.toLowerCase();
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

/** A line to add. `salt`: 20 random bytes; the name is stored hashed. */
export function formatKnownHost(place: HostKeyPlace, key: Uint8Array, salt?: Uint8Array): string {
  const name = placeName(place);
  const names = salt === undefined ? name : `|1|${base64(salt)}|${base64(hashName(name, salt))}`;
  return `${names} ${keyTypeOf(key)} ${base64(key)}\n`;
}

/** The type that a key blob names itself (RFC 4253 section 6.6); '' if it is none. */
export function keyTypeOf(key: Uint8Array): string {
  if (key.length < 4) return '';
  const length = new DataView(key.buffer, key.byteOffset).getUint32(0);
  return length > 64 || length > key.length - 4 ? '' : String.fromCharCode(...key.subarray(4, 4 + length));
}

function decideByName(lines: readonly KnownHostLine[], name: string, key: Uint8Array): HostKeyDecision {
  const mine = lines.filter((line) => namesMatch(line.names, name));
  const revoked = mine.find((line) => line.marker === 'revoked' && sameBytes(line.key, key));
  if (revoked !== undefined) return { kind: 'revoked', stored: toStored(revoked) };
  const plain = mine.filter((line) => line.marker === 'none');
  const accepted = plain.find((line) => sameBytes(line.key, key));
  if (accepted !== undefined) return { kind: 'accept', stored: toStored(accepted) };
  return plain.length === 0 ? { kind: 'unknown' } : { kind: 'changed', stored: plain.map(toStored) };
}

function parseLine(text: string, path: string, line: number): KnownHostLine | undefined {
  const words = text.trim().split(/[ \t]+/);
  if (words[0] === '' || words[0]!.startsWith('#')) return undefined;
  const marked = words[0]!.startsWith('@');
  const marker = marked ? markers.get(words.shift()!) : 'none';
  const [names, keyType, encoded] = words;
  if (marker === undefined || names === undefined || keyType === undefined || encoded === undefined) return undefined;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const key = Buffer.from(encoded, 'base64');
  return keyTypeOf(key) === keyType ? { marker, names, keyType, key, path, line } : undefined;
}

const markers: ReadonlyMap<string, KnownHostLine['marker']> = new Map([
  ['@cert-authority', 'cert-authority'],
  ['@revoked', 'revoked'],
]);

function namesMatch(names: string, name: string): boolean {
  if (!names.startsWith('|')) return matchesList(names.split(','), name);
  const [, version, salt, hmac, ...rest] = names.split('|');
  if (version !== '1' || salt === undefined || hmac === undefined || rest.length > 0) return false;
  return sameBytes(hashName(name, Buffer.from(salt, 'base64')), Buffer.from(hmac, 'base64'));
}

function hashName(name: string, salt: Uint8Array): Uint8Array {
  return createHmac('sha1', salt).update(name).digest();
}

function toStored({ keyType, key, path, line }: KnownHostLine): StoredKey {
  return { keyType, fingerprint: fingerprint(key), where: `${path}:${line}` };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
