import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { createHumanSink } from './human.ts';
import type { OutputBody } from './lines.ts';
import { createOutput } from './output.ts';

const start = (more: Partial<Extract<OutputBody, { type: 'start' }>> = {}): OutputBody => ({
  type: 'start',
  command: 'truth',
  version: '0.1.0',
  local: 'local',
  remote: 'balaur',
  dryRun: true,
  localRoot: '/a',
  remoteUrl: 'ssh://balaur/b',
  profile: 'default',
  live: true,
  ...more,
});

const summary = (more: Partial<Extract<OutputBody, { type: 'summary' }>>): OutputBody => ({
  type: 'summary',
  outcome: 'in-sync',
  changes: 0,
  conflicts: 0,
  problems: 0,
  deletions: 0,
  bytesSent: 0,
  bytesReceived: 0,
  roundTrips: 2,
  durationMs: 1234,
  exitCode: 0,
  ...more,
});

const file = (sizeBytes: number, mode = '644') => ({ kind: 'file' as const, sizeBytes, mode, mtime: '2026-11-20T08:30:00.000Z', digest: 'ab' });

type Change = Extract<OutputBody, { type: 'change' }>;
const change = (path: string, action: Change['action'], more: Partial<Change> = {}): OutputBody => ({
  type: 'change',
  path,
  direction: 'to-remote',
  action,
  kind: 'file',
  sizeBytes: 1200,
  status: 'pending',
  old: null,
  new: file(1200),
  ...more,
});

const everything: readonly OutputBody[] = [
  start(),
  change('config/a.yaml', 'create'),
  change('docs', 'mkdir', { kind: 'directory', sizeBytes: 0, new: { kind: 'directory', mode: '755' } }),
  change('docs/b.md', 'update', { direction: 'to-local', sizeBytes: 340, old: file(300), new: file(340) }),
  change('docs/link', 'symlink', { kind: 'symlink', sizeBytes: 0, new: { kind: 'symlink', target: '../a\u001b[0m' } }),
  change('notes/new\u001b.md', 'rename', { from: 'old\u001b.md' }),
  change('scripts/run.sh', 'chmod', { old: file(10), new: file(10, '755') }),
  change('old.txt', 'delete', { direction: 'to-local', old: file(1200), new: null }),
  change('was-a-file', 'mkdir', { kind: 'directory', sizeBytes: 0, old: file(1), new: { kind: 'directory', mode: '755' } }),
  change('evil\u001b[2J\nname', 'create'),
  {
    type: 'conflict',
    path: 'docs/c.md',
    reason: 'tie',
    local: file(12),
    remote: null,
    rule: '6 tie',
    resolution: 'skipped',
  },
  { type: 'conflict', path: 'docs/d.md', reason: 'content', local: file(12), remote: file(15), rule: '6 newer', resolution: 'remote' },
  { type: 'problem', path: 'secret', side: 'remote', code: 'EACCES', message: 'permission denied', repeated: true },
  { type: 'held', path: 'mode', why: 'permissions 644 on local, 755 on remote', local: file(1), remote: file(1, '755') },
  summary({ outcome: 'pending', changes: 9, deletions: 1, conflicts: 1, problems: 1, exitCode: 1 }),
];

describe('output for people', () => {
  it('is one line a path; deletions, changes of kind, conflicts and problems last', () => {
    expect(printed(everything).out).toBe(`\
local ----> balaur  new file   config/a.yaml (1.2 kB)
local ----> balaur  new dir    docs/
local <---- balaur  changed    docs/b.md (340 B)
local ----> balaur  new link   docs/link -> ../a\\x1b[0m
local ----> balaur  new file   evil\\x1b[2J\\nname (1.2 kB)
local ----> balaur  renamed    notes/new\\x1b.md (from old\\x1b.md)
local ----> balaur  props      scripts/run.sh (644 to 755)

Deletions and changes of kind:
local <---- balaur  deleted    old.txt (1.2 kB)
local ----> balaur  replaced   was-a-file/ (file by directory)

Conflicts, settled by the policy:
local <-?-> balaur  conflict   docs/d.md: changed on both sides (local: 12 B of 2026-11-20 08:30:00Z; balaur: 15 B of 2026-11-20 08:30:00Z): balaur wins

Conflicts, open:
local <-?-> balaur  conflict   docs/c.md: changed on both sides, and the clocks cannot tell which is newer (local: 12 B of 2026-11-20 08:30:00Z; balaur: deleted): left as it is

Problems:
problem    secret on balaur: permission denied [EACCES] (as in the last run)

Nothing was changed. --apply would make 7 changes to balaur (2.4 kB), 2 changes to local (340 B), 1 deletion among them. Skipped: 1 open conflict, 1 problem.
1 difference is held as agreed (--verbose lists them).
`);
  });

  it('says exactly this when there is nothing to do', () => {
    expect(printed([start(), summary({})]).out).toBe('Nothing to do: local and balaur are in sync.\n');
  });

  it('says what the second key is', () => {
    const { out } = printed([start({ live: false }), change('a', 'create'), summary({ outcome: 'pending', changes: 1 })]);
    expect(out).toMatch(/--apply would make 1 change to balaur \(1\.2 kB\)\.\n--apply is refused until the config says `live: true`\.\n$/);
  });

  it('says how to do exactly what was shown', () => {
    const lines = [start(), change('a', 'create'), summary({ outcome: 'pending', changes: 1, planId: '3f2a9c0011223344', planHash: '3f2a' })];
    expect(printed(lines).out).toMatch(/\.\nTo do exactly this: ubos-sync truth --apply --plan 3f2a9c0011223344\n$/);
    expect(printed(lines, { namesNode: true }).out).toMatch(/\nTo do exactly this: ubos-sync truth --node balaur --apply --plan 3f2a9c0011223344\n$/);
    expect(printed(lines, { quiet: true }).out).not.toContain('3f2a');
  });

  it('says what a sealed plan left', () => {
    const of = (left: number, changes: readonly OutputBody[] = []): string =>
      printed([start({ dryRun: false }), ...changes, summary({ outcome: 'applied', changes: changes.length, planId: '3f2a', left })]).out;
    expect(of(1, [change('a', 'create', { status: 'done' })])).toMatch(
      / in 1\.2 s\.\n1 change is not in the plan and left for the next run\.\n`ubos-sync undo r` would take it back\.\n$/,
    );
    expect(of(2)).toBe('Nothing to do: all of plan 3f2a is done.\n2 changes are not in the plan and left for the next run.\n');
  });

  it('says what was done', () => {
    const { out } = printed([start({ dryRun: false }), change('a', 'create', { status: 'done' }), summary({ outcome: 'applied', changes: 1 })]);
    expect(out).toBe(
      'local ----> balaur  new file   a (1.2 kB)\n\nDone: 1 change to balaur (1.2 kB) in 1.2 s.\n`ubos-sync undo r` would take it back.\n',
    );
  });

  it('marks what failed in words', () => {
    const { out } = printed([
      start({ dryRun: false }),
      change('a', 'create', { status: 'failed' }),
      summary({ outcome: 'partial', problems: 1, exitCode: 2 }),
    ]);
    expect(out).toContain('a (1.2 kB)  FAILED');
  });

  it('counts what was done, and says how many failed', () => {
    const { out } = printed([
      start({ dryRun: false }),
      change('a', 'create', { status: 'done' }),
      change('b', 'create', { status: 'failed' }),
      change('c', 'create', { status: 'failed' }),
      summary({ outcome: 'partial', changes: 1, problems: 2, exitCode: 2 }),
    ]);
    expect(out).toMatch(
      /\n\nDone: 1 change to balaur \(1\.2 kB\) in 1\.2 s\. Failed: 2 changes\. Skipped: 2 problems\.\n`ubos-sync undo r` would take it back\.\n$/,
    );
  });

  it('does not call logs up to date that could not be read', () => {
    const problem: OutputBody = { type: 'problem', path: 'a', side: 'remote', code: 'SYNC_DENIED', message: 'no', repeated: false };
    const { out } = printed([start({ command: 'logs', dryRun: false }), problem, summary({ outcome: 'partial', problems: 1, exitCode: 2 })]);
    expect(out).toBe('\nProblems:\nproblem    a on balaur: no [SYNC_DENIED]\n');
  });

  it('doubles a backslash of a name, but not of a message', () => {
    const problem: OutputBody = { type: 'problem', path: 'a\\x1b', side: 'remote', code: 'EIO', message: 'of \\x1b', repeated: false };
    expect(printed([start(), problem, summary({ outcome: 'partial' })]).out).toContain('problem    a\\\\x1b on balaur: of \\x1b [EIO]');
  });

  it('is silent with --quiet but for what needs a person', () => {
    expect(printed([start(), summary({})], { quiet: true })).toEqual({ out: '', err: '' });
    expect(
      printed(everything, { quiet: true })
        .out.split('\n')
        .map((line) => line.slice(0, 20)),
    ).toEqual(['local <-?-> balaur  ', 'problem    secret on', '']);
  });

  it('lists held differences with --verbose', () => {
    expect(printed(everything, { verbose: true }).out).toContain('local <-?-> balaur  held       mode: permissions 644 on local, 755 on balaur\n');
  });

  it('a halt says what happened, what is safe, what to do and its code', () => {
    const halt: OutputBody = {
      type: 'halt',
      reason: 'mass-delete',
      message: '40 of 100 files (40 %) would be deleted on balaur; the limit is 25 %',
      override: '--allow mass-delete',
      restore: null,
      side: 'remote',
    };
    expect(printed([start(), halt, summary({ outcome: 'halted', exitCode: 3 })], { columns: 80 })).toEqual({
      out: '',
      err: `\
ubos-sync: 40 of 100 files (40 %) would be deleted on balaur; the limit is 25 %
  safe: Nothing was changed on either side.
  do:   Look at the list with a dry run. If it is right, allow it for one run.
        To go on all the same, once: --allow mass-delete.
  code: SYNC_MASS_DELETE
`,
    });
  });

  it('an error says the same, and its hint instead of the general advice', () => {
    const error: OutputBody = {
      type: 'error',
      code: 'SYNC_UNREACHABLE',
      message: 'no answer from \u001b]52;c;x',
      details: { hint: 'check the cable' },
    };
    expect(printed([start(), error, summary({ outcome: 'failed', exitCode: 3 })]).err).toBe(`\
ubos-sync: no answer from \\x1b]52;c;x
  safe: Nothing was changed on either side.
  do:   Check the cable.
  code: SYNC_UNREACHABLE
`);
  });

  it('says what was made before an error', () => {
    const error: OutputBody = { type: 'error', code: 'SYNC_PEER_LOST', message: 'gone', details: {} };
    const { out } = printed([
      start({ dryRun: false }),
      change('a', 'create', { status: 'done' }),
      error,
      summary({ outcome: 'failed', exitCode: 3 }),
    ]);
    expect(out).toContain('1 change was made before the end; the next run goes on from there.\n');
  });

  it('tells of logs', () => {
    const log: Extract<OutputBody, { type: 'log' }> = {
      type: 'log',
      name: 'logs/mission_log.jsonl',
      outcome: 'appended',
      fromByte: 0,
      toByte: 579_153_708,
      lines: 2_240_494,
      malformed: 2,
      malformedAtBytes: [17, 4_000],
      checkedLines: 2_240_494,
      firstTimestamp: null,
      lastTimestamp: '2025-10-07T10:00:00Z',
      finished: [],
      gap: null,
      unread: [],
      dryRun: false,
    };
    const over = { name: 'mission_log.jsonl.1', keptAs: 'mission_log.jsonl.20251001T000000Z.g1', fromByte: 7, toByte: 107 };
    const lines: readonly OutputBody[] = [
      { ...log, firstTimestamp: '2025-01-01T00:00:00Z' },
      { ...log, toByte: 9, lines: 9, malformed: 5, malformedAtBytes: [1, 2, 3, 4], checkedLines: 8 },
      { ...log, outcome: 'up-to-date', fromByte: 7, toByte: 7, lines: 0, malformed: 0 },
      { ...log, outcome: 'forked', toByte: 0, lines: 0, malformed: 0, lastTimestamp: null, message: 'differs in chunk 3' },
      { ...log, outcome: 'rotated', toByte: 100, lines: 5, malformed: 0, finished: [over], unread: ['mission_log.jsonl.2.gz'] },
      { ...log, outcome: 'copy-truncated', toByte: 100, lines: 5, malformed: 0, finished: [{ ...over, keptAs: null }], gap: 'copied' },
      { ...log, outcome: 'rotated', toByte: 100, lines: 5, malformed: 0, gap: 'unread', unread: ['mission_log.jsonl.2.gz'] },
      { ...log, outcome: 'forked', toByte: 100, lines: 5, malformed: 0, finished: [{ ...over, toByte: 7 }], gap: 'unknown' },
    ];
    expect(printed([start({ command: 'logs', dryRun: false }), ...lines, summary({ outcome: 'partial', exitCode: 1 })]).out).toBe(`\
local <---- balaur  log        logs/mission_log.jsonl  appended 2,240,494 lines, 579 MB (2 malformed lines at byte 17, 4,000; first 2025-01-01T00:00:00Z; last 2025-10-07T10:00:00Z)
local <---- balaur  log        logs/mission_log.jsonl  appended 9 lines, 9 B (5 malformed lines at byte 1, 2, 3, ... of 8 that were checked; last 2025-10-07T10:00:00Z)
local <---- balaur  log        logs/mission_log.jsonl  up to date (last 2025-10-07T10:00:00Z)
local <---- balaur  log        logs/mission_log.jsonl  forked (differs in chunk 3): the source is no continuation of the local copy, which was left alone; to start anew, move it away and pull again
local <---- balaur  log        logs/mission_log.jsonl  rotated 5 lines, 200 B (last 2025-10-07T10:00:00Z; 1 generation finished, kept as mission_log.jsonl.20251001T000000Z.g1)
local <---- balaur  log        logs/mission_log.jsonl  copy truncated 5 lines, 200 B (last 2025-10-07T10:00:00Z; 1 generation finished; what was written between copying and truncating is in neither file)
local <---- balaur  log        logs/mission_log.jsonl  rotated 5 lines, 100 B (last 2025-10-07T10:00:00Z; what was packed in between is missing here; packed, and not read: mission_log.jsonl.2.gz): look at what the node still has of it
local <---- balaur  log        logs/mission_log.jsonl  forked 5 lines, 100 B (last 2025-10-07T10:00:00Z): the source was no continuation of the local copy, kept as mission_log.jsonl.20251001T000000Z.g1; a new one was begun
`);
  });

  it('has colours only where they were asked for, and the same words without them', () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
    const colored = printed(everything, { colors: true }).out;
    expect(colored).toMatch(escapes);
    expect(colored.replace(escapes, '')).toBe(printed(everything).out);
  });
});

function printed(
  bodies: readonly OutputBody[],
  { columns = 120, quiet = false, verbose = false, colors = false, namesNode = false } = {},
): { readonly out: string; readonly err: string } {
  let out = '';
  let err = '';
  const palette = pc.createColors(colors);
  const sink = createHumanSink({
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    columns,
    colors: { out: palette, err: palette },
    namesNode,
    quiet,
    verbose,
  });
  const output = createOutput({ run: 'r', nowMs: () => 0, sinks: [sink] });
  for (const body of bodies) output.emit(body);
  return { out, err };
}
