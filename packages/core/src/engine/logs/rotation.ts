/**
 * Rotation: the source is no continuation of the local file, or a generation has been finished and the next one not begun.
 *
 * The old generation is looked for among the files beside the log, by content: one that all chunks of the local file agree with. Its tail is taken, the local
 * file is retired, and so on through the generations that were written after it, up to the log as it is now. Each step is in the cursor before the next is made,
 * so a pull that dies goes on from there.
 *
 * A generation is finished only once the log holds something again: who has written to the new file has stopped writing to the old one. And the new file is
 * read only if, after it was opened, the files beside it are still the same: else it may have been rotated once more in between.
 */
import pLimit from 'p-limit';
import { chunkExtents } from '../../log/chunk-chain.ts';
import { cursorProofs, headBytesMax, type LogTaken } from '../../log/cursor.ts';
import { type GenerationName, generationsAfter, parseGenerationName } from '../../log/generations.ts';
import { askBeforePull, type PullPlan, planPull } from '../../log/plan-pull.ts';
import type { OpenLog } from './log-sink.ts';
import type { LogGenerationFile, LogStat } from './log-source.ts';
import { askFacts, startReading } from './reading.ts';
import { dryReport, emptyReport, type FinishedGeneration, type LogReport, type Pull } from './report.ts';
import { beforeOverlap, takeIn } from './take-in.ts';

type Go = PullPlan & { readonly go: true };
type Stay = PullPlan & { readonly go: false };

export interface Generation extends GenerationName {
  readonly stat: LogStat;
}

/** Where the local file goes on. */
interface Found {
  readonly generation: Generation;
  /** `undefined`: it has nothing more; what was taken last was written after it had been copied. */
  readonly plan: Go | undefined;
}

/** The file in which a log goes on after what was taken of it. */
export interface Place {
  /** A generation that may still be written to; `undefined`: the log under its own name. */
  readonly of: string | undefined;
  readonly name: string;
  readonly stat: LogStat;
  /** It holds nothing yet, and what it will hold is the next generation. */
  readonly holdsNext?: boolean | undefined;
}

/** What a pull brought of generations that are over, over all its attempts. */
export interface Gathered {
  readonly parts: LogReport[];
  readonly finished: FinishedGeneration[];
  /** Those of the rotation, once there was one. */
  rotation: Pick<LogReport, 'outcome' | 'gap' | 'unread' | 'differsAtByte'> | undefined;
  /** Set once it is known where the log goes on. */
  place: Place | undefined;
}

/**
 * `plan`: what the log as it is now comes to; a bad one, unless a finished generation waits for the next. `current`: its stat. Resolves to the last part;
 * `moved`: it was rotated meanwhile. In both cases what was achieved is in the cursor and in `gathered`.
 */
export async function followRotation(log: OpenLog, pull: Pull, gathered: Gathered, plan: PullPlan, current: LogStat): Promise<LogReport | 'moved'> {
  const { source, dryRun, onRotate = 'new-file', onFork = 'halt', signal } = pull;
  const files = await source.generations({ signal });
  const generations = namedGenerations(source.name, files);
  const unread = generations.filter(({ compressed }) => compressed).map(({ name }) => name);
  const readable = generations.filter(({ compressed }) => !compressed);
  const before = log.cursor;
  const isInPlace = before !== undefined && before.source.identity === current.identity;

  const found =
    before?.finished === undefined ? await findContinuation(log, pull, readable, isInPlace) : await findFinished(pull, readable, before.finished);
  // Names that were given anew while we looked lead past what we look for.
  if (found === undefined && !isSameList(files, await source.generations({ signal }))) return 'moved';
  if (found === undefined && before?.finished === undefined) {
    const stays = plan as Stay;
    if (onFork === 'halt' || before === undefined || dryRun) return { ...leftAlone(log, pull, stays, current), unread };
    gathered.rotation = { outcome: stays.outcome, differsAtByte: stays.atByte, gap: 'unknown', unread };
    const { offset } = before.chain;
    gathered.finished.push({ name: before.source.name, fromByte: offset, toByte: offset, keptAs: await log.retire('new-file', false) });
    return takeCurrent(log, pull, gathered, { current, files });
  }

  const after = found === undefined ? [] : (generationsAfter(found.generation, generations) as readonly Generation[]);
  // One in which nothing was written could not be told from another such one, when the next pull has to find it again.
  const steps = after.filter(({ compressed, stat }) => !compressed && stat.sizeBytes > 0);
  const isCopied = isInPlace && before?.finished === undefined;
  const gap = after.some(({ compressed }) => compressed) ? 'unread' : isCopied ? 'copied' : found === undefined ? 'unknown' : undefined;
  const rotation = { outcome: isCopied ? 'copy-truncated' : 'rotated', gap, unread, differsAtByte: undefined } as const;
  const rest = found !== undefined && before?.finished === undefined ? [found.generation, ...steps] : steps;
  if (dryRun) {
    const isOver = current.sizeBytes > 0 || rest.length > 1;
    if (found?.plan !== undefined && !isOver) return dryReport(pull, log, found.plan, found.generation.stat.sizeBytes);
    return { ...dryRotation(log, pull, rest, current), ...rotation };
  }

  for (const [index, generation] of rest.entries()) {
    const next = generation === found?.generation ? found.plan : await planFor(log, pull, generation);
    if (next?.go === false || (next === undefined && generation !== found?.generation)) return 'moved';
    const fromByte = next?.chain.offset ?? before?.chain.offset ?? 0;
    const isOver = index < rest.length - 1 || current.sizeBytes > 0;
    const { name, stat } = generation;
    gathered.place = next === undefined ? { of: undefined, name: source.name, stat: current, holdsNext: true } : { of: name, name, stat };
    const part = next === undefined ? await settle(log, pull, current) : await takeGeneration(log, pull, generation, next, isOver);
    // The new file is there and empty: the writer may not have turned to it yet.
    if (part === 'moved' || !isOver) return part;
    gathered.parts.push(part);
    gathered.rotation ??= rotation;
    const toByte = log.cursor?.chain.offset ?? fromByte;
    gathered.finished.push({ name, fromByte, toByte, keptAs: await log.retire(onRotate, true) });
  }
  const last = await takeCurrent(log, pull, gathered, { current, files });
  if (last !== 'moved' && last.toByte > 0) gathered.rotation ??= rotation;
  return last;
}

/** All that a pull brought, and what became of it; where it stands now is for the last part to say. */
export function reportOf({ parts, finished, rotation }: Gathered, last: LogReport): LogReport {
  const all = [...parts, last];
  const total = (field: (part: LogReport) => number | undefined): number => all.reduce((sum, part) => sum + (field(part) ?? 0), 0);
  return {
    ...last,
    ...(rotation !== undefined && !isLeftAlone(last) && rotation),
    finished: [...finished, ...last.finished],
    lines: last.lines === undefined ? undefined : total(({ lines }) => lines),
    malformed: last.malformed === undefined ? undefined : total(({ malformed }) => malformed),
    checkedLines: total(({ checkedLines }) => checkedLines),
    firstTimestamp: all.find(({ firstTimestamp }) => firstTimestamp !== undefined)?.firstTimestamp,
    bytesReceived: total(({ bytesReceived }) => bytesReceived),
  };
}

function isLeftAlone({ outcome }: LogReport): boolean {
  return outcome === 'missing' || outcome === 'local-changed' || outcome === 'truncated' || outcome === 'forked';
}

export function namedGenerations(path: string, files: readonly LogGenerationFile[]): readonly Generation[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return files.flatMap(({ name: found, stat }) => {
    const parsed = parseGenerationName(name, found);
    return parsed === undefined ? [] : [{ ...parsed, stat }];
  });
}

/** The generation that the local file is a part of. */
async function findContinuation(log: OpenLog, pull: Pull, readable: readonly Generation[], isInPlace: boolean): Promise<Found | undefined> {
  const identity = log.cursor?.source.identity;
  const likely = [...readable].sort((a, b) => Number(b.stat.identity === identity) - Number(a.stat.identity === identity));
  const [head] = log.cursor?.head === undefined ? await headOf(log) : [log.cursor.head];
  if (head === undefined) return undefined;
  const alike = await withSameHead(pull, likely, head);
  for (const generation of alike) {
    const plan = await planFor(log, pull, generation);
    if (plan?.go === true) return { generation, plan };
  }
  return isInPlace ? findCopy(log, pull, readable) : undefined;
}

async function headOf(log: OpenLog): Promise<readonly LogTaken['head'][]> {
  const bytes = Math.min(headBytesMax, log.local.sizeBytes ?? 0);
  const [digest] = bytes > 0 ? await log.digests([{ start: 0, end: bytes }]) : [];
  return digest === undefined ? [] : [{ bytes, digest }];
}

const questionsAtOnce = 16;

/** Most of what lies beside a log is told by its first bytes. */
async function withSameHead(
  { source, signal }: Pull,
  generations: readonly Generation[],
  { bytes, digest }: NonNullable<LogTaken['head']>,
): Promise<readonly Generation[]> {
  const possible = generations.filter(({ stat }) => stat.sizeBytes >= bytes);
  const limit = pLimit(questionsAtOnce);
  const heads = await limit.map(possible, ({ name }) => source.facts({ extents: [{ start: 0, end: bytes }], of: name, signal }));
  return possible.filter((_, index) => heads[index]?.digests[0] === digest);
}

/** What a generation comes to as the source of the local file; `undefined`: it is not that file any more. */
async function planFor(log: OpenLog, { source, signal }: Pull, { name, stat }: Generation): Promise<PullPlan | undefined> {
  const situation = { cursor: log.cursor, local: log.local, verify: 'full' } as const;
  const questions = askBeforePull(situation);
  const [facts, localDigests] = await Promise.all([
    askFacts(source, { extents: questions.source, of: name, signal }),
    log.digests(questions.local, signal),
  ]);
  if (facts.stat?.identity !== stat.identity) return undefined;
  return planPull(situation, { localDigests, sourceBytes: facts.stat.sizeBytes, sourceDigests: facts.digests });
}

/**
 * A copy that was made before the last of what was taken had been written: all of it is the beginning of the local file, and at least half. The longest.
 * Only where the log is still the same file, so that it was truncated and not renamed.
 */
async function findCopy(log: OpenLog, { source, signal }: Pull, readable: readonly Generation[]): Promise<Found | undefined> {
  const { cursor, local } = log;
  if (cursor === undefined || local.sizeBytes === undefined || (!cursor.appending && local.sizeBytes !== cursor.chain.offset)) return undefined;
  const taken = cursor.chain.offset;
  const shorter = readable
    .filter(({ stat }) => stat.sizeBytes < taken && stat.sizeBytes * 2 >= taken)
    .sort((a, b) => b.stat.sizeBytes - a.stat.sizeBytes);
  for (const generation of shorter) {
    const extents = chunkExtents(generation.stat.sizeBytes);
    const [facts, here] = await Promise.all([askFacts(source, { extents, of: generation.name, signal }), log.digests(extents, signal)]);
    if (!isSameFile(facts.stat, generation.stat)) continue;
    if (facts.digests.every((digest, index) => digest !== undefined && digest === here[index])) return { generation, plan: undefined };
  }
  return undefined;
}

/** By its name it may be another one now than when it was listed. */
function isSameFile(now: LogStat | undefined, listed: LogStat): boolean {
  return now?.identity === listed.identity && now.sizeBytes === listed.sizeBytes;
}

/** The generation that was finished last, wherever it is now. */
async function findFinished({ source, signal }: Pull, readable: readonly Generation[], finished: LogTaken): Promise<Found | undefined> {
  const proofs = cursorProofs(finished, 'full');
  for (const generation of readable) {
    if (generation.stat.sizeBytes !== finished.chain.offset) continue;
    const { stat, digests } = await askFacts(source, { extents: proofs, of: generation.name, signal });
    if (isSameFile(stat, generation.stat) && proofs.every(({ digest }, index) => digests[index] === digest)) return { generation, plan: undefined };
  }
  return undefined;
}

/** A copy has nothing more for us: what a dead pull left behind it is cut, and the cursor is that of the file as it is. */
async function settle(log: OpenLog, pull: Pull, current: LogStat): Promise<LogReport> {
  const { cursor, local } = log;
  if (cursor !== undefined && (cursor.appending || !local.untouched)) {
    const { source, chain, head, lastTimestamp } = cursor;
    await log.begin({ source, chain, head, lastTimestamp }, chain.offset);
    await log.save({ source, chain, head, lastTimestamp });
  }
  return emptyReport(pull, log, current.sizeBytes);
}

async function takeGeneration(log: OpenLog, pull: Pull, { name, stat }: Generation, plan: Go, isOver: boolean): Promise<LogReport | 'moved'> {
  const stream = startReading(pull.source, { fromByte: beforeOverlap(plan.chain.offset), of: name, identity: stat.identity, signal: pull.signal });
  try {
    return await takeIn(log, pull, { plan, stream, name, stat, isOver });
  } finally {
    await stream.stop();
  }
}

/** The log as it is now, from its beginning. */
async function takeCurrent(
  log: OpenLog,
  pull: Pull,
  gathered: Gathered,
  { current, files }: { readonly current: LogStat; readonly files: readonly LogGenerationFile[] },
): Promise<LogReport | 'moved'> {
  const { source, signal } = pull;
  const situation = { cursor: log.cursor, local: log.local, verify: 'full' } as const;
  const questions = askBeforePull(situation);
  const [facts, localDigests] = await Promise.all([askFacts(source, { extents: questions.source, signal }), log.digests(questions.local, signal)]);
  if (facts.stat?.identity !== current.identity) return 'moved';
  const plan = planPull(situation, { localDigests, sourceBytes: facts.stat.sizeBytes, sourceDigests: facts.digests });
  if (!plan.go) return 'moved';
  const stream = startReading(source, { fromByte: beforeOverlap(plan.chain.offset), identity: current.identity, signal });
  try {
    await stream.opened();
    if (!isSameList(files, await source.generations({ signal }))) return 'moved';
    gathered.place = { of: undefined, name: source.name, stat: facts.stat };
    return await takeIn(log, pull, { plan, stream, name: source.name, stat: facts.stat });
  } finally {
    await stream.stop();
  }
}

export function isSameList(a: readonly LogGenerationFile[], b: readonly LogGenerationFile[]): boolean {
  const key = ({ name, stat }: LogGenerationFile): string => JSON.stringify([name, stat.identity, stat.sizeBytes]);
  const known = new Set(a.map(key));
  return a.length === b.length && b.every((each) => known.has(key(each)));
}

export function leftAlone(log: OpenLog, pull: Pull, plan: Stay, current: LogStat | undefined): LogReport {
  const differsAtByte = plan.outcome === 'missing' ? undefined : plan.atByte;
  return { ...emptyReport(pull, log, current?.sizeBytes), outcome: plan.outcome, differsAtByte };
}

function dryRotation(log: OpenLog, pull: Pull, rest: readonly Generation[], current: LogStat): LogReport {
  const taken = log.cursor?.finished === undefined ? (log.cursor?.chain.offset ?? log.local.sizeBytes ?? 0) : 0;
  return {
    ...emptyReport(pull, log, current.sizeBytes),
    fromByte: 0,
    toByte: current.sizeBytes,
    finished: rest.map(({ name, stat: { sizeBytes } }, index) => {
      const fromByte = index === 0 ? taken : 0;
      return { name, keptAs: undefined, fromByte, toByte: Math.max(fromByte, sizeBytes) };
    }),
    lines: undefined,
  };
}
