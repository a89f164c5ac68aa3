/**
 * `audit.jsonl`: appended to, never rewritten. Two processes may want to append at once (a sync and a pull of logs), so the end of the chain is
 * read and continued under a lock that is held for the append alone.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { completeBytes, linesBackwards } from './backwards.ts';
import { type ChainHead, chainLine, emptyChain, readChainLine } from './chain.ts';

export const auditFileName = 'audit.jsonl';

/** Appends one chained line per body. `durable`: they are on the disk when this returns. */
export function appendAudit(folder: string, bodies: readonly Readonly<Record<string, unknown>>[], { durable }: { readonly durable: boolean }): void {
  withLock(join(folder, `${auditFileName}.lock`), () => {
    const fd = openSync(join(folder, auditFileName), constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o666);
    try {
      const end = completeBytes(fd);
      const tornBytes = fstatSync(fd).size - end;
      // A crash in the middle of an append leaves a piece of a line. It was never a record; the next line says that it was there.
      if (tornBytes > 0) ftruncateSync(fd, end);
      let head = readHead(fd);
      let text = '';
      for (const [index, body] of bodies.entries()) {
        const line = chainLine(head, index === 0 && tornBytes > 0 ? { ...body, tornBytes } : body);
        head = line.head;
        text += `${line.text}\n`;
      }
      writeAll(fd, Buffer.from(text, 'utf8'));
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** A last line whose hash does not hold cannot be continued: a new chain begins after it, and checking the file names that line. */
function readHead(fd: number): ChainHead {
  for (const text of linesBackwards(fd)) return readChainLine(text) ?? emptyChain;
  return emptyChain;
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

const waitMs = 10_000;
const pauseMs = 5;

function withLock(path: string, action: () => void): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; !tryLock(path); waited += pauseMs) {
    if (waited >= waitMs) throw new SyncError('SYNC_LOCKED', `another process has held ${path} for ${waitMs / 1000} s`, { path });
    Atomics.wait(pause, 0, 0, pauseMs);
  }
  try {
    action();
  } finally {
    release(path);
  }
}

function release(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function tryLock(path: string): boolean {
  try {
    const fd = openSync(path, 'wx');
    writeSync(fd, String(process.pid));
    closeSync(fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const dead = deadLock(path);
  if (dead !== undefined) takeAway(path, dead);
  return false;
}

/** An append takes milliseconds: what is older than this is nobody's, whoever has that number now, on this machine or another. */
const heldMsMax = 60_000;

/** Identity of a lock whose owner is dead. One that is empty has just been made, and its owner writes its number next. */
function deadLock(path: string): number | undefined {
  try {
    const stat = lstatSync(path);
    const { ino } = stat;
    if (Math.abs(Date.now() - stat.mtimeMs) > heldMsMax) return ino;
    if (!stat.isFile()) return undefined;
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 && !isAlive(pid) ? ino : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Somebody else may have been faster and hold a new one: so it is looked at once more under a name of our own, and given back where it is another. */
function takeAway(path: string, dead: number): void {
  const own = `${path}.${process.pid}`;
  try {
    renameSync(path, own);
    if (lstatSync(own).ino !== dead) linkSync(own, path);
    unlinkSync(own);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') unlinkSync(own);
    else if (code !== 'ENOENT') throw error;
  }
}
