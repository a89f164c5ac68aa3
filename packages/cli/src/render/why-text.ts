/** The answer of `why PATH` for people. */
import { basename } from 'node:path';
import type { EntryFacts, OutputLineOf } from './lines.ts';
import { counted, printable, printableText } from './text.ts';
import { changeText, conflictText, problemText, type SideNames, type Style, shownEntry } from './words.ts';

type Why = OutputLineOf<'why'>;
type Scope = Why['scope'];

const plain: Style = { plain: String, dim: String, warn: String, danger: String };

export function whyText(line: Why): string {
  const { path, node, here, scope, scopeFolded, permissions, agreed, lastRun, found, history } = line;
  const names: SideNames = { local: 'local', remote: node };
  const lines = [`${printable(path || '.')} ${scopeSentence(scope, line)}`];
  if (scopeFolded !== undefined)
    lines.push(`  where a side takes names for one that differ in case or Unicode form, it ${scopeSentence(scopeFolded, line)}`);
  if (permissions !== undefined) lines.push(`  mode:     ${permissionsText(permissions, line)}`);
  lines.push(`  here now: ${entryText(here)}`);
  if (agreed.length === 0) lines.push('  agreed:   nothing; this root was never synced under this profile');
  for (const { peer, generation, local, remote, held } of agreed) {
    const with_ = `with ${printableText(peer)} (generation ${generation})`;
    if (held === null) lines.push(`  agreed:   ${entryText(local)}, ${with_}${mtimes(local, remote)}`);
    else
      lines.push(`  held:     ${printableText(held.replaceAll('remote', node))}, ${with_}: local ${entryText(local)}; ${node} ${entryText(remote)}`);
  }
  lines.push(`  last run: ${lastRun === null ? 'none on record here' : `${lastRun.command}, ${lastRun.outcome}, at ${lastRun.at} (${lastRun.run})`}`);
  for (const item of found) {
    if (item.type === 'problem') lines.push(`    ${problemText(item, names, plain)}`);
    else lines.push(`    ${conflictText(item, names, plain)}`, `      rule ${item.rule}${clockText(item.clock)}`);
  }
  if (history.length > 0) lines.push(`  history, the last ${counted(history.length, 'line')} of the audit:`);
  for (const item of history) {
    const text = item.type === 'change' ? changeText(item, names, plain) : conflictText(item, names, plain);
    lines.push(`    ${item.at}  ${text} (${item.run})`);
  }
  return `${lines.join('\n')}\n`;
}

function scopeSentence(scope: Scope, line: Why): string {
  const { path } = line;
  const { included, because, pattern = '', matched, from } = scope;
  const place = placeText(scope, line);
  const what = `\`${printable(pattern)}\`${place}`;
  const above = matched === undefined || matched === path ? 'it' : `the folder ${printable(matched)}`;
  const verdict = included ? 'takes part' : 'takes no part';
  switch (because) {
    case 'everything':
      return `${verdict}: everything does that no rule keeps out`;
    case 'include':
      return `${verdict}: ${what} includes ${above}`;
    case 're-include':
      return `${verdict}: ${what} brings ${above} back`;
    case 'not-included':
      return `${verdict}: no path of \`include\`${place} leads to it`;
    case 'exclude':
      return `${verdict}: ${what} excludes ${above}`;
    case 'built-in-guard':
      return `${verdict}: the built-in guard \`${printable(pattern)}\` keeps ${above} out`;
    case 'guard':
      return `${verdict}: the guard ${what} keeps ${above} out${from === undefined ? '' : `, ${origins[from]}`}`;
  }
}

function permissionsText({ mask, pattern, ...place }: NonNullable<Why['permissions']>, line: Why): string {
  const what = { all: 'all nine bits count', executable: 'it counts whether its owner may execute it', none: 'no bit counts' }[mask];
  const source = pattern === undefined ? '`permissions`' : `the policy for \`${printable(pattern)}\``;
  return `${what}, by ${source}${placeText(place, line)}`;
}

/** Nothing, where it stands in no config. */
function placeText({ line, column }: Pick<Scope, 'line' | 'column'>, { config }: Why): string {
  return line === undefined ? '' : ` (${basename(config)}:${line}:${column})`;
}

const origins: Readonly<Record<NonNullable<Scope['from']>, string>> = {
  'config-file': 'because it is the config in use',
  log: 'because of a log that is pulled',
  audit: 'because it is the audit folder',
  'other-config': 'as a config that was used at this root before asked for',
};

function entryText(entry: EntryFacts): string {
  if (entry === null) return 'nothing';
  return `${shownEntry(entry)}${entry.mode === undefined ? '' : ` (${entry.mode})`}`;
}

/** Equal content may have two times. */
function mtimes(local: EntryFacts, remote: EntryFacts): string {
  if (local?.mtime === undefined || remote?.mtime === undefined || local.mtime === remote.mtime) return '';
  return `; written there at ${remote.mtime}`;
}

function clockText(clock: OutputLineOf<'conflict'>['clock']): string {
  return clock === undefined ? '' : `, clocks ${clock.offsetMs} ms apart (within ${clock.uncertaintyMs} ms)`;
}
