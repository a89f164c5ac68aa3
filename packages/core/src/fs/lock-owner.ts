/**
 * Who holds a lock, and whether that process still lives.
 *
 * A pid alone proves nothing: pids are used again, differ between containers and mean nothing on another machine. So an owner is named by pid and the
 * time it started, by the boot in which that was, and by its namespace of pids; and a verdict is given only where all of these allow one.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the kernel's own unit; `undefined` where the system does not say (outside Linux, without starting another program). */
  readonly startTime: string | undefined;
  /** Differs after each boot, and is the same in all containers of one kernel. */
  readonly bootId: string | undefined;
  readonly pidNamespace: string | undefined;
  readonly host: string;
}

/** Names the time since the machine was started. Where the system has no name for it, by the minute at which that was: another one may come of a new clock. */
export function bootName({ bootId }: Pick<ProcessIdentity, 'bootId'>): string {
  return bootId ?? `since minute ${Math.round((Date.now() / 1000 - uptime()) / 60)}`;
}

/** `unknown`: on another machine, in another container, or on a system where a pid used again cannot be told from the old one. */
export type Fate = 'alive' | 'dead' | 'unknown';

export interface ProcessTable {
  readonly self: ProcessIdentity;
  fateOf(owner: ProcessIdentity): Fate;
}

/** The processes of this machine. */
export function createProcessTable(): ProcessTable {
  const self: ProcessIdentity = {
    pid: process.pid,
    startTime: readProcess(process.pid)?.startTime,
    bootId: readText('/proc/sys/kernel/random/boot_id')?.trim(),
    pidNamespace: readLink('/proc/self/ns/pid'),
    host: hostname(),
  };
  return { self, fateOf: (owner) => fateOf(owner, self, lookAtProcess) };
}

/** What can be learnt of a pid here and now. */
export type ProcessLook = { readonly exists: false } | { readonly exists: true; readonly startTime: string | undefined };

/** The rule, by itself. */
export function fateOf(owner: ProcessIdentity, self: ProcessIdentity, look: (pid: number) => ProcessLook): Fate {
  if (owner.bootId !== undefined && self.bootId !== undefined) {
    // The same kernel under another host name is a container or a renamed machine; another kernel under the same name is this machine after a reboot.
    if (owner.bootId !== self.bootId) return owner.host === self.host ? 'dead' : 'unknown';
  } else if (owner.host !== self.host) return 'unknown';
  if (owner.pidNamespace !== self.pidNamespace) return 'unknown';
  const found = look(owner.pid);
  if (!found.exists) return 'dead';
  if (owner.startTime === undefined || found.startTime === undefined) return 'unknown';
  return found.startTime === owner.startTime ? 'alive' : 'dead';
}

function lookAtProcess(pid: number): ProcessLook {
  const read = readProcess(pid);
  if (read !== undefined) return read.isZombie ? { exists: false } : { exists: true, startTime: read.startTime };
  // Hidden from us (mount option `hidepid`) or no /proc at all: a signal that is not sent still says whether there is somebody.
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return { exists: false };
  }
  return { exists: true, startTime: undefined };
}

/** `/proc/PID/stat`, proc(5): the second field is a name in parentheses that may hold anything, so fields are counted from the last parenthesis. */
function readProcess(pid: number): { readonly startTime: string | undefined; readonly isZombie: boolean } | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { startTime: fields[19], isZombie: fields[0] === 'Z' || fields[0] === 'X' };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
