import type { Brand } from '../util/brand.ts';

/**
 * The bytes of a hash, one byte a character (U+0000 to U+00FF). A string compares with `===`, is a key of a `Map` and takes a third
 * of the memory of a `Uint8Array`; a hundred thousand joined ones become bytes in one call (`Buffer.from(s, 'latin1')`).
 * 16 bytes for the kind `fast` (XXH64 under two seeds: proof against accident, used together with the size),
 * 32 for `strong` (SHA-256: proof against an adversary).
 */
export type Digest = Brand<string, 'Digest'>;

export type DigestKind = 'fast' | 'strong';

export const digestBytes: Readonly<Record<DigestKind, number>> = { fast: 16, strong: 32 };

/** A hash of bytes, passed in so that the pure core knows none. */
export type HashBytes = (bytes: Uint8Array) => Digest;

/** The printed form: lower-case hexadecimal. */
export function digestHex(digest: Digest): string {
  let hex = '';
  for (let index = 0; index < digest.length; index++) hex += digest.charCodeAt(index).toString(16).padStart(2, '0');
  return hex;
}

/** From the printed form; `undefined` if it is not an even number of hexadecimal digits. */
export function digestFromHex(hex: string): Digest | undefined {
  if (!/^(?:[0-9a-f]{2})+$/.test(hex)) return undefined;
  let digest = '';
  for (let index = 0; index < hex.length; index += 2) digest += String.fromCharCode(Number.parseInt(hex.slice(index, index + 2), 16));
  return digest as Digest;
}

export function digestFromBytes(bytes: Uint8Array): Digest {
  return String.fromCharCode(...bytes) as Digest;
}
