/** One line a path, as unison prints it: `local ----> balaur  new file   config/a.yaml (1.2 kB)`. */
import { chunkBytes } from '@ubos/sync-core';
import type { EntryFacts, OutputLineOf } from './lines.ts';
import { counted, formatCount, formatSize, printable, printableText } from './text.ts';

/** Paints text, or leaves it. */
export type Formatter = (text: string) => string;

export interface Style {
  readonly plain: Formatter;
  readonly dim: Formatter;
  readonly warn: Formatter;
  readonly danger: Formatter;
}

export interface SideNames {
  readonly local: string;
  readonly remote: string;
}

const arrows = { 'to-remote': '---->', 'to-local': '<----', both: '<-?->' } as const;

/** `new file` and the other words are padded to the longest of them. */
const wordColumns = 9;

export function changeText(line: OutputLineOf<'change'>, names: SideNames, style: Style): string {
  const { word, detail } = describeChange(line);
  const failed = line.status === 'failed' ? '  FAILED' : '';
  const paint = standsOut(line) || failed !== '' ? style.danger : style.plain;
  return row(names, line.direction, paint(word.padEnd(wordColumns)), `${shownPath(line.path, line.new ?? line.old)}${detail}${failed}`);
}

/** Deletions and changes of kind: what cannot be made good by syncing again. */
export function standsOut({ action, old, new: next }: OutputLineOf<'change'>): boolean {
  return action === 'delete' || (old !== null && next !== null && old.kind !== next.kind);
}

export function conflictText(line: OutputLineOf<'conflict'>, names: SideNames, style: Style): string {
  const what = `${conflictReasons[line.reason]} (${names.local}: ${shownEntry(line.local)}; ${names.remote}: ${shownEntry(line.remote)})`;
  const settled = {
    local: `${names.local} wins`,
    remote: `${names.remote} wins`,
    'keep-both': `both are kept${line.keptAs === undefined ? '' : `, one as ${printable(line.keptAs)}`}`,
    skipped: 'left as it is',
  }[line.resolution];
  return row(names, 'both', style.danger('conflict'.padEnd(wordColumns)), `${printable(line.path || '.')}: ${what}: ${settled}`);
}

export function problemText(line: OutputLineOf<'problem'>, names: SideNames, style: Style): string {
  const side = line.side === 'local' ? names.local : names.remote;
  const again = line.repeated ? ' (as in the last run)' : '';
  return `${style.danger('problem'.padEnd(wordColumns))}  ${printable(line.path || '.')} on ${side}: ${printableText(line.message)} [${printableText(line.code)}]${again}`;
}

export function heldText(line: OutputLineOf<'held'>, names: SideNames, style: Style): string {
  return row(names, 'both', style.dim('held'.padEnd(wordColumns)), `${printable(line.path || '.')}: ${line.why.replaceAll('remote', names.remote)}`);
}

export function logText(line: OutputLineOf<'log'>, names: SideNames, style: Style): string {
  const bytes = [line, ...line.finished].reduce((sum, { fromByte, toByte }) => sum + toByte - fromByte, 0);
  const lines = line.lines ?? 0;
  const malformed = line.malformed ?? 0;
  const pulled =
    bytes > 0 || lines > 0 ? `${lines > 0 ? ` ${counted(lines, 'line')},` : ''} ${formatSize(bytes)}${line.dryRun ? ' (dry run)' : ''}` : '';
  const kept = line.finished.flatMap(({ keptAs }) => keptAs ?? []);
  const isRestarted = leftAlone.has(line.outcome) && kept.length > 0;
  const facts = [
    malformed > 0 ? `${counted(malformed, 'malformed line')}${placesText(line)}` : '',
    line.firstTimestamp === null || line.firstTimestamp === line.lastTimestamp ? '' : `first ${printableText(line.firstTimestamp)}`,
    line.lastTimestamp === null ? '' : `last ${printableText(line.lastTimestamp)}`,
    line.finished.length > 0 && !isRestarted ? `${counted(line.finished.length, 'generation')} finished${keptText(kept)}` : '',
    line.gap === null || isRestarted ? '' : gapText[line.gap],
    line.unread.length > 0 && needsPerson(line) ? `packed, and not read: ${line.unread.map(printable).join(', ')}` : '',
    line.message === undefined ? '' : printableText(line.message),
  ].filter((fact) => fact !== '');
  const outcome = line.outcome.replaceAll('-', ' ');
  const advice = isRestarted
    ? `the source was no continuation of the local copy${keptText(kept)}; a new one was begun`
    : (leftAlone.get(line.outcome) ?? (needsPerson(line) ? 'look at what the node still has of it' : undefined));
  const paint = advice === undefined ? style.plain : style.danger;
  return row(
    names,
    'to-local',
    'log'.padEnd(wordColumns),
    `${printable(line.name)}  ${paint(outcome)}${pulled}${facts.length === 0 ? '' : ` (${facts.join('; ')})`}${advice === undefined ? '' : `: ${advice}`}`,
  );
}

function placesText({ malformed, malformedAtBytes: [...places], checkedLines, lines }: OutputLineOf<'log'>): string {
  const at = places.length === 0 ? '' : ` at byte ${places.slice(0, placesShown).map(formatCount).join(', ')}`;
  const more = places.length > 0 && (malformed ?? 0) > placesShown ? ', ...' : '';
  return `${at}${more}${checkedLines < (lines ?? 0) ? ` of ${formatCount(checkedLines)} that were checked` : ''}`;
}

const placesShown = 3;

function keptText(kept: readonly string[]): string {
  return kept.length === 0 ? '' : `, kept as ${kept.map(printable).join(', ')}`;
}

const gapText: Readonly<Record<NonNullable<OutputLineOf<'log'>['gap']>, string>> = {
  copied: 'what was written between copying and truncating is in neither file',
  unread: 'what was packed in between is missing here',
  unknown: 'what was written in between may be missing here',
};

/** Whether a person has to look: nothing was done, or something is missing that the node may still have. */
export function needsPerson({ outcome, gap }: Pick<OutputLineOf<'log'>, 'outcome' | 'gap'>): boolean {
  return leftAlone.has(outcome) || gap === 'unread' || gap === 'unknown';
}

/** Outcomes that leave the local bytes alone, because a person has to look: what is safe, and what to do next. */
const leftAlone: ReadonlyMap<OutputLineOf<'log'>['outcome'], string> = new Map([
  ['forked', 'the source is no continuation of the local copy, which was left alone; to start anew, move it away and pull again'],
  ['truncated', 'the source is shorter than the local copy, which was left alone; to start anew, move it away and pull again'],
  ['local-changed', 'the local copy is not what was pulled, and was left alone; restore it, or move it away and pull again'],
  ['missing', 'the source is not there, and nothing was changed here; correct `from`, or wait until it is written'],
]);

/** `logs/a.jsonl  equal, 553 chunks (579 MB)` */
export function verifiedText(line: OutputLineOf<'log-verified'>, names: SideNames, style: Style): string {
  const other = line.generation === null ? '' : `  (compared with ${printable(line.generation)})`;
  const paint = isAmiss(line) ? style.danger : style.plain;
  return `${printable(line.copy)}  ${paint(verifiedWords(line, names))}${other}`;
}

/** Whether the two are not what a pull leaves. */
export function isAmiss({ outcome, finished }: Pick<OutputLineOf<'log-verified'>, 'outcome' | 'finished'>): boolean {
  // What a finished generation lacks no pull will bring; what it has more was written after the node had copied it.
  return outcome === 'differs' || outcome === 'missing' || outcome === (finished ? 'behind' : 'ahead');
}

function verifiedWords(
  { outcome, finished, chunks, copyBytes, sourceBytes, differing }: OutputLineOf<'log-verified'>,
  { remote }: SideNames,
): string {
  const all = `${counted(chunks, 'chunk')} (${formatSize(Math.min(copyBytes, sourceBytes))})`;
  const byBytes = `${formatCount(Math.abs(sourceBytes - copyBytes))} bytes`;
  switch (outcome) {
    case 'equal':
      return `equal, ${all}`;
    case 'behind':
      return `equal so far, ${all}; the copy is shorter by ${byBytes} (${finished ? 'written after it was finished' : 'not pulled yet'})`;
    case 'ahead':
      return `equal so far, ${all}; the copy is longer by ${byBytes}${finished ? '' : ': the source was cut'}`;
    case 'differs': {
      const more = differing.length - rangesShown;
      const size = copyBytes === sourceBytes ? '' : `; the copy is ${copyBytes < sourceBytes ? 'shorter' : 'longer'} by ${byBytes}`;
      return `differs in ${differing.slice(0, rangesShown).map(rangeText).join(', ')}${more > 0 ? `, and in ${counted(more, 'more range')}` : ''}, of ${counted(chunks, 'chunk')}${size}`;
    }
    case 'missing':
      return `not compared: the source is not on ${remote}`;
    case 'unmatched':
      return `not compared: no generation on ${remote} is like it`;
  }
}

const rangesShown = 3;

/** `chunk 3 (bytes 3,145,728 to 4,194,304)`; chunks are counted from 0, as their bytes are. */
function rangeText({ fromByte, toByte }: { readonly fromByte: number; readonly toByte: number }): string {
  const first = fromByte / chunkBytes;
  const last = Math.ceil(toByte / chunkBytes) - 1;
  const chunks = first === last ? `chunk ${formatCount(first)}` : `chunks ${formatCount(first)} to ${formatCount(last)}`;
  return `${chunks} (bytes ${formatCount(fromByte)} to ${formatCount(toByte)})`;
}

const conflictReasons: Readonly<Record<OutputLineOf<'conflict'>['reason'], string>> = {
  content: 'changed on both sides',
  tie: 'changed on both sides, and the clocks cannot tell which is newer',
  'first-sync': 'different on both sides, and never synced before (--first newer|local|remote|keep-both decides once)',
  kinds: 'different kinds',
  untracked: 'one side holds something that is left alone',
  direction: 'changed on the side that does not send',
  'names-collide': 'names that are one on the other side',
};

function row(names: SideNames, direction: keyof typeof arrows, word: string, rest: string): string {
  return `${names.local} ${arrows[direction]} ${names.remote}  ${word}  ${rest}`;
}

function describeChange({ action, old, new: next, kind, sizeBytes, from }: OutputLineOf<'change'>): {
  readonly word: string;
  readonly detail: string;
} {
  const size = kind === 'file' ? ` (${formatSize(sizeBytes)})` : '';
  if (old !== null && next !== null && old.kind !== next.kind) return { word: 'replaced', detail: ` (${old.kind} by ${next.kind})` };
  switch (action) {
    case 'create':
      return { word: 'new file', detail: size };
    case 'mkdir':
      return { word: 'new dir', detail: '' };
    case 'symlink':
      return { word: 'new link', detail: ` -> ${printable(next?.target ?? '')}` };
    case 'update':
      return { word: 'changed', detail: kind === 'symlink' ? ` -> ${printable(next?.target ?? '')}` : size };
    case 'chmod':
      return { word: 'props', detail: ` (${old?.mode ?? '?'} to ${next?.mode ?? '?'})` };
    case 'rename':
      return { word: 'renamed', detail: ` (from ${printable(from ?? '?')})` };
    case 'delete':
      return { word: 'deleted', detail: size };
  }
}

function shownPath(path: string, entry: EntryFacts): string {
  return `${printable(path || '.')}${entry?.kind === 'directory' && path !== '' ? '/' : ''}`;
}

export function shownEntry(entry: EntryFacts): string {
  switch (entry?.kind) {
    case undefined:
      return 'deleted';
    case 'file':
      return `${formatSize(entry.sizeBytes ?? 0)}${entry.mtime === undefined ? '' : ` of ${entry.mtime.replace('T', ' ').replace(/\.\d+Z$/, 'Z')}`}`;
    case 'directory':
      return 'a folder';
    case 'symlink':
      return `a link to ${printable(entry.target ?? '')}`;
    case 'untracked':
      return 'left alone';
    case 'problematic':
      return 'unreadable';
  }
}
