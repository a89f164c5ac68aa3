/** A folder as its user reaches it, without ubos-sync: to set up a world and to look at what became of it. */
import { spawn } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface Place {
  readonly root: string;
  /** Writes a file and its parents. */
  write(path: string, text: string, mode?: number): Promise<void>;
  append(path: string, text: string): Promise<void>;
  /** `undefined`: there is no such file. */
  read(path: string): Promise<string | undefined>;
  /** Permission bits; `undefined`: nothing there. */
  mode(path: string): Promise<number | undefined>;
  /** With all below. */
  remove(path: string): Promise<void>;
}

/** Every write is dated ten seconds after the one before, starting an hour ago, so that no test has to wait for a clock. */
export function createDates(): { next: number } {
  return { next: Date.now() - 3_600_000 };
}

/** A folder of this machine. `as written`: its files have the time at which they are written. */
export function createLocalPlace(root: string, dates: { next: number } | 'as written' = createDates()): Place {
  const at = (path: string): string => join(root, path);
  const write = async (path: string, text: string, mode = 0o644): Promise<void> => {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
    await chmod(at(path), mode);
    if (dates === 'as written') return;
    dates.next += 10_000;
    await utimes(at(path), dates.next / 1000, dates.next / 1000);
  };
  return {
    root,
    write,
    append: async (path, text) => writeFile(at(path), text, { flag: 'a' }),
    read: (path) => readFile(at(path), 'utf8').catch(absent),
    mode: async (path) => {
      const stat = await lstat(at(path)).catch(absent);
      return stat && stat.mode & 0o7777;
    },
    remove: (path) => rm(at(path), { recursive: true, force: true }),
  };
}

/** A folder on another machine, by the shell there. `command` starts a shell command there, as `ssh HOST` does, and must not ask for anything. */
export function createRemotePlace(root: string, command: readonly [string, ...string[]]): Place {
  const at = (path: string): string => quote(`${root}/${path}`);
  const sh = (script: string, input = ''): Promise<string> => runRemote(command, script, input);
  return {
    root,
    async write(path, text, mode = 0o644) {
      await sh(`mkdir -p "$(dirname ${at(path)})" && cat > ${at(path)} && chmod ${mode.toString(8)} ${at(path)}`, text);
    },
    append: async (path, text) => void (await sh(`cat >> ${at(path)}`, text)),
    async read(path) {
      const text = await sh(`if [ -f ${at(path)} ]; then echo there; cat ${at(path)}; fi`);
      return text.startsWith('there\n') ? text.slice('there\n'.length) : undefined;
    },
    async mode(path) {
      const line = await sh(`ls -ld ${at(path)} 2>/dev/null || true`);
      return line === '' ? undefined : parseMode(line);
    },
    remove: async (path) => void (await sh(`rm -rf ${at(path)}`)),
  };
}

async function runRemote([file, ...args]: readonly [string, ...string[]], script: string, input: string): Promise<string> {
  const child = spawn(file, [...args, `sh -c ${quote(script)}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(input);
  const output: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed);
    child.on('close', done);
  });
  if (code !== 0) throw new Error(`a command on the other machine ended with ${code}: ${script}`);
  return Buffer.concat(output).toString();
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `-rwxr-xr-x ...` as bits. */
function parseMode(line: string): number {
  let bits = 0;
  for (let index = 0; index < 9; index++) if (line[index + 1] !== '-') bits |= 0o400 >> index;
  return bits;
}

function absent(error: unknown): undefined {
  if ((error as { readonly code?: unknown }).code !== 'ENOENT') throw error;
  return undefined;
}
