/**
 * Exit codes: unison's, so that wrappers written for it keep working.
 *
 * | code | means |
 * |------|-------|
 * | 0 | in sync, or everything done (a dry run with changes pending, too, unless `--exit-code` is given) |
 * | 1 | done, but something was left for a person: open conflicts, problems that the last run had already, a log that was left alone |
 * | 2 | some transfers failed this time, the rest is done |
 * | 3 | nothing, or not all, could be done: usage, config, connection, host key, halt, interrupted, still locked after waiting |
 */
import type { OutputLineOf } from './render/lines.ts';

export type ExitCode = 0 | 1 | 2 | 3;
export type Outcome = OutputLineOf<'summary'>['outcome'];

export interface RunFacts {
  readonly outcome: Outcome;
  readonly openConflicts: number;
  /** Problems that the last run did not have. */
  readonly newProblems: number;
  readonly repeatedProblems: number;
  /** Logs that are forked, changed here, truncated or missing. */
  readonly logsLeftAlone: number;
  /** Logs whose pull failed this time. */
  readonly logsFailed: number;
  /** `--exit-code`: pending changes are worth a 1. */
  readonly tellPending: boolean;
}

/** The first row that applies decides. */
const rows: readonly { readonly code: ExitCode; readonly when: (facts: RunFacts) => boolean }[] = [
  { code: 3, when: ({ outcome }) => stopped.has(outcome) },
  { code: 2, when: ({ newProblems, logsFailed }) => newProblems + logsFailed > 0 },
  { code: 1, when: ({ openConflicts, repeatedProblems, logsLeftAlone }) => openConflicts + repeatedProblems + logsLeftAlone > 0 },
  { code: 1, when: ({ outcome, tellPending }) => outcome === 'pending' && tellPending },
];

/** Without a service around it, a lock, a closed gate or a sleeping peer is a failure like any other: whoever typed the command did not get what it does. */
const stopped: ReadonlySet<Outcome> = new Set(['halted', 'failed', 'skipped-locked', 'skipped-gated', 'peer-away']);

export function exitCodeOf(facts: RunFacts): ExitCode {
  return rows.find(({ when }) => when(facts))?.code ?? 0;
}

/** Of several runs, one after the other: the worst. */
export function worstExitCode(codes: readonly ExitCode[]): ExitCode {
  return codes.reduce<ExitCode>((worst, code) => (code > worst ? code : worst), 0);
}
