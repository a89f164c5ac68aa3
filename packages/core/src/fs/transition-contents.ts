/**
 * What is on its way from staging into the tree: contents, and folders whose mode the umask would not let them have at first.
 *
 * Each change that needs a content gets a file of its own, and with full durability that file is on the
 * disk before anything of it is visible, with the mode and the time that it is to have. So a power cut never leaves an empty file under a good name.
 */
import type { DiskDirectory } from '../engine/disk.ts';
import type { ContentFailure, Transition } from '../engine/replica.ts';
import { type File, sameContent } from '../tree/entry.ts';
import { assert } from '../util/assert.ts';
import { unlinkIfThere } from './atomic-write.ts';
import { errnoOf, ioFailure } from './io-failure.ts';
import type { Slices } from './slices.ts';
import { canBeDressed, type Dress, type StagedContent, type Staging } from './stage.ts';
import { folderSuffix } from './stage-name.ts';
import { syncMany } from './sync-paths.ts';

export interface Contents {
  /** The staged file that change `index` is to move into the tree, or why there is none. */
  get(index: number): StagedContent | ContentFailure;
  /** A folder made beside for change `index`; `undefined`: it can be made in its place. */
  folder(index: number): string | undefined;
  /** It was moved into the tree. */
  used(index: number): void;
  /** Removes the copies that were not used; what was staged stays for the next run. */
  close(): void;
}

/** The new content of a change; `undefined` if it needs none. */
export function contentOf({ old, new: next, from }: Pick<Transition, 'old' | 'new' | 'from'>): File | undefined {
  return next?.kind === 'file' && from === undefined && !(old?.kind === 'file' && sameContent(old, next)) ? next : undefined;
}

export async function prepareContents(
  changes: readonly Transition[],
  {
    staging,
    folder,
    durable,
    dressOf,
    umask,
    slices,
  }: {
    readonly staging: Staging;
    readonly folder: DiskDirectory;
    readonly durable: boolean;
    /** What the new file of a change is expected to be like. */
    readonly dressOf: (change: Transition, next: File) => Dress;
    /** Bits that a new folder lacks whatever is asked for. */
    readonly umask: number;
    readonly slices: Slices;
  },
): Promise<Contents> {
  const prepared = new Map<number, StagedContent | ContentFailure>();
  const copies = new Set<string>();
  const folders = new Map<number, string>();
  const close = (): void => {
    for (const name of copies) unlinkIfThere(folder, name);
    for (const name of folders.values()) removeIfThere(folder, name);
    copies.clear();
    folders.clear();
  };

  const taken = new Set<string>();
  try {
    for (const [index, change] of changes.entries()) {
      const content = contentOf(change);
      if (content === undefined) {
        makeFolder(index, change);
        continue;
      }
      const staged = staging.find(content);
      if (staged === undefined) prepared.set(index, { code: 'SYNC_CONTENT_MISMATCH', message: `the content of ${change.path} is not staged` });
      else prepared.set(index, taken.has(staged.name) ? copy(staged.name, change) : staged);
      if (staged !== undefined) taken.add(staged.name);
      if (slices.isOver()) await slices.pause();
    }
    if (durable) await makeDurable();
  } catch (error) {
    close();
    throw error;
  }

  function copy(name: string, { path }: Transition): StagedContent | ContentFailure {
    const temp = staging.tempName();
    try {
      unlinkIfThere(folder, temp);
      folder.copyFile(name, folder, temp);
      copies.add(temp);
      return { name: temp, dress: undefined };
    } catch (error) {
      return ioFailure(error, `copy the content of ${path}`);
    }
  }

  /** With its mode from the beginning, and durable: so that it is never seen, now or after a power cut, with one that nobody gave it. */
  function makeFolder(index: number, { old, new: next, from }: Transition): void {
    if (next?.kind !== 'directory' || old?.kind === 'directory' || from !== undefined || (next.mode & umask) === 0 || (next.mode & 0o200) === 0)
      return;
    const name = `${staging.tempName()}${folderSuffix}`;
    try {
      folder.makeDirectory(name, next.mode);
      folders.set(index, name);
      folder.chmod(name, next.mode);
    } catch (error) {
      // It is made in its place then.
      ioFailure(error, 'make a folder');
    }
  }

  async function makeDurable(): Promise<void> {
    await syncMany([...folders.values()], folder, async (name) => {
      const made = folder.openDirectory(name);
      try {
        await made.sync();
      } finally {
        made.close();
      }
    });

    const files = [...prepared].flatMap(([index, content]) => ('name' in content ? [{ index, ...content }] : []));
    for (const { index, name, dress } of files) dressEarly(index, name, dress);
    await syncMany(files, folder, async ({ index, name }) => {
      try {
        const file = folder.openFile(name, 'read');
        try {
          await file.sync();
        } finally {
          file.close();
        }
      } catch (error) {
        // After a failed fsync nobody knows what is on the disk, and a second one would say that all is well: it is staged anew.
        unlinkIfThere(folder, name);
        staging.forget(name);
        prepared.set(index, ioFailure(error, `store the content of ${changes[index]?.path}`));
      }
    });
  }

  /** What it gets only once it is in the tree has to be synced once more. */
  function dressEarly(index: number, name: string, dress: Dress | undefined): void {
    const change = changes[index];
    const next = change && contentOf(change);
    if (change === undefined || next === undefined) return;
    const wanted = dressOf(change, next);
    if (!canBeDressed(wanted.mode) || (dress?.mode === wanted.mode && dress.mtimeMs === wanted.mtimeMs)) return;
    try {
      // By its name: its mode may not let us write to it.
      folder.chmod(name, wanted.mode);
      const file = folder.openFile(name, 'read');
      try {
        file.setTimes(wanted.mtimeMs);
      } finally {
        file.close();
      }
      prepared.set(index, { name, dress: wanted });
    } catch (error) {
      // Whoever moves it into the tree tries again, and says what is wrong.
      ioFailure(error, 'dress');
    }
  }

  return {
    get(index) {
      const content = prepared.get(index);
      assert(content !== undefined, () => `change ${index} needs no content`);
      return content;
    },
    folder: (index) => folders.get(index),
    used(index) {
      const content = prepared.get(index);
      if (content !== undefined && 'name' in content && !copies.delete(content.name)) staging.forget(content.name);
    },
    close,
  };
}

function removeIfThere(folder: DiskDirectory, name: string): void {
  try {
    folder.removeDirectory(name);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** Whether an error says that a thing is not there any more, so that there is nothing to make durable. */
export function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP';
}
