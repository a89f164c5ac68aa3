import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RelativePath, SyncError } from '@ubos/sync-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutputBody } from '../render/lines.ts';
import { createOutput } from '../render/output.ts';
import { appendAudit } from './audit-file.ts';
import { createAuditSink } from './audit-sink.ts';
import { verifyChain } from './chain.ts';
import { findAuditFolder, makeAuditFolder } from './folder.ts';
import { lastProblems, readHistory } from './history.ts';
import { createRunId, createRunLog, pruneRunLogs } from './run-log.ts';

const audit = 'logs/sync' as RelativePath;
const nowMs = Date.UTC(2026, 10, 21, 6, 17, 45);
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'audit-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('audit.jsonl', () => {
  it('is one chain, however many appends wrote it', () => {
    const folder = made();
    appendAudit(folder, [{ n: 1 }, { n: 2 }], { durable: false });
    appendAudit(folder, [{ n: 3 }], { durable: true });
    expect(verifyChain(auditLines(folder))).toMatchObject({ ok: true, head: { seq: 3 } });
    expect(readdirSync(folder)).toEqual(['audit.jsonl']);
  });

  it('goes on after a crash in the middle of a line, and says so', () => {
    const folder = made();
    appendAudit(folder, [{ n: 1 }, { n: 2 }], { durable: true });
    const file = join(folder, 'audit.jsonl');
    truncateSync(file, readFileSync(file).length - 20);
    appendAudit(folder, [{ n: 3 }], { durable: true });
    const lines = auditLines(folder);
    expect(lines).toHaveLength(2);
    expect(verifyChain(lines).ok).toBe(true);
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ n: 3, tornBytes: expect.any(Number) });
  });

  it('continues a chain whose last line is longer than a read', () => {
    const folder = made();
    appendAudit(folder, [{ n: 1 }, { text: 'x'.repeat(200_000) }], { durable: true });
    appendAudit(folder, [{ n: 3 }], { durable: true });
    expect(verifyChain(auditLines(folder))).toMatchObject({ ok: true, head: { seq: 3 } });
  });

  it('does not hide an altered last line by going on after it', () => {
    const folder = made();
    appendAudit(folder, [{ n: 1 }, { n: 2 }], { durable: true });
    const file = join(folder, 'audit.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"n":2', '"n":9'));
    appendAudit(folder, [{ n: 3 }], { durable: true });
    expect(verifyChain(auditLines(folder))).toMatchObject({ ok: false, line: 2 });
  });

  it.each([
    ['that nobody has written to', ''],
    ['of a process whose number somebody else has by now', String(process.pid)],
  ])('takes over a lock %s, once it is older than any append', (_, text) => {
    const folder = made();
    const lock = join(folder, 'audit.jsonl.lock');
    writeFileSync(lock, text);
    utimesSync(lock, Date.now() / 1000 - 61, Date.now() / 1000 - 61);
    appendAudit(folder, [{ n: 1 }], { durable: false });
    expect(verifyChain(auditLines(folder))).toMatchObject({ ok: true, head: { seq: 1 } });
    expect(readdirSync(folder)).toEqual(['audit.jsonl']);
  });

  it('takes over the lock of a process that is dead', () => {
    const folder = made();
    // Larger than any process id that Linux or macOS gives.
    writeFileSync(join(folder, 'audit.jsonl.lock'), String(2 ** 30));
    appendAudit(folder, [{ n: 1 }], { durable: true });
    expect(readdirSync(folder)).toEqual(['audit.jsonl']);
  });
});

describe('what a run leaves behind', () => {
  it('is exactly one line of audit, and no log, when there was nothing to do', () => {
    const folder = made();
    record(folder, [start('truth', false), { type: 'phase', name: 'scan' }, summary('in-sync')]);
    expect(readdirSync(folder)).toEqual(['audit.jsonl']);
    expect(auditLines(folder).map((line) => JSON.parse(line))).toMatchObject([
      { type: 'run', command: 'truth', node: 'balaur', outcome: 'in-sync', exitCode: 0 },
    ]);
  });

  it('is a line for each change and one for the run, and the log with everything', () => {
    const folder = made();
    const run = record(folder, [
      start('full', false),
      change('done'),
      { type: 'progress', phase: 'transition', doneBytes: 1, totalBytes: 2, doneItems: 0, totalItems: 1 },
      summary('applied'),
    ]);
    expect(auditLines(folder).map((line) => JSON.parse(line).type)).toEqual(['change', 'run']);
    const log = readFileSync(join(folder, `${run}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n');
    expect(log.map((line) => JSON.parse(line).type)).toEqual(['start', 'change', 'summary']);
  });

  it('has no changes in the audit after a dry run', () => {
    const folder = made();
    record(folder, [start('truth', true), change('pending'), summary('pending')], true);
    expect(auditLines(folder).map((line) => JSON.parse(line))).toMatchObject([{ type: 'run', dryRun: true, outcome: 'pending' }]);
  });

  it('is what the next run knows as its problems, and status as its history', () => {
    const folder = made();
    const problem: OutputBody = { type: 'problem', path: 'a', side: 'local', code: 'EACCES', message: 'no', repeated: false };
    record(folder, [start('truth', false), summary('in-sync')]);
    record(folder, [start('truth', false), problem, summary('partial', 2)]);
    record(folder, [start('logs', false), summary('applied')]);
    expect(lastProblems(folder, { node: 'balaur', profile: 'default', dryRun: false })).toEqual(new Set(['local EACCES a']));
    expect(lastProblems(folder, { node: 'other', profile: 'default', dryRun: false })).toEqual(new Set());
    expect(readHistory(folder, 'balaur', 'default')).toMatchObject({
      lastRun: { outcome: 'partial', exitCode: 2 },
      lastSuccess: { outcome: 'in-sync', exitCode: 0 },
    });
    expect(readHistory(folder, 'other', 'default')).toEqual({ lastRun: null, lastSuccess: null });
    expect(readHistory(undefined, 'balaur', 'default')).toEqual({ lastRun: null, lastSuccess: null });
  });
});

describe('the folder', () => {
  it('is not made by looking for it, nor without a root', () => {
    expect(findAuditFolder(root, audit)).toBeUndefined();
    expect(makeAuditFolder(join(root, 'missing'), audit)).toBeUndefined();
    expect(existsSync(join(root, 'missing'))).toBe(false);
  });

  it('does not lead out of the root', () => {
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    mkdirSync(join(outside, 'sync'));
    symlinkSync(outside, join(root, 'logs'));
    expect(() => makeAuditFolder(root, audit)).toThrow(SyncError);
    rmSync(outside, { recursive: true });
  });

  it.each(['inside', 'outside'])('is not reached through a link, and makes nothing %s the root', (where) => {
    const target = where === 'inside' ? join(root, 'docs') : mkdtempSync(join(tmpdir(), 'outside-'));
    mkdirSync(target, { recursive: true });
    symlinkSync(target, join(root, 'logs'));
    expect(() => makeAuditFolder(root, audit)).toThrow(/the audit folder logs\/sync is refused: .*\/logs is a link/);
    expect(readdirSync(target)).toEqual([]);
    mkdirSync(join(target, 'sync'));
    expect(() => findAuditFolder(root, audit)).toThrow(/is a link/);
    rmSync(target, { recursive: true });
  });

  it('is refused where a file is on the way', () => {
    writeFileSync(join(root, 'logs'), 'x');
    expect(() => makeAuditFolder(root, audit)).toThrow(/\/logs is a file/);
  });

  it('loses the logs of runs after 30 days, and nothing else', () => {
    const folder = made();
    const day = 86_400_000;
    const names = [nowMs, nowMs - 29 * day, nowMs - 31 * day].map((ms) => `${createRunId(ms, () => 'abcdef')}.jsonl`);
    for (const name of [...names, 'audit.jsonl', '20000101-notes.jsonl']) appendFileSync(join(folder, name), '');
    pruneRunLogs(folder, nowMs);
    expect(readdirSync(folder).toSorted()).toEqual([...names.slice(0, 2), 'audit.jsonl', '20000101-notes.jsonl'].toSorted());
  });
});

function made(): string {
  const folder = makeAuditFolder(root, audit);
  if (folder === undefined) throw new Error('no folder');
  return folder;
}

let runs = 0;

function record(folder: string, bodies: readonly OutputBody[], dryRun = false): string {
  const run = createRunId(nowMs, () => String(runs++).padStart(6, '0'));
  const sinks = [createRunLog(() => folder), createAuditSink({ node: 'balaur', profile: 'default', dryRun }, () => folder)];
  const output = createOutput({ run, nowMs: () => nowMs, sinks });
  for (const body of bodies) output.emit(body);
  return run;
}

function auditLines(folder: string): readonly string[] {
  return readFileSync(join(folder, 'audit.jsonl'), 'utf8').trimEnd().split('\n');
}

function start(command: string, dryRun: boolean): OutputBody {
  return {
    type: 'start',
    command,
    version: '0',
    local: 'local',
    remote: 'balaur',
    dryRun,
    localRoot: root,
    remoteUrl: '/b',
    profile: 'default',
    live: true,
  };
}

function change(status: 'pending' | 'done'): OutputBody {
  return {
    type: 'change',
    path: 'a',
    direction: 'to-local',
    action: 'create',
    kind: 'file',
    sizeBytes: 1,
    status,
    old: null,
    new: { kind: 'file', sizeBytes: 1 },
  };
}

function summary(outcome: 'in-sync' | 'applied' | 'pending' | 'partial', exitCode = 0): OutputBody {
  return {
    type: 'summary',
    outcome,
    changes: 0,
    conflicts: 0,
    problems: 0,
    deletions: 0,
    bytesSent: 0,
    bytesReceived: 0,
    roundTrips: 0,
    durationMs: 1,
    exitCode,
  };
}
