/**
 * Staging: brings contents safely beside their targets, onto the same file system, before anything in the tree changes.
 *
 * A content is taken from where it costs least: the staging folder itself (an earlier run left it), the tree (some file has the same digest), the versions
 * (it left the tree in some run), and only then the other side. Nothing is believed: what lies in staging under the right name was perhaps cut by a crash, and what the index says of a file
 * was perhaps true once. Every content is hashed by this process before it counts as staged.
 *
 * | name               | what it is                                            | after a crash                             |
 * |--------------------|-------------------------------------------------------|-------------------------------------------|
 * | `DIGEST-SIZE`      | a whole content; a short write of it if we were killed | hashed again before it is used            |
 * | `DIGEST-SIZE.part` | the first bytes of a large one                        | continued; the digest of the whole decides |
 * | `temp-N`           | a copy on its way into the tree                       | removed                                   |
 * | `temp-N.folder`    | a folder on its way into the tree                     | removed                                   |
 *
 * A small content costs four system calls here: create, write, set its time, close.
 */

import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { SyncError } from '../engine/errors.ts';
import type { ContentFailure, ContentNeed, ContentPart, ContentRequest, StageOptions, StageResult } from '../engine/replica.ts';
import type { Digest } from '../hash/digest.ts';
import { baseName, parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { contentName } from './content-name.ts';
import { hashFile } from './hash-file.ts';
import type { Hasher, Hashing } from './hasher.ts';
import type { HeldDirectories } from './held-directories.ts';
import { errnoOf, ioFailure, isNoSpace } from './io-failure.ts';
import { createSlices, type Slices } from './slices.ts';
import { isStagingName, partSuffix } from './stage-name.ts';

export interface Staging {
  /** See `Replica.stage`. */
  stage(requests: readonly ContentRequest[], options: StageOptions, place: StagingPlace): Promise<readonly StageResult[]>;
  /** A content in the staging folder that this process has verified and that nothing has used up yet. */
  find(content: { readonly digest: Digest; readonly sizeBytes: number }): StagedContent | undefined;
  /** It was moved away. */
  forget(name: string): void;
  /** A name for a copy that no other content has. */
  tempName(): string;
}

export interface StagedContent {
  /** In the staging folder. */
  readonly name: string;
  /** The mode and time that the file has already, if somebody said in time what they are to be. */
  readonly dress: Dress | undefined;
}

export interface Dress {
  readonly mode: number;
  readonly mtimeMs: number;
}

/** Where to stage, and what else may hold a content. Directories are the caller's, who closes them; `tree` is released. */
export interface StagingPlace {
  readonly folder: DiskDirectory;
  readonly tree: HeldDirectories;
  /** Some file of the tree that had this content when it was last looked at. */
  readonly holderOf: (content: { readonly digest: Digest; readonly sizeBytes: number }) => RelativePath | undefined;
  /** Contents that left the tree, by name, if any did. */
  readonly kept?: DiskDirectory | undefined;
  readonly hashing: Hashing;
  /** Bits that a new file lacks whatever is asked for. */
  readonly umask: number;
}

/** A part of less than this is begun anew: asking for the rest costs as much as sending it. */
const resumeBytesMin = 1024 ** 2;
/** Up to here a content is copied by reading and writing it; above by the file system, which may not have to copy at all. */
const copyBytesMax = 1024 ** 2;
/** What an earlier run left in staging is worth keeping this long. */
const leftoverMs = 7 * 24 * 60 * 60 * 1000;

export function createStaging(clock: Clock): Staging {
  /** Verified by this process. */
  const verified = new Map<string, Dress | undefined>();
  /** Sizes of what was in the folder when it was first looked at. */
  let leftovers: Map<string, number> | undefined;
  let temps = 0;

  return {
    async stage(requests, options, place) {
      leftovers ??= listLeftovers(place.folder, clock.nowMs());
      const job: Job = { ...place, options, verified, leftovers, slices: createSlices(clock, options.signal), doneBytes: 0, full: undefined };
      const contents = distinct(requests);
      try {
        for (const content of contents) {
          options.signal?.throwIfAborted();
          if (job.slices.isOver()) {
            place.tree.release();
            await job.slices.pause();
          }
          content.result = await takeHeld(content, job);
        }
      } finally {
        place.tree.release();
      }
      const missing = contents.filter(({ result }) => result === undefined);
      if (missing.length > 0 && job.full === undefined) await receive(missing, job);
      for (const content of missing) content.result ??= { staged: false, ...(job.full ?? notSent) };
      return resultsOf(requests, contents);
    },
    find({ digest, sizeBytes }) {
      const name = contentName(digest, sizeBytes);
      return verified.has(name) ? { name, dress: verified.get(name) } : undefined;
    },
    forget: (name) => void verified.delete(name),
    tempName: () => `temp-${++temps}`,
  };
}

interface Job extends StagingPlace {
  readonly options: StageOptions;
  readonly verified: Map<string, Dress | undefined>;
  readonly leftovers: Map<string, number>;
  readonly slices: Slices;
  doneBytes: number;
  /** Set once the disk is full: nothing more is tried. */
  full: ContentFailure | undefined;
}

interface Content {
  readonly name: string;
  readonly request: ContentRequest;
  result: StageResult | undefined;
}

const alreadyHere: StageResult = { staged: true, receivedBytes: 0 };
const notSent: ContentFailure = { code: 'SYNC_PEER_LOST', message: 'it did not come' };

function distinct(requests: readonly ContentRequest[]): readonly Content[] {
  const byName = new Map<string, Content>();
  for (const request of requests) {
    const name = contentName(request.digest, request.sizeBytes);
    if (!byName.has(name)) byName.set(name, { name, request, result: undefined });
  }
  return [...byName.values()];
}

/** In the order of the requests; bytes that were received count for the first request of a content. */
function resultsOf(requests: readonly ContentRequest[], contents: readonly Content[]): readonly StageResult[] {
  if (requests.length === contents.length) return contents.map(({ result }) => result ?? alreadyHere);
  const byName = new Map(contents.map((content) => [content.name, content]));
  return requests.map((request) => {
    const content = byName.get(contentName(request.digest, request.sizeBytes));
    const result = content?.result ?? alreadyHere;
    return content?.request === request || !result.staged ? result : alreadyHere;
  });
}

/** Own names only; what is too old goes. */
function listLeftovers(folder: DiskDirectory, nowMs: number): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { name } of folder.list()) {
    if (name === undefined || !isStagingName(name)) continue;
    const stat = folder.lstat(name);
    if (stat === undefined) continue;
    // A second link means that we were killed between putting it in the tree and taking it from here: it is that file now and must not become another one.
    const usable = stat.kind === 'file' && stat.links === 1 && !name.startsWith('temp-');
    if (!usable || Number(stat.ctimeNs / 1_000_000n) < nowMs - leftoverMs) {
      if (stat.kind === 'directory') removeIfEmpty(folder, name);
      else folder.unlink(name);
      continue;
    }
    // It had the mode already that it was to have in the tree.
    if ((stat.mode & 0o600) !== 0o600) folder.chmod(name, 0o600);
    sizes.set(name, stat.sizeBytes);
  }
  return sizes;
}

/** One that was to be moved into the tree. After a power cut it may be here still, with what was made in it there. */
function removeIfEmpty(folder: DiskDirectory, name: string): void {
  try {
    folder.removeDirectory(name);
  } catch (error) {
    if (errnoOf(error) !== 'ENOTEMPTY') throw error;
  }
}

/** `undefined`: it has to be sent. */
async function takeHeld(content: Content, job: Job): Promise<StageResult | undefined> {
  const { name, request } = content;
  if (job.verified.has(name)) return alreadyHere;
  if (job.full !== undefined) return { staged: false, ...job.full };
  try {
    if (job.leftovers.delete(name) && (await verifyLeftover(name, request, job))) return alreadyHere;
    if (request.sizeBytes === 0) return stageSmall(content, new Uint8Array(0), job);
    const holder = job.holderOf(request);
    if (holder !== undefined && (await copyFromTree(holder, content, job))) return alreadyHere;
    if (job.kept !== undefined && (await copyFrom(job.kept, name, content, job))) return alreadyHere;
    return undefined;
  } catch (error) {
    return failed(content, error, job);
  }
}

async function verifyLeftover(name: string, request: ContentRequest, job: Job): Promise<boolean> {
  let file: DiskFile | undefined;
  try {
    file = job.folder.openFile(name, 'read');
    if (file.stat().sizeBytes === request.sizeBytes && (await hashFile(file, request.sizeBytes, job)) === request.digest) {
      job.verified.set(name, undefined);
      return true;
    }
  } catch (error) {
    ioFailure(error, 'read');
  } finally {
    file?.close();
  }
  job.folder.unlink(name);
  return false;
}

async function copyFromTree(holder: RelativePath, content: Content, job: Job): Promise<boolean> {
  const name = baseName(holder);
  if (name === undefined) return false;
  let parent: DiskDirectory;
  try {
    parent = job.tree.open(parentPath(holder) ?? rootPath).directory;
  } catch (error) {
    ioFailure(error, 'copy');
    return false;
  }
  return copyFrom(parent, name, content, job);
}

/** Copies a file that should have this content, never by a link, and looks whether it had. `false`: it has not, or could not be read. */
async function copyFrom(parent: DiskDirectory, holderName: string, { name, request }: Content, job: Job): Promise<boolean> {
  try {
    const stat = parent.lstat(holderName);
    if (stat?.kind !== 'file' || stat.sizeBytes !== request.sizeBytes) return false;
    if (stat.sizeBytes <= copyBytesMax) {
      const bytes = readSmall(parent, holderName, stat.sizeBytes);
      if (job.hashing.hash(bytes) !== request.digest) return false;
      writeWhole(name, bytes, undefined, job);
      job.verified.set(name, undefined);
      return true;
    }
    if (job.folder.lstat(name) !== undefined) job.folder.unlink(name);
    parent.copyFile(holderName, job.folder, name);
  } catch (error) {
    if (isNoSpace(error)) throw error;
    ioFailure(error, 'copy');
    return false;
  }
  return await verifyLeftover(name, request, job);
}

function readSmall(parent: DiskDirectory, name: string, sizeBytes: number): Uint8Array {
  const file = parent.openFile(name, 'read');
  try {
    const bytes = new Uint8Array(sizeBytes);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** Takes what the other side sends. The order is the one that was asked for, so that one file at a time is open, whatever a peer does. */
async function receive(missing: readonly Content[], job: Job): Promise<void> {
  const needs: readonly ContentNeed[] = missing.map(({ name, request }) => {
    const part = job.leftovers.get(name + partSuffix) ?? 0;
    return { ...request, fromByte: part >= resumeBytesMin && part < request.sizeBytes ? part : 0 };
  });
  let next = 0;
  let current: Receiving | undefined;
  try {
    for await (const parts of job.options.supply(needs)) {
      job.options.signal?.throwIfAborted();
      for (const part of parts) {
        const content = missing[part.need];
        const need = needs[part.need];
        if (content === undefined || need === undefined || part.need < next || (current !== undefined && part.need !== next)) {
          throw new SyncError('SYNC_PROTOCOL', `content ${part.need} came out of turn`, { need: part.need, expected: next });
        }
        next = part.need;
        job.doneBytes += part.bytes.length;
        if (current === undefined && part.end === 'ok' && need.fromByte === 0) content.result = stageSmall(content, part.bytes, job);
        else {
          current ??= await startReceiving(content, need, job);
          const result = current.take(part);
          if (result !== undefined) content.result = result;
        }
        if (part.end !== undefined) {
          current = undefined;
          next++;
        }
        if (job.full !== undefined) break;
      }
      job.options.onProgress?.(job.doneBytes);
      if (job.full !== undefined) break;
      if (job.slices.isOver()) await job.slices.pause();
    }
  } finally {
    current?.stop();
  }
}

/** A content that comes in one piece is hashed before it is written, so that what has the name is right or cut short by a crash. */
function stageSmall(content: Content, bytes: Uint8Array, job: Job): StageResult {
  const { request, name } = content;
  if (bytes.length !== request.sizeBytes || job.hashing.hash(bytes) !== request.digest) return mismatch(request);
  const dress = dressFor(request);
  try {
    writeWhole(name, bytes, dress, job);
  } catch (error) {
    return failed(content, error, job);
  }
  job.verified.set(name, dress);
  return { staged: true, receivedBytes: bytes.length };
}

function dressFor({ mode, mtimeMs }: ContentRequest): Dress | undefined {
  return mode !== undefined && mtimeMs !== undefined && canBeDressed(mode) ? { mode: mode & 0o777, mtimeMs } : undefined;
}

/** A mode that lets us read it still, so that it can be synced; other files get theirs when they are moved into the tree. */
export function canBeDressed(mode: number): boolean {
  return (mode & 0o400) !== 0;
}

/** Leaves the whole or nothing. Nobody else can enter this folder, so a mode that is not 0600 shows the content to no one. */
function writeWhole(name: string, bytes: Uint8Array, dress: Dress | undefined, { folder, umask }: Job): void {
  const file = createAnew(folder, name, dress?.mode);
  try {
    if (bytes.length > 0) file.write(bytes, 0);
    if (dress !== undefined) {
      if ((dress.mode & umask) !== 0) file.chmod(dress.mode);
      file.setTimes(dress.mtimeMs);
    }
  } catch (error) {
    file.close();
    folder.unlink(name);
    throw error;
  }
  file.close();
}

/** What has this name by now was verified by nobody. */
function createAnew(folder: DiskDirectory, name: string, mode = 0o600): DiskFile {
  try {
    return folder.openFile(name, 'create', mode);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    folder.unlink(name);
    return folder.openFile(name, 'create', mode);
  }
}

/** A content that comes in several pieces, or the rest of one. */
interface Receiving {
  /** The result, once the content has ended or cannot be taken any more; what still comes of it is dropped. */
  take(part: ContentPart): StageResult | undefined;
  /** Nothing more will come. What came is kept for the next run if it is worth it. */
  stop(): void;
}

async function startReceiving(content: Content, need: ContentNeed, job: Job): Promise<Receiving> {
  const { name, request } = content;
  const partName = name + partSuffix;
  const hasher = job.hashing.createHasher();
  let file: DiskFile | undefined;
  let offset = need.fromByte;
  let result: StageResult | undefined;

  const end = (): void => {
    file?.close();
    file = undefined;
  };
  const fail = (failure: StageResult): StageResult => {
    if (file !== undefined) {
      end();
      job.folder.unlink(partName);
    }
    result = failure;
    return failure;
  };

  try {
    file = await openPart(partName, need.fromByte, hasher, job);
  } catch (error) {
    const failure = failed(content, error, job);
    // A part that cannot be read is as good as a spoiled one: begun anew it may be possible, and tells if it is not.
    fail(need.fromByte > 0 ? mismatch(request) : failure);
  }

  return {
    take(part) {
      if (result !== undefined) return result;
      try {
        if (offset + part.bytes.length > request.sizeBytes) return fail(mismatch(request));
        hasher.update(part.bytes);
        file?.write(part.bytes, offset);
        offset += part.bytes.length;
        if (part.end === undefined) return undefined;
        if (part.end !== 'ok') {
          const { code, message } = part.end;
          return fail({ staged: false, code, message });
        }
        if (offset !== request.sizeBytes || hasher.digest() !== request.digest) return fail(mismatch(request));
        end();
        job.folder.rename(partName, job.folder, name);
      } catch (error) {
        return fail(failed(content, error, job));
      }
      job.verified.set(name, undefined);
      result = { staged: true, receivedBytes: request.sizeBytes - need.fromByte };
      return result;
    },
    stop() {
      if (file === undefined) return;
      end();
      if (offset < resumeBytesMin) job.folder.unlink(partName);
      else job.leftovers.set(partName, offset);
    },
  };
}

/** An empty part, or the one that is there, its bytes fed to the hasher: the digest of the whole tells whether it was right. */
async function openPart(name: string, fromByte: number, hasher: Hasher, job: Job): Promise<DiskFile> {
  job.leftovers.delete(name);
  if (fromByte === 0) return createAnew(job.folder, name);
  const kept = job.folder.openFile(name, 'read');
  try {
    await hashFile(kept, fromByte, { ...job, hasher });
  } finally {
    kept.close();
  }
  const file = job.folder.openFile(name, 'write');
  file.truncate(fromByte);
  return file;
}

function failed({ request }: Content, error: unknown, job: Job): StageResult & ContentFailure {
  const failure = ioFailure(error, `stage ${request.path}`);
  // ENOENT and its kind in our own folder: someone has emptied it.
  const code = failure.code === 'SYNC_NO_SPACE' || failure.code === 'SYNC_DENIED' ? failure.code : 'SYNC_IO';
  if (code === 'SYNC_NO_SPACE') job.full = { code, message: failure.message };
  return { staged: false, code, message: `${failure.message}${errnoOf(error) === 'ENOENT' ? '; the staging folder is gone' : ''}` };
}

function mismatch({ path }: ContentRequest): StageResult & ContentFailure {
  return { staged: false, code: 'SYNC_CONTENT_MISMATCH', message: `what came for ${path} is not what was announced` };
}
