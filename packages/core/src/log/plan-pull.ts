/**
 * Decides what a pull may do, from three accounts of the same bytes: what the cursor remembers, what the local file holds, what the source says it holds.
 *
 * First {@link askBeforePull} says which digests are needed, then {@link planPull} decides by them. Content alone decides: inodes and times change with
 * reboots, restores and moves, and stay the same over edits in place. Local bytes below the cursor are never changed. Bytes above it are kept if the source
 * has the same, are cut if a pull that died left them, and are otherwise somebody's own: then nothing is touched.
 *
 * | local file | asked | then |
 * |---|---|---|
 * | none | nothing | all is taken |
 * | as the cursor left it | what `verify` says, of the source | the source's bytes behind the cursor are taken |
 * | touched, longer, or no cursor | every chunk, of both | what the source has as well is adopted |
 */
import type { Digest } from '../hash/digest.ts';
import { type ChunkChain, chunkBytes, chunkExtents, emptyChain, firstDifference } from './chunk-chain.ts';
import { cursorProofs, type LogCursor, type LogVerify } from './cursor.ts';
import type { Extent } from './extent.ts';

/**
 * What became of a pull.
 *
 * `up-to-date`, `appended`, `adopted` (no cursor, but the local file is a prefix of the source: nothing is sent twice) are well.
 * `rotated` and `copy-truncated` (the old generation was finished from its renamed file or its copy, then the new one begun) are well, too.
 * `truncated` (the source is shorter than what was taken), `forked` (the prefix no longer matches), `local-changed` and `missing` leave local bytes alone.
 */
export type LogOutcome = 'up-to-date' | 'appended' | 'adopted' | 'rotated' | 'truncated' | 'copy-truncated' | 'forked' | 'local-changed' | 'missing';

/** The local file before a pull. */
export interface LocalLog {
  /** `undefined`: no such file. Negative: it lacks something of what earlier generations fill. */
  readonly sizeBytes: number | undefined;
  /** Whether the disk says that it is as it was when the cursor was saved. */
  readonly untouched: boolean;
}

/** What has to be known before a pull can be decided. */
export interface PullQuestions {
  /** Digests asked of the source. */
  readonly source: readonly Extent[];
  /** Digests asked of the local file. */
  readonly local: readonly Extent[];
  /** Where reading will go on, if all is well. */
  readonly resumeAt: number;
}

export interface PullSituation {
  readonly cursor: LogCursor | undefined;
  readonly local: LocalLog;
  readonly verify: LogVerify;
}

export interface PullAnswers {
  readonly localDigests: readonly (Digest | undefined)[];
  /** `undefined`: the source has no such file. */
  readonly sourceBytes: number | undefined;
  readonly sourceDigests: readonly (Digest | undefined)[];
}

export type PullPlan =
  /** Go on behind `chain`, which is what both have; `cutLocal`: what the local file has beyond it was left by a pull that died, and has to go first. */
  | { readonly go: true; readonly chain: ChunkChain; readonly adopted: boolean; readonly cutLocal: boolean }
  /** Leave everything as it is. `atByte`: where the first difference begins, as far as it is known. */
  | { readonly go: false; readonly outcome: 'truncated' | 'forked' | 'local-changed' | 'missing'; readonly atByte: number };

export function askBeforePull({ cursor, local, verify }: PullSituation): PullQuestions {
  const { sizeBytes, untouched } = local;
  if (sizeBytes === undefined || sizeBytes < 0 || (sizeBytes === 0 && cursor === undefined)) return { source: [], local: [], resumeAt: 0 };
  if (cursor !== undefined && untouched && !cursor.appending) {
    const proofs = cursorProofs(cursor, verify);
    return { source: proofs, local: verify === 'full' ? proofs : [], resumeAt: cursor.chain.offset };
  }
  const extents = [...chunkExtents(sizeBytes), ...cursorEnd(cursor, sizeBytes)];
  return { source: extents, local: extents, resumeAt: sizeBytes };
}

/** The chunk in which the cursor ends, up to there, where the file goes on behind it: a chunk compared as a whole says nothing about its beginning. */
function cursorEnd(cursor: LogCursor | undefined, sizeBytes: number): readonly Extent[] {
  const end = cursor?.chain.offset ?? 0;
  return end % chunkBytes === 0 || end >= sizeBytes ? [] : [{ start: end - (end % chunkBytes), end }];
}

export function planPull(situation: PullSituation, answers: PullAnswers): PullPlan {
  const { cursor, local } = situation;
  const { sourceBytes } = answers;
  const sizeBytes = local.sizeBytes ?? 0;
  if (sourceBytes === undefined) return { go: false, outcome: 'missing', atByte: 0 };
  if (sizeBytes < 0) return { go: false, outcome: 'local-changed', atByte: 0 };
  if (local.sizeBytes === undefined || (sizeBytes === 0 && cursor === undefined)) return goOn(emptyChain);
  if (cursor !== undefined && local.untouched && !cursor.appending) return planFromCursor(cursor, situation.verify, { ...answers, sourceBytes });
  return planFromContent(cursor, sizeBytes, { ...answers, sourceBytes });
}

function goOn(chain: ChunkChain, more: { readonly adopted?: boolean; readonly cutLocal?: boolean } = {}): PullPlan {
  return { go: true, chain, adopted: more.adopted ?? false, cutLocal: more.cutLocal ?? false };
}

type KnownAnswers = PullAnswers & { readonly sourceBytes: number };

function planFromCursor(cursor: LogCursor, verify: LogVerify, { localDigests, sourceBytes, sourceDigests }: KnownAnswers): PullPlan {
  const proofs = cursorProofs(cursor, verify);
  const changed = verify === 'full' ? proofs.find((proof, index) => localDigests[index] !== proof.digest) : undefined;
  if (changed !== undefined) return { go: false, outcome: 'local-changed', atByte: changed.start };
  if (sourceBytes < cursor.chain.offset) return { go: false, outcome: 'truncated', atByte: sourceBytes };
  const forked = proofs.find((proof, index) => sourceDigests[index] !== proof.digest);
  return forked === undefined ? goOn(cursor.chain) : { go: false, outcome: 'forked', atByte: forked.start };
}

/** All chunks of the local file are known, of both, and where the cursor ends within one, that beginning as well. */
function planFromContent(cursor: LogCursor | undefined, sizeBytes: number, { localDigests, sourceBytes, sourceDigests }: KnownAnswers): PullPlan {
  const count = chunkExtents(sizeBytes).length;
  const local = localDigests.slice(0, count);
  const changedAt = cursor === undefined ? undefined : firstChange(cursor, sizeBytes, localDigests);
  if (changedAt !== undefined) return { go: false, outcome: 'local-changed', atByte: changedAt };

  const differs = firstDifference(local, sourceDigests.slice(0, count));
  if (differs === -1) return goOn({ offset: sizeBytes, digests: local as Digest[] }, { adopted: cursor === undefined });
  const sameBytes = differs * chunkBytes;

  if (cursor === undefined) {
    const isShorter = sourceBytes < sizeBytes && sourceBytes < sameBytes + chunkBytes;
    return { go: false, outcome: isShorter ? 'truncated' : 'forked', atByte: isShorter ? sourceBytes : sameBytes };
  }
  const { chain, appending } = cursor;
  if (sourceBytes < chain.offset) return { go: false, outcome: 'truncated', atByte: sourceBytes };
  if (sameBytes < chain.offset && !holdsBegunChunk(chain, sizeBytes, differs, sourceDigests))
    return { go: false, outcome: 'forked', atByte: sameBytes };
  if (!appending) return { go: false, outcome: 'local-changed', atByte: Math.max(chain.offset, sameBytes) };
  return goOn(sameBytes > chain.offset ? { offset: sameBytes, digests: local.slice(0, differs) as Digest[] } : chain, { cutLocal: true });
}

/** Whether the chunk that differs is the one in which the cursor ends, and differs only behind it. */
function holdsBegunChunk(chain: ChunkChain, sizeBytes: number, differs: number, digests: readonly (Digest | undefined)[]): boolean {
  const begun = Math.floor(chain.offset / chunkBytes);
  return differs === begun && sizeBytes > chain.offset && digests.at(-1) === chain.digests[begun];
}

/** Where the local file differs from what the cursor remembers of it. */
function firstChange({ chain }: LogCursor, sizeBytes: number, localDigests: readonly (Digest | undefined)[]): number | undefined {
  if (sizeBytes < chain.offset) return sizeBytes;
  const whole = Math.floor(chain.offset / chunkBytes);
  const differs = firstDifference(localDigests.slice(0, whole), chain.digests.slice(0, whole));
  if (differs !== -1) return differs * chunkBytes;
  if (chain.offset % chunkBytes === 0) return undefined;
  // The begun chunk: asked for by itself where the file goes on behind the cursor, else the file's own last chunk.
  const begun = sizeBytes > chain.offset ? localDigests.at(-1) : localDigests[whole];
  return begun === chain.digests[whole] ? undefined : whole * chunkBytes;
}
