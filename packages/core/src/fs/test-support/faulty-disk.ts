/** Faults for a wrapped disk: stop for ever at one call, as a process does that is killed, or fail at one. */
import type { Disk } from '../../engine/disk.ts';
import { type DiskCall, wrapDisk } from './wrapped-disk.ts';

/** The process is gone: nothing that it tries from here on is done. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

export interface FaultyDisk extends Disk {
  /** How many calls that write came so far. */
  writes(): number;
}

/** Stops before the n-th call that writes (from 1; 0: never), or in the middle of it where it is a `write` and `tears`. What was done until then is really there. */
export function stoppingDisk(disk: Disk, stop: number, tears: boolean = false): FaultyDisk {
  let stopped = false;
  return countingDisk(disk, (count, call) => {
    if (stopped) throw new Stopped(`at call ${stop}`);
    if (count !== stop || !isWrite(call)) return;
    stopped = true;
    if (tears) call.writeHalf?.();
    throw new Stopped(`at ${call.call} ${call.name}`);
  });
}

/** Fails the n-th call that writes, once, as the system would. */
export function failingDisk(disk: Disk, fail: number, errno: string): FaultyDisk {
  return countingDisk(disk, (count, call) => {
    if (count === fail && isWrite(call)) throw Object.assign(new Error(`${errno}: injected at ${call.call} ${call.name}`), { code: errno });
  });
}

function countingDisk(disk: Disk, before: (count: number, call: DiskCall) => void): FaultyDisk {
  let writes = 0;
  const wrapped = wrapDisk(disk, (call) => {
    // Closing is what the kernel does for a process that is gone.
    if (call.call === 'close' || call.call === 'file.close') return;
    if (isWrite(call)) writes++;
    before(writes, call);
  });
  return { uid: disk.uid, openRoot: (path) => wrapped.openRoot(path), resolve: (path) => wrapped.resolve(path), writes: () => writes };
}

/** Everything that changes the disk, and syncs, because their caller counts on them. */
function isWrite({ call }: DiskCall): boolean {
  return writing.has(call);
}

const writing: ReadonlySet<string> = new Set([
  'makeDirectory',
  'symlink',
  'rename',
  'link',
  'unlink',
  'removeDirectory',
  'chmod',
  'copyFile',
  'sync',
  'syncFileSystem',
  'file.write',
  'file.truncate',
  'file.chmod',
  'file.chown',
  'file.setTimes',
  'file.sync',
]);
