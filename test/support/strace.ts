/** strace, which can kill a process right before any of its system calls: which calls there are, and the words that do it. */
import { spawnSync } from 'node:child_process';

/** The calls by which a process changes a disk or makes something durable. What this machine's kernel does not have is left out. */
export const writingCalls: readonly string[] = (
  'rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir open openat write pwrite64 ftruncate copy_file_range ' +
  'fsync fdatasync chmod fchmod fchmodat utimensat'
).split(' ');

const works = process.platform === 'linux' && spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

/** Whether the suites under strace run. With UBOS_SYNC_REQUIRE_STRACE (CI) they run, and fail, also where there is none. */
export const runsStrace: boolean = works || process.env['UBOS_SYNC_REQUIRE_STRACE'] !== undefined;

if (!runsStrace)
  process.stderr.write('There is no strace on this machine that may trace: the suites that kill processes at their system calls are skipped.\n');

/** Of one thread, counted from 1 for each name: strace counts so, too. */
export interface SystemCall {
  readonly name: string;
  readonly count: number;
}

/** What a command is put behind so that its writing calls are noted in a file. */
export function noting(file: string): readonly string[] {
  return ['strace', '-f', '-qq', '-y', '--seccomp-bpf', '-o', file, '-e', `trace=${writingCalls.map((name) => `?${name}`).join(',')}`];
}

/** What a command is put behind so that it is killed right before this call of any one of its threads. One thread of its pool is needed for the counts to hold. */
export function killingBefore({ name, count }: SystemCall): readonly string[] {
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${name}`, '-e', `inject=${name}:signal=SIGKILL:when=${count}`];
}

export const oneThread: Readonly<Record<string, string>> = { UV_THREADPOOL_SIZE: '1' };

/** The calls noted that concern paths below a folder, in the order in which they were made; what is only opened for reading is not among them. */
export function parseNoted(text: string, folder: string): readonly SystemCall[] {
  const counts = new Map<string, number>();
  return text.split('\n').flatMap((line) => {
    const [, thread = '', name = '', rest = ''] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    if (name === '') return [];
    const key = `${thread} ${name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    const concerns = rest.includes('"/proc/self/fd/') || rest.includes(folder);
    const writes = !name.startsWith('open') || /O_(CREAT|WRONLY|RDWR)/.test(rest);
    return concerns && writes ? [{ name, count }] : [];
  });
}
