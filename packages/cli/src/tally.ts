import type { RunFacts } from './exit-code.ts';
import type { OutputLine } from './render/lines.ts';
import type { Sink } from './render/output.ts';
import { isAmiss, needsPerson } from './render/words.ts';

/** Counts the lines of a run as they go by, for its summary and its exit code. */
export interface Tally extends Sink {
  readonly changes: number;
  readonly deletions: number;
  readonly openConflicts: number;
  readonly newProblems: number;
  readonly repeatedProblems: number;
  readonly logsLeftAlone: number;
  /** Logs that took in something, or would have. */
  readonly logsMoved: number;
  logsFailed: number;
}

export function createTally(): Tally {
  const tally = { changes: 0, deletions: 0, openConflicts: 0, newProblems: 0, repeatedProblems: 0, logsLeftAlone: 0, logsMoved: 0, logsFailed: 0 };
  const line = (found: OutputLine): void => {
    if (found.type === 'change' && found.status !== 'failed') {
      tally.changes++;
      if (found.action === 'delete') tally.deletions++;
    } else if (found.type === 'conflict' && found.resolution === 'skipped') {
      tally.openConflicts++;
    } else if (found.type === 'problem') {
      // What an undo leaves is no failure: it is left for a person, and was told beforehand.
      if (found.repeated || found.code === 'SYNC_NOT_UNDONE') tally.repeatedProblems++;
      else tally.newProblems++;
    } else if (found.type === 'log-verified') {
      if (isAmiss(found)) tally.logsLeftAlone++;
    } else if (found.type === 'log') {
      if (needsPerson(found)) tally.logsLeftAlone++;
      else if ([found, ...found.finished].some(({ fromByte, toByte }) => toByte > fromByte)) tally.logsMoved++;
    }
  };
  return Object.assign(tally, { line });
}

export function factsOf(tally: Tally, outcome: RunFacts['outcome'], tellPending: boolean): RunFacts {
  const { openConflicts, newProblems, repeatedProblems, logsLeftAlone, logsFailed } = tally;
  return { outcome, openConflicts, newProblems, repeatedProblems, logsLeftAlone, logsFailed, tellPending };
}
