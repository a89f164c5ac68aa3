import { describe, expect, it } from 'vitest';
import type { OutputBody, OutputLineOf } from './lines.ts';
import { createOutput } from './output.ts';
import { createProgressSink, progressText } from './progress.ts';

const progress = (more: Partial<OutputLineOf<'progress'>>): Extract<OutputBody, { type: 'progress' }> => ({
  type: 'progress',
  phase: 'transition',
  doneBytes: 3_400_000,
  totalBytes: 40_000_000,
  doneItems: 12,
  totalItems: 340,
  ...more,
});

describe('the live display', () => {
  it.each([
    [progress({}), 'changing  12 of 340  3.4 MB of 40.0 MB  8 %'],
    [progress({ phase: 'scan', doneBytes: 0, totalBytes: 0, doneItems: 12_345, totalItems: 0 }), 'looking  12,345'],
    [progress({ phase: 'transition', doneBytes: 0, totalBytes: 0, doneItems: 1, totalItems: 3 }), 'changing  1 of 3  33 %'],
    [progress({ phase: 'log', doneBytes: 5, totalBytes: 5, doneItems: 0, totalItems: 1 }), 'pulling  0 of 1  5 B of 5 B  100 %'],
  ])('%#', (line, text) => expect(progressText({ ...line, run: 'r', at: '' })).toBe(text));

  it('draws no more often than eyes can follow, and never wider than the terminal', () => {
    const { drawn, emit, pass } = display(20);
    emit({ type: 'phase', name: 'transition' });
    emit(progress({}));
    pass(100);
    emit(progress({}));
    emit(progress({}));
    expect(drawn).toEqual(['changing ...', 'changi…40.0 MB  8 %']);
  });

  it('tells the rate and what is left once there has been a second of it, for each log anew', () => {
    const { drawn, emit, pass } = display(120);
    const at = (doneBytes: number) => emit(progress({ phase: 'log', doneBytes, totalBytes: 40_000_000, doneItems: 0, totalItems: 1 }));
    at(1_000_000);
    pass(500);
    at(2_000_000);
    pass(1_500);
    at(5_000_000);
    pass(2_000);
    at(1_000_000);
    pass(1_000);
    at(40_000_000);
    expect(drawn).toEqual([
      'pulling  0 of 1  1.0 MB of 40.0 MB  2 %',
      'pulling  0 of 1  2.0 MB of 40.0 MB  5 %',
      'pulling  0 of 1  5.0 MB of 40.0 MB  12 %  2.0 MB/s  17.5 s left',
      'pulling  0 of 1  1.0 MB of 40.0 MB  2 %',
      'pulling  0 of 1  40.0 MB of 40.0 MB  100 %  39.0 MB/s',
    ]);
  });

  it('is gone before other text comes, and at the end', () => {
    const { drawn, emit } = display(80);
    emit({ type: 'phase', name: 'connect' });
    emit({ type: 'notice', code: 'x', message: 'm', side: null });
    emit({
      type: 'summary',
      outcome: 'in-sync',
      changes: 0,
      conflicts: 0,
      problems: 0,
      deletions: 0,
      bytesSent: 0,
      bytesReceived: 0,
      roundTrips: 0,
      durationMs: 0,
      exitCode: 0,
    });
    expect(drawn).toEqual(['connecting ...', '<clear>', '<clear>', '<done>']);
  });
});

function display(columns: number) {
  const drawn: string[] = [];
  let now = 0;
  const region = Object.assign((text: string) => void drawn.push(text), {
    clear: () => void drawn.push('<clear>'),
    done: () => void drawn.push('<done>'),
  });
  const output = createOutput({ run: 'r', nowMs: () => 0, sinks: [createProgressSink({ region, columns, monotonicMs: () => now })] });
  return {
    drawn,
    emit: output.emit,
    pass: (ms: number) => {
      now += ms;
    },
  };
}
