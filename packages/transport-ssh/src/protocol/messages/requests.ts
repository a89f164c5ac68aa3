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
 * | `lock`              | `end` releases            | `locked` once it is held; `end` once it is released                          |
 * | `scan`              |                           | `scanning`, `progress`*, `tree`* (what differs from the baseline), `snapshot` |
 * | `scan-tree`         |                           | `tree`* (of the last scan, which was unchanged), `done`                    |
 * | `stage`             | `contents`*               | either at once `results`*, or `needs`* and `ready`;                        |
 * |                     | data (content parts)      | `results`*, at the latest when all contents have ended                     |
 * | `supply`            | `contents`*               | data (content parts)                                                       |
 * | `transition`        | `nodes`* (3 rows each), then of the ends of moves and of copies `indexes`* (which changes they are) and `nodes`* (2 rows each: the other end's path, with what moves and what it was) | `progress`*, `results`* with the node achieved |
 * | `run-changes`       |                           | `run`, `nodes`* (2 rows each), `indexes`* (of those whose content is lost) |
 * | `admission`, `time` |                           | `admission`, `time`                                                        |
 * | `archive-status`    |                           | `archive`, `nodes`* (journal, 2 rows each)                                 |
 * | `archive-load`      |                           | `tree`* (alpha), `done`, `tree`* (beta, against alpha), `done`             |
 * | `archive-prepare`   | `nodes`* (2 rows each)    | `done`                                                                     |
 * | `archive-commit`, `archive-discard` |           | `done`                                                                     |
 * | `log-facts`         |                           | `log-facts`                                                                |
 * | `log-read`          |                           | data, `end`                                                                |
 * | `log-follow`        |                           | data, for as long as the log goes on in this file; `end`                   |
 * | `log-generations`   |                           | `log-generations`                                                          |
 * | `log-list`          |                           | `log-names`*, `end`                                                        |
 * | `service`           |                           | `value`*, `end`                                                            |
 *
 * `on` is the stream of the replica that is meant. It is known before the answer to `open` has come, so that requests need not wait for it.
 */
import type { Folding, PairKey, ScanSettings } from '@ubos/sync-core';
import { framePayloadBytesMax } from '../limits.ts';
import { anything, bytes, flag, natural, optional, record, type Shape, text, variants } from '../shape.ts';
import {
  count,
  durability,
  fileName,
  folding,
  hexDigest,
  machinePath,
  pair,
  peerPattern,
  profileName,
  type SettingsBy,
  scanSettings,
  settingsBy,
  token,
  wireNumber,
} from './words.ts';

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
      readonly changesPeer: boolean;
      readonly undoes?: string | undefined;
      readonly durability: 'full' | 'fast';
      readonly count: number;
      /** How many of the changes are ends of moves, or copies. */
      readonly moves: number;
      readonly progress: boolean;
    }
  | { readonly type: 'run-changes'; readonly on: number; readonly pair: PairKey; readonly run: string }
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
  | {
      readonly type: 'log-facts';
      readonly path: string;
      readonly of?: string | undefined;
      /** Start and end of each extent, as doubles. */
      readonly extents: Buffer;
    }
  | {
      readonly type: 'log-read';
      readonly path: string;
      readonly of?: string | undefined;
      readonly identity?: string | undefined;
      readonly fromByte: number;
      readonly toByte?: number | undefined;
    }
  | {
      readonly type: 'log-follow';
      readonly path: string;
      readonly of?: string | undefined;
      readonly identity?: string | undefined;
      readonly fromByte: number;
    }
  | { readonly type: 'log-generations'; readonly path: string }
  | { readonly type: 'log-list'; readonly folder: string; readonly pattern: string }
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
  transition: record<RequestOf<'transition'>>({
    type,
    on,
    run: token(),
    pair,
    changesPeer: flag,
    undoes: optional(token()),
    durability,
    count,
    moves: count,
    progress: flag,
  }),
  'run-changes': record<RequestOf<'run-changes'>>({ type, on, pair, run: token() }),
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
  'log-facts': record<RequestOf<'log-facts'>>({ type, path: machinePath, of: optional(fileName), extents: bytes(extentsPerRequest * 16, 16) }),
  'log-read': record<RequestOf<'log-read'>>({
    type,
    path: machinePath,
    of: optional(fileName),
    identity: optional(text(256)),
    fromByte: natural(),
    toByte: optional(natural()),
  }),
  'log-follow': record<RequestOf<'log-follow'>>({
    type,
    path: machinePath,
    of: optional(fileName),
    identity: optional(text(256)),
    fromByte: natural(),
  }),
  'log-generations': record<RequestOf<'log-generations'>>({ type, path: machinePath }),
  'log-list': record<RequestOf<'log-list'>>({ type, folder: machinePath, pattern: peerPattern }),
  service: record<RequestOf<'service'>>({ type, name: token(), json: text(jsonLengthMax) }),
});
