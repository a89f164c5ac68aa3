/**
 * Transition: makes a batch of changes on the disk, one after the other, in the order given.
 *
 *     for up to 256 changes:  write down what is intended (manifest, journal)  ->  for each change: scope, parent, look, make
 *                             -> every 10 ms: journal, let the event loop turn
 *
 * - A change that cannot be made is a problem of its path alone. What is in the way is left as it is.
 * - The way to a target is walked through held directories and anew in each slice, so neither a link that takes a folder's place nor a folder that is moved
 *   away leads a later slice out of the root.
 * - A result counts once it is in the journal. Of what a process had set out to do when it was killed, the next one finds out what was made
 *   (`journal-intents.ts`).
 * - With full durability contents are on the disk before they are visible, folders and versions before this returns. So the archive never
 *   says more than the disk holds: what could not be made durable is a problem of its path.
 */
import type { Transition, TransitionOptions, TransitionResult } from '../engine/replica.ts';
import type { File } from '../tree/entry.ts';
import { modeToStore } from '../tree/mode.ts';
import { parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import type { JournalRecord } from './journal.ts';
import { createSlices } from './slices.ts';
import type { Dress } from './stage.ts';
import { stateError } from './state-folder.ts';
import type { SyncFailures } from './sync-paths.ts';
import { prepareContents } from './transition-contents.ts';
import { ancestorChange, createWork, type TransitionPlace } from './transition-work.ts';

/** So many changes are announced and journaled together at most; a slice of 10 ms has fewer where the disk is slow. */
const sliceItemsMax = 256;

/** The clock is looked at every so many changes: where folders are thousands of levels deep, walking there anew takes a slice by itself. */
const stepItems = 32;

/** See `Replica.transition`. */
export async function makeTransitions(
  changes: readonly Transition[],
  options: TransitionOptions,
  place: TransitionPlace,
): Promise<readonly TransitionResult[]> {
  const slices = createSlices(place.clock, options.signal);
  const durable = options.durability === 'full';
  const dressOf = ({ path, copyOf }: Transition, next: File): Dress => ({
    mode: modeToStore('file', next.mode, place.known.get(path)?.mode ?? place.bitsBefore.get(path) ?? (copyOf && place.known.get(copyOf)?.mode), {
      mask: place.masks.at(path, 'other'),
      umask: place.birth.umask,
    }),
    mtimeMs: next.mtimeMs,
  });
  const contents = await prepareContents(changes, {
    staging: place.staging,
    folder: place.stagingFolder,
    durable,
    dressOf,
    umask: place.birth.umask,
    slices,
  });
  const work = createWork(changes, options.run, { place, slices, contents });
  const results: TransitionResult[] = [];
  let unsynced: SyncFailures = new Map();
  let journaled = 0;
  /** Positions of the changes that the journal was told of in advance, and that are not journaled yet. */
  let intended: readonly number[] = [];

  const intend = (start: number, slice: readonly Transition[]): void => {
    const intents = slice.flatMap((change, offset) => {
      const intent = work.intentOf(change, start + offset);
      return intent === undefined ? [] : [{ index: start + offset, intent }];
    });
    intended = intents.map(({ index }) => index);
    try {
      place.journal.intend(
        options.run,
        intents.map(({ intent }) => intent),
      );
    } catch (error) {
      throw stateError('write the journal', error);
    }
  };

  const journal = (): void => {
    const records: JournalRecord[] = [];
    for (; journaled < results.length; journaled++) {
      const change = changes[journaled];
      const result = results[journaled];
      if (change !== undefined && result !== undefined && isAchieved(result)) {
        records.push({ run: options.run, change: ancestorChange(change, result.achieved, place.half) });
      }
    }
    intended = intended.filter((index) => index >= journaled);
    try {
      place.journal.append(records, intended.length);
    } catch (error) {
      throw stateError('write the journal', error);
    }
    work.forgetOldNames();
    options.onProgress?.(results.length);
  };

  const confirm = (): void => {
    try {
      place.journal.confirm();
    } catch (error) {
      throw stateError('write the journal', error);
    }
  };

  try {
    try {
      for (let start = 0; start < changes.length; start += sliceItemsMax) {
        const slice = changes.slice(start, start + sliceItemsMax);
        work.announce(slice);
        intend(start, slice);
        for (const [offset, change] of slice.entries()) {
          options.signal?.throwIfAborted();
          results.push(await work.make(change, start + offset));
          if (offset % stepItems === stepItems - 1 && slices.isOver()) {
            work.endSlice();
            journal();
            await slices.pause();
          }
        }
      }
    } finally {
      // Also on the way out of an abort: what was achieved counts.
      work.endSlice();
      intended = [];
      journal();
      if (durable) unsynced = await work.sync();
    }
    if (durable && unsynced.size === 0) confirm();
  } finally {
    work.close();
  }
  return unsynced.size === 0 ? results : results.map((result, index) => unlessUnsynced(result, changes[index]?.path, unsynced));
}

/** What was made is there, but who knows after a power cut: it counts as failed, and the next run finds it and agrees. */
function unlessUnsynced(result: TransitionResult, path: RelativePath | undefined, unsynced: SyncFailures): TransitionResult {
  if (path === undefined || result.problem !== undefined) return result;
  const problem = unsynced.get(path) ?? unsynced.get(parentPath(path) ?? rootPath);
  return problem === undefined ? result : { ...result, problem };
}

/** A directory that stays for what is out of scope in it is an outcome to remember, not a failure to try again. */
function isAchieved({ problem }: TransitionResult): boolean {
  return problem === undefined || problem.code === 'SYNC_DIRECTORY_KEPT';
}
