/** The SSH servers that the suites run over: one of our own and the real one. */
import { startEmbeddedSshd } from './embedded-sshd.ts';
import { findSshd, startSshd } from './sshd.ts';
import type { TestServer } from './sshd-files.ts';

export interface ServerKind {
  readonly title: string;
  readonly start: () => Promise<TestServer>;
  /** Not on this machine. Where UBOS_SYNC_REQUIRE_SSHD is set (CI), nothing is skipped: it fails instead. */
  readonly skip: boolean;
}

const noSshd = findSshd() === undefined;

/** Whether the suites over OpenSSH run. With UBOS_SYNC_REQUIRE_SSHD they run, and fail, also where there is none. */
export const runsOpenSsh: boolean = !noSshd || process.env['UBOS_SYNC_REQUIRE_SSHD'] !== undefined;

if (!runsOpenSsh) process.stderr.write('There is no sshd on this machine (install openssh-server): the suites over OpenSSH are skipped.\n');

export const servers: readonly ServerKind[] = [
  { title: 'the embedded server', start: () => startEmbeddedSshd(), skip: false },
  { title: 'OpenSSH', start: () => startSshd(), skip: !runsOpenSsh },
];
