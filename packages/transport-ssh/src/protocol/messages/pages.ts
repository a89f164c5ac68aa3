/** What follows a request, from either side: lists in pages, and how a thing goes on. */
import { errorTextMax, framePayloadBytesMax, resultsPerPage } from '../limits.ts';
import { anything, bytes, listOf, literal, natural, optional, record, type Shape, text, variants } from '../shape.ts';
import { failureCode } from './words.ts';

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

/** Which of the changes are meant, by index (32 bits each), ascending over all pages: ends of moves and copies, or those whose content is lost. */
export interface IndexesPage {
  readonly type: 'indexes';
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

export interface Progress {
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
export const indexesPage: Shape<IndexesPage> = record<IndexesPage>({ type: literal('indexes'), indexes: bytes(tableBytesMax, 4) });
const resultsPage: Shape<ResultsPage> = record<ResultsPage>({
  type: literal('results'),
  count: natural(resultsPerPage),
  receivedBytes: optional(bytes(resultsPerPage * 8, 8)),
  achieved: anything,
  failures: listOf(failure, resultsPerPage),
});
export const progress: Shape<Progress> = record<Progress>({ type: literal('progress'), doneItems: natural(), doneBytes: natural() });

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
