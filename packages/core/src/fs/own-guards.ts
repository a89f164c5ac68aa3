/**
 * This end's own guards, `.ubos-sync/guards.json`: a list of patterns. They follow from a config that only runs started here read (its log targets, its audit
 * folder), and they have to hold as well when the other end starts a run. A file that cannot be read is an empty list.
 */
import { readWholeFile, writeFileAtomically } from './atomic-write.ts';
import type { DiskDirectory } from './disk.ts';

const fileName = 'guards.json';
const bytesMax = 1024 * 1024;

export function readOwnGuards(state: DiskDirectory): readonly string[] {
  try {
    const bytes = readWholeFile(state, fileName, bytesMax);
    const value: unknown = bytes === undefined ? [] : JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(value) ? value.filter((guard): guard is string => typeof guard === 'string') : [];
  } catch {
    return [];
  }
}

/** Durable before it resolves. Writes nothing if they are known. */
export async function writeOwnGuards(state: DiskDirectory, guards: readonly string[]): Promise<void> {
  const text = `${JSON.stringify([...new Set(guards)].sort(), undefined, 2)}\n`;
  if (text === `${JSON.stringify(readOwnGuards(state), undefined, 2)}\n`) return;
  await writeFileAtomically(state, fileName, new TextEncoder().encode(text));
}
