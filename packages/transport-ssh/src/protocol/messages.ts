/**
 * All messages, in one place: what each may hold, and what answers it.
 *
 * A request is the `open` frame of a stream; what follows belongs to it. The requester ends its side last, once it has all; where a thing has a life on the far side
 * (an opened replica, a lock), the stream is that life, and ending it ends the thing.
 *
 * | request             | then from the requester   | answers                                                                    |
 * |---------------------|---------------------------|----------------------------------------------------------------------------|
 * | `open`              | `end` closes the replica  | `opened`; `end` once it is closed                                          |
 * | `identify`          |                           | `identity`                                                                 |
 * | `establish`         |                           | `established`                                                              |
 * | `restore`           |                           | `restored`                                                                 |
 * | `lock`              | `end` releases            | `done` once it is held; `end` once it is released                          |
 * | `scan`              |                           | `scanning`, `progress`*, `tree`* (what differs from the baseline), `snapshot` |
 * | `scan-tree`         |                           | `tree`* (of the last scan, which was unchanged), `done`                    |
 * | `stage`             | `contents`*               | either at once `results`*, or `needs`* and `ready`;                        |
 * |                     | data (content parts)      | `results`*, at the latest when all contents have ended                     |
 * | `supply`            | `contents`*               | data (content parts)                                                       |
 * | `transition`        | `nodes`* (3 rows each), then of the ends of moves `moves`* (which changes they are) and `nodes`* (2 rows each: the other end's path, with what moves and what it was) | `progress`*, `results`* with the node achieved |
 * | `run-changes`       |                           | `run`, `nodes`* (2 rows each)                                              |
 * | `admission`, `time` |                           | `admission`, `time`                                                        |
 * | `archive-status`    |                           | `archive`, `nodes`* (journal, 2 rows each)                                 |
 * | `archive-load`      |                           | `tree`* (alpha), `done`, `tree`* (beta, against alpha), `done`             |
 * | `archive-prepare`   | `nodes`* (2 rows each)    | `done`                                                                     |
 * | `archive-commit`, `archive-discard` |           | `done`                                                                     |
 * | `log-facts`         |                           | `log-facts`                                                                |
 * | `log-read`          |                           | data, `end`                                                                |
 * | `service`           |                           | `value`*, `end`                                                            |
 *
 * `on` is the stream of the replica that is meant. It is known before the answer to `open` has come, so that requests need not wait for it.
 */
import type {
  AdmissionRecord,
  ArchiveHead,
  Folding,
  Limit,
  PairKey,
  PairSettings,
  PermissionMask,
  PermissionPolicy,
  RelativePath,
  ReplicaCapabilities,
  ReplicaId,
  ReplicaIdentity,
  Restored,
  ScanCounts,
  ScanSettings,
  ScopeRules,
} from '@ubos/sync-core';
import { parsePeerPattern, parseRelativePath, parseScopeRules, peerPatternsMax, unnamedInMax } from '@ubos/sync-core';
import { errorTextMax, framePayloadBytesMax, listRowsMax, resultsPerPage } from './limits.ts';
import {
  anything,
  bytes,
  flag,
  listOf,
  literal,
  Malformed,
  milliseconds,
  natural,
  optional,
  record,
  type Shape,
  share,
  text,
  textLike,
  variants,
} from './shape.ts';
import { detailKeysMax, detailListMax, type WireError, type WireErrorDetail } from './wire-error.ts';

// ---- words that several messages use

const wireNumber = natural(0xffff_ffff);
/** A name that may become part of a file name: of a replica, a run, a profile. */
const token = <T extends string = string>(): Shape<T> => textLike<T>(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/, 'a short name');
const replicaId: Shape<ReplicaId> = token<ReplicaId>();
/** Profiles are named by people. */
const profileName = textLike(/^(?!\.)[^\p{Cc}\p{Surrogate}/\\]{1,128}$/u, 'a name of a profile');
const hexDigest = textLike(/^[0-9a-f]{0,128}$/, 'a digest');
/** A path on the machine of the peer, for a root or a log: what may be opened is for the server to say. */
const machinePath = textLike(/^[^\0]{1,4096}$/, 'a path');
const failureCode = textLike(/^[A-Z][A-Z0-9_]{0,63}$/, 'a code');
const durability = literal('full', 'fast');

const pair: Shape<PairKey> = record<PairKey>({ alpha: replicaId, beta: replicaId, profile: profileName });

const scopeRules: Shape<ScopeRules> = (value, at) => {
  const parsed = parseScopeRules(value);
  if (!parsed.ok) throw new Malformed(`${at}: ${parsed.error}`);
  return parsed.value;
};

const peerPattern: Shape<string> = (value, at) => {
  const parsed = parsePeerPattern(value);
  if (!parsed.ok) throw new Malformed(`${at}: ${parsed.error}`);
  return parsed.value;
};

/** A path in the tree of the peer. */
const treePath: Shape<RelativePath> = (value, at) => {
  const parsed = parseRelativePath(text(65_536)(value, at));
  if (!parsed.ok) throw new Malformed(`${at}: ${parsed.error}`);
  return parsed.value;
};

const folding: Shape<Folding> = record<Folding>({ ignoresCase: flag, ignoresUnicodeForm: flag });

const permissions: Shape<PermissionMask> = literal('all', 'executable', 'none');
const scanFields = {
  scope: scopeRules,
  digest: literal('fast', 'strong'),
  permissions,
  symlinks: literal('portable', 'raw', 'ignore'),
} as const;
const scanSettings: Shape<ScanSettings> = record<ScanSettings>({
  ...scanFields,
  policies: listOf(record<PermissionPolicy>({ match: peerPattern, permissions }), peerPatternsMax),
});

const limit: Shape<Limit> = (value, at) =>
  typeof value === 'object' && value !== null && 'share' in value
    ? record<{ readonly share: number }>({ share })(value, at)
    : record<{ readonly count: number }>({ count: natural() })(value, at);
const conflicts: Shape<PairSettings['conflicts']> = replicaId;
const direction: Shape<PairSettings['direction']> = (value, at) =>
  value === 'both' ? 'both' : record<{ readonly from: ReplicaId }>({ from: replicaId })(value, at);
const pairSettings: Shape<PairSettings> = record<PairSettings>({
  ...scanFields,
  conflicts,
  onTie: literal('skip', 'keep-both'),
  direction,
  maxDelete: limit,
  maxChange: limit,
  policies: listOf(
    record<PairSettings['policies'][number]>({
      match: peerPattern,
      permissions: optional(permissions),
      conflicts: optional(conflicts),
      direction: optional(direction),
    }),
    1_000,
  ),
});
const settingsBy: Shape<SettingsBy> = record<SettingsBy>({ value: pairSettings, by: replicaId });

/** New settings of a pair, and which end set them. */
interface SettingsBy {
  readonly value: PairSettings;
  readonly by: ReplicaId;
}

// ---- requests

export type Request =
  | { readonly type: 'open'; readonly root?: string | undefined; readonly profile: string }
  | { readonly type: 'identify'; readonly on: number }
  | { readonly type: 'establish'; readonly on: number }
  | { readonly type: 'restore'; readonly on: number; readonly pair?: PairKey | undefined; readonly dryRun: boolean }
  | {
      readonly type: 'lock';
      readonly on: number;
      readonly waitMs: number;
      readonly initiator: string;
      readonly run: string;
      readonly dryRun: boolean;
    }
  | {
      readonly type: 'scan';
      readonly on: number;
      readonly settings: ScanSettings;
      readonly peerFolding?: Folding | undefined;
      readonly baseline?: Baseline | undefined;
      readonly rehash: boolean;
      readonly dryRun: boolean;
      readonly progress: boolean;
    }
  | { readonly type: 'scan-tree'; readonly on: number }
  | { readonly type: 'stage'; readonly on: number; readonly run: string; readonly count: number }
  | { readonly type: 'supply'; readonly on: number; readonly count: number }
  | {
      readonly type: 'transition';
      readonly on: number;
      readonly run: string;
      readonly pair: PairKey;
      readonly durability: 'full' | 'fast';
      readonly count: number;
      /** How many of the changes are ends of moves. */
      readonly moves: number;
      readonly progress: boolean;
    }
  | { readonly type: 'run-changes'; readonly on: number; readonly run: string }
  | { readonly type: 'admission'; readonly on: number }
  | { readonly type: 'time'; readonly on: number }
  | { readonly type: 'archive-status'; readonly on: number; readonly pair: PairKey }
  | { readonly type: 'archive-load'; readonly on: number; readonly pair: PairKey }
  | {
      readonly type: 'archive-prepare';
      readonly on: number;
      readonly pair: PairKey;
      readonly generation: number;
      readonly settings?: SettingsBy | undefined;
      readonly durability: 'full' | 'fast';
      readonly count: number;
    }
  | { readonly type: 'archive-commit'; readonly on: number; readonly pair: PairKey; readonly generation: number }
  | { readonly type: 'archive-discard'; readonly on: number; readonly pair: PairKey }
  | { readonly type: 'log-facts'; readonly path: string /** Start and end of each extent, as doubles. */; readonly extents: Buffer }
  | { readonly type: 'log-read'; readonly path: string; readonly fromByte: number; readonly toByte?: number | undefined }
  | { readonly type: 'service'; readonly name: string /** A JSON value. */; readonly json: string };

export type RequestOf<Type extends Request['type']> = Extract<Request, { readonly type: Type }>;

/** Which archive the requester holds: if the far side holds the same, the tree of it need not be sent. */
export interface Baseline {
  readonly pair: PairKey;
  readonly generation: number;
  readonly digest: string;
  /** And if nothing has changed since, it need not even be read: the snapshot is to say so. */
  readonly mayBeUnchanged: boolean;
}

/** More digests of extents than this are asked for in several requests. */
export const extentsPerRequest = 16_384;

/** Room for a message around a JSON text, and for the three bytes that a character may take. */
export const jsonLengthMax: number = Math.floor((framePayloadBytesMax - 1024) / 3);

const on = wireNumber;
const type = anything as Shape<never>;
const count = natural(listRowsMax);

export const request: Shape<Request> = variants<Request>({
  open: record<RequestOf<'open'>>({ type, root: optional(machinePath), profile: profileName }),
  identify: record<RequestOf<'identify'>>({ type, on }),
  establish: record<RequestOf<'establish'>>({ type, on }),
  restore: record<RequestOf<'restore'>>({ type, on, pair: optional(pair), dryRun: flag }),
  lock: record<RequestOf<'lock'>>({ type, on, waitMs: natural(86_400_000), initiator: text(256), run: token(), dryRun: flag }),
  scan: record<RequestOf<'scan'>>({
    type,
    on,
    settings: scanSettings,
    peerFolding: optional(folding),
    baseline: optional(record<Baseline>({ pair, generation: natural(), digest: hexDigest, mayBeUnchanged: flag })),
    rehash: flag,
    dryRun: flag,
    progress: flag,
  }),
  'scan-tree': record<RequestOf<'scan-tree'>>({ type, on }),
  stage: record<RequestOf<'stage'>>({ type, on, run: token(), count }),
  supply: record<RequestOf<'supply'>>({ type, on, count }),
  transition: record<RequestOf<'transition'>>({ type, on, run: token(), pair, durability, count, moves: count, progress: flag }),
  'run-changes': record<RequestOf<'run-changes'>>({ type, on, run: token() }),
  admission: record<RequestOf<'admission'>>({ type, on }),
  time: record<RequestOf<'time'>>({ type, on }),
  'archive-status': record<RequestOf<'archive-status'>>({ type, on, pair }),
  'archive-load': record<RequestOf<'archive-load'>>({ type, on, pair }),
  'archive-prepare': record<RequestOf<'archive-prepare'>>({
    type,
    on,
    pair,
    generation: natural(),
    settings: optional(settingsBy),
    durability,
    count,
  }),
  'archive-commit': record<RequestOf<'archive-commit'>>({ type, on, pair, generation: natural() }),
  'archive-discard': record<RequestOf<'archive-discard'>>({ type, on, pair }),
  'log-facts': record<RequestOf<'log-facts'>>({ type, path: machinePath, extents: bytes(extentsPerRequest * 16, 16) }),
  'log-read': record<RequestOf<'log-read'>>({ type, path: machinePath, fromByte: natural(), toByte: optional(natural()) }),
  service: record<RequestOf<'service'>>({ type, name: token(), json: text(jsonLengthMax) }),
});

// ---- what follows a request, from either side

/** Rows of a list of nodes; the table is read by `node-pages.ts`. */
export interface NodesPage {
  readonly type: 'nodes';
  readonly table: unknown;
}

/** Rows of a tree, in walk order, with the Merkle digests of its directories; read by `tree-delta.ts`. */
export interface TreePage {
  readonly type: 'tree';
  readonly table: unknown;
  readonly merkleBytes: number;
  readonly merkles: Buffer;
}

/** Contents asked for: path, size and digest as rows of files, and from which byte on (doubles; empty: all from the start). */
export interface ContentsPage {
  readonly type: 'contents';
  readonly table: unknown;
  readonly fromBytes: Buffer;
}

/** Which of the contents are missing, by index (32 bits each), and from which byte on (doubles). */
export interface NeedsPage {
  readonly type: 'needs';
  readonly indexes: Buffer;
  readonly fromBytes: Buffer;
}

/** Which of the changes are ends of moves, by index (32 bits each), ascending. */
export interface MovesPage {
  readonly type: 'moves';
  readonly indexes: Buffer;
}

/** Outcomes, in the order of the requests: bytes received of each content (doubles) or the nodes achieved; and which of them failed. */
export interface ResultsPage {
  readonly type: 'results';
  readonly count: number;
  readonly receivedBytes?: Buffer | undefined;
  readonly achieved?: unknown;
  readonly failures: readonly Failure[];
}

export interface Failure {
  /** Within the page. */
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

interface Progress {
  readonly type: 'progress';
  readonly doneItems: number;
  readonly doneBytes: number;
}

const tableBytesMax = framePayloadBytesMax;
const failure: Shape<Failure> = record<Failure>({ index: natural(resultsPerPage), code: failureCode, message: text(errorTextMax) });

export const nodesPage: Shape<NodesPage> = record<NodesPage>({ type: literal('nodes'), table: anything });
export const treePage: Shape<TreePage> = record<TreePage>({
  type: literal('tree'),
  table: anything,
  merkleBytes: natural(32),
  merkles: bytes(tableBytesMax),
});
export const contentsPage: Shape<ContentsPage> = record<ContentsPage>({
  type: literal('contents'),
  table: anything,
  fromBytes: bytes(tableBytesMax, 8),
});
const needsPage: Shape<NeedsPage> = record<NeedsPage>({
  type: literal('needs'),
  indexes: bytes(tableBytesMax, 4),
  fromBytes: bytes(tableBytesMax, 8),
});
export const movesPage: Shape<MovesPage> = record<MovesPage>({ type: literal('moves'), indexes: bytes(tableBytesMax, 4) });
const resultsPage: Shape<ResultsPage> = record<ResultsPage>({
  type: literal('results'),
  count: natural(resultsPerPage),
  receivedBytes: optional(bytes(resultsPerPage * 8, 8)),
  achieved: anything,
  failures: listOf(failure, resultsPerPage),
});
const progress: Shape<Progress> = record<Progress>({ type: literal('progress'), doneItems: natural(), doneBytes: natural() });

export interface Done {
  readonly type: 'done';
}
interface Ready {
  readonly type: 'ready';
}
export const done: Shape<Done> = record<Done>({ type: literal('done') });
const ready: Shape<Ready> = record<Ready>({ type: literal('ready') });

export type StageAnswer = NeedsPage | Ready | ResultsPage;
export const stageAnswer: Shape<StageAnswer> = variants<StageAnswer>({ needs: needsPage, ready, results: resultsPage });
export type TransitionAnswer = Progress | ResultsPage;
export const transitionAnswer: Shape<TransitionAnswer> = variants<TransitionAnswer>({ progress, results: resultsPage });
export type LoadAnswer = TreePage | Done;
export const loadAnswer: Shape<LoadAnswer> = variants<LoadAnswer>({ tree: treePage, done });

// ---- single answers

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
  /** Changes that it was about to make, which follow. */
  readonly count: number;
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
  readonly stat?: { readonly sizeBytes: number; readonly mtimeMs: number; readonly identity: string } | undefined;
  /** Size of one digest; 0 if there is none. */
  readonly digestBytes: number;
  readonly digests: Buffer;
  /** A byte per extent: 1 if it has a digest. */
  readonly present: Buffer;
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
export const runMessage: Shape<Run> = record<Run>({ type: literal('run'), known: flag, count });
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
export const logFactsMessage: Shape<LogFactsMessage> = record<LogFactsMessage>({
  type: literal('log-facts'),
  stat: optional(record<NonNullable<LogFactsMessage['stat']>>({ sizeBytes: natural(), mtimeMs: milliseconds, identity: text(256) })),
  digestBytes: natural(32),
  digests: bytes(extentsPerRequest * 32),
  present: bytes(extentsPerRequest),
});
export const valueMessage: Shape<Value> = record<Value>({ type: literal('value'), json: text(jsonLengthMax) });

// ---- failures and hello

const detail: Shape<WireErrorDetail> = (value, at) => {
  if (Array.isArray(value)) return listOf(text(errorTextMax), detailListMax)(value, at);
  if (typeof value === 'string') return text(errorTextMax)(value, at);
  if (value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new Malformed(`${at} is no plain fact`);
};

export const wireError: Shape<WireError> = record<WireError>({
  code: failureCode,
  message: text(errorTextMax),
  details: (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed(`${at} is not a record`);
    const entries = Object.entries(value);
    if (entries.length > detailKeysMax) throw new Malformed(`${at} has too many facts`);
    return Object.fromEntries(entries.map(([key, fact]) => [key, detail(fact, at)]));
  },
});

/** The first message of each side. What is in it besides the version may change with the version. */
export interface Hello {
  readonly version: number;
  /** Version of this program. */
  readonly engine: string;
  readonly node: string;
  readonly platform: string;
  readonly host: string;
  /** What else this end can do, by name; used where both have it. */
  readonly features: readonly string[];
  readonly streamsMax: number;
}

export const hello: Shape<Hello> = record<Hello>({
  version: natural(0xffff),
  engine: text(64),
  node: text(64),
  platform: text(64),
  host: text(256),
  features: listOf(token(), 64),
  streamsMax: streamsShape,
});

function streamsShape(value: unknown, at: string): number {
  const streams = natural(65_536)(value, at);
  if (streams < 8) throw new Malformed(`${at} is too small to work with`);
  return streams;
}
