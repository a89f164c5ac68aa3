/** Private keys on the disk: read, judged, and put to use only if nobody else can read them. */
import { open, readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';

/**
 * `usable`: ready. `encrypted`: needs its passphrase. `public`: only the public half is here, an agent may hold the other (`IdentityFile KEY.pub`).
 * `refused`: unusable, and why.
 */
export type KeyFile =
  | { readonly kind: 'usable'; readonly file: string; readonly key: ParsedKey; readonly publicKey: Uint8Array }
  | { readonly kind: 'encrypted'; readonly file: string; readonly content: Buffer; readonly publicKey: Uint8Array | undefined }
  | { readonly kind: 'public'; readonly file: string; readonly publicKey: Uint8Array }
  | { readonly kind: 'refused'; readonly file: string; readonly why: string };

/** `undefined`: no such file, and no public half of it either. */
export async function readKeyFile(file: string): Promise<KeyFile | undefined> {
  const read = await readPrivate(file);
  if (read === undefined) {
    const publicKey = await readPublicHalf(file);
    return publicKey === undefined ? undefined : { kind: 'public', file, publicKey };
  }
  if ('why' in read) return { kind: 'refused', file, why: read.why };
  const key = parseKey(read.content);
  if (!(key instanceof Error)) {
    const publicKey = key.getPublicSSH();
    if (!key.isPrivateKey()) return { kind: 'public', file, publicKey };
    return read.exposed === undefined ? { kind: 'usable', file, key, publicKey } : { kind: 'refused', file, why: read.exposed };
  }
  if (!/encrypted/i.test(key.message)) return { kind: 'refused', file, why: `it is not a key that can be used here (${key.message})` };
  if (read.exposed !== undefined) return { kind: 'refused', file, why: read.exposed };
  return { kind: 'encrypted', file, content: read.content, publicKey: await readPublicHalf(file) };
}

/** `undefined`: the passphrase is wrong. */
export function decryptKey(content: Buffer, passphrase: string): ParsedKey | undefined {
  const key = parseKey(content, passphrase);
  return key instanceof Error ? undefined : key;
}

interface PrivateFile {
  readonly content: Buffer;
  /** Who else can read it, said for people. */
  readonly exposed: string | undefined;
}

async function readPrivate(file: string): Promise<PrivateFile | { readonly why: string } | undefined> {
  try {
    const handle = await open(file, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return { why: 'it is not a file' };
      // As OpenSSH does: another owner (a mounted secret) has decided about the mode himself.
      const loose = process.getuid?.() === stat.uid && (stat.mode & 0o077) !== 0;
      const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
      return { content: await handle.readFile(), exposed: loose ? `others can read it (mode ${mode}); chmod 600 ${file}` : undefined };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : { why: (error as Error).message };
  }
}

async function readPublicHalf(file: string): Promise<Uint8Array | undefined> {
  const text = await readFile(`${file}.pub`).catch(() => undefined);
  const key = text === undefined ? undefined : parseKey(text);
  return key === undefined || key instanceof Error ? undefined : key.getPublicSSH();
}

function parseKey(content: Buffer, passphrase?: string): ParsedKey | Error {
  const parsed = ssh2.utils.parseKey(content, passphrase);
  // Formats that hold several keys hold one in practice; ssh2 itself takes the first.
  return Array.isArray(parsed) ? (parsed[0] as ParsedKey) : parsed;
}
