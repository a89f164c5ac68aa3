/**
 * Kept contents: what left the tree, each content once, from whatever number of paths and runs it left.
 *
 *     .ubos-sync/versions/content/DIGEST-SIZE     the file that was in the tree, or a copy of it
 *     .ubos-sync/versions/content/temp-N-RUN      one that is kept already, on its way out
 *
 * No name is believed. A disk may have spoiled a kept file, a crash may have cut a copy or left a link to it in the tree, and whoever had the file open when
 * it left goes on writing into it. So whoever takes a content from here hashes it; a second file of the same content is dropped only once the first has been
 * read; and what turns out to be something else gets the name of what it is.
 */
import type { DiskDirectory, DiskStat } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { contentName } from './content-name.ts';
import { hashFile } from './hash-file.ts';
import type { Hashing } from './hasher.ts';
import type { Slices } from './slices.ts';
import { syncMany } from './sync-paths.ts';
import { isGone } from './transition-contents.ts';
import { isSameState } from './transition-look.ts';

export interface KeptContents {
  readonly directory: DiskDirectory;
  /** Whether this content is kept. Throws {@link UnreadContent} where something has its name that was not read, or changed since. One look. */
  has(name: string): boolean;
  /** Reads what has this name. If it is something else, the name is free afterwards. */
  read(name: string, reading: { readonly hashing: Hashing; readonly slices: Slices }): Promise<void>;
  /** Keeps a copy. `EEXIST`. */
  copy(from: DiskDirectory, fromName: string, name: string): void;
  /** This one came from the tree, and whoever wrote it may have done so a moment ago. */
  noteUnwritten(name: string): void;
  /** Makes names durable, copies, and what came from the tree before it was. */
  sync(): Promise<void>;
  close(): void;
}

/** What is kept under a name has to be read before anything can be said of it. */
export class UnreadContent extends Error {
  readonly content: string;

  constructor(content: string) {
    super(`what is kept as ${content} was not read`);
    this.name = 'UnreadContent';
    this.content = content;
  }
}

/** The caller closes it, and gives `directory` away. */
export function createKeptContents(directory: DiskDirectory): KeptContents {
  /** What was there when it was read, and was what its name says. */
  const read = new Map<string, DiskStat>();
  const unwritten = new Set<string>();

  return {
    directory,
    has(name) {
      const stat = directory.lstat(name);
      if (stat === undefined) return false;
      const known = read.get(name);
      if (known === undefined || !isSameState(stat, known)) throw new UnreadContent(name);
      return true;
    },
    async read(name, reading) {
      const found = await readKept(directory, name, reading);
      if (found === undefined) directory.unlink(name);
      else if (found.name === name) read.set(name, found.stat);
      else directory.rename(name, directory, found.name);
    },
    copy(from, fromName, name) {
      from.copyFile(fromName, directory, name);
      unwritten.add(name);
    },
    noteUnwritten: (name) => void unwritten.add(name),
    async sync() {
      const made = [...unwritten];
      unwritten.clear();
      await syncMany(made, directory, async (name) => {
        try {
          const file = directory.openFile(name, 'read');
          try {
            await file.sync();
          } finally {
            file.close();
          }
        } catch (error) {
          // What it was a copy of had changed meanwhile and stayed; or its owner may not read it, and so it cannot be synced.
          if (!isGone(error) && !isErrno(error, 'EACCES')) throw error;
        }
      });
      await directory.sync();
    },
    close: () => directory.close(),
  };
}

/** The name that a kept file should have. `undefined`: it cannot be read, and so is of no use to anybody. */
async function readKept(
  directory: DiskDirectory,
  name: string,
  reading: { readonly hashing: Hashing; readonly slices: Slices },
): Promise<{ readonly name: string; readonly stat: DiskStat } | undefined> {
  try {
    const file = directory.openFile(name, 'read');
    try {
      const stat = file.stat();
      const digest = await hashFile(file, stat.sizeBytes, reading);
      // It became shorter in this very moment: it will be looked at again.
      return { name: digest === undefined ? name : contentName(digest, stat.sizeBytes), stat };
    } finally {
      file.close();
    }
  } catch (error) {
    if (isErrno(error, 'EIO', 'EACCES')) return undefined;
    throw error;
  }
}
