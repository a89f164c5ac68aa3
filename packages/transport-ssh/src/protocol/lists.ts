/** Lists of requests, changes and results, as pages: both directions beside each other, so that what one side writes the other side reads. */
import {
  type AncestorChange,
  type ContentNeed,
  type ContentRequest,
  type DoneChange,
  type Entry,
  isSyncable,
  type NodeAt,
  nodesToTable,
  type RelativePath,
  rootPath,
  type StageResult,
  type Transition,
  type TransitionResult,
} from '@ubos/sync-core';
import { bytesToIndexes, bytesToOffsets, doublesToBytes, indexesToBytes } from './columns.ts';
import { failureTextMax, listRowsMax, resultsPerPage } from './limits.ts';
import {
  type ContentsPage,
  contentsPage,
  type Failure,
  type IndexesPage,
  indexesPage,
  type NeedsPage,
  nodesPage,
  type ResultsPage,
} from './messages/pages.ts';
import { cutPages, cutTables, NodePagesReader } from './node-pages.ts';
import { escapeText } from './text.ts';
import type { WireStream } from './wire-stream.ts';

// ---- contents asked for

export async function sendNeeds(stream: WireStream, requests: readonly (ContentRequest & { readonly fromByte?: number })[]): Promise<void> {
  const rows = requests.map(({ path, digest, sizeBytes, mode = 0, mtimeMs = 0, fromByte = 0 }) => ({
    path,
    entry: { kind: 'file', mode, mtimeMs, digest, sizeBytes } satisfies Entry,
    fromByte,
  }));
  for (const page of cutPages(rows)) {
    const fromStart = page.every(({ fromByte }) => fromByte === 0);
    const message: ContentsPage = {
      type: 'contents',
      table: nodesToTable(page),
      fromBytes: doublesToBytes(fromStart ? [] : page.map(({ fromByte }) => fromByte)),
    };
    await stream.send(message);
  }
}

export async function receiveNeeds(stream: WireStream, count: number): Promise<readonly ContentNeed[]> {
  const pages = new NodePagesReader(count);
  const needs: ContentNeed[] = [];
  while (needs.length < count) {
    const page = await stream.message(contentsPage);
    const rows = pages.read(page.table);
    if (!rows.ok) stream.refuse(rows.error);
    const fromBytes = bytesToOffsets(page.fromBytes);
    if (fromBytes === undefined || (fromBytes.length !== 0 && fromBytes.length !== rows.value.length)) stream.refuse('one position a content');
    for (const [index, { path, entry }] of rows.value.entries()) {
      const fromByte = fromBytes[index] ?? 0;
      if (entry?.kind !== 'file' || fromByte > entry.sizeBytes) stream.refuse('a content that cannot be');
      const { digest, sizeBytes, mode, mtimeMs } = entry;
      // Mode 0 stands for one that is not known.
      needs.push(mode === 0 ? { path, digest, sizeBytes, fromByte } : { path, digest, sizeBytes, mode, mtimeMs, fromByte });
    }
  }
  return needs;
}

// ---- which of them are missing

const needsPerPage = 32_768;

/** Names needs by their place in the requests, so that nothing else can be asked for. */
export async function sendMissing(stream: WireStream, requests: readonly ContentRequest[], needs: readonly ContentNeed[]): Promise<void> {
  const places = placesInOrder(requests, needs) ?? placesByKey(requests, needs);
  for (let at = 0; at < needs.length; at += needsPerPage) {
    const page = needs.slice(at, at + needsPerPage);
    const fromStart = page.every(({ fromByte }) => fromByte === 0);
    const message: NeedsPage = {
      type: 'needs',
      indexes: indexesToBytes(places.slice(at, at + needsPerPage)),
      fromBytes: doublesToBytes(fromStart ? [] : page.map(({ fromByte }) => fromByte)),
    };
    await stream.send(message);
  }
  await stream.send({ type: 'ready' });
}

/** Needs are mostly the requests with some left out. `undefined`: not these. */
function placesInOrder(requests: readonly ContentRequest[], needs: readonly ContentNeed[]): readonly number[] | undefined {
  const places: number[] = [];
  let at = 0;
  for (const need of needs) {
    while (at < requests.length && !isSameRequest(requests[at] as ContentRequest, need)) at++;
    if (at === requests.length) return undefined;
    places.push(at++);
  }
  return places;
}

function isSameRequest(a: ContentRequest, b: ContentRequest): boolean {
  return a.digest === b.digest && a.path === b.path && a.sizeBytes === b.sizeBytes;
}

function placesByKey(requests: readonly ContentRequest[], needs: readonly ContentNeed[]): readonly number[] {
  const byKey = new Map<string, number[]>();
  for (const [index, request] of requests.entries()) {
    const known = byKey.get(keyOf(request));
    if (known === undefined) byKey.set(keyOf(request), [index]);
    else known.push(index);
  }
  return needs.map((need) => {
    const index = byKey.get(keyOf(need))?.shift();
    if (index === undefined) throw new TypeError(`${need.path} is needed and was not requested`);
    return index;
  });
}

function keyOf({ path, digest, sizeBytes }: ContentRequest): string {
  return `${digest}${sizeBytes} ${path}`;
}

export function readMissing(stream: WireStream, page: NeedsPage, requests: readonly ContentRequest[], seen: Set<number>): readonly ContentNeed[] {
  const indexes = bytesToIndexes(page.indexes);
  const fromBytes = bytesToOffsets(page.fromBytes);
  if (indexes.length === 0 || fromBytes === undefined || (fromBytes.length !== 0 && fromBytes.length !== indexes.length))
    stream.refuse('one position a content');
  return indexes.map((index, at) => {
    const request = requests[index];
    const fromByte = fromBytes[at] ?? 0;
    if (request === undefined || seen.has(index) || fromByte > request.sizeBytes) stream.refuse('a content that was not offered');
    seen.add(index);
    return { ...request, fromByte };
  });
}

// ---- results

export async function sendStageResults(stream: WireStream, results: readonly StageResult[]): Promise<void> {
  for (let at = 0; at < results.length; at += resultsPerPage) {
    const page = results.slice(at, at + resultsPerPage);
    const message: ResultsPage = {
      type: 'results',
      count: page.length,
      receivedBytes: doublesToBytes(page.map((result) => (result.staged ? result.receivedBytes : 0))),
      failures: page.flatMap((result, index) => (result.staged ? [] : [failureOf(index, result)])),
    };
    await stream.send(message);
  }
}

export function readStageResults(stream: WireStream, page: ResultsPage): readonly StageResult[] {
  const received = page.receivedBytes && bytesToOffsets(page.receivedBytes);
  if (received?.length !== page.count || page.achieved !== undefined || page.count === 0) stream.refuse('one result a content');
  const failures = failuresByIndex(stream, page);
  return received.map((receivedBytes, index) => {
    const failure = failures.get(index);
    return failure === undefined ? { staged: true, receivedBytes } : { staged: false, code: failure.code, message: failure.message };
  });
}

export async function sendTransitionResults(stream: WireStream, results: readonly TransitionResult[]): Promise<void> {
  const rows = results.map(({ achieved, problem }) => ({ path: rootPath, entry: achieved, problem }));
  for (const page of cutPages(rows)) {
    for (let at = 0; at < page.length; at += resultsPerPage) {
      const part = page.slice(at, at + resultsPerPage);
      const message: ResultsPage = {
        type: 'results',
        count: part.length,
        achieved: nodesToTable(part),
        failures: part.flatMap(({ problem }, index) => (problem === undefined ? [] : [failureOf(index, problem)])),
      };
      await stream.send(message);
    }
  }
}

export function readTransitionResults(stream: WireStream, page: ResultsPage, pages: NodePagesReader): readonly TransitionResult[] {
  const rows = pages.read(page.achieved);
  if (!rows.ok) stream.refuse(rows.error);
  if (rows.value.length !== page.count || page.receivedBytes !== undefined || rows.value.some(({ path }) => path !== rootPath))
    stream.refuse('one result a change');
  const failures = failuresByIndex(stream, page);
  return rows.value.map(({ entry }, index) => {
    const failure = failures.get(index);
    return failure === undefined ? { achieved: entry } : { achieved: entry, problem: { code: failure.code, message: failure.message } };
  });
}

function failureOf(index: number, { code, message }: { readonly code: string; readonly message: string }): Failure {
  return { index, code: /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'SYNC_IO', message: escapeText(message, failureTextMax) };
}

function failuresByIndex(stream: WireStream, { count, failures }: ResultsPage): ReadonlyMap<number, Failure> {
  const byIndex = new Map<number, Failure>();
  for (const failure of failures) {
    if (failure.index >= count || byIndex.has(failure.index)) stream.refuse('a failure of nothing');
    byIndex.set(failure.index, { ...failure, message: escapeText(failure.message, failureTextMax) });
  }
  return byIndex;
}

// ---- changes: several rows for one path

export async function sendTransitions(stream: WireStream, changes: readonly Transition[]): Promise<void> {
  await sendRows(
    stream,
    groups(changes, ({ old, new: next, peer }) => [old, next, peer]),
  );
  const ends = changes.flatMap(({ from, to, copyOf }, index) => {
    if (from !== undefined) return [{ index, path: from.path, entries: [from.entry, from.was] }];
    const path = to ?? copyOf;
    return path === undefined ? [] : [{ index, path, entries: [undefined, undefined] }];
  });
  await sendIndexes(
    stream,
    ends.map(({ index }) => index),
  );
  await sendRows(
    stream,
    groups(ends, ({ entries }) => entries),
  );
}

/** How many of the changes are ends of moves, or copies. */
export function countMoves(changes: readonly Transition[]): number {
  return changes.reduce((count, { from, to, copyOf }) => ((from ?? to ?? copyOf) === undefined ? count : count + 1), 0);
}

export async function receiveTransitions(stream: WireStream, count: number, moves: number): Promise<readonly Transition[]> {
  const changes: Transition[] = [];
  for await (const { path, entries } of receiveGroups(stream, count, 3)) {
    const [old, next, peer] = entries;
    if (next !== undefined && !isSyncable(next)) stream.refuse('a change to what cannot be made');
    changes.push({ path, old, new: next, peer });
  }
  const indexes = await receiveIndexes(stream, moves, count);
  let at = 0;
  for await (const { path, entries } of receiveGroups(stream, moves, 2)) {
    const index = indexes[at++] as number;
    changes[index] = movingChange(stream, changes[index] as Transition, { path, entry: entries[0], was: entries[1] });
  }
  return changes;
}

/** One end of a move: a creation says what it moves, a deletion only where it goes. A creation that moves nothing is a copy. */
function movingChange(
  stream: WireStream,
  change: Transition,
  { path, entry, was }: { readonly path: RelativePath; readonly entry: Entry | undefined; readonly was: Entry | undefined },
): Transition {
  if (path === rootPath || path === change.path) stream.refuse('a move that leads nowhere');
  if (entry === undefined) {
    if (change.old === undefined && change.new?.kind === 'file' && was === undefined) return { ...change, copyOf: path };
    if (change.old === undefined || change.new !== undefined || was !== undefined) stream.refuse('a move of what stays');
    return { ...change, to: path };
  }
  if (!isSyncable(entry) || change.old !== undefined || change.new?.kind !== entry.kind) stream.refuse('a move of what cannot be moved');
  return { ...change, from: { path, entry, was } };
}

export async function sendAncestorChanges(stream: WireStream, changes: readonly AncestorChange[]): Promise<void> {
  await sendRows(
    stream,
    groups(changes, ({ alpha, beta }) => [alpha, beta]),
  );
}

export async function receiveAncestorChanges(stream: WireStream, count: number): Promise<readonly AncestorChange[]> {
  const changes: AncestorChange[] = [];
  for await (const { path, entries } of receiveGroups(stream, count, 2)) changes.push({ path, alpha: entries[0], beta: entries[1] });
  return changes;
}

/** What a run was about to change, without the ends of its moves. */
export async function sendDoneChanges(stream: WireStream, changes: readonly DoneChange[]): Promise<void> {
  await sendRows(
    stream,
    groups(changes, ({ old, new: next }) => [old, next]),
  );
  await sendIndexes(stream, lostAmong(changes));
}

/** Places of those whose content is lost. */
export function lostAmong(changes: readonly DoneChange[]): readonly number[] {
  return changes.flatMap(({ isLost = false }, index) => (isLost ? [index] : []));
}

export async function receiveDoneChanges(stream: WireStream, count: number, lost: number): Promise<readonly DoneChange[]> {
  const changes: DoneChange[] = [];
  for await (const { path, entries } of receiveGroups(stream, count, 2)) {
    if (path === rootPath || entries.some((entry) => entry !== undefined && !isSyncable(entry))) stream.refuse('a change that no run can have made');
    changes.push({ path, old: entries[0], new: entries[1] });
  }
  for (const index of await receiveIndexes(stream, lost, count)) {
    const change = changes[index] as DoneChange;
    if (change.old?.kind !== 'file') stream.refuse('a lost content of what is no file');
    changes[index] = { ...change, isLost: true };
  }
  return changes;
}

const indexesPerPage = 32_768;

async function sendIndexes(stream: WireStream, indexes: readonly number[]): Promise<void> {
  for (let at = 0; at < indexes.length; at += indexesPerPage) {
    const page: IndexesPage = { type: 'indexes', indexes: indexesToBytes(indexes.slice(at, at + indexesPerPage)) };
    await stream.send(page);
  }
}

/** Ascending, each below `end`. */
async function receiveIndexes(stream: WireStream, count: number, end: number): Promise<readonly number[]> {
  const indexes: number[] = [];
  while (indexes.length < count) {
    const page = bytesToIndexes((await stream.message(indexesPage)).indexes);
    if (page.length === 0 || indexes.length + page.length > count) stream.refuse('more of them than were announced, or none');
    for (const index of page) {
      if (index >= end || index <= (indexes.at(-1) ?? -1)) stream.refuse('places that do not exist, or not in order');
      indexes.push(index);
    }
  }
  return indexes;
}

function* groups<T extends { readonly path: RelativePath }>(
  items: readonly T[],
  entriesOf: (item: T) => readonly (Entry | undefined)[],
): Iterable<NodeAt> {
  for (const item of items) for (const entry of entriesOf(item)) yield { path: item.path, entry };
}

async function sendRows(stream: WireStream, rows: Iterable<NodeAt>): Promise<void> {
  for (const table of cutTables(rows)) await stream.send({ type: 'nodes', table });
}

async function* receiveGroups(
  stream: WireStream,
  count: number,
  size: number,
): AsyncGenerator<{ readonly path: RelativePath; readonly entries: readonly (Entry | undefined)[] }> {
  if (count * size > listRowsMax) stream.refuse('a list that is too long');
  const pages = new NodePagesReader(count * size);
  let group: NodeAt[] = [];
  while (pages.rowCount < count * size) {
    const rows = pages.read((await stream.message(nodesPage)).table);
    if (!rows.ok) stream.refuse(rows.error);
    for (const row of rows.value) {
      if (group.length > 0 && group[0]?.path !== row.path) stream.refuse('rows that do not belong together');
      group.push(row);
      if (group.length < size) continue;
      yield { path: row.path, entries: group.map(({ entry }) => entry) };
      group = [];
    }
  }
}
