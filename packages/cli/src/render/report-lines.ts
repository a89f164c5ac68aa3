/** From the engine's words to the lines of a command: alpha is `local`, beta is `remote`. */
import {
  type Conflict,
  digestHex,
  type Entry,
  type HeldEntry,
  type Side,
  type SyncChange,
  type SyncHalt,
  type SyncNotice,
  type SyncProblem,
} from '@ubos/sync-core';
import type { EntryFacts, OutputLine, OutputLineOf } from './lines.ts';

type Body<Type extends OutputLine['type']> = Omit<OutputLineOf<Type>, 'run' | 'at'>;

export function changeLine(change: SyncChange): Body<'change'> {
  const { path, side, old, new: next } = change;
  const shown = next ?? old;
  return {
    type: 'change',
    path,
    direction: side === 'alpha' ? 'to-local' : 'to-remote',
    action: change.action === 'replace' ? replacedBy(next) : change.action,
    kind: shown?.kind === 'directory' || shown?.kind === 'symlink' ? shown.kind : 'file',
    sizeBytes: shown?.kind === 'file' ? shown.sizeBytes : 0,
    ...(change.from === undefined ? {} : { from: change.from }),
    status: change.status,
    old: entryFacts(old),
    new: entryFacts(next),
  };
}

export function conflictLine({ path, reason, alpha, beta, rule, resolution, keptAs, clock }: Conflict): Body<'conflict'> {
  return {
    type: 'conflict',
    path,
    reason,
    local: entryFacts(alpha),
    remote: entryFacts(beta),
    rule,
    resolution: resolution === 'alpha' ? 'local' : resolution === 'beta' ? 'remote' : resolution,
    ...(keptAs === undefined ? {} : { keptAs }),
    ...(clock === undefined || !Number.isFinite(clock.uncertaintyMs) ? {} : { clock }),
  };
}

export function problemLine({ path, side, code, message }: SyncProblem, repeated: boolean): Body<'problem'> {
  return { type: 'problem', path, side: sideWord(side), code, message, repeated };
}

/** `isUndo`: no flag of that command takes a halt. */
export function haltLine({ reason, side, message, overridable, restorable = false }: SyncHalt, isUndo: boolean): Body<'halt'> {
  return {
    type: 'halt',
    reason,
    message,
    override: overridable ? `--allow ${reason}` : !isUndo && rejoinable.has(reason) ? '--rejoin' : null,
    restore: !isUndo && restorable ? '--restore-state' : null,
    side: side === undefined ? null : sideWord(side),
  };
}

export function heldLine({ path, alpha, beta }: HeldEntry): Body<'held'> {
  return { type: 'held', path, why: heldReason(alpha, beta), local: entryFacts(alpha), remote: entryFacts(beta) };
}

export function noticeLine({ code, message, side }: SyncNotice): Body<'notice'> {
  return { type: 'notice', code, message, side: side === undefined ? null : sideWord(side) };
}

export function sideWord(side: Side): 'local' | 'remote' {
  return side === 'alpha' ? 'local' : 'remote';
}

/** Halts that no `--allow` takes, but that a union ends. */
const rejoinable: ReadonlySet<SyncHalt['reason']> = new Set(['archive-lost', 'replica-changed']);

function replacedBy(next: Entry | undefined): 'mkdir' | 'symlink' | 'create' {
  return next?.kind === 'directory' ? 'mkdir' : next?.kind === 'symlink' ? 'symlink' : 'create';
}

export function heldReason(local: Entry | undefined, remote: Entry | undefined): string {
  if (local === undefined) return 'only on remote';
  if (remote === undefined) return 'only on local';
  if (local.kind !== remote.kind) return `a ${local.kind} on local, a ${remote.kind} on remote`;
  if ((local.kind === 'file' || local.kind === 'directory') && local.kind === remote.kind && local.mode !== remote.mode) {
    return `permissions ${octal(local.mode)} on local, ${octal(remote.mode)} on remote`;
  }
  return 'different content';
}

export function entryFacts(entry: Entry | undefined): EntryFacts {
  switch (entry?.kind) {
    case undefined:
      return null;
    case 'directory':
      return { kind: 'directory', mode: octal(entry.mode) };
    case 'file':
      return { kind: 'file', sizeBytes: entry.sizeBytes, mode: octal(entry.mode), mtime: isoTime(entry.mtimeMs), digest: digestHex(entry.digest) };
    case 'symlink':
      return { kind: 'symlink', target: entry.target };
    case 'untracked':
    case 'problematic':
      return { kind: entry.kind };
  }
}

export function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}

/** The years that the form of a date has room for; what a damaged clock wrote beyond them is shown as their end. */
export function isoTime(milliseconds: number): string {
  return new Date(Math.min(Math.max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)).toISOString();
}
