/** Requests about logs. */
import { type Digest, type Extent, generationsMax, type LogSource, type LogStat, SyncError } from '@ubos/sync-core';
import { bytesToOffsets } from './columns.ts';
import { allocateFrame, frameHeaderBytes } from './frame.ts';
import { dataFrameBytes } from './limits.ts';
import type { LogFactsMessage, LogGenerationsMessage } from './messages/answers.ts';
import type { RequestOf } from './messages/requests.ts';
import { escapeText } from './text.ts';
import type { WireStream } from './wire-stream.ts';

type OpenLog = ((path: string) => Promise<LogSource>) | undefined;

export async function answerLogFacts({ path, of, extents }: RequestOf<'log-facts'>, stream: WireStream, logs: OpenLog): Promise<void> {
  const asked = readExtents(extents);
  if (asked === undefined) stream.refuse('an extent that ends before it begins');
  await withLog(path, logs, async (log) => {
    const { stat, digests } = await log.facts({ extents: asked, of, signal: stream.signal });
    const given = digests.filter((digest): digest is Digest => digest !== undefined);
    const message: LogFactsMessage = {
      type: 'log-facts',
      stat: stat && wireStat(stat),
      digestBytes: given[0]?.length ?? 0,
      digests: Buffer.from(given.join(''), 'latin1'),
      present: Buffer.from(digests.map((digest) => (digest === undefined ? 0 : 1))),
    };
    await stream.send(message);
  });
}

export async function answerLogRead(
  { path, of, identity, fromByte, toByte }: RequestOf<'log-read'>,
  stream: WireStream,
  logs: OpenLog,
): Promise<void> {
  if (toByte !== undefined && toByte < fromByte) stream.refuse('an extent that ends before it begins');
  await withLog(path, logs, async (log) => {
    await sendPieces(log.read({ fromByte, toByte, of, identity, signal: stream.signal }), stream);
  });
}

/** Sends for as long as the peer takes it: what it has given no credit for is not read. */
export async function answerLogFollow({ path, of, identity, fromByte }: RequestOf<'log-follow'>, stream: WireStream, logs: OpenLog): Promise<void> {
  await withLog(path, logs, async (log) => {
    await sendPieces(log.follow({ fromByte, of, identity, signal: stream.signal }), stream);
  });
}

async function sendPieces(pieces: AsyncIterable<Uint8Array>, stream: WireStream): Promise<void> {
  for await (const bytes of pieces) {
    for (let at = 0; at < bytes.length; at += dataFrameBytes) {
      const piece = bytes.subarray(at, at + dataFrameBytes);
      const frame = allocateFrame(piece.length);
      frame.set(piece, frameHeaderBytes);
      await stream.sendData(frame);
    }
  }
}

export async function answerLogGenerations({ path }: RequestOf<'log-generations'>, stream: WireStream, logs: OpenLog): Promise<void> {
  await withLog(path, logs, async (log) => {
    const found = await log.generations({ signal: stream.signal });
    const files = found.filter(({ name }) => name.length <= 255).slice(0, generationsMax);
    const message: LogGenerationsMessage = { type: 'log-generations', files: files.map(({ name, stat }) => ({ name, stat: wireStat(stat) })) };
    await stream.send(message);
  });
}

function wireStat({ sizeBytes, mtimeMs, identity }: LogStat): LogStat {
  return { sizeBytes, mtimeMs, identity: escapeText(identity, 256) };
}

async function withLog(path: string, logs: OpenLog, use: (log: LogSource) => Promise<void>): Promise<void> {
  if (logs === undefined) throw new SyncError('SYNC_DENIED', 'no logs are given away here');
  const log = await logs(path);
  try {
    await use(log);
  } finally {
    await log.close();
  }
}

function readExtents(bytes: Buffer): readonly Extent[] | undefined {
  const offsets = bytesToOffsets(bytes);
  if (offsets === undefined) return undefined;
  const extents: Extent[] = [];
  for (let at = 0; at < offsets.length; at += 2) {
    const start = offsets[at] ?? 0;
    const end = offsets[at + 1] ?? 0;
    if (end < start) return undefined;
    extents.push({ start, end });
  }
  return extents;
}
