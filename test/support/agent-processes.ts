/** The programs that run on the far side of a test server, as the kernel sees them. Linux alone. */
import { readdirSync, readFileSync } from 'node:fs';

/** Process ids of the Nodes whose home folder is the server's. */
export function findAgents(home: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/comm`)?.startsWith('node') === true)
    .filter((pid) => read(`/proc/${pid}/environ`)?.split('\0').includes(`HOME=${home}`) === true)
    .map(Number);
}

/** A process that has ended meanwhile, or that is none of ours, has nothing to read. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
