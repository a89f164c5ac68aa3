/** One sync as part of a run: what the engine does, told in lines while it happens, and what was not told at the end. */
import { hostname } from 'node:os';
import { relative, resolve } from 'node:path';
import {
  compileScope,
  type HaltReason,
  parentPath,
  parseRelativePath,
  type RelativePath,
  rootPath,
  runSync,
  runUndo,
  type SyncChange,
  SyncError,
  type SyncEvent,
  type SyncOptions,
  type SyncReport,
} from '@ubos/sync-core';
import { createFsPlanStore, systemClock } from '@ubos/sync-core/fs';
import { problemKey } from './audit/history.ts';
import { guardsForNode, guardsFrom, toConflictPolicy } from './config/resolve.ts';
import type { EngineFlags, SyncFlags } from './flags.ts';
import { lookInRoot } from './folders.ts';
import type { Output } from './render/output.ts';
import { changeLine, conflictLine, haltLine, heldLine, noticeLine, problemLine, sideWord } from './render/report-lines.ts';
import type { Run } from './runs.ts';

export interface SyncRequest {
  readonly flags: SyncFlags;
  readonly dryRun: boolean;
  readonly paths: readonly RelativePath[] | undefined;
  /** A dry run seals its plan. `plan`: that one is applied. */
  readonly sealing?: { readonly plan: string | undefined } | undefined;
  /** Folders that are made first, for the audit and the logs, where it is no dry run. */
  readonly ownFolders?: readonly RelativePath[] | undefined;
}

/** PATHs of a command line, relative to the working directory if that is in the tree, else to the root. `SYNC_USAGE` for one that leads out of it. */
export function pathsInRoot(root: string, cwd: string, paths: readonly string[]): readonly RelativePath[] | undefined {
  if (paths.length === 0) return undefined;
  const base = parseRelativePath(relative(root, cwd)).ok ? cwd : root;
  return paths.map((path) => {
    const parsed = parseRelativePath(relative(root, resolve(base, path)));
    if (!parsed.ok) throw new SyncError('SYNC_USAGE', `${path} is not in the tree ${root}`, { path });
    return parsed.value;
  });
}

export async function syncInRun(run: Run, { flags, dryRun, paths, sealing, ownFolders = [] }: SyncRequest): Promise<SyncReport> {
  const report = await runEngine(run, { flags, dryRun, isUndo: false }, (common) =>
    runSync({
      ...common,
      allow: new Set((flags.allow ?? []) as readonly HaltReason[]),
      first: flags.first === undefined ? undefined : toConflictPolicy(flags.first),
      rejoin: flags.rejoin,
      restoreState: flags.restoreState,
      paths,
      plans: sealing && createFsPlanStore(run.profile.root),
      plan: sealing?.plan,
    }),
  );
  if (dryRun && report.halt === undefined) tellOfOwnFolders(run, ownFolders);
  return report;
}

/** A dry run makes none of them, so its plan cannot have those that are part of the tree. */
function tellOfOwnFolders({ profile, output }: Run, folders: readonly RelativePath[]): void {
  const { scope: rules } = profile.settings;
  const scope = compileScope({ ...rules, guard: [...rules.guard, ...profile.guards.map(({ pattern }) => pattern)] });
  const coming = new Set<RelativePath>();
  for (const folder of folders) {
    for (let path: RelativePath | undefined = folder; path !== undefined && path !== rootPath; path = parentPath(path))
      if (scope.includes(path, 'directory') && lookInRoot(profile.root, path) === null) coming.add(path);
  }
  if (coming.size === 0) return;
  const list = [...coming].sort().join(', ');
  const message = `--apply first makes folders for its audit and its logs, and syncs those that are part of the tree like any other: ${list}`;
  output.emit({ type: 'notice', code: 'SYNC_OWN_FOLDERS', message, side: 'local' });
}

/** Takes an earlier run back. */
export async function undoInRun(
  run: Run,
  { flags, dryRun, undo }: { readonly flags: EngineFlags; readonly dryRun: boolean; readonly undo: string },
): Promise<SyncReport> {
  return runEngine(run, { flags, dryRun, isUndo: true }, (common) => runUndo({ ...common, undo }));
}

/** What the engine does, told in lines while it happens; what was not told, at the end. */
async function runEngine(
  { io, profile, node, session, output, knownProblems }: Run,
  { flags, dryRun, isUndo }: { readonly flags: EngineFlags; readonly dryRun: boolean; readonly isUndo: boolean },
  work: (common: Omit<SyncOptions, 'allow' | 'first' | 'rejoin' | 'restoreState' | 'paths' | 'plan' | 'plans'>) => Promise<SyncReport>,
): Promise<SyncReport> {
  const alpha = await session.local();
  await session.launched();
  const live = createLiveLines(output);
  const report = await work({
    alpha,
    beta: session.remote(),
    names: { alpha: 'local', beta: node.name },
    hosts: { alpha: profile.self ?? hostname(), beta: node.name },
    profile: profile.name,
    settings: profile.settings,
    guards: guardsForNode(profile, node),
    guardsFrom: guardsFrom(profile, node),
    run: output.run,
    dryRun,
    rehash: flags.rehash,
    durability: profile.durability,
    lockWaitMs: flags.lockWait,
    clock: systemClock,
    signal: io.signal,
    onEvent: live.onEvent,
  });
  for (const change of report.changes) if (!live.told(change)) output.emit(changeLine(change));
  for (const conflict of report.conflicts) output.emit(conflictLine(conflict));
  for (const problem of report.problems) {
    const repeated = knownProblems.has(problemKey({ path: problem.path, side: sideWord(problem.side), code: problem.code }));
    output.emit(problemLine(problem, repeated));
  }
  for (const held of report.held) output.emit(heldLine(held));
  if (report.halt !== undefined) output.emit(haltLine(report.halt, isUndo));
  return report;
}

/** Progress is for eyes: more often than this is noise in a log, too. */
const progressMs = 200;

/** Says whether it is time to tell of progress again. */
export function createProgressLimit(): () => boolean {
  let toldAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = systemClock.monotonicMs();
    if (now - toldAt < progressMs) return false;
    toldAt = now;
    return true;
  };
}

function createLiveLines(output: Output): { readonly onEvent: (event: SyncEvent) => void; readonly told: (change: SyncChange) => boolean } {
  const told = new Set<string>();
  const mayTell = createProgressLimit();
  return {
    told: ({ side, path }) => told.has(`${side} ${path}`),
    onEvent(event) {
      switch (event.type) {
        case 'phase':
          output.emit({ type: 'phase', name: event.name });
          return;
        case 'progress':
          if (mayTell()) output.emit(event);
          return;
        case 'change':
          told.add(`${event.change.side} ${event.change.path}`);
          output.emit(changeLine(event.change));
          return;
        case 'notice':
          output.emit(noticeLine(event.notice));
          return;
      }
    },
  };
}
