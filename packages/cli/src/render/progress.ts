/** What goes on now, in the last lines of a terminal. Drawn over and over, gone at the end; nothing of it is needed to understand the result. */
import type { OutputLineOf } from './lines.ts';
import type { Sink } from './output.ts';
import { formatCount, formatDuration, formatSize, printable, shorten } from './text.ts';

/** Draws text in place of what it drew before. log-update is one. */
export interface LiveRegion {
  (text: string): void;
  clear(): void;
  done(): void;
}

export interface ProgressOptions {
  readonly region: LiveRegion;
  readonly columns: number;
  readonly monotonicMs: () => number;
}

/** Redrawing more often is only flicker. */
const redrawMs = 80;

export function createProgressSink({ region, columns, monotonicMs }: ProgressOptions): Sink {
  let drawnAt = Number.NEGATIVE_INFINITY;
  const pace = createPace();
  const draw = (text: string, now: number): void => {
    drawnAt = now;
    region(shorten(text, columns - 1));
  };
  return {
    line(line) {
      switch (line.type) {
        case 'phase':
          draw(`${phaseWords[line.name]} ...`, monotonicMs());
          return;
        case 'progress': {
          const now = monotonicMs();
          const bytesPerSecond = pace(line, now);
          if (now - drawnAt >= redrawMs) draw(progressText(line, bytesPerSecond), now);
          return;
        }
        case 'change': {
          const now = monotonicMs();
          if (now - drawnAt >= redrawMs) draw(`${phaseWords.transition}  ${printable(line.path)}`, now);
          return;
        }
        case 'summary':
        case 'log':
        case 'notice':
        case 'status':
        case 'why':
          // Other text comes now: the region must not be in its way.
          region.clear();
          if (line.type === 'summary') region.done();
          return;
        case 'start':
        case 'conflict':
        case 'problem':
        case 'halt':
        case 'held':
        case 'log-verified':
        case 'config':
        case 'error':
          return;
      }
    },
  };
}

type Progress = Pick<OutputLineOf<'progress'>, 'phase' | 'doneBytes' | 'totalBytes'>;

/** Bytes in a second since this part of the run began (a phase, or one log of several); `undefined` until that says something. */
function createPace(): (line: Progress, nowMs: number) => number | undefined {
  let began: (Progress & { readonly ms: number }) | undefined;
  let last: Progress | undefined;
  return (line, nowMs) => {
    if (began === undefined || line.phase !== last?.phase || line.doneBytes < last.doneBytes) began = { ...line, ms: nowMs };
    last = line;
    const elapsedMs = nowMs - began.ms;
    return elapsedMs < paceMs ? undefined : ((line.doneBytes - began.doneBytes) / elapsedMs) * 1_000;
  };
}

const paceMs = 1_000;

/** `sending  12 of 340  3.4 MB of 40.0 MB  8 %  1.7 MB/s  21.5 s left` */
export function progressText({ phase, doneBytes, totalBytes, doneItems, totalItems }: OutputLineOf<'progress'>, bytesPerSecond?: number): string {
  const items = doneItems + totalItems === 0 ? '' : `  ${formatCount(doneItems)}${totalItems === 0 ? '' : ` of ${formatCount(totalItems)}`}`;
  const bytes = doneBytes + totalBytes === 0 ? '' : `  ${formatSize(doneBytes)}${totalBytes === 0 ? '' : ` of ${formatSize(totalBytes)}`}`;
  const share = totalBytes > 0 ? doneBytes / totalBytes : totalItems > 0 ? doneItems / totalItems : undefined;
  const rate =
    bytesPerSecond === undefined || bytesPerSecond < 1
      ? ''
      : `  ${formatSize(Math.round(bytesPerSecond))}/s${leftText(totalBytes - doneBytes, bytesPerSecond)}`;
  return `${phaseWords[phase]}${items}${bytes}${share === undefined ? '' : `  ${Math.min(100, Math.floor(share * 100))} %`}${rate}`;
}

function leftText(leftBytes: number, bytesPerSecond: number): string {
  return leftBytes > 0 ? `  ${formatDuration((leftBytes / bytesPerSecond) * 1_000)} left` : '';
}

const phaseWords: Readonly<Record<OutputLineOf<'phase'>['name'], string>> = {
  connect: 'connecting',
  lock: 'waiting for the lock',
  scan: 'looking',
  reconcile: 'comparing',
  transition: 'changing',
  commit: 'recording',
  log: 'pulling',
  verify: 'verifying',
};
