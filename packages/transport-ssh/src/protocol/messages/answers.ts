/** What a request is answered with. */
import {
  type AdmissionRecord,
  type ArchiveHead,
  type Folding,
  generationsMax,
  type LogGenerationFile,
  type LogStat,
  type ReplicaCapabilities,
  type ReplicaId,
  type ReplicaIdentity,
  type Restored,
  type ScanCounts,
  unnamedInMax,
} from '@ubos/sync-core';
import { errorTextMax } from '../limits.ts';
import { bytes, flag, listOf, literal, milliseconds, natural, optional, record, type Shape, text, variants } from '../shape.ts';
import { type Progress, progress, type TreePage, treePage } from './pages.ts';
import { extentsPerRequest, jsonLengthMax } from './requests.ts';
import { count, fileName, folding, hexDigest, pairSettings, replicaId, treePath } from './words.ts';

export interface Opened {
  readonly type: 'opened';
  readonly identity: ReplicaIdentity;
  readonly capabilities: ReplicaCapabilities;
}
export interface Identity {
  readonly type: 'identity';
  readonly identity: ReplicaIdentity;
}
export interface Established {
  readonly type: 'established';
  readonly id: ReplicaId;
}
export interface RestoredMessage {
  readonly type: 'restored';
  /** Missing: nothing was. */
  readonly restored?: Restored | undefined;
}
/** A lock is held. */
export interface Locked {
  readonly type: 'locked';
  /** Whose it was, if that one is dead. */
  readonly tookOver?: string | undefined;
}
export interface Scanning {
  readonly type: 'scanning';
  /** The baseline is what this side holds, too: rows are against it. Else they are the whole tree. */
  readonly held: boolean;
}
interface SnapshotFacts {
  readonly type: 'snapshot';
  /** The tree is what it was at the baseline, and no rows of it came. */
  readonly unchanged: boolean;
  readonly folding: Folding;
  readonly marked: boolean;
  readonly freeBytes: number;
  readonly counts: ScanCounts;
}
export type ScanAnswer = Progress | TreePage | SnapshotFacts;
/** What is known of an earlier run. */
export interface Run {
  readonly type: 'run';
  readonly known: boolean;
  readonly changesPeer: boolean;
  readonly outOfScope: number;
  /** Changes that it was about to make, which follow. */
  readonly count: number;
  /** How many of them have lost their content. */
  readonly lost: number;
}
export interface Admission {
  readonly type: 'admission';
  readonly record?: AdmissionRecord | undefined;
}
export interface Time {
  readonly type: 'time';
  readonly nowMs: number;
  readonly uncertaintyMs: number;
}
/** Without the digests of its halves, which only the end that keeps it has a use for. */
export type WireArchiveHead = Omit<ArchiveHead, 'roots'>;
export interface Archive {
  readonly type: 'archive';
  readonly head?: WireArchiveHead | undefined;
  readonly damaged: boolean;
  readonly pending?: { readonly generation: number; readonly digest: string } | undefined;
  readonly restored?: boolean | undefined;
  readonly restorable?: boolean | undefined;
  /** Changes in the journal, which follow. */
  readonly count: number;
}
export interface LogFactsMessage {
  readonly type: 'log-facts';
  readonly stat?: LogStat | undefined;
  /** Size of one digest; 0 if there is none. */
  readonly digestBytes: number;
  readonly digests: Buffer;
  /** A byte per extent: 1 if it has a digest. */
  readonly present: Buffer;
}
export interface LogGenerationsMessage {
  readonly type: 'log-generations';
  readonly files: readonly LogGenerationFile[];
}
/** A page of names; what each may be is for the one who asked to judge. */
export interface LogNamesMessage {
  readonly type: 'log-names';
  readonly names: readonly string[];
}
export interface Value {
  readonly type: 'value';
  readonly json: string;
}

const identity: Shape<ReplicaIdentity> = record<ReplicaIdentity>({
  id: optional(replicaId),
  root: literal('directory', 'missing', 'not-a-directory', 'foreign-fs'),
  host: text(256),
  path: text(4096),
  lostId: optional(replicaId),
  restorable: optional(flag),
  guards: optional(listOf(text(256), 1_000)),
  folding: optional(folding),
});

export const opened: Shape<Opened> = record<Opened>({
  type: literal('opened'),
  identity,
  capabilities: record<ReplicaCapabilities>({
    digests: listOf(literal('fast', 'strong'), 2),
    modeBits: natural(0o777),
    symlinks: flag,
    versions: flag,
    readOnly: flag,
    remote: flag,
  }),
});
export const identityMessage: Shape<Identity> = record<Identity>({ type: literal('identity'), identity });
export const established: Shape<Established> = record<Established>({ type: literal('established'), id: replicaId });
export const restoredMessage: Shape<RestoredMessage> = record<RestoredMessage>({
  type: literal('restored'),
  restored: optional(record<Restored>({ id: replicaId, archives: natural() })),
});
export const locked: Shape<Locked> = record<Locked>({ type: literal('locked'), tookOver: optional(text(errorTextMax)) });
export const scanning: Shape<Scanning> = record<Scanning>({ type: literal('scanning'), held: flag });
const snapshotFacts: Shape<SnapshotFacts> = record<SnapshotFacts>({
  type: literal('snapshot'),
  unchanged: flag,
  folding,
  marked: flag,
  freeBytes: natural(),
  counts: record<ScanCounts>({
    entries: natural(),
    filesHashed: natural(),
    bytesHashed: natural(),
    unnamed: natural(),
    unnamedIn: optional(listOf(treePath, unnamedInMax)),
  }),
});
export const scanAnswer: Shape<ScanAnswer> = variants<ScanAnswer>({ progress, tree: treePage, snapshot: snapshotFacts });
export const runMessage: Shape<Run> = record<Run>({
  type: literal('run'),
  known: flag,
  changesPeer: flag,
  outOfScope: natural(),
  count,
  lost: count,
});
export const admissionMessage: Shape<Admission> = record<Admission>({
  type: literal('admission'),
  record: optional(record<AdmissionRecord>({ by: text(256), state: literal('open', 'closed'), reason: text(errorTextMax), untilMs: milliseconds })),
});
export const timeMessage: Shape<Time> = record<Time>({ type: literal('time'), nowMs: milliseconds, uncertaintyMs: milliseconds });
export const archiveMessage: Shape<Archive> = record<Archive>({
  type: literal('archive'),
  head: optional(record<WireArchiveHead>({ generation: natural(), digest: hexDigest, settings: pairSettings, settingsBy: replicaId })),
  damaged: flag,
  pending: optional(record<{ generation: number; digest: string }>({ generation: natural(), digest: hexDigest })),
  restored: optional(flag),
  restorable: optional(flag),
  count,
});
const logStat: Shape<LogStat> = record<LogStat>({ sizeBytes: natural(), mtimeMs: milliseconds, identity: text(256) });
export const logFactsMessage: Shape<LogFactsMessage> = record<LogFactsMessage>({
  type: literal('log-facts'),
  stat: optional(logStat),
  digestBytes: natural(32),
  digests: bytes(extentsPerRequest * 32),
  present: bytes(extentsPerRequest),
});
export const logGenerationsMessage: Shape<LogGenerationsMessage> = record<LogGenerationsMessage>({
  type: literal('log-generations'),
  files: listOf(record<LogGenerationFile>({ name: fileName, stat: logStat }), generationsMax),
});
export const logNamesPerPage = 1_000;
export const logNamesMessage: Shape<LogNamesMessage> = record<LogNamesMessage>({
  type: literal('log-names'),
  names: listOf(text(1_024), logNamesPerPage),
});
export const valueMessage: Shape<Value> = record<Value>({ type: literal('value'), json: text(jsonLengthMax) });
