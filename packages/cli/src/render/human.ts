/**
 * The output for people. One line a path; what is harmless first, deletions, changes of kind, conflicts and problems last, each under a heading of
 * their own, so that colour is never the only sign. Results go to stdout; what went wrong, and what to do about it, to stderr.
 */
import { compareNames, type SyncErrorCode } from '@ubos/sync-core';
import { adviceFor, untouched } from '../errors/advice.ts';
import type { OutputLineOf } from './lines.ts';
import type { Sink } from './output.ts';
import { counted, formatDuration, formatSize, printable, printableText, wrap } from './text.ts';
import { whyText } from './why-text.ts';
import {
  changeText,
  conflictText,
  type Formatter,
  heldText,
  isAmiss,
  logText,
  needsPerson,
  problemText,
  type SideNames,
  type Style,
  standsOut,
  verifiedText,
} from './words.ts';

export interface HumanOptions {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Of the terminal, where prose is broken; results never are. Infinite where there is none, so that a message stays one line of a log. */
  readonly columns: number;
  readonly colors: { readonly out: Colors; readonly err: Colors };
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Whether the node was named on the command line, so that it has to be named again to go on from this run. */
  readonly namesNode?: boolean | undefined;
  /** The run goes on for days: what became of a log is told at once. */
  readonly follows?: boolean | undefined;
}

/** What is taken of picocolors. */
export interface Colors {
  readonly dim: Formatter;
  readonly red: Formatter;
  readonly yellow: Formatter;
  readonly bold: Formatter;
}

export function createHumanSink(options: HumanOptions): Sink {
  let gathered = emptyRun();
  return {
    line(line) {
      switch (line.type) {
        case 'start':
          gathered = emptyRun(line);
          return;
        case 'change':
          gathered.changes.push(line);
          return;
        case 'conflict':
          gathered.conflicts.push(line);
          return;
        case 'problem':
          gathered.problems.push(line);
          return;
        case 'held':
          gathered.held.push(line);
          return;
        case 'log':
          if (options.follows !== true) gathered.logs.push(line);
          else if (!options.quiet || needsPerson(line)) {
            const { dim, red, yellow, bold } = options.colors.out;
            const style: Style = { plain: String, dim, warn: yellow, danger: (text) => bold(red(text)) };
            options.out(`${logText(line, { local: gathered.start?.local ?? 'local', remote: gathered.start?.remote ?? 'remote' }, style)}\n`);
          }
          return;
        case 'log-verified':
          gathered.verified.push(line);
          return;
        case 'halt':
          gathered.halt = line;
          return;
        case 'error':
          gathered.errors.push(line);
          return;
        case 'notice':
          if (!options.quiet) options.err(`${options.colors.err.dim('note:')} ${printableText(line.message)}\n`);
          return;
        case 'status':
          if (!options.quiet) options.out(statusText(line));
          return;
        case 'why':
          options.out(whyText(line));
          return;
        case 'config':
          options.out(`Wrote ${printable(line.path)}.\n`);
          return;
        case 'phase':
          if (options.verbose) options.err(`${options.colors.err.dim(`${line.name} ...`)}\n`);
          return;
        case 'progress':
          return;
        case 'summary':
          printRun(gathered, line, options);
          gathered = emptyRun(gathered.start);
          return;
      }
    },
  };
}

interface Gathered {
  readonly start: OutputLineOf<'start'> | undefined;
  readonly changes: OutputLineOf<'change'>[];
  readonly conflicts: OutputLineOf<'conflict'>[];
  readonly problems: OutputLineOf<'problem'>[];
  readonly held: OutputLineOf<'held'>[];
  readonly logs: OutputLineOf<'log'>[];
  readonly verified: OutputLineOf<'log-verified'>[];
  readonly errors: OutputLineOf<'error'>[];
  halt: OutputLineOf<'halt'> | undefined;
}

function emptyRun(start?: OutputLineOf<'start'>): Gathered {
  return { start, changes: [], conflicts: [], problems: [], held: [], logs: [], verified: [], errors: [], halt: undefined };
}

function printRun(run: Gathered, summary: OutputLineOf<'summary'>, options: HumanOptions): void {
  const { colors, quiet, verbose, out, err } = options;
  const names: SideNames = { local: run.start?.local ?? 'local', remote: run.start?.remote ?? 'remote' };
  const style: Style = { plain: String, dim: colors.out.dim, warn: colors.out.yellow, danger: (text) => colors.out.bold(colors.out.red(text)) };

  const print = (heading: string | undefined, lines: readonly string[]): void => {
    if (lines.length === 0) return;
    if (heading !== undefined) out(`\n${heading}:\n`);
    for (const line of lines) out(`${line}\n`);
  };
  const changes = byPath(run.changes);
  const grave = changes.filter(standsOut);
  const open = run.conflicts.filter(({ resolution }) => resolution === 'skipped');
  const settled = run.conflicts.filter(({ resolution }) => resolution !== 'skipped');
  if (!quiet) {
    print(
      undefined,
      changes.filter((change) => !standsOut(change)).map((change) => changeText(change, names, style)),
    );
    print(
      undefined,
      run.logs.map((log) => logText(log, names, style)),
    );
    if (verbose)
      print(
        counted(run.held.length, 'held difference'),
        byPath(run.held).map((held) => heldText(held, names, style)),
      );
    print(
      'Deletions and changes of kind',
      grave.map((change) => changeText(change, names, style)),
    );
    print(
      'Conflicts, settled by the policy',
      byPath(settled).map((conflict) => conflictText(conflict, names, style)),
    );
    print(
      undefined,
      run.verified.map((found) => verifiedText(found, names, style)),
    );
  } else {
    print(
      undefined,
      run.verified.filter(isAmiss).map((found) => verifiedText(found, names, style)),
    );
    print(
      undefined,
      run.logs.filter(needsPerson).map((log) => logText(log, names, style)),
    );
  }
  print(
    quiet ? undefined : 'Conflicts, open',
    byPath(open).map((conflict) => conflictText(conflict, names, style)),
  );
  print(
    quiet ? undefined : 'Problems',
    byPath(run.problems).map((problem) => problemText(problem, names, style)),
  );

  if (!quiet) {
    const closing = closingSentence(run, summary, names, options.namesNode === true ? ` --node ${names.remote}` : '');
    const isAlone = changes.length + open.length + settled.length + run.problems.length + run.logs.length === 0;
    if (closing !== '') out(`${isAlone ? '' : '\n'}${closing}\n`);
    if (run.held.length > 0 && !verbose)
      out(`${counted(run.held.length, 'difference is', 'differences are')} held as agreed (--verbose lists them).\n`);
  }
  if (run.halt !== undefined) err(failureText({ ...failureOfHalt(run.halt, run.start?.command), colors: colors.err, columns: options.columns }));
  for (const error of run.errors) {
    err(failureText({ ...failureOfError(error), colors: colors.err, columns: options.columns }));
    const { stack } = error.details;
    if (verbose && typeof stack === 'string') err(`${stack.split('\n').map(printableText).join('\n')}\n`);
  }
}

function byPath<Line extends { readonly path: string }>(lines: readonly Line[]): readonly Line[] {
  return lines.toSorted((a, b) => comparePaths(a.path, b.path));
}

/** By name, level by level, so that what is in a folder follows it. */
function comparePaths(a: string, b: string): number {
  // `/` sorts before every character of a name that can be printed, so that `a/x` comes before `a-b`.
  return compareNames(a.replaceAll('/', '\0'), b.replaceAll('/', '\0'));
}

/** As its runs are called. */
const verifyCommand = 'logs verify';

function closingSentence(run: Gathered, summary: OutputLineOf<'summary'>, names: SideNames, nodeFlag: string): string {
  if (run.start === undefined) return '';
  if (run.start.command === verifyCommand) return '';
  if (run.start.command === 'logs')
    return run.logs.every(({ outcome }) => outcome === 'up-to-date') && run.problems.length + run.errors.length === 0
      ? 'Nothing to do: all logs are up to date.'
      : '';
  const counting = run.changes.filter(({ status }) => status !== 'failed');
  const toRemote = counting.filter(({ direction }) => direction === 'to-remote');
  const toLocal = counting.filter(({ direction }) => direction === 'to-local');
  const parts = [changesTo(toRemote, names.remote), changesTo(toLocal, names.local)].filter((part) => part !== '');
  const deletions = summary.deletions === 0 ? '' : `, ${counted(summary.deletions, 'deletion')} among them`;
  const amount = parts.length === 0 ? 'nothing' : `${parts.join(', ')}${deletions}`;
  const open = [
    summary.conflicts === 0 ? '' : counted(summary.conflicts, 'open conflict'),
    summary.problems === 0 ? '' : counted(summary.problems, 'problem'),
  ].filter((part) => part !== '');
  const failedCount = run.changes.length - counting.length;
  const failed = failedCount === 0 ? '' : ` Failed: ${counted(failedCount, 'change')}.`;
  const skipped = open.length === 0 ? '' : ` Skipped: ${open.join(', ')}.`;
  const { planId, left = 0 } = summary;
  const leftOver = left === 0 ? '' : `\n${counted(left, 'change is', 'changes are')} not in the plan and left for the next run.`;
  switch (summary.outcome) {
    case 'in-sync':
      if (run.start.command === 'undo') return 'Nothing to do: nothing of that run is left to take back.';
      return `Nothing to do: ${names.local} and ${names.remote} are in sync.`;
    case 'pending': {
      const again = planId === undefined ? '' : `\nTo do exactly this: ubos-sync truth${nodeFlag} --apply --plan ${planId}`;
      const unlocked = run.start.live ? '' : '\n--apply is refused until the config says `live: true`.';
      return `Nothing was changed. --apply would make ${amount}.${skipped}${leftOver}${again}${unlocked}`;
    }
    case 'applied':
      if (run.changes.length === 0) return `Nothing to do: all of plan ${planId ?? ''} is done.${leftOver}`;
      return `Done: ${amount} in ${formatDuration(summary.durationMs)}.${failed}${leftOver}${undoHint(run, counting.length)}`;
    case 'partial':
      return run.start.dryRun
        ? `Nothing was changed, and --apply would change nothing.${skipped}`
        : `Done: ${amount} in ${formatDuration(summary.durationMs)}.${failed}${skipped}${leftOver}${undoHint(run, counting.length)}`;
    case 'skipped-gated':
      return `The gate is closed, so nothing was changed. Waiting: ${amount}.`;
    case 'halted':
    case 'failed':
    case 'skipped-locked':
    case 'peer-away': {
      const done = run.changes.filter(({ status }) => status === 'done').length;
      return done > 0 ? `${counted(done, 'change was', 'changes were')} made before the end; the next run goes on from there.` : '';
    }
  }
}

function undoHint({ start }: Gathered, changes: number): string {
  return changes === 0 || start === undefined ? '' : `\n\`ubos-sync undo ${start.run}\` would take it back.`;
}

function changesTo(changes: readonly OutputLineOf<'change'>[], name: string): string {
  if (changes.length === 0) return '';
  const bytes = changes.reduce((sum, { action, sizeBytes }) => sum + (action === 'create' || action === 'update' ? sizeBytes : 0), 0);
  return `${counted(changes.length, 'change')} to ${name}${bytes === 0 ? '' : ` (${formatSize(bytes)})`}`;
}

function statusText(line: OutputLineOf<'status'>): string {
  return runStatusText(line) + line.logs.map(logStatusText).join('');
}

/** `Log logs/a.jsonl: 579 MB, last 2025-10-07T10:00:00Z; pulled 3 min 20 s ago.` */
function logStatusText({ name, pulledBytes, lastTimestamp, ageMs }: OutputLineOf<'status'>['logs'][number]): string {
  const what = pulledBytes === null ? 'its state cannot be read' : formatSize(pulledBytes);
  const last = lastTimestamp === null ? '' : `, last ${printableText(lastTimestamp)}`;
  return `Log ${printable(name)}: ${what}${last}; ${ageMs === null ? 'no pull is on record' : `pulled ${formatDuration(ageMs)} ago`}.\n`;
}

function runStatusText({ lastRun, lastSuccess, ageMs, maxAgeMs }: OutputLineOf<'status'>): string {
  if (lastRun === null) return 'No run is on record here.\n';
  const success =
    lastSuccess === null ? 'no success is on record' : `last success ${ageMs === null ? '' : `${formatDuration(ageMs)} ago, `}at ${lastSuccess.at}`;
  const late =
    maxAgeMs !== null && (ageMs === null || ageMs > maxAgeMs) ? `\nToo old: the last success should be at most ${formatDuration(maxAgeMs)} ago.` : '';
  return `Last run: ${lastRun.command}, ${lastRun.outcome}, at ${lastRun.at}; ${success}.${late}\n`;
}

interface Failure {
  readonly message: string;
  readonly code: string;
  readonly safe: string;
  readonly todo: string;
}

function failureOfHalt({ reason, message, override, restore }: OutputLineOf<'halt'>, command: string | undefined): Failure {
  const code = `SYNC_${reason.replaceAll('-', '_').toUpperCase()}`;
  const advice = adviceFor(code as SyncErrorCode);
  const todo = [
    advice.todo,
    ...(restore === null ? [] : [`The mirror outside the root still has it: ${restore}.`]),
    ...(command === 'undo' ? ['An undo takes no halt: `ubos-sync truth --apply` has to go through first.'] : []),
    ...(override === null ? [] : [`To go on all the same, once: ${override}.`]),
  ];
  return { message, code, safe: untouched, todo: todo.join(' ') };
}

function failureOfError({ code, message, details }: OutputLineOf<'error'>): Failure {
  const advice = adviceFor(code as SyncErrorCode);
  const { hint } = details;
  return { message, code, safe: advice.safe, todo: typeof hint === 'string' ? sentence(hint) : advice.todo };
}

/** What happened, what is safe, what to do, and the code to look up in docs/errors.md. */
export function failureText({ message, code, safe, todo, colors, columns }: Failure & { readonly colors: Colors; readonly columns: number }): string {
  const shown = message.split('\n').map(printableText).join('\n');
  return [
    wrap(shown, columns, `${colors.bold(colors.red('ubos-sync:'))} `),
    wrap(printableText(safe), columns, '  safe: '),
    wrap(printableText(todo), columns, '  do:   '),
    `  code: ${printableText(code)}`,
    '',
  ].join('\n');
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?)]$/.test(capital) ? capital : `${capital}.`;
}
