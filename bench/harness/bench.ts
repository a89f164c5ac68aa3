import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSshd } from '../../test/support/sshd.ts';
import { findPeers, type Peers } from './peers.ts';
import { openSlowLink, type SlowLink } from './slow-link.ts';

/** What every suite gets: a server, a place to work in, and how much to do. */
export interface Bench {
  readonly full: boolean;
  readonly rounds: number;
  /** Size of the tree, if it was asked for. */
  readonly files: number | undefined;
  readonly peers: Peers;
  /** A real OpenSSH server on loopback, which serves this machine's own files. */
  readonly server: { url(path: string): string; readonly sshConfigFile: string; readonly alias: string; readonly home: string };
  /** The same server behind a slow link: another port of this machine. Closed with the bench. */
  openSlow(link: { readonly roundTripMs: number; readonly bitsPerSecond?: number }): Promise<Bench['server']>;
  /** The command line's bundle. */
  readonly cli: string;
  makeFolder(name: string): string;
  /** On a disk, wherever the rest lies: for what is about waiting for it. */
  makeFolderOnDisk(name: string): string;
  log(line: string): void;
  close(): Promise<void>;
}

export interface BenchOptions {
  readonly full: boolean;
  readonly rounds: number;
  readonly files: number | undefined;
  /** Where the trees and logs lie: the memory file system, if there is one, because writeback makes the same run take two to four times as long on a disk. */
  readonly onDisk: boolean;
}

export async function openBench({ full, rounds, files, onDisk }: BenchOptions): Promise<Bench> {
  const checkout = process.env['UBOS_SYNC_CHECKOUT'] ?? process.cwd();
  const diskFolder = mkdtempSync(join(tmpdir(), 'ubos-sync-bench-'));
  const folder = !onDisk && existsSync('/dev/shm') ? mkdtempSync('/dev/shm/ubos-sync-bench-') : diskFolder;
  const server = await startSshd();
  const links: SlowLink[] = [];
  return {
    full,
    rounds,
    files,
    peers: findPeers(),
    server,
    cli: join(checkout, 'packages', 'cli', 'dist', 'ubos-sync.cjs'),
    async openSlow(link) {
      const slow = await openSlowLink({ toPort: server.port, ...link });
      links.push(slow);
      // The same host key under another port, and nothing else changed.
      const sshConfigFile = join(folder, `ssh_config-${slow.port}`);
      const knownHosts = join(folder, `known_hosts-${slow.port}`);
      writeFileSync(knownHosts, readFileSync(server.knownHostsFile, 'utf8').replaceAll(`]:${server.port}`, `]:${slow.port}`));
      writeFileSync(
        sshConfigFile,
        readFileSync(server.sshConfigFile, 'utf8').replace(`Port ${server.port}`, `Port ${slow.port}`).replace(server.knownHostsFile, knownHosts),
      );
      return { url: (path) => server.url(path), alias: server.alias, home: server.home, sshConfigFile };
    },
    makeFolder: (name) => makeFolderIn(folder, name),
    makeFolderOnDisk: (name) => makeFolderIn(diskFolder, name),
    log: (line) => void process.stderr.write(`${line}\n`),
    async close() {
      for (const link of links) await link.close();
      await server.close();
      for (const made of new Set([folder, diskFolder])) rmSync(made, { recursive: true, force: true });
    },
  };
}

function makeFolderIn(folder: string, name: string): string {
  const made = join(folder, name);
  mkdirSync(made, { recursive: true });
  return made;
}
