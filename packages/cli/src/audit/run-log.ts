/** Log of one run: `<run>.jsonl` in the audit folder, the same lines as `--json` (without progress). Kept for 30 days. */
import { closeSync, openSync, readdirSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { toJsonLine } from '../render/json.ts';
import type { OutputLine } from '../render/lines.ts';
import type { Sink } from '../render/output.ts';

export const runLogKeptMs: number = 30 * 86_400_000;

/** A run's id is the name of its log, and sorts by time: `20261121T061745Z-1a2b3c`. */
export function createRunId(nowMs: number, newId: () => string): string {
  const random = newId()
    .replace(/[^0-9a-f]/g, '')
    .padEnd(6, '0')
    .slice(0, 6);
  return `${new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '')}-${random}`;
}

/**
 * Writes nothing until there is something worth keeping: a run that finds nothing to do leaves no file behind.
 * `folder` is asked for then; `undefined`: there is no place for logs.
 */
export function createRunLog(folder: () => string | undefined): Sink {
  let waiting = '';
  let fd: number | undefined;
  let isKept = false;
  return {
    line(line) {
      if (line.type === 'progress') return;
      waiting += `${toJsonLine(line)}\n`;
      isKept ||= isWorthKeeping(line);
      const isLast = line.type === 'summary';
      if (isKept && (isLast || waiting.length > 1 << 16)) {
        const place = folder();
        if (fd === undefined && place !== undefined) fd = openSync(join(place, `${line.run}.jsonl`), 'wx');
        if (fd !== undefined) writeSync(fd, waiting);
        waiting = '';
      }
      if (isLast && fd !== undefined) closeSync(fd);
    },
  };
}

function isWorthKeeping(line: OutputLine): boolean {
  switch (line.type) {
    case 'change':
    case 'conflict':
    case 'problem':
    case 'halt':
    case 'error':
      return true;
    case 'log':
      return line.outcome !== 'up-to-date';
    case 'start':
    case 'phase':
    case 'progress':
    case 'held':
    case 'notice':
    case 'log-verified':
    case 'status':
    case 'why':
    case 'config':
    case 'summary':
      return false;
  }
}

/** Removes the logs of runs that began longer ago than {@link runLogKeptMs}, by the time in their names. Nothing else in the folder is touched. */
export function pruneRunLogs(folder: string, nowMs: number): void {
  const oldest = createRunId(nowMs - runLogKeptMs, () => '');
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isFile() && runLogName.test(entry.name) && entry.name < oldest) unlinkSync(join(folder, entry.name));
  }
}

/** Whether a text is one that {@link createRunId} makes. */
export function isRunId(text: string): boolean {
  return runLogName.test(`${text}.jsonl`);
}

const runLogName = /^\d{8}T\d{6}Z-[0-9a-f]{6}\.jsonl$/;
