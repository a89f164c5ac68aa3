/**
 * `audit.jsonl`: appended to, never rewritten. Two processes may want to append at once (a sync and a pull of logs), so the end of the chain is
 * read and continued under a lock that is held for the append alone.
 */
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
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
    unlinkSync(path);
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
  if (ownerIsDead(path)) {
    try {
      unlinkSync(path);
    } catch {
      // Somebody else was faster.
    }
  }
  return false;
}

function ownerIsDead(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // Empty: its owner has just made it, and writes its number next.
    if (!Number.isSafeInteger(pid) || pid <= 0) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
