/**
 * A file of this machine that a log is pulled into, and its cursor.
 *
 * Order of writes, each durable before the next: cursor with `appending` set, bytes, cursor with the new offset. So a crash leaves either nothing new, or
 * bytes that the cursor says may be unfinished; these are then compared with the source and kept or cut, never guessed at. A pull that finds nothing new
 * writes nothing but its lock.
 *
 * A generation that is over is renamed: the cursor of the next one says so first, so that a rename which a crash prevented is made by the next pull.
 *
 * State lies in `.ubos-sync/logs/` of the root, a folder for each log with `cursor.json` and its lock; without a root, the file's own folder is the root.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../engine/clock.ts';
import type { Disk, DiskDirectory, DiskFile, DiskStat } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import { isSyncError, SyncError } from '../engine/errors.ts';
import type { LogCopy, LogProgress, LogSink, OpenLog } from '../engine/logs/log-sink.ts';
import { fingerprint, headBytes, type LogCheckpoint, tailBytes } from '../log/checkpoint.ts';
import { emptyChain } from '../log/chunk-chain.ts';
import { encodeLogCursor, type LogCursor, parseLogCursor } from '../log/cursor.ts';
import { keptName, keptNumber } from '../log/generations.ts';
import { readAt, readWholeFile, writeFileAtomically } from './atomic-write.ts';
import { type Hashing, loadHashing } from './hasher.ts';
import { createRootLock, type HeldLock } from './lock.ts';
import { digestExtents } from './log-digests.ts';
import { type LogPlace, locateLog, logError, openLogFile, openLogFolder } from './log-file-place.ts';
import { createNodeDisk } from './node-disk.ts';
import { createSlices } from './slices.ts';
import { makeStateFolder, openStateFolder, type StateFolder, stateError, stateFolderName } from './state-folder.ts';
import { systemClock } from './system-clock.ts';

export interface FsLogSinkOptions {
  /** The root whose state folder keeps the cursor; the file has to lie in it, and no link is followed on the way from it. Default: the file's folder. */
  readonly root?: string | undefined;
  readonly disk?: Disk | undefined;
  readonly clock?: Clock | undefined;
  /** Who has to own the state folder. Default: the user that this process runs as. */
  readonly uid?: number | undefined;
}

/** Opens nothing yet: each pull does. Missing folders between root and file are made when the first byte arrives. */
export async function createFsLogSink(path: string, options: FsLogSinkOptions = {}): Promise<LogSink> {
  const { disk = createNodeDisk(), clock = systemClock } = options;
  const hashing = await loadHashing('fast');
  const place = locateLog(path, options.root);
  return {
    name: path,
    hash: hashing.hash,
    allocate: (bytes) => Buffer.alloc(bytes),
    async open({ dryRun, waitMs, signal }) {
      const state = await openState(disk, place, { clock, uid: options.uid, dryRun, waitMs, signal });
      try {
        return openLog({ disk, place, clock, hashing, dryRun }, state);
      } catch (error) {
        await state.release();
        throw logError('open the log', place, error);
      }
    },
    async look({ signal }) {
      signal?.throwIfAborted();
      const state = await openState(disk, place, { clock, uid: options.uid, dryRun: true, waitMs: undefined, signal });
      try {
        const log = openLog({ disk, place, clock, hashing, dryRun: true }, state);
        return {
          cursor: log.cursor,
          current: { name: place.name, sizeBytes: Math.max(0, log.local.sizeBytes ?? 0), digests: log.digests },
          finished: finishedCopies(disk, place, { clock, hashing }),
          close: () => log.release(),
        };
      } catch (error) {
        await state.release();
        throw logError('look at the log', place, error);
      }
    },
    close: () => Promise.resolve(),
  };
}

/**
 * The checkpoint of a log's copy, for a `followLog` that goes on where the copy ends. Reads only and takes no lock: bytes below a cursor do not change.
 * `undefined`: nothing of this generation was pulled.
 */
export function readFsLogCheckpoint(
  path: string,
  { root: rootPath, disk = createNodeDisk(), uid }: FsLogSinkOptions = {},
): LogCheckpoint | undefined {
  const place = locateLog(path, rootPath);
  const root = disk.openRoot(place.root);
  if (root === undefined) return undefined;
  const opened: { close(): void }[] = [root];
  try {
    const state = openStateFolder(root, { rootPath: place.root, uid });
    if (state !== undefined) opened.push(state);
    const logs = state?.look('logs');
    const directory = logs && openKey(logs, stateKey(place), false);
    if (directory !== undefined) opened.push(directory);
    const cursor = readCursor(directory);
    const folder = openLogFolder(disk, place);
    if (folder !== undefined) opened.push(folder);
    const file = openLogFile(folder, place, 'read');
    if (file !== undefined) opened.push(file);
    const offset = cursor?.chain.offset ?? 0;
    if (cursor === undefined || file === undefined || offset === 0) return undefined;
    const read = (start: number, end: number): Uint8Array => readAt(file, cursor.baseBytes + start, end - start);
    const head = fingerprint(read(0, headBytes(offset)));
    const tail = fingerprint(read(offset - tailBytes(offset), offset));
    return { format: 1, source: cursor.source, generation: cursor.generation.number, offset, head, tail };
  } catch (error) {
    throw logError('read', place, error);
  } finally {
    for (const each of opened.reverse()) each.close();
  }
}

const cursorName = 'cursor.json';

/** 32 digits for each MiB: a log of a terabyte. */
const cursorBytesMax: number = 64 * 1024 * 1024;

interface LogState {
  /** `undefined` in a dry run where there is no state. */
  readonly directory: DiskDirectory | undefined;
  readonly path: string;
  release(): Promise<void>;
}

interface StateRequest {
  readonly clock: Clock;
  readonly uid: number | undefined;
  readonly dryRun: boolean;
  /** `undefined`: no lock is taken. */
  readonly waitMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Opens the log's own folder of the state folder, and takes the lock in it. */
async function openState(disk: Disk, place: LogPlace, { clock, uid, dryRun, waitMs, signal }: StateRequest): Promise<LogState> {
  const root = disk.openRoot(place.root);
  if (root === undefined) throw new SyncError('SYNC_ROOT_MISSING', `${place.root} is not there`, { path: place.root });
  const key = stateKey(place);
  const path = `${place.root}/${stateFolderName}/logs/${key}`;
  let folder: StateFolder | undefined;
  let directory: DiskDirectory | undefined;
  let lock: HeldLock | undefined;
  const release = async () => {
    await lock?.release();
    directory?.close();
    folder?.close();
    root.close();
  };
  try {
    const owner = { rootPath: place.root, uid };
    folder = dryRun ? openStateFolder(root, owner) : await makeStateFolder(root, owner);
    const logs = dryRun ? folder?.look('logs') : folder?.make('logs');
    directory = logs && openKey(logs, key, !dryRun);
    if (directory !== undefined && waitMs !== undefined)
      lock = await createRootLock({ path: place.path, clock }).acquire({
        directory,
        folder: path,
        waitMs,
        initiator: 'log pull',
        run: place.path,
        signal,
      });
    return { directory, path, release };
  } catch (error) {
    await release();
    if (isSyncError(error) && error.code === 'SYNC_LOCKED')
      throw new SyncError('SYNC_LOG_LOCKED', `another pull of it is under way: ${error.message}`, error.details, error);
    throw stateError(`open ${path}`, error);
  }
}

/** Readable where it can be, and always a name. */
function stateKey({ folders, name }: LogPlace): string {
  const text = encodeURIComponent([...folders, name].join('/'));
  return text.length <= 200 ? text : `${text.slice(0, 120)}-${createHash('sha256').update(text).digest('hex')}`;
}

function openKey(logs: DiskDirectory, key: string, make: boolean): DiskDirectory | undefined {
  if (make) {
    try {
      logs.makeDirectory(key, 0o700);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
  try {
    return logs.openDirectory(key);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

interface Surroundings {
  readonly disk: Disk;
  readonly place: LogPlace;
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly dryRun: boolean;
}

function openLog({ disk, place, clock, hashing, dryRun }: Surroundings, state: LogState): OpenLog {
  let cursor = readCursor(state.directory);
  let folder = openLogFolder(disk, place);
  let file: DiskFile | undefined;
  let stat: DiskStat | undefined;
  const openFile = (): void => {
    file = openLogFile(folder, place, 'read');
    stat = file?.stat();
  };
  const closeFile = (): void => {
    file?.close();
    file = undefined;
    stat = undefined;
  };
  try {
    openFile();
    // The file of the generation before, still under this name.
    if (cursor?.renaming !== undefined && stampOf(stat) === cursor.renaming.stamp) {
      if (!dryRun) folder?.rename(place.name, folder, cursor.renaming.to);
      closeFile();
    }
  } catch (error) {
    folder?.close();
    throw error;
  }
  /** Where this generation begins in the file. */
  let baseBytes = stat === undefined ? 0 : (cursor?.baseBytes ?? 0);
  let position = 0;
  let isNew = false;
  let isReleased = false;

  const storeCursor = async (next: LogCursor): Promise<void> => {
    if (state.directory === undefined) throw new TypeError('a dry run writes nothing');
    try {
      await writeFileAtomically(state.directory, cursorName, new TextEncoder().encode(`${JSON.stringify(encodeLogCursor(next))}\n`));
    } catch (error) {
      throw stateError(`write ${state.path}/${cursorName}`, error);
    }
    cursor = next;
  };
  const mustBe = (expected: DiskStat | undefined, found: DiskStat | undefined): void => {
    if (stampOf(found) === stampOf(expected)) return;
    throw new SyncError('SYNC_TARGET_CHANGED', `${place.path} was changed while it was being pulled`, {
      path: place.path,
      hint: 'pull again; what was changed is compared with the source then',
    });
  };
  /** What the puller does not know of a cursor stays. */
  const cursorOf = (progress: LogProgress): Omit<LogCursor, 'localStamp' | 'appending'> => ({
    ...progress,
    generation: cursor?.generation ?? { number: 1, startedAt: utcStamp(clock.nowMs()) },
    baseBytes,
    finished: progress.chain.offset === 0 ? cursor?.finished : undefined,
    renaming: undefined,
  });
  const begun = (): DiskFile => {
    if (file === undefined) throw new TypeError('begin comes first');
    return file;
  };
  const makeDurable = async (): Promise<void> => {
    try {
      await begun().sync();
      if (isNew) await folder?.sync();
      isNew = false;
    } catch (error) {
      throw logError('write', place, error);
    }
  };
  /** Of the file as we have written it. */
  const stampNow = (): string => {
    stat = meaning('look at', () => begun().stat());
    // Somebody else wrote to it, or put another file in its place: the next pull finds out what that means.
    mustBe(
      stat,
      meaning('look at', () => folder?.lstat(place.name)),
    );
    if (stat?.sizeBytes !== position) mustBe(undefined, stat);
    return stampOf(stat);
  };
  /** Disk failures of `action` get their meaning. */
  const meaning = <T>(action: string, call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw logError(action, place, error);
    }
  };

  return {
    get cursor() {
      return cursor;
    },
    get local() {
      return { sizeBytes: stat && stat.sizeBytes - baseBytes, untouched: cursor !== undefined && cursor.localStamp === stampOf(stat) };
    },

    async digests(extents, signal) {
      const of = file;
      if (of === undefined || extents.length === 0) return extents.map(() => undefined);
      try {
        const inFile = extents.map(({ start, end }) => ({ start: start + baseBytes, end: end + baseBytes }));
        return await digestExtents(of, inFile, { hashing, slices: createSlices(clock, signal) });
      } catch (error) {
        throw logError('read', place, error);
      }
    },

    read({ start, end }) {
      const of = file;
      return of === undefined || end <= start ? new Uint8Array(0) : meaning('read', () => readAt(of, baseBytes + start, end - start));
    },

    async begin(progress, sizeBytes) {
      mustBe(
        stat,
        meaning('look at', () => folder?.lstat(place.name)),
      );
      await storeCursor({ ...cursorOf(progress), localStamp: stampOf(stat), appending: true });
      file = meaning('open', () => {
        folder ??= openLogFolder(disk, place, { make: true });
        if (folder === undefined) throw new SyncError('SYNC_ROOT_MISSING', `${place.root} is not there`, { path: place.root });
        const opened = folder.openFile(place.name, stat === undefined ? 'create' : 'write', 0o644);
        file?.close();
        return opened;
      });
      if (stat === undefined) isNew = true;
      else mustBe(stat, file.stat());
      position = baseBytes + sizeBytes;
      if (file.stat().sizeBytes > position) meaning('cut', () => begun().truncate(position));
      stat = file.stat();
    },

    append(bytes) {
      // In this thread: through the pool of Node, in order and with four chunks under way, a pull of 579 MB took 0.5 s more processor time and no less by the
      // clock (2 busy cores, Node 20, 2026-11). Part of it was V8 collecting the whole heap 11 to 43 times instead of once.
      meaning('write', () => begun().write(bytes, position));
      position += bytes.length;
    },

    async sync(progress) {
      await makeDurable();
      if (progress !== undefined) await storeCursor({ ...cursorOf(progress), localStamp: stampNow(), appending: true });
    },

    async save(progress) {
      await makeDurable();
      await storeCursor({ ...cursorOf(progress), localStamp: stampNow(), appending: false });
    },

    async retire(onRotate, isFinished) {
      if (cursor === undefined) throw new TypeError('what was never pulled is no generation');
      const { source, chain, head, generation } = cursor;
      mustBe(
        stat,
        meaning('look at', () => folder?.lstat(place.name)),
      );
      const to = onRotate === 'new-file' && stat !== undefined ? freeName(folder, place.name, generation) : undefined;
      if (to === undefined) baseBytes = stat?.sizeBytes ?? 0;
      await storeCursor({
        source,
        chain: emptyChain,
        head: undefined,
        generation: { number: generation.number + 1, startedAt: utcStamp(clock.nowMs()) },
        baseBytes: to === undefined ? baseBytes : 0,
        finished: isFinished ? { source, chain, head } : undefined,
        renaming: to === undefined ? undefined : { to, stamp: stampOf(stat) },
        localStamp: to === undefined ? stampOf(stat) : '',
        appending: false,
        lastTimestamp: cursor.lastTimestamp,
      });
      if (to === undefined || folder === undefined) return undefined;
      const from: DiskDirectory = folder;
      meaning('rename', () => from.rename(place.name, from, to));
      await from.sync();
      closeFile();
      baseBytes = 0;
      return to;
    },

    async release() {
      if (isReleased) return;
      isReleased = true;
      file?.close();
      folder?.close();
      await state.release();
    },
  };
}

/** The name under which a generation is kept, and which nothing has yet. */
function freeName(folder: DiskDirectory | undefined, name: string, generation: LogCursor['generation']): string {
  for (let copy = 1; ; copy++) {
    const free = keptName(name, generation, copy);
    if (folder?.lstat(free) === undefined) return free;
  }
}

function finishedCopies(disk: Disk, place: LogPlace, { clock, hashing }: Pick<Surroundings, 'clock' | 'hashing'>): readonly LogCopy[] {
  const folder = openLogFolder(disk, place);
  if (folder === undefined) return [];
  try {
    const found = folder.list().flatMap(({ name, kind }) => {
      const number = name === undefined || kind !== 'file' ? undefined : keptNumber(place.name, name);
      return name === undefined || number === undefined ? [] : [{ name, number, sizeBytes: folder.lstat(name)?.sizeBytes ?? 0 }];
    });
    found.sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1));
    return found.map(({ name, sizeBytes }) => ({
      name,
      sizeBytes,
      async digests(extents, signal) {
        const at = { ...place, name };
        const from = openLogFolder(disk, at);
        let file: DiskFile | undefined;
        try {
          file = openLogFile(from, at, 'read');
          return file === undefined
            ? extents.map(() => undefined)
            : await digestExtents(file, extents, { hashing, slices: createSlices(clock, signal) });
        } catch (error) {
          throw logError('read', at, error);
        } finally {
          file?.close();
          from?.close();
        }
      },
    }));
  } finally {
    folder.close();
  }
}

/** `20261122T001500Z`. */
function utcStamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** Anything but a cursor in its place counts as none: what it said is found again by comparing content. */
function readCursor(directory: DiskDirectory | undefined): LogCursor | undefined {
  if (directory === undefined) return undefined;
  try {
    const bytes = readWholeFile(directory, cursorName, cursorBytesMax);
    if (bytes === undefined) return undefined;
    const parsed = parseLogCursor(JSON.parse(new TextDecoder().decode(bytes)));
    return parsed.ok ? parsed.value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw stateError(`read ${cursorName}`, error);
  }
}

/** Without the device: its number may be another after a reboot. */
function stampOf(stat: DiskStat | undefined): string {
  return stat === undefined ? '' : `${stat.ino}.${stat.sizeBytes}.${stat.mtimeNs}.${stat.ctimeNs}`;
}
