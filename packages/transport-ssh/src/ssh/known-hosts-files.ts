/** known_hosts on the disk: reads the user's and the system's files, adds a line to the user's. */
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { formatKnownHost, type HostKeyPlace, type KnownHostLine, type KnownHostsFile, parseKnownHosts } from './known-hosts.ts';
import type { ResolvedHost } from './resolved-host.ts';

/** A file that is not there is empty; one that cannot be read might hold a revocation, so it is `SYNC_KNOWN_HOSTS_UNREADABLE`. */
export async function readKnownHosts(host: ResolvedHost): Promise<readonly KnownHostLine[]> {
  const files = await Promise.all([...host.userKnownHostsFiles, ...host.systemKnownHostsFiles].map(readOne));
  return parseKnownHosts(files.flatMap((file) => file ?? []));
}

/** Adds a key to the first of the user's files. Nothing is done where the user has none (`UserKnownHostsFile none`, /dev/null). */
export async function addKnownHost(host: ResolvedHost, place: HostKeyPlace, key: Uint8Array): Promise<string | undefined> {
  const path = host.userKnownHostsFiles[0];
  if (path === undefined || path === '/dev/null') return undefined;
  const line = formatKnownHost(place, key, host.hashKnownHosts ? randomBytes(20) : undefined);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await appendFile(path, (await endsInsideLine(path)) ? `\n${line}` : line, { mode: 0o600 });
    return path;
  } catch (error) {
    throw new SyncError(
      'SYNC_KNOWN_HOSTS_UNREADABLE',
      `unable to add the host key to ${path}: ${(error as Error).message}`,
      { path, errno: (error as NodeJS.ErrnoException).code, hint: `make ${path} writable for you, or add this line to it yourself: ${line.trim()}` },
      error,
    );
  }
}

async function readOne(path: string): Promise<KnownHostsFile | undefined> {
  try {
    return { path, text: await readFile(path, 'utf8') };
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw new SyncError(
      'SYNC_KNOWN_HOSTS_UNREADABLE',
      `unable to read ${path}, which may say that the host key is revoked or has changed: ${(error as Error).message}`,
      { path, errno, hint: `make ${path} readable for you, or name another one (UserKnownHostsFile)` },
      error,
    );
  }
}

/** A last line without its newline would swallow what is added. */
async function endsInsideLine(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return false;
  try {
    const { size } = await file.stat();
    if (size === 0) return false;
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] !== 0x0a;
  } finally {
    await file.close();
  }
}
