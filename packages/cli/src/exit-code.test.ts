import { describe, expect, it } from 'vitest';
import { exitCodeOf, type RunFacts, worstExitCode } from './exit-code.ts';

const quiet: RunFacts = {
  outcome: 'in-sync',
  openConflicts: 0,
  newProblems: 0,
  repeatedProblems: 0,
  logsLeftAlone: 0,
  logsFailed: 0,
  tellPending: false,
};

const cases: readonly (readonly [string, Partial<RunFacts>, number])[] = [
  ['in sync', {}, 0],
  ['everything done', { outcome: 'applied' }, 0],
  ['a dry run with changes pending', { outcome: 'pending' }, 0],
  ['a dry run with changes pending, --exit-code', { outcome: 'pending', tellPending: true }, 1],
  ['in sync, --exit-code', { tellPending: true }, 0],
  ['an open conflict', { outcome: 'partial', openConflicts: 1 }, 1],
  ['a problem that the last run had', { outcome: 'partial', repeatedProblems: 2 }, 1],
  ['a forked log', { outcome: 'partial', logsLeftAlone: 1 }, 1],
  ['a transfer that failed', { outcome: 'partial', newProblems: 1 }, 2],
  ['a transfer that failed beside a conflict', { outcome: 'partial', newProblems: 1, openConflicts: 3 }, 2],
  ['one log that failed', { outcome: 'partial', logsFailed: 1 }, 2],
  ['a halt', { outcome: 'halted' }, 3],
  ['a lost connection', { outcome: 'failed', newProblems: 1 }, 3],
  ['still locked', { outcome: 'skipped-locked' }, 3],
  ['a closed gate', { outcome: 'skipped-gated' }, 3],
  ['a sleeping peer', { outcome: 'peer-away' }, 3],
];

describe('exit codes', () => {
  it.each(cases)('%s', (_, facts, code) => expect(exitCodeOf({ ...quiet, ...facts })).toBe(code));
  it('of several runs the worst counts', () => expect(worstExitCode([0, 2, 1])).toBe(2));
});
